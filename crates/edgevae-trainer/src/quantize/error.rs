//! Why a model cannot be quantized.

use edgevae_core::{LoadError, ScoreError};

use super::layer::LayerError;
use super::{ENOUGH_ROWS, LEAST_ROWS, MOST_ERROR};
use crate::base::numbers::significant;
use crate::calibrate::threshold::ThresholdError;
use crate::score::RowError;
use crate::table::block::Position;

/// Why a model cannot be quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// Too few calibration rows.
    #[error("{0} calibration rows; expected at least {LEAST_ROWS}, better {ENOUGH_ROWS} or more: give more rows")]
    TooFewRows(usize),
    /// Labels leave no calibration row.
    #[error(
        "all {0} rows are labelled anomalous; calibration takes normal rows: give rows of normal operation, or the column that \
         says which are"
    )]
    NoNormalRows(usize),
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
    /// Missing readings become something else than the mean.
    #[error(
        "a missing reading of column {column:?} is {fill} to the model; expected the feature's mean, {mean}, which an int8 model \
         puts in its place: keep the float model"
    )]
    Fill {
        /// The first such feature.
        column: String,
        /// In the place of a missing reading.
        fill: f32,
        /// Of the training rows.
        mean: f32,
    },
    /// A layer has no int8 form.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Position of the layer, from 1.
        layer: usize,
        /// Why.
        source: LayerError,
    },
    /// The scores have little to do with those of the float model.
    #[error(
        "the int8 scores differ by {error:.0} % from the float ones (root mean square over calibration rows); expected less than \
         {most:.0} %. The widest reading is {widest}: correct or remove what is no normal operation, or keep the float model",
        error = 100.0 * error,
        most = 100.0 * MOST_ERROR
    )]
    Blind {
        /// Root of the mean squared relative difference.
        error: f64,
        /// Of the calibration rows.
        widest: Widest,
    },
    /// Calibration rows have no score above the rounding.
    #[error(
        "the int8 threshold is 0 where the float one is {float}: the range leaves calibration rows no score. The widest reading \
         is {widest}: correct or remove what is no normal operation, or keep the float model"
    )]
    Collapsed {
        /// Threshold of the float model on the same rows.
        float: f32,
        /// Of the calibration rows.
        widest: Widest,
    },
    /// The threshold would be above every score.
    #[error(
        "{out_of_range} of {rows} calibration rows are out of the int8 model's range, more than the quantile {quantile} leaves \
         above the threshold. The widest reading is {widest}: correct or remove what is no normal operation, or give a lower \
         --quantile"
    )]
    OutOfRange {
        /// Calibration rows with a reading that saturates.
        out_of_range: usize,
        /// All of them.
        rows: usize,
        /// Of the threshold.
        quantile: f64,
        /// Of the calibration rows.
        widest: Widest,
    },
    /// A row has no score.
    #[error("{place}{column}: {source}; correct or remove the row", column = in_column(column.as_deref()))]
    Row {
        /// Where it stands.
        place: Position,
        /// Of the reading at fault.
        column: Option<String>,
        /// What the core said.
        source: ScoreError,
    },
    /// The same of rows whose place in a source is not known.
    #[error(transparent)]
    UnplacedRow(#[from] RowError),
    /// The threshold cannot be calibrated.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The core refuses the file that was just made.
    #[error("the int8 model does not load: {0}; please report this")]
    Load(#[from] LoadError),
}

fn in_column(column: Option<&str>) -> String {
    column.map_or_else(String::new, |column| format!(", column {column:?}"))
}

/// The reading that is farthest from its feature's centre among some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Widest {
    /// Where its row stands.
    pub place: Position,
    /// Its feature.
    pub column: String,
    /// In raw units.
    pub reading: f32,
    /// The same in the model's scaled unit.
    pub scaled: f32,
}

impl std::fmt::Display for Widest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, column, reading, scaled } = self;
        let scaled = significant(f64::from(scaled.abs()), 3);
        write!(f, "{reading} in {place}, column {column:?}, {scaled} standard deviations from the mean of training")
    }
}
