//! Engines: what takes the steps of a fit.
//!
//! Both minimise the same objective over the same batches and the same noise, and both leave the state of a fit as plain
//! numbers, so that everything around a step (schedules, members, patience, checkpoints) is one code.

pub(crate) mod dfdx;
pub(crate) mod simd;

use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;

use super::FitOptions;
use super::epoch::Averages;
use super::state::TrainingState;
use crate::options::Engine;

/// Takes steps of one fit: noise, the objective of a batch, then a step of Adam down its gradient.
pub(crate) trait Stepper: Send {
    /// Draws the noise of a batch of `rows`.
    fn draw(&mut self, random: &mut ChaCha8Rng, rows: usize);

    /// Draws what is added to the inputs of a batch of `rows`, Gaussian with standard deviation `deviation`, scaled units.
    fn draw_corruption(&mut self, random: &mut ChaCha8Rng, rows: usize, deviation: f32);

    /// The terms of the objective for the chosen rows of a table; [`Stepper::descend`] follows.
    ///
    /// # Shapes
    /// - `parameters`: as [`Shape::layers`](super::vae::Shape::layers) places them; `table`: `[ROWS, IN]`, scaled;
    ///   `chosen`: row numbers
    fn run(&mut self, parameters: &[f32], table: ArrayView2<'_, f32>, chosen: &[usize], beta: f32) -> Averages;

    /// Takes a step of Adam down the gradient of the batch that was run.
    fn descend(&mut self, state: &mut TrainingState, learning_rate: f32);
}

/// The stepper of an engine for batches of up to `batch` rows.
pub(crate) fn stepper(options: &FitOptions, batch: usize) -> Box<dyn Stepper> {
    match options.engine {
        Engine::Simd => Box::new(simd::Step::new(&options.shape, batch, options.threads, simd::Level::best())),
        Engine::Dfdx => Box::new(dfdx::Taped::new(&options.shape)),
    }
}
