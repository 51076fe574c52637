//! A model that takes raw rows: encoder, window and network in one file.

use core::borrow::Borrow;

use crate::detector::Arrays;
use crate::encoding::Encoder;
use crate::error::{LoadError, ScoreError};
use crate::explain::{self, Contribution};
use crate::format::input::{Checked, WindowFeatures, WindowSpec};
use crate::load::Load;
use crate::model::Model;
use crate::score::Verdict;
use crate::window::Window;

/// A model file with an input section, checked once and then read in place.
///
/// [`Model::from_bytes`] refuses such a file, so that no raw row is scored as if it were encoded.
#[derive(Clone, Debug)]
pub struct RawModel<'a> {
    encoder: Encoder<'a>,
    window: WindowSpec,
    model: Model<'a>,
}

impl<'a> RawModel<'a> {
    /// Checks a model file and returns a view of it: all that [`Model::from_bytes`] checks, and that the input section is
    /// whole and gives as many features as the network takes.
    ///
    /// # Errors
    /// A [`LoadError`]; [`LoadError::NoEncoder`] for a file without input section, which [`Model`] loads.
    ///
    /// # Panics
    /// Never, whatever the bytes.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let (model, section) = Model::with_input(bytes)?;
        if section.is_empty() {
            return Err(LoadError::NoEncoder);
        }
        let section = Checked::of(section)?;
        if section.window != WindowSpec::ROW && !cfg!(feature = "window") {
            return Err(LoadError::NotCompiled { feature: "window" });
        }
        if section.window.outputs(section.encoded) != Some(model.inputs()) {
            return Err(LoadError::Input);
        }
        Ok(Self { encoder: Encoder::new(section), window: section.window, model })
    }

    /// What makes features of a raw row.
    pub fn encoder(&self) -> Encoder<'a> {
        self.encoder
    }

    /// The rows that are looked at together; [`WindowSpec::ROW`] where each row is a sample.
    pub fn window(&self) -> WindowSpec {
        self.window
    }

    /// The network and its heads. It takes encoded rows, windowed where there is a window; it is not for raw ones.
    pub fn model(&self) -> &Model<'a> {
        &self.model
    }

    /// The raw column that a feature of the network comes from.
    pub fn raw_of(&self, feature: usize) -> usize {
        let encoded = self.encoder.encoded();
        let feature = match self.window.features {
            WindowFeatures::Lags => feature.checked_rem(encoded).unwrap_or(0),
            WindowFeatures::Summary => feature / crate::format::input::SUMMARY,
        };
        self.encoder.raw_of(feature)
    }

    /// Adds up what features of the network contribute for the raw columns that they come from.
    ///
    /// # Shapes
    /// `contributions`: `[IN]`, as [`Model::explain`] writes them; `raw`: `[RAW]`.
    ///
    /// # Panics
    /// Never.
    pub fn attribute(&self, contributions: &[f32], raw: &mut [f32]) {
        raw.fill(0.0);
        for (feature, contribution) in contributions.iter().enumerate() {
            if let Some(slot) = raw.get_mut(self.raw_of(feature)) {
                *slot += contribution;
            }
        }
    }
}

/// Scores a series of raw rows, each `RAW` readings: `ENCODED` features of a row, windows of `ROWS` rows (1 where each row
/// is a sample), and as for a [`Detector`](crate::Detector) `IN`, `WIDTH` and `MEMORY`.
///
/// `edgevae inspect` prints the type that a model asks for. An [`OwnedRawDetector`] owns its view of the model.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use edgevae_core::{RawDetector, RawModel};
///
/// static MODEL: &[u8] = edgevae_core::include_model!("../tests/data/small-v2.evae");
///
/// let model = RawModel::from_bytes(MODEL)?;
/// // Five raw columns, eleven features of a row, windows of three rows: 33 features, widest layer 4.
/// let mut detector = RawDetector::<5, 11, 3, 33, 4>::new(&model)?;
/// let row = [20.5, 1.0, 2.0, 0.0, 43_200.0];
/// assert_eq!(detector.push(&row)?, None, "a window of three rows is not full");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RawDetector<
    'm,
    const RAW: usize,
    const ENCODED: usize,
    const ROWS: usize,
    const IN: usize,
    const WIDTH: usize,
    const MEMORY: usize = 0,
    M: Borrow<RawModel<'m>> = &'m RawModel<'m>,
> {
    model: M,
    window: Window<ENCODED, ROWS>,
    row: [f32; ENCODED],
    sample: [f32; IN],
    arrays: Arrays<IN, WIDTH, MEMORY>,
    file: core::marker::PhantomData<&'m [u8]>,
}

/// A [`RawDetector`] that owns its view of the model: a function can load and return it, a struct can hold it.
pub type OwnedRawDetector<
    'a,
    const RAW: usize,
    const ENCODED: usize,
    const ROWS: usize,
    const IN: usize,
    const WIDTH: usize,
    const MEMORY: usize = 0,
> = RawDetector<'a, RAW, ENCODED, ROWS, IN, WIDTH, MEMORY, RawModel<'a>>;

impl<
    'm,
    const RAW: usize,
    const ENCODED: usize,
    const ROWS: usize,
    const IN: usize,
    const WIDTH: usize,
    const MEMORY: usize,
    M: Borrow<RawModel<'m>>,
> RawDetector<'m, RAW, ENCODED, ROWS, IN, WIDTH, MEMORY, M>
{
    /// Makes a detector for a model, given by reference or, for an [`OwnedRawDetector`], by value.
    ///
    /// # Errors
    /// [`LoadError::WrongInput`] when the model has another number of raw columns, features or rows of a window;
    /// [`LoadError::WrongShape`] and [`LoadError::FlushToZero`] as [`Detector::new`](crate::Detector::new).
    ///
    /// # Panics
    /// Never.
    pub fn new(model: M) -> Result<Self, LoadError> {
        let RawModel { encoder, window, model: network } = model.borrow();
        let (raw, encoded, rows) = (encoder.raw(), encoder.encoded(), usize::from(window.rows));
        let window = Window::new(*window).filter(|_| raw == RAW && encoded == ENCODED);
        let window = window.ok_or(LoadError::WrongInput { raw, encoded, rows })?;
        let arrays = Arrays::of(network)?;
        Ok(Self { model, window, row: [0.0; ENCODED], sample: [0.0; IN], arrays, file: core::marker::PhantomData })
    }

    /// The model.
    pub fn model(&self) -> &RawModel<'m> {
        self.model.borrow()
    }

    /// Takes the next raw row; a verdict when one is due: on every row without a window, else on the last row of each
    /// window.
    ///
    /// # Errors
    /// A [`ScoreError`] that names the raw column where there is one: a fault, never normal. After any error the window
    /// begins anew with the next row, so that no verdict looks across the fault.
    ///
    /// # Panics
    /// Never.
    pub fn push(&mut self, raw: &[f32; RAW]) -> Result<Option<Verdict>, ScoreError> {
        let outcome = self.try_push(raw);
        if outcome.is_err() {
            self.window.clear();
        }
        outcome
    }

    #[inline(always)]
    fn try_push(&mut self, raw: &[f32; RAW]) -> Result<Option<Verdict>, ScoreError> {
        let Self { model, window, row, sample, arrays, .. } = self;
        let model = (*model).borrow();
        model.encoder.encode(raw, row)?;
        if !window.push(row, sample) {
            return Ok(None);
        }
        arrays.score(&model.model, sample).map(Some).map_err(|error| match error {
            ScoreError::NonFinite { index } => ScoreError::NonFinite { index: model.raw_of(index) },
            error => error,
        })
    }

    /// What each raw column contributes to the score of the last verdict: the sum over the features that it became. See
    /// [`Detector::explain`](crate::Detector::explain).
    ///
    /// # Panics
    /// Never.
    pub fn explain(&self) -> [f32; RAW] {
        let model = self.model.borrow();
        let mut raw = [0.0; RAW];
        model.attribute(&self.arrays.explain(&model.model), &mut raw);
        raw
    }

    /// The `K` raw columns that contribute most to the score of the last verdict, the largest first. More than there are
    /// does not compile.
    ///
    /// # Panics
    /// Never.
    pub fn largest<const K: usize>(&self) -> [Contribution; K] {
        const { assert!(K <= RAW, "there are only so many columns") };
        let mut slots = [Contribution::default(); K];
        explain::largest(&self.explain(), &mut slots);
        slots
    }
}

impl<
    'a,
    const RAW: usize,
    const ENCODED: usize,
    const ROWS: usize,
    const IN: usize,
    const WIDTH: usize,
    const MEMORY: usize,
> Load<'a> for OwnedRawDetector<'a, RAW, ENCODED, ROWS, IN, WIDTH, MEMORY>
{
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::new(RawModel::from_bytes(bytes)?)
    }
}
