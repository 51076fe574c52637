//! From a float model and calibration rows to an int8 model.
//!
//! [`Quantization`] is the whole path, and [`quantize`], in `draft`, its beginning. [`Units`] says what one unit of each
//! activation stands for; `ranges` chooses them by the score error that they cause; `network` is what is quantized;
//! `layer` and `input` turn its float numbers into integers of those units; `qat` fine-tunes them. `file` makes a model
//! file of it all, `compare` puts it beside the float model, `soundness` says what speaks against it, `report` prints.
//!
//! The threshold is calibrated on the scores of the int8 model itself: a threshold carried over from the float model
//! would flag another share of the rows. A model whose scores have little to do with the float ones is refused: it would
//! be blind and look sound.

mod compare;
mod draft;
mod error;
mod file;
mod input;
mod layer;
mod network;
mod qat;
mod ranges;
mod report;
mod soundness;

use edgevae_core::format::CalibrationSet;
use edgevae_core::{Model, ScoreError};
use ndarray::{Array2, ArrayView2, Axis};

use crate::calibrate::threshold::{self, Calibration};
use crate::export::model_file::ModelFile;
use crate::score::{RowError, RowScorer, RowVerdict};
use crate::table::block::Position;

pub use compare::{Comparison, Pair, Side, Tail};
pub use draft::{Draft, Tuned, Tuning, Units, check, quantize};
pub use error::{QuantizeError, Widest};
pub use file::recalibrated;
pub use layer::LayerError;
pub use ranges::Range;
pub use report::Report;
use soundness::warn_about_loss;

/// Fewer rows than this are refused: their ranges would be chance.
pub const LEAST_ROWS: usize = 10;
/// Fewer rows than this come with a warning.
pub const ENOUGH_ROWS: usize = 100;
/// A greater loss of ROC-AUC comes with the advice to fine-tune.
pub const WORTH_TUNING: f64 = 0.002;
/// A greater score error comes with a warning.
pub const LARGE_ERROR: f64 = 0.05;
/// A greater score error is refused.
pub const MOST_ERROR: f64 = 0.5;

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

impl Quantization<'_> {
    /// Quantizes, calibrates on the int8 model's own scores, reloads and compares.
    ///
    /// # Errors
    /// [`QuantizeError`].
    pub fn of(&self, model: &Model<'_>) -> Result<Quantized, QuantizeError> {
        if self.ranges_from.is_empty() && self.labels.is_some_and(|labels| !labels.is_empty()) {
            return Err(QuantizeError::NoNormalRows(self.features.nrows()));
        }
        self.run(model).map_err(|error| match error {
            QuantizeError::UnplacedRow(error) => self.placed(model, error),
            error => error,
        })
    }

    /// [`Quantization::of`], whose errors know a row's number and not its place.
    fn run(&self, model: &Model<'_>) -> Result<Quantized, QuantizeError> {
        let mut warnings = Vec::new();
        warnings.extend(self.warn_about_few_rows());
        warnings.extend(self.warn_about_constant_columns(model));
        let draft = quantize(model, self.raw(self.ranges_from).view(), self.ranges_from, self.tuning)?;
        self.check_error(model, draft.score_error)?;
        let (float, int8) = (ModelFile::encode(model.header(), model.tensors()), draft.uncalibrated()?);
        let (float_calibration, float_verdicts) = self.calibrate(&float)?;
        let (int8_calibration, int8_verdicts) = self.calibrate(&int8)?;
        self.check_threshold(model, &float_calibration, (&int8_calibration, &int8_verdicts))?;
        warnings.extend(int8_calibration.warning());
        warnings.extend(self.warn_about_other_rows(model, &float_verdicts));
        warnings.extend(self.warn_about_error(model, draft.score_error, &self.verdicts(&int8, self.ranges_from)?));
        let file = draft.calibrated(&int8_calibration, self.set)?;
        let comparison = self.compare((&float, &float_calibration), (&file, &int8_calibration))?;
        warnings.extend(comparison.roc_auc_loss().and_then(|loss| warn_about_loss(loss, draft.tuned.is_some())));
        let report = Report {
            ranges: draft.ranges,
            calibration_rows: self.ranges_from.len(),
            searched_rows: draft.searched,
            score_error: draft.score_error,
            tuned: draft.tuned,
            comparison,
        };
        Ok(Quantized { file, report, warnings })
    }

    /// The threshold that a model's own scores give, and its verdicts on the rows that give it.
    fn calibrate(&self, file: &ModelFile) -> Result<(Calibration, Vec<RowVerdict>), QuantizeError> {
        let verdicts = self.verdicts(file, self.threshold_from)?;
        let ranks: Vec<f32> = verdicts.iter().map(RowVerdict::rank).collect();
        Ok((threshold::calibrate(&ranks, self.quantile)?, verdicts))
    }

    fn compare(
        &self,
        (float, float_calibration): (&ModelFile, &Calibration),
        (int8, int8_calibration): (&ModelFile, &Calibration),
    ) -> Result<Comparison, RowError> {
        let (float, int8) = (self.verdicts(float, self.compared)?, self.verdicts(int8, self.compared)?);
        let labels: Option<Vec<bool>> =
            self.labels.map(|labels| self.compared.iter().map(|&row| labels[row]).collect());
        let pair = Pair { float: &float, int8: &int8, labels: labels.as_deref() };
        Ok(Comparison::of(pair, (float_calibration, int8_calibration)))
    }

    fn verdicts(&self, file: &ModelFile, rows: &[usize]) -> Result<Vec<RowVerdict>, RowError> {
        verdicts(file, self.raw(rows).view(), rows)
    }

    fn raw(&self, rows: &[usize]) -> Array2<f32> {
        self.features.select(Axis(0), rows)
    }

    /// The error of a row with its place in the source, and the column where one reading is at fault.
    fn placed(&self, model: &Model<'_>, RowError { row, source }: RowError) -> QuantizeError {
        let feature = if let ScoreError::NonFinite { index } = source { Some(index) } else { None };
        let column = feature.and_then(|at| model.feature_names().nth(at)).map(str::to_owned);
        QuantizeError::Row { place: self.places[row - 1], column, source }
    }
}

/// Verdicts on a table's rows by a model of either kind, scores in the float model's unit.
///
/// # Shapes
/// As [`scoring::score_rows`](crate::score::score_rows).
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
