//! One optimisation step's objective and gradient as a graph of dfdx operations, differentiated by dfdx.
//!
//! The plain form of [`Step`](crate::fit::engine::simd::Step): slower, easy to read, and what the fast form is checked against.

use dfdx::prelude::*;
use ndarray::ArrayView2;

use crate::fit::epoch::Averages;
use crate::fit::loss;
use crate::fit::vae::{Shape, Vae};

/// The terms of the objective for the rows `x` and the gradient of the objective.
///
/// # Shapes
/// - `parameters`: as [`Shape::layers`] places them; `x`, what is encoded, and `target`, what is to be reconstructed: `[BATCH, IN]`,
///   scaled; `eps`: `[BATCH * LATENT]`
pub(crate) fn run(
    shape: &Shape,
    parameters: &[f32],
    x: ArrayView2<f32>,
    target: ArrayView2<f32>,
    eps: Vec<f32>,
    beta: f32,
) -> (Averages, Vec<f32>) {
    let vae = Vae::from_parameters(shape.clone(), parameters);
    let rows = x.nrows();
    let (x, target) = (vae.matrix(x), vae.matrix(target));
    let eps = vae.parameters().device().tensor_from_vec(eps, (rows, shape.latent));

    type Taped = OwnedTape<f32, Cpu>;
    let (mu, logvar) = vae.encode_taped(x.retaped::<Taped>());
    let kl = loss::kl(mu.retaped::<Taped>(), logvar.retaped::<Taped>());
    let z = loss::reparameterize(mu, logvar, eps);
    let reconstruction_loss = match vae.decode_taped(z) {
        (x_hat, None) => loss::reconstruction_loss(x_hat, target),
        (x_hat, Some(logvar)) => loss::gaussian_loss(x_hat, logvar, target),
    };

    let terms = Averages { reconstruction_loss: reconstruction_loss.array().into(), kl: kl.array().into() };
    let gradients = (reconstruction_loss + kl * beta).backward();
    (terms, gradients.get(vae.parameters()).as_vec())
}
