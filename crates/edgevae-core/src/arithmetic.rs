//! Whether this thread computes as IEEE 754 says.

use core::hint::black_box;

use crate::error::LoadError;

/// Checks that this thread keeps subnormal numbers, as every float detector does when it is made: flush-to-zero (MXCSR on
/// x86, FPSCR.FZ on Arm) changes scores silently.
///
/// # Errors
/// [`LoadError::FlushToZero`].
///
/// # Cost
/// One product, with a subnormal factor and a subnormal result, so that both kinds of flushing show.
///
/// # Panics
/// Never.
#[inline]
pub fn check_arithmetic() -> Result<(), LoadError> {
    let product = black_box(f32::from_bits(0x0040_0000)) * black_box(1.5);
    if product.to_bits() == 0x0060_0000 { Ok(()) } else { Err(LoadError::FlushToZero) }
}
