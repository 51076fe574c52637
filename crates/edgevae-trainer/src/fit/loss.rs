//! The terms of the objective as dfdx operations: the negative ELBO, beta-weighted.
//!
//! Each function takes the tape out of its first argument. A tensor that enters a second term needs a tape of its own
//! there (`retaped::<OwnedTape<_, _>>()`): without one dfdx computes the value and silently drops the gradient.

use dfdx::prelude::*;

/// A matrix whose sizes are known at run time, `[BATCH, COLUMNS]`.
pub(crate) type Matrix<T = NoneTape> = Tensor<(usize, usize), f32, Cpu, T>;

/// The posterior's log variance is held in `[-LOGVAR_LIMIT, LOGVAR_LIMIT]`, as in the core; outside, its gradient is zero.
pub(crate) use edgevae_core::head::gaussian::LOGVAR_LIMIT;

/// Half the squared error, summed over features, averaged over the batch, less the constant of the Gaussian likelihood.
///
/// Computes `mean_b(0.5 * Σ_i (x_hat_i - x_i)²)`.
///
/// # Shapes
/// - `x_hat`, `x`: `[BATCH, IN]`, scaled
/// - returns: scalar, >= 0
pub(crate) fn reconstruction_loss<T: Tape<f32, Cpu>>(x_hat: Matrix<T>, x: Matrix) -> Tensor<Rank0, f32, Cpu, T> {
    let batch = x.shape().0 as f32;
    (x_hat - x).square().sum() * (0.5 / batch)
}

/// Negative log-likelihood of a Gaussian with a variance of its own for each element, summed over features, averaged
/// over the batch, less its constant.
///
/// Computes `mean_b(0.5 * Σ_i (logvar_i + (x_hat_i - x_i)² * exp(-logvar_i)))`; at `logvar = 0` it is
/// [`reconstruction_loss`].
///
/// # Shapes
/// - `x_hat`, `logvar`, `x`: `[BATCH, IN]`, scaled; `logvar` is `ln σ²`, already clamped
/// - returns: scalar
///
/// # Source
/// Kingma & Welling 2013 (arXiv:1312.6114), appendix C.2.
pub(crate) fn gaussian_loss<T: Tape<f32, Cpu>>(
    x_hat: Matrix<T>,
    logvar: Matrix<T>,
    x: Matrix,
) -> Tensor<Rank0, f32, Cpu, T> {
    let batch = x.shape().0 as f32;
    let precision = logvar.retaped::<T>().negate().exp();
    ((x_hat - x).square() * precision + logvar).sum() * (0.5 / batch)
}

/// KL divergence from the approximate posterior to the prior N(0, I), in nats.
///
/// Computes `mean_b(-0.5 * Σ_j (1 + logvar - mu² - exp(logvar)))`: sum over latents, mean over the batch.
/// Averaging over latents instead would silently divide beta by LATENT.
///
/// # Shapes
/// - `mu`, `logvar`: `[BATCH, LATENT]`; `logvar` is `ln σ²`, already clamped
/// - returns: scalar, >= 0 up to rounding
///
/// # Source
/// Kingma & Welling 2013 (arXiv:1312.6114), appendix B; the weight beta: Higgins et al. 2017.
pub(crate) fn kl<T: Tape<f32, Cpu>>(mu: Matrix<T>, logvar: Matrix<T>) -> Tensor<Rank0, f32, Cpu, T> {
    let batch = logvar.shape().0 as f32;
    let variance = logvar.retaped::<T>().exp();
    let terms = logvar - mu.square() - variance + 1.0;
    terms.sum() * (-0.5 / batch)
}

/// A sample of the approximate posterior through which gradients flow: `z = mu + eps * exp(0.5 * logvar)`.
///
/// # Shapes
/// - `mu`, `logvar`, `eps`: `[BATCH, LATENT]`; `eps` from N(0, 1)
/// - returns: `[BATCH, LATENT]`
///
/// # Source
/// Kingma & Welling 2013 (arXiv:1312.6114), section 2.4.
pub(crate) fn reparameterize<T: Tape<f32, Cpu>>(mu: Matrix<T>, logvar: Matrix<T>, eps: Matrix) -> Matrix<T> {
    mu + (logvar * 0.5).exp() * eps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, values: &[f32]) -> Matrix {
        Cpu::default().tensor_from_vec(values.to_vec(), (rows, values.len() / rows))
    }

    type Taped = OwnedTape<f32, Cpu>;

    /// `(value, gradients)` of a scalar function of several matrices, gradients by dfdx.
    fn differentiate(
        inputs: &[Matrix],
        f: impl Fn(Vec<Matrix<Taped>>) -> Tensor<Rank0, f32, Cpu, Taped>,
    ) -> (f32, Vec<Vec<f32>>) {
        let scalar = f(inputs.iter().map(|m| m.retaped::<Taped>()).collect());
        let value = scalar.array();
        let gradients = scalar.backward();
        (value, inputs.iter().map(|m| gradients.get(m).as_vec()).collect())
    }

    /// Compares dfdx gradients with central differences of a float64 twin of the same function.
    fn assert_gradients(inputs: &[Matrix], gradients: &[Vec<f32>], f: impl Fn(&[Vec<f64>]) -> f64) {
        const STEP: f64 = 1e-5;
        let mut at: Vec<Vec<f64>> = inputs.iter().map(|m| m.as_vec().iter().map(|&v| f64::from(v)).collect()).collect();
        for i in 0..at.len() {
            for j in 0..at[i].len() {
                let centre = at[i][j];
                at[i][j] = centre + STEP;
                let above = f(&at);
                at[i][j] = centre - STEP;
                let below = f(&at);
                at[i][j] = centre;
                let expected = (above - below) / (2.0 * STEP);
                let found = f64::from(gradients[i][j]);
                assert!(
                    (found - expected).abs() <= 1e-5 * (1.0 + expected.abs()),
                    "input {i}[{j}]: {found} {expected}"
                );
            }
        }
    }

    const MU: [f32; 6] = [0.0, 1.0, -0.5, 2.0, 0.3, -1.2];
    const LOGVAR: [f32; 6] = [0.0, 0.0, 0.7, -1.5, -0.2, 1.1];

    fn kl_in_f64(rows: usize, mu: &[f64], logvar: &[f64]) -> f64 {
        let sum: f64 = mu.iter().zip(logvar).map(|(m, l)| -0.5 * (1.0 + l - m * m - l.exp())).sum();
        sum / rows as f64
    }

    #[test]
    fn kl_of_the_prior_is_zero_and_a_shift_by_one_costs_half_a_nat() {
        assert_eq!(kl(matrix(1, &[0.0]), matrix(1, &[0.0])).array(), 0.0);
        assert_eq!(kl(matrix(1, &[1.0]), matrix(1, &[0.0])).array(), 0.5);
    }

    #[test]
    fn kl_is_positive_on_both_sides_of_the_unit_variance() {
        // -0.5 * (1 + ln 4 - 4) and -0.5 * (1 - ln 4 - 0.25)
        let wide = kl(matrix(1, &[0.0]), matrix(1, &[4f32.ln()])).array();
        let narrow = kl(matrix(1, &[0.0]), matrix(1, &[-(4f32.ln())])).array();
        assert!((wide - 0.806_852_8).abs() < 1e-6, "{wide}");
        assert!((narrow - 0.318_147_2).abs() < 1e-6, "{narrow}");
    }

    #[test]
    fn kl_sums_over_latents_and_averages_over_the_batch() {
        assert_eq!(kl(matrix(1, &[1.0, 1.0, 1.0]), matrix(1, &[0.0; 3])).array(), 1.5);
        assert_eq!(kl(matrix(3, &[1.0, 1.0, 1.0]), matrix(3, &[0.0; 3])).array(), 0.5);
    }

    #[test]
    fn kl_matches_float64_in_value_and_gradient() {
        let inputs = [matrix(2, &MU), matrix(2, &LOGVAR)];
        let (value, gradients) = differentiate(&inputs, |mut m| {
            let logvar = m.remove(1);
            kl(m.remove(0), logvar)
        });
        let expected = kl_in_f64(2, &MU.map(f64::from), &LOGVAR.map(f64::from));
        assert!((f64::from(value) - expected).abs() < 1e-6, "{value} {expected}");
        assert_gradients(&inputs, &gradients, |at| kl_in_f64(2, &at[0], &at[1]));
    }

    #[test]
    fn reconstruction_loss_is_half_the_squared_error_summed_over_features() {
        let x_hat = matrix(2, &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0]);
        let x = matrix(2, &[0.0, 0.0, 1.0, 0.0, 2.0, 0.0]);
        // rows: 0.5 * (1 + 4 + 4) = 4.5 and 0.5 * 4 = 2
        assert_eq!(reconstruction_loss(x_hat, x).array(), 3.25);
    }

    #[test]
    fn reconstruction_loss_matches_float64_in_gradient() {
        let inputs = [matrix(2, &MU)];
        let x = matrix(2, &LOGVAR);
        let (_, gradients) = differentiate(&inputs, |mut m| reconstruction_loss(m.remove(0), x.clone()));
        assert_gradients(&inputs, &gradients, |at| {
            at[0].iter().zip(LOGVAR).map(|(a, b)| 0.5 * (a - f64::from(b)).powi(2)).sum::<f64>() / 2.0
        });
    }

    #[test]
    fn gaussian_loss_at_unit_variance_is_the_reconstruction_loss() {
        let (x_hat, x) = (matrix(2, &MU), matrix(2, &LOGVAR));
        let expected = reconstruction_loss(x_hat.clone(), x.clone()).array();
        assert_eq!(gaussian_loss(x_hat, matrix(2, &[0.0; 6]), x).array(), expected);
    }

    #[test]
    fn gaussian_loss_matches_float64_in_value_and_gradient() {
        const X: [f32; 6] = [0.5, -1.0, 2.0, 0.0, 1.5, -0.7];
        let inputs = [matrix(2, &MU), matrix(2, &LOGVAR)];
        let (value, gradients) = differentiate(&inputs, |mut m| {
            let logvar = m.remove(1);
            gaussian_loss(m.remove(0), logvar, matrix(2, &X))
        });
        let in_f64 = |at: &[Vec<f64>]| {
            let terms = at[0].iter().zip(&at[1]).zip(X).map(|((m, l), x)| l + (m - f64::from(x)).powi(2) * (-l).exp());
            0.5 * terms.sum::<f64>() / 2.0
        };
        let expected = in_f64(&[MU.map(f64::from).to_vec(), LOGVAR.map(f64::from).to_vec()]);
        assert!((f64::from(value) - expected).abs() < 1e-6, "{value} {expected}");
        assert_gradients(&inputs, &gradients, in_f64);
    }

    #[test]
    fn reparameterize_scales_the_noise_by_the_standard_deviation() {
        let z = reparameterize(matrix(1, &[1.0, 2.0]), matrix(1, &[0.0, 4f32.ln()]), matrix(1, &[0.5, -1.5]));
        let z = z.as_vec();
        assert!((z[0] - 1.5).abs() < 1e-6 && (z[1] + 1.0).abs() < 1e-6, "{z:?}");
    }

    #[test]
    fn reparameterize_matches_float64_in_gradient() {
        let inputs = [matrix(2, &MU), matrix(2, &LOGVAR)];
        let eps = [0.4f32, -1.1, 0.9, 2.0, -0.3, 0.05];
        let (_, gradients) = differentiate(&inputs, |mut m| {
            let logvar = m.remove(1);
            reparameterize(m.remove(0), logvar, matrix(2, &eps)).square().sum()
        });
        assert_gradients(&inputs, &gradients, |at| {
            (0..6).map(|k| (at[0][k] + f64::from(eps[k]) * (0.5 * at[1][k]).exp()).powi(2)).sum()
        });
    }
}
