//! Rows through the core on the desk.

use edgevae_core::{ScoreError, SliceDetector};
use ndarray::ArrayView2;

use crate::model_file::ModelFile;

/// A row of a table that has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data row {row}: {source}; correct or remove the row")]
pub struct RowError {
    /// Data row, counted from 1.
    pub row: usize,
    /// What the core said.
    pub source: ScoreError,
}

/// Scores of a table's rows, by the code that runs on the device.
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
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut detector =
        SliceDetector::new(&model, &mut scratch).expect("the scratch has the length that the model asks for");
    let mut sample = vec![0.0; model.inputs()];
    let scores = raw.rows().into_iter().zip(indices).map(|(row, &index)| {
        sample.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        detector.score(&sample).map(|verdict| verdict.score).map_err(|source| RowError { row: index + 1, source })
    });
    scores.collect()
}
