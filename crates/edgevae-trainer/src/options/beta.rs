//! The weight of the KL term over the epochs of a fit.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How beta, the weight of the KL term, changes from epoch to epoch.
///
/// Annealing lets the decoder learn to use the latents before the KL term pushes them towards the prior; without it the
/// fit may settle where every latent is ignored (posterior collapse).
///
/// # Source
/// Linear: Bowman et al. 2016 (arXiv:1511.06349). Cyclical: Fu et al. 2019 (arXiv:1903.10145), equations 6 and 7.
///
/// # Examples
/// ```
/// use edgevae_trainer::options::beta::BetaSchedule;
/// let linear = BetaSchedule::Linear { warmup: 4 };
/// let beta: Vec<f32> = (0..6).map(|epoch| linear.at(2.0, epoch, 6)).collect();
/// assert_eq!(beta, [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum BetaSchedule {
    /// The full beta from the first epoch to the last.
    Constant,
    /// From 0 to the full beta in equal steps over the first `warmup` epochs, then constant; 0 means no warm-up.
    Linear {
        /// Epochs until the full beta is reached: epoch `warmup` (counted from 1) is the first one trained with it.
        warmup: usize,
    },
    /// `cycles` times: linear from 0 to the full beta over the first half of a cycle, constant over the second half.
    Cyclical {
        /// Number of cycles over the whole fit; a cycle has at least two epochs.
        cycles: usize,
    },
}

/// A schedule that cannot be followed over the epochs asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a cyclical beta schedule needs 1 to {most} cycles over {epochs} epochs (two epochs each), found {cycles}")]
pub struct ScheduleError {
    /// Cycles asked for.
    pub cycles: usize,
    /// The largest number of cycles that fits.
    pub most: usize,
    /// Epochs asked for.
    pub epochs: usize,
}

impl BetaSchedule {
    /// The weight of the KL term in `epoch`, which counts from 0 to `epochs - 1`.
    ///
    /// - constant: `beta`
    /// - linear: `beta * min(1, (epoch + 1) / warmup)`
    /// - cyclical: `beta * min(1, 2 τ)`, `τ` the fractional part of `epoch * cycles / epochs`
    pub fn at(&self, beta: f32, epoch: usize, epochs: usize) -> f32 {
        let share = match *self {
            BetaSchedule::Constant => 1.0,
            BetaSchedule::Linear { warmup } if epoch + 1 >= warmup => 1.0,
            BetaSchedule::Linear { warmup } => (epoch + 1) as f64 / warmup as f64,
            // The phase in whole numbers: where the paper rounds the cycle length up to whole epochs, a remainder would
            // let the last cycle end on its first epoch, with beta 0.
            BetaSchedule::Cyclical { cycles } => {
                let epochs = epochs.max(1);
                (2.0 * ((epoch * cycles) % epochs) as f64 / epochs as f64).min(1.0)
            }
        };
        (f64::from(beta) * share) as f32
    }

    /// Checks that the schedule can be followed over `epochs`.
    ///
    /// # Errors
    /// [`ScheduleError`] when a cycle would have fewer than two epochs; ask for fewer cycles or more epochs.
    pub fn check(&self, epochs: usize) -> Result<(), ScheduleError> {
        match *self {
            BetaSchedule::Cyclical { cycles } if cycles == 0 || cycles > epochs / 2 => {
                Err(ScheduleError { cycles, most: epochs / 2, epochs })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(schedule: BetaSchedule, beta: f32, epochs: usize) -> Vec<f32> {
        (0..epochs).map(|epoch| schedule.at(beta, epoch, epochs)).collect()
    }

    #[test]
    fn constant_is_the_full_beta_from_the_first_epoch() {
        assert_eq!(over(BetaSchedule::Constant, 0.25, 3), [0.25; 3]);
    }

    #[test]
    fn linear_starts_one_step_above_zero_and_reaches_beta_in_the_last_warm_up_epoch() {
        let beta = over(BetaSchedule::Linear { warmup: 30 }, 3.0, 50);
        assert_eq!(beta[0], 0.1);
        assert_eq!(beta[28], 2.9);
        assert_eq!(beta[29], 3.0);
        assert!(beta[29..].iter().all(|&b| b == 3.0));
    }

    #[test]
    fn linear_without_warm_up_is_constant() {
        assert_eq!(over(BetaSchedule::Linear { warmup: 0 }, 1.5, 4), [1.5; 4]);
        assert_eq!(over(BetaSchedule::Linear { warmup: 1 }, 1.5, 4), [1.5; 4]);
    }

    #[test]
    fn linear_longer_than_the_fit_stops_part_of_the_way() {
        assert_eq!(over(BetaSchedule::Linear { warmup: 8 }, 1.0, 4), [0.125, 0.25, 0.375, 0.5]);
    }

    #[test]
    fn cyclical_rises_over_half_a_cycle_and_starts_again_at_zero() {
        let beta = over(BetaSchedule::Cyclical { cycles: 2 }, 1.0, 16);
        let cycle = [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(beta[..8], cycle);
        assert_eq!(beta[8..], cycle);
    }

    #[test]
    fn cyclical_ends_at_the_full_beta_whatever_the_remainder() {
        for epochs in 2..60 {
            for cycles in 1..=epochs / 2 {
                let schedule = BetaSchedule::Cyclical { cycles };
                assert_eq!(schedule.check(epochs), Ok(()));
                let beta = over(schedule, 1.0, epochs);
                assert_eq!(beta[0], 0.0, "{cycles} cycles over {epochs} epochs");
                assert_eq!(beta[epochs - 1], 1.0, "{cycles} cycles over {epochs} epochs");
            }
        }
    }

    #[test]
    fn refuses_cycles_shorter_than_two_epochs() {
        for cycles in [0, 3] {
            let refused = ScheduleError { cycles, most: 2, epochs: 5 };
            assert_eq!(BetaSchedule::Cyclical { cycles }.check(5), Err(refused));
        }
    }
}
