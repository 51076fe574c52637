//! The range of each activation: as wide as the score allows.

use edgevae_core::format::HeadKind;
use edgevae_core::{Dense, Model};
use ndarray::{Array2, ArrayView2, Axis};

use super::compare::scores;
use super::{Draft, QuantizeError, Units, Whitening, layer, verdicts, words};
use crate::model_file::ModelFile;
use crate::scoring;

/// Multiply-adds that the search may take: a second or so.
const BUDGET: usize = 2_000_000_000;
/// Rows that the search uses at most.
const ROWS: usize = 2_000;
/// A range is kept though another gives a score error that is less by no more than this factor: the wider one, which
/// leaves room for rows that calibration has not seen.
const TOLERANCE: f64 = 1.05;
/// Scaled inputs have room for at least this many standard deviations of the training rows.
const LEAST_INPUT: f64 = 8.0;
const LARGEST: f64 = i16::MAX as f64;

/// A range to try.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Clip {
    /// A multiple of the largest magnitude among the calibration rows.
    Headroom(f64),
    /// A quantile of the magnitudes: what lies beyond saturates.
    Quantile(f64),
}

/// Widest first. Readings are never clipped below twice what calibration has seen: they would be "out of range".
const INPUT_CLIPS: [Clip; 3] = [Clip::Headroom(8.0), Clip::Headroom(4.0), Clip::Headroom(2.0)];
const CLIPS: [Clip; 7] = [
    Clip::Headroom(8.0),
    Clip::Headroom(4.0),
    Clip::Headroom(2.0),
    Clip::Headroom(1.0),
    Clip::Quantile(0.9999),
    Clip::Quantile(0.999),
    Clip::Quantile(0.99),
];

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
        match self {
            Self::Headroom(times) => write!(f, "{times} x the largest"),
            Self::Quantile(q) => write!(f, "the {q} quantile"),
        }
    }
}

/// The magnitudes of one activation over the calibration rows, rising.
struct Magnitudes {
    name: String,
    sorted: Vec<f32>,
    least: f64,
    clips: &'static [Clip],
}

impl Magnitudes {
    fn new(name: String, mut values: Vec<f32>, least: f64, clips: &'static [Clip]) -> Self {
        values.iter_mut().for_each(|value| *value = value.abs());
        values.sort_unstable_by(f32::total_cmp);
        Self { name, sorted: values, least, clips }
    }

    fn range(&self, clip: Clip) -> f64 {
        let at = |q: f64| {
            self.sorted.get(((self.sorted.len() - 1) as f64 * q) as usize).map_or(0.0, |&value| f64::from(value))
        };
        let range = match clip {
            Clip::Headroom(times) => times * at(1.0).max(self.least),
            Clip::Quantile(q) => at(q).max(self.least),
        };
        // An activation that is always 0 has any range.
        if range > 0.0 { range } else { 1.0 }
    }
}

/// Chooses the range of each activation in turn, from the input on: the widest whose score error is within 5 % of the
/// least. One pass; the activations hardly depend on each other's ranges.
pub(super) fn choose(
    model: &Model<'_>,
    rows: ArrayView2<'_, f32>,
    indices: &[usize],
) -> Result<(Units, Vec<Range>), QuantizeError> {
    let tries = INPUT_CLIPS.len() + CLIPS.len() * (model.layers().len() + 1);
    let sample = Sample::new(model, rows, indices, tries)?;
    let magnitudes = magnitudes(model, sample.rows.view());
    let mut clips: Vec<Clip> = magnitudes.iter().map(|magnitudes| magnitudes.clips[1]).collect();
    let mut ranges = Vec::new();
    for (at, tensor) in magnitudes.iter().enumerate() {
        let mut tried = Vec::new();
        for &clip in tensor.clips {
            clips[at] = clip;
            let words = words(model, &units(model, &magnitudes, &clips))?;
            let draft = Draft { model, words, ranges: Vec::new(), tuned: None };
            tried.push((clip, sample.score_error(&draft)?));
        }
        let least = tried.iter().map(|(_, error)| *error).fold(f64::INFINITY, f64::min);
        let &(clip, score_error) = tried.iter().find(|(_, error)| *error <= least * TOLERANCE).unwrap_or(&tried[0]);
        clips[at] = clip;
        ranges.push(Range {
            name: tensor.name.clone(),
            range: tensor.range(clip),
            rule: clip.to_string(),
            score_error,
        });
    }
    Ok((units(model, &magnitudes, &clips), ranges))
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
        let most = (BUDGET / (times * model.multiply_adds()).max(1)).clamp(50, ROWS).min(rows.nrows());
        // Spread over the file, which may be sorted.
        let chosen: Vec<usize> = (0..most).map(|at| at * rows.nrows() / most).collect();
        let rows = rows.select(Axis(0), &chosen);
        let indices: Vec<usize> = chosen.iter().map(|&at| indices[at]).collect();
        let float = ModelFile::encode(model.header(), model.tensors());
        let expected = scoring::score_rows(&float, rows.view(), &indices)?;
        Ok(Self { rows, indices, expected })
    }

    pub fn score_error(&self, draft: &Draft<'_>) -> Result<f64, QuantizeError> {
        let scores = scores(&verdicts(&draft.uncalibrated()?, self.rows.view(), &self.indices)?);
        Ok(score_error(&self.expected, &scores))
    }
}

/// Root of the mean squared relative difference. A tenth of the median is added to each score, so that rows which are
/// reconstructed almost exactly do not decide alone.
fn score_error(expected: &[f32], scores: &[f32]) -> f64 {
    let mut sorted = expected.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let floor = 0.1 * f64::from(sorted[sorted.len() / 2]) + f64::from(f32::MIN_POSITIVE);
    let squares = expected.iter().zip(scores).map(|(&expected, &score)| {
        let difference = (f64::from(score) - f64::from(expected)) / (f64::from(expected) + floor);
        difference * difference
    });
    (squares.sum::<f64>() / expected.len() as f64).sqrt()
}

fn units(model: &Model<'_>, magnitudes: &[Magnitudes], clips: &[Clip]) -> Units {
    let mut ranges = magnitudes.iter().zip(clips).map(|(magnitudes, &clip)| magnitudes.range(clip) / LARGEST);
    let mut wanted = ranges.next().unwrap_or(1.0);
    let (inner, head): (Vec<f64>, Vec<f64>) = {
        let rest: Vec<f64> = ranges.collect();
        let (inner, head) = rest.split_at(model.layers().len() - 1);
        (inner.to_vec(), head.to_vec())
    };
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
            let head = head.first().zip(Whitening::of(model));
            let head = head.map(|(head, whitening)| head.max(layer::least_output(&whitening.dense(), latents)));
            return Units { input: wanted, layers, head };
        }
        wanted = 2.0 * least;
    }
}

/// The magnitudes of the scaled input, of each layer's outputs but the last one's, and of the whitened latents.
fn magnitudes(model: &Model<'_>, rows: ArrayView2<'_, f32>) -> Vec<Magnitudes> {
    let mut current = scaled_rows(model, rows).into_raw_vec_and_offset().0;
    let mut magnitudes = vec![Magnitudes::new("input".into(), current.clone(), LEAST_INPUT, &INPUT_CLIPS)];
    let mut whitened = None;
    let inner = model.layers().len() - 1;
    for (at, dense) in model.layers().take(inner).enumerate() {
        current = forward(&dense, &current);
        magnitudes.push(Magnitudes::new(format!("layer {}", at + 1), current.clone(), 0.0, &CLIPS));
        if at + 1 == usize::from(model.header().encoder_layers) {
            whitened = Whitening::of(model).map(|whitening| forward(&whitening.dense(), &current));
        }
    }
    if let Some(whitened) = whitened {
        magnitudes.push(Magnitudes::new(HeadKind::Mahalanobis.name().into(), whitened, 0.0, &CLIPS));
    }
    magnitudes
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
    use crate::data::synthetic::Synthetic;
    use crate::metrics;
    use crate::options::Options;
    use crate::train;
    use edgevae_core::format::Missing;
    use std::ops::ControlFlow;

    /// The figures of docs/QUANTIZATION.md on activations of 8 bits. Units 256 times as large leave 8 of the 16 bits in
    /// use.
    #[test]
    #[ignore = "measures, and takes a minute without optimization"]
    fn what_activations_of_8_bits_would_cost() {
        let dataset = Synthetic::default().generate().unwrap();
        let trained =
            train::train(&dataset, Missing::Error, &Options::default(), &mut |_| ControlFlow::Continue(())).unwrap();
        let model = trained.model.model().unwrap();
        let raw = |rows: &[usize]| dataset.features.select(Axis(0), rows);
        let (units, _) = choose(&model, raw(&trained.fitted_rows).view(), &trained.fitted_rows).unwrap();
        let sample = Sample::new(&model, raw(&trained.fitted_rows).view(), &trained.fitted_rows, 1).unwrap();
        let labels = trained.test_labels.as_deref().unwrap();
        let eight = |input: bool, layers: bool| Units {
            input: units.input * if input { 256.0 } else { 1.0 },
            layers: units.layers.iter().map(|unit| unit * if layers { 256.0 } else { 1.0 }).collect(),
            head: None,
        };
        println!("float: ROC-AUC {:.4}", metrics::roc_auc(&trained.test_scores, labels).unwrap());
        let mut errors = Vec::new();
        for (name, units) in
            [("16 bits", eight(false, false)), ("8 between layers", eight(false, true)), ("8 bits", eight(true, true))]
        {
            let draft = Draft { model: &model, words: words(&model, &units).unwrap(), ranges: vec![], tuned: None };
            let file = draft.uncalibrated().unwrap();
            let scores = scores(&verdicts(&file, raw(&trained.test_rows).view(), &trained.test_rows).unwrap());
            errors.push(sample.score_error(&draft).unwrap());
            let auc = metrics::roc_auc(&scores, labels).unwrap();
            println!("{name}: score error {:.2} %, ROC-AUC {auc:.4}", 100.0 * errors[errors.len() - 1]);
        }
        assert!(errors.is_sorted(), "fewer bits, more error");
    }
}
