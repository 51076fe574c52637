//! Blocks of four rows: [`portable`] is the definition, the others equal it to the bit.
//!
//! Which one a build has is decided by `build.rs` from the target and the cargo feature `asm`.

#[cfg(edgevae_kernel = "dsp")]
#[allow(unsafe_code)]
mod dsp;
#[cfg_attr(any(edgevae_kernel = "dsp", edgevae_kernel = "thumb1"), allow(dead_code))]
mod portable;
#[cfg(any(edgevae_kernel = "thumb1", test))]
mod thumb1;

#[cfg(edgevae_kernel = "dsp")]
pub use dsp::NAME;
#[cfg(edgevae_kernel = "dsp")]
pub(crate) use dsp::forward;
#[cfg(not(any(edgevae_kernel = "dsp", edgevae_kernel = "thumb1")))]
pub use portable::NAME;
#[cfg(not(any(edgevae_kernel = "dsp", edgevae_kernel = "thumb1")))]
pub(crate) use portable::forward;
#[cfg(edgevae_kernel = "thumb1")]
pub use thumb1::NAME;
#[cfg(edgevae_kernel = "thumb1")]
pub(crate) use thumb1::forward;

#[cfg(test)]
mod tests {
    use super::{portable, thumb1};
    use crate::quant::dense::{Blocks, Columns, HALF};
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
            let (whole, rest) = x.as_chunks();
            let mut last = [[0; HALF]; 2];
            last.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
            let x = Columns { whole, halves: &last[..rest.len().div_ceil(HALF)] };
            let run = |forward: fn(Blocks<'_>, Columns<'_>, &mut [[i16; 4]])| {
                let mut y = vec![[0; 4]; words.len() / blocks.stride()];
                forward(blocks, x, &mut y);
                y
            };
            let expected = run(portable::forward);
            prop_assert_eq!(run(thumb1::forward), expected.clone());
            prop_assert_eq!(run(super::forward), expected);
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
