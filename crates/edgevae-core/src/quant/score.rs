//! From a raw sample to its integer score.

use super::dense::Write;
use super::input::{self, Reading};
use super::model::QuantizedModel;
use crate::error::ScoreError;
use crate::format::Missing;

/// An integer score and what it means at the model's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantizedVerdict {
    /// Higher is more anomalous; [`QuantizedModel::rendered`] has it in the unit of the float model.
    pub score: u64,
    /// `score > threshold`, or a reading is out of range.
    pub is_anomaly: bool,
    /// A reading lies beyond what the model can tell apart and was saturated: the score is less than it should be.
    pub out_of_range: bool,
}

/// The memory of a detector.
#[derive(Debug)]
pub(crate) struct Buffers<'b> {
    /// `[IN]`; after a score the residual `x - x_hat`.
    pub residual: &'b mut [i16],
    /// At least `[WIDTH]` of the model.
    pub front: &'b mut [i16],
    /// At least `[WIDTH]` of the model.
    pub back: &'b mut [i16],
}

/// Scores one sample; afterwards `residual` holds `x - x_hat`, saturated to 16 bits.
///
/// # Errors
/// [`ScoreError::WrongLength`], [`ScoreError::NonFinite`].
#[inline]
pub(crate) fn score<R: Reading>(
    model: &QuantizedModel<'_>,
    sample: &[R],
    buffers: Buffers<'_>,
) -> Result<QuantizedVerdict, ScoreError> {
    let Buffers { residual, front, back } = buffers;
    if sample.len() != model.inputs() || residual.len() != model.inputs() {
        return Err(ScoreError::WrongLength { expected: model.inputs(), found: sample.len() });
    }
    let fill = model.missing() == Missing::Mean;
    let in_range = input::quantize(sample, model.inputs_of(), fill, residual)?;
    let distance = run(model, residual, front, back);
    let score = distance.unwrap_or_else(|| squares(residual));
    Ok(QuantizedVerdict { score, is_anomaly: model.is_anomaly(score) || !in_range, out_of_range: !in_range })
}

/// `x -= x_hat`, layers writing to `front` and `back` in turn and the last one straight into `x`; returns the squared
/// distance of `mu` where that is the score.
fn run<'b>(
    model: &QuantizedModel<'_>,
    x: &mut [i16],
    mut front: &'b mut [i16],
    mut back: &'b mut [i16],
) -> Option<u64> {
    let mut layers = model.layers();
    let decoder = layers.len().checked_sub(model.encoder_layers())?;
    let mut distance = None;
    let mut width = None;
    while let Some(layer) = layers.next() {
        let (input, output, write): (&[i16], &mut [i16], Write) = match width {
            None => (x, back, Write::Replace),
            Some(width) if layers.len() == 0 => (front.get(..width)?, x, Write::Subtract),
            Some(width) => (front.get(..width)?, back, Write::Replace),
        };
        layer.forward(input, output, write);
        width = Some(layer.outputs());
        core::mem::swap(&mut front, &mut back);
        if layers.len() == decoder {
            distance = model.whitening().map(|whitening| {
                whitening.forward(front.get(..layer.outputs()).unwrap_or_default(), back, Write::Replace);
                squares(back.get(..layer.outputs()).unwrap_or_default())
            });
        }
    }
    distance
}

/// `Σ residual²`.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "at most 65,535 times 2^30")]
pub(crate) fn squares(values: &[i16]) -> u64 {
    values.iter().fold(0, |sum, &value| sum + u64::from(square(value)))
}

/// At most `2^30`.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "at most 2^30")]
pub(crate) fn square(value: i16) -> u32 {
    let value = i32::from(value);
    (value * value).cast_unsigned()
}
