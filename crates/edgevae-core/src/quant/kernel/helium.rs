//! For cores with Helium (MVE): Cortex-M52, M55, M85.
//!
//! VMLADAVA adds the products of eight lanes to a register; VLDRB.S16 widens eight weights on their way into the lanes.
//! The activations of a tile are gathered once, in the order of its columns, for four rows.

use core::arch::asm;

use crate::quant::dense::{Blocks, COLUMNS, Columns, HALF, ORDER, ROWS};

/// Name of this kernel, for reports.
pub const NAME: &str = "helium";

/// What a block needs that does not fit the registers.
#[repr(C)]
struct Frame {
    /// Place of each lane's activation in a group of eight.
    order: [u16; COLUMNS],
    /// The columns of the half tiles in their order, zeros around each: eight lanes from the columns on are those of a
    /// row of the first half of a half tile, eight from four before them those of the second half.
    halves: [[i16; HALF]; 5],
    x: *const i16,
    tiles: usize,
    half_tiles: usize,
    /// The least output: 0 after ReLU.
    least: i32,
    /// Minus the shift.
    shift: i32,
}

/// As [`portable`](super::portable): 11 instructions for 32 products, some 20 more for a block.
pub fn forward(blocks: Blocks<'_>, x: Columns<'_>, y: &mut [[i16; ROWS]]) {
    let (tiles, half_tiles) = (blocks.inputs / 8, (blocks.inputs % 8).div_ceil(4));
    let count = (blocks.words.len() / blocks.stride()).min(y.len());
    if count == 0 || x.whole.len() < tiles || x.halves.len() < half_tiles {
        return;
    }
    let mut frame = Frame {
        order: ORDER.map(|column| column as u16),
        halves: [[0; HALF]; 5],
        x: x.whole.as_ptr().cast(),
        tiles,
        half_tiles,
        least: if blocks.relu { 0 } else { i32::MIN },
        shift: -((blocks.shift & 15) as i32),
    };
    for (slot, columns) in frame.halves.iter_mut().skip(1).step_by(2).zip(x.halves) {
        *slot = [columns[0], columns[2], columns[1], columns[3]];
    }
    // SAFETY: of `words` it reads `count` blocks, which were just counted; of `x` as many columns as a block has, which
    // was just compared; of the frame no more than it has; it writes `count` rows of `y`. Helium is there, for the build
    // script chose this kernel for a core that has it. Every register that it changes is named.
    unsafe {
        asm!(
            "vldrh.u16 q7, [r1]",       // the order
            "ldrd r5, r4, [r1, #68]",   // least, shift
            "vdup.32 q6, r5",
            // A block: its biases, its multipliers.
            "2:",
            "ldrd r2, r8, [r3], #8",
            "ldrd r10, r12, [r3], #8",
            "vldrh.s32 q5, [r3], #8",
            "ldrd r11, r5, [r1, #56]",  // x, tiles
            "wls lr, r5, 4f",
            // Its tiles.
            "3:",
            "vldrh.u16 q0, [r11, q7, uxtw #1]",
            "vldrb.s16 q1, [r3], #8",
            "vmladava.s16 r2, q1, q0",
            "vldrb.s16 q2, [r3], #8",
            "vmladava.s16 r8, q2, q0",
            "vldrb.s16 q3, [r3], #8",
            "vmladava.s16 r10, q3, q0",
            "vldrb.s16 q4, [r3], #8",
            "vmladava.s16 r12, q4, q0",
            "add r11, #16",
            "le lr, 3b",
            // Its half tiles.
            "4:",
            "ldr r5, [r1, #64]",
            "add r11, r1, #16",
            "wls lr, r5, 6f",
            "5:",
            "vldrh.u16 q0, [r11, #8]",
            "vldrh.u16 q1, [r11], #16",
            "vldrb.s16 q2, [r3], #8",
            "vmladava.s16 r2, q2, q0",
            "vmladava.s16 r8, q2, q1",
            "vldrb.s16 q3, [r3], #8",
            "vmladava.s16 r10, q3, q0",
            "vmladava.s16 r12, q3, q1",
            "le lr, 5b",
            // Its outputs.
            "6:",
            "vmov q0[2], q0[0], r2, r10",
            "vmov q0[3], q0[1], r8, r12",
            "vshl.i32 q5, q5, #16",
            "vmulh.s32 q0, q0, q5",
            "vshl.s32 q0, r4",
            "vmax.s32 q0, q0, q6",
            "vqmovnb.s32 q0, q0",
            "vstrh.32 q0, [r0], #8",
            "subs r9, #1",
            "bne 2b",
            in("r1") &raw const frame,
            inout("r3") blocks.words.as_ptr() => _,
            inout("r9") count => _,
            inout("r0") y.as_mut_ptr() => _,
            out("r2") _, out("r4") _, out("r5") _, out("r8") _, out("r10") _, out("r11") _, out("r12") _, out("lr") _,
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _,
            out("s15") _, out("s16") _, out("s17") _, out("s18") _, out("s19") _, out("s20") _, out("s21") _,
            out("s22") _, out("s23") _, out("s24") _, out("s25") _, out("s26") _, out("s27") _, out("s28") _,
            out("s29") _, out("s30") _, out("s31") _,
        );
    }
}
