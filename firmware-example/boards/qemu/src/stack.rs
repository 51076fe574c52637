//! Stack high-water mark: how deep a piece of work reaches.

use core::arch::asm;
use core::ptr;

const PAINT: u32 = 0x5741_4c4c;
/// Painted below the caller at most; deeper work is reported as this much.
const REACH: usize = 32 * 1024;

unsafe extern "C" {
    // First free byte of RAM: the end of `.bss`, as both runtimes name it.
    #[link_name = "__ebss"]
    static END_OF_STATICS: u8;
}

/// Runs `work` and returns the bytes of stack below its caller that it and everything it calls has written to.
///
/// Paints free memory below the stack pointer, runs the work, and looks for the lowest word that has changed. Interrupts
/// are off in this example; with them on, their frames would count too.
#[inline(never)]
pub fn high_water(mut work: impl FnMut()) -> usize {
    let sp: usize;
    // SAFETY: copies the stack pointer, touches no memory.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) sp);
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) sp);
    }
    let floor = (&raw const END_OF_STATICS).addr().next_multiple_of(4).max(sp.saturating_sub(REACH));
    for at in (floor..sp).step_by(4) {
        // SAFETY: aligned words between the statics and the stack pointer belong to nobody: no heap, no interrupt.
        unsafe { ptr::write_volatile(at as *mut u32, PAINT) };
    }
    work();
    // SAFETY: the words that were painted above.
    let untouched = (floor..sp).step_by(4).take_while(|&at| unsafe { ptr::read_volatile(at as *const u32) } == PAINT);
    sp - floor - 4 * untouched.count()
}
