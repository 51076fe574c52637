//! Flush-to-zero, which changes scores, is an error when a detector is made.
#![cfg(target_arch = "x86_64")]

mod common;

use std::arch::asm;

use common::small;
use edgevae_core::{Detector, Load, LoadError, Model, OwnedDetector, SliceDetector};

/// Bits of MXCSR: flush-to-zero of results, and of operands.
const FTZ: u32 = 1 << 15;
const DAZ: u32 = 1 << 6;

/// Runs `work` with these bits of MXCSR set, and restores them.
fn with_mxcsr<T>(bits: u32, work: impl FnOnce() -> T) -> T {
    let mut before = 0_u32;
    // SAFETY: stores the register to a local.
    unsafe { asm!("stmxcsr [{}]", in(reg) &mut before, options(nostack)) };
    let set = |value: u32| {
        // SAFETY: loads the register from a local; the bits are valid, and restored below.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, readonly)) }
    };
    set(before | bits);
    let result = work();
    set(before);
    result
}

#[test]
fn a_detector_is_not_made_where_subnormal_numbers_are_flushed() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut scratch = vec![0.0; model.scratch_len()];
    for bits in [FTZ, DAZ, FTZ | DAZ] {
        let made = with_mxcsr(bits, || Detector::<3, 5>::new(&model).map(drop));
        assert_eq!(made, Err(LoadError::FlushToZero), "{bits:#x}");
        let made = with_mxcsr(bits, || SliceDetector::new(&model, &mut scratch).map(drop));
        assert_eq!(made, Err(LoadError::FlushToZero), "{bits:#x}");
        let made = with_mxcsr(bits, || OwnedDetector::<3, 5>::load(file.bytes()).map(drop));
        assert_eq!(made, Err(LoadError::FlushToZero), "{bits:#x}");
    }
    assert!(LoadError::FlushToZero.to_string().contains("flush-to-zero is on"));
    assert!(with_mxcsr(0, || Detector::<3, 5>::new(&model).is_ok()));
}

#[cfg(feature = "encoding")]
#[test]
fn a_detector_of_raw_rows_is_not_made_either() {
    static RAW: &[u8] = edgevae_core::include_model!("data/small-v2.evae");
    let model = edgevae_core::RawModel::from_bytes(RAW).unwrap();
    let made = with_mxcsr(FTZ, || edgevae_core::RawDetector::<5, 11, 3, 33, 4>::new(&model).map(drop));
    assert_eq!(made, Err(LoadError::FlushToZero));
}
