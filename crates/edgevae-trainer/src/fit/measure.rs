//! Times of single training steps, for benchmarks: whole fits are timed from outside.

use std::time::{Duration, Instant};

use ndarray::{ArrayView2, Axis};

use super::engine::dfdx::graph;
use super::engine::simd::{Level, Step};
use super::epoch::epoch;
use super::state::TrainingState;
use super::windows::InMemory;
use super::{FitError, FitOptions};
use crate::base::random::{Purpose, stream};
use crate::fit::vae::Shape;

/// Where the time of steps went; of several threads, the sum.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Noise.
    pub sampling: Duration,
    /// Rows into tiles.
    pub data: Duration,
    /// Forward pass and objective.
    pub forward: Duration,
    /// Gradients.
    pub backward: Duration,
}

/// The steps of a fit in memory, one epoch after the other.
pub struct Steps<'a> {
    rows: ArrayView2<'a, f32>,
    options: FitOptions,
    state: TrainingState,
    step: Step,
}

/// The name of the instruction set that training uses on this machine.
pub fn instructions() -> &'static str {
    Level::best().name()
}

/// Floating-point operations of the matrix products for one row: multiply and add, forward, for the weights, and for the
/// inputs of all layers but the first.
pub fn flop_per_row(shape: &Shape) -> f64 {
    let layers = shape.layers();
    let products: usize = layers.iter().map(|layer| layer.weight().len()).sum();
    (6 * products - 2 * layers[0].weight().len()) as f64
}

impl<'a> Steps<'a> {
    /// Steps over `rows`, scaled, `[ROWS, IN]`.
    pub fn new(rows: ArrayView2<'a, f32>, options: FitOptions) -> Self {
        let state = TrainingState::new(&options.shape, options.seed);
        let step = Step::new(&options.shape, options.batch_size, options.threads, Level::best());
        Self { rows, options, state, step }
    }

    /// Seconds of so many epochs at beta 1.
    ///
    /// # Errors
    /// [`FitError::NonFinite`].
    pub fn epochs(&mut self, count: usize) -> Result<f64, FitError> {
        let start = Instant::now();
        for _ in 0..count {
            epoch(&mut self.step, &mut InMemory(self.rows), &mut self.state, &self.options, 1.0)?;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// Where the time of all epochs so far went.
    pub fn parts(&self) -> Parts {
        let clock = self.step.clock();
        Parts { sampling: clock.sampling, data: clock.data, forward: clock.forward, backward: clock.backward }
    }

    /// Takes one step of the first batch as a graph of dfdx operations, on the calling thread's pool.
    pub fn graph_step(&mut self) {
        let batch = self.options.batch_size.min(self.rows.nrows());
        let rows = self.rows.select(Axis(0), &(0..batch).collect::<Vec<_>>());
        self.step.draw(&mut stream(0, Purpose::Noise, 0), batch);
        let (eps, shape) = (self.step.noise(batch), &self.options.shape);
        let (_, gradient) = graph::run(shape, &self.state.parameters, rows.view(), rows.view(), eps, 1.0);
        self.state.adam.step(&mut self.state.parameters, &gradient, self.options.learning_rate, Level::best());
    }
}
