//! What a dense layer applies to its sums.

use crate::format::Activation;

impl Activation {
    /// `true` where [`Activation::Relu`] cuts a sum to 0: every number with a minus sign, -0 too, but not NaN, which must
    /// survive to the score, where it becomes [`ScoreError::Overflow`](crate::ScoreError::Overflow) instead of a
    /// harmless 0.
    ///
    /// One comparison of integers, which a core without floating-point unit does as fast as one with: as `i32`, negative
    /// numbers are those up to -∞, and NaNs with a minus sign lie above it.
    #[inline(always)]
    pub(crate) fn is_cut(sum: f32) -> bool {
        sum.to_bits().cast_signed() <= f32::NEG_INFINITY.to_bits().cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::Activation;

    #[test]
    fn relu_cuts_negative_sums_and_keeps_nan() {
        let cut = [-0.0, -f32::MIN_POSITIVE / 4.0, -1.5, f32::MIN, f32::NEG_INFINITY];
        let kept = [0.0, f32::MIN_POSITIVE / 4.0, 2.5, f32::MAX, f32::INFINITY, f32::NAN, -f32::NAN];
        assert!(cut.into_iter().all(Activation::is_cut));
        assert!(!kept.into_iter().any(Activation::is_cut));
    }
}
