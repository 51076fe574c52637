//! The record at the start of a slot, which makes the slot count.

use crate::crc::checksum;
use crate::format::TENSOR_ALIGN;

/// First four bytes of every record.
pub const MAGIC: [u8; 4] = *b"EVSL";

/// Bytes of a record.
pub const RECORD_LEN: usize = 20;

/// What a slot holds and how new it is. Written last, after the model file is complete.
///
/// Its checksum makes half a record, or flash cells that are half programmed, no record at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Higher is newer; it may wrap around.
    pub sequence: u32,
    /// Bytes from the start of the slot to the model file: a multiple of 16, at least [`RECORD_LEN`], and on flash that
    /// is programmed in larger words a multiple of such a word, since the record is written on its own.
    pub model_at: u32,
    /// Bytes of the model file, its signature included where it has one.
    pub model_len: u32,
}

impl Record {
    /// The bytes to write at the start of the slot: magic, the three numbers, and a CRC-32 of those 16 bytes.
    pub fn to_bytes(&self) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        let (body, stored) = bytes.split_at_mut(RECORD_LEN - 4);
        let (words, _) = body.as_chunks_mut();
        let fields = [MAGIC, self.sequence.to_le_bytes(), self.model_at.to_le_bytes(), self.model_len.to_le_bytes()];
        words.copy_from_slice(&fields);
        stored.copy_from_slice(&checksum(body).to_le_bytes());
        bytes
    }

    /// The record at the start of a slot; `None` when there is no complete one.
    pub fn read(slot: &[u8]) -> Option<Self> {
        let (body, stored) = slot.get(..RECORD_LEN)?.split_last_chunk()?;
        if checksum(body) != u32::from_le_bytes(*stored) {
            return None;
        }
        let (&[magic, sequence, model_at, model_len], []) = body.as_chunks::<4>() else { return None };
        let number = u32::from_le_bytes;
        let record = Self { sequence: number(sequence), model_at: number(model_at), model_len: number(model_len) };
        (magic == MAGIC).then_some(record)
    }

    /// The bytes that the record points at; `None` when the slot does not have them or they are no place for a file.
    pub(crate) fn file<'a>(&self, slot: &'a [u8]) -> Option<&'a [u8]> {
        let at = usize::try_from(self.model_at).ok()?;
        let len = usize::try_from(self.model_len).ok()?;
        if at < RECORD_LEN || at % TENSOR_ALIGN != 0 {
            return None;
        }
        slot.get(at..)?.get(..len)
    }

    /// Whether this record was written after `other`, by serial number arithmetic (RFC 1982): two slots are one update
    /// apart, so the shorter way round the circle of 32-bit numbers is the order.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (1..1 << 31).contains(&self.sequence.wrapping_sub(other.sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record = Record { sequence: 0x0403_0201, model_at: 32, model_len: 500 };

    #[test]
    fn is_written_as_documented_and_reads_back() {
        let bytes = RECORD.to_bytes();
        assert_eq!(bytes[..16], *b"EVSL\x01\x02\x03\x04\x20\0\0\0\xf4\x01\0\0");
        assert_eq!(Record::read(&bytes), Some(RECORD));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_makes_it_no_record() {
        let mut bytes = RECORD.to_bytes();
        for bit in 0..8 * RECORD_LEN {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::read(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..RECORD_LEN {
            assert_eq!(Record::read(&bytes[..len]), None, "{len} bytes");
        }
        assert_eq!(Record::read(&[0; 64]), None);
        assert_eq!(Record::read(&[0xff; 64]), None);
    }

    #[test]
    fn a_checksum_alone_makes_no_record() {
        let mut other = *b"EVAE\x01\0\0\0\x20\0\0\0\xf4\x01\0\0\0\0\0\0";
        let checksum = checksum(&other[..16]);
        other[16..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Record::read(&other), None);
    }

    #[test]
    fn the_order_survives_the_wrap_of_the_sequence_number() {
        let newer = |a, b| Record { sequence: a, ..RECORD }.is_newer_than(&Record { sequence: b, ..RECORD });
        assert!(newer(1, 0) && newer(0, u32::MAX) && newer(5, u32::MAX - 5));
        assert!(!newer(0, 1) && !newer(u32::MAX, 0) && !newer(3, 3));
    }

    #[test]
    fn points_only_at_bytes_of_the_slot_behind_itself() {
        let slot = [0; 600];
        let file = |model_at, model_len| Record { sequence: 0, model_at, model_len }.file(&slot).map(<[u8]>::len);
        assert_eq!(file(32, 500), Some(500));
        assert_eq!(file(32, 568), Some(568));
        for (at, len) in [(32, 569), (0, 4), (16, 4), (40, 4), (608, 0), (u32::MAX - 15, 32), (32, u32::MAX)] {
            assert_eq!(file(at, len), None, "{len} bytes at {at}");
        }
    }
}
