//! What a dense layer applies to its sums.

use crate::format::Activation;

impl Activation {
    /// Applies it to one sum.
    ///
    /// ReLU is `if y < 0 { 0 } else { y }` and not a maximum: NaN must survive to the score, where it becomes
    /// [`ScoreError::Overflow`](crate::ScoreError::Overflow) instead of a harmless 0.
    #[inline(always)]
    pub fn apply(self, y: f32) -> f32 {
        match self {
            Self::Relu if y < 0.0 => 0.0,
            Self::Relu | Self::Linear => y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Activation::{Linear, Relu};

    #[test]
    fn relu_cuts_negative_sums_and_keeps_nan() {
        assert_eq!([Relu.apply(-1.5), Relu.apply(0.0), Relu.apply(2.5)], [0.0, 0.0, 2.5]);
        assert!(Relu.apply(f32::NAN).is_nan());
        assert_eq!(Linear.apply(-1.5), -1.5);
    }
}
