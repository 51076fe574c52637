//! Scoring in integers: an int8 model for cores without a floating-point unit, and for a third of the bytes.
//!
//! `edgevae quantize` makes an int8 model of a float one. [`QuantizedModel::from_bytes`] checks its file once and reads it
//! in place; a [`QuantizedDetector`] scores with integer arithmetic alone, from raw readings that are `f32`, `i16` or
//! `i32`. `docs/QUANTIZATION.md` has the scheme and what it costs in detection quality.
//!
//! # Scheme
//! - A weight is `q * s_r`, `q` 8 bits, one scale for each output (row) `r`, no zero point.
//! - An activation is `a * s`, `a` 16 bits, one scale for each layer; the input and its reconstruction share one, so that
//!   the residual is a difference of integers.
//! - A sum is 32 bits: `bias_r + Σ_i q[r][i] * a[i]`. The loader proves that it cannot overflow, from the weights and the
//!   widest activation: `|bias_r| + 32768 * Σ_i |q[r][i]| < 2^31`.
//! - An output is `floor(sum * multiplier_r / 2^(16 + shift))`, saturated to 16 bits, or to `0..=32767` after ReLU. Half
//!   a unit is in the bias, so that the floor rounds to nearest. The scale of a row is computed from its multiplier and
//!   not the reverse: the multiplier has no rounding error of its own.
//! - The score is a sum of squares, exact in 64 bits, and is compared with an integer threshold.
//!
//! # Out of range
//! A reading beyond what 16 bits hold saturates, and the verdict says so: [`QuantizedVerdict::out_of_range`] is set and
//! [`QuantizedVerdict::is_anomaly`] with it, whatever the score.

mod dense;
mod detector;
mod input;
mod kernel;
mod model;
mod score;

pub use dense::{BLOCK_HEAD, COLUMNS, HALF, ORDER, QuantizedDense, ROWS, layer_words};
pub use detector::{OwnedQuantizedDetector, QuantizedDetector, SliceQuantizedDetector};
pub use input::{Infinite, Input, Reading};
pub use kernel::NAME as KERNEL;
pub use model::{PREFIX, QuantizedModel, to_float_score};
pub use score::QuantizedVerdict;
