//! Rows through a model on the desk: many at once, to the same bits as on the device.

mod batch;
mod block;
pub mod explain;
mod int8;
mod kernel;
mod network;
mod of_model;
#[cfg(feature = "parquet")]
pub mod parquet;
mod raw;
pub mod results;
mod rows;
#[cfg(test)]
mod tests;

pub use batch::BatchScorer;
pub use kernel::InstructionSet;
pub use of_model::{BlockScorer, read_options};
pub use raw::RawRows;
pub use rows::{RowScorer, RowVerdict};

use std::sync::Mutex;
use std::thread;

use edgevae_core::{Model, ScoreError};
use ndarray::ArrayView2;

use crate::base::threads;
use crate::export::model_file::ModelFile;

/// A row of a table that has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data row {row}: {source}; correct or remove the row")]
pub struct RowError {
    /// Data row, counted from 1.
    pub row: usize,
    /// What the core said.
    pub source: ScoreError,
}

/// Scores of a table's rows, the bits that the device computes.
///
/// # Shapes
/// `raw`: `[ROWS, IN]` in raw units; `indices`: `[ROWS]`, places in the data set counted from 0, for the message.
///
/// # Errors
/// The first row that has no score.
///
/// # Panics
/// When `model` does not load: callers have loaded it before.
pub fn score_rows(model: &ModelFile, raw: ArrayView2<'_, f32>, indices: &[usize]) -> Result<Vec<f32>, RowError> {
    let model = model.model().expect("the caller has loaded this model");
    let raw = raw.as_standard_layout();
    let rows = raw.as_slice().expect("the standard layout is one slice");
    score_all(&model, rows, 1).map_err(|(row, source)| RowError { row: indices[row] + 1, source })
}

/// Scores of rows in memory, divided among `threads` threads; the result does not depend on their number, and the parts of
/// threads that the system refuses are done by the others.
///
/// # Shapes
/// `rows`: `[ROWS][IN]`, row by row, raw units; returns `[ROWS]`.
///
/// # Errors
/// Place (from 0) of the first row that has no score, and why.
///
/// # Panics
/// When `rows` does not hold whole samples.
pub fn score_all(model: &Model<'_>, rows: &[f32], threads: usize) -> Result<Vec<f32>, (usize, ScoreError)> {
    let inputs = model.inputs();
    assert_eq!(rows.len() % inputs, 0, "rows are whole samples");
    let mut scores = vec![0.0; rows.len() / inputs];
    let share = scores.len().div_ceil(threads.max(1)).max(1);
    let parts = Mutex::new(rows.chunks(share * inputs).zip(scores.chunks_mut(share)).enumerate());
    let first = Mutex::new(None::<(usize, ScoreError)>);
    let next = || parts.lock().ok()?.next();
    let worker = || {
        while let Some((part, (rows, scores))) = next() {
            if let (Err((row, error)), Ok(mut first)) = (BatchScorer::new(model).score(rows, scores), first.lock()) {
                let row = part * share + row;
                if first.is_none_or(|(before, _)| row < before) {
                    *first = Some((row, error));
                }
            }
        }
    };
    let count = (rows.len() / inputs).div_ceil(share);
    threads::share(threads.min(count), thread::Builder::new, worker);
    match first.into_inner() {
        Ok(Some(first)) => Err(first),
        _ => Ok(scores),
    }
}
