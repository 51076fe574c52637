//! A model and the scratch memory that scoring needs.

use crate::error::{LoadError, ScoreError};
use crate::model::Model;
use crate::score::{self, Verdict};

fn check_fit(model: &Model<'_>, inputs: usize, width: usize) -> Result<(), LoadError> {
    if model.inputs() == inputs && model.width() <= width {
        return Ok(());
    }
    let (detector_inputs, detector_width) = (inputs, width);
    Err(LoadError::WrongShape { inputs: model.inputs(), width: model.width(), detector_inputs, detector_width })
}

/// Scores samples of `IN` features with a model whose layers are at most `WIDTH` wide.
///
/// It owns all the memory that scoring needs: `4 * (IN + 2 * WIDTH)` bytes and a reference. The dimensions of a model
/// are data, the *capacity* of a detector is its type: one firmware image takes a new model file without a rebuild.
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
///     let errors = detector.explain();
///     let sensor = (0..3).max_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap();
///     println!("score {} above {}: look at sensor {sensor}", verdict.score, model.threshold());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Detector<'m, const IN: usize, const WIDTH: usize> {
    model: &'m Model<'m>,
    errors: [f32; IN],
    front: [f32; WIDTH],
    back: [f32; WIDTH],
}

impl<'m, const IN: usize, const WIDTH: usize> Detector<'m, IN, WIDTH> {
    /// Makes a detector for a model.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when the model has other than `IN` inputs or a layer wider than `WIDTH`.
    ///
    /// # Panics
    /// Never.
    pub fn new(model: &'m Model<'m>) -> Result<Self, LoadError> {
        const { assert!(IN > 0 && WIDTH > 0, "a detector needs at least one input and a width of at least one") };
        check_fit(model, IN, WIDTH)?;
        Ok(Self { model, errors: [0.0; IN], front: [0.0; WIDTH], back: [0.0; WIDTH] })
    }

    /// Scores one sample in raw sensor units.
    ///
    /// Computes `mean((x - x_hat)²)` with `x = (sample - mean) / scale` and `x_hat = decoder(mu(encoder(x)))`; nothing
    /// is drawn at random. Equal samples give equal bits on every target.
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
        score::score(self.model, sample, &mut self.errors, &mut self.front, &mut self.back)
    }

    /// Squared error of each feature in the sample that was scored last, scaled units: which sensor is it? Zeros before
    /// the first sample; without meaning after an error.
    pub fn explain(&self) -> &[f32; IN] {
        &self.errors
    }
}

/// A detector over borrowed memory, for callers that know a model's sizes only at run time: the desk, C.
///
/// Scores are those of [`Detector`], which does the same with arrays of its own.
#[derive(Debug)]
pub struct SliceDetector<'m> {
    model: &'m Model<'m>,
    errors: &'m mut [f32],
    front: &'m mut [f32],
    back: &'m mut [f32],
}

impl<'m> SliceDetector<'m> {
    /// Makes a detector that works in `scratch`, [`Model::scratch_len`] numbers or more.
    ///
    /// # Errors
    /// [`LoadError::WrongShape`] when `scratch` is too small.
    ///
    /// # Panics
    /// Never.
    pub fn new(model: &'m Model<'m>, scratch: &'m mut [f32]) -> Result<Self, LoadError> {
        let (errors, rest) = scratch.split_at_mut(model.inputs().min(scratch.len()));
        let half = rest.len() / 2;
        check_fit(model, errors.len(), half)?;
        let (front, back) = rest.split_at_mut(half);
        Ok(Self { model, errors, front, back })
    }

    /// Scores one sample in raw sensor units, `[IN]`; see [`Detector::score`].
    ///
    /// # Errors
    /// As [`Detector::score`], and [`ScoreError::WrongLength`].
    ///
    /// # Panics
    /// Never.
    pub fn score(&mut self, sample: &[f32]) -> Result<Verdict, ScoreError> {
        score::score(self.model, sample, self.errors, self.front, self.back)
    }

    /// Squared error of each feature in the sample that was scored last; see [`Detector::explain`].
    pub fn explain(&self) -> &[f32] {
        self.errors
    }
}
