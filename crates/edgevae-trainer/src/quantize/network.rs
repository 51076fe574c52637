//! The network that is quantized: its latents are whitened by their own layer where the score is made of them.

use edgevae_core::format::{Activation, HeadKind, HeadSpec, Missing};
use edgevae_core::{Dense, Model};

use crate::export::model_file::ModelFile;

/// The model with other weights and biases of its layers.
pub(super) fn with_layers(model: &Model<'_>, parameters: &[f32]) -> ModelFile {
    let mut tensors = model.tensors().to_vec();
    put_layers(model, &mut tensors, parameters);
    ModelFile::encode(model.header(), &tensors)
}

/// Overwrites the weights and biases of all layers, which stand behind what a file has of each feature: mean,
/// reciprocal scale, and the fill where missing readings have one.
fn put_layers(model: &Model<'_>, tensors: &mut [f32], parameters: &[f32]) {
    let per_feature = if model.header().missing == Missing::Mean { 3 } else { 2 };
    tensors[per_feature * model.inputs()..][..parameters.len()].copy_from_slice(parameters);
}

/// The network that is quantized: the model's, and where the Mahalanobis distance is the score one with the same outputs
/// whose latents are whitened by their own layer.
///
/// A whitening behind rounded latents would enlarge their rounding, a thousandfold where a latent hardly varies. The latent
/// layer `mu = A h + b` is linear, so `y = W (mu - mean)` is one too, `(W A) h + W (b - mean)`; the decoder's first layer
/// `B mu + c` becomes `(B W^-1) y + (B mean + c)`, and the head has mean 0 and the identity for its matrix.
pub(super) fn network(model: &Model<'_>) -> ModelFile {
    let mut tensors = model.tensors().to_vec();
    let latent_layer = usize::from(model.header().encoder_layers) - 1;
    let is_linear = model.layers().nth(latent_layer).is_some_and(|layer| layer.activation == Activation::Linear);
    if let (Some(whitening), true) = (Whitening::of(model), is_linear) {
        let mut parameters = Vec::new();
        for (at, layer) in model.layers().enumerate() {
            let (weight, bias) = match at.checked_sub(latent_layer) {
                Some(0) => whitening.after(&layer),
                Some(1) => whitening.undone_before(&layer),
                _ => (layer.weight.to_vec(), layer.bias.to_vec()),
            };
            parameters.extend(weight);
            parameters.extend(bias);
        }
        put_layers(model, &mut tensors, &parameters);
        let latent = model.latent();
        let head = tensors.len() - latent - latent * (latent + 1) / 2;
        tensors.truncate(head);
        tensors.extend(std::iter::repeat_n(0.0, latent));
        tensors.extend((0..latent).flat_map(|row| (0..=row).map(move |at| if at == row { 1.0 } else { 0.0 })));
    }
    ModelFile::encode(model.header(), &tensors)
}

/// The Mahalanobis head as a dense layer: `y = W mu - W mean`, so that the distance is `|y|`.
pub(super) struct Whitening {
    /// `[LATENT][LATENT]`, lower triangular with a positive diagonal.
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    mean: Vec<f32>,
}

impl Whitening {
    pub fn of(model: &Model<'_>) -> Option<Self> {
        let [HeadSpec { kind: HeadKind::Mahalanobis, .. }] = model.header().heads.as_slice() else { return None };
        let latent = model.latent();
        let parameters = latent + latent * (latent + 1) / 2;
        let tensors = model.tensors();
        let (mean, triangle) = tensors[tensors.len() - parameters..].split_at(latent);
        let mut weight = vec![0.0; latent * latent];
        let mut bias = vec![0.0; latent];
        let mut rest = triangle;
        for row in 0..latent {
            let (numbers, below) = rest.split_at(row + 1);
            weight[row * latent..][..row + 1].copy_from_slice(numbers);
            let product: f64 = numbers.iter().zip(mean).map(|(&w, &m)| f64::from(w) * f64::from(m)).sum();
            bias[row] = -product as f32;
            rest = below;
        }
        Some(Self { weight, bias, mean: mean.to_vec() })
    }

    pub fn dense(&self) -> Dense<'_> {
        Dense { weight: &self.weight, bias: &self.bias, activation: Activation::Linear }
    }

    /// Row `at` of the matrix.
    fn row(&self, at: usize) -> &[f32] {
        &self.weight[at * self.mean.len()..][..self.mean.len()]
    }

    /// Weights and biases of the latent layer with the whitening behind it.
    fn after(&self, latents: &Dense<'_>) -> (Vec<f32>, Vec<f32>) {
        let inputs = latents.inputs();
        let sum = |row: &[f32], of: &dyn Fn(usize) -> f64| {
            row.iter().enumerate().map(|(at, &w)| f64::from(w) * of(at)).sum::<f64>() as f32
        };
        let rows = || (0..self.mean.len()).map(|at| self.row(at));
        let weight = |row| (0..inputs).map(move |input| sum(row, &|at| latents.weight[at * inputs + input].into()));
        let bias = |row| sum(row, &|at| f64::from(latents.bias[at]) - f64::from(self.mean[at]));
        (rows().flat_map(weight).collect(), rows().map(bias).collect())
    }

    /// Weights and biases of the layer that takes the latents, for whitened ones: `x W = b` is solved from the last column
    /// on for each row `b` of weights.
    fn undone_before(&self, next: &Dense<'_>) -> (Vec<f32>, Vec<f32>) {
        let latent = self.mean.len();
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (row, &bias) in next.weight.chunks_exact(latent).zip(next.bias) {
            let mut x = vec![0.0_f64; latent];
            for at in (0..latent).rev() {
                let known: f64 = (at + 1..latent).map(|below| x[below] * f64::from(self.row(below)[at])).sum();
                x[at] = (f64::from(row[at]) - known) / f64::from(self.row(at)[at]);
            }
            weights.extend(x.iter().map(|&x| x as f32));
            let at_mean: f64 = row.iter().zip(&self.mean).map(|(&w, &m)| f64::from(w) * f64::from(m)).sum();
            biases.push((f64::from(bias) + at_mean) as f32);
        }
        (weights, biases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::qat::tests::{IN, coarse, error, rows};
    use crate::quantize::{Tuning, quantize};

    /// Outputs of every layer for a scaled row.
    fn outputs(model: &Model<'_>, row: &[f32]) -> Vec<Vec<f32>> {
        let mut outputs: Vec<Vec<f32>> = Vec::new();
        for layer in model.layers() {
            let mut y = vec![0.0; layer.outputs()];
            layer.forward(outputs.last().map_or(row, Vec::as_slice), &mut y);
            outputs.push(y);
        }
        outputs
    }

    #[test]
    fn whitened_latents_and_the_same_reconstruction_are_what_the_network_has() {
        let file = coarse(HeadKind::Mahalanobis);
        let (model, folded) = (file.model().unwrap(), network(&file.model().unwrap()));
        let folded = folded.model().unwrap();
        let whitening = Whitening::of(&model).unwrap();
        for row in rows(50, 7, 2.0).rows() {
            let (plain, whitened) =
                (outputs(&model, row.as_slice().unwrap()), outputs(&folded, row.as_slice().unwrap()));
            let mut y = vec![0.0; model.latent()];
            whitening.dense().forward(&plain[1], &mut y);
            let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
            assert!(near(&whitened[1], &y), "{whitened:?} {y:?}");
            assert!(near(&whitened[3], &plain[3]), "{whitened:?} {plain:?}");
        }
        assert_eq!(Whitening::of(&folded).unwrap().weight, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        let mse = coarse(HeadKind::Mse);
        assert_eq!(network(&mse.model().unwrap()), mse);
    }

    #[test]
    fn a_latent_that_hardly_varies_costs_no_precision() {
        const SMALL: f32 = 1e-4;
        let file = coarse(HeadKind::Mahalanobis);
        let mut tensors = file.model().unwrap().tensors().to_vec();
        // The third latent in another unit: its row of the latent layer, its mean, its column of the whitening.
        let layer = 2 * IN + 12 * IN + 12;
        tensors[layer + 24..layer + 36].iter_mut().for_each(|weight| *weight *= SMALL);
        let head = tensors.len() - 9;
        for at in [layer + 38, head + 2] {
            tensors[at] *= SMALL;
        }
        tensors[head + 8] /= SMALL;
        let float = ModelFile::encode(file.model().unwrap().header(), &tensors);
        let rows_seen = rows(300, 2, 2.0);
        let indices: Vec<usize> = (0..300).collect();
        let of = |file: &ModelFile| {
            let model = file.model().unwrap();
            let draft = quantize(&model, rows_seen.view(), &indices, Tuning::default()).unwrap();
            error(file, &draft.uncalibrated().unwrap(), &rows(300, 3, 2.0))
        };
        let (plain, small) = (of(&file), of(&float));
        assert!(small < 1.2 * plain, "{small} in a small unit, {plain} in a usual one");
    }
}
