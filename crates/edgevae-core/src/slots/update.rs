//! Writes a slot so that it counts only when it is complete.

use core::fmt;
use core::ops::Range;

use embedded_storage::nor_flash::NorFlash;

use super::record::{RECORD_LEN, Record};
use crate::crc::Crc;
use crate::error::LoadError;
use crate::format::{self, TENSOR_ALIGN};
use crate::signature;

/// Bytes that an [`Update`] gathers before it writes; flash words up to this size are supported.
pub const BLOCK: usize = 256;

/// Why an update did not come about. The slot in use was not touched; begin again when the cause is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError<E, C = LoadError> {
    /// The flash driver refused.
    Flash(E),
    /// The slot does not begin and end at a multiple of the flash's erase size and of 16.
    Slot,
    /// The file is larger than the slot.
    Full,
    /// What was written is not a whole model file, or does not read back as it was written.
    Damaged,
    /// The check of [`Update::commit_if`] refused the file, for instance because it does not fit the detector.
    Refused(C),
}

impl<E: fmt::Debug, C: fmt::Display> fmt::Display for UpdateError<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash driver refused: {error:?}"),
            Self::Slot => f.write_str("the slot is not a whole number of erasable sectors"),
            Self::Full => f.write_str("the model file is larger than the slot"),
            Self::Damaged => f.write_str("not a whole model file, or it does not read back; send it again"),
            Self::Refused(error) => write!(f, "this device cannot use the model: {error}"),
        }
    }
}

impl<E: fmt::Debug, C: fmt::Debug + fmt::Display> core::error::Error for UpdateError<E, C> {}

/// An update under way: erase, write in pieces, commit.
///
/// # Cost
/// [`BLOCK`] bytes of RAM and a few numbers, whatever the size of the file.
///
/// # Examples
/// ```
/// # use edgevae_core::{Load, OwnedDetector};
/// # use edgevae_core::slots::{Update, UpdateError};
/// # use embedded_storage::nor_flash::NorFlash;
/// # fn memory_mapped(file: core::ops::Range<u32>) -> &'static [u8] { &[] }
/// fn receive<F: NorFlash>(flash: &mut F, pieces: &[&[u8]]) -> Result<(), UpdateError<F::Error>> {
///     // The slot of `newest.which.other()`, and `newest.next_sequence()`.
///     let mut update = Update::begin(flash, 0x8000..0xc000, 8)?;
///     for piece in pieces {
///         update.write(piece)?;
///     }
///     update.commit_if(|_, file| OwnedDetector::<10, 64>::load(memory_mapped(file)).map(drop))
/// }
/// ```
#[derive(Debug)]
pub struct Update<'f, F> {
    flash: &'f mut F,
    slot: Range<u32>,
    model_at: u32,
    sequence: u32,
    /// Bytes of the file in flash.
    written: u32,
    block: [u8; BLOCK],
    /// Bytes of the file in `block`, not yet in flash.
    gathered: usize,
}

impl<'f, F: NorFlash> Update<'f, F> {
    /// The record on its own flash words, the file behind it aligned for reading in place.
    const MODEL_AT: usize = RECORD_LEN.next_multiple_of(TENSOR_ALIGN).next_multiple_of(F::WRITE_SIZE);

    /// Erases the slot that is not in use.
    ///
    /// # Errors
    /// [`UpdateError::Slot`] or [`UpdateError::Flash`].
    ///
    /// # Panics
    /// Never, unless the driver does.
    pub fn begin(flash: &'f mut F, slot: Range<u32>, sequence: u32) -> Result<Self, UpdateError<F::Error>> {
        const {
            assert!(F::WRITE_SIZE.is_power_of_two(), "a flash word is a power of two of bytes");
            assert!(F::WRITE_SIZE <= BLOCK, "a flash word has at most 256 bytes");
            assert!(F::READ_SIZE > 0 && F::WRITE_SIZE % F::READ_SIZE == 0, "a flash word is a whole number of reads");
        }
        let is_multiple = |at: u32| {
            let erase = at.checked_rem(number(F::ERASE_SIZE));
            erase == Some(0) && at.is_multiple_of(number(TENSOR_ALIGN))
        };
        let model_at = number(Self::MODEL_AT);
        let room = slot.end.saturating_sub(slot.start);
        if !is_multiple(slot.start) || !is_multiple(slot.end) || room < model_at {
            return Err(UpdateError::Slot);
        }
        flash.erase(slot.start, slot.end).map_err(UpdateError::Flash)?;
        Ok(Self { flash, slot, model_at, sequence, written: 0, block: [0xff; BLOCK], gathered: 0 })
    }

    /// Takes the next piece of the file, of any length.
    ///
    /// # Errors
    /// [`UpdateError::Full`] or [`UpdateError::Flash`].
    ///
    /// # Panics
    /// Never, unless the driver does.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), UpdateError<F::Error>> {
        while !bytes.is_empty() {
            let room = self.block.get_mut(self.gathered..BLOCK).unwrap_or(&mut []);
            let (now, later) = bytes.split_at_checked(room.len()).unwrap_or((bytes, &[]));
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.gathered = self.gathered.saturating_add(now.len());
            bytes = later;
            if self.gathered >= BLOCK {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what was gathered, filled up to whole flash words with what erased flash holds.
    fn flush<C>(&mut self) -> Result<(), UpdateError<F::Error, C>> {
        let words = self.block.get(..self.gathered.next_multiple_of(F::WRITE_SIZE)).unwrap_or(&self.block);
        let at = self.file_start().saturating_add(self.written);
        if u64::from(at).saturating_add(words.len() as u64) > u64::from(self.slot.end) {
            return Err(UpdateError::Full);
        }
        self.flash.write(at, words).map_err(UpdateError::Flash)?;
        self.written = self.written.saturating_add(number(self.gathered));
        (self.block, self.gathered) = ([0xff; BLOCK], 0);
        Ok(())
    }

    fn file_start(&self) -> u32 {
        self.slot.start.saturating_add(self.model_at)
    }

    /// [`Update::commit_if`] without a check of its own.
    ///
    /// # Errors
    /// As [`Update::commit_if`].
    ///
    /// # Panics
    /// Never, unless the driver does.
    pub fn commit(self) -> Result<(), UpdateError<F::Error>> {
        self.commit_if(|_, _| Ok(()))
    }

    /// Reads the file back, writes the record, and reads that back too: from here on the slot counts.
    ///
    /// The record is the last thing written, so a power cut before leaves the slot that is in use in use. `check` is asked
    /// before: it gets the driver and where in flash the file lies, and a file that it refuses has no record. Load it there
    /// as the detector that the firmware scores with.
    ///
    /// # Errors
    /// [`UpdateError::Damaged`] when magic, version, length or checksum do not hold for what is in flash or the record does
    /// not read back, and the slot then does not count; [`UpdateError::Refused`] with what `check` says; [`UpdateError::Full`];
    /// [`UpdateError::Flash`].
    ///
    /// # Panics
    /// Never, unless the driver does.
    pub fn commit_if<C>(
        mut self,
        check: impl FnOnce(&mut F, Range<u32>) -> Result<(), C>,
    ) -> Result<(), UpdateError<F::Error, C>> {
        if self.gathered > 0 {
            self.flush()?;
        }
        self.read_back()?;
        let start = self.file_start();
        check(self.flash, start..start.saturating_add(self.written)).map_err(UpdateError::Refused)?;
        let record = Record { sequence: self.sequence, model_at: self.model_at, model_len: self.written };
        let record = record.to_bytes();
        self.block.iter_mut().zip(record).for_each(|(to, from)| *to = from);
        let words = self.block.get(..RECORD_LEN.next_multiple_of(F::WRITE_SIZE)).unwrap_or(&self.block);
        self.flash.write(self.slot.start, words).map_err(UpdateError::Flash)?;
        let words = self.block.get_mut(..RECORD_LEN.next_multiple_of(F::READ_SIZE)).unwrap_or(&mut []);
        self.flash.read(self.slot.start, words).map_err(UpdateError::Flash)?;
        if self.block.starts_with(&record) { Ok(()) } else { Err(UpdateError::Damaged) }
    }

    /// Checks length and checksum of what lies in flash, and leaves `block` as erased flash.
    fn read_back<C>(&mut self) -> Result<(), UpdateError<F::Error, C>> {
        let start = self.file_start();
        let mut checksum = Checksum::default();
        let mut at = 0;
        while at < self.written {
            let left = usize::try_from(self.written.saturating_sub(at)).unwrap_or(BLOCK).min(BLOCK);
            let words = self.block.get_mut(..left.next_multiple_of(F::READ_SIZE)).unwrap_or(&mut []);
            self.flash.read(start.saturating_add(at), words).map_err(UpdateError::Flash)?;
            let bytes = self.block.get(..left).unwrap_or(&[]);
            if at == 0 {
                checksum.covered = self.covered(bytes).ok_or(UpdateError::Damaged)?;
            }
            checksum.take(bytes);
            at = at.saturating_add(number(left));
        }
        self.block = [0xff; BLOCK];
        if checksum.holds() { Ok(()) } else { Err(UpdateError::Damaged) }
    }

    /// Bytes that the checksum covers in the file that starts with `first`, if the file is as long as was written.
    fn covered(&self, first: &[u8]) -> Option<usize> {
        let file = format::declared_length(first).ok()?;
        let written = usize::try_from(self.written).ok()?;
        let signed = file.checked_add(signature::TRAILER_LEN)?;
        if written == file || written == signed { file.checked_sub(format::CRC_LEN) } else { None }
    }
}

/// A count as flash addresses are counted; one that is beyond them is beyond every slot.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The checksum of a file that passes by in pieces.
struct Checksum {
    crc: Crc,
    /// Bytes that are still to come before the stored checksum.
    covered: usize,
    stored: heapless::Vec<u8, { format::CRC_LEN }>,
}

impl Default for Checksum {
    fn default() -> Self {
        Self { crc: Crc::new(), covered: 0, stored: heapless::Vec::new() }
    }
}

impl Checksum {
    fn take(&mut self, bytes: &[u8]) {
        let (covered, rest) = bytes.split_at_checked(self.covered).unwrap_or((bytes, &[]));
        self.crc = self.crc.update(covered);
        self.covered = self.covered.saturating_sub(covered.len());
        for &byte in rest {
            // What follows the stored checksum is the signature.
            let _ = self.stored.push(byte);
        }
    }

    fn holds(self) -> bool {
        self.stored == self.crc.finish().to_le_bytes()
    }
}
