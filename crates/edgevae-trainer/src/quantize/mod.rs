//! From a float model and calibration rows to an int8 model.
//!
//! [`Units`] says what one unit of each activation stands for; `ranges` chooses them by the score error that they
//! cause; `layer` and `input` turn the float numbers into integers of those units. The threshold is calibrated on the
//! scores of the int8 model itself: a threshold carried over from the float model would flag another share of the rows.
//! A model whose scores have little to do with the float ones is refused: it would be blind and look sound.

mod compare;
mod error;
mod input;
mod layer;
mod qat;
mod ranges;

use edgevae_core::format::{Activation, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Missing, Numbers};
use edgevae_core::{Dense, Model, QuantizedModel, ScoreError};
use ndarray::{ArrayView2, Axis};
use serde::Serialize;

use crate::data::block::Position;
use crate::export::{self, TOOL};
use crate::model_file::ModelFile;
use crate::report::format::plural;
use crate::scoring::{RowError, RowScorer, RowVerdict};
use crate::threshold::{self, Calibration};

pub use compare::{Comparison, Pair, Side, Tail};
pub use error::{QuantizeError, Widest};
use layer::Inputs;
pub use layer::LayerError;
use ranges::Choice;
pub use ranges::Range;

/// Fewer rows than this are refused: their ranges would be chance.
pub const LEAST_ROWS: usize = 10;
/// Fewer rows than this come with a warning.
pub const ENOUGH_ROWS: usize = 100;
/// A greater loss of ROC-AUC comes with the advice to fine-tune.
pub const WORTH_TUNING: f64 = 0.002;
/// A greater share of calibration rows above the float model's threshold comes with a warning.
const MOST_ANOMALIES: f64 = 0.5;
/// A greater score error comes with a warning.
pub const LARGE_ERROR: f64 = 0.05;
/// A greater score error is refused.
pub const MOST_ERROR: f64 = 0.5;

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
    /// Calibration rows whose scores decided.
    pub searched: usize,
    /// Score error on them: root of the mean squared relative difference to the float scores. After fine-tuning, with the
    /// weights that were kept.
    pub score_error: f64,
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
    let kinds: Vec<HeadKind> = model.header().heads.iter().map(|head| head.kind).collect();
    check(&kinds, model.header().clip)?;
    check_fills(model)?;
    let file = network(model);
    let network = file.model()?;
    let Choice { units, inputs, ranges, score_error, rows: searched } =
        ranges::choose((model, &network), rows, indices)?;
    let words = words(&network, &units, &inputs)?;
    let mut draft = Draft { model, words, ranges, searched, score_error, tuned: None };
    if tuning.epochs > 0 {
        draft.tune((&network, &units, &inputs), rows, indices, tuning)?;
    }
    Ok(draft)
}

/// Whether a model with these heads, whose scaled readings are held within `±clip`, has an int8 form.
///
/// # Errors
/// [`QuantizeError::NoIntegerForm`], [`QuantizeError::Clipped`].
pub fn check(heads: &[HeadKind], clip: f32) -> Result<(), QuantizeError> {
    let refuse = |name, why| Err(QuantizeError::NoIntegerForm(name, why));
    match *heads {
        _ if clip.is_finite() => Err(QuantizeError::Clipped(clip)),
        [HeadKind::Mse | HeadKind::Mahalanobis] => Ok(()),
        [kind @ (HeadKind::Nll | HeadKind::Elbo)] => {
            refuse(kind.name(), "it divides by variances that are exponentials of network outputs")
        }
        [kind @ HeadKind::ReconstructionProbability { .. }] => {
            refuse(kind.name(), "it averages exponentials over draws of the latents")
        }
        [kind] => {
            refuse(kind.name(), "its parameters are kept in floating point, and no integer form of them is built")
        }
        _ => refuse("combined` or `density", "its parts are brought to one footing in floating point"),
    }
}

/// In integers a missing reading becomes the mean, 0, and nothing else.
fn check_fills(model: &Model<'_>) -> Result<(), QuantizeError> {
    let differs = |at: &usize| model.fills()[*at] != model.means()[*at];
    let at = (0..model.fills().len()).find(differs);
    at.map_or(Ok(()), |at| {
        let column = model.feature_names().nth(at).unwrap_or_default().to_owned();
        Err(QuantizeError::Fill { column, fill: model.fills()[at], mean: model.means()[at] })
    })
}

/// The words of an int8 file: a threshold of 0, the score's unit, inputs, layers, head.
fn words(model: &Model<'_>, units: &Units, inputs: &[Inputs]) -> Result<Vec<i32>, QuantizeError> {
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
        layer::push_layer(&mut words, &dense, &inputs[at], unit, output)
            .map_err(|source| QuantizeError::Layer { layer: at + 1, source })?;
        unit = output;
    }
    if let (Some(whitening), Some(head)) = (Whitening::of(model), units.head) {
        let decoder = usize::from(model.header().encoder_layers);
        let (inputs, latents) = (&inputs[decoder], units.layers[decoder - 1]);
        layer::push_layer(&mut words, &whitening.dense(), inputs, latents, head)
            .map_err(|source| QuantizeError::Layer { layer: units.layers.len() + 2, source })?;
    }
    Ok(words)
}

/// The model with other weights and biases of its layers.
fn with_layers(model: &Model<'_>, parameters: &[f32]) -> ModelFile {
    let mut tensors = model.tensors().to_vec();
    put_layers(model, &mut tensors, parameters);
    ModelFile::encode(model.header(), &tensors)
}

fn put_layers(model: &Model<'_>, tensors: &mut [f32], parameters: &[f32]) {
    let statistics = if model.header().missing == Missing::Mean { 3 } else { 2 };
    tensors[statistics * model.inputs()..][..parameters.len()].copy_from_slice(parameters);
}

/// The network that is quantized: the model's, and where the Mahalanobis distance is the score one with the same outputs
/// whose latents are whitened by their own layer.
///
/// A whitening behind rounded latents would enlarge their rounding, a thousandfold where a latent hardly varies. The latent
/// layer `mu = A h + b` is linear, so `y = W (mu - mean)` is one too, `(W A) h + W (b - mean)`; the decoder's first layer
/// `B mu + c` becomes `(B W^-1) y + (B mean + c)`, and the head has mean 0 and the identity for its matrix.
fn network(model: &Model<'_>) -> ModelFile {
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
struct Whitening {
    /// `[LATENT][LATENT]`, lower triangular with a positive diagonal.
    weight: Vec<f32>,
    bias: Vec<f32>,
    mean: Vec<f32>,
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
        Some(Self { weight, bias, mean: mean.to_vec() })
    }

    fn dense(&self) -> Dense<'_> {
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

impl Draft<'_> {
    /// Fine-tunes the weights for the units and keeps those of the epoch with the least score error, if that is less than
    /// the error of rounding alone.
    fn tune(
        &mut self,
        (network, units, inputs): (&Model<'_>, &Units, &[Inputs]),
        rows: ArrayView2<'_, f32>,
        indices: &[usize],
        tuning: Tuning,
    ) -> Result<(), QuantizeError> {
        let model = self.model;
        let sample = ranges::Sample::new(model, rows, indices, tuning.epochs + 1)?;
        let before = sample.score_error(model, &self.words)?;
        let mut tuned = Tuned { epochs: tuning.epochs, kept_epoch: 0, score_error_before: before, score_error: before };
        let mut epoch = 0;
        qat::tune((network, units, inputs), rows, (tuning.epochs, tuning.seed), &mut |parameters| {
            epoch += 1;
            let file = with_layers(network, parameters);
            let words = words(&file.model()?, units, inputs)?;
            let score_error = sample.score_error(model, &words)?;
            if score_error < tuned.score_error {
                self.words = words;
                (tuned.kept_epoch, tuned.score_error) = (epoch, score_error);
            }
            Ok(())
        })?;
        (self.searched, self.score_error) = (sample.len(), tuned.score_error);
        self.tuned = Some(tuned);
        Ok(())
    }

    /// The file with a threshold that flags nothing but readings out of range; its scores calibrate.
    ///
    /// # Errors
    /// [`QuantizeError::Load`] when the core refuses it.
    pub fn uncalibrated(&self) -> Result<ModelFile, QuantizeError> {
        uncalibrated(self.model, &self.words)
    }

    /// The file with a threshold and where it comes from.
    ///
    /// # Errors
    /// [`QuantizeError::Load`] when the core refuses it.
    pub fn calibrated(&self, calibration: &Calibration, set: CalibrationSet) -> Result<ModelFile, QuantizeError> {
        calibrated(self.model, &self.words, calibration, set)
    }
}

fn uncalibrated(model: &Model<'_>, words: &[i32]) -> Result<ModelFile, QuantizeError> {
    calibrated(model, words, &threshold::at_threshold(&[], f32::MAX)?, CalibrationSet::ByHand)
}

fn calibrated(
    model: &Model<'_>,
    words: &[i32],
    calibration: &Calibration,
    set: CalibrationSet,
) -> Result<ModelFile, QuantizeError> {
    let header = Header {
        numbers: Numbers::Int8,
        tool: TOOL.as_bytes(),
        encoder_logvar: false,
        decoder_variance: DecoderVariance::Unit,
        threshold: calibration.threshold,
        calibration: export::record(calibration, set),
        ..model.header().clone()
    };
    with_threshold(&header, words)
}

/// A table and the rows of it that serve to quantize a model.
#[derive(Clone, Copy, Debug)]
pub struct Quantization<'a> {
    /// Raw units, `[ROWS, IN]`.
    pub features: ArrayView2<'a, f32>,
    /// `true` for an anomaly.
    pub labels: Option<&'a [bool]>,
    /// Where each row stands in its source, for messages: `[ROWS]`.
    pub places: &'a [Position],
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
    /// Rows that give the ranges.
    pub calibration_rows: usize,
    /// How many of them were scored to choose among ranges, or to choose the epoch of fine-tuning; the range of the readings
    /// is taken from all.
    pub searched_rows: usize,
    /// Score error of the model that is written: root of the mean squared relative difference to the float scores.
    pub score_error: f64,
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
        writeln!(
            f,
            "ranges of readings from {}; score errors from {} of them, spread evenly",
            plural(self.calibration_rows, "calibration row"),
            self.searched_rows
        )?;
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
        if self.ranges_from.is_empty() && self.labels.is_some_and(|labels| !labels.is_empty()) {
            return Err(QuantizeError::NoNormalRows(self.features.nrows()));
        }
        self.unplaced(model).map_err(|error| match error {
            QuantizeError::UnplacedRow(RowError { row, source }) => {
                let feature = if let ScoreError::NonFinite { index } = source { Some(index) } else { None };
                let column = feature.and_then(|at| model.feature_names().nth(at)).map(str::to_owned);
                QuantizeError::Row { place: self.places[row - 1], column, source }
            }
            error => error,
        })
    }

    fn unplaced(&self, model: &Model<'_>) -> Result<Quantized, QuantizeError> {
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
        let score_error = draft.score_error;
        if score_error > MOST_ERROR {
            return Err(QuantizeError::Blind { error: score_error, widest: self.widest(model) });
        }
        let float = ModelFile::encode(model.header(), model.tensors());
        let int8 = draft.uncalibrated()?;
        let verdicts = |file: &ModelFile, rows: &[usize]| verdicts(file, raw(rows).view(), rows);
        let calibrate = |file| -> Result<(Calibration, Vec<RowVerdict>), QuantizeError> {
            let verdicts = verdicts(file, self.threshold_from)?;
            let ranks: Vec<f32> = verdicts.iter().map(RowVerdict::rank).collect();
            Ok((threshold::calibrate(&ranks, self.quantile)?, verdicts))
        };
        let ((float_calibration, float_rows), (int8_calibration, int8_rows)) = (calibrate(&float)?, calibrate(&int8)?);
        self.check_threshold(model, &float_calibration, (&int8_calibration, &int8_rows))?;
        warnings.extend(int8_calibration.warning());
        warnings.extend(self.warn_about_other_rows(model, &float_rows));
        warnings.extend(self.warn_about_error(model, score_error, &verdicts(&int8, self.ranges_from)?));
        let file = draft.calibrated(&int8_calibration, self.set)?;

        let (float, int8) = (verdicts(&float, self.compared)?, verdicts(&file, self.compared)?);
        let labels: Option<Vec<bool>> =
            self.labels.map(|labels| self.compared.iter().map(|&row| labels[row]).collect());
        let pair = Pair { float: &float, int8: &int8, labels: labels.as_deref() };
        let comparison = Comparison::of(pair, (&float_calibration, &int8_calibration));
        warnings.extend(comparison.roc_auc_loss().and_then(|loss| warn_about_loss(loss, draft.tuned.is_some())));
        let report = Report {
            ranges: draft.ranges,
            calibration_rows: self.ranges_from.len(),
            searched_rows: draft.searched,
            score_error,
            tuned: draft.tuned,
            comparison,
        };
        Ok(Quantized { file, report, warnings })
    }

    /// Refuses a threshold that no row is above, or every row.
    fn check_threshold(
        &self,
        model: &Model<'_>,
        float: &Calibration,
        (int8, verdicts): (&Calibration, &[RowVerdict]),
    ) -> Result<(), QuantizeError> {
        if int8.threshold <= f32::MIN_POSITIVE && float.threshold > f32::MIN_POSITIVE {
            return Err(QuantizeError::Collapsed { float: float.threshold, widest: self.widest(model) });
        }
        let (out, within): (Vec<&RowVerdict>, Vec<&RowVerdict>) =
            verdicts.iter().partition(|verdict| verdict.out_of_range == Some(true));
        let highest = within.iter().fold(0.0, |highest: f32, verdict| highest.max(verdict.score));
        if !out.is_empty() && int8.threshold > highest {
            return Err(QuantizeError::OutOfRange {
                out_of_range: out.len(),
                rows: verdicts.len(),
                quantile: self.quantile,
                widest: self.widest(model),
            });
        }
        Ok(())
    }

    /// The reading that is farthest out among the rows that give the ranges.
    fn widest(&self, model: &Model<'_>) -> Widest {
        let scale = |row: usize, feature: usize| {
            let raw = self.features[[row, feature]];
            edgevae_core::standardize(raw, model.means()[feature], model.reciprocals()[feature])
        };
        let cells = self.ranges_from.iter().flat_map(|&row| (0..model.inputs()).map(move |feature| (row, feature)));
        let finite = cells.filter(|&(row, feature)| scale(row, feature).is_finite());
        let by_magnitude = |a: &(usize, usize), b: &(usize, usize)| {
            scale(a.0, a.1).abs().total_cmp(&scale(b.0, b.1).abs()).then(b.cmp(a))
        };
        let (row, feature) = finite.max_by(by_magnitude).unwrap_or_default();
        Widest {
            place: self.places[row],
            column: model.feature_names().nth(feature).unwrap_or_default().to_owned(),
            reading: self.features[[row, feature]],
            scaled: scale(row, feature),
        }
    }

    /// Rows that the float model takes for anomalies are no normal operation of its machine.
    fn warn_about_other_rows(&self, model: &Model<'_>, float: &[RowVerdict]) -> Option<String> {
        let quantile = model.calibration().quantile?;
        let share = float.iter().filter(|verdict| verdict.is_anomaly).count() as f64 / float.len() as f64;
        (share > MOST_ANOMALIES).then(|| {
            format!(
                "{:.0} % of the calibration rows are above the float model's own threshold {}, which was set for {:.1} %: are they \
                 normal operation of the machine that it was trained on? The int8 model's ranges and threshold follow them. The \
                 widest reading is {}",
                100.0 * share,
                model.threshold(),
                100.0 * (1.0 - quantile),
                self.widest(model)
            )
        })
    }

    /// A large score error, and rows that cause it: `int8` are the verdicts on the rows that give the ranges.
    fn warn_about_error(&self, model: &Model<'_>, score_error: f64, int8: &[RowVerdict]) -> Option<String> {
        let out_of_range = int8.iter().filter(|verdict| verdict.out_of_range == Some(true)).count();
        let is_large = score_error > LARGE_ERROR;
        if !is_large && out_of_range == 0 {
            return None;
        }
        let mut warning = String::new();
        if is_large {
            warning += &format!(
                "the int8 scores differ by {:.1} % from the float ones (root mean square over calibration rows); ",
                100.0 * score_error
            );
        }
        if out_of_range > 0 {
            warning += &format!(
                "calibration rows with a reading out of the int8 model's range, which are anomalies to it: {out_of_range} of {}; ",
                int8.len()
            );
        }
        warning +=
            &format!("the widest reading is {}: correct or remove what is no normal operation", self.widest(model));
        if is_large {
            warning += ", fine-tune with --qat 10, or keep the float model";
        }
        Some(warning)
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

/// By how much the float model's ROC-AUC is higher, where that is worth a word.
fn warn_about_loss(loss: f64, is_tuned: bool) -> Option<String> {
    let (cause, way_out) = if is_tuned {
        ("after fine-tuning the int8 model still loses", "give more rows of normal operation, or keep the float model")
    } else {
        ("rounding loses", "--qat 10 lowers the error of the scores, compare both reports")
    };
    (loss > WORTH_TUNING).then(|| format!("{cause} {loss:.4} of the ROC-AUC; {way_out}"))
}

/// The same int8 model with another threshold.
///
/// # Errors
/// [`edgevae_core::LoadError`] when the core refuses the file.
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

#[cfg(test)]
mod tests;
