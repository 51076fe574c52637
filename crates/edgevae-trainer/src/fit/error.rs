//! Why a fit did not come about.

use thiserror::Error;

use crate::fit::vae::ShapeError;
use crate::options::beta::ScheduleError;

/// A fit that could not start or had to stop.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum FitError {
    /// The network has no layer or a layer without units.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The beta schedule does not fit the number of epochs.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// There is nothing to learn from.
    #[error("no {0} rows, expected at least one")]
    NoRows(&'static str),
    /// The data and the network disagree about the number of features.
    #[error("{rows} rows have {found} columns, the network has {expected} inputs")]
    Columns {
        /// Which rows: training or validation.
        rows: &'static str,
        /// Columns found.
        found: usize,
        /// Inputs of the network.
        expected: usize,
    },
    /// An option is outside its range.
    #[error("{option} must be {expected}, found {found}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Value found.
        found: f64,
        /// The range, in words.
        expected: &'static str,
    },
    /// `patience` needs validation rows to watch.
    #[error("patience needs a validation share, there is none")]
    NoValidation,
    /// The objective is NaN or infinite: the fit diverged. Both count from 1; try a smaller learning rate, and look for
    /// extreme values in the data.
    #[error("the objective is not finite in epoch {epoch}, batch {batch}; try a smaller learning rate")]
    NonFinite {
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
    },
    /// Rows could be read when their statistics were taken and cannot any more.
    #[error("{0}; files must stay as they are while they are streamed")]
    Source(String),
    /// The checkpoint belongs to a fit of other rows or options.
    #[error(
        "the checkpoint is of a run with other rows or options: the data changed since; restore them or start the run anew"
    )]
    OtherRun,
    /// The checkpoint is of this run by what it says, and its parts do not fit the network.
    #[error("the checkpoint has {found} {part}, expected {expected}: it was altered; start the run anew")]
    DamagedCheckpoint {
        /// What does not fit.
        part: &'static str,
        /// How many were found.
        found: usize,
        /// How many the network and the options call for, or the most they allow.
        expected: usize,
    },
    /// A checkpoint could not be saved; the one before it still is.
    #[error("{0}")]
    Checkpoint(String),
    /// The worker threads could not be started.
    #[error("cannot start {threads} thread{}: {reason}; {}", if *threads == 1 { "" } else { "s" }, way_out(*threads))]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

fn way_out(threads: usize) -> &'static str {
    if threads == 1 {
        "run less at a time (a sweep: --jobs), or raise the limits of the system (ulimit -u, ulimit -v)"
    } else {
        "set --threads to fewer"
    }
}
