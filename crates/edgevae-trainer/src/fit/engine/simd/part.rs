//! A part of a batch: its rows as tiles, and all that the forward and the backward pass leave behind for them.

use std::time::{Duration, Instant};

use super::level::{LANES, Lanes, Level, MAX_BLOCK};
use super::objective::{BackwardSample, Loss, Sample, Variance};
use super::products::{BackwardInput, Forward, Sides, turn, wide_is_input};
use crate::fit::vae::{Linear, Shape};
use crate::options::likelihood::Likelihood;

/// What all parts share in a step.
pub struct Plan<'a> {
    pub shape: &'a Shape,
    pub layers: &'a [Linear],
    pub level: Level,
    pub parameters: &'a [f32],
    pub beta: f32,
    /// Rows of the whole batch.
    pub batch: usize,
}

/// Buffers for up to a number of tiles; the first `tiles` of each are in use.
#[derive(Debug)]
pub struct Part {
    tiles: usize,
    rows: usize,
    /// 1 / BATCH for each row, 0 in lanes without a row; `[TILES]`.
    weight: Vec<Lanes>,
    /// The input of each layer: `x`, hidden values, and `z` for the decoder's first.
    inputs: Vec<Vec<Lanes>>,
    /// `x` before anything was added to it; empty where nothing is.
    clean: Vec<Lanes>,
    /// `mu` and `logvar` by the encoder.
    heads: Vec<Lanes>,
    /// What the decoder gives.
    output: Vec<Lanes>,
    deviation: Vec<Lanes>,
    dz: Vec<Lanes>,
    /// The gradient of the output of each layer, before its ReLU.
    gradients: Vec<Vec<Lanes>>,
    /// The gradient of each feature's log variance, where it is learned.
    d_logvar: Vec<Lanes>,
    /// The wide side of each layer's weight gradient.
    turned: Vec<Vec<[Lanes; LANES]>>,
    loss: Vec<Lanes>,
    kl: Vec<Lanes>,
    packed: Vec<f32>,
    pub clock: PartClock,
}

/// Time spent so far, for benchmarks; a step reads the clock four times, six where noise is added to the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartClock {
    pub data: Duration,
    pub forward: Duration,
    pub backward: Duration,
}

impl Part {
    pub fn new(shape: &Shape, layers: &[Linear], tiles: usize) -> Self {
        let zeros = |features: usize| vec![[0.0; LANES]; tiles * features];
        let per_layer = |width: fn(&Linear) -> usize| layers.iter().map(|layer| zeros(width(layer))).collect();
        let turned =
            |layer: &Linear| vec![[[0.0; LANES]; LANES]; tiles * layer.inputs.max(layer.outputs).div_ceil(LANES)];
        let widest = layers.iter().map(|layer| layer.inputs.max(layer.outputs)).max().unwrap_or(0);
        let d_logvar = shape.feature_logvar().len();
        Part {
            tiles: 0,
            rows: 0,
            weight: zeros(1),
            inputs: per_layer(|layer| layer.inputs),
            clean: Vec::new(),
            heads: zeros(2 * shape.latent),
            output: zeros(shape.likelihood.decoder_outputs(shape.inputs)),
            deviation: zeros(shape.latent),
            dz: zeros(shape.latent),
            gradients: per_layer(|layer| layer.outputs),
            d_logvar: zeros(d_logvar),
            turned: layers.iter().map(turned).collect(),
            loss: zeros(1),
            kl: zeros(1),
            packed: vec![0.0; MAX_BLOCK * widest],
            clock: PartClock::default(),
        }
    }

    /// Takes rows of a table as tiles. Lanes beyond the last row repeat it with weight 0: they hold no number that no row
    /// has, so that they are finite when all rows are.
    ///
    /// # Shapes
    /// - `table`: `[ROWS][IN]`; `chosen`: row numbers
    pub fn gather(&mut self, plan: &Plan, table: &[f32], chosen: &[usize]) {
        let start = Instant::now();
        let features = plan.shape.inputs;
        let blocks = features.div_ceil(LANES);
        self.rows = chosen.len();
        self.tiles = chosen.len().div_ceil(LANES);
        let keep_turned = plan.layers.first().is_some_and(|layer| wide_is_input(layer.inputs, layer.outputs));
        for (t, rows) in chosen.chunks(LANES).enumerate() {
            self.weight[t] = std::array::from_fn(|l| if l < rows.len() { 1.0 / plan.batch as f32 } else { 0.0 });
            let starts: [usize; LANES] = std::array::from_fn(|l| rows[l.min(rows.len() - 1)] * features);
            let tile = &mut self.inputs[0][t * features..][..features];
            for (b, x) in tile.chunks_mut(LANES).enumerate() {
                let block = starts.map(|start| lanes_at(table, start + b * LANES, x.len()));
                let mut turned = [[0.0; LANES]; LANES];
                plan.level.transpose(std::slice::from_ref(&block), std::slice::from_mut(&mut turned));
                x.copy_from_slice(&turned[..x.len()]);
                if keep_turned {
                    self.turned[0][t * blocks + b] = block;
                }
            }
        }
        self.clock.data += start.elapsed();
    }

    /// Adds noise to the rows and keeps them as they were for the objective; nothing where `noise` is empty.
    ///
    /// # Shapes
    /// - `noise`: at least `[TILES][IN]`
    pub fn corrupt(&mut self, noise: &[Lanes]) {
        self.clean.clear();
        if noise.is_empty() {
            return;
        }
        let start = Instant::now();
        let x = &mut self.inputs[0];
        self.clean.extend_from_slice(x);
        for (x, noise) in x.as_flattened_mut().iter_mut().zip(noise.as_flattened()) {
            *x += noise;
        }
        self.clock.data += start.elapsed();
    }

    /// Forward pass, objective, and backward pass to the gradient of every layer's output.
    ///
    /// # Shapes
    /// - `eps`: `[TILES][LATENT]`
    pub fn run(&mut self, plan: &Plan, eps: &[Lanes]) {
        let start = Instant::now();
        let (level, tiles) = (plan.level, self.tiles);
        let depth = plan.shape.encoder_depth();
        for (k, layer) in plan.layers.iter().enumerate() {
            let (before, after) = self.inputs.split_at_mut(k + 1);
            let y = match after.first_mut() {
                Some(_) if k + 1 == depth => &mut self.heads,
                Some(next) => next,
                None => &mut self.output,
            };
            level.run(Forward {
                weight: &plan.parameters[layer.weight()],
                bias: &plan.parameters[layer.bias()],
                relu: layer.relu,
                x: &before[k][..tiles * layer.inputs],
                y: &mut y[..tiles * layer.outputs],
                packed: &mut self.packed,
            });
            if k + 1 == depth {
                self.sample(plan, eps);
            }
        }
        self.loss(plan);
        self.clock.forward += start.elapsed();
        let start = Instant::now();
        for (k, layer) in plan.layers.iter().enumerate().skip(1).rev() {
            let (before, gradient) = self.gradients.split_at_mut(k);
            let (dx, mask) = match k == depth {
                true => (&mut self.dz, None),
                false => (&mut before[k - 1], Some(&self.inputs[k][..tiles * layer.inputs])),
            };
            level.run(BackwardInput {
                weight: &plan.parameters[layer.weight()],
                dy: &gradient[0][..tiles * layer.outputs],
                mask,
                dx: &mut dx[..tiles * layer.inputs],
                outputs: layer.outputs,
                packed: &mut self.packed,
            });
            if k == depth {
                self.backward_sample(plan, eps);
            }
        }
        for (k, layer) in plan.layers.iter().enumerate() {
            let by_input = wide_is_input(layer.inputs, layer.outputs);
            if by_input && k == 0 && self.clean.is_empty() {
                continue; // `gather` had the rows of the table in its hands.
            }
            let (side, features) =
                if by_input { (&self.inputs[k], layer.inputs) } else { (&self.gradients[k], layer.outputs) };
            turn(level, &side[..tiles * features], features, &mut self.turned[k]);
        }
        self.clock.backward += start.elapsed();
    }

    fn sample(&mut self, plan: &Plan, eps: &[Lanes]) {
        let (tiles, latent) = (self.tiles, plan.shape.latent);
        plan.level.run(Sample {
            heads: &self.heads[..2 * tiles * latent],
            eps,
            deviation: &mut self.deviation[..tiles * latent],
            z: &mut self.inputs[plan.shape.encoder_depth()][..tiles * latent],
            kl: &mut self.kl[..tiles],
        });
    }

    fn backward_sample(&mut self, plan: &Plan, eps: &[Lanes]) {
        let (tiles, latent) = (self.tiles, plan.shape.latent);
        plan.level.run(BackwardSample {
            heads: &self.heads[..2 * tiles * latent],
            eps,
            deviation: &self.deviation[..tiles * latent],
            dz: &self.dz[..tiles * latent],
            weight: &self.weight[..tiles],
            beta: plan.beta,
            gradient: &mut self.gradients[plan.shape.encoder_depth() - 1][..2 * tiles * latent],
        });
    }

    fn loss(&mut self, plan: &Plan) {
        let Shape { inputs, likelihood, .. } = *plan.shape;
        let width = self.tiles * likelihood.decoder_outputs(inputs);
        let Some(gradient) = self.gradients.last_mut() else { return };
        plan.level.run(Loss {
            output: &self.output[..width],
            x: &if self.clean.is_empty() { &self.inputs[0] } else { &self.clean }[..self.tiles * inputs],
            weight: &self.weight[..self.tiles],
            variance: match likelihood {
                Likelihood::Mse => Variance::Unit,
                Likelihood::Gaussian => Variance::Decoder,
                Likelihood::GaussianPerFeature => {
                    Variance::Feature(&plan.parameters[plan.shape.feature_logvar()], &mut self.d_logvar)
                }
            },
            gradient: &mut gradient[..width],
            loss: &mut self.loss[..self.tiles],
        });
    }

    /// Reconstruction loss and KL divergence of each row, in their order.
    pub fn terms(&self) -> impl Iterator<Item = (f32, f32)> {
        let rows = self.loss.as_flattened().iter().zip(self.kl.as_flattened());
        rows.take(self.rows).map(|(&loss, &kl)| (loss, kl))
    }

    /// Both sides of the gradient of a layer's weights.
    pub fn sides(&self, k: usize, layer: &Linear) -> Sides<'_> {
        let by_input = wide_is_input(layer.inputs, layer.outputs);
        let narrow =
            if by_input { self.output_gradient(k, layer) } else { &self.inputs[k][..self.tiles * layer.inputs] };
        let blocks = layer.inputs.max(layer.outputs).div_ceil(LANES);
        Sides { narrow, wide: &self.turned[k][..self.tiles * blocks] }
    }

    /// The gradient of a layer's output.
    pub fn output_gradient(&self, k: usize, layer: &Linear) -> &[Lanes] {
        &self.gradients[k][..self.tiles * layer.outputs]
    }

    /// The gradient of each feature's log variance, row by row.
    pub fn logvar_gradient(&self, features: usize) -> &[Lanes] {
        &self.d_logvar[..self.tiles * features]
    }
}

/// `count` numbers of the table from `at` on, and 0 in the other lanes.
fn lanes_at(table: &[f32], at: usize, count: usize) -> Lanes {
    let rest = &table[at..];
    match rest.first_chunk::<LANES>() {
        // A selection and not a loop over `count`: the compiler makes vectors of it.
        Some(lanes) => std::array::from_fn(|f| if f < count { lanes[f] } else { 0.0 }),
        None => std::array::from_fn(|f| if f < count { rest[f] } else { 0.0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_that_is_added_to_the_rows_is_on_the_clock_of_the_data() {
        let shape = Shape { inputs: 64, hidden: vec![4], latent: 1, likelihood: Likelihood::Mse };
        let layers = shape.layers();
        let mut part = Part::new(&shape, &layers, 64);
        part.corrupt(&[]);
        assert_eq!(part.clock.data, Duration::ZERO, "there is no noise to add");
        part.corrupt(&vec![[1.0; LANES]; 64 * 64]);
        assert!(part.clock.data > Duration::ZERO);
    }
}
