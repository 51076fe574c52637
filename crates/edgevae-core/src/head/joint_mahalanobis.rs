//! How far a row's residual and latent mean, taken together, lie from those of the training rows.

use super::{Head, Representation, Sizes};

/// Mahalanobis distance of `v = [residual, mu]` under the training rows: `|W (v - mean)|`, `W` lower triangular with
/// `Wᵀ W = Σ⁻¹`, `Σ` the shrunk covariance of `v`.
///
/// The residual alone tells what the network could not express, `mu` alone what is unusual about what it did; their
/// covariance also tells which residuals go together, so that a feature whose error is usually small counts for more.
/// What a feature contributes is its share of the squared distance, `r_i * (Σ⁻¹ (v - mean))_i`; shares may be negative,
/// and those of the latents belong to no feature.
///
/// # Shapes
/// - `mean`: `[N]`, `N = IN + LATENT`; `whitening`: rows of the lower triangle, `[N (N + 1) / 2]`, or the diagonal alone,
///   `[N]`, where the covariance in full would not fit the device
///
/// # Cost
/// `N (N + 1) / 2 + N` multiply-adds and one square root, `2 N` with the diagonal alone; as many parameters; `LATENT`
/// numbers of memory. A contribution costs as much as the score.
///
/// # Source
/// Mahalanobis 1936.
#[derive(Clone, Copy, Debug)]
pub struct JointMahalanobis<'a> {
    mean: &'a [f32],
    whitening: &'a [f32],
}

impl<'a> JointMahalanobis<'a> {
    pub(crate) fn new(parameters: &'a [f32], joint: usize) -> Self {
        let (mean, whitening) = parameters.split_at_checked(joint).unwrap_or_default();
        Self { mean, whitening }
    }

    /// Where each row of `W` begins, counted in columns, and its numbers.
    fn rows(&self) -> impl Iterator<Item = (usize, &'a [f32])> {
        let diagonal = self.whitening.len() == self.mean.len();
        let mut rest = self.whitening;
        (1..=self.mean.len()).map_while(move |number| {
            let (first, length) = if diagonal { (number.saturating_sub(1), 1) } else { (0, number) };
            let (row, below) = rest.split_at_checked(length)?;
            rest = below;
            Some((first, row))
        })
    }

    /// `(W (v - mean))_j` for one row of `W`.
    fn whitened(&self, (first, row): (usize, &[f32]), representation: &Representation<'_>) -> f32 {
        let Representation { residual, mu, .. } = *representation;
        let (of_residual, of_mu) = match residual.get(first..) {
            Some(residual) => (residual, mu),
            None => (&[][..], mu.get(first.saturating_sub(residual.len())..).unwrap_or(&[])),
        };
        let mut pairs = row.iter().zip(self.mean.get(first..).unwrap_or(&[]));
        let mut sum = 0.0;
        for (v, (w, mean)) in of_residual.iter().zip(pairs.by_ref()) {
            sum += w * (v - mean);
        }
        for (v, (w, mean)) in of_mu.iter().zip(pairs) {
            sum += w * (v - mean);
        }
        sum
    }
}

impl Head for JointMahalanobis<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        let mut squares = 0.0;
        for row in self.rows() {
            let whitened = self.whitened(row, representation);
            squares += whitened * whitened;
        }
        libm::sqrtf(squares)
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        if feature >= representation.residual.len() {
            return 0.0;
        }
        let column = self.rows().fold(0.0, |sum, (first, row)| match row.get(feature.wrapping_sub(first)) {
            Some(w) => sum + w * self.whitened((first, row), representation),
            None => sum,
        });
        let centred =
            representation.residual.get(feature).zip(self.mean.get(feature)).map_or(0.0, |(v, mean)| v - mean);
        centred * column
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts numbers of a model in memory, each at most a few hundred times"
    )]
    fn multiply_adds(&self, _: Sizes) -> usize {
        self.whitening.len() + self.mean.len()
    }

    fn is_sound(&self) -> bool {
        self.rows().all(|(_, row)| row.last().is_some_and(|&diagonal| diagonal > 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residual_and_latents_are_whitened_together() {
        // mean (1, -1); W = [[2, 0], [1, 0.5]]; v - mean = (3, 4): whitened (6, 3 + 2), distance sqrt(36 + 25)
        let head = JointMahalanobis::new(&[1.0, -1.0, 2.0, 1.0, 0.5], 2);
        let representation = Representation { residual: &[4.0], mu: &[3.0], ..Representation::default() };
        assert_eq!(head.score(&representation), 61f32.sqrt());
        // Σ⁻¹ (v - mean) = Wᵀ (6, 5): its first component is 2 * 6 + 1 * 5 = 17, times 3.
        assert_eq!(head.contribution(&representation, 0), 51.0);
        assert_eq!(head.contribution(&representation, 1), 0.0);
        assert!(head.is_sound());
        assert!(!JointMahalanobis::new(&[1.0, -1.0, 2.0, 1.0, 0.0], 2).is_sound());
    }

    #[test]
    fn a_diagonal_alone_weights_each_number_by_itself() {
        let head = JointMahalanobis::new(&[1.0, -1.0, 2.0, 0.5], 2);
        let representation = Representation { residual: &[4.0], mu: &[3.0], ..Representation::default() };
        assert_eq!(head.score(&representation), 40f32.sqrt());
        assert_eq!(head.contribution(&representation, 0), 36.0);
        assert!(head.is_sound());
        assert_eq!(head.multiply_adds(Sizes { inputs: 1, latent: 1, decode: 0 }), 4);
    }
}
