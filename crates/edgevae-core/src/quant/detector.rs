//! An int8 model and the scratch memory that scoring needs.

use core::borrow::Borrow;

use super::input::Reading;
use super::model::QuantizedModel;
use super::score::{self, Buffers, QuantizedVerdict};
use crate::error::{LoadError, ScoreError};
use crate::explain::{self, Contribution};
use crate::load::Load;

fn check_fit(model: &QuantizedModel<'_>, detector_inputs: usize, detector_width: usize) -> Result<(), LoadError> {
    let (inputs, width) = (model.inputs(), model.width());
    if inputs == detector_inputs && width <= detector_width {
        return Ok(());
    }
    Err(LoadError::WrongShape { inputs, width, memory: 0, detector_inputs, detector_width, detector_memory: 0 })
}

/// Scores samples of `IN` features with an int8 model whose layers are at most `WIDTH` wide.
///
/// It owns all the memory that scoring needs: `2 * (IN + 2 * WIDTH)` bytes, each part rounded up to four, and a reference.
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
pub struct QuantizedDetector<
    'm,
    const IN: usize,
    const WIDTH: usize,
    M: Borrow<QuantizedModel<'m>> = &'m QuantizedModel<'m>,
> {
    model: M,
    residual: Words<IN>,
    front: Words<WIDTH>,
    back: Words<WIDTH>,
    file: core::marker::PhantomData<&'m [u8]>,
}

/// A [`QuantizedDetector`] that owns its view of the model: a function can load and return it, a struct can hold it.
pub type OwnedQuantizedDetector<'a, const IN: usize, const WIDTH: usize> =
    QuantizedDetector<'a, IN, WIDTH, QuantizedModel<'a>>;

/// Activations at a multiple of four bytes: kernels take them two at a time.
#[derive(Clone, Debug)]
#[repr(align(4))]
struct Words<const N: usize>([i16; N]);

impl<'m, const IN: usize, const WIDTH: usize, M: Borrow<QuantizedModel<'m>>> QuantizedDetector<'m, IN, WIDTH, M> {
    /// Makes a detector for a model, given by reference or, for an [`OwnedQuantizedDetector`], by value.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when the model has other than `IN` inputs, or a layer wider than `WIDTH`.
    ///
    /// # Panics
    /// Never.
    pub fn new(model: M) -> Result<Self, LoadError> {
        const { assert!(IN > 0 && WIDTH > 0, "a detector needs at least one input and a width of at least one") };
        check_fit(model.borrow(), IN, WIDTH)?;
        let (front, back) = (Words([0; WIDTH]), Words([0; WIDTH]));
        Ok(Self { model, residual: Words([0; IN]), front, back, file: core::marker::PhantomData })
    }

    /// The model.
    pub fn model(&self) -> &QuantizedModel<'m> {
        self.model.borrow()
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
        let Self { model, residual: Words(residual), front: Words(front), back: Words(back), .. } = self;
        score::score((*model).borrow(), sample, Buffers { residual, front, back })
    }

    /// The squared error of each feature of the sample that was scored last, in integer units: which sensor is it?
    /// Without meaning before the first sample and after an error.
    ///
    /// # Panics
    /// Never.
    pub fn explain(&self) -> [u32; IN] {
        self.residual.0.map(score::square)
    }

    /// The `K` features that contribute most to the score of the sample that was scored last, the largest first; see
    /// [`QuantizedDetector::explain`]. More than there are does not compile.
    ///
    /// # Panics
    /// Never.
    pub fn largest<const K: usize>(&self) -> [Contribution; K] {
        const { assert!(K <= IN, "there are only so many features") };
        let mut slots = [Contribution::default(); K];
        explain::largest(&self.explain().map(|square| square as f32), &mut slots);
        slots
    }
}

impl<'a, const IN: usize, const WIDTH: usize> Load<'a> for OwnedQuantizedDetector<'a, IN, WIDTH> {
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::new(QuantizedModel::from_bytes(bytes)?)
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
    /// Makes a detector that works in `scratch`, [`QuantizedModel::scratch_len`] words or more.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when `scratch` is too small.
    ///
    /// # Panics
    /// Never.
    pub fn new(model: &'m QuantizedModel<'m>, scratch: &'m mut [i32]) -> Result<Self, LoadError> {
        let inputs = model.inputs();
        let (residual, rest) = scratch.split_at_mut(inputs.div_ceil(2).min(scratch.len()));
        let (front, back) = rest.split_at_mut(rest.len() / 2);
        let residual: &mut [i16] = bytemuck::cast_slice_mut(residual);
        let found = inputs.min(residual.len());
        check_fit(model, found, front.len().saturating_mul(2))?;
        let residual = residual.get_mut(..found).unwrap_or_default();
        Ok(Self { model, residual, front: bytemuck::cast_slice_mut(front), back: bytemuck::cast_slice_mut(back) })
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
