//! Quantiles of the beta distribution, for counts of any size.
//!
//! Libraries lose their way above some million rows; here every loop is bounded: the continued fraction by the square root
//! of the larger parameter, the search by the bits of an `f64`.

use std::f64::consts::PI;

/// The `x` at which the regularised incomplete beta function `I_x(a, b)` is `p`.
///
/// `a` and `b` are positive and finite, `p` lies inside (0, 1). The result is within some 1e-7 of the exact one, relative
/// to it, up to a + b = 2^32.
///
/// # Source
/// Continued fraction: Abramowitz & Stegun 26.5.8, by the method of Lentz; factor before it: Loader 2000, "Fast and Accurate
/// Computation of Binomial Probabilities".
pub fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if incomplete_beta(middle, a, b) < p { low = middle } else { high = middle }
    }
}

/// `I_x(a, b)`, for `x` inside (0, 1).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    // The fraction converges fast below the mean and slowly above it.
    if x < (a + 1.0) / (a + b + 2.0) {
        factor(x, a, b) / a / fraction(x, a, b)
    } else {
        1.0 - factor(x, a, b) / b / fraction(1.0 - x, b, a)
    }
}

/// `x^a (1 - x)^b / B(a, b)`.
fn factor(x: f64, a: f64, b: f64) -> f64 {
    let n = a + b;
    // The distance from the mean, counted once: what cancels between the two logarithms is small.
    let excess = x * n - a;
    let exponent = a * (excess / a).ln_1p() + b * (-excess / b).ln_1p();
    let errors = stirling_error(n) - stirling_error(a) - stirling_error(b);
    (a * b / (2.0 * PI * n)).sqrt() * (exponent + errors).exp()
}

/// `ln Γ(z) - (z - 1/2) ln z + z - ln(2π) / 2`.
fn stirling_error(z: f64) -> f64 {
    if z < 12.0 {
        return libm::lgamma(z) - ((z - 0.5) * z.ln() - z + 0.5 * (2.0 * PI).ln());
    }
    let square = 1.0 / (z * z);
    (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)))) / z
}

/// The continued fraction of the incomplete beta function.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const LEAST: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < LEAST { LEAST } else { value };
    let most = 1000.0 + 10.0 * a.max(b).sqrt();
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    let mut m = 1.0;
    while m <= most {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            step = c * d;
            value *= step;
        }
        if (step - 1.0).abs() < f64::EPSILON {
            break;
        }
        m += 1.0;
    }
    1.0 / value
}
