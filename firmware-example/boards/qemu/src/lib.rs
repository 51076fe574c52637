//! What an emulated board needs around the portable code: an entry point, a stack gauge, and an end for every run.
//!
//! A run always ends with an exit code: `main` returns one, a panic and a fault end the emulator with 101 and 102 and say
//! where, and `emulate.sh` ends a run that hangs.
#![no_std]

pub mod stack;

use core::panic::PanicInfo;

use semihosting::{eprintln, process};

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

/// The embedded model and the detector's size, from the build script.
pub mod model {
    include!(concat!(env!("OUT_DIR"), "/model.rs"));
}

/// Ends the run: exit code 0, or the reason on standard error and exit code 1.
pub fn end(result: Result<(), impl core::fmt::Display>) -> ! {
    let Err(error) = result else { process::exit(0) };
    eprintln!("error: {error}");
    process::exit(1)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    eprintln!("{info}");
    process::exit(101)
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    eprintln!("hard fault at pc {:#010x}, lr {:#010x}", frame.pc(), frame.lr());
    process::exit(102)
}

#[cfg(target_arch = "riscv32")]
#[unsafe(export_name = "ExceptionHandler")]
fn exception(frame: &riscv_rt::TrapFrame) -> ! {
    let (pc, cause): (usize, usize);
    // SAFETY: reads two machine-mode registers, changes nothing.
    unsafe { core::arch::asm!("csrr {}, mepc", "csrr {}, mcause", out(reg) pc, out(reg) cause) };
    eprintln!("exception {cause} at pc {pc:#010x}, ra {:#010x}", frame.ra);
    process::exit(102)
}
