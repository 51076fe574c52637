//! A model in the field: two slots of flash, so that a power cut at any moment of an update leaves a working detector.
//!
//! A slot holds a [`Record`] and behind it a model file. An update erases the slot that is *not* in use, writes the
//! file, and writes the record last; until the record is complete the slot does not count. [`newest`] takes the slot of
//! the higher sequence number and falls back to the other one when its file is damaged. `docs/FORMAT.md` has the bytes.
//!
//! `Update` (feature `update`) does the writing over the flash traits of `embedded-storage`, in pieces as they arrive.
//!
//! # Examples
//! ```
//! use edgevae_core::slots::{self, Record, Which};
//!
//! # #[repr(align(16))] struct Flash([u8; 1024]);
//! # let mut flash = Flash([0xff; 1024]);
//! # let file = edgevae_core::include_model!("../../tests/data/small-v1.evae");
//! # flash.0[32..][..file.len()].copy_from_slice(file);
//! # let record = Record { sequence: 7, model_at: 32, model_len: file.len() as u32 };
//! # flash.0[..slots::RECORD_LEN].copy_from_slice(&record.to_bytes());
//! // On the device these are two ranges of memory-mapped flash.
//! let (slot_a, slot_b) = flash.0.split_at(512);
//! let newest = slots::newest(slot_a, slot_b)?;
//! assert_eq!((newest.which, newest.sequence), (Which::A, 7));
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
use crate::model::Model;

/// One of the two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first slot that [`newest`] is given.
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
    /// What is the matter with slot A.
    pub a: SlotError<E>,
    /// What is the matter with slot B.
    pub b: SlotError<E>,
}

impl<E: fmt::Display> fmt::Display for NoModel<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no model to score with; slot A: {}; slot B: {}", self.a, self.b)
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for NoModel<E> {}

/// The slot in use and its model: a `Model`, or what else the slot is loaded as. `E` is what the loader says.
#[derive(Clone, Debug)]
pub struct Newest<M, E = LoadError> {
    /// Which slot it is.
    pub which: Which,
    /// Its sequence number.
    pub sequence: u32,
    /// The model, checked.
    pub model: M,
    /// Why the other slot was passed over, where it was looked at: a newer file that is damaged is worth a report.
    /// [`SlotError::Empty`] is what an interrupted update leaves; `None` is an older slot, whose file was not checked.
    pub passed_over: Option<SlotError<E>>,
}

impl<M, E> Newest<M, E> {
    /// The sequence number of the next update.
    pub fn next_sequence(&self) -> u32 {
        self.sequence.wrapping_add(1)
    }
}

/// Finds the newest model that loads.
///
/// # Shapes
/// `a`, `b`: all bytes of the slots, each starting at a multiple of four bytes.
///
/// # Errors
/// [`NoModel`] with the reason of each slot when neither gives a model.
///
/// # Cost
/// Two records and one model file; a second file only when the newer one is refused. No copy.
///
/// # Panics
/// Never, whatever the slots hold.
pub fn newest<'a>(a: &'a [u8], b: &'a [u8]) -> Result<Newest<Model<'a>>, NoModel> {
    newest_by(a, b, Model::from_bytes)
}

/// [`newest`] of another kind of model, or with another check of the file, such as `QuantizedModel::from_bytes`,
/// `RawModel::from_bytes` or `Model::from_signed_bytes`: what it refuses, the fallback replaces.
///
/// # Errors
/// As [`newest`].
///
/// # Panics
/// Never, unless `load` does.
pub fn newest_by<'a, M, E>(
    a: &'a [u8],
    b: &'a [u8],
    load: impl Fn(&'a [u8]) -> Result<M, E>,
) -> Result<Newest<M, E>, NoModel<E>> {
    let open = |which, slot: &'a [u8], record: Record| match record.file(slot) {
        None => Err(SlotError::Bounds),
        Some(file) => match load(file) {
            Ok(model) => Ok(Newest { which, sequence: record.sequence, model, passed_over: None }),
            Err(error) => Err(SlotError::Model(error)),
        },
    };
    let open_a = |record| open(Which::A, a, record);
    let open_b = |record| open(Which::B, b, record);
    match (Record::read(a), Record::read(b)) {
        (None, None) => Err(NoModel { a: SlotError::Empty, b: SlotError::Empty }),
        (Some(record), None) => match open_a(record) {
            Ok(newest) => Ok(Newest { passed_over: Some(SlotError::Empty), ..newest }),
            Err(a) => Err(NoModel { a, b: SlotError::Empty }),
        },
        (None, Some(record)) => match open_b(record) {
            Ok(newest) => Ok(Newest { passed_over: Some(SlotError::Empty), ..newest }),
            Err(b) => Err(NoModel { a: SlotError::Empty, b }),
        },
        (Some(record_a), Some(record_b)) if record_b.is_newer_than(&record_a) => match open_b(record_b) {
            Ok(newest) => Ok(newest),
            Err(b) => match open_a(record_a) {
                Ok(newest) => Ok(Newest { passed_over: Some(b), ..newest }),
                Err(a) => Err(NoModel { a, b }),
            },
        },
        (Some(record_a), Some(record_b)) => match open_a(record_a) {
            Ok(newest) => Ok(newest),
            Err(a) => match open_b(record_b) {
                Ok(newest) => Ok(Newest { passed_over: Some(a), ..newest }),
                Err(b) => Err(NoModel { a, b }),
            },
        },
    }
}
