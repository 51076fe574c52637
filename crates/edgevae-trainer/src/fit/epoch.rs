//! One pass over the training rows.

use dfdx::prelude::*;
use ndarray::{ArrayView2, Axis};
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};

use super::random::{Purpose, stream};
use super::state::TrainingState;
use super::{FitError, FitOptions};
use crate::loss;
use crate::vae::Vae;

/// What an epoch needs to know and does not change.
pub(crate) struct Pass<'a> {
    /// Scaled training rows, `[ROWS, IN]`.
    pub rows: ArrayView2<'a, f32>,
    pub options: &'a FitOptions,
}

/// Averages over the rows of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Averages {
    pub reconstruction_loss: f64,
    pub kl: f64,
}

/// The order of the rows in an epoch (counted from 0): every row once.
pub(crate) fn order(rows: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut stream(seed, Purpose::Shuffle, epoch));
    order
}

impl Pass<'_> {
    /// Takes one Adam step for each batch of a freshly shuffled order.
    pub fn epoch(&self, state: &mut TrainingState, beta: f32) -> Result<Averages, FitError> {
        let seed = self.options.seed;
        let order = order(self.rows.nrows(), seed, state.epochs);
        let mut noise = stream(seed, Purpose::Noise, state.epochs);

        let mut sums = Averages::default();
        for (batch, chosen) in order.chunks(self.options.batch_size).enumerate() {
            let eps: Vec<f32> =
                (0..chosen.len() * self.options.shape.latent).map(|_| StandardNormal.sample(&mut noise)).collect();
            let (terms, gradient) = self.batch(&state.parameters, chosen, eps, beta);
            let objective = terms.reconstruction_loss + f64::from(beta) * terms.kl;
            if !objective.is_finite() {
                return Err(FitError::NonFinite { epoch: state.epochs + 1, batch: batch + 1 });
            }
            state.adam.step(&mut state.parameters, &gradient, self.options.learning_rate);
            sums.reconstruction_loss += terms.reconstruction_loss * chosen.len() as f64;
            sums.kl += terms.kl * chosen.len() as f64;
        }
        state.epochs += 1;
        let rows = self.rows.nrows() as f64;
        Ok(Averages { reconstruction_loss: sums.reconstruction_loss / rows, kl: sums.kl / rows })
    }

    /// The terms of the objective for one batch and the gradient of the objective.
    pub fn batch(&self, parameters: &[f32], chosen: &[usize], eps: Vec<f32>, beta: f32) -> (Averages, Vec<f32>) {
        let vae = Vae::from_parameters(self.options.shape.clone(), parameters);
        let x = vae.matrix(self.rows.select(Axis(0), chosen).view());
        let device = vae.parameters().device();
        let eps = device.tensor_from_vec(eps, (chosen.len(), self.options.shape.latent));

        type Taped = OwnedTape<f32, Cpu>;
        let (mu, logvar) = vae.encode_taped(x.retaped::<Taped>());
        let kl = loss::kl(mu.retaped::<Taped>(), logvar.retaped::<Taped>());
        let z = loss::reparameterize(mu, logvar, eps);
        let reconstruction_loss = match vae.decode_taped(z) {
            (x_hat, None) => loss::reconstruction_loss(x_hat, x),
            (x_hat, Some(logvar)) => loss::gaussian_loss(x_hat, logvar, x),
        };

        let terms = Averages { reconstruction_loss: reconstruction_loss.array().into(), kl: kl.array().into() };
        let gradients = (reconstruction_loss + kl * beta).backward();
        (terms, gradients.get(vae.parameters()).as_vec())
    }
}
