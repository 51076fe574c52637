//! A fit between two epochs, to be continued: what it takes to get the bits of the run that was never interrupted.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::state::TrainingState;
use super::{EpochRecord, FitOptions, Windows};

/// Weights, Adam's moments, the place in the schedules (the epoch), what early stopping remembers, and the history.
///
/// Random numbers need no state: every epoch starts streams of its own from the seed and its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    run: u64,
    state: TrainingState,
    history: Vec<EpochRecord>,
}

impl Checkpoint {
    pub(super) fn new(run: u64, state: &TrainingState, history: &[EpochRecord]) -> Self {
        Self { run, state: state.clone(), history: history.to_vec() }
    }

    /// Epochs completed.
    pub fn epochs(&self) -> usize {
        self.state.epochs
    }

    /// Whether it belongs to the run with that fingerprint.
    pub(super) fn is_of(&self, run: u64) -> bool {
        self.run == run
    }

    /// State and history.
    pub(super) fn resume(self) -> (TrainingState, Vec<EpochRecord>) {
        (self.state, self.history)
    }
}

/// Where a fit starts and where it leaves its checkpoints.
pub struct Checkpoints<'a> {
    /// Continue here instead of at the first epoch.
    pub from: Option<Checkpoint>,
    /// Save after so many epochs; 0: never.
    pub every: usize,
    /// Stores a checkpoint; a message ends the fit.
    pub save: &'a mut dyn FnMut(&Checkpoint) -> Result<(), String>,
}

/// What the result of a fit depends on, in 64 bits: rows (of a stream their number and a sample) and options, without the
/// number of threads.
pub(super) fn fingerprint(windows: &dyn Windows, validation: Option<ArrayView2<f32>>, options: &FitOptions) -> u64 {
    let crc = crc::Crc::<u64>::new(&crc::CRC_64_XZ);
    let mut digest = crc.digest();
    digest.update(format!("{:?}", FitOptions { threads: 0, ..options.clone() }).as_bytes());
    digest.update(&windows.rows().to_le_bytes());
    for rows in [Some(windows.sample()), validation].into_iter().flatten() {
        digest.update(format!("{:?}", rows.shape()).as_bytes());
        rows.iter().for_each(|value| digest.update(&value.to_le_bytes()));
    }
    digest.finalize()
}
