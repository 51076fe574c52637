//! From a raw sample to its squared errors and score: the only forward pass of the project.

use crate::dense::Write;
use crate::error::ScoreError;
use crate::format::{Missing, ScoreKind};
use crate::model::Model;
use crate::scaler::standardize;

/// A score and what it means at the model's threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Higher is more anomalous; finite.
    pub score: f32,
    /// `score > threshold`.
    pub is_anomaly: bool,
}

/// Scores one sample; afterwards `errors` holds the squared error of each feature.
///
/// `x = (raw - mean) / scale`, `x_hat = decoder(mu(encoder(x)))`, `errors = (x - x_hat)²`, `score = mean(errors)`.
/// Every sum runs in index order.
///
/// # Shapes
/// `sample`, `errors`: `[IN]`; `front`, `back`: at least `[WIDTH]` of the model.
pub(crate) fn score(
    model: &Model<'_>,
    sample: &[f32],
    errors: &mut [f32],
    front: &mut [f32],
    back: &mut [f32],
) -> Result<Verdict, ScoreError> {
    if sample.len() != model.inputs() || errors.len() != model.inputs() {
        return Err(ScoreError::WrongLength { expected: model.inputs(), found: sample.len() });
    }
    scale(model, sample, errors)?;
    subtract_reconstruction(model, errors, front, back);
    let score = match model.score_kind() {
        ScoreKind::Mse => mean_square(errors),
    };
    // Catches NaN too: overflow inside the network must not read as normal.
    if !score.is_finite() {
        return Err(ScoreError::Overflow);
    }
    Ok(Verdict { score, is_anomaly: score > model.threshold() })
}

/// Fills missing readings where the model has fill values, and scales the sample into `x`.
fn scale(model: &Model<'_>, sample: &[f32], x: &mut [f32]) -> Result<(), ScoreError> {
    let fills = model.fills();
    let scaler = model.means().iter().zip(model.reciprocals());
    for (index, ((x, &raw), (&mean, &reciprocal))) in x.iter_mut().zip(sample).zip(scaler).enumerate() {
        let raw = match fills.get(index) {
            Some(&fill) if model.missing() == Missing::Mean && raw.is_nan() => fill,
            _ if raw.is_finite() => raw,
            _ => return Err(ScoreError::NonFinite { index }),
        };
        *x = standardize(raw, mean, reciprocal);
    }
    Ok(())
}

/// `x -= x_hat`. Layers write to `front` and `back` in turn; the last one straight into `x`, which saves a buffer.
fn subtract_reconstruction<'b>(model: &Model<'_>, x: &mut [f32], mut front: &'b mut [f32], mut back: &'b mut [f32]) {
    let mut layers = model.layers();
    let Some(first) = layers.next() else { return };
    first.forward(x, front, Write::Replace);
    let mut width = first.outputs();
    while let Some(layer) = layers.next() {
        let Some(input) = front.get(..width) else { return };
        if layers.len() == 0 {
            layer.forward(input, x, Write::Subtract);
        } else {
            layer.forward(input, back, Write::Replace);
            core::mem::swap(&mut front, &mut back);
        }
        width = layer.outputs();
    }
}

/// `Σ errors / IN` after squaring each error in place.
fn mean_square(errors: &mut [f32]) -> f32 {
    let mut sum = 0.0;
    for error in errors.iter_mut() {
        *error *= *error;
        sum += *error;
    }
    sum / errors.len() as f32
}
