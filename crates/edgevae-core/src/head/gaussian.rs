//! What the probabilistic heads share: Gaussian negative log-likelihood and the KL divergence to the prior.

use super::Representation;

/// The posterior's log variance is held in `[-LOGVAR_LIMIT, LOGVAR_LIMIT]`, in training and in scoring.
///
/// `exp(10)` is 2.2e4: far beyond any variance that a standardized feature needs, and far from overflow (`exp(89)` is
/// infinite in `f32`).
pub const LOGVAR_LIMIT: f32 = 10.0;

/// Bounds of the decoder's log variance, scaled units, in training and in scoring.
///
/// Below: a standard deviation of 1/20 of the feature's own. A constant or coarsely quantised column would otherwise
/// drive its variance towards zero, and with it its share of the objective over all others. Above: as wide as that of
/// the latents, for rows that no latent explains.
pub const X_LOGVAR_BOUNDS: (f32, f32) = (-6.0, 10.0);

/// `ln 2π`
pub const LN_2PI: f32 = 1.837_877_1;

/// Negative log-likelihood of one feature in nats: `0.5 * (ln 2π + logvar + residual² * exp(-logvar))`.
#[inline]
pub fn nll_term(residual: f32, logvar: f32) -> f32 {
    0.5 * (LN_2PI + logvar + residual * residual * libm::expf(-logvar))
}

/// The same at unit variance, to the bit: `exp(0)` is exactly 1.
#[inline]
pub fn unit_nll_term(residual: f32) -> f32 {
    0.5 * (LN_2PI + residual * residual)
}

/// Negative log-likelihood of one feature of a row in nats; 0 for a feature that the row does not have.
#[inline]
pub fn nll_of(representation: &Representation<'_>, feature: usize) -> f32 {
    match (representation.residual.get(feature), representation.x_logvar.get(feature)) {
        (Some(&residual), Some(&logvar)) => nll_term(residual, logvar),
        (Some(&residual), None) => unit_nll_term(residual),
        (None, _) => 0.0,
    }
}

/// Negative log-likelihood of a row in nats, features in order.
pub fn nll(representation: &Representation<'_>) -> f32 {
    (0..representation.residual.len()).fold(0.0, |sum, feature| sum + nll_of(representation, feature))
}

/// KL divergence of one row's posterior from the prior N(0, I) in nats: `-0.5 * Σ_j (1 + logvar - mu² - exp(logvar))`.
///
/// # Source
/// Kingma & Welling 2013 (arXiv:1312.6114), appendix B.
pub fn kl(mu: &[f32], logvar: &[f32]) -> f32 {
    mu.iter().zip(logvar).fold(0.0, |sum, (mu, &logvar)| sum - 0.5 * (1.0 + logvar - mu * mu - libm::expf(logvar)))
}

/// Holds log variances within their bounds; NaN stays NaN.
pub fn clamp(logvar: &mut [f32], (low, high): (f32, f32)) {
    for value in logvar {
        // Not `f32::clamp`, which panics on bounds in the wrong order.
        *value = match *value {
            below if below < low => low,
            above if above > high => high,
            inside => inside,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nll_and_kl_equal_float64(residual in -20.0_f32..20.0, logvar in -10.0_f32..10.0, mu in -8.0_f32..8.0) {
            let (r, l, m) = (f64::from(residual), f64::from(logvar), f64::from(mu));
            let expected = 0.5 * ((2.0 * std::f64::consts::PI).ln() + l + r * r * (-l).exp());
            let found = f64::from(nll_term(residual, logvar));
            prop_assert!((found - expected).abs() <= 4e-6 * (1.0 + expected.abs()), "{found} {expected}");
            let expected = -0.5 * (1.0 + l - m * m - l.exp());
            let found = f64::from(kl(&[mu], &[logvar]));
            prop_assert!((found - expected).abs() <= 4e-6 * (1.0 + expected.abs()), "{found} {expected}");
            prop_assert_eq!(unit_nll_term(residual).to_bits(), nll_term(residual, 0.0).to_bits());
        }
    }

    #[test]
    fn the_prior_costs_nothing_and_a_shift_by_one_half_a_nat() {
        assert_eq!(kl(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
        assert_eq!(kl(&[1.0, 0.0], &[0.0, 0.0]), 0.5);
    }

    #[test]
    fn a_log_variance_that_is_no_number_stays_none() {
        let mut values = [-11.0, 0.5, 12.0, f32::NAN];
        clamp(&mut values, (-LOGVAR_LIMIT, LOGVAR_LIMIT));
        assert_eq!(values[..3], [-10.0, 0.5, 10.0]);
        assert!(values[3].is_nan(), "it must survive to the score and become an error");
    }
}
