//! For 32-bit RISC-V with a multiplier.
//!
//! The compiler forms all 32 products of a tile before it adds any, and spills most of them; in this order four sums, an
//! activation and a product are all that is alive.

use core::arch::asm;

use crate::quant::dense::{Block, Blocks, Columns, ROWS};

/// Name of this kernel, for reports.
pub const NAME: &str = "riscv";

/// As [`portable`](super::portable): 107 instructions for 32 products.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    super::each_block(blocks, y, |block| sums(block, x), super::scale);
}

/// Adds the products of the activation at `$x` with the weights at the four other offsets to the four sums.
macro_rules! column {
    ($x:literal: $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "lh {x}, ",
            $x,
            "({xs})\n",
            "lb {w}, ",
            $a,
            "({ws})\n mul {w}, {w}, {x}\n add {a}, {a}, {w}\n",
            "lb {w}, ",
            $b,
            "({ws})\n mul {w}, {w}, {x}\n add {b}, {b}, {w}\n",
            "lb {w}, ",
            $c,
            "({ws})\n mul {w}, {w}, {x}\n add {c}, {c}, {w}\n",
            "lb {w}, ",
            $d,
            "({ws})\n mul {w}, {w}, {x}\n add {d}, {d}, {w}\n",
        )
    };
}

/// `sums` for the words from `$words` on to `$end` and the activations from `$x` on, `$body` for each step.
macro_rules! accumulate {
    ($sums:ident, $words:expr, $end:expr, $x:expr, $($body:expr),+ $(,)?) => {
        asm!(
            "2:",
            $($body,)+
            "bne {ws}, {end}, 2b",
            ws = inout(reg) $words => _,
            end = in(reg) $end,
            xs = inout(reg) $x => _,
            a = inout(reg) $sums[0],
            b = inout(reg) $sums[1],
            c = inout(reg) $sums[2],
            d = inout(reg) $sums[3],
            x = out(reg) _,
            w = out(reg) _,
            options(readonly, nostack),
        )
    };
}

#[inline(always)]
fn sums(block: &Block<'_>, x: Columns<'_>) -> [i32; ROWS] {
    let mut sums = *block.bias;
    let (tiles, halves) = (block.tiles.len().min(x.whole.len()), block.halves.len().min(x.halves.len()));
    if tiles > 0 {
        let words = block.tiles.as_ptr();
        // SAFETY: reads `tiles` tiles and as many columns, no more than there are; writes nothing but its operands.
        unsafe {
            accumulate!(
                sums,
                words,
                words.wrapping_add(tiles),
                x.whole.as_ptr(),
                column!(0: 0, 8, 16, 24),
                column!(4: 1, 9, 17, 25),
                column!(2: 2, 10, 18, 26),
                column!(6: 3, 11, 19, 27),
                column!(8: 4, 12, 20, 28),
                column!(12: 5, 13, 21, 29),
                column!(10: 6, 14, 22, 30),
                column!(14: 7, 15, 23, 31),
                "addi {xs}, {xs}, 16",
                "addi {ws}, {ws}, 32",
            );
        }
    }
    if halves > 0 {
        let words = block.halves.as_ptr();
        // SAFETY: as above, of half tiles and their columns.
        unsafe {
            accumulate!(
                sums,
                words,
                words.wrapping_add(halves),
                x.halves.as_ptr(),
                column!(0: 0, 4, 8, 12),
                column!(4: 1, 5, 9, 13),
                column!(2: 2, 6, 10, 14),
                column!(6: 3, 7, 11, 15),
                "addi {xs}, {xs}, 8",
                "addi {ws}, {ws}, 16",
            );
        }
    }
    sums
}
