//! One pass over the training rows.

use ndarray::ArrayView2;
use rand::seq::SliceRandom;

use super::random::{Purpose, stream};
use super::state::TrainingState;
use super::step::Step;
use super::{FitError, FitOptions};

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
    pub fn epoch(&self, step: &mut Step, state: &mut TrainingState, beta: f32) -> Result<Averages, FitError> {
        let seed = self.options.seed;
        let order = order(self.rows.nrows(), seed, state.epochs);
        let mut noise = stream(seed, Purpose::Noise, state.epochs);

        let mut sums = Averages::default();
        for (batch, chosen) in order.chunks(self.options.batch_size).enumerate() {
            step.draw(&mut noise, chosen.len());
            let terms = step.run(&state.parameters, self.rows, chosen, beta);
            let objective = terms.reconstruction_loss + f64::from(beta) * terms.kl;
            if !objective.is_finite() {
                return Err(FitError::NonFinite { epoch: state.epochs + 1, batch: batch + 1 });
            }
            let rate = self.options.learning_rate;
            state.adam.step(&mut state.parameters, step.gradient(), rate, step.level(), step.is_parallel());
            sums.reconstruction_loss += terms.reconstruction_loss * chosen.len() as f64;
            sums.kl += terms.kl * chosen.len() as f64;
        }
        state.epochs += 1;
        let rows = self.rows.nrows() as f64;
        Ok(Averages { reconstruction_loss: sums.reconstruction_loss / rows, kl: sums.kl / rows })
    }
}
