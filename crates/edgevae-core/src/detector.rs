//! A model and the scratch memory that scoring needs.

use core::borrow::Borrow;

use crate::arithmetic::check_arithmetic;
use crate::error::{LoadError, ScoreError};
use crate::explain::{self, Contribution};
use crate::head::Representation;
use crate::load::Load;
use crate::memory;
use crate::model::Model;
use crate::range;
use crate::score::{self, Buffers, Verdict};

fn check_fit(model: &Model<'_>, detector: (usize, usize, usize)) -> Result<(), LoadError> {
    check_arithmetic()?;
    let (detector_inputs, detector_width, detector_memory) = detector;
    let (inputs, width, memory) = (model.inputs(), model.width(), model.memory_len());
    if inputs == detector_inputs && width <= detector_width && memory <= detector_memory {
        return Ok(());
    }
    Err(LoadError::WrongShape { inputs, width, memory, detector_inputs, detector_width, detector_memory })
}

/// Scores samples of `IN` features with a model whose layers are at most `WIDTH` wide and whose heads need `MEMORY`
/// numbers of memory at most; the reconstruction error needs none.
///
/// It owns all the memory that scoring needs: `4 * (IN + 2 * WIDTH + MEMORY)` bytes and a reference to the model, or, as
/// an [`OwnedDetector`], the model itself. The dimensions of a model are data, the *capacity* of a detector is its type:
/// one firmware image takes a new model file without a rebuild. `edgevae inspect` prints the type that a model asks for.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use edgevae_core::{Detector, Model};
///
/// static MODEL: &[u8] = edgevae_core::include_model!("../tests/data/small-v1.evae");
///
/// let model = Model::from_bytes(MODEL)?;
/// let mut detector = Detector::<3, 5>::new(&model)?;
/// let verdict = detector.score(&[35.0, 1.0, 99_999.0])?;
/// if verdict.is_anomaly {
///     let [sensor] = detector.largest::<1>();
///     println!("score {} above {}: look at sensor {}", verdict.score, model.threshold(), sensor.feature);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Detector<
    'm,
    const IN: usize,
    const WIDTH: usize,
    const MEMORY: usize = 0,
    M: Borrow<Model<'m>> = &'m Model<'m>,
> {
    model: M,
    arrays: Arrays<IN, WIDTH, MEMORY>,
    file: core::marker::PhantomData<&'m [u8]>,
}

/// A [`Detector`] that owns its view of the model: a function can load and return it, a struct can hold it.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use edgevae_core::{Load, LoadError, OwnedDetector};
///
/// fn pump() -> Result<OwnedDetector<'static, 3, 5>, LoadError> {
///     OwnedDetector::load(edgevae_core::include_model!("../tests/data/small-v1.evae"))
/// }
/// let verdict = pump()?.score(&[35.0, 1.0, 99_999.0])?;
/// # Ok(()) }
/// ```
pub type OwnedDetector<'a, const IN: usize, const WIDTH: usize, const MEMORY: usize = 0> =
    Detector<'a, IN, WIDTH, MEMORY, Model<'a>>;

/// What scoring writes.
#[derive(Clone, Debug)]
pub(crate) struct Arrays<const IN: usize, const WIDTH: usize, const MEMORY: usize> {
    residual: [f32; IN],
    front: [f32; WIDTH],
    back: [f32; WIDTH],
    memory: [f32; MEMORY],
}

impl<const IN: usize, const WIDTH: usize, const MEMORY: usize> Arrays<IN, WIDTH, MEMORY> {
    /// Arrays for a model.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`], [`LoadError::FlushToZero`].
    #[inline(always)]
    pub fn of(model: &Model<'_>) -> Result<Self, LoadError> {
        const { assert!(IN > 0 && WIDTH > 0, "a detector needs at least one input and a width of at least one") };
        check_fit(model, (IN, WIDTH, MEMORY))?;
        Ok(Self { residual: [0.0; IN], front: [0.0; WIDTH], back: [0.0; WIDTH], memory: [0.0; MEMORY] })
    }

    #[inline(always)]
    pub fn score(&mut self, model: &Model<'_>, sample: &[f32; IN]) -> Result<Verdict, ScoreError> {
        let Self { residual, front, back, memory } = self;
        score::score(model, sample, Buffers { residual, front, back, memory })
    }

    pub fn explain(&self, model: &Model<'_>) -> [f32; IN] {
        let mut contributions = [0.0; IN];
        model.explain(&memory::representation(model, &self.residual, &self.memory), &mut contributions);
        range::raise(&self.front, &self.back, &mut contributions);
        contributions
    }
}

impl<'m, const IN: usize, const WIDTH: usize, const MEMORY: usize, M: Borrow<Model<'m>>>
    Detector<'m, IN, WIDTH, MEMORY, M>
{
    /// Makes a detector for a model, given by reference or, for an [`OwnedDetector`], by value.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when the model has other than `IN` inputs, a layer wider than `WIDTH`, or heads that
    /// need more than `MEMORY`; [`LoadError::FlushToZero`].
    ///
    /// # Panics
    /// Never.
    pub fn new(model: M) -> Result<Self, LoadError> {
        let arrays = Arrays::of(model.borrow())?;
        Ok(Self { model, arrays, file: core::marker::PhantomData })
    }

    /// The model.
    pub fn model(&self) -> &Model<'m> {
        self.model.borrow()
    }

    /// Scores one sample in raw sensor units.
    ///
    /// `x = (sample - mean) / scale` goes through the network at `z = mu`, and the model's [heads](crate::head) make the
    /// score of what comes out, for [`Mse`](crate::head::mse::Mse) `mean((x - x_hat)²)`; nothing is drawn at random. Equal
    /// samples give equal bits on every target.
    ///
    /// # Errors
    /// A [`ScoreError`] when the sample has no score: treat it as a sensor fault, never as normal.
    ///
    /// # Cost
    /// [`Model::multiply_adds`] multiply-adds, the same for every sample.
    ///
    /// # Panics
    /// Never.
    pub fn score(&mut self, sample: &[f32; IN]) -> Result<Verdict, ScoreError> {
        self.arrays.score(self.model.borrow(), sample)
    }

    /// What each feature of the sample that was scored last contributes to its score: which sensor is it? The squared
    /// error for the reconstruction error, for other heads what [`Model::explain`] says; a reading
    /// [out of range](Verdict::out_of_range) contributes more than all others together. Without meaning before the first
    /// sample and after an error.
    ///
    /// # Cost
    /// `4 * IN` bytes of stack; computed when asked for, so that scoring does not pay for it.
    ///
    /// # Panics
    /// Never.
    pub fn explain(&self) -> [f32; IN] {
        self.arrays.explain(self.model.borrow())
    }

    /// The `K` features that contribute most to the score of the sample that was scored last, the largest first; see
    /// [`Detector::explain`]. More than there are does not compile.
    ///
    /// # Cost
    /// `4 * IN` and `8 * K` bytes of stack; that of [`Detector::explain`], and up to `K * IN` comparisons.
    ///
    /// # Panics
    /// Never.
    pub fn largest<const K: usize>(&self) -> [Contribution; K] {
        const { assert!(K <= IN, "there are only so many features") };
        let mut slots = [Contribution::default(); K];
        explain::largest(&self.explain(), &mut slots);
        slots
    }
}

impl<'a, const IN: usize, const WIDTH: usize, const MEMORY: usize> Load<'a> for OwnedDetector<'a, IN, WIDTH, MEMORY> {
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::new(Model::from_bytes(bytes)?)
    }
}

/// A detector over borrowed memory, for callers that know a model's sizes only at run time: the desk, C.
///
/// Scores are those of [`Detector`], which does the same with arrays of its own.
#[derive(Debug)]
pub struct SliceDetector<'m> {
    model: &'m Model<'m>,
    residual: &'m mut [f32],
    front: &'m mut [f32],
    back: &'m mut [f32],
    memory: &'m mut [f32],
}

impl<'m> SliceDetector<'m> {
    /// Makes a detector that works in `scratch`, [`Model::scratch_len`] numbers or more.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when `scratch` is too small; [`LoadError::FlushToZero`].
    ///
    /// # Panics
    /// Never.
    pub fn new(model: &'m Model<'m>, scratch: &'m mut [f32]) -> Result<Self, LoadError> {
        let (residual, rest) = scratch.split_at_mut(model.inputs().min(scratch.len()));
        let (memory, rest) = rest.split_at_mut(model.memory_len().min(rest.len()));
        let half = rest.len() / 2;
        check_fit(model, (residual.len(), half, memory.len()))?;
        let (front, back) = rest.split_at_mut(half);
        Ok(Self { model, residual, front, back, memory })
    }

    /// Scores one sample in raw sensor units, `[IN]`; see [`Detector::score`].
    ///
    /// # Errors
    /// As [`Detector::score`], and [`ScoreError::WrongLength`].
    ///
    /// # Panics
    /// Never.
    pub fn score(&mut self, sample: &[f32]) -> Result<Verdict, ScoreError> {
        let Self { model, residual, front, back, memory } = self;
        score::score(model, sample, Buffers { residual, front, back, memory })
    }

    /// Writes what each feature of the sample that was scored last contributes, `[IN]`; see [`Detector::explain`].
    ///
    /// # Panics
    /// Never.
    pub fn explain(&self, contributions: &mut [f32]) {
        self.model.explain(&self.representation(), contributions);
        range::raise(self.front, self.back, contributions);
    }

    /// What the network made of the sample that was scored last; see [`Detector::explain`].
    pub fn representation(&self) -> Representation<'_> {
        memory::representation(self.model, self.residual, self.memory)
    }
}
