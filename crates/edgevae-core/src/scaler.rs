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

#[cfg(test)]
mod tests {
    #[test]
    fn standardizes_to_zero_mean_and_unit_scale() {
        assert_eq!(super::standardize(101_325.0, 101_300.0, 0.04), 1.0);
        assert_eq!(super::standardize(101_300.0, 101_300.0, 0.04), 0.0);
    }
}
