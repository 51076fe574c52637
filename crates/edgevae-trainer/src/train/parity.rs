//! Does the exported model compute what was trained?

use ndarray::ArrayView2;

use super::TrainError;
use crate::model_file::ModelFile;
use crate::scaler::Scaler;
use crate::scoring;
use crate::vae::Vae;

/// Largest difference between the network as trained (dfdx) and as exported (the core), relative to the score or the
/// threshold, whichever is larger. Both work in `f32` and add in another order: a few 1e-6 are usual.
///
/// The threshold bounds the ratio from below because a row that is reconstructed almost perfectly has a score that is
/// all rounding, in either of them.
pub const PARITY_LIMIT: f64 = 1e-4;

/// Scores rows with both and returns the largest relative difference.
///
/// # Shapes
/// `raw`: `[ROWS, IN]` in raw units; `indices`: their places in the data set, for the message.
///
/// # Errors
/// [`TrainError::Parity`] above [`PARITY_LIMIT`].
pub(super) fn compare(
    model: &ModelFile,
    network: &Vae,
    scaler: &Scaler,
    raw: ArrayView2<'_, f32>,
    indices: &[usize],
) -> Result<f64, TrainError> {
    let threshold = f64::from(model.model()?.threshold());
    let core = scoring::score_rows(model, raw, indices)?;
    let scaled = scaler.transform(raw);
    let reconstructed = network.reconstruct(scaled.view());
    let mut largest = 0.0_f64;
    for (((x, x_hat), &core), &index) in scaled.rows().into_iter().zip(reconstructed.rows()).zip(&core).zip(indices) {
        let squares = x.iter().zip(x_hat).map(|(x, x_hat)| f64::from(x - x_hat).powi(2)).sum::<f64>();
        let dfdx = squares / x.len() as f64;
        let relative = (f64::from(core) - dfdx).abs() / dfdx.max(threshold);
        if relative.is_nan() || relative > PARITY_LIMIT {
            return Err(TrainError::Parity { row: index + 1, core, dfdx: dfdx as f32, relative });
        }
        largest = largest.max(relative);
    }
    Ok(largest)
}
