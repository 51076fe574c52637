//! The kernel for aarch64: 4 x 4 sums, 4 inputs, a weight and a product in 32 registers.
//!
//! ReLU selects and does not take a maximum: `FMAX` returns +0 for the maximum of +0 and -0, the core keeps -0.

use std::arch::aarch64::{float32x4_t, vaddq_f32, vbslq_f32, vcltzq_f32, vdupq_n_f32, vmulq_f32, vsubq_f32};

strips! {
    #[target_feature(enable = "neon")]
    vector: float32x4_t, lanes: 4, vectors: 4, strip: 4,
    splat: vdupq_n_f32, multiply: vmulq_f32, add: vaddq_f32, subtract: vsubq_f32,
    relu: |y| vbslq_f32(vcltzq_f32(y), vdupq_n_f32(0.0), y),
}
