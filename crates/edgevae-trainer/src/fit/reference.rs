//! The objective of one batch in float64, written plainly: what every faster form is checked against, and by central
//! differences its gradient too.

use ndarray::ArrayView2;

use crate::fit::loss::LOGVAR_LIMIT;
use crate::fit::vae::{Linear, Shape};
use crate::options::likelihood::{LOGVAR_BOUNDS, Likelihood};

/// `(reconstruction_loss, kl)` of a batch.
///
/// # Shapes
/// - `parameters`: as [`Shape::layers`] places them; `x`, what is encoded, and `target`, what is to be reconstructed: `[BATCH, IN]`;
///   `eps`: `[BATCH * LATENT]`
pub fn terms(
    shape: &Shape,
    parameters: &[f64],
    x: ArrayView2<f32>,
    target: ArrayView2<f32>,
    eps: &[f32],
) -> (f64, f64) {
    let layers = shape.layers();
    let (encoder, decoder) = layers.split_at(shape.encoder_depth());
    let run = |layers: &[Linear], x: Vec<f64>| layers.iter().fold(x, |x, layer| dense(layer, parameters, &x));
    let (mut loss, mut kl) = (0.0, 0.0);
    for ((x, target), eps) in x.rows().into_iter().zip(target.rows()).zip(eps.chunks(shape.latent)) {
        let heads = run(encoder, x.iter().map(|&v| f64::from(v)).collect());
        let (mu, logvar) = heads.split_at(shape.latent);
        let limit = f64::from(LOGVAR_LIMIT);
        let logvar: Vec<f64> = logvar.iter().map(|v| v.clamp(-limit, limit)).collect();
        let latents = mu.iter().zip(&logvar);
        kl += latents.clone().map(|(mu, logvar)| -0.5 * (1.0 + logvar - mu * mu - logvar.exp())).sum::<f64>();
        let z = latents.zip(eps).map(|((mu, logvar), &eps)| mu + f64::from(eps) * (0.5 * logvar).exp()).collect();
        let output = run(decoder, z);
        let (x_hat, logvar) = output.split_at(shape.inputs);
        let logvar = match shape.likelihood {
            Likelihood::Mse => &vec![0.0; shape.inputs],
            Likelihood::Gaussian => logvar,
            Likelihood::GaussianPerFeature => &parameters[shape.feature_logvar()],
        };
        for ((x_hat, &x), logvar) in x_hat.iter().zip(target).zip(logvar) {
            let logvar = logvar.clamp(LOGVAR_BOUNDS.0.into(), LOGVAR_BOUNDS.1.into());
            loss += 0.5 * (logvar + (x_hat - f64::from(x)).powi(2) * (-logvar).exp());
        }
    }
    let batch = x.nrows() as f64;
    (loss / batch, kl / batch)
}

fn dense(layer: &Linear, parameters: &[f64], x: &[f64]) -> Vec<f64> {
    let rows = parameters[layer.weight()].chunks(layer.inputs).zip(&parameters[layer.bias()]);
    let sums = rows.map(|(row, bias)| bias + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>());
    sums.map(|y| if layer.relu { y.max(0.0) } else { y }).collect()
}

/// The gradient of `reconstruction_loss + beta * kl` by central differences.
pub fn gradient(
    shape: &Shape,
    parameters: &[f64],
    x: ArrayView2<f32>,
    target: ArrayView2<f32>,
    eps: &[f32],
    beta: f64,
) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let mut at = parameters.to_vec();
    let objective = |at: &[f64]| {
        let (loss, kl) = terms(shape, at, x, target, eps);
        loss + beta * kl
    };
    let differences = (0..at.len()).map(|k| {
        at[k] = parameters[k] + STEP;
        let above = objective(&at);
        at[k] = parameters[k] - STEP;
        let below = objective(&at);
        at[k] = parameters[k];
        (above - below) / (2.0 * STEP)
    });
    differences.collect()
}
