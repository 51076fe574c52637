//! For cores with few working registers: two rows at a time, since four sums do not fit them beside their operands.
#![allow(clippy::arithmetic_side_effects, reason = "products of 8 and 16 bits in 32")]
#![allow(clippy::indexing_slicing, reason = "by constants below the lengths of arrays")]

use crate::quant::dense::{Block, Blocks, Columns, ORDER, ROWS};

/// Name of this kernel, for reports.
#[cfg_attr(not(edgevae_kernel = "pairs"), allow(dead_code))]
pub const NAME: &str = "pairs";

/// As [`portable`](super::portable).
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    let sums = |block: &Block<'_>| {
        let ([sum0, sum1], [sum2, sum3]) = (two_sums::<0>(block, x), two_sums::<2>(block, x));
        [sum0, sum1, sum2, sum3]
    };
    super::each_block(blocks, y, sums, super::scale_by_halves);
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
        let x = i32::from(x.get(column).copied().unwrap_or(0));
        let weight = |row: usize| i32::from(tile[row].get(at).copied().unwrap_or(0));
        sum0 = sum0.wrapping_add(weight(FIRST) * x);
        sum1 = sum1.wrapping_add(weight(FIRST + 1) * x);
    }
    [sum0, sum1]
}
