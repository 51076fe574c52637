//! Kernels for x86-64. `max(0, y)` of these instructions is `if 0 > y { 0 } else { y }`: it returns its second operand
//! when one is NaN, or both are zero.

/// 2 x 4 sums, 2 inputs, a weight and a product in 16 registers.
///
/// Registers would hold larger tiles; measured, they are no faster, because eight sums already cover the latency of an
/// addition on two pipes.
pub mod avx2 {
    use std::arch::x86_64::{
        __m256, _mm256_add_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_sub_ps,
    };

    strips! {
        #[target_feature(enable = "avx2")]
        vector: __m256, lanes: 8, vectors: 2, strip: 4,
        splat: _mm256_set1_ps, multiply: _mm256_mul_ps, add: _mm256_add_ps, subtract: _mm256_sub_ps,
        relu: |y| _mm256_max_ps(_mm256_setzero_ps(), y),
    }
}

/// 4 x 4 sums, 4 inputs, a weight and a product in 32 registers: measured, 1.12 times as fast as 2 x 8.
pub mod avx512 {
    use std::arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
    };

    strips! {
        #[target_feature(enable = "avx512f")]
        vector: __m512, lanes: 16, vectors: 4, strip: 4,
        splat: _mm512_set1_ps, multiply: _mm512_mul_ps, add: _mm512_add_ps, subtract: _mm512_sub_ps,
        relu: |y| _mm512_max_ps(_mm512_setzero_ps(), y),
    }
}
