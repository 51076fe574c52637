//! A panic, a fault or a hang, as its argument says: what `emulate.sh` must end and name.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::arch::asm;
use core::fmt::Error;

use qemu::{end, entry};
use semihosting::experimental::env;

#[entry]
fn main() -> ! {
    let arguments = env::args::<64>().unwrap_or_else(|error| panic!("no arguments: {error:?}"));
    match (&arguments).into_iter().nth(1) {
        Some(Ok("panic")) => panic!("a panic was asked for"),
        Some(Ok("fault")) => fault(),
        Some(Ok("hang")) => hang(),
        _ => end(Err(Error)),
    }
}

#[inline(never)]
fn fault() -> ! {
    // SAFETY: an undefined instruction ends in the fault handler, which does not return.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("udf #0", options(noreturn));
        #[cfg(target_arch = "riscv32")]
        asm!("unimp", options(noreturn));
    }
}

#[inline(never)]
fn hang() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
