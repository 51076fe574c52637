//! Scores samples with an edgevae model file, on a microcontroller or on the desk, with the same 32 bits.
//!
//! A model file holds scaler, weights, score, threshold and where the threshold comes from. [`Model::from_bytes`]
//! checks all of it once and reads it in place; a [`Detector`] owns the few hundred bytes that scoring needs.
//!
//! # Contract
//! - No heap, no `unsafe`, no recursion, no randomness, no clock. The cargo feature `asm`, off by default, adds the only
//!   exception: kernels of [`quant`] in assembly, one file for each kind of core.
//! - Nothing panics: not [`Model::from_bytes`] on any bytes, not a detector on any accepted model and any sample.
//! - A damaged or foreign file is a [`LoadError`]; a sample without a score is a [`ScoreError`] and never "normal".
//! - Sums run in a fixed order of plain multiplications and additions, so equal samples give equal bits everywhere.
//!
//! # Examples
//! See [`Detector`].
#![no_std]
#![cfg_attr(not(feature = "asm"), forbid(unsafe_code))]
#![cfg_attr(feature = "asm", deny(unsafe_code))]
// What could panic, wrap or cut a number is written so that it cannot, or says why it does not.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::todo,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

#[cfg(test)]
extern crate std;

mod activation;
mod arithmetic;
mod crc;
mod dense;
mod detector;
#[cfg(feature = "encoding")]
mod encoding;
mod error;
pub mod explain;
pub mod format;
pub mod head;
mod load;
mod memory;
mod model;
#[cfg(any(kani, test))]
mod proofs;
#[cfg(feature = "int8")]
pub mod quant;
pub mod range;
#[cfg(feature = "encoding")]
mod raw;
mod scaler;
mod score;
pub mod signature;
pub mod slots;
mod soft;
#[cfg(feature = "encoding")]
mod window;

pub use arithmetic::check_arithmetic;
pub use dense::Dense;
pub use detector::{Detector, OwnedDetector, SliceDetector};
#[cfg(feature = "encoding")]
pub use encoding::Encoder;
pub use error::{LoadError, ScoreError};
pub use load::Load;
pub use model::{Layers, Model};
#[cfg(feature = "int8")]
pub use quant::{OwnedQuantizedDetector, QuantizedDetector, QuantizedModel, QuantizedVerdict, SliceQuantizedDetector};
#[cfg(feature = "encoding")]
pub use raw::{OwnedRawDetector, RawDetector, RawModel};
pub use scaler::{clip, standardize};
pub use score::Verdict;
#[cfg(feature = "signature")]
pub use signature::{PublicKey, SignatureError};
#[cfg(feature = "encoding")]
pub use window::{SliceWindow, Window};

/// Embeds a model file in the program, aligned for [`Model::from_bytes`]; the bytes stay in flash.
///
/// The path is relative to the source file, as in [`include_bytes!`].
#[macro_export]
macro_rules! include_model {
    ($path:expr) => {{
        #[repr(C, align(16))]
        struct Aligned<T: ?Sized>(T);
        static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &MODEL.0
    }};
}
