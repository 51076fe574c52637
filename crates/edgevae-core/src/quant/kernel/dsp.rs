//! For cores with the DSP extension: Cortex-M4, M7, M33, M35P.
//!
//! SXTB16 widens two weights of a word at once, SMLAD adds two products at once; with the order of a tile's columns the
//! pairs of one are those of the other. The intrinsics for both are unstable, assembly with integer registers is not.

use core::arch::asm;

use crate::quant::dense::{Blocks, Columns, ROWS};

/// Name of this kernel, for reports.
pub const NAME: &str = "dsp";

/// What a block needs that does not fit the registers.
#[repr(C)]
struct Frame {
    x: *const i16,
    /// Bytes of a block's tiles.
    tiles: usize,
    halves_x: *const i16,
    /// Bytes of a block's half tiles.
    halves: usize,
    shift: u32,
    y: *mut i16,
    relu: usize,
    /// After the last block.
    end: *const i32,
    multipliers: [i32; ROWS / 2],
}

/// As [`portable`](super::portable): 39 instructions for 32 products, 34 more for a block.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    let (tiles, halves) = (blocks.inputs / 8, (blocks.inputs % 8).div_ceil(4));
    let count = (blocks.words.len() / blocks.stride()).min(y.len());
    if count == 0 || x.whole.len() < tiles || x.halves.len() < halves || !x.is_aligned() {
        return;
    }
    let mut frame = Frame {
        x: x.whole.as_ptr().cast(),
        tiles: 32 * tiles,
        halves_x: x.halves.as_ptr().cast(),
        halves: 16 * halves,
        shift: blocks.shift & 15,
        y: y.as_mut_ptr().cast(),
        relu: usize::from(blocks.relu),
        end: blocks.words.as_ptr().wrapping_add(count * blocks.stride()),
        multipliers: [0; ROWS / 2],
    };
    // SAFETY: of `words` it reads `count` blocks, just counted, of `x` as many columns as a block has, just compared, both
    // parts at multiples of four; it writes `count` rows of `y`, which may lie at an odd multiple of two (STR takes any), of
    // the frame the multipliers and `y`, and below the stack pointer what it pushes. r6 and r7 belong to the compiler and
    // are given back; every other register is named, so that no operand is in those two.
    unsafe {
        asm!(
            "push {{r5, r6, r7}}", // the frame is at [sp]
            // A block: its biases, its multipliers.
            "2:",
            "ldr r0, [sp]",
            "ldm r12!, {{r8, r9, r10, r11}}",
            "ldrd r1, r2, [r12], #8",
            "strd r1, r2, [r0, #32]",
            // Its tiles.
            "ldrd lr, r5, [r0]",
            "cmp r5, #0",
            "beq 4f",
            "add r5, r12",
            "3:",
            "ldm lr!, {{r2, r3, r6, r7}}",
            "ldrd r0, r1, [r12], #8",
            "sxtb16 r4, r0",
            "sxtb16 r0, r0, ror #8",
            "smlad r8, r4, r2, r8",
            "smlad r8, r0, r3, r8",
            "sxtb16 r4, r1",
            "sxtb16 r1, r1, ror #8",
            "smlad r8, r4, r6, r8",
            "smlad r8, r1, r7, r8",
            "ldrd r0, r1, [r12], #8",
            "sxtb16 r4, r0",
            "sxtb16 r0, r0, ror #8",
            "smlad r9, r4, r2, r9",
            "smlad r9, r0, r3, r9",
            "sxtb16 r4, r1",
            "sxtb16 r1, r1, ror #8",
            "smlad r9, r4, r6, r9",
            "smlad r9, r1, r7, r9",
            "ldrd r0, r1, [r12], #8",
            "sxtb16 r4, r0",
            "sxtb16 r0, r0, ror #8",
            "smlad r10, r4, r2, r10",
            "smlad r10, r0, r3, r10",
            "sxtb16 r4, r1",
            "sxtb16 r1, r1, ror #8",
            "smlad r10, r4, r6, r10",
            "smlad r10, r1, r7, r10",
            "ldrd r0, r1, [r12], #8",
            "sxtb16 r4, r0",
            "sxtb16 r0, r0, ror #8",
            "smlad r11, r4, r2, r11",
            "smlad r11, r0, r3, r11",
            "sxtb16 r4, r1",
            "sxtb16 r1, r1, ror #8",
            "smlad r11, r4, r6, r11",
            "smlad r11, r1, r7, r11",
            "cmp r12, r5",
            "bne 3b",
            // Its half tiles.
            "4:",
            "ldr r0, [sp]",
            "ldr r5, [r0, #12]",
            "cbz r5, 6f",
            "ldr lr, [r0, #8]",
            "add r5, r12",
            "5:",
            "ldm lr!, {{r2, r3}}",
            "ldrd r0, r1, [r12], #8",
            "sxtb16 r4, r0",
            "sxtb16 r0, r0, ror #8",
            "smlad r8, r4, r2, r8",
            "smlad r8, r0, r3, r8",
            "sxtb16 r4, r1",
            "sxtb16 r1, r1, ror #8",
            "smlad r9, r4, r2, r9",
            "smlad r9, r1, r3, r9",
            "ldrd r0, r1, [r12], #8",
            "sxtb16 r4, r0",
            "sxtb16 r0, r0, ror #8",
            "smlad r10, r4, r2, r10",
            "smlad r10, r0, r3, r10",
            "sxtb16 r4, r1",
            "sxtb16 r1, r1, ror #8",
            "smlad r11, r4, r2, r11",
            "smlad r11, r1, r3, r11",
            "cmp r12, r5",
            "bne 5b",
            "ldr r0, [sp]",
            // Its outputs.
            "6:",
            "ldrd r1, r2, [r0, #32]",
            "ldrd r3, r4, [r0, #16]",
            "ldrd r5, r6, [r0, #24]",
            "smulwb r8, r8, r1",
            "smulwt r9, r9, r1",
            "smulwb r10, r10, r2",
            "smulwt r11, r11, r2",
            "asr r8, r8, r3",
            "asr r9, r9, r3",
            "asr r10, r10, r3",
            "asr r11, r11, r3",
            "cbnz r5, 7f",
            "ssat r8, #16, r8",
            "ssat r9, #16, r9",
            "ssat r10, #16, r10",
            "ssat r11, #16, r11",
            "b 8f",
            "7:",
            "usat r8, #15, r8",
            "usat r9, #15, r9",
            "usat r10, #15, r10",
            "usat r11, #15, r11",
            "8:",
            "pkhbt r8, r8, r9, lsl #16",
            "pkhbt r10, r10, r11, lsl #16",
            "str r8, [r4], #4",
            "str r10, [r4], #4",
            "str r4, [r0, #20]",
            "cmp r12, r6",
            "bne 2b",
            "pop {{r5, r6, r7}}",
            inout("r5") &raw mut frame => _,
            inout("r12") blocks.words.as_ptr() => _,
            out("r0") _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("lr") _,
        );
    }
}
