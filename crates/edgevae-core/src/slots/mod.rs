//! A model in the field: two slots of flash, so that a power cut at any moment of an update leaves a working detector.
//!
//! A slot holds a [`Record`] and behind it a model file. An update erases the slot that is *not* in use, writes the
//! file, and writes the record last; until the record is complete the slot does not count. [`Slots::open`] takes the slot of
//! the higher sequence number and falls back to the other one when that file is damaged or does not fit the detector.
//! `docs/FORMAT.md` has the bytes.
//!
//! `Update` (feature `update`) does the writing over the flash traits of `embedded-storage`, in pieces as they arrive.
//!
//! # Examples
//! ```
//! use edgevae_core::OwnedDetector;
//! use edgevae_core::slots::{self, Record, Slots, Which};
//!
//! # #[repr(align(16))] struct Flash([u8; 1024]);
//! # let mut flash = Flash([0xff; 1024]);
//! # let file = edgevae_core::include_model!("../../tests/data/small-v1.evae");
//! # flash.0[32..][..file.len()].copy_from_slice(file);
//! # let record = Record { sequence: 7, model_at: 32, model_len: file.len() as u32 };
//! # flash.0[..slots::RECORD_LEN].copy_from_slice(&record.to_bytes());
//! // On the device these are two ranges of memory-mapped flash.
//! let (slot_a, slot_b) = flash.0.split_at(512);
//! let newest = Slots::new(slot_a, slot_b).open::<OwnedDetector<3, 5>>()?;
//! assert_eq!((newest.which, newest.sequence), (Which::A, 7));
//! let mut detector = newest.loaded;
//! // The next update goes to `newest.which.other()` with the sequence number `newest.next_sequence()`.
//! # Ok::<(), slots::NoModel>(())
//! ```

mod record;
#[cfg(feature = "update")]
mod update;

use core::fmt;

pub use record::{MAGIC, RECORD_LEN, Record};
#[cfg(feature = "update")]
pub use update::{BLOCK, Update, UpdateError};

use crate::error::LoadError;
use crate::load::Load;

/// One of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first of [`Slots`].
    A,
    /// The second.
    B,
}

impl Which {
    /// The slot that an update may overwrite while this one is in use.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Why a slot does not give a model. `E` is what the loader says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError<E = LoadError> {
    /// No complete record: erased, never written, or an update was interrupted.
    Empty,
    /// The record names bytes that the slot does not have: the slots lie elsewhere than when it was written.
    Bounds,
    /// The file behind the record is refused.
    Model(E),
}

impl<E: fmt::Display> fmt::Display for SlotError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no complete model was written there"),
            Self::Bounds => f.write_str("the model reaches beyond the slot; check where the slots begin and end"),
            Self::Model(error) => error.fmt(f),
        }
    }
}

/// Neither slot gives a model: there is nothing to score with. Write a model to either slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoModel<E = LoadError> {
    /// Why slot A gives none.
    pub a: SlotError<E>,
    /// Why slot B gives none.
    pub b: SlotError<E>,
}

impl<E: fmt::Display> fmt::Display for NoModel<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no model to score with; slot A: {}; slot B: {}", self.a, self.b)
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for NoModel<E> {}

/// The slot in use and what its file was loaded as. `E` is what the loader says.
#[derive(Clone, Debug)]
pub struct Newest<T, E = LoadError> {
    /// Which slot it is.
    pub which: Which,
    /// Its sequence number.
    pub sequence: u32,
    /// The detector, or the model.
    pub loaded: T,
    /// Why the other slot was rejected, where it was looked at: a newer file that is damaged or does not fit is worth a
    /// report. [`SlotError::Empty`] is what an interrupted update leaves; `None` is an older slot, whose file was not
    /// checked.
    pub rejected: Option<SlotError<E>>,
}

impl<T, E> Newest<T, E> {
    /// The sequence number of the next update.
    pub fn next_sequence(&self) -> u32 {
        self.sequence.wrapping_add(1)
    }
}

/// The two slots: all of their bytes, each starting at a multiple of four bytes.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    a: &'a [u8],
    b: &'a [u8],
}

impl<'a> Slots<'a> {
    /// Two ranges of memory-mapped flash.
    pub fn new(a: &'a [u8], b: &'a [u8]) -> Self {
        Self { a, b }
    }

    /// Opens the newest slot whose file loads as `T`: a detector, which the model must also fit, or a model.
    ///
    /// Ask for the detector that the firmware scores with. A newer file that is valid but too large for it is then
    /// rejected like a damaged one, and the older slot goes on.
    ///
    /// # Errors
    /// [`NoModel`] with the reason of each slot when neither gives a `T`.
    ///
    /// # Cost
    /// Two records and one model file; a second file only when the newer one is rejected. No copy of the file.
    ///
    /// # Panics
    /// Never, whatever the slots hold.
    pub fn open<T: Load<'a>>(self) -> Result<Newest<T>, NoModel> {
        self.open_by(T::load)
    }

    /// [`Slots::open`] with another check of the file, for instance of its signature.
    ///
    /// # Errors
    /// As [`Slots::open`].
    ///
    /// # Panics
    /// Never, unless `load` does.
    pub fn open_by<T, E>(self, load: impl Fn(&'a [u8]) -> Result<T, E>) -> Result<Newest<T, E>, NoModel<E>> {
        let open = |which, slot: &'a [u8]| {
            let record = Record::read(slot).ok_or(SlotError::Empty)?;
            let file = record.file(slot).ok_or(SlotError::Bounds)?;
            let loaded = load(file).map_err(SlotError::Model)?;
            Ok(Newest { which, sequence: record.sequence, loaded, rejected: None })
        };
        let (a, b) = (Record::read(self.a), Record::read(self.b));
        let b_is_newer = b.is_some_and(|b| a.is_none_or(|a| b.is_newer_than(&a)));
        let (first, second) = if b_is_newer { (Which::B, Which::A) } else { (Which::A, Which::B) };
        let slot = |which| if which == Which::A { self.a } else { self.b };
        let no_record = [a, b].contains(&None);
        match open(first, slot(first)) {
            Ok(newest) => Ok(Newest { rejected: no_record.then_some(SlotError::Empty), ..newest }),
            Err(newer) => match open(second, slot(second)) {
                Ok(newest) => Ok(Newest { rejected: Some(newer), ..newest }),
                Err(older) if b_is_newer => Err(NoModel { a: older, b: newer }),
                Err(older) => Err(NoModel { a: newer, b: older }),
            },
        }
    }
}
