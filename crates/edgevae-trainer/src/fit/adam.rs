//! Adam over one flat parameter vector, its moments owned by us: a checkpoint needs them.

use serde::{Deserialize, Serialize};

use super::engine::simd::{Kernel, Level, Sums};

/// Decay of the first moment.
const BETA1: f32 = 0.9;
/// Decay of the second moment.
const BETA2: f32 = 0.999;
/// Keeps the quotient finite where the second moment is 0.
const EPSILON: f32 = 1e-8;

/// The state of Adam: both moments of every parameter and the number of steps taken.
///
/// # Source
/// Kingma & Ba 2014 (arXiv:1412.6980), algorithm 1, with the paper's constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: u32,
}

impl Adam {
    pub fn new(parameters: usize) -> Self {
        Adam { first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    /// Numbers of first and of second moments.
    pub fn sizes(&self) -> (usize, usize) {
        (self.first.len(), self.second.len())
    }

    /// One step: `m = β1 m + (1 - β1) g`, `v = β2 v + (1 - β2) g²`, `p -= lr m̂ / (sqrt(v̂) + ε)`.
    ///
    /// # Shapes
    /// - `parameters`, `gradient`: as many as [`Adam::new`] was given
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], learning_rate: f32, level: Level) {
        self.begin(parameters, learning_rate).run(gradient, level);
    }

    /// Begins a step that other code takes: its number, counted from 1, and both moments.
    pub fn advance(&mut self) -> (i32, &mut [f32], &mut [f32]) {
        self.steps = self.steps.saturating_add(1);
        (i32::try_from(self.steps).unwrap_or(i32::MAX), &mut self.first, &mut self.second)
    }

    /// Begins a step, which can be taken share by share.
    ///
    /// # Shapes
    /// - `parameters`: as many as [`Adam::new`] was given
    pub fn begin<'a>(&'a mut self, parameters: &'a mut [f32], learning_rate: f32) -> Share<'a> {
        // Where the corrections are 1, more steps change nothing.
        self.steps = self.steps.saturating_add(1);
        let correction = |beta: f32| (1.0 - libm::pow(f64::from(beta), f64::from(self.steps))).recip() as f32;
        let (correction1, correction2) = (correction(BETA1), correction(BETA2));
        let (first, second) = (&mut self.first[..], &mut self.second[..]);
        Share { parameters, first, second, learning_rate, correction1, correction2 }
    }
}

/// A step of some of the parameters.
pub(crate) struct Share<'a> {
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    learning_rate: f32,
    correction1: f32,
    correction2: f32,
}

impl<'a> Share<'a> {
    /// The first `count` of the parameters, which are then no longer in this share.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn take(&mut self, count: usize) -> Share<'a> {
        let Self { learning_rate, correction1, correction2, .. } = *self;
        let [parameters, first, second] = [&mut self.parameters, &mut self.first, &mut self.second]
            .map(|all| all.split_off_mut(..count).expect("a share has as many parameters as are taken"));
        Share { parameters, first, second, learning_rate, correction1, correction2 }
    }

    /// Takes the step. Bits do not depend on `level`, nor on how the parameters are divided.
    ///
    /// # Shapes
    /// - `gradient`: as many as the share has
    pub fn run(self, gradient: &[f32], level: Level) {
        level.run(Update { share: self, gradient });
    }
}

struct Update<'a> {
    share: Share<'a>,
    gradient: &'a [f32],
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        let Share { parameters, first, second, learning_rate, correction1, correction2 } = self.share;
        for ((p, &g), (m, v)) in parameters.iter_mut().zip(self.gradient).zip(first.iter_mut().zip(second)) {
            *m = *m * BETA1 + g * (1.0 - BETA1);
            *v = *v * BETA2 + g * g * (1.0 - BETA2);
            *p -= learning_rate * (*m * correction1) / ((*v * correction2).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::*;

    #[test]
    fn agrees_with_dfdx_adam_over_many_steps() {
        const COUNT: usize = 37;
        const RATE: f32 = 1e-2;
        let device = Cpu::default();
        let start: Vec<f32> = (0..COUNT).map(|i| (i as f32 - 18.0) * 0.1).collect();
        let gradient = |step: i32| (0..COUNT).map(move |i| ((i as i32 * 13 + step * 7) % 29) as f32 * 0.1 - 1.4);

        let mut ours = start.clone();
        let mut adam = Adam::new(COUNT);
        let mut theirs: Tensor<(usize,), f32, Cpu> = device.tensor_from_vec(start, (COUNT,));
        let config = AdamConfig { lr: f64::from(RATE), ..Default::default() };
        let (mut first, mut second): (Gradients<f32, Cpu>, Gradients<f32, Cpu>) =
            (Gradients::leaky(), Gradients::leaky());
        let mut gradients: Gradients<f32, Cpu> = Gradients::leaky();
        for step in 1..=200 {
            adam.step(&mut ours, &gradient(step).collect::<Vec<_>>(), RATE, Level::best());
            let m = first.get_or_alloc_mut(&theirs).unwrap();
            let v = second.get_or_alloc_mut(&theirs).unwrap();
            let g = gradients.get_or_alloc_mut(&theirs).unwrap();
            g.iter_mut().zip(gradient(step)).for_each(|(to, from)| *to = from);
            config.try_update(step, &mut theirs, m, v, g).unwrap();
        }
        for (a, b) in ours.iter().zip(theirs.as_vec()) {
            assert!((a - b).abs() < 2e-5, "{a} {b}");
        }
    }

    #[test]
    fn the_first_step_moves_every_parameter_by_the_learning_rate_against_the_gradient() {
        let mut parameters = [1.0, 1.0, 1.0];
        Adam::new(3).step(&mut parameters, &[5.0, -1e-3, 0.0], 0.25, Level::best());
        assert!((parameters[0] - 0.75).abs() < 1e-6 && (parameters[1] - 1.25).abs() < 1e-5, "{parameters:?}");
        assert_eq!(parameters[2], 1.0);
    }

    #[test]
    fn every_level_gives_the_same_bits_whole_and_in_shares() {
        const COUNT: usize = 1000;
        let gradient: Vec<f32> = (0..COUNT).map(|i| ((i * 13) % 29) as f32 * 0.1 - 1.4).collect();
        let run = |level, share: usize| {
            let mut parameters: Vec<f32> = (0..COUNT).map(|i| (i % 7) as f32 * 0.3).collect();
            let mut adam = Adam::new(COUNT);
            for _ in 0..3 {
                let mut rest = adam.begin(&mut parameters, 1e-2);
                gradient.chunks(share).for_each(|gradient| rest.take(gradient.len()).run(gradient, level));
            }
            (parameters, adam)
        };
        let best = run(Level::best(), COUNT);
        for level in Level::available() {
            for share in [COUNT, 333, 16, 7] {
                assert_eq!(run(level, share), best, "{share}");
            }
        }
    }
}
