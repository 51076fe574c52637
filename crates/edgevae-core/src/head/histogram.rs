//! How rare the value of each feature is by itself.

use super::{Head, Representation, Sizes};

/// Numbers of a feature before its bins.
const BEFORE_BINS: usize = 3;

/// Sum over features of how much less likely the value's bin is than the fullest one, in nats.
///
/// `Σ_i ln(p_max_i / p_i(x_i))`, bins of equal width between the least and the greatest value of the training rows. The
/// logarithms are in the file: the device looks up and adds. Features are taken as independent, which is wrong and robust:
/// anomalies among the training rows that go together in many features stay rare in each. A feature contributes its term.
///
/// # Shapes
/// - for each feature: lower edge, bins per scaled unit (positive), the term of a value outside all bins, then the terms
///   of its bins; `[IN][3 + BINS]`; no term is negative
///
/// # Cost
/// `IN` multiply-adds and look-ups; as many numbers of memory.
///
/// # Source
/// Goldstein & Dengel 2012, "Histogram-based outlier score (HBOS)", static bins.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    parameters: &'a [f32],
    bins: usize,
}

impl<'a> Histogram<'a> {
    pub(crate) fn new(parameters: &'a [f32], bins: u8) -> Self {
        Self { parameters, bins: usize::from(bins) }
    }

    fn features(&self) -> impl Iterator<Item = &'a [f32]> {
        self.parameters.chunks_exact(self.bins.saturating_add(BEFORE_BINS))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bin is the whole part of a number that is not below 0; one beyond all bins saturates and is none"
    )]
    fn term(feature: &[f32], x: f32) -> f32 {
        let Some((&[low, per_unit, outside], terms)) = feature.split_first_chunk() else { return 0.0 };
        let at = (x - low) * per_unit;
        if at < 0.0 { outside } else { terms.get(at as usize).copied().unwrap_or(outside) }
    }
}

impl Head for Histogram<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        self.features().zip(representation.x).fold(0.0, |sum, (feature, &x)| sum + Self::term(feature, x))
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        let pair = self.features().nth(feature).zip(representation.x.get(feature));
        pair.map_or(0.0, |(feature, &x)| Self::term(feature, x))
    }

    fn multiply_adds(&self, sizes: Sizes) -> usize {
        sizes.inputs
    }

    fn is_sound(&self) -> bool {
        let sound = |feature: &[f32]| match feature {
            [_, per_unit, terms @ ..] => *per_unit > 0.0 && terms.iter().all(|&term| term >= 0.0),
            _ => false,
        };
        self.bins > 0 && self.features().all(sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_gets_the_term_of_its_bin_and_one_outside_its_own() {
        // One feature in [-1, 1), two bins.
        let head = Histogram::new(&[-1.0, 1.0, 7.0, 0.0, 2.0], 2);
        let score = |x: f32| head.score(&Representation { x: &[x], ..Representation::default() });
        assert_eq!([-1.5, -1.0, -0.5, 0.0, 0.9, 1.0, 9.0].map(score), [7.0, 0.0, 0.0, 2.0, 2.0, 7.0, 7.0]);
        assert!(head.is_sound());
        assert!(!Histogram::new(&[-1.0, 0.0, 7.0, 0.0, 2.0], 2).is_sound());
        assert!(!Histogram::new(&[-1.0, 1.0, 7.0, 0.0, -2.0], 2).is_sound(), "a score would be negative");
    }
}
