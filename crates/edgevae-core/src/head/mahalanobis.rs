//! How far a row's latent mean lies from those of the training rows.

use super::{Head, Representation, Sizes};

/// Mahalanobis distance of `mu` under the training rows: `|W (mu - mean)|`, `W` lower triangular with `Wᵀ W = Σ⁻¹`.
///
/// `Σ` is the shrunk covariance of `mu` over the training rows; the trainer inverts its Cholesky factor once, so that a
/// sample costs one triangular product. The distance lies in the latents and has no features: shown as contributions
/// are the squared reconstruction errors, which tell what the network did not expect in the row.
///
/// # Shapes
/// - `mean`: `[LATENT]`; `whitening`: rows of the lower triangle, `[LATENT * (LATENT + 1) / 2]`
///
/// # Cost
/// `LATENT * (LATENT + 1) / 2 + LATENT` multiply-adds and one square root; as many parameters; `LATENT` numbers of memory.
///
/// # Source
/// Mahalanobis 1936; as a detector in latent space: Denouden et al. 2018 (arXiv:1812.02765).
#[derive(Clone, Copy, Debug)]
pub struct Mahalanobis<'a> {
    mean: &'a [f32],
    whitening: &'a [f32],
}

impl<'a> Mahalanobis<'a> {
    pub(crate) fn new(parameters: &'a [f32], latent: usize) -> Self {
        let (mean, whitening) = parameters.split_at_checked(latent).unwrap_or_default();
        Self { mean, whitening }
    }

    /// Rows of the lower triangle.
    fn rows(&self) -> impl Iterator<Item = &'a [f32]> {
        let mut rest = self.whitening;
        (1..=self.mean.len()).map_while(move |length| {
            let (row, below) = rest.split_at_checked(length)?;
            rest = below;
            Some(row)
        })
    }
}

impl Head for Mahalanobis<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        let mut squares = 0.0;
        for row in self.rows() {
            let terms = row.iter().zip(representation.mu).zip(self.mean);
            let whitened = terms.fold(0.0, |sum, ((w, mu), mean)| sum + w * (mu - mean));
            squares += whitened * whitened;
        }
        libm::sqrtf(squares)
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        representation.squared_error(feature)
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts numbers of a model in memory, each at most a few hundred times"
    )]
    fn multiply_adds(&self, _: Sizes) -> usize {
        self.whitening.len() + self.mean.len()
    }

    fn is_sound(&self) -> bool {
        self.rows().all(|row| row.last().is_some_and(|&diagonal| diagonal > 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whitened_distance_is_worked_by_hand() {
        // mean (1, -1); W = [[2, 0], [1, 0.5]]; mu - mean = (3, 4): whitened (6, 3 + 2), distance sqrt(36 + 25)
        let head = Mahalanobis::new(&[1.0, -1.0, 2.0, 1.0, 0.5], 2);
        let representation = Representation { mu: &[4.0, 3.0], ..Representation::default() };
        assert_eq!(head.score(&representation), 61f32.sqrt());
        assert!(head.is_sound());
        assert!(!Mahalanobis::new(&[1.0, -1.0, 2.0, 1.0, 0.0], 2).is_sound());
        assert_eq!(head.multiply_adds(Sizes { inputs: 10, latent: 2, decode: 100 }), 5);
    }
}
