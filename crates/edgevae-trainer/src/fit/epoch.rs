//! One pass over the training rows.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::engine::Stepper;
use super::state::TrainingState;
use super::windows::Windows;
use super::{FitError, FitOptions};
use crate::base::random::{Purpose, stream};

/// Averages over the rows of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Averages {
    pub reconstruction_loss: f64,
    pub kl: f64,
}

/// The order of the rows of a window: every row once.
pub(crate) fn order(rows: usize, shuffle: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(shuffle);
    order
}

/// Takes one Adam step for each batch of freshly shuffled rows, window by window.
pub(crate) fn epoch(
    steps: &mut dyn Stepper,
    windows: &mut dyn Windows,
    state: &mut TrainingState,
    options: &FitOptions,
    beta: f32,
) -> Result<Averages, FitError> {
    let (seed, epoch) = (options.seed, state.epochs);
    let mut shuffle = stream(seed, Purpose::Shuffle, epoch);
    let mut noise = stream(seed, Purpose::Noise, epoch);
    let mut corruption = stream(seed, Purpose::Corruption, epoch);

    let mut sums = Averages::default();
    let (mut rows, mut batch) = (0, 0);
    windows.epoch(epoch, &mut |window| {
        for chosen in order(window.nrows(), &mut shuffle).chunks(options.batch_size) {
            batch += 1;
            steps.draw(&mut noise, chosen.len());
            if options.input_noise > 0.0 {
                steps.draw_corruption(&mut corruption, chosen.len(), options.input_noise);
            }
            let terms = steps.run(&state.parameters, window, chosen, beta);
            let objective = terms.reconstruction_loss + f64::from(beta) * terms.kl;
            if !objective.is_finite() {
                return Err(FitError::NonFinite { epoch: epoch + 1, batch });
            }
            steps.descend(state, options.learning_rate);
            sums.reconstruction_loss += terms.reconstruction_loss * chosen.len() as f64;
            sums.kl += terms.kl * chosen.len() as f64;
        }
        rows += window.nrows();
        Ok(())
    })?;
    state.epochs += 1;
    let rows = rows as f64;
    Ok(Averages { reconstruction_loss: sums.reconstruction_loss / rows, kl: sums.kl / rows })
}
