//! An int8 model and the scratch memory that scoring needs.

use super::input::Reading;
use super::model::QuantizedModel;
use super::score::{self, Buffers, QuantizedVerdict};
use crate::error::{LoadError, ScoreError};

fn check_fit(model: &QuantizedModel<'_>, detector_inputs: usize, detector_width: usize) -> Result<(), LoadError> {
    let (inputs, width) = (model.inputs(), model.width());
    if inputs == detector_inputs && width <= detector_width {
        return Ok(());
    }
    Err(LoadError::WrongShape { inputs, width, memory: 0, detector_inputs, detector_width, detector_memory: 0 })
}

/// Scores samples of `IN` features with an int8 model whose layers are at most `WIDTH` wide.
///
/// It owns all the memory that scoring needs: `2 * (IN + 2 * WIDTH)` bytes and a reference.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use edgevae_core::{QuantizedDetector, QuantizedModel};
///
/// static MODEL: &[u8] = edgevae_core::include_model!("../../tests/data/small-int8-v1.evae");
///
/// let model = QuantizedModel::from_bytes(MODEL)?;
/// let mut detector = QuantizedDetector::<3, 5>::new(&model)?;
/// let raw: [i16; 3] = [20, -3, 1013]; // what the converters gave, in the unit of the training data
/// let verdict = detector.score(&raw)?;
/// if verdict.is_anomaly {
///     println!("score {} above {}: {}", verdict.score, model.threshold(), verdict.out_of_range);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct QuantizedDetector<'m, const IN: usize, const WIDTH: usize> {
    model: &'m QuantizedModel<'m>,
    residual: [i16; IN],
    front: [i16; WIDTH],
    back: [i16; WIDTH],
}

impl<'m, const IN: usize, const WIDTH: usize> QuantizedDetector<'m, IN, WIDTH> {
    /// Makes a detector for a model.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when the model has other than `IN` inputs, or a layer wider than `WIDTH`.
    ///
    /// # Panics
    /// Never.
    pub fn new(model: &'m QuantizedModel<'m>) -> Result<Self, LoadError> {
        const { assert!(IN > 0 && WIDTH > 0, "a detector needs at least one input and a width of at least one") };
        check_fit(model, IN, WIDTH)?;
        Ok(Self { model, residual: [0; IN], front: [0; WIDTH], back: [0; WIDTH] })
    }

    /// Scores one sample of raw readings, `f32`, `i16` or `i32`, in the unit of the training data. Equal readings give
    /// equal scores, whatever their type and the target; integer readings need no floating-point number at all.
    ///
    /// # Errors
    /// [`ScoreError::NonFinite`]: treat it as a sensor fault, never as normal. Integer readings have no such error.
    ///
    /// # Cost
    /// [`QuantizedModel::multiply_adds`] multiply-adds, the same for every sample.
    ///
    /// # Panics
    /// Never.
    pub fn score<R: Reading>(&mut self, sample: &[R; IN]) -> Result<QuantizedVerdict, ScoreError> {
        let Self { model, residual, front, back } = self;
        score::score(model, sample, Buffers { residual, front, back })
    }

    /// The squared error of each feature of the sample that was scored last, in integer units: which sensor is it?
    /// Without meaning before the first sample and after an error.
    ///
    /// # Panics
    /// Never.
    pub fn explain(&self) -> [u32; IN] {
        self.residual.map(score::square)
    }
}

/// An int8 detector over borrowed memory, for callers that know a model's sizes only at run time: the desk, C.
///
/// Scores are those of [`QuantizedDetector`], which does the same with arrays of its own.
#[derive(Debug)]
pub struct SliceQuantizedDetector<'m> {
    model: &'m QuantizedModel<'m>,
    residual: &'m mut [i16],
    front: &'m mut [i16],
    back: &'m mut [i16],
}

impl<'m> SliceQuantizedDetector<'m> {
    /// Makes a detector that works in `scratch`, [`QuantizedModel::scratch_len`] numbers or more.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when `scratch` is too small.
    ///
    /// # Panics
    /// Never.
    pub fn new(model: &'m QuantizedModel<'m>, scratch: &'m mut [i16]) -> Result<Self, LoadError> {
        let (residual, rest) = scratch.split_at_mut(model.inputs().min(scratch.len()));
        let half = rest.len() / 2;
        check_fit(model, residual.len(), half)?;
        let (front, back) = rest.split_at_mut(half);
        Ok(Self { model, residual, front, back })
    }

    /// Scores one sample of raw readings, `[IN]`; see [`QuantizedDetector::score`].
    ///
    /// # Errors
    /// As [`QuantizedDetector::score`], and [`ScoreError::WrongLength`].
    ///
    /// # Panics
    /// Never.
    pub fn score<R: Reading>(&mut self, sample: &[R]) -> Result<QuantizedVerdict, ScoreError> {
        let Self { model, residual, front, back } = self;
        score::score(model, sample, Buffers { residual, front, back })
    }

    /// The squared error of each feature of the sample that was scored last, `[IN]`; see [`QuantizedDetector::explain`].
    pub fn explain(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.residual.iter().copied().map(score::square)
    }
}
