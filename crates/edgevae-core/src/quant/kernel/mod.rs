//! Blocks of four rows: [`portable`] is the definition, the others equal it to the bit.
//!
//! Which one a build has is decided by `build.rs` from the target and the cargo feature `asm`.

#[cfg(edgevae_kernel = "dsp")]
#[expect(unsafe_code, reason = "assembly; the module says what it asks of its caller")]
mod dsp;
#[cfg(edgevae_kernel = "helium")]
#[expect(unsafe_code, reason = "assembly; the module says what it asks of its caller")]
mod helium;
#[cfg(any(edgevae_kernel = "pairs", test))]
mod pairs;
#[cfg(any(edgevae_kernel = "portable", test))]
mod portable;
#[cfg(edgevae_kernel = "riscv")]
#[expect(unsafe_code, reason = "assembly; the module says what it asks of its caller")]
mod riscv;
#[cfg(edgevae_kernel = "thumb1")]
#[expect(unsafe_code, reason = "assembly; the module says what it asks of its caller")]
mod thumb1;

#[cfg(edgevae_kernel = "dsp")]
use dsp as chosen;
#[cfg(edgevae_kernel = "helium")]
use helium as chosen;
#[cfg(edgevae_kernel = "pairs")]
use pairs as chosen;
#[cfg(edgevae_kernel = "portable")]
use portable as chosen;
#[cfg(edgevae_kernel = "riscv")]
use riscv as chosen;
#[cfg(edgevae_kernel = "thumb1")]
use thumb1 as chosen;

pub use chosen::NAME;
pub(crate) use chosen::forward;

use super::dense::{Block, Blocks, ROWS};

/// Outputs of whole blocks from their sums; `scale` is `floor(sum * multiplier / 2^16)`.
#[allow(dead_code, reason = "some kernels do all of a layer by themselves")]
#[inline(always)]
fn each_block(
    blocks: Blocks<'_>,
    y: &mut [[i16; ROWS]],
    sums: impl Fn(&Block<'_>) -> [i32; ROWS],
    scale: impl Fn(i32, i16) -> i32,
) {
    for (block, y) in blocks.iter().zip(y) {
        for ((y, sum), multiplier) in y.iter_mut().zip(sums(&block)).zip(block.multipliers) {
            *y = blocks.output(scale(sum, multiplier));
        }
    }
}

/// `floor(sum * multiplier / 2^16)`, `multiplier` 0 or positive.
#[allow(dead_code, reason = "some kernels have their own")]
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "a product of 32 and 16 bits in 64")]
#[expect(clippy::cast_possible_truncation, reason = "31 bits: the multiplier has 15")]
fn scale(sum: i32, multiplier: i16) -> i32 {
    ((i64::from(sum) * i64::from(multiplier)) >> 16) as i32
}

/// As [`scale`], of two 32-bit products, for cores without a longer one: the lower half of `sum` is taken without sign,
/// so that each half fits.
#[allow(dead_code, reason = "some kernels have their own")]
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "products of 16 and 15 bits in 32")]
fn scale_by_halves(sum: i32, multiplier: i16) -> i32 {
    let multiplier = i32::from(multiplier);
    let (high, low) = (sum >> 16, (sum & 0xffff).cast_unsigned());
    high * multiplier + ((low * multiplier.cast_unsigned()) >> 16).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::{pairs, portable};
    use crate::quant::dense::{Blocks, Columns, HALF, Halves};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    /// Words of blocks that are sound but for the size of their sums, which wrap alike in every kernel.
    fn blocks() -> impl Strategy<Value = (usize, Vec<i32>, Vec<i16>, u32, bool)> {
        (1_usize..40, 1_usize..4).prop_flat_map(|(inputs, blocks)| {
            let stride = Blocks { words: &[], inputs, shift: 0, relu: false }.stride();
            let words = prop::collection::vec(any::<i32>(), blocks * stride).prop_map(move |mut words| {
                // Multipliers are 0 or positive.
                for block in words.chunks_exact_mut(stride) {
                    block[4..6].iter_mut().for_each(|pair| *pair &= 0x7fff_7fff);
                }
                words
            });
            (Just(inputs), words, prop::collection::vec(any::<i16>(), inputs), 0_u32..16, any::<bool>())
        })
    }

    proptest! {
        #[test]
        fn kernels_equal_the_portable_one((inputs, words, x, shift, relu) in blocks()) {
            let blocks = Blocks { words: &words, inputs, shift, relu };
            let expected = outputs(portable::forward, blocks, &x);
            prop_assert_eq!(outputs(pairs::forward, blocks, &x), expected.clone());
            prop_assert_eq!(outputs(super::forward, blocks, &x), expected);
        }
    }

    /// Outputs of a kernel; `x` holds as many columns as the blocks have.
    fn outputs(forward: fn(Blocks<'_>, Columns<'_>, &mut [[i16; 4]]), blocks: Blocks<'_>, x: &[i16]) -> Vec<[i16; 4]> {
        let (whole, rest) = x.as_chunks();
        let mut last = Halves::default();
        last.0.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
        let x = Columns { whole, halves: &last.0[..rest.len().div_ceil(HALF)] };
        let mut y = vec![[0; 4]; blocks.words.len() / blocks.stride()];
        forward(blocks, x, &mut y);
        y
    }

    /// Every number of inputs up to four tiles and a half, every number of blocks that a layer takes aside, every shift,
    /// with the widest weights, activations and multipliers and with mixed ones.
    #[test]
    fn every_small_shape_gives_the_outputs_of_the_portable_kernel() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.cast_signed()
        };
        for inputs in 1..=36 {
            let stride = Blocks { words: &[], inputs, shift: 0, relu: false }.stride();
            for (count, shift) in (1..=4).flat_map(|count| (0..16).map(move |shift| (count, shift))) {
                let mixed: Vec<i32> = (0..count * stride).map(|_| next()).collect();
                for (words, x) in [(mixed, None), (vec![-0x7f7f_7f80; count * stride], Some(i16::MIN))] {
                    let mut words = words;
                    for block in words.chunks_exact_mut(stride) {
                        block[4..6].iter_mut().for_each(|pair| *pair &= 0x7fff_7fff);
                    }
                    let x: Vec<i16> = (0..inputs).map(|_| x.unwrap_or((next() >> 16) as i16)).collect();
                    for relu in [false, true] {
                        let blocks = Blocks { words: &words, inputs, shift, relu };
                        let expected = outputs(portable::forward, blocks, &x);
                        assert_eq!(outputs(pairs::forward, blocks, &x), expected, "{inputs} {count} {shift} {relu}");
                        assert_eq!(outputs(super::forward, blocks, &x), expected, "{inputs} {count} {shift} {relu}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_is_worked_by_hand() {
        // Row 0: weight 3 for column 0 (byte 0) and 5 for column 1 (byte 2); row 2: -1 for column 7 (byte 7); the half
        // tile has row 3: 2 for column 8.
        let mut words = [0; 4 + 2 + 8 + 4];
        words[..4].copy_from_slice(&[1, 2, 3, 4]);
        words[4..6].fill(0x4000_4000);
        words[6] = i32::from_le_bytes([3, 0, 5, 0]);
        words[6 + 5] = i32::from_le_bytes([0, 0, 0, -1_i8 as u8]);
        words[6 + 8 + 3] = i32::from_le_bytes([2, 0, 0, 0]);
        let x = Columns { whole: &[[1000, 2000, 0, 0, 0, 0, 0, 7000]], halves: &[[30_000, 0, 0, 0]] };
        let run = |relu| {
            let mut y = [[0; 4]];
            portable::forward(Blocks { words: &words, inputs: 9, shift: 1, relu }, x, &mut y);
            y
        };
        // floor((1 + 13,000) / 8), floor(2 / 8), floor((3 - 7,000) / 8), floor((4 + 60,000) / 8)
        assert_eq!(run(false), [[1625, 0, -875, 7500]]);
        assert_eq!(run(true), [[1625, 0, 0, 7500]]);
    }
}
