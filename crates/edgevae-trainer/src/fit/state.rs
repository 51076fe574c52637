//! What changes during a fit: everything a checkpoint has to hold, as plain serializable numbers.

use serde::{Deserialize, Serialize};

use super::adam::Adam;
use crate::base::random::{Purpose, stream};
use crate::fit::vae::{Shape, initial_parameters};

/// The state of a fit between two epochs. With the options and the rows it determines all that follows: random numbers
/// come from the seed and the epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainingState {
    /// Weights and biases in the order of `Shape::layers`.
    pub parameters: Vec<f32>,
    /// The optimizer's moments and step count.
    pub adam: Adam,
    /// Epochs completed.
    pub epochs: usize,
    /// The weights that early stopping would keep.
    pub best: Option<Best>,
    /// Epochs at the full beta since the validation objective last fell.
    pub waited: usize,
}

/// The best weights so far by the validation objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub parameters: Vec<f32>,
    pub objective: f64,
    pub epoch: usize,
}

impl TrainingState {
    pub fn new(shape: &Shape, seed: u64) -> Self {
        let parameters = initial_parameters(shape, &mut stream(seed, Purpose::Initialization, 0));
        let adam = Adam::new(parameters.len());
        TrainingState { parameters, adam, epochs: 0, best: None, waited: 0 }
    }

    /// Takes the validation objective of the epoch just completed into account; true when `patience` is used up.
    ///
    /// The objective is taken at the full beta in every epoch and so can be compared between epochs. Waiting is counted
    /// only in epochs trained at the full beta: before, the fit aims at something else and a pause means nothing.
    pub fn watch(&mut self, objective: f64, at_full_beta: bool, patience: usize) -> bool {
        if self.best.as_ref().is_none_or(|best| objective < best.objective) {
            self.best = Some(Best { parameters: self.parameters.clone(), objective, epoch: self.epochs });
            self.waited = 0;
        } else if at_full_beta {
            self.waited += 1;
        }
        self.waited >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::engine::simd::Level;
    use crate::options::likelihood::Likelihood;

    fn state() -> TrainingState {
        TrainingState::new(&Shape { inputs: 2, hidden: vec![3], latent: 1, likelihood: Likelihood::Mse }, 0)
    }

    /// Feeds objectives and returns the epoch at which the fit stops.
    fn stop(state: &mut TrainingState, objectives: &[f64], full_from: usize, patience: usize) -> Option<usize> {
        for (epoch, &objective) in objectives.iter().enumerate() {
            state.epochs = epoch + 1;
            state.parameters[0] = epoch as f32;
            if state.watch(objective, epoch >= full_from, patience) {
                return Some(epoch + 1);
            }
        }
        None
    }

    #[test]
    fn stops_after_patience_epochs_without_a_new_minimum_and_keeps_the_best() {
        let mut state = state();
        assert_eq!(stop(&mut state, &[3.0, 2.0, 2.5, 2.0, 2.1, 1.0], 0, 3), Some(5));
        let best = state.best.unwrap();
        assert_eq!((best.epoch, best.objective, best.parameters[0]), (2, 2.0, 1.0));
    }

    #[test]
    fn does_not_wait_before_the_full_beta() {
        assert_eq!(stop(&mut state(), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 4, 2), Some(6));
        assert_eq!(stop(&mut state(), &[1.0, 2.0, 3.0, 4.0, 5.0], 4, 2), None);
    }

    #[test]
    fn a_nan_objective_is_never_the_best_after_a_finite_one() {
        let mut state = state();
        assert_eq!(stop(&mut state, &[1.0, f64::NAN], 0, 2), None);
        assert_eq!(state.best.unwrap().epoch, 1);
    }

    #[test]
    fn survives_a_round_trip_through_json() {
        let mut state = state();
        let gradient = [0.3; 2 * 3 + 3 + 2 * 4 + 2 * 3 + 2 * 4];
        state.adam.step(&mut state.parameters, &gradient, 1e-3, Level::best());
        state.watch(1.5, true, 3);
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<TrainingState>(&text).unwrap(), state);
    }
}
