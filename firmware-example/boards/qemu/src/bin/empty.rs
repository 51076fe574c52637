//! The runtime without edgevae: the base of the flash figures.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

#[cfg(target_arch = "arm")]
use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
