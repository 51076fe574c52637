//! The objective and its gradient between the layers: the latents, and the loss at the output.

use super::level::{Kernel, LANES, Lanes, Sums};
use super::math::exp;
use crate::fit::loss::LOGVAR_LIMIT;
use crate::options::likelihood::LOGVAR_BOUNDS;

/// `v` held in `[low, high]`; NaN stays NaN.
#[inline(always)]
fn hold(v: f32, low: f32, high: f32) -> f32 {
    let v = if v > high { high } else { v };
    if v < low { low } else { v }
}

/// `gradient` where `v` is not held at a bound, else 0.
#[inline(always)]
fn free(v: f32, (low, high): (f32, f32), gradient: f32) -> f32 {
    if v > high || v < low { 0.0 } else { gradient }
}

/// `z = mu + eps * deviation`, `deviation = exp(0.5 * logvar)`, and the KL divergence of each row.
///
/// # Shapes
/// - `heads`: `[TILES][2 LATENT]`, `mu` first; `eps`, `deviation`, `z`: `[TILES][LATENT]`; `kl`: `[TILES]`
pub struct Sample<'a> {
    pub heads: &'a [Lanes],
    pub eps: &'a [Lanes],
    pub deviation: &'a mut [Lanes],
    pub z: &'a mut [Lanes],
    pub kl: &'a mut [Lanes],
}

impl Kernel for Sample<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        let latent = self.z.len() / self.kl.len();
        for (t, kl) in self.kl.iter_mut().enumerate() {
            let heads = &self.heads[2 * t * latent..][..2 * latent];
            let (mu, logvar) = heads.split_at(latent);
            let mut sum = [0.0; LANES];
            for j in 0..latent {
                let at = t * latent + j;
                let (eps, deviation, z) = (&self.eps[at], &mut self.deviation[at], &mut self.z[at]);
                for l in 0..LANES {
                    let logvar = hold(logvar[j][l], -LOGVAR_LIMIT, LOGVAR_LIMIT);
                    deviation[l] = exp(0.5 * logvar);
                    z[l] = mu[j][l] + eps[l] * deviation[l];
                    sum[l] -= 0.5 * (1.0 + logvar - mu[j][l] * mu[j][l] - deviation[l] * deviation[l]);
                }
            }
            *kl = sum;
        }
    }
}

/// The gradient of the heads from that of `z` and from the KL divergence.
///
/// # Shapes
/// - as [`Sample`]; `dz`: `[TILES][LATENT]`; `gradient`: `[TILES][2 LATENT]`; `weight`: `[TILES]`, 1 / BATCH or, where a
///   lane holds no row, 0
pub struct BackwardSample<'a> {
    pub heads: &'a [Lanes],
    pub eps: &'a [Lanes],
    pub deviation: &'a [Lanes],
    pub dz: &'a [Lanes],
    pub weight: &'a [Lanes],
    pub beta: f32,
    pub gradient: &'a mut [Lanes],
}

impl Kernel for BackwardSample<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        let latent = self.dz.len() / self.weight.len();
        let tiles = self.heads.chunks_exact(2 * latent).zip(self.gradient.chunks_exact_mut(2 * latent));
        for (t, ((heads, gradient), weight)) in tiles.zip(self.weight).enumerate() {
            let (mu, logvar) = heads.split_at(latent);
            let (d_mu, d_logvar) = gradient.split_at_mut(latent);
            for j in 0..latent {
                let at = t * latent + j;
                let (eps, deviation, dz) = (&self.eps[at], &self.deviation[at], &self.dz[at]);
                for l in 0..LANES {
                    let beta = self.beta * weight[l];
                    d_mu[j][l] = dz[l] + beta * mu[j][l];
                    let sampled = 0.5 * dz[l] * eps[l] * deviation[l];
                    let diverged = 0.5 * beta * (deviation[l] * deviation[l] - 1.0);
                    d_logvar[j][l] = free(logvar[j][l], (-LOGVAR_LIMIT, LOGVAR_LIMIT), sampled + diverged);
                }
            }
        }
    }
}

/// Where the log variances of the output come from, and where their gradient goes.
pub enum Variance<'a> {
    /// They are 0.
    Unit,
    /// The output holds them after `x_hat`, `[TILES][2 IN]`; so does the gradient.
    Decoder,
    /// One for each feature, `[IN]`; the gradient of each row, `[TILES][IN]`.
    Feature(&'a [f32], &'a mut [Lanes]),
}

/// The reconstruction loss of each row and the gradient of the output.
///
/// # Shapes
/// - `output`, `gradient`: `[TILES][IN or 2 IN]`; `x`: `[TILES][IN]`; `weight`, `loss`: `[TILES]`
pub struct Loss<'a> {
    pub output: &'a [Lanes],
    pub x: &'a [Lanes],
    pub weight: &'a [Lanes],
    pub variance: Variance<'a>,
    pub gradient: &'a mut [Lanes],
    pub loss: &'a mut [Lanes],
}

impl Kernel for Loss<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(mut self) {
        let tiles = self.loss.len();
        let inputs = self.x.len() / tiles;
        let width = self.output.len() / tiles;
        for t in 0..tiles {
            let x = &self.x[t * inputs..][..inputs];
            let weight = &self.weight[t];
            let output = &self.output[t * width..][..width];
            let gradient = &mut self.gradient[t * width..][..width];
            let mut loss = [0.0; LANES];
            match &mut self.variance {
                Variance::Unit => {
                    for ((x_hat, x), gradient) in output.iter().zip(x).zip(gradient) {
                        for l in 0..LANES {
                            let error = x_hat[l] - x[l];
                            loss[l] += 0.5 * error * error;
                            gradient[l] = error * weight[l];
                        }
                    }
                }
                Variance::Decoder => {
                    let (x_hat, logvar) = output.split_at(inputs);
                    let (d_x_hat, d_logvar) = gradient.split_at_mut(inputs);
                    for i in 0..inputs {
                        gaussian(&x_hat[i], &x[i], &logvar[i], weight, &mut loss, &mut d_x_hat[i], &mut d_logvar[i]);
                    }
                }
                Variance::Feature(logvar, d_logvar) => {
                    let d_logvar = &mut d_logvar[t * inputs..][..inputs];
                    for i in 0..inputs {
                        let logvar = [logvar[i]; LANES];
                        gaussian(&output[i], &x[i], &logvar, weight, &mut loss, &mut gradient[i], &mut d_logvar[i]);
                    }
                }
            }
            self.loss[t] = loss;
        }
    }
}

/// `loss += 0.5 * (logvar + (x_hat - x)² * exp(-logvar))` and its gradients, times `weight`.
#[inline(always)]
fn gaussian(
    x_hat: &Lanes,
    x: &Lanes,
    logvar: &Lanes,
    weight: &Lanes,
    loss: &mut Lanes,
    d_x_hat: &mut Lanes,
    d_logvar: &mut Lanes,
) {
    for l in 0..LANES {
        let held = hold(logvar[l], LOGVAR_BOUNDS.0, LOGVAR_BOUNDS.1);
        let precision = exp(-held);
        let error = x_hat[l] - x[l];
        let scaled = error * precision;
        loss[l] += 0.5 * (held + error * scaled);
        d_x_hat[l] = scaled * weight[l];
        d_logvar[l] = free(logvar[l], LOGVAR_BOUNDS, 0.5 * (1.0 - error * scaled) * weight[l]);
    }
}
