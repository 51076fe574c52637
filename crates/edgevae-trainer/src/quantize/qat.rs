//! Quantization-aware fine-tuning: weights that still fit when they are rounded.
//!
//! The network runs with its weights rounded as [`layer`](super::layer) rounds them and its activations as the device
//! rounds them, and learns to give what the float network gives for the same row: its reconstruction, and where the
//! Mahalanobis distance is the score its whitened latents. Rounding has no slope; its gradient is taken for that of the
//! identity, and for 0 where an activation saturates (the straight-through estimator).
//!
//! The float network is the teacher, and no label or noise model is needed: what is learnt away is the error of rounding
//! alone. Half of the rows are displaced at random, so that the two agree on anomalies too, which calibration rows do not
//! show. Rows count by the inverse of their score: an error of the score matters relative to it.
//!
//! # Source
//! Straight-through estimator: Bengio et al. 2013 (arXiv:1308.3432); rounding in the forward pass of training: Jacob et al.
//! 2018 (arXiv:1712.05877), section 3; the float network as teacher: Mishra and Marr 2017 (arXiv:1711.05852).

use edgevae_core::{Dense, Model};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, concatenate};
use rand::Rng as _;

use super::layer::Inputs;
use super::network::Whitening;
use super::{QuantizeError, Units, layer, ranges};
use crate::base::random::{Purpose, stream};
use crate::fit::adam::Adam;
use crate::fit::engine::simd::Level;
use crate::fit::epoch::order;

/// Calibration rows of a batch; as many displaced ones come with them.
const BATCH: usize = 64;
/// Rows that an epoch takes at most.
const ROWS: usize = 50_000;
/// Step size at the start; it falls to nothing over the epochs. A step moves a weight by some hundredth of a unit.
const RATE: f32 = 2e-4;
/// Displaced rows are up to so many standard deviations of the calibration rows off in each feature.
const DISPLACEMENT: f32 = 3.0;

/// A dense layer in training.
struct Layer {
    weight: Array2<f32>,
    bias: Vec<f32>,
    /// Of its inputs, for [`layer`].
    statistics: Inputs,
    relu: bool,
    /// Units of its inputs and outputs.
    units: (f64, f64),
    /// The largest weight before: the units hold for no larger one.
    largest: f32,
}

/// What a layer leaves behind for the backward pass.
struct Trace {
    x: Array2<f32>,
    /// The rounded weights.
    weight: Array2<f32>,
    /// 1 where an output follows its sum, 0 where ReLU or saturation holds it.
    slope: Array2<f32>,
}

/// Latents, reconstruction, and what each layer leaves behind.
type Rounded = (Array2<f32>, Array2<f32>, Vec<Trace>);

/// The network's layers, and where the latents stand among them.
pub(super) struct Student {
    layers: Vec<Layer>,
    encoder_layers: usize,
    /// Weights and biases of the layer that whitens latents.
    whitening: Option<(Array2<f32>, Array1<f32>)>,
    input_unit: f64,
}

/// Rounds to a unit and holds within 16 bits; tells whether it was held.
fn round(value: f32, unit: f64) -> (f32, bool) {
    let units = (f64::from(value) / unit).round();
    let held = units.clamp(i16::MIN.into(), i16::MAX.into());
    ((held * unit) as f32, held != units)
}

/// `a b`; each sum takes its products in order and without fused multiply-add, so that it has the same bits on every
/// processor, which `dot` has not.
fn product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>) -> Array2<f32> {
    let b = b.as_standard_layout();
    let mut y = Array2::zeros((a.nrows(), b.ncols()));
    for (mut y, a) in y.rows_mut().into_iter().zip(a.rows()) {
        for (&a, b) in a.iter().zip(b.rows()) {
            y.scaled_add(a, &b);
        }
    }
    y
}

impl Student {
    pub fn new(model: &Model<'_>, units: &Units, inputs: &[Inputs]) -> Self {
        let mut input = units.input;
        let outputs = units.layers.iter().chain([&units.input]);
        let layers = model.layers().zip(outputs).zip(inputs).map(|((dense, &output), statistics)| {
            let sizes = (dense.outputs(), dense.inputs());
            let weight = Array2::from_shape_vec(sizes, dense.weight.to_vec()).expect("a layer has OUT * IN weights");
            let largest = dense.weight.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
            let units = (std::mem::replace(&mut input, output), output);
            let relu = dense.activation == edgevae_core::format::Activation::Relu;
            Layer { weight, bias: dense.bias.to_vec(), statistics: statistics.clone(), relu, units, largest }
        });
        let latent = model.latent();
        let whitening = Whitening::of(model).map(|whitening| {
            let weight = Array2::from_shape_vec((latent, latent), whitening.weight).expect("a square of latents");
            (weight, Array1::from_vec(whitening.bias))
        });
        Self {
            layers: layers.collect(),
            encoder_layers: model.header().encoder_layers.into(),
            whitening,
            input_unit: units.input,
        }
    }

    /// Weights and biases of all layers, in the order of a model file.
    pub fn parameters(&self) -> Vec<f32> {
        self.layers.iter().flat_map(|layer| layer.weight.iter().chain(&layer.bias).copied()).collect()
    }

    fn set_parameters(&mut self, parameters: &mut [f32]) {
        let mut rest = parameters;
        for layer in &mut self.layers {
            let (weight, after) = rest.split_at_mut(layer.weight.len());
            let (bias, after) = after.split_at_mut(layer.bias.len());
            weight.iter_mut().for_each(|weight| *weight = weight.clamp(-layer.largest, layer.largest));
            layer.weight.iter_mut().zip(weight).for_each(|(to, from)| *to = *from);
            layer.bias.copy_from_slice(bias);
            rest = after;
        }
    }

    /// Latents and reconstruction, without rounding.
    fn float(&self, x: &Array2<f32>) -> (Array2<f32>, Array2<f32>) {
        let (mut x, mut mu) = (x.clone(), None);
        for (at, layer) in self.layers.iter().enumerate() {
            x = product(x.view(), layer.weight.t());
            x.rows_mut().into_iter().for_each(|mut row| row.iter_mut().zip(&layer.bias).for_each(|(y, b)| *y += b));
            if layer.relu {
                x.mapv_inplace(|y| y.max(0.0));
            }
            if at + 1 == self.encoder_layers {
                mu = Some(x.clone());
            }
        }
        (mu.expect("a model has a latent layer"), x)
    }

    /// Latents and reconstruction with everything rounded, and what the backward pass needs.
    fn rounded(&self, x: &Array2<f32>) -> Result<Rounded, QuantizeError> {
        let (mut x, mut mu, mut traces) = (x.mapv(|x| round(x, self.input_unit).0), None, Vec::new());
        for (at, layer) in self.layers.iter().enumerate() {
            let activation = edgevae_core::format::Activation::Linear;
            let weight = layer.weight.as_slice().expect("weights are in standard layout");
            let dense = Dense { weight, bias: &layer.bias, activation };
            let (weight, bias) = layer::rounded(&dense, &layer.statistics, layer.units.0, layer.units.1)
                .map_err(|source| QuantizeError::Layer { layer: at + 1, source })?;
            let weight = Array2::from_shape_vec(layer.weight.raw_dim(), weight).expect("as many weights as before");
            let mut y = product(x.view(), weight.t());
            let mut slope = Array2::ones(y.raw_dim());
            for (mut row, mut slopes) in y.rows_mut().into_iter().zip(slope.rows_mut()) {
                for ((y, slope), bias) in row.iter_mut().zip(&mut slopes).zip(&bias) {
                    let (rounded, held) = round(*y + bias, layer.units.1);
                    let off = layer.relu && rounded <= 0.0;
                    (*y, *slope) = (if off { 0.0 } else { rounded }, if off || held { 0.0 } else { 1.0 });
                }
            }
            traces.push(Trace { x, weight, slope });
            x = y;
            if at + 1 == self.encoder_layers {
                mu = Some(x.clone());
            }
        }
        Ok((mu.expect("a model has a latent layer"), x, traces))
    }

    /// The gradient of `mean_b(0.5 * |x_hat - x_hat_float|² / r_b + 0.5 * |W (mu - mu_float)|² / d_b)`, the second term where
    /// the Mahalanobis distance is the score, in the order of [`Student::parameters`]. `r_b` and `d_b` are the float network's
    /// squared residual and distance with a tenth of their means added, so that rows which are reconstructed almost exactly
    /// do not decide alone.
    fn gradient(&self, x: &Array2<f32>, teacher: &Self) -> Result<Vec<f32>, QuantizeError> {
        let (mu_float, x_hat_float) = teacher.float(x);
        let (mu, x_hat, traces) = self.rounded(x)?;
        let share = |values: &Array2<f32>| {
            let squares = values.mapv(|value| value * value).sum_axis(Axis(1));
            let floor = 0.1 * squares.mean().unwrap_or(0.0) + f32::MIN_POSITIVE;
            let rows = squares.len() as f32;
            squares.mapv(|square| 1.0 / ((square + floor) * rows)).insert_axis(Axis(1))
        };
        let mut dy = (&x_hat - &x_hat_float) * share(&(x - &x_hat_float));
        let mut gradients = Vec::new();
        for (at, Trace { x, weight, slope }) in traces.iter().enumerate().rev() {
            if at + 1 == self.encoder_layers
                && let Some((whitening, bias)) = &self.whitening
            {
                let share = share(&(product(mu_float.view(), whitening.t()) + bias));
                let difference = product((&mu - &mu_float).view(), whitening.t()) * share;
                dy += &product(difference.view(), whitening.view());
            }
            Zip::from(&mut dy).and(slope).for_each(|dy, slope| *dy *= slope);
            gradients.push((product(dy.t(), x.view()), dy.sum_axis(Axis(0))));
            dy = product(dy.view(), weight.view());
        }
        let gradients = gradients.iter().rev();
        Ok(gradients.flat_map(|(weight, bias)| weight.iter().chain(bias).copied()).collect())
    }
}

/// Rows and as many that are displaced: each by as much as chance says, in each feature uniformly, with `deviation: [IN]` for
/// its unit.
pub(super) fn with_displaced(
    rows: Array2<f32>,
    deviation: &Array1<f32>,
    noise: &mut impl rand::RngCore,
) -> Array2<f32> {
    let mut displaced = rows.clone();
    for mut row in displaced.rows_mut() {
        let most = DISPLACEMENT * noise.gen_range(0.0_f32..=1.0).powi(2);
        row.iter_mut().zip(deviation).for_each(|(x, deviation)| *x += deviation * noise.gen_range(-most..=most));
    }
    concatenate(Axis(0), &[rows.view(), displaced.view()]).expect("the same columns")
}

/// Fine-tunes a network's weights for the units that were chosen for it. `on_epoch` sees the weights and biases of all
/// layers after each epoch.
///
/// # Shapes
/// `rows`: `[ROWS, IN]` in raw units.
///
/// # Errors
/// [`QuantizeError::Layer`].
pub(super) fn tune(
    (model, units, inputs): (&Model<'_>, &Units, &[Inputs]),
    rows: ArrayView2<'_, f32>,
    (epochs, seed): (usize, u64),
    on_epoch: &mut dyn FnMut(&[f32]) -> Result<(), QuantizeError>,
) -> Result<(), QuantizeError> {
    let taken = rows.nrows().min(ROWS);
    let chosen: Vec<usize> = (0..taken).map(|at| at * rows.nrows() / taken).collect();
    // Held within the range as the device holds them: a wild reading would be the deviation of its feature.
    let range = (units.input * f64::from(i16::MAX)) as f32;
    let rows = ranges::scaled_rows(model, rows.select(Axis(0), &chosen).view()).mapv(|x| x.clamp(-range, range));
    let deviation = rows.std_axis(Axis(0), 0.0);
    let (teacher, mut student) = (Student::new(model, units, inputs), Student::new(model, units, inputs));
    let mut parameters = student.parameters();
    let mut adam = Adam::new(parameters.len());
    for epoch in 0..epochs {
        let rate = RATE * (epochs - epoch) as f32 / epochs as f32;
        let mut noise = stream(seed, Purpose::Displacement, epoch);
        for chosen in order(taken, &mut stream(seed, Purpose::Shuffle, epoch)).chunks(BATCH) {
            let x = with_displaced(rows.select(Axis(0), chosen), &deviation, &mut noise);
            let gradient = student.gradient(&x, &teacher)?;
            adam.step(&mut parameters, &gradient, rate, Level::best());
            student.set_parameters(&mut parameters);
        }
        on_epoch(&parameters)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::export::model_file::ModelFile;
    use crate::quantize::{Tuning, compare::scores, quantize, verdicts};
    use crate::score;
    use edgevae_core::format::{
        Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Missing, Numbers,
    };
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    pub const IN: usize = 6;

    /// A network 6-12-3-12-6 whose first feature is constant and has weights many times those of the others: 8 bits for
    /// the largest weight of a row leave few for those that matter.
    pub fn coarse(head: HeadKind) -> ModelFile {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let widths = [IN, 12, 3, 12, IN];
        let mut tensors = [[0.0; IN], [1.0; IN]].concat();
        for (layer, pair) in widths.windows(2).enumerate() {
            for at in 0..pair[0] * pair[1] {
                let is_constant = layer == 0 && at % IN == 0;
                tensors.push(if is_constant { 20.0 } else { rng.gen_range(-0.6_f32..0.6) });
            }
            tensors.extend((0..pair[1]).map(|_| rng.gen_range(-0.2_f32..0.2)));
        }
        if head == HeadKind::Mahalanobis {
            tensors.extend([0.1, 0.2, 0.3, 1.0, 0.2, 1.5, -0.3, 0.1, 0.8]);
        }
        let activation = |at: usize| if at.is_multiple_of(2) { Activation::Relu } else { Activation::Linear };
        let layers = widths[1..]
            .iter()
            .enumerate()
            .map(|(at, &outputs)| edgevae_core::format::Layer { outputs: outputs as u16, activation: activation(at) });
        let names: Vec<u8> = (0..IN).flat_map(|i| [1, b'a' + i as u8]).collect();
        let header = Header {
            numbers: Numbers::Float32,
            tool: b"test",
            seed: 0,
            inputs: IN as u16,
            encoder_layers: 2,
            layers: layers.collect(),
            missing: Missing::Error,
            clip: f32::INFINITY,
            encoder_logvar: false,
            decoder_variance: DecoderVariance::Unit,
            heads: [HeadSpec { kind: head, knots: 0 }].into_iter().collect(),
            threshold: 1.0,
            calibration: Calibration { set: CalibrationSet::ByHand, rows: 0, exceedances: 0, quantile: None },
            names: &names,
        };
        ModelFile::encode(&header, &tensors)
    }

    pub fn rows(count: usize, seed: u64, scale: f32) -> Array2<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Array2::from_shape_fn((count, IN), |(_, at)| if at == 0 { 0.0 } else { rng.gen_range(-scale..scale) })
    }

    /// Root of the mean squared relative difference of the scores of rows that tuning has not seen.
    pub fn error(float: &ModelFile, int8: &ModelFile, rows: &Array2<f32>) -> f64 {
        let indices: Vec<usize> = (0..rows.nrows()).collect();
        let expected = score::score_rows(float, rows.view(), &indices).unwrap();
        let scores = scores(&verdicts(int8, rows.view(), &indices).unwrap());
        let squares = expected.iter().zip(&scores).map(|(a, b)| f64::from((b - a) / (a + 0.1)).powi(2));
        (squares.sum::<f64>() / expected.len() as f64).sqrt()
    }

    #[test]
    fn fine_tuning_lowers_the_score_error_of_a_network_that_rounds_badly() {
        for head in [HeadKind::Mse, HeadKind::Mahalanobis] {
            let float = coarse(head);
            let (model, rows_seen) = (float.model().unwrap(), rows(600, 2, 2.0));
            let indices: Vec<usize> = (0..600).collect();
            let draft = |epochs| quantize(&model, rows_seen.view(), &indices, Tuning { epochs, seed: 0 }).unwrap();
            let (plain, tuned) = (draft(0), draft(20));
            let report = tuned.tuned.as_ref().unwrap();
            assert!(plain.tuned.is_none());
            assert!(report.kept_epoch > 0 && report.score_error < 0.8 * report.score_error_before, "{report:?}");
            let (plain, tuned) = (plain.uncalibrated().unwrap(), tuned.uncalibrated().unwrap());
            // Rows that neither has seen: usual ones, and some that lie twice as far out.
            for fresh in [rows(500, 3, 2.0), rows(500, 4, 4.0)] {
                let (before, after) = (error(&float, &plain, &fresh), error(&float, &tuned, &fresh));
                assert!(after < before, "{head:?}: {before} to {after}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_weights() {
        let float = coarse(HeadKind::Mse);
        let (model, rows) = (float.model().unwrap(), rows(100, 2, 2.0));
        let indices: Vec<usize> = (0..100).collect();
        let draft = |seed| quantize(&model, rows.view(), &indices, Tuning { epochs: 3, seed }).unwrap().words;
        assert_eq!(draft(0), draft(0));
        assert_ne!(draft(0), draft(1));
    }

    #[test]
    fn the_network_in_training_gives_the_scores_of_the_device() {
        let float = coarse(HeadKind::Mse);
        let (model, rows) = (float.model().unwrap(), rows(200, 5, 2.0));
        let indices: Vec<usize> = (0..200).collect();
        let ranges::Choice { units, inputs, .. } = ranges::choose((&model, &model), rows.view(), &indices).unwrap();
        let (_, x_hat, _) = Student::new(&model, &units, &inputs).rounded(&rows).unwrap();
        let draft = quantize(&model, rows.view(), &indices, Tuning::default()).unwrap();
        let scores = scores(&verdicts(&draft.uncalibrated().unwrap(), rows.view(), &indices).unwrap());
        for ((x, x_hat), score) in rows.rows().into_iter().zip(x_hat.rows()).zip(scores) {
            let expected = (&x - &x_hat).mapv(|r| r * r).mean().unwrap();
            assert!((score - expected).abs() < 2e-3 * expected + 1e-5, "{score} {expected}");
        }
    }
}
