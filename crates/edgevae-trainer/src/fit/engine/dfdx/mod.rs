//! The engine `dfdx`: the whole model on dfdx's tape, its gradients, its Adam.

pub(crate) mod graph;

use ::dfdx::prelude::*;
use ndarray::{ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;

use super::Stepper;
use super::simd::{Lanes, noise};
use crate::fit::epoch::Averages;
use crate::fit::state::TrainingState;
use crate::fit::vae::Shape;

/// Steps on dfdx's tape.
pub(crate) struct Taped {
    shape: Shape,
    words: Vec<u32>,
    lanes: Vec<Lanes>,
    /// The noise of the batch, `[ROWS * LATENT]`.
    eps: Vec<f32>,
    /// What is added to the rows before they are encoded, `[ROWS * IN]`; empty where nothing is.
    corruption: Vec<f32>,
    gradient: Vec<f32>,
}

impl Taped {
    /// Steps for a network of this shape.
    pub fn new(shape: &Shape) -> Self {
        let shape = shape.clone();
        Self { shape, words: vec![], lanes: vec![], eps: vec![], corruption: vec![], gradient: vec![] }
    }

    /// `[ROWS * width]` standard normal numbers, those that the engine `simd` draws.
    fn normal(&mut self, random: &mut ChaCha8Rng, rows: usize, width: usize) -> Vec<f32> {
        noise::fill_by_row(random, &mut self.words, &mut self.lanes, rows, width)
    }
}

impl Stepper for Taped {
    fn draw(&mut self, random: &mut ChaCha8Rng, rows: usize) {
        self.eps = self.normal(random, rows, self.shape.latent);
    }

    fn draw_corruption(&mut self, random: &mut ChaCha8Rng, rows: usize, deviation: f32) {
        self.corruption = self.normal(random, rows, self.shape.inputs);
        self.corruption.iter_mut().for_each(|value| *value *= deviation);
    }

    fn run(&mut self, parameters: &[f32], table: ArrayView2<'_, f32>, chosen: &[usize], beta: f32) -> Averages {
        let target = table.select(Axis(0), chosen);
        let mut x = target.clone();
        x.iter_mut().zip(&self.corruption).for_each(|(x, added)| *x += added);
        let eps = std::mem::take(&mut self.eps);
        let (terms, gradient) = graph::run(&self.shape, parameters, x.view(), target.view(), eps, beta);
        self.gradient = gradient;
        terms
    }

    fn descend(&mut self, state: &mut TrainingState, learning_rate: f32) {
        let device = Cpu::default();
        let count = self.gradient.len();
        let mut parameters: Tensor<(usize,), f32, Cpu> =
            device.tensor_from_vec(std::mem::take(&mut state.parameters), (count,));
        let (step, first, second) = state.adam.advance();
        let mut kept: [Gradients<f32, Cpu>; 3] = std::array::from_fn(|_| Gradients::leaky());
        let [m, v, g] = &mut kept;
        let numbers = [(m, &*first), (v, &*second), (g, &self.gradient[..])];
        let [m, v, g] = numbers.map(|(kept, numbers)| {
            let to = kept.get_or_alloc_mut(&parameters).expect("memory for as many numbers as there are parameters");
            to.iter_mut().zip(numbers).for_each(|(to, &from)| *to = from);
            to
        });
        let adam = AdamConfig { lr: f64::from(learning_rate), ..AdamConfig::default() };
        adam.try_update(step, &mut parameters, m, v, g).expect("the update of dfdx on the CPU allocates nothing");
        first.iter_mut().zip(m.iter()).for_each(|(to, &from)| *to = from);
        second.iter_mut().zip(v.iter()).for_each(|(to, &from)| *to = from);
        state.parameters = parameters.as_vec();
    }
}
