//! The range of each activation: as wide as the score allows.

use edgevae_core::format::HeadKind;
use edgevae_core::{Dense, Model};
use ndarray::{Array2, ArrayView2, Axis};

use super::file::{uncalibrated, words};
use super::layer::Inputs;
use super::network::Whitening;
use super::{QuantizeError, Units, layer, qat, verdicts};
use crate::base::random::{Purpose, stream};
use crate::export::model_file::ModelFile;
use crate::score::{self, RowVerdict};

/// Multiply-adds that the search may take: a second or so.
const BUDGET: usize = 2_000_000_000;
/// Rows that the search scores at most.
const ROWS: usize = 2_000;
/// Rows that it scores at least, where there are so many, whatever they cost.
const LEAST_ROWS: usize = 50;
/// A range is kept though another gives a score error that is less by no more than this factor: the wider one, which
/// leaves room for rows that calibration has not seen.
const TOLERANCE: f64 = 1.05;
/// Readings are taken for at least this many standard deviations of the training rows.
const LEAST_INPUT: f64 = 8.0;
const LARGEST: f64 = i16::MAX as f64;

/// A range to try: a multiple of a quantile of the magnitudes among the calibration rows. What lies beyond saturates.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Clip {
    times: f64,
    quantile: f64,
}

const fn headroom(times: f64) -> Clip {
    Clip { times, quantile: 1.0 }
}

/// Widest first. A reading that saturates is out of range and its row an anomaly, so all of them are kept within it unless
/// the score cannot bear that: one wild reading would leave a few units for all others.
const INPUT_CLIPS: [Clip; 5] = [
    headroom(8.0),
    headroom(4.0),
    headroom(2.0),
    Clip { times: 2.0, quantile: 0.9999 },
    Clip { times: 2.0, quantile: 0.999 },
];
const CLIPS: [Clip; 7] = [
    headroom(8.0),
    headroom(4.0),
    headroom(2.0),
    headroom(1.0),
    Clip { times: 1.0, quantile: 0.9999 },
    Clip { times: 1.0, quantile: 0.999 },
    Clip { times: 1.0, quantile: 0.99 },
];
/// What the activations whose turn is still to come have: of [`CLIPS`].
const FIRST: usize = 1;

/// The range that was chosen for an activation.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Range {
    /// Which activation.
    pub name: String,
    /// Magnitude at which it saturates, in the float model's numbers.
    pub range: f64,
    /// How that follows from the calibration rows.
    pub rule: String,
    /// Score error with this range: root of the mean squared relative difference to the float scores.
    pub score_error: f64,
}

impl std::fmt::Display for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self { times, quantile: 1.0 } => write!(f, "{times} x the largest"),
            Self { times: 1.0, quantile } => write!(f, "the {quantile} quantile"),
            Self { times, quantile } => write!(f, "{times} x the {quantile} quantile"),
        }
    }
}

/// The ranges that one activation may have.
struct Tensor {
    name: String,
    clips: &'static [Clip],
    /// One for each clip.
    ranges: Vec<f64>,
}

impl Tensor {
    /// From the values among the calibration rows; magnitudes below `least` count as `least`.
    fn new(name: String, mut values: Vec<f32>, least: f64, clips: &'static [Clip]) -> Self {
        // A reading that is no number is an error of its row, and told when that is scored.
        values.retain(|value| value.is_finite());
        values.iter_mut().for_each(|value| *value = value.abs());
        let mut range = |clip: &Clip| {
            let last = values.len().checked_sub(1);
            let at = last.map(|last| (last as f64 * clip.quantile) as usize);
            let magnitude = at.map_or(0.0, |at| f64::from(*values.select_nth_unstable_by(at, f32::total_cmp).1));
            let range = clip.times * magnitude.max(least);
            // An activation that is always 0 has any range.
            if range > 0.0 { range } else { 1.0 }
        };
        let ranges = clips.iter().map(&mut range).collect();
        Self { name, clips, ranges }
    }

    /// The range of a clip, as chosen for the score error that it has.
    fn chosen(&self, at: usize, score_error: f64) -> Range {
        Range { name: self.name.clone(), range: self.ranges[at], rule: self.clips[at].to_string(), score_error }
    }
}

/// Place of the first, widest range whose error is within [`TOLERANCE`] of the least, and that error.
fn widest(errors: &[f64]) -> (usize, f64) {
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let at = errors.iter().position(|&error| error <= least * TOLERANCE).unwrap_or(0);
    (at, errors[at])
}

/// What the search came to.
#[derive(Debug)]
pub(super) struct Choice {
    pub units: Units,
    /// Of each layer.
    pub inputs: Vec<Inputs>,
    pub ranges: Vec<Range>,
    /// With all of the ranges.
    pub score_error: f64,
    /// Rows whose scores decided.
    pub rows: usize,
}

/// Chooses the range of each activation in turn, from the input on: the widest whose score error is within 5 % of the
/// least. One pass; the activations hardly depend on each other's ranges.
///
/// The magnitudes of the input are those of all calibration rows; everything that needs the network is of the rows that
/// [`Sample`] takes of them. `network` is `model` with its latents whitened ([`network`](super::network::network)).
pub(super) fn choose(
    (model, network): (&Model<'_>, &Model<'_>),
    rows: ArrayView2<'_, f32>,
    indices: &[usize],
) -> Result<Choice, QuantizeError> {
    let tries = INPUT_CLIPS.len() + CLIPS.len() * (network.layers().len() + 1);
    let sample = Sample::new(model, rows, indices, tries)?;
    let error = |ranges: &[f64], inputs: &[Inputs]| {
        let words = words(network, &units(network, ranges), inputs)?;
        sample.score_error(model, &words)
    };
    let scaled = scaled_rows(network, sample.rows.view());
    let input =
        Tensor::new("input".into(), scaled_rows(network, rows).into_raw_vec_and_offset().0, LEAST_INPUT, &INPUT_CLIPS);
    let with_input = |&range: &f64| {
        let (inner, inputs) = inner(network, &scaled, range);
        let ranges = std::iter::once(range).chain(inner.iter().map(|tensor| tensor.ranges[FIRST])).collect::<Vec<_>>();
        (inner, ranges, inputs)
    };
    let input_error = |range| {
        let (_, ranges, inputs) = with_input(range);
        error(&ranges, &inputs)
    };
    let errors: Vec<f64> = input.ranges.iter().map(input_error).collect::<Result<_, _>>()?;
    let (at, mut score_error) = widest(&errors);
    let (inner, mut ranges, inputs) = with_input(&input.ranges[at]);
    let mut chosen = vec![input.chosen(at, score_error)];
    for (tensor, place) in inner.iter().zip(1..) {
        let with = |&range: &f64| {
            ranges[place] = range;
            error(&ranges, &inputs)
        };
        let errors: Vec<f64> = tensor.ranges.iter().map(with).collect::<Result<_, _>>()?;
        let at;
        (at, score_error) = widest(&errors);
        ranges[place] = tensor.ranges[at];
        chosen.push(tensor.chosen(at, score_error));
    }
    Ok(Choice { units: units(network, &ranges), inputs, ranges: chosen, score_error, rows: sample.len() })
}

/// Some of the calibration rows, and what the float model makes of them.
pub(super) struct Sample {
    rows: Array2<f32>,
    indices: Vec<usize>,
    expected: Vec<f32>,
}

impl Sample {
    /// As many rows as may be scored so many times.
    pub fn new(
        model: &Model<'_>,
        rows: ArrayView2<'_, f32>,
        indices: &[usize],
        times: usize,
    ) -> Result<Self, QuantizeError> {
        let most = (BUDGET / (times * model.multiply_adds()).max(1)).clamp(LEAST_ROWS, ROWS).min(rows.nrows());
        // Spread over the file, which may be sorted.
        let chosen: Vec<usize> = (0..most).map(|at| at * rows.nrows() / most).collect();
        let rows = rows.select(Axis(0), &chosen);
        let indices: Vec<usize> = chosen.iter().map(|&at| indices[at]).collect();
        let float = ModelFile::encode(model.header(), model.tensors());
        let expected = score::score_rows(&float, rows.view(), &indices)?;
        Ok(Self { rows, indices, expected })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.expected.len()
    }

    /// The score error of the int8 model of these words.
    pub fn score_error(&self, model: &Model<'_>, words: &[i32]) -> Result<f64, QuantizeError> {
        let int8 = uncalibrated(model, words)?;
        Ok(score_error(&self.expected, &verdicts(&int8, self.rows.view(), &self.indices)?))
    }
}

/// Root of the mean squared relative difference. A tenth of the median is added to each score, so that rows which are
/// reconstructed almost exactly do not decide alone. The score of a row out of range says nothing: it counts as wrong by
/// all of itself, or more where it is.
fn score_error(expected: &[f32], verdicts: &[RowVerdict]) -> f64 {
    let mut sorted = expected.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let floor = 0.1 * f64::from(sorted[sorted.len() / 2]) + f64::from(f32::MIN_POSITIVE);
    let squares = expected.iter().zip(verdicts).map(|(&expected, verdict)| {
        let difference = (f64::from(verdict.score) - f64::from(expected)).abs() / (f64::from(expected) + floor);
        let difference = if verdict.out_of_range == Some(true) { difference.max(1.0) } else { difference };
        difference * difference
    });
    (squares.sum::<f64>() / expected.len() as f64).sqrt()
}

/// Units for the ranges of the input, of each layer's outputs but the last one's, and of the whitened latents.
fn units(model: &Model<'_>, ranges: &[f64]) -> Units {
    let mut ranges = ranges.iter().map(|range| range / LARGEST);
    let mut wanted = ranges.next().unwrap_or(1.0);
    let inner: Vec<f64> = ranges.by_ref().take(model.layers().len() - 1).collect();
    let head = ranges.next();
    loop {
        let mut unit = wanted;
        let mut layers = Vec::new();
        for (dense, wanted) in model.layers().zip(&inner) {
            unit = wanted.max(layer::least_output(&dense, unit));
            layers.push(unit);
        }
        // The reconstruction has the input's unit: a last layer that needs a coarser one sets both.
        let least = model.layers().last().map_or(0.0, |last| layer::least_output(&last, unit));
        if least <= wanted {
            let latents = layers[usize::from(model.header().encoder_layers) - 1];
            let head = head.zip(Whitening::of(model));
            let head = head.map(|(head, whitening)| head.max(layer::least_output(&whitening.dense(), latents)));
            return Units { input: wanted, layers, head };
        }
        wanted = 2.0 * least;
    }
}

/// Each layer's outputs but the last one's, and the whitened latents, of scaled rows that are held within `range` as the
/// device holds them; and what the rounding of each layer's weights needs to know of its
/// inputs, among these rows and as many that are displaced.
fn inner(model: &Model<'_>, scaled: &Array2<f32>, range: f64) -> (Vec<Tensor>, Vec<Inputs>) {
    let range = range as f32;
    let held = scaled.mapv(|x| x.clamp(-range, range));
    let rows = held.nrows();
    let deviation = held.std_axis(Axis(0), 0.0);
    let displaced = qat::with_displaced(held, &deviation, &mut stream(0, Purpose::Displacement, 0));
    let mut current: Vec<f32> = displaced.iter().map(|x| x.clamp(-range, range)).collect();
    let seen = |values: &[f32], width: usize| values[..rows * width].to_vec();
    let mut tensors = Vec::new();
    let mut inputs = vec![Inputs::of(&current, rows, model.inputs())];
    let mut whitened = None;
    for (at, dense) in model.layers().take(model.layers().len() - 1).enumerate() {
        current = forward(&dense, &current);
        inputs.push(Inputs::of(&current, rows, dense.outputs()));
        tensors.push(Tensor::new(format!("layer {}", at + 1), seen(&current, dense.outputs()), 0.0, &CLIPS));
        if at + 1 == usize::from(model.header().encoder_layers) {
            let whiten = |whitening: Whitening| forward(&whitening.dense(), &seen(&current, dense.outputs()));
            whitened = Whitening::of(model).map(whiten);
        }
    }
    tensors.extend(whitened.map(|whitened| Tensor::new(HeadKind::Mahalanobis.name().into(), whitened, 0.0, &CLIPS)));
    (tensors, inputs)
}

/// Rows as the float model scales them, `[ROWS, IN]`.
pub(super) fn scaled_rows(model: &Model<'_>, rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let cells = rows.rows().into_iter().flat_map(|row| scaled(model, row.to_vec())).collect();
    Array2::from_shape_vec(rows.raw_dim(), cells).expect("as many cells as before")
}

/// A row as the float model scales it, a missing reading filled by the mean.
fn scaled(model: &Model<'_>, row: Vec<f32>) -> impl Iterator<Item = f32> {
    let scaler = model.means().iter().zip(model.reciprocals());
    row.into_iter().zip(scaler).map(|(raw, (&mean, &reciprocal))| {
        edgevae_core::standardize(if raw.is_nan() { mean } else { raw }, mean, reciprocal)
    })
}

/// All rows through one layer.
fn forward(dense: &Dense<'_>, rows: &[f32]) -> Vec<f32> {
    let mut outputs = vec![0.0; rows.len() / dense.inputs() * dense.outputs()];
    for (x, y) in rows.chunks_exact(dense.inputs()).zip(outputs.chunks_exact_mut(dense.outputs())) {
        dense.forward(x, y);
    }
    outputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::metrics;
    use crate::options::Options;
    use crate::quantize::compare::scores;
    use crate::run;
    use crate::table::synthetic::Synthetic;
    use edgevae_core::format::Missing;
    use std::ops::ControlFlow;

    /// The figures of docs/QUANTIZATION.md on activations of 8 bits: units that leave 8 of the 16 bits in use.
    #[test]
    #[ignore = "measures, and takes a minute without optimization"]
    fn what_activations_of_8_bits_would_cost() {
        let dataset = Synthetic::default().generate().unwrap();
        let trained =
            run::train(&dataset, Missing::Error, &Options::default(), &mut |_| ControlFlow::Continue(())).unwrap();
        let model = trained.model.model().unwrap();
        let raw = |rows: &[usize]| dataset.features.select(Axis(0), rows);
        let rows = raw(&trained.fitted_rows);
        let Choice { units, inputs, .. } = choose((&model, &model), rows.view(), &trained.fitted_rows).unwrap();
        let sample = Sample::new(&model, rows.view(), &trained.fitted_rows, 1).unwrap();
        let labels = trained.test_labels.as_deref().unwrap();
        // The widest range that leaves nothing out, as 8 bits can spare none.
        let largest = CLIPS.iter().position(|&clip| clip == headroom(1.0)).unwrap();
        let (tensors, _) = inner(&model, &scaled_rows(&model, sample.rows.view()), LARGEST * units.input);
        let eight = |input: bool, layers: bool| Units {
            input: units.input * if input { 256.0 } else { 1.0 },
            layers: match layers {
                true => tensors.iter().map(|tensor| tensor.ranges[largest] / 127.0).collect(),
                false => units.layers.clone(),
            },
            head: None,
        };
        println!("float: ROC-AUC {:.4}", metrics::roc_auc(&trained.test_scores, labels).unwrap());
        let mut errors = Vec::new();
        for (name, units) in
            [("16 bits", eight(false, false)), ("8 between layers", eight(false, true)), ("8 bits", eight(true, true))]
        {
            let words = words(&model, &units, &inputs).unwrap();
            let file = uncalibrated(&model, &words).unwrap();
            let scores = scores(&verdicts(&file, raw(&trained.test_rows).view(), &trained.test_rows).unwrap());
            errors.push(sample.score_error(&model, &words).unwrap());
            let auc = metrics::roc_auc(&scores, labels).unwrap();
            println!("{name}: score error {:.2} %, ROC-AUC {auc:.4}", 100.0 * errors[errors.len() - 1]);
        }
        assert!(errors.is_sorted(), "fewer bits, more error");
    }
}
