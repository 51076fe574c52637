//! From a float model and calibration rows to an int8 model.
//!
//! [`Units`] says what one unit of each activation stands for; `ranges` chooses them by the score error that they
//! cause; `layer` and `input` turn the float numbers into integers of those units. The threshold is calibrated on the
//! scores of the int8 model itself: a threshold carried over from the float model would flag another share of the rows.

mod compare;
mod input;
mod layer;
mod qat;
mod ranges;

use edgevae_core::format::{CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Missing, Numbers};
use edgevae_core::{Dense, LoadError, Model, QuantizedModel};
use ndarray::{ArrayView2, Axis};
use serde::Serialize;

use crate::export::{self, TOOL};
use crate::model_file::ModelFile;
use crate::scoring::{RowError, RowScorer, RowVerdict};
use crate::threshold::{self, Calibration, ThresholdError};

pub use compare::{Comparison, Pair, Side, Tail};
pub use layer::LayerError;
pub use ranges::Range;

/// Fewer rows than this are refused: their ranges would be chance.
pub const LEAST_ROWS: usize = 10;
/// Fewer rows than this come with a warning.
pub const ENOUGH_ROWS: usize = 100;
/// A greater loss of ROC-AUC comes with the advice to fine-tune.
pub const WORTH_TUNING: f64 = 0.002;

/// Why a model cannot be quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// Too few calibration rows.
    #[error("{0} calibration rows; expected at least {LEAST_ROWS}, better {ENOUGH_ROWS} or more: give more rows")]
    TooFewRows(usize),
    /// The score has no integer form.
    #[error(
        "the score `{0}` has no integer form: {1}. Train with --score mse or --score mahalanobis to quantize, or keep the float model"
    )]
    NoIntegerForm(&'static str, &'static str),
    /// Scaled readings are clipped.
    #[error(
        "the model holds scaled readings within ±{0} (--clip), and an int8 model takes what is out of range for an anomaly; \
         train without --clip to quantize, or keep the float model"
    )]
    Clipped(f32),
    /// A layer has no int8 form.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Position of the layer, from 1.
        layer: usize,
        /// Why.
        source: LayerError,
    },
    /// A calibration row has no score.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The threshold cannot be calibrated.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The core refuses the file that was just made.
    #[error("the int8 model does not load: {0}; please report this")]
    Load(#[from] LoadError),
}

/// What one unit of each activation stands for, in the float model's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// Of the scaled input, its reconstruction and the residual.
    pub input: f64,
    /// Of each layer's outputs but the last one's.
    pub layers: Vec<f64>,
    /// Of the whitened latents, where the Mahalanobis distance is the score.
    pub head: Option<f64>,
}

/// An int8 model without a threshold.
#[derive(Debug)]
pub struct Draft<'m> {
    model: &'m Model<'m>,
    words: Vec<i32>,
    /// The range of each activation and why it was chosen.
    pub ranges: Vec<Range>,
    /// What fine-tuning did, if there was any.
    pub tuned: Option<Tuned>,
}

/// How a network is fine-tuned for rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Passes over the calibration rows; 0: weights are rounded as they are.
    pub epochs: usize,
    /// Determines the order of the rows and how they are displaced.
    pub seed: u64,
}

/// What fine-tuning did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuned {
    /// Passes over the calibration rows.
    pub epochs: usize,
    /// The epoch whose weights have the least score error; 0: those before.
    pub kept_epoch: usize,
    /// Score error of rounding alone: root of the mean squared relative difference to the float scores.
    pub score_error_before: f64,
    /// The same with the weights that were kept.
    pub score_error: f64,
}

/// Chooses ranges from calibration rows and quantizes a model.
///
/// # Shapes
/// `rows`: `[ROWS, IN]` in raw units, representative of normal operation; `indices`: `[ROWS]`, places in the data set
/// counted from 0, for messages.
///
/// # Errors
/// [`QuantizeError`].
pub fn quantize<'m>(
    model: &'m Model<'m>,
    rows: ArrayView2<'_, f32>,
    indices: &[usize],
    tuning: Tuning,
) -> Result<Draft<'m>, QuantizeError> {
    if rows.nrows() < LEAST_ROWS {
        return Err(QuantizeError::TooFewRows(rows.nrows()));
    }
    check_head(model)?;
    if model.header().clip.is_finite() {
        return Err(QuantizeError::Clipped(model.header().clip));
    }
    let (units, ranges) = ranges::choose(model, rows, indices)?;
    let mut draft = Draft { model, words: words(model, &units)?, ranges, tuned: None };
    if tuning.epochs > 0 {
        draft.tune(&units, rows, indices, tuning)?;
    }
    Ok(draft)
}

fn check_head(model: &Model<'_>) -> Result<(), QuantizeError> {
    let refuse = |name, why| Err(QuantizeError::NoIntegerForm(name, why));
    match model.header().heads.as_slice() {
        [HeadSpec { kind: HeadKind::Mse | HeadKind::Mahalanobis, .. }] => Ok(()),
        [HeadSpec { kind: kind @ (HeadKind::Nll | HeadKind::Elbo), .. }] => {
            refuse(kind.name(), "it divides by variances that are exponentials of network outputs")
        }
        [HeadSpec { kind: kind @ HeadKind::ReconstructionProbability { .. }, .. }] => {
            refuse(kind.name(), "it averages exponentials over draws of the latents")
        }
        [HeadSpec { kind, knots: 0 }] => {
            refuse(kind.name(), "its parameters are kept in floating point, and no integer form of them is built")
        }
        _ => refuse("combination", "its parts are brought to one footing in floating point"),
    }
}

/// The words of an int8 file: a threshold of 0, the score's unit, inputs, layers, head.
fn words(model: &Model<'_>, units: &Units) -> Result<Vec<i32>, QuantizeError> {
    let unit = match units.head {
        Some(head) => head * head,
        None => units.input * units.input / model.inputs() as f64,
    };
    let mut words = vec![0, 0, (unit as f32).to_bits() as i32];
    for (&mean, &reciprocal) in model.means().iter().zip(model.reciprocals()) {
        words.extend(input::input(mean, reciprocal, units.input).to_words());
    }
    let outputs = units.layers.iter().chain([&units.input]);
    let mut unit = units.input;
    for (at, (dense, &output)) in model.layers().zip(outputs).enumerate() {
        layer::push_layer(&mut words, &dense, unit, output)
            .map_err(|source| QuantizeError::Layer { layer: at + 1, source })?;
        unit = output;
    }
    if let (Some(whitening), Some(head)) = (Whitening::of(model), units.head) {
        let latents = units.layers[usize::from(model.header().encoder_layers) - 1];
        layer::push_layer(&mut words, &whitening.dense(), latents, head)
            .map_err(|source| QuantizeError::Layer { layer: units.layers.len() + 2, source })?;
    }
    Ok(words)
}

/// The model with other weights and biases of its layers.
fn with_layers(model: &Model<'_>, parameters: &[f32]) -> ModelFile {
    let mut tensors = model.tensors().to_vec();
    let statistics = if model.header().missing == Missing::Mean { 3 } else { 2 };
    tensors[statistics * model.inputs()..][..parameters.len()].copy_from_slice(parameters);
    ModelFile::encode(model.header(), &tensors)
}

/// The Mahalanobis head as a dense layer: `y = W mu - W mean`, so that the distance is `|y|`.
struct Whitening {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Whitening {
    fn of(model: &Model<'_>) -> Option<Self> {
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
        Some(Self { weight, bias })
    }

    fn dense(&self) -> Dense<'_> {
        Dense { weight: &self.weight, bias: &self.bias, activation: edgevae_core::format::Activation::Linear }
    }
}

impl Draft<'_> {
    /// Fine-tunes the weights for the units and keeps those of the epoch with the least score error, if that is less than
    /// the error of rounding alone.
    fn tune(
        &mut self,
        units: &Units,
        rows: ArrayView2<'_, f32>,
        indices: &[usize],
        tuning: Tuning,
    ) -> Result<(), QuantizeError> {
        let model = self.model;
        let sample = ranges::Sample::new(model, rows, indices, tuning.epochs + 1)?;
        let before = sample.score_error(self)?;
        let mut tuned = Tuned { epochs: tuning.epochs, kept_epoch: 0, score_error_before: before, score_error: before };
        let mut epoch = 0;
        qat::tune(model, units, rows, (tuning.epochs, tuning.seed), &mut |parameters| {
            epoch += 1;
            let file = with_layers(model, parameters);
            let words = words(&file.model()?, units)?;
            let draft = Draft { model, words, ranges: Vec::new(), tuned: None };
            let score_error = sample.score_error(&draft)?;
            if score_error < tuned.score_error {
                self.words = draft.words;
                (tuned.kept_epoch, tuned.score_error) = (epoch, score_error);
            }
            Ok(())
        })?;
        self.tuned = Some(tuned);
        Ok(())
    }

    /// The file with a threshold that flags nothing but readings out of range; its scores calibrate.
    ///
    /// # Errors
    /// [`QuantizeError::Load`] when the core refuses it.
    pub fn uncalibrated(&self) -> Result<ModelFile, QuantizeError> {
        let never = threshold::at_threshold(&[], f32::MAX)?;
        self.calibrated(&never, CalibrationSet::ByHand)
    }

    /// The file with a threshold and where it comes from.
    ///
    /// # Errors
    /// [`QuantizeError::Load`] when the core refuses it.
    pub fn calibrated(&self, calibration: &Calibration, set: CalibrationSet) -> Result<ModelFile, QuantizeError> {
        let header = Header {
            numbers: Numbers::Int8,
            tool: TOOL.as_bytes(),
            encoder_logvar: false,
            decoder_variance: DecoderVariance::Unit,
            threshold: calibration.threshold,
            calibration: export::record(calibration, set),
            ..self.model.header().clone()
        };
        with_threshold(&header, &self.words)
    }
}

/// A table and the rows of it that serve to quantize a model.
#[derive(Clone, Copy, Debug)]
pub struct Quantization<'a> {
    /// Raw units, `[ROWS, IN]`.
    pub features: ArrayView2<'a, f32>,
    /// `true` for an anomaly.
    pub labels: Option<&'a [bool]>,
    /// Rows that give the ranges.
    pub ranges_from: &'a [usize],
    /// Rows whose int8 scores give the threshold.
    pub threshold_from: &'a [usize],
    /// Rows that both models are compared on.
    pub compared: &'a [usize],
    /// What `threshold_from` are.
    pub set: CalibrationSet,
    /// Quantile of their scores.
    pub quantile: f64,
    /// Fine-tuning, on the rows that give the ranges.
    pub tuning: Tuning,
}

/// An int8 model and how it compares with the float one.
#[derive(Debug)]
pub struct Quantized {
    /// The calibrated file, reloaded.
    pub file: ModelFile,
    /// Ranges and comparison.
    pub report: Report,
    /// Things that the user should know.
    pub warnings: Vec<String>,
}

/// What `edgevae quantize` reports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The range of each activation.
    pub ranges: Vec<Range>,
    /// What fine-tuning did; `null` without any.
    pub tuned: Option<Tuned>,
    /// Float and int8 side by side.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Report {
    /// The report as a file.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain numbers and strings always serialize") + "\n"
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for Range { name, range, rule, score_error } in &self.ranges {
            writeln!(f, "range of {name:<25} {range:>14.4} ({rule}; score error {:.3} %)", 100.0 * score_error)?;
        }
        if let Some(Tuned { epochs, kept_epoch, score_error_before, score_error }) = &self.tuned {
            writeln!(
                f,
                "fine-tuned for {epochs} epochs, epoch {kept_epoch} kept: score error {:.3} % where rounding alone has {:.3} %",
                100.0 * score_error,
                100.0 * score_error_before
            )?;
        }
        self.comparison.fmt(f)
    }
}

impl Quantization<'_> {
    /// Quantizes, calibrates on the int8 model's own scores, reloads and compares.
    ///
    /// # Errors
    /// [`QuantizeError`].
    pub fn of(&self, model: &Model<'_>) -> Result<Quantized, QuantizeError> {
        let raw = |rows: &[usize]| self.features.select(Axis(0), rows);
        let mut warnings = Vec::new();
        if (LEAST_ROWS..ENOUGH_ROWS).contains(&self.ranges_from.len()) {
            warnings.push(format!(
                "{} calibration rows are few to take ranges from; give {ENOUGH_ROWS} or more",
                self.ranges_from.len()
            ));
        }
        warnings.extend(self.warn_about_constant_columns(model));
        let draft = quantize(model, raw(self.ranges_from).view(), self.ranges_from, self.tuning)?;
        let float = ModelFile::encode(model.header(), model.tensors());
        let int8 = draft.uncalibrated()?;
        let verdicts = |file: &ModelFile, rows: &[usize]| verdicts(file, raw(rows).view(), rows);
        let calibrate = |file| -> Result<Calibration, QuantizeError> {
            let ranks: Vec<f32> = verdicts(file, self.threshold_from)?.iter().map(RowVerdict::rank).collect();
            Ok(threshold::calibrate(&ranks, self.quantile)?)
        };
        let (float_calibration, int8_calibration) = (calibrate(&float)?, calibrate(&int8)?);
        warnings.extend(int8_calibration.warning());
        let file = draft.calibrated(&int8_calibration, self.set)?;

        let (float, int8) = (verdicts(&float, self.compared)?, verdicts(&file, self.compared)?);
        let labels: Option<Vec<bool>> =
            self.labels.map(|labels| self.compared.iter().map(|&row| labels[row]).collect());
        let pair = Pair { float: &float, int8: &int8, labels: labels.as_deref() };
        let comparison = Comparison::of(pair, (&float_calibration, &int8_calibration));
        if self.tuning.epochs == 0 && comparison.roc_auc_loss().is_some_and(|loss| loss > WORTH_TUNING) {
            warnings.push(format!(
                "rounding loses more than {WORTH_TUNING} of the ROC-AUC; --qat 10 lowers the error of the scores, compare both reports"
            ));
        }
        let report = Report { ranges: draft.ranges, tuned: draft.tuned, comparison };
        Ok(Quantized { file, report, warnings })
    }
}

impl Quantization<'_> {
    /// Columns that stand still in the rows that give the ranges although they did not in training, whose one value is the
    /// mean.
    fn warn_about_constant_columns(&self, model: &Model<'_>) -> Option<String> {
        let &first = self.ranges_from.first()?;
        let stands_still = |&feature: &usize| {
            let column = self.features.column(feature);
            self.ranges_from.iter().all(|&row| column[row] == column[first]) && column[first] != model.means()[feature]
        };
        let constant: Vec<usize> = (0..model.inputs()).filter(stands_still).collect();
        let names: Vec<&str> = model
            .feature_names()
            .enumerate()
            .filter(|(at, _)| constant.contains(at))
            .map(|(_, name)| name)
            .take(5)
            .collect();
        (!names.is_empty()).then(|| {
            let more = constant.len() - names.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!(
                "{} of {} columns do not change in the calibration rows, so that their ranges say little: {}{more}",
                constant.len(),
                model.inputs(),
                names.join(", ")
            )
        })
    }
}

/// The same int8 model with another threshold.
///
/// # Errors
/// [`LoadError`] when the core refuses the file.
pub fn recalibrated(
    model: &QuantizedModel<'_>,
    calibration: &Calibration,
    set: CalibrationSet,
) -> Result<ModelFile, QuantizeError> {
    let header = Header {
        threshold: calibration.threshold,
        calibration: export::record(calibration, set),
        tool: TOOL.as_bytes(),
        ..model.header()
    };
    with_threshold(&header, model.words())
}

/// Encodes a file whose integer threshold agrees with the header's: the largest score that is rendered at or below it.
fn with_threshold(header: &Header<'_>, words: &[i32]) -> Result<ModelFile, QuantizeError> {
    let file = ModelFile::encode_words(header, words);
    let model = file.quantized()?;
    // Rendered scores never fall as scores rise, so halving finds the last one that is not above the threshold.
    let (mut below, mut above) = (0_u64, u64::MAX);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if model.rendered(middle) <= header.threshold { below = middle } else { above = middle }
    }
    let mut words = words.to_vec();
    (words[0], words[1]) = (below as u32 as i32, (below >> 32) as u32 as i32);
    let file = ModelFile::encode_words(header, &words);
    file.quantized()?;
    Ok(file)
}

/// Verdicts on a table's rows by a model of either kind, scores in the float model's unit.
///
/// # Shapes
/// As [`scoring::score_rows`](crate::scoring::score_rows).
///
/// # Errors
/// The first row that has no score.
///
/// # Panics
/// When `file` does not load: callers have loaded it before.
pub fn verdicts(file: &ModelFile, raw: ArrayView2<'_, f32>, indices: &[usize]) -> Result<Vec<RowVerdict>, RowError> {
    let model = file.any().expect("the caller has loaded this model");
    let raw = raw.as_standard_layout();
    let mut verdicts = Vec::new();
    RowScorer::new(&model)
        .score(raw.as_slice().expect("the standard layout is one slice"), &mut verdicts)
        .map_err(|(row, source)| RowError { row: indices[row] + 1, source })?;
    Ok(verdicts)
}
