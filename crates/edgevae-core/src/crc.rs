//! CRC-32 as in Ethernet, zip and PNG (CRC-32/ISO-HDLC).
//!
//! The crate `crc`, which the tests compare with, has a table of 1 KiB or none: 64 bytes give a quarter of the instructions of
//! none, and half the code, since a loop over single bits is unrolled.

use crate::dense::keep_rolled;

/// The reflected polynomial.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// Remainders of the sixteen values of four bits.
#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the compiler runs it, for values below 16"
)]
const REMAINDERS: [u32; 16] = {
    let mut table = [0; 16];
    let mut value = 0;
    while value < 16 {
        let mut remainder = value as u32;
        let mut bit = 0;
        while bit < 4 {
            remainder = (remainder >> 1) ^ (POLYNOMIAL * (remainder & 1));
            bit += 1;
        }
        table[value] = remainder;
        value += 1;
    }
    table
};

/// The checksum of bytes that pass by in pieces.
#[derive(Clone, Copy, Debug)]
pub struct Crc(u32);

impl Crc {
    /// The checksum of no bytes.
    pub fn new() -> Self {
        Self(!0)
    }

    /// Goes on with `bytes`.
    pub fn update(self, bytes: &[u8]) -> Self {
        let mut crc = self.0;
        for &byte in bytes {
            crc = step(step(crc ^ u32::from(byte)));
            keep_rolled();
        }
        Self(crc)
    }

    /// The checksum of all bytes so far.
    pub fn finish(self) -> u32 {
        !self.0
    }
}

#[allow(clippy::indexing_slicing, reason = "the index is below 16")]
fn step(crc: u32) -> u32 {
    (crc >> 4) ^ REMAINDERS[(crc & 15) as usize]
}

/// Checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    Crc::new().update(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gives_the_check_value_of_the_catalogue() {
        // "check" of CRC-32/ISO-HDLC in Greg Cook's catalogue of parametrised CRC algorithms.
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum(b""), 0);
    }

    proptest! {
        #[test]
        fn equals_the_crate_in_one_piece_and_in_two(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
            let expected = ::crc::Crc::<u32>::new(&::crc::CRC_32_ISO_HDLC).checksum(&bytes);
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(checksum(&bytes), expected);
            prop_assert_eq!(Crc::new().update(first).update(second).finish(), expected);
        }
    }
}
