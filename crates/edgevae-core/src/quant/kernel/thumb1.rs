//! For cores with eight working registers and no 64-bit product: Cortex-M0, M0+, M23.
//!
//! Four sums lie in high registers, which an addition reaches at no extra cost; four activations, a word of weights, a
//! product and two pointers take the eight low ones. A byte is taken from a word by SXTB and a shift, because a load of a
//! signed byte would need one more register for its offset.

use core::arch::asm;

use crate::quant::dense::{Block, Blocks, Columns, ROWS};

/// Name of this kernel, for reports.
pub const NAME: &str = "thumb1";

/// As [`portable`](super::portable): 137 instructions for 32 products.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    if !x.is_aligned() {
        return;
    }
    // SAFETY: both parts of the columns lie at multiples of four.
    super::each_block(blocks, y, |block| unsafe { sums(block, x) }, super::scale_by_halves);
}

/// Adds the products of the word of weights at `$at` with the four activations in r4 to r7 to a high register.
macro_rules! word {
    ($sum:literal, $at:literal) => {
        concat!(
            "ldr r0, [r2, #",
            $at,
            "]\n",
            "sxtb r1, r0\n muls r1, r4, r1\n add ",
            $sum,
            ", r1\n asrs r0, r0, #8\n",
            "sxtb r1, r0\n muls r1, r6, r1\n add ",
            $sum,
            ", r1\n asrs r0, r0, #8\n",
            "sxtb r1, r0\n muls r1, r5, r1\n add ",
            $sum,
            ", r1\n asrs r0, r0, #8\n",
            "muls r0, r7, r0\n add ",
            $sum,
            ", r0\n",
        )
    };
}

/// Takes two words of activations apart: columns 0, 1, 2, 3 to r4, r6, r5, r7. A word of weights has columns 0, 2, 1, 3.
macro_rules! columns {
    ($low:literal, $high:literal) => {
        concat!(
            "ldr r4, [r3, #",
            $low,
            "]\n asrs r5, r4, #16\n sxth r4, r4\n",
            "ldr r6, [r3, #",
            $high,
            "]\n asrs r7, r6, #16\n sxth r6, r6\n",
        )
    };
}

/// `sums` for the words from `$words` on to `$end` and the activations from `$x` on, `$body` for each step.
macro_rules! accumulate {
    ($sums:ident, $words:expr, $end:expr, $x:expr, $($body:expr),+ $(,)?) => {
        asm!(
            "push {{r4, r6, r7}}",
            "mov r12, r1",
            "ldm r4!, {{r0, r1, r6, r7}}",
            "mov r8, r0",
            "mov r9, r1",
            "mov r10, r6",
            "mov r11, r7",
            "2:",
            $($body,)+
            "cmp r2, r12",
            "beq 3f",
            "b 2b",
            "3:",
            "pop {{r4, r6, r7}}",
            "mov r0, r8",
            "mov r1, r9",
            "mov r2, r10",
            "mov r3, r11",
            "stm r4!, {{r0, r1, r2, r3}}",
            inout("r1") $end => _,
            inout("r2") $words => _,
            inout("r3") $x => _,
            inout("r4") &raw mut $sums => _,
            out("r0") _, out("r5") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
        )
    };
}

/// # Safety
/// [`Columns::is_aligned`] holds for `x`.
#[inline(always)]
unsafe fn sums(block: &Block<'_>, x: Columns<'_>) -> [i32; ROWS] {
    let mut sums = *block.bias;
    let (tiles, halves) = (block.tiles.len().min(x.whole.len()), block.halves.len().min(x.halves.len()));
    if tiles > 0 {
        let words = block.tiles.as_ptr();
        // SAFETY: reads `tiles` tiles and as many columns, no more than there are, the columns at a multiple of four as the
        // caller promises; reads and writes `sums`, and below the stack pointer what it pushes. r6 and r7 belong to the compiler and are
        // given back; every other register is named, so that no operand is in those two.
        unsafe {
            accumulate!(
                sums,
                words,
                words.wrapping_add(tiles),
                x.whole.as_ptr(),
                columns!(0, 4),
                word!("r8", 0),
                word!("r9", 8),
                word!("r10", 16),
                word!("r11", 24),
                columns!(8, 12),
                word!("r8", 4),
                word!("r9", 12),
                word!("r10", 20),
                word!("r11", 28),
                "adds r3, #16",
                "adds r2, #32",
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
                columns!(0, 4),
                word!("r8", 0),
                word!("r9", 4),
                word!("r10", 8),
                word!("r11", 12),
                "adds r3, #8",
                "adds r2, #16",
            );
        }
    }
    sums
}
