//! Whether bytes are text.

use core::hint::black_box;

use crate::dense::keep_rolled;

/// As `core::str::from_utf8(bytes).is_ok()`, for strings of a few characters: that one is made for long texts and takes 0.8
/// KB of flash. Strings are made of the bytes only where somebody asks for them.
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "at most 3 bytes of 6 bits each")]
pub fn is_utf8(bytes: &[u8]) -> bool {
    let mut bytes = bytes.iter();
    while let Some(&first) = bytes.next() {
        // How many bytes follow. Not known to LLVM, which would make a piece of code for each number.
        let more: u32 = black_box(match first {
            0..0x80 => 0,
            0xc2..0xe0 => 1,
            0xe0..0xf0 => 2,
            0xf0..0xf8 => 3,
            _ => return false,
        });
        // Bits that the first one gives, and the least character that needs so many bytes; of two bytes, those that need one
        // begin with 0xc0 or 0xc1.
        let (bits, least) = if more == 0 { (0x7f, 0) } else { (0x3f >> more, 1 << (5 * more + 1)) };
        let mut character = u32::from(first) & bits;
        for _ in 0..more {
            match bytes.next() {
                Some(&next) if next & 0xc0 == 0x80 => character = character << 6 | u32::from(next & 0x3f),
                _ => return false,
            }
            keep_rolled();
        }
        if character < least || char::from_u32(character).is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_utf8;
    use proptest::prelude::*;

    #[test]
    fn every_sequence_of_two_bytes_and_every_character_is_told_apart_as_core_does() {
        for pair in 0..=u16::MAX {
            let bytes = pair.to_be_bytes();
            assert_eq!(is_utf8(&bytes), core::str::from_utf8(&bytes).is_ok(), "{bytes:?}");
        }
        assert!(('\0'..=char::MAX).all(|character| is_utf8(character.encode_utf8(&mut [0; 4]).as_bytes())));
    }

    #[test]
    fn every_sequence_of_a_long_character_is_told_apart_as_core_does() {
        for first in 0xe0..=0xff_u8 {
            for (second, third) in (0..=u16::MAX).map(|pair| (pair.to_be_bytes()[0], pair.to_be_bytes()[1])) {
                for bytes in [&[first, second, third][..], &[first, second, third, 0x80], &[first, second, third, 0x7f]]
                {
                    assert_eq!(is_utf8(bytes), core::str::from_utf8(bytes).is_ok(), "{bytes:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_told_apart_as_core_does(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..0xc0_u8, 0xe0..0xf5_u8], 0..12),
        ) {
            prop_assert_eq!(is_utf8(&bytes), core::str::from_utf8(&bytes).is_ok());
        }
    }
}
