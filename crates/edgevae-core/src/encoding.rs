//! From a row of raw readings to the features that a model with an input section takes.

use core::f32::consts::TAU;

use crate::error::{LoadError, ScoreError};
use crate::format::input::{Absent, Checked, Clock, Column, Columns, Kind, WindowSpec};

/// Encodes raw rows: numbers as they are, categories one-hot with a class for all others, cyclic readings as sine and
/// cosine, missing readings filled and, where the file says so, indicated.
///
/// It reads the model file in place and keeps nothing: equal rows give equal bits on every target.
///
/// # Examples
/// See [`RawModel`](crate::RawModel).
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a> {
    section: Checked<'a>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(section: Checked<'a>) -> Self {
        Self { section }
    }

    /// Checks an input section by itself, as [`RawModel`](crate::RawModel) does in a file; with it comes the window.
    ///
    /// # Errors
    /// [`LoadError::Input`], [`LoadError::Newer`].
    ///
    /// # Panics
    /// Never.
    pub fn of_section(section: &'a [u8]) -> Result<(Self, WindowSpec), LoadError> {
        let section = Checked::of(section)?;
        Ok((Self::new(section), section.window))
    }

    /// Number of raw columns: the length of a sample.
    pub fn raw(&self) -> usize {
        usize::from(self.section.columns)
    }

    /// Number of features that a sample becomes.
    pub fn encoded(&self) -> usize {
        self.section.encoded
    }

    /// The section as it was written.
    pub fn section(&self) -> &'a [u8] {
        self.section.section
    }

    /// The raw columns, in the order of a sample.
    pub fn columns(&self) -> Columns<'a> {
        self.section.columns()
    }

    /// Encodes one sample.
    ///
    /// # Shapes
    /// `sample`: `[RAW]`, raw units, the place of its level for a category, NaN for a missing reading; `out`:
    /// `[ENCODED]`, all finite afterwards.
    ///
    /// # Errors
    /// [`ScoreError::WrongLength`]; [`ScoreError::NonFinite`] with the raw column, for an infinite reading, for one that is
    /// more periods away than `f32` holds, and for a missing one that the model does not take. `out` is then without meaning.
    ///
    /// # Cost
    /// One pass over the section and the features; two transcendental functions for each cyclic column.
    ///
    /// # Panics
    /// Never.
    pub fn encode(&self, sample: &[f32], out: &mut [f32]) -> Result<(), ScoreError> {
        if sample.len() != self.raw() {
            return Err(ScoreError::WrongLength { expected: self.raw(), found: sample.len() });
        }
        if out.len() != self.encoded() {
            return Err(ScoreError::WrongLength { expected: self.encoded(), found: out.len() });
        }
        let mut rest = out;
        for (index, (&raw, column)) in sample.iter().zip(self.columns()).enumerate() {
            let (features, after) = rest.split_at_mut_checked(column.encoded_len()).unwrap_or_default();
            encode(&column, raw, features).ok_or(ScoreError::NonFinite { index })?;
            rest = after;
        }
        Ok(())
    }

    /// The raw column that a feature comes from.
    pub fn raw_of(&self, feature: usize) -> usize {
        let mut end = 0_usize;
        let ends = self.columns().map(|column| {
            end = end.saturating_add(column.encoded_len());
            end
        });
        ends.take_while(|&end| end <= feature).count()
    }
}

/// `None` for a reading that the column does not take.
fn encode(column: &Column<'_>, raw: f32, features: &mut [f32]) -> Option<()> {
    let (fill, indicates) = match column.absent {
        Absent::Refused => (None, false),
        Absent::Filled(fill) => (Some(fill), false),
        Absent::Indicated(fill) => (Some(fill), true),
    };
    let is_missing = raw.is_nan();
    if raw.is_infinite() || (is_missing && fill.is_none()) {
        return None;
    }
    let values = if indicates {
        let (indicator, values) = features.split_last_mut()?;
        *indicator = if is_missing { 1.0 } else { 0.0 };
        values
    } else {
        features
    };
    match column.kind {
        Kind::Category { other, .. } => one_hot(raw, other, values),
        Kind::Cyclic { .. } if is_missing => values.fill(0.0),
        Kind::Cyclic { period, of } => {
            let turns = raw / period;
            // Beyond `f32` for a short period: there is no place on the circle.
            if turns.is_infinite() {
                return None;
            }
            let [sine, cosine] = values else { return None };
            (*sine, *cosine) = if is_on_circle(turns, of) {
                let angle = TAU * (turns - libm::floorf(turns));
                (libm::sinf(angle), libm::cosf(angle))
            } else {
                (FAR, FAR)
            };
        }
        Kind::Number | Kind::Boolean => values.fill(if is_missing { fill? } else { raw }),
    }
    Some(())
}

/// Sine and cosine of a cyclic reading that no clock or dial shows: far beyond the limit of any model, in a window too.
const FAR: f32 = 1e9;

/// Whether a reading, in periods, can be one of a cyclic column. A clock may be late by a leap second, a year have 366 days
/// and a dial overshoot: one part in 256 is granted.
fn is_on_circle(turns: f32, of: Clock) -> bool {
    const GRACE: f32 = 1.0 / 256.0;
    let (least, most) = match of {
        Clock::Value | Clock::Day | Clock::Week | Clock::Year => (0.0, 1.0),
        Clock::Signed => (-0.5, 0.5),
        // Beyond, `f32` tells fewer than 128 places of the circle apart.
        Clock::Turns => (-65_536.0, 65_536.0),
    };
    turns >= least - GRACE && turns <= most + GRACE
}

/// The last of the features is for what is none of the levels; a missing reading has none at all.
fn one_hot(raw: f32, other: f32, features: &mut [f32]) {
    let Some((others, levels)) = features.split_last_mut() else { return };
    let mut is_level = false;
    // The levels first: with 65,535 of them there is no number after the last.
    for (feature, level) in levels.iter_mut().zip(0_u16..) {
        let hit = raw == f32::from(level);
        is_level |= hit;
        *feature = if hit { 1.0 } else { 0.0 };
    }
    *others = if is_level || raw.is_nan() { 0.0 } else { other };
}
