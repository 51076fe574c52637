//! The network: an encoder, a Gaussian latent, a mirrored decoder, with sizes known at run time.

use dfdx::prelude::*;
use ndarray::{Array2, ArrayView2, s};
use rand::{Rng, RngCore};
use std::ops::Range;
use thiserror::Error;

use crate::fit::loss::{LOGVAR_LIMIT, Matrix};
use crate::options::likelihood::{LOGVAR_BOUNDS, Likelihood};

/// Rows that [`Vae::encode`] and [`Vae::reconstruct`] hold at once: bounds their memory whatever the number of rows.
const BLOCK_ROWS: usize = 4096;

/// The sizes of a network: encoder IN -> hidden -> (mu, logvar), decoder LATENT -> hidden reversed -> IN, ReLU between.
///
/// The likelihood is part of it: [`Likelihood::Gaussian`] doubles the decoder's outputs, and
/// [`Likelihood::GaussianPerFeature`] adds `[IN]` parameters after the last layer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Number of features, IN.
    pub inputs: usize,
    /// Widths of the encoder's hidden layers, outermost first; at least one.
    pub hidden: Vec<usize>,
    /// Number of latents, LATENT.
    pub latent: usize,
    /// What the decoder says about a row.
    pub likelihood: Likelihood,
}

/// A [`Shape`] with no layer or a layer without units.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("inputs, latent and every hidden width must be at least 1, found {0:?}")]
pub struct ShapeError(pub Shape);

impl Shape {
    /// Checks that there is a hidden layer and that no layer is empty.
    ///
    /// # Errors
    /// [`ShapeError`] with the shape found.
    pub fn check(&self) -> Result<(), ShapeError> {
        let sound = self.inputs > 0 && self.latent > 0 && !self.hidden.is_empty() && !self.hidden.contains(&0);
        if sound { Ok(()) } else { Err(ShapeError(self.clone())) }
    }

    /// The number of trainable parameters: weights, biases and learned log variances.
    pub fn parameters(&self) -> usize {
        self.feature_logvar().end
    }

    /// Where the log variance of each feature stands in the parameter vector; empty where it is not learned there.
    pub(crate) fn feature_logvar(&self) -> Range<usize> {
        let start = self.layers().iter().map(Linear::parameters).sum();
        start..start + if self.likelihood == Likelihood::GaussianPerFeature { self.inputs } else { 0 }
    }

    /// All layers in the order of the forward pass, mu and logvar as one layer of 2 LATENT outputs.
    pub(crate) fn layers(&self) -> Vec<Linear> {
        let mut encoder = vec![self.inputs];
        encoder.extend(&self.hidden);
        encoder.push(2 * self.latent);
        let mut decoder = vec![self.latent];
        decoder.extend(self.hidden.iter().rev());
        decoder.push(self.likelihood.decoder_outputs(self.inputs));

        let mut layers = Vec::new();
        let mut start = 0;
        for sizes in [encoder, decoder] {
            let last = sizes.len() - 2;
            for (k, pair) in sizes.windows(2).enumerate() {
                let layer = Linear { inputs: pair[0], outputs: pair[1], relu: k < last, start };
                start += layer.parameters();
                layers.push(layer);
            }
        }
        layers
    }

    /// How many of [`Shape::layers`] belong to the encoder.
    pub(crate) fn encoder_depth(&self) -> usize {
        self.hidden.len() + 1
    }
}

/// A dense layer `y = W x + b`, with ReLU where `relu`, and where its parameters stand in the flat parameter vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    pub inputs: usize,
    pub outputs: usize,
    pub relu: bool,
    /// Offset of the weights `[OUT][IN]`; the bias `[OUT]` follows them.
    pub start: usize,
}

impl Linear {
    pub fn weight(&self) -> Range<usize> {
        self.start..self.start + self.outputs * self.inputs
    }

    pub fn bias(&self) -> Range<usize> {
        let start = self.weight().end;
        start..start + self.outputs
    }

    pub fn parameters(&self) -> usize {
        self.outputs * (self.inputs + 1)
    }
}

/// One dense layer as plain numbers, ready for export.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseLayer {
    /// Number of inputs, IN.
    pub inputs: usize,
    /// Number of outputs, OUT.
    pub outputs: usize,
    /// Whether `max(0, y)` follows.
    pub relu: bool,
    /// Weights, row-major `[OUT][IN]`.
    pub weight: Vec<f32>,
    /// Biases, `[OUT]`.
    pub bias: Vec<f32>,
}

impl DenseLayer {
    /// Keeps the first `outputs` of them.
    fn truncate(&mut self, outputs: usize) {
        self.outputs = outputs;
        self.weight.truncate(outputs * self.inputs);
        self.bias.truncate(outputs);
    }

    /// Keeps the outputs from `first` on.
    fn keep_from(&mut self, first: usize) {
        self.outputs -= first;
        self.weight.drain(..first * self.inputs);
        self.bias.drain(..first);
    }
}

/// A variational autoencoder whose forward pass is dfdx's own: the reference for the fused training step and for the
/// exported model.
#[derive(Clone, Debug)]
pub struct Vae {
    shape: Shape,
    layers: Vec<Linear>,
    parameters: Tensor<(usize,), f32, Cpu>,
}

/// Initial weights and biases: uniform in `±1/sqrt(IN)` of each layer, as PyTorch's `Linear` draws them. Log variances
/// of features start at 0.
///
/// # Source
/// He et al. 2015 (arXiv:1502.01852) with gain `sqrt(1/3)`; the PyTorch default since 0.4.
pub(crate) fn initial_parameters(shape: &Shape, rng: &mut impl RngCore) -> Vec<f32> {
    let mut parameters = Vec::with_capacity(shape.parameters());
    for layer in shape.layers() {
        let bound = (layer.inputs as f64).sqrt().recip() as f32;
        parameters.extend((0..layer.parameters()).map(|_| rng.gen_range(-bound..=bound)));
    }
    parameters.resize(shape.parameters(), 0.0);
    parameters
}

impl Vae {
    /// A network of the given shape with the given parameters, in the order of [`Shape::layers`].
    pub(crate) fn from_parameters(shape: Shape, parameters: &[f32]) -> Self {
        let layers = shape.layers();
        let parameters = Cpu::default().tensor_from_vec(parameters.to_vec(), (parameters.len(),));
        Vae { shape, layers, parameters }
    }

    /// The sizes of the network.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The encoder on the path that scores: hidden layers with ReLU, then the head of `mu` without.
    pub fn encoder_layers(&self) -> Vec<DenseLayer> {
        let (encoder, _) = self.layers.split_at(self.shape.encoder_depth());
        let mut layers: Vec<DenseLayer> = encoder.iter().map(|layer| self.export(layer)).collect();
        if let Some(heads) = layers.last_mut() {
            heads.truncate(self.shape.latent);
        }
        layers
    }

    /// The decoder: hidden layers with ReLU, then without it the reconstruction, followed for [`Likelihood::Gaussian`] by
    /// the log variances (2 IN outputs), not clamped.
    pub fn decoder_layers(&self) -> Vec<DenseLayer> {
        let (_, decoder) = self.layers.split_at(self.shape.encoder_depth());
        decoder.iter().map(|layer| self.export(layer)).collect()
    }

    /// The decoder without its log variances: all that a score of squared errors needs.
    pub fn reconstruction_layers(&self) -> Vec<DenseLayer> {
        let mut layers = self.decoder_layers();
        if let Some(output) = layers.last_mut() {
            output.truncate(self.shape.inputs);
        }
        layers
    }

    /// The layer beside that of `mu` whose outputs, clamped, are the posterior's log variance.
    pub fn encoder_logvar_layer(&self) -> DenseLayer {
        let mut heads = self.export(&self.layers[self.shape.encoder_depth() - 1]);
        heads.keep_from(self.shape.latent);
        heads
    }

    /// The layer beside that of `x_hat` whose outputs, clamped, are the log variance of each feature; `None` but for
    /// [`Likelihood::Gaussian`].
    pub fn decoder_logvar_layer(&self) -> Option<DenseLayer> {
        let mut output = self.decoder_layers().pop().filter(|layer| layer.outputs > self.shape.inputs)?;
        output.keep_from(self.shape.inputs);
        Some(output)
    }

    /// The learned log variance of each feature, `[IN]`, within [`LOGVAR_BOUNDS`]; `None` but for
    /// [`Likelihood::GaussianPerFeature`].
    pub fn feature_logvar(&self) -> Option<Vec<f32>> {
        let range = self.shape.feature_logvar();
        let clamp = |&v: &f32| v.clamp(LOGVAR_BOUNDS.0, LOGVAR_BOUNDS.1);
        (!range.is_empty()).then(|| self.parameters.as_vec()[range].iter().map(clamp).collect())
    }

    fn export(&self, layer: &Linear) -> DenseLayer {
        let all = self.parameters.as_vec();
        DenseLayer {
            inputs: layer.inputs,
            outputs: layer.outputs,
            relu: layer.relu,
            weight: all[layer.weight()].to_vec(),
            bias: all[layer.bias()].to_vec(),
        }
    }

    /// The parameters of the approximate posterior of each row: `(mu, logvar)`, `logvar` clamped.
    ///
    /// # Shapes
    /// - `x`: `[ROWS, IN]`, scaled
    /// - returns: `[ROWS, LATENT]` twice
    ///
    /// # Panics
    /// When `x` has not IN columns.
    pub fn encode(&self, x: ArrayView2<f32>) -> (Array2<f32>, Array2<f32>) {
        let latent = self.shape.latent;
        let mut mu = Array2::zeros((x.nrows(), latent));
        let mut logvar = Array2::zeros((x.nrows(), latent));
        for (block, rows) in x.axis_chunks_iter(ndarray::Axis(0), BLOCK_ROWS).enumerate() {
            let start = block * BLOCK_ROWS;
            let to = s![start..start + rows.nrows(), ..];
            let (m, l) = self.encode_taped(self.matrix(rows));
            mu.slice_mut(to).iter_mut().zip(m.as_vec()).for_each(|(to, from)| *to = from);
            logvar.slice_mut(to).iter_mut().zip(l.as_vec()).for_each(|(to, from)| *to = from);
        }
        (mu, logvar)
    }

    /// The reconstruction `x_hat` of each row at `z = mu`, the deterministic path that scores.
    ///
    /// # Shapes
    /// - `x`: `[ROWS, IN]`, scaled
    /// - returns: `[ROWS, IN]`, scaled
    ///
    /// # Panics
    /// When `x` has not IN columns.
    pub fn reconstruct(&self, x: ArrayView2<f32>) -> Array2<f32> {
        self.reconstruct_with_logvar(x).0
    }

    /// The mean and the log variance that the decoder gives each feature of each row at `z = mu`: `(x_hat, logvar)`,
    /// `logvar` within [`LOGVAR_BOUNDS`], 0 for [`Likelihood::Mse`].
    ///
    /// # Shapes
    /// - `x`: `[ROWS, IN]`, scaled
    /// - returns: `[ROWS, IN]` twice, scaled
    ///
    /// # Panics
    /// When `x` has not IN columns.
    pub fn reconstruct_with_logvar(&self, x: ArrayView2<f32>) -> (Array2<f32>, Array2<f32>) {
        self.decode(self.encode(x).0.view())
    }

    /// The mean and the log variance that the decoder gives each feature: `(x_hat, logvar)`, as
    /// [`Vae::reconstruct_with_logvar`].
    ///
    /// # Shapes
    /// - `z`: `[ROWS, LATENT]`
    /// - returns: `[ROWS, IN]` twice, scaled
    ///
    /// # Panics
    /// When `z` has not LATENT columns.
    pub fn decode(&self, z: ArrayView2<f32>) -> (Array2<f32>, Array2<f32>) {
        assert_eq!(z.ncols(), self.shape.latent, "columns of the latents");
        let mut x_hat = Array2::zeros((z.nrows(), self.shape.inputs));
        let mut logvar = Array2::zeros(x_hat.raw_dim());
        let device = self.parameters.device();
        for (block, rows) in z.axis_chunks_iter(ndarray::Axis(0), BLOCK_ROWS).enumerate() {
            let start = block * BLOCK_ROWS;
            let to = s![start..start + rows.nrows(), ..];
            let z = device.tensor_from_vec(rows.iter().copied().collect(), (rows.nrows(), rows.ncols()));
            let (mean, variance) = self.decode_taped(z);
            x_hat.slice_mut(to).iter_mut().zip(mean.as_vec()).for_each(|(to, from)| *to = from);
            if let Some(variance) = variance {
                logvar.slice_mut(to).iter_mut().zip(variance.as_vec()).for_each(|(to, from)| *to = from);
            }
        }
        (x_hat, logvar)
    }

    /// The flat parameter vector: weights `[OUT][IN]` and bias of one layer after the other.
    pub(crate) fn parameters(&self) -> &Tensor<(usize,), f32, Cpu> {
        &self.parameters
    }

    /// Rows as a dfdx matrix.
    pub(crate) fn matrix(&self, rows: ArrayView2<f32>) -> Matrix {
        assert_eq!(rows.ncols(), self.shape.inputs, "columns of the input");
        let device = self.parameters.device();
        device.tensor_from_vec(rows.iter().copied().collect(), (rows.nrows(), rows.ncols()))
    }

    /// `(mu, logvar)` by dfdx operations on the tape `T`; both carry part of the tape and must be merged again.
    pub(crate) fn encode_taped<T: Tape<f32, Cpu>>(&self, x: Matrix<T>) -> (Matrix<T>, Matrix<T>) {
        let (encoder, _) = self.layers.split_at(self.shape.encoder_depth());
        let heads = encoder.iter().fold(x, |x, layer| self.apply(layer, x));
        let latent = self.shape.latent;
        let logvar = heads.retaped::<T>().slice((.., latent..));
        (heads.slice((.., ..latent)), logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT))
    }

    /// `x_hat` and, clamped, the log variance where the likelihood has one, by dfdx operations on the tape `T`; both carry
    /// part of the tape and must be merged again.
    pub(crate) fn decode_taped<T: Tape<f32, Cpu>>(&self, z: Matrix<T>) -> (Matrix<T>, Option<Matrix<T>>) {
        let (_, decoder) = self.layers.split_at(self.shape.encoder_depth());
        let output = decoder.iter().fold(z, |z, layer| self.apply(layer, z));
        let inputs = self.shape.inputs;
        let (x_hat, logvar) = match self.shape.likelihood {
            Likelihood::Mse => return (output, None),
            Likelihood::Gaussian => {
                let logvar = output.retaped::<T>().slice((.., inputs..));
                (output.slice((.., ..inputs)), logvar)
            }
            Likelihood::GaussianPerFeature => {
                let sizes = *output.shape();
                let logvar = self.parameters.retaped::<T>().slice((self.shape.feature_logvar(),));
                (output, logvar.broadcast_like::<_, dfdx::shapes::Axis<0>>(&sizes))
            }
        };
        (x_hat, Some(logvar.clamp(LOGVAR_BOUNDS.0, LOGVAR_BOUNDS.1)))
    }

    fn apply<T: Tape<f32, Cpu>>(&self, layer: &Linear, x: Matrix<T>) -> Matrix<T> {
        let sizes = (x.shape().0, layer.outputs);
        let weight = self.parameters.retaped::<T>().slice((layer.weight(),));
        let weight = weight.reshape_like(&(layer.outputs, layer.inputs)).permute::<_, Axes2<1, 0>>();
        let bias =
            self.parameters.retaped::<T>().slice((layer.bias(),)).broadcast_like::<_, dfdx::shapes::Axis<0>>(&sizes);
        let y = x.matmul(weight) + bias;
        if layer.relu { y.relu() } else { y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn shape(inputs: usize, hidden: &[usize], latent: usize) -> Shape {
        Shape { inputs, hidden: hidden.to_vec(), latent, likelihood: Likelihood::Mse }
    }

    fn random_vae(shape: Shape) -> Vae {
        let parameters = initial_parameters(&shape, &mut ChaCha8Rng::seed_from_u64(3));
        Vae::from_parameters(shape, &parameters)
    }

    #[test]
    fn layers_chain_and_fill_the_parameter_vector_without_gaps() {
        let shape = shape(10, &[64, 32], 8);
        let layers = shape.layers();
        let sizes: Vec<_> = layers.iter().map(|l| (l.inputs, l.outputs, l.relu)).collect();
        assert_eq!(
            sizes,
            [(10, 64, true), (64, 32, true), (32, 16, false), (8, 32, true), (32, 64, true), (64, 10, false)]
        );
        let mut next = 0;
        for layer in &layers {
            assert_eq!(layer.weight().start, next);
            assert_eq!(layer.bias().start, layer.weight().end);
            next = layer.bias().end;
        }
        assert_eq!(next, shape.parameters());
        assert_eq!(next, 10 * 64 + 64 + 64 * 32 + 32 + 32 * 16 + 16 + 8 * 32 + 32 + 32 * 64 + 64 + 64 * 10 + 10);
    }

    #[test]
    fn refuses_shapes_with_an_empty_layer_or_none() {
        for bad in [shape(0, &[4], 2), shape(3, &[], 2), shape(3, &[4, 0], 2), shape(3, &[4], 0)] {
            assert_eq!(bad.check(), Err(ShapeError(bad.clone())));
        }
        assert_eq!(shape(1, &[1], 1).check(), Ok(()));
    }

    #[test]
    fn initial_parameters_fill_plus_minus_one_over_the_root_of_the_fan_in() {
        let shape = shape(100, &[400], 3);
        let parameters = initial_parameters(&shape, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(parameters.len(), shape.parameters());
        let first = &parameters[..100 * 400];
        let largest = first.iter().fold(0f32, |largest, v| largest.max(v.abs()));
        assert!((0.0999..=0.1).contains(&largest), "{largest}");
        let variance = first.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 4e4;
        assert!((variance - 0.01 / 3.0).abs() < 1e-4, "{variance}");
    }

    #[test]
    fn a_hand_worked_network_gives_hand_worked_values() {
        // 2 -> 3 (ReLU) -> mu, logvar (1 latent) -> 3 (ReLU) -> 2; weights are [OUT][IN].
        let encoder = [1.0, 2.0, -1.0, 0.5, 0.0, -3.0, /* bias */ 0.5, 0.0, 1.0];
        let heads = [2.0, -1.0, 1.0, /* logvar */ 10.0, 10.0, 10.0, /* bias */ 0.25, -1.0];
        let decoder = [1.0, -1.0, 0.5, /* bias */ 0.0, 1.0, 0.0];
        let output = [1.0, 0.0, 2.0, 0.0, 3.0, -1.0, /* bias */ 0.125, -0.5];
        let parameters = [&encoder[..], &heads, &decoder, &output].concat();
        let vae = Vae::from_parameters(shape(2, &[3], 1), &parameters);
        let x = array![[1.0, -0.5], [-2.0, 0.0]];
        // row 0: h = relu(0.5, -1.25, 2.5) = (0.5, 0, 2.5); mu = 1 + 2.5 + 0.25 = 3.75; logvar = 29, clamped to 10
        // row 1: h = relu(-1.5, 2, 1) = (0, 2, 1); mu = -2 + 1 + 0.25 = -0.75; logvar = 29, clamped to 10
        let (mu, logvar) = vae.encode(x.view());
        assert_eq!(mu, array![[3.75], [-0.75]]);
        assert_eq!(logvar, array![[10.0], [10.0]]);
        // row 0: relu(3.75, -2.75, 1.875); x_hat = (3.75 + 2 * 1.875 + 0.125, -1.875 - 0.5)
        // row 1: relu(-0.75, 1.75, -0.375); x_hat = (0.125, 3 * 1.75 - 0.5)
        assert_eq!(vae.reconstruct(x.view()), array![[7.625, -2.375], [0.125, 4.75]]);
    }

    #[test]
    fn exported_layers_hold_the_numbers_that_encode_and_reconstruct_use() {
        let vae = random_vae(shape(5, &[7, 4], 3));
        let x = Array2::from_shape_fn((6, 5), |(i, j)| (i as f32 - 2.0) * 0.3 + j as f32 * 0.1);
        let run = |layers: &[DenseLayer], x: &Array2<f32>| {
            layers.iter().fold(x.clone(), |x, layer| {
                Array2::from_shape_fn((x.nrows(), layer.outputs), |(b, o)| {
                    let row = &layer.weight[o * layer.inputs..(o + 1) * layer.inputs];
                    let y = x.row(b).iter().zip(row).fold(layer.bias[o], |y, (x, w)| y + x * w);
                    if layer.relu { y.max(0.0) } else { y }
                })
            })
        };
        let mu = run(&vae.encoder_layers(), &x);
        let x_hat = run(&vae.decoder_layers(), &mu);
        let close = |a: &Array2<f32>, b: &Array2<f32>| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&mu, &vae.encode(x.view()).0));
        assert!(close(&x_hat, &vae.reconstruct(x.view())));
    }

    #[test]
    fn the_gaussian_decoder_gives_means_first_then_log_variances() {
        let vae = random_vae(Shape { likelihood: Likelihood::Gaussian, ..shape(5, &[7, 4], 3) });
        let outputs = |layers: Vec<DenseLayer>| layers.last().map(|l| (l.outputs, l.weight.len(), l.bias.len()));
        assert_eq!(outputs(vae.decoder_layers()), Some((10, 70, 10)));
        assert_eq!(outputs(vae.reconstruction_layers()), Some((5, 35, 5)));

        // The same network whose decoder never heard of variances: its reconstruction is the same.
        let means = vae.reconstruction_layers().pop().unwrap();
        let x = Array2::from_shape_fn((6, 5), |(i, j)| (i as f32 - 2.0) * 0.3 + j as f32 * 0.1);
        let mut parameters = vae.parameters().as_vec();
        let last = *vae.shape().layers().last().unwrap();
        parameters.truncate(last.start);
        parameters.extend(means.weight.iter().chain(&means.bias));
        let plain = Vae::from_parameters(shape(5, &[7, 4], 3), &parameters);
        let (x_hat, logvar) = vae.reconstruct_with_logvar(x.view());
        assert!(x_hat.iter().zip(&plain.reconstruct(x.view())).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(logvar.iter().any(|&v| v != 0.0));
        assert!(plain.reconstruct_with_logvar(x.view()).1.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn log_variances_of_features_stand_after_the_weights_and_are_clamped() {
        let shape = Shape { likelihood: Likelihood::GaussianPerFeature, ..shape(3, &[4], 2) };
        let mut parameters = initial_parameters(&shape, &mut ChaCha8Rng::seed_from_u64(3));
        let weights = Shape { likelihood: Likelihood::Mse, ..shape.clone() }.parameters();
        assert_eq!((parameters.len(), &parameters[weights..]), (weights + 3, &[0.0; 3][..]));
        parameters[weights..].copy_from_slice(&[-99.0, 0.5, 99.0]);
        let vae = Vae::from_parameters(shape, &parameters);
        assert_eq!(vae.feature_logvar(), Some(vec![-6.0, 0.5, 10.0]));
        let (_, logvar) = vae.reconstruct_with_logvar(array![[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]].view());
        assert_eq!(logvar, array![[-6.0, 0.5, 10.0], [-6.0, 0.5, 10.0]]);
    }

    #[test]
    fn blocks_join_without_a_seam() {
        let vae = random_vae(shape(3, &[4], 2));
        let x = Array2::from_shape_fn((BLOCK_ROWS + 3, 3), |(i, j)| ((i * 7 + j) % 11) as f32 * 0.2 - 1.0);
        let tail = x.slice(s![BLOCK_ROWS.., ..]);
        assert_eq!(vae.reconstruct(x.view()).slice(s![BLOCK_ROWS.., ..]), vae.reconstruct(tail));
        assert_eq!(vae.encode(x.view()).0.slice(s![BLOCK_ROWS.., ..]), vae.encode(tail).0);
    }

    #[test]
    fn takes_a_view_that_is_not_contiguous() {
        let vae = random_vae(shape(3, &[4], 2));
        let x = Array2::from_shape_fn((4, 6), |(i, j)| (i + j) as f32 * 0.1);
        let strided = x.slice(s![.., ..;2]);
        assert_eq!(vae.reconstruct(strided), vae.reconstruct(strided.to_owned().view()));
    }
}
