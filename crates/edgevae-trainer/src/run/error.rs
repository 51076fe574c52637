//! Why a run has no result.

use super::TrainError;
use super::checkpoint::CheckpointError;
use crate::options::OptionError;
use crate::prepare::InputError;
use crate::quantize::QuantizeError;
use crate::table::error::DataError;
use crate::table::memory::ColumnsError;
use crate::table::synthetic::SyntheticError;

/// Why a training run has no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An option is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Options that do not go together.
    #[error("{0}")]
    Request(String),
    /// The rows cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The rows give no samples.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The columns are no table.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// The recipe of generated rows is wrong.
    #[error(transparent)]
    Synthetic(#[from] SyntheticError),
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// `quantize` was asked for a score that has no integer form.
    #[error("--quantize")]
    Quantize(#[source] QuantizeError),
    /// A file could not be written on the way; the message names it.
    #[error(transparent)]
    Train(TrainError),
    /// Training failed.
    #[error("{of}")]
    Of {
        /// The rows, or the checkpoint.
        of: String,
        /// Why.
        source: Box<TrainError>,
    },
}

impl RunError {
    pub(super) fn request(text: &str) -> Self {
        Self::Request(text.to_owned())
    }

    pub(super) fn of(of: String, error: TrainError) -> Self {
        Self::Of { of, source: Box::new(error) }
    }
}
