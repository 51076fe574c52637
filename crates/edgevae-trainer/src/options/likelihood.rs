//! What the decoder says about a row: a mean for each feature, and for some likelihoods a variance too.

use crate::base::value::choice;

choice! {
    /// The Gaussian likelihood of a row given its latent: `x_i ~ N(x_hat_i, exp(logvar_i))`, features independent.
    ///
    /// Its negative logarithm, less the constant, is the reconstruction loss of one row:
    /// `0.5 * Σ_i (logvar_i + (x_hat_i - x_i)² * exp(-logvar_i))`.
    ///
    /// The constant `0.5 * IN * ln(2π)` is left out in every variant: it moves no weight, and without it the loss of all
    /// variants is the same number wherever `logvar` is 0. For a density in nats, add it.
    ///
    /// # Source
    /// Kingma & Welling 2013 (arXiv:1312.6114), appendix C.2; one variance for all rows: Rybkin et al. 2021
    /// (arXiv:2006.13202).
    #[derive(Default)]
    pub enum Likelihood {
        /// `logvar = 0`: half the squared error
        #[default]
        Mse = "mse",
        /// A log variance for each feature and row, by the decoder
        Gaussian = "gaussian",
        /// A log variance for each feature, learned beside the weights
        GaussianPerFeature = "gaussian-per-feature",
    }
}

/// Bounds of the decoder's log variance, those of the core; outside, its gradient is zero.
pub use edgevae_core::head::gaussian::X_LOGVAR_BOUNDS as LOGVAR_BOUNDS;

impl Likelihood {
    /// Outputs of the decoder's last layer: `x_hat`, then for [`Likelihood::Gaussian`] the log variances.
    pub fn decoder_outputs(self, inputs: usize) -> usize {
        if self == Self::Gaussian { 2 * inputs } else { inputs }
    }
}

/// Negative log-likelihood of one feature in nats, less its constant: `0.5 * (logvar + (x_hat - x)² * exp(-logvar))`.
///
/// # Examples
/// ```
/// use edgevae_trainer::options::likelihood::negative_log_likelihood;
/// assert_eq!(negative_log_likelihood(3.0, 1.0, 0.0), 2.0);
/// // The best variance for an error of 2 is 4: ln 2 + 0.5.
/// assert!((negative_log_likelihood(3.0, 1.0, 4f32.ln()) - 1.193_147).abs() < 1e-6);
/// ```
pub fn negative_log_likelihood(x_hat: f32, x: f32, logvar: f32) -> f64 {
    let (squared, logvar) = (f64::from(x_hat - x).powi(2), f64::from(logvar));
    0.5 * (logvar + squared * libm::exp(-logvar))
}
