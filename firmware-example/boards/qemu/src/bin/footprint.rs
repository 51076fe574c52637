//! The smallest firmware with edgevae in it: what it is larger than `empty` is what edgevae costs in flash.
//!
//! It is the panic-free check too. Its panic handler calls a function that does not exist, so it links exactly when no
//! panic is reachable; with the feature `reachable-panic` one is, and the link must fail.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::hint::black_box;

#[cfg(target_arch = "arm")]
use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
use riscv_rt::entry;

include!(concat!(env!("OUT_DIR"), "/model.rs"));

#[entry]
fn main() -> ! {
    // Matched in place, not moved out of their results: a move is a call of `memcpy`.
    if let Ok(model) = &EmbeddedModel::from_bytes(black_box(MODEL))
        && let Ok(detector) = &mut EmbeddedDetector::new(model)
    {
        #[cfg(feature = "reachable-panic")]
        assert!(next(detector, black_box(&[f32::NAN; IN])).is_err());
        loop {
            let outcome = next(detector, black_box(&[0.0; IN]));
            black_box(outcome.is_ok_and(|verdict| verdict.is_some_and(|verdict| verdict.is_anomaly)));
        }
    }
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn edgevae_a_panic_is_reachable() -> !;
    }
    // SAFETY: never runs; there is no such function, and an image that needs it does not link.
    unsafe { edgevae_a_panic_is_reachable() }
}
