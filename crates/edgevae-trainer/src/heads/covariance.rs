//! A covariance that can be inverted however few rows there are, and the matrix that whitens with it.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::gram::gram;

/// Least shrinkage: keeps the covariance positive definite when a latent is constant (collapsed) to the last bit.
const LEAST_SHRINKAGE: f64 = 1e-6;

/// Mean variance at or below which rows are equal: what is left is the rounding of values near 1, and to whiten it would
/// make it the unit of every score.
const NO_SPREAD: f64 = (f32::EPSILON as f64) * (f32::EPSILON as f64);

/// Mean of rows and the lower triangular `W` with `Wᵀ W = Σ⁻¹`: `|W (v - mean)|` is a row's Mahalanobis distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Whitening {
    /// `[COLUMNS]`
    pub mean: Array1<f64>,
    /// `[COLUMNS, COLUMNS]`, zero above the diagonal.
    pub matrix: Array2<f64>,
    /// Share of the scaled identity in the covariance, from 0 to 1.
    pub shrinkage: f64,
}

impl Whitening {
    /// Fits mean and shrunk covariance `(1 - s) S + s tr(S)/p I`, in f64.
    ///
    /// `s` minimises the expected squared distance to the true covariance; it falls with the number of rows. Rows that
    /// are all equal get the identity.
    ///
    /// # Shapes
    /// `rows`: `[ROWS, COLUMNS]`
    ///
    /// # Source
    /// Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices", section 3.2.
    pub fn fit(rows: ArrayView2<'_, f32>) -> Self {
        let rows = rows.mapv(f64::from);
        let (count, columns) = (rows.nrows().max(1) as f64, rows.ncols());
        let mean = rows.sum_axis(Axis(0)) / count;
        let centred = rows - &mean;
        let covariance = gram(centred.view()) / count;
        let average = covariance.diag().sum() / columns as f64;
        if average.is_nan() || average <= NO_SPREAD {
            return Self { mean, matrix: Array2::eye(columns), shrinkage: 1.0 };
        }
        let norms = centred.rows().into_iter().map(|row| row.iter().map(|value| value * value).sum::<f64>());
        let fourth: f64 = norms.map(|norm| norm * norm).sum::<f64>() / count;
        let second: f64 = covariance.iter().map(|value| value * value).sum();
        // Per column, as in the paper: |S - average I|² and the part of it that is the error of S.
        let distance = second - columns as f64 * average * average;
        let error = ((fourth - second) / count).min(distance);
        let shrinkage = if distance > 0.0 { (error / distance).clamp(LEAST_SHRINKAGE, 1.0) } else { 1.0 };
        let mut shrunk = covariance * (1.0 - shrinkage);
        shrunk.diag_mut().mapv_inplace(|value| value + shrinkage * average);
        Self { mean, matrix: inverse_of_lower(&cholesky(&shrunk)), shrinkage }
    }

    /// Mean and rows of the lower triangle, as the model file holds them.
    pub fn parameters(&self) -> Vec<f32> {
        let triangle = self.matrix.rows().into_iter().enumerate();
        let triangle = triangle.flat_map(|(row, values)| values.iter().take(row + 1).copied().collect::<Vec<_>>());
        self.mean.iter().copied().chain(triangle).map(|value| value as f32).collect()
    }
}

/// Mean and reciprocal standard deviation of each column, for a file that has no room for the covariance.
///
/// A column whose deviation is below a thousandth of the average one counts as if it had that.
pub fn diagonal(rows: ArrayView2<'_, f32>) -> Vec<f32> {
    let rows = rows.mapv(f64::from);
    let count = rows.nrows().max(1) as f64;
    let mean = rows.sum_axis(Axis(0)) / count;
    let variance = (rows - &mean).mapv(|value| value * value).sum_axis(Axis(0)) / count;
    let average = variance.sum() / variance.len() as f64;
    let floor = if average > NO_SPREAD { 1e-6 * average } else { 1.0 };
    mean.iter().copied().chain(variance.iter().map(|v| 1.0 / v.max(floor).sqrt())).map(|value| value as f32).collect()
}

/// Lower triangular `L` with `L Lᵀ = matrix`, which is symmetric and positive definite.
fn cholesky(matrix: &Array2<f64>) -> Array2<f64> {
    let n = matrix.nrows();
    let mut lower = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            let rest: f64 = matrix[[i, j]] - known;
            // Rounding may leave a diagonal below 0 where the shrunk covariance is just positive.
            lower[[i, j]] = if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / lower[[j, j]] };
        }
    }
    lower
}

/// Inverse of a lower triangular matrix, which is lower triangular again.
fn inverse_of_lower(lower: &Array2<f64>) -> Array2<f64> {
    let n = lower.nrows();
    let mut inverse = Array2::zeros((n, n));
    for j in 0..n {
        inverse[[j, j]] = 1.0 / lower[[j, j]];
        for i in j + 1..n {
            let known: f64 = (j..i).map(|k| lower[[i, k]] * inverse[[k, j]]).sum();
            inverse[[i, j]] = -known / lower[[i, i]];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Rows with the covariance of `mix · noise`, uniform noise of variance 1.
    fn rows(count: usize, mix: &Array2<f64>) -> Array2<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let noise = Array2::from_shape_fn((count, mix.ncols()), |_| rng.gen_range(-3f64.sqrt()..3f64.sqrt()));
        (noise.dot(&mix.t()) + 4.0).mapv(|value| value as f32)
    }

    #[test]
    fn whitened_rows_have_unit_covariance() {
        let rows = rows(4000, &array![[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.25, 0.5]]);
        let whitening = Whitening::fit(rows.view());
        assert!(whitening.shrinkage < 1e-3, "{}", whitening.shrinkage);
        let white = (rows.mapv(f64::from) - &whitening.mean).dot(&whitening.matrix.t());
        let covariance = white.t().dot(&white) / 4000.0;
        for ((i, j), value) in covariance.indexed_iter() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((value - expected).abs() < 0.05, "{covariance}");
        }
    }

    #[test]
    fn shrinkage_is_that_of_scikit_learn() {
        // sklearn.covariance.ledoit_wolf (1.7) on these rows gives the shrinkage and the inverse of the covariance below.
        let rows = [1.0f32, 0.5, -1.0, 0.25, 0.5, -1.5, 2.0, 1.0, 0.0, 0.25, 3.0, 2.5, -2.0, -2.0, -1.5, -0.5];
        let whitening = Whitening::fit(ArrayView2::from_shape((8, 2), &rows).unwrap());
        assert!((whitening.shrinkage - 0.453_365_874_756_711_7).abs() < 1e-12, "{}", whitening.shrinkage);
        let precision = whitening.matrix.t().dot(&whitening.matrix);
        let expected = [0.503_394_95, -0.239_425_47, -0.239_425_47, 0.624_755_11];
        for (found, expected) in precision.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-8, "{precision}");
        }
    }

    #[test]
    fn a_diagonal_holds_means_and_reciprocal_deviations_and_no_infinity() {
        let found = diagonal(array![[1.0f32, 3.0], [5.0, 3.0]].view());
        assert_eq!(found[..3], [3.0, 3.0, 0.5]);
        assert!((found[3] - 1000.0 / 2f32.sqrt()).abs() < 0.1, "{found:?}");
        assert_eq!(diagonal(array![[1.0f32], [1.0]].view()), [1.0, 1.0]);
    }

    #[test]
    fn more_columns_than_rows_and_constant_columns_still_invert() {
        let rows = rows(4, &Array2::eye(9));
        let whitening = Whitening::fit(rows.view());
        assert!(whitening.shrinkage > 0.1, "{}", whitening.shrinkage);
        assert!(whitening.parameters().iter().all(|value| value.is_finite()));

        let constant = Whitening::fit(array![[1.0f32, 3.0], [2.0, 3.0], [4.0, 3.0]].view());
        assert!(constant.parameters().iter().all(|value| value.is_finite()), "{constant:?}");
        let equal = Whitening::fit(array![[1.0f32, 3.0], [1.0, 3.0]].view());
        assert_eq!(equal.parameters(), [1.0, 3.0, 1.0, 0.0, 1.0]);
    }
}
