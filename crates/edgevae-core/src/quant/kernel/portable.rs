//! The kernel in plain Rust, the definition of every other.

use crate::quant::dense::{Block, Blocks, Columns, ORDER, ROWS};

/// Name of this kernel, for reports.
pub const NAME: &str = "portable";

/// Computes the outputs of whole blocks: `y[b][r] = output(bias_r + Σ_c w[r][c] * x[c])`.
///
/// Additions wrap; no sum of a loaded model can.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    super::each_block(blocks, y, |block| sums(block, x), super::scale);
}

#[inline(always)]
fn sums(block: &Block<'_>, x: Columns<'_>) -> [i32; ROWS] {
    let mut sums = *block.bias;
    for (tile, x) in block.tiles.iter().zip(x.whole) {
        add_products(&mut sums, bytemuck::cast_ref(tile), x);
    }
    for (tile, x) in block.halves.iter().zip(x.halves) {
        add_products(&mut sums, bytemuck::cast_ref(tile), x);
    }
    sums
}

/// `sums[r] += Σ_c w[r][c] * x[c]`; a tile's columns are in [`ORDER`], which
/// permutes the first `N` places: no column is missing.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "a product of 8 and 16 bits in 32")]
fn add_products<const N: usize>(sums: &mut [i32; ROWS], tile: &[[i8; N]; ROWS], x: &[i16; N]) {
    for (at, column) in ORDER.into_iter().take(N).enumerate() {
        let x = i32::from(x.get(column).copied().unwrap_or(0));
        for (sum, row) in sums.iter_mut().zip(tile) {
            *sum = sum.wrapping_add(i32::from(row.get(at).copied().unwrap_or(0)) * x);
        }
    }
}
