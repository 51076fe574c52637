//! Standardization of raw sensor units.

/// One feature's standardization: `x = (raw - mean) * reciprocal`.
///
/// The statistics come from the training rows in `f64` and are rounded once to `f32`, the precision of the sample.
/// Subtracting first is exact where it matters (raw close to mean) and a product is cheaper than a quotient on a core
/// without divider.
#[inline(always)]
pub fn standardize(raw: f32, mean: f32, reciprocal: f32) -> f32 {
    (raw - mean) * reciprocal
}

/// `x` held in `[-limit, limit]`: a reading far outside the training data must not outweigh all others. NaN stays NaN.
#[inline(always)]
pub fn clip(x: f32, limit: f32) -> f32 {
    // One comparison, which NaN fails.
    if x.abs() > limit { limit.copysign(x) } else { x }
}

#[cfg(test)]
mod tests {
    #[test]
    fn standardizes_to_zero_mean_and_unit_scale() {
        assert_eq!(super::standardize(101_325.0, 101_300.0, 0.04), 1.0);
        assert_eq!(super::standardize(101_300.0, 101_300.0, 0.04), 0.0);
    }

    #[test]
    fn clips_to_the_limit_and_keeps_nan() {
        assert_eq!([9.0, -9.0, 3.0, f32::INFINITY].map(|x| super::clip(x, 8.0)), [8.0, -8.0, 3.0, 8.0]);
        assert!(super::clip(f32::NAN, 8.0).is_nan());
    }
}
