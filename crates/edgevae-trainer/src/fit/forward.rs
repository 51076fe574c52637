//! The network's deterministic path, `z = mu`, with every sum in the order of its inputs and no fused multiply-add.
//!
//! A general matrix product takes the instructions of the machine and so has bits of its own on each. Numbers that end in a
//! model file come from here: what heads are fitted to, and the objective that early stopping watches.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::engine::simd::{Kernel, Level, Sums};
use super::vae::{Linear, Shape, Vae};
use crate::options::likelihood::{LOGVAR_BOUNDS, Likelihood};

use super::loss::LOGVAR_LIMIT;

/// Rows that one task takes.
const CHUNK: usize = 1024;

/// A layer with its weights input by input: a row's outputs advance together.
struct Layer {
    outputs: usize,
    relu: bool,
    /// `[IN][OUT]`
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn new(layer: &Linear, parameters: &[f32]) -> Self {
        let &Linear { inputs, outputs, relu, .. } = layer;
        let rows = &parameters[layer.weight()];
        let weight = (0..inputs * outputs).map(|at| rows[at % outputs * inputs + at / outputs]).collect();
        Self { outputs, relu, weight, bias: parameters[layer.bias()].to_vec() }
    }
}

/// One layer for some rows.
struct Apply<'a> {
    layer: &'a Layer,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        let Layer { outputs, relu, weight, bias } = self.layer;
        let inputs = weight.len() / outputs;
        for (x, y) in self.x.chunks_exact(inputs).zip(self.y.chunks_exact_mut(*outputs)) {
            y.copy_from_slice(bias);
            for (&x, weight) in x.iter().zip(weight.chunks_exact(*outputs)) {
                y.iter_mut().zip(weight).for_each(|(y, &weight)| *y += x * weight);
            }
            if *relu {
                y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
            }
        }
    }
}

/// The layers of a network, for many rows at a time.
pub(crate) struct Forward {
    shape: Shape,
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
    feature_logvar: Option<Vec<f32>>,
}

impl Forward {
    /// Copies the parameters of a network.
    pub fn new(vae: &Vae) -> Self {
        let (shape, parameters) = (vae.shape().clone(), vae.parameters().as_vec());
        let mut layers: Vec<Layer> = shape.layers().iter().map(|layer| Layer::new(layer, &parameters)).collect();
        let decoder = layers.split_off(shape.encoder_depth());
        Self { shape, encoder: layers, decoder, feature_logvar: vae.feature_logvar() }
    }

    /// The approximate posterior of each row: `(mu, logvar)`, `logvar` clamped; the same bits for any number of threads.
    ///
    /// # Shapes
    /// - `x`: `[ROWS, IN]`, scaled
    /// - returns: `[ROWS, LATENT]` twice
    pub fn encode(&self, x: ArrayView2<'_, f32>) -> (Array2<f32>, Array2<f32>) {
        let (mu, mut logvar) = halves(run(&self.encoder, x), self.shape.latent);
        logvar.mapv_inplace(|value| value.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT));
        (mu, logvar)
    }

    /// The mean and the log variance that the decoder gives each feature: `(x_hat, logvar)`, `logvar` within
    /// [`LOGVAR_BOUNDS`], 0 for [`Likelihood::Mse`].
    ///
    /// # Shapes
    /// - `z`: `[ROWS, LATENT]`
    /// - returns: `[ROWS, IN]` twice, scaled
    pub fn decode(&self, z: ArrayView2<'_, f32>) -> (Array2<f32>, Array2<f32>) {
        let output = run(&self.decoder, z);
        let inputs = self.shape.inputs;
        match (self.shape.likelihood, &self.feature_logvar) {
            (Likelihood::Gaussian, _) => {
                let (x_hat, mut logvar) = halves(output, inputs);
                logvar.mapv_inplace(|value| value.clamp(LOGVAR_BOUNDS.0, LOGVAR_BOUNDS.1));
                (x_hat, logvar)
            }
            (_, Some(logvar)) => {
                let logvar = Array2::from_shape_fn(output.raw_dim(), |(_, feature)| logvar[feature]);
                (output, logvar)
            }
            _ => {
                let logvar = Array2::zeros(output.raw_dim());
                (output, logvar)
            }
        }
    }
}

/// The first `width` columns and the others.
fn halves(both: Array2<f32>, width: usize) -> (Array2<f32>, Array2<f32>) {
    let (first, second) = both.view().split_at(Axis(1), width);
    (first.to_owned(), second.to_owned())
}

fn run(layers: &[Layer], rows: ArrayView2<'_, f32>) -> Array2<f32> {
    let outputs = layers.last().map_or(0, |layer| layer.outputs);
    let mut out = Array2::zeros((rows.nrows(), outputs));
    let tasks: Vec<_> = rows.axis_chunks_iter(Axis(0), CHUNK).zip(out.axis_chunks_iter_mut(Axis(0), CHUNK)).collect();
    tasks.into_par_iter().for_each(|(rows, mut out)| {
        let mut x: Vec<f32> = rows.iter().copied().collect();
        for layer in layers {
            let mut y = vec![0.0; rows.nrows() * layer.outputs];
            Level::best().run(Apply { layer, x: &x, y: &mut y });
            x = y;
        }
        out.iter_mut().zip(x).for_each(|(to, from)| *to = from);
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::vae::initial_parameters;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn it_is_the_network_of_dfdx_for_every_likelihood() {
        for likelihood in [Likelihood::Mse, Likelihood::Gaussian, Likelihood::GaussianPerFeature] {
            let shape = Shape { inputs: 7, hidden: vec![9, 5], latent: 3, likelihood };
            let mut random = ChaCha8Rng::seed_from_u64(4);
            let mut parameters = initial_parameters(&shape, &mut random);
            let learned = shape.feature_logvar();
            parameters[learned].iter_mut().enumerate().for_each(|(at, value)| *value = at as f32 - 8.0);
            let vae = Vae::from_parameters(shape.clone(), &parameters);
            let rows = Array2::from_shape_fn((CHUNK + 5, 7), |(row, at)| ((row * 7 + at) % 23) as f32 * 0.4 - 4.0);
            let forward = Forward::new(&vae);
            let (mu, logvar) = forward.encode(rows.view());
            let (x_hat, x_logvar) = forward.decode(mu.view());
            let (expected_mu, expected_logvar) = vae.encode(rows.view());
            let (expected_x_hat, expected_x_logvar) = vae.decode(expected_mu.view());
            for (found, expected) in
                [(mu, expected_mu), (logvar, expected_logvar), (x_hat, expected_x_hat), (x_logvar, expected_x_logvar)]
            {
                let largest = (&found - &expected).iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                assert!(largest < 1e-5, "{likelihood:?}: {largest}");
            }
        }
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let layer = Layer {
            outputs: 37,
            relu: true,
            weight: (0..37 * 50).map(|at| ((at * 13) % 29) as f32 * 0.137 - 1.4).collect(),
            bias: (0..37).map(|at| at as f32 * 0.1).collect(),
        };
        let x: Vec<f32> = (0..50 * 3).map(|at| (at % 11) as f32 * 0.31 - 1.0).collect();
        let run = |level: Level| {
            let mut y = vec![0.0; 3 * 37];
            level.run(Apply { layer: &layer, x: &x, y: &mut y });
            y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let first = run(Level::best());
        Level::available().into_iter().for_each(|level| assert_eq!(run(level), first));
    }
}
