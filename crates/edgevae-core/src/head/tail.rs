//! One footing for scores of different units: how rare is a score among those of calibration rows?

/// Numbers of a tail before its knots.
pub(crate) const STEP_AND_RATE: usize = 2;

/// The negative logarithm of a score's tail probability, `-ln P(score of a calibration row > s)`, in nats.
///
/// Knot `k` is the score that a share `exp(-k * step)` of the calibration rows exceeds; between two knots the value is
/// interpolated, below the first it is 0, and beyond the last it rises by `rate` for each unit of score: the tail is
/// taken as exponential there, so that rows far outside are still told apart. The logarithms are in the knots: the
/// device computes none.
///
/// # Shapes
/// - tensors: `[step, rate, knot_0, knot_1, …]`, two knots or more, rising or equal; `step` and `rate` positive
///
/// # Cost
/// At most one comparison for each knot, one division; no memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail<'a> {
    step: f32,
    rate: f32,
    knots: &'a [f32],
}

impl<'a> Tail<'a> {
    /// A tail from its tensors; `None` without any.
    pub fn new(tensors: &'a [f32]) -> Option<Self> {
        let (&[step, rate], knots) = tensors.split_first_chunk::<STEP_AND_RATE>()?;
        Some(Self { step, rate, knots })
    }

    /// Whether its numbers make a rising function.
    pub fn is_sound(&self) -> bool {
        // Not `is_sorted`, which leaves a panic in the program.
        let rises = self.knots.iter().zip(self.knots.iter().skip(1)).all(|(below, above)| below <= above);
        self.knots.len() >= 2 && rises && self.step > 0.0 && self.rate > 0.0
    }

    /// The value for a head's raw score; NaN stays NaN.
    pub fn surprise(&self, score: f32) -> f32 {
        let Some((&first, knots)) = self.knots.split_first() else { return f32::NAN };
        if score < first {
            return 0.0;
        }
        let (mut below, mut value) = (first, 0.0);
        for &knot in knots {
            if score < knot {
                return value + self.step * ((score - below) / (knot - below));
            }
            (below, value) = (knot, value + self.step);
        }
        value + self.rate * (score - below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(tensors: &[f32]) -> Tail<'_> {
        Tail::new(tensors).unwrap()
    }

    #[test]
    fn knots_are_met_and_the_tail_goes_on() {
        let numbers = [0.5, 2.0, 1.0, 3.0, 4.0];
        let values = [0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 5.0].map(|score| tail(&numbers).surprise(score));
        assert_eq!(values, [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 3.0]);
    }

    #[test]
    fn equal_knots_are_a_step_and_nan_stays_nan() {
        let numbers = [1.0, 1.0, 2.0, 2.0, 2.0];
        assert_eq!([1.9, 2.0, 2.5].map(|score| tail(&numbers).surprise(score)), [0.0, 2.0, 2.5]);
        assert!(tail(&numbers).surprise(f32::NAN).is_nan());
        assert!(tail(&numbers).is_sound());
    }

    #[test]
    fn numbers_that_would_not_rise_are_unsound() {
        for bad in [&[1.0, 1.0, 2.0, 1.0][..], &[0.0, 1.0, 1.0, 2.0], &[1.0, 0.0, 1.0, 2.0], &[1.0, 1.0, 1.0]] {
            assert!(!tail(bad).is_sound(), "{bad:?}");
        }
        assert_eq!(Tail::new(&[]), None);
    }
}
