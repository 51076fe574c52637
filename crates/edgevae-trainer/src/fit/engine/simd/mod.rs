//! One optimisation step's objective and gradient, without a tape: forward and backward pass over reused buffers.
//!
//! The same objective as [`graph`](super::dfdx::graph), which dfdx differentiates and which checks it; docs/DESIGN.md says why
//! there are two. The bits of a gradient depend neither on the number of threads nor on the machine's vectors.

mod level;
pub(crate) mod math;
pub(crate) mod noise;
mod objective;
mod part;
mod products;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Stepper;
use crate::fit::adam::Share;
use crate::fit::epoch::Averages;
use crate::fit::state::TrainingState;
use crate::fit::vae::{Linear, Shape};
pub(crate) use level::{Kernel, Lanes, Level, Sums};
use level::{LANES, MAX_BLOCK};
use part::{Part, Plan};
use products::{BackwardBias, BackwardWeight, Sides, wide_is_input};

/// Multiply-adds of a step from which the work of several threads outweighs their hand-over, which costs some 10 µs.
const WORTH_THREADS: usize = 10_000_000;

/// Multiply-adds of a task for the gradient, some 10 µs: threads end together, and none waits for so long that it goes to
/// sleep.
const TASK: usize = 1 << 19;

/// A part of a batch, its rows and its noise.
type Task<'a> = ((&'a mut Part, &'a [usize]), &'a [Lanes]);

/// Everything a step works in.
#[derive(Debug)]
pub(crate) struct Step {
    shape: Shape,
    layers: Vec<Linear>,
    level: Level,
    parts: Vec<Part>,
    /// Tiles of a full part.
    part_tiles: usize,
    words: Vec<u32>,
    /// The noise of the batch, `[TILES][LATENT]`.
    eps: Vec<Lanes>,
    /// What is added to the rows before they are encoded, `[TILES][IN]`; empty where nothing is.
    corruption: Vec<Lanes>,
    /// Parts and rows of the batch that was run last.
    used: usize,
    batch: usize,
    gradient: Vec<f32>,
    sampling: Duration,
    /// Nanoseconds in the sums of the gradient, of all threads.
    summing: AtomicU64,
}

/// Where the time of the steps so far went; of several threads, the sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub sampling: Duration,
    pub data: Duration,
    pub forward: Duration,
    pub backward: Duration,
}

impl Step {
    /// Buffers for batches of up to `batch` rows, cut into parts for `threads` threads where that pays.
    pub fn new(shape: &Shape, batch: usize, threads: usize, level: Level) -> Self {
        let layers = shape.layers();
        let tiles = batch.div_ceil(LANES).max(1);
        let pays = 3 * shape.parameters() * batch >= WORTH_THREADS;
        let part_tiles = tiles.div_ceil(if pays { threads } else { 1 });
        let parts = (0..tiles.div_ceil(part_tiles)).map(|_| Part::new(shape, &layers, part_tiles)).collect();
        let gradient = vec![0.0; shape.parameters()];
        Step {
            shape: shape.clone(),
            layers,
            level,
            parts,
            part_tiles,
            words: Vec::new(),
            eps: Vec::new(),
            corruption: Vec::new(),
            used: 0,
            batch: 0,
            gradient,
            sampling: Duration::ZERO,
            summing: AtomicU64::new(0),
        }
    }

    /// Draws the noise of a batch of `rows`.
    pub fn draw(&mut self, rng: &mut ChaCha8Rng, rows: usize) {
        let start = Instant::now();
        self.eps.resize(rows.div_ceil(LANES) * self.shape.latent, [0.0; LANES]);
        noise::fill_normal(rng, &mut self.words, self.level, &mut self.eps);
        self.sampling += start.elapsed();
    }

    /// Draws what is added to the inputs of a batch of `rows`, Gaussian with standard deviation `deviation`, scaled units.
    ///
    /// # Source
    /// Im et al. 2017, "Denoising criterion for variational auto-encoding framework" (arXiv:1511.06406).
    pub fn draw_corruption(&mut self, rng: &mut ChaCha8Rng, rows: usize, deviation: f32) {
        let start = Instant::now();
        self.corruption.resize(rows.div_ceil(LANES) * self.shape.inputs, [0.0; LANES]);
        noise::fill_normal(rng, &mut self.words, self.level, &mut self.corruption);
        self.corruption.as_flattened_mut().iter_mut().for_each(|value| *value *= deviation);
        self.sampling += start.elapsed();
    }

    /// The terms of the objective for the chosen rows of a table; [`Step::descend`] follows.
    ///
    /// The noise is that of [`Step::draw`]; after [`Step::draw_corruption`] the rows are encoded with that added, and
    /// reconstructed without.
    ///
    /// # Shapes
    /// - `parameters`: as [`Shape::layers`] places them; `table`: `[ROWS, IN]`, scaled; `chosen`: row numbers, at most the
    ///   batch of [`Step::new`]
    pub fn run(&mut self, parameters: &[f32], table: ArrayView2<f32>, chosen: &[usize], beta: f32) -> Averages {
        let table = table.as_standard_layout();
        let table = table.as_slice().expect("the standard layout is a slice");
        let batch = chosen.len();
        let Step { shape, layers, level, parts, eps, corruption, part_tiles, .. } = self;
        let plan = Plan { shape, layers, level: *level, parameters, beta, batch };
        let used = batch.div_ceil(*part_tiles * LANES);
        let (rows, eps_rows) = (*part_tiles * LANES, *part_tiles * shape.latent);
        let corruption_rows = *part_tiles * shape.inputs;
        let work = |(number, ((part, chosen), eps)): (usize, Task<'_>)| {
            part.gather(&plan, table, chosen);
            part.corrupt(corruption.get(number * corruption_rows..).unwrap_or_default());
            part.run(&plan, eps);
        };
        if used > 1 {
            let parts = parts[..used].par_iter_mut();
            parts.zip(chosen.par_chunks(rows)).zip(eps.par_chunks(eps_rows)).enumerate().for_each(work);
        } else {
            parts.iter_mut().zip(chosen.chunks(rows)).zip(eps.chunks(eps_rows)).enumerate().for_each(work);
        }
        (self.used, self.batch) = (used, batch);
        let terms = self.parts[..used].iter().flat_map(Part::terms);
        let (loss, kl) = terms.fold((0.0, 0.0), |(loss, kl), (l, k)| (loss + f64::from(l), kl + f64::from(k)));
        Averages { reconstruction_loss: loss / batch as f64, kl: kl / batch as f64 }
    }

    /// Sums the gradient of the batch that was run over its rows and takes a step of Adam, part by part while it is in the
    /// cache.
    pub fn descend(&mut self, mut adam: Share<'_>) {
        let (level, batch, summing) = (self.level, self.batch, &self.summing);
        let parts = &self.parts[..self.used];
        let sides: Vec<Vec<Sides>> = self
            .layers
            .iter()
            .enumerate()
            .map(|(k, layer)| parts.iter().map(|part| part.sides(k, layer)).collect())
            .collect();
        let dy: Vec<Vec<&[Lanes]>> = self
            .layers
            .iter()
            .enumerate()
            .map(|(k, layer)| parts.iter().map(|part| part.output_gradient(k, layer)).collect())
            .collect();
        let mut tasks = Vec::new();
        let mut rest = &mut self.gradient[..];
        for (layer, (sides, dy)) in self.layers.iter().zip(sides.iter().zip(&dy)) {
            let (weight, after) = rest.split_at_mut(layer.weight().len());
            let (bias, after) = after.split_at_mut(layer.outputs);
            rest = after;
            let (mut of_weight, mut of_bias) = (adam.take(weight.len()), adam.take(bias.len()));
            let &Linear { inputs, outputs, .. } = layer;
            let rows = task_rows(inputs, outputs, batch);
            for (task, (weight, bias)) in weight.chunks_mut(rows * inputs).zip(bias.chunks_mut(rows)).enumerate() {
                let first = task * rows;
                let shares = [of_weight.take(weight.len()), of_bias.take(bias.len())];
                tasks.push(Rows { sides, dy, inputs, outputs, first, weight, bias, shares });
            }
        }
        let d_logvar: Vec<_> = parts.iter().map(|part| part.logvar_gradient(rest.len())).collect();
        if !rest.is_empty() {
            level.run(BackwardBias { parts: &d_logvar, outputs: rest.len(), first: 0, gradient: rest });
            adam.run(rest, level);
        }
        let work = |rows: Rows<'_>| rows.run(level, summing);
        if self.parts.len() > 1 {
            tasks.into_par_iter().for_each(work);
        } else {
            tasks.into_iter().for_each(work);
        }
    }

    /// The noise of [`Step::draw`] row by row, `[ROWS * LATENT]`.
    pub fn noise(&self, rows: usize) -> Vec<f32> {
        by_row(&self.eps, rows, self.shape.latent)
    }

    /// What [`Step::draw_corruption`] adds, row by row, `[ROWS * IN]`.
    #[cfg(test)]
    pub fn corruption(&self, rows: usize) -> Vec<f32> {
        by_row(&self.corruption, rows, self.shape.inputs)
    }

    /// The gradient of the step that was taken last, in the order of the parameters.
    #[cfg(test)]
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Whether more than one thread works on a step.
    #[cfg(test)]
    pub fn is_parallel(&self) -> bool {
        self.parts.len() > 1
    }

    /// Where the time of all steps so far went.
    pub fn clock(&self) -> Clock {
        let sum = |of: fn(&Part) -> Duration| self.parts.iter().map(of).sum();
        Clock {
            sampling: self.sampling,
            data: sum(|part| part.clock.data),
            forward: sum(|part| part.clock.forward),
            backward: sum(|part| part.clock.backward) + Duration::from_nanos(self.summing.load(Ordering::Relaxed)),
        }
    }
}

impl Stepper for Step {
    fn draw(&mut self, random: &mut ChaCha8Rng, rows: usize) {
        Step::draw(self, random, rows);
    }

    fn draw_corruption(&mut self, random: &mut ChaCha8Rng, rows: usize, deviation: f32) {
        Step::draw_corruption(self, random, rows, deviation);
    }

    fn run(&mut self, parameters: &[f32], table: ArrayView2<'_, f32>, chosen: &[usize], beta: f32) -> Averages {
        Step::run(self, parameters, table, chosen, beta)
    }

    fn descend(&mut self, state: &mut TrainingState, learning_rate: f32) {
        Step::descend(self, state.adam.begin(&mut state.parameters, learning_rate));
    }
}

/// Some of a layer's outputs: the gradient of their weights and biases, and the step that follows.
struct Rows<'a> {
    sides: &'a [Sides<'a>],
    dy: &'a [&'a [Lanes]],
    inputs: usize,
    outputs: usize,
    first: usize,
    weight: &'a mut [f32],
    bias: &'a mut [f32],
    /// Of the weights and of the biases.
    shares: [Share<'a>; 2],
}

impl Rows<'_> {
    /// Adds the nanoseconds of the sums to `summing`.
    fn run(self, level: Level, summing: &AtomicU64) {
        let start = Instant::now();
        let Self { sides, dy, inputs, outputs, first, weight, bias, shares } = self;
        level.run(BackwardWeight { parts: sides, inputs, outputs, first, gradient: weight });
        level.run(BackwardBias { parts: dy, outputs, first, gradient: bias });
        summing.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        let [of_weight, of_bias] = shares;
        of_weight.run(weight, level);
        of_bias.run(bias, level);
    }
}

/// Rows of a layer's weight gradient that are one task: whole blocks of registers, and of lanes where rows run along them.
fn task_rows(inputs: usize, outputs: usize, batch: usize) -> usize {
    let unit = if wide_is_input(inputs, outputs) { MAX_BLOCK } else { LANES };
    let count = (inputs * outputs * batch).div_ceil(TASK);
    outputs.div_ceil(count.max(1)).next_multiple_of(unit)
}

/// Tiles as rows: `[TILES][WIDTH]` to `[ROWS * WIDTH]`.
fn by_row(tiles: &[Lanes], rows: usize, width: usize) -> Vec<f32> {
    let of_row = |row: usize| tiles[row / LANES * width..][..width].iter().map(move |lanes| lanes[row % LANES]);
    (0..rows).flat_map(of_row).collect()
}
