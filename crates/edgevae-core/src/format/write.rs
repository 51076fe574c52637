//! Writes a model file.

use core::fmt;

use super::{CRC_LEN, Extra, HEADER_AT, Header, MAGIC, TENSOR_ALIGN, VERSION, VERSION_WITH_EXTRAS, VERSION_WITH_INPUT};
use crate::crc::checksum;

/// Why a header and its tensors cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The output buffer is too small.
    BufferFull,
    /// The tags of the extras do not rise.
    Tags,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferFull => f.write_str("the buffer is too small for the model file"),
            Self::Tags => f.write_str("each extra needs a tag above that of the one before"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Everything that a model file is made of.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// Shapes, heads, threshold, names.
    pub header: &'a Header<'a>,
    /// The bytes of an input section; empty: the model takes encoded rows.
    pub input: &'a [u8],
    /// Entries in the order of their tags, each tag once.
    pub extras: &'a [Extra<'a>],
    /// The numbers, four bytes each.
    pub words: &'a [i32],
}

impl<'a> Contents<'a> {
    /// A file without sections.
    pub fn new(header: &'a Header<'a>, words: &'a [i32]) -> Self {
        Self { header, input: &[], extras: &[], words }
    }

    /// Bytes that [`Contents::encode`] needs at most.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of slices that are in memory together, and 256")]
    pub fn max_len(&self) -> usize {
        // Fixed fields take under 200 bytes even when every varint is at its longest.
        let extras: usize = self.extras.iter().map(|extra| extra.bytes.len() + 6).sum();
        256 + self.header.tool.len() + self.header.names.len() + self.input.len() + extras + 4 * self.words.len()
    }

    /// Writes the file into `out` and returns its length. It checks nothing but the tags: load the result before you
    /// trust it.
    ///
    /// # Errors
    /// [`EncodeError::BufferFull`], where [`Contents::max_len`] bytes are always enough; [`EncodeError::Tags`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        if !self.extras.is_sorted_by(|one, next| one.tag < next.tag) {
            return Err(EncodeError::Tags);
        }
        let mut writer = Writer { out, at: HEADER_AT };
        writer.value(self.header)?;
        let version = self.sections(&mut writer)?;

        let tensor_len = u32::try_from(self.words.len().saturating_mul(4)).map_err(|_| EncodeError::BufferFull)?;
        // The pad's own length takes one byte: it is below 128.
        let before = writer.at.saturating_add(1).saturating_add(varint_len(tensor_len));
        let pad = before.wrapping_neg() % TENSOR_ALIGN;
        writer.value([0_u8; TENSOR_ALIGN].get(..pad).unwrap_or(&[]))?;
        writer.value(&tensor_len)?;
        for word in self.words {
            writer.put(&word.to_le_bytes())?;
        }

        let length = writer.at.saturating_add(CRC_LEN);
        let ([m0, m1, m2, m3], [l0, l1, l2, l3]) = (MAGIC, u32_of(length)?.to_le_bytes());
        let prefix = writer.out.first_chunk_mut::<HEADER_AT>().ok_or(EncodeError::BufferFull)?;
        *prefix = [m0, m1, m2, m3, version, l0, l1, l2, l3];
        let crc = checksum(writer.out.get(..writer.at).ok_or(EncodeError::BufferFull)?);
        writer.put(&crc.to_le_bytes())?;
        Ok(length)
    }

    /// Writes the sections that there are and returns the format version that has them.
    fn sections(&self, writer: &mut Writer<'_>) -> Result<u8, EncodeError> {
        if self.extras.is_empty() && self.input.is_empty() {
            return Ok(VERSION);
        }
        writer.value(self.input)?;
        if self.extras.is_empty() {
            return Ok(VERSION_WITH_INPUT);
        }
        let mut len = 0_usize;
        for extra in self.extras {
            let bytes = extra.bytes.len();
            len = len.saturating_add(1).saturating_add(varint_len(u32_of(bytes)?)).saturating_add(bytes);
        }
        writer.value(&u32_of(len)?)?;
        for extra in self.extras {
            writer.put(&[extra.tag])?;
            writer.value(extra.bytes)?;
        }
        Ok(VERSION_WITH_EXTRAS)
    }
}

/// Bytes that [`encode`] needs at most.
pub fn max_encoded_len(header: &Header<'_>, tensors: usize) -> usize {
    Contents::new(header, &[]).max_len().saturating_add(tensors.saturating_mul(4))
}

/// Writes the file of a float model without sections; see [`Contents::encode`].
///
/// # Errors
/// [`EncodeError::BufferFull`]; [`max_encoded_len`] bytes are always enough.
pub fn encode(header: &Header<'_>, tensors: &[f32], out: &mut [u8]) -> Result<usize, EncodeError> {
    encode_words(header, bytemuck::cast_slice(tensors), out)
}

/// As [`encode`], of numbers that are four bytes each, whatever [`Numbers`](super::Numbers) they are.
///
/// # Errors
/// As [`encode`].
pub fn encode_words(header: &Header<'_>, words: &[i32], out: &mut [u8]) -> Result<usize, EncodeError> {
    Contents::new(header, words).encode(out)
}

/// Bytes are written from `at` on.
struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let room = self.out.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len()));
        room.ok_or(EncodeError::BufferFull)?.copy_from_slice(bytes);
        self.at = self.at.saturating_add(bytes.len());
        Ok(())
    }

    /// A postcard value.
    fn value<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let rest = self.out.get_mut(self.at..).ok_or(EncodeError::BufferFull)?;
        let written = postcard::to_slice(value, rest).map_err(|_| EncodeError::BufferFull)?.len();
        self.at = self.at.saturating_add(written);
        Ok(())
    }
}

fn u32_of(len: usize) -> Result<u32, EncodeError> {
    u32::try_from(len).map_err(|_| EncodeError::BufferFull)
}

/// Bytes of a number as postcard writes it.
fn varint_len(value: u32) -> usize {
    let bits = u32::BITS.saturating_sub(value.leading_zeros());
    bits.div_ceil(7).max(1) as usize
}
