//! The kernel in plain Rust, the definition of every other.

use crate::quant::dense::{Blocks, Columns, ORDER, ROWS};

/// Name of this kernel, for reports.
pub const NAME: &str = "portable";

/// Computes the outputs of whole blocks: `y[b][r] = output(bias_r + Σ_c w[r][c] * x[c])`.
///
/// Additions wrap; no sum of a loaded model can.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    for (block, y) in blocks.iter().zip(y) {
        let mut sums = *block.bias;
        for (tile, x) in block.tiles.iter().zip(x.whole) {
            add_products(&mut sums, bytemuck::cast_ref(tile), x);
        }
        for (tile, x) in block.halves.iter().zip(x.halves) {
            add_products(&mut sums, bytemuck::cast_ref(tile), x);
        }
        for ((y, sum), multiplier) in y.iter_mut().zip(sums).zip(block.multipliers) {
            *y = blocks.output(scale(sum, multiplier));
        }
    }
}

/// `sums[r] += Σ_c w[r][c] * x[c]`; a tile's columns are in [`ORDER`].
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "a product of 8 and 16 bits in 32")]
#[expect(clippy::indexing_slicing, reason = "by constants below N: `ORDER` permutes the first N places")]
fn add_products<const N: usize>(sums: &mut [i32; ROWS], tile: &[[i8; N]; ROWS], x: &[i16; N]) {
    for (at, column) in ORDER.into_iter().take(N).enumerate() {
        let x = i32::from(x[column]);
        for (sum, row) in sums.iter_mut().zip(tile) {
            *sum = sum.wrapping_add(i32::from(row[at]) * x);
        }
    }
}

/// `floor(sum * multiplier / 2^16)`, `multiplier` 0 or positive.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "a product of 32 and 16 bits in 64")]
#[expect(clippy::cast_possible_truncation, reason = "31 bits: the multiplier has 15")]
fn scale(sum: i32, multiplier: i16) -> i32 {
    ((i64::from(sum) * i64::from(multiplier)) >> 16) as i32
}
