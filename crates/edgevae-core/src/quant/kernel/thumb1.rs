//! For cores with eight working registers and no 64-bit product: Cortex-M0, M0+, M23.
#![allow(clippy::arithmetic_side_effects, reason = "products of 8 and 16 bits, and of 16 and 15, in 32")]
#![allow(clippy::indexing_slicing, reason = "by constants below the lengths of arrays")]

use crate::quant::dense::{Block, Blocks, Columns, ORDER, ROWS};

/// Name of this kernel, for reports.
#[cfg_attr(not(edgevae_kernel = "thumb1"), allow(dead_code))]
pub const NAME: &str = "thumb1";

/// As [`portable`](super::portable), two rows at a time: four sums do not fit the registers beside their operands.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    for (block, y) in blocks.iter().zip(y) {
        let [sum0, sum1] = two_sums::<0>(&block, x);
        let [sum2, sum3] = two_sums::<2>(&block, x);
        for ((y, sum), multiplier) in y.iter_mut().zip([sum0, sum1, sum2, sum3]).zip(block.multipliers) {
            *y = blocks.output(scale(sum, multiplier));
        }
    }
}

#[inline(never)]
fn two_sums<const FIRST: usize>(block: &Block<'_>, x: Columns<'_>) -> [i32; 2] {
    let mut sums = [block.bias[FIRST], block.bias[FIRST + 1]];
    for (tile, x) in block.tiles.iter().zip(x.whole) {
        sums = add_products::<FIRST, _>(sums, bytemuck::cast_ref(tile), x);
    }
    for (tile, x) in block.halves.iter().zip(x.halves) {
        sums = add_products::<FIRST, _>(sums, bytemuck::cast_ref(tile), x);
    }
    sums
}

#[inline(always)]
fn add_products<const FIRST: usize, const N: usize>(
    [mut sum0, mut sum1]: [i32; 2],
    tile: &[[i8; N]; ROWS],
    x: &[i16; N],
) -> [i32; 2] {
    for (at, column) in ORDER.into_iter().take(N).enumerate() {
        let x = i32::from(x[column]);
        sum0 = sum0.wrapping_add(i32::from(tile[FIRST][at]) * x);
        sum1 = sum1.wrapping_add(i32::from(tile[FIRST + 1][at]) * x);
    }
    [sum0, sum1]
}

/// `floor(sum * multiplier / 2^16)` of two 32-bit products: the lower half of `sum` is taken without sign, so that each
/// half fits.
#[inline(always)]
fn scale(sum: i32, multiplier: i16) -> i32 {
    let multiplier = i32::from(multiplier);
    let (high, low) = (sum >> 16, (sum & 0xffff).cast_unsigned());
    high * multiplier + ((low * multiplier.cast_unsigned()) >> 16).cast_signed()
}
