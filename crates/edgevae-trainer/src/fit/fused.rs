//! The alternative to [`step`](super::step): a network on dfdx's tape whose operations are fused. Built to be measured;
//! docs/DESIGN.md has the figures.
//!
//! Three operations: linear, bias and ReLU; the sample of the latents with the KL divergence; the objective. They get what
//! dfdx's public interface allows: the batch runs along the vectors (`[FEATURES][BATCH]`), tensors and gradients are kept
//! from step to step, gradients are written where they belong, all but the products uses the vectors of `step`.

use std::mem::{replace, take};
use std::time::Instant;

use dfdx::prelude::{
    Backward, Cpu, Gradients, HasShape, NoneTape, OwnedTape, PutTape, Rank0, SplitTape, Tape, Tensor, TensorFromVec,
    Trace, ZerosTensor,
};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::graph;
use super::state::TrainingState;
use super::step::{Kernel, Level, Step, Sums, math::exp};
use crate::base::random::{Purpose, stream};
use crate::fit::loss::LOGVAR_LIMIT;
use crate::fit::vae::{Linear, Shape};
use crate::options::likelihood::Likelihood;
use crate::prepare::scaler::Scaler;
use crate::table::synthetic::Synthetic;

const BATCH: usize = 128;
const BETA: f32 = 0.7;

/// `[FEATURES, BATCH]`.
type Matrix<T = NoneTape> = Tensor<(usize, usize), f32, Cpu, T>;
type Scalar<T = NoneTape> = Tensor<Rank0, f32, Cpu, T>;
type Vector = Tensor<(usize,), f32, Cpu>;
type Recorder = OwnedTape<f32, Cpu>;

/// The numbers of a contiguous tensor, which dfdx gives out one by one or as a copy.
fn values<S: dfdx::shapes::Shape>(tensor: &Tensor<S, f32, Cpu>) -> &[f32] {
    // SAFETY: dfdx keeps a tensor in one `Vec`; those of this file are not sliced, permuted or broadcast.
    unsafe { std::slice::from_raw_parts(&tensor[S::Concrete::default()], tensor.shape().num_elements()) }
}

/// As [`values`]; copies them first if a clone of the tensor is alive.
fn values_mut<S: dfdx::shapes::Shape>(tensor: &mut Tensor<S, f32, Cpu>) -> &mut [f32] {
    let len = tensor.shape().num_elements();
    // SAFETY: as in `values`; `IndexMut` makes sure that no other tensor shares them.
    unsafe { std::slice::from_raw_parts_mut(&mut tensor[S::Concrete::default()], len) }
}

/// Rows of `columns` numbers.
fn rows(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}

/// `c = a b` by `matrixmultiply`, which is faster here than dfdx's `gemm`.
fn product(a: ArrayView2<f32>, b: ArrayView2<f32>, c: &mut [f32]) {
    let mut c = ArrayViewMut2::from_shape((a.nrows(), b.ncols()), c).expect("a number for each row and column");
    general_mat_mul(1.0, &a, &b, 0.0, &mut c);
}

/// Runs a pass over numbers, short enough to be inlined, with the vectors of this machine.
fn vectorised<R>(pass: impl FnOnce() -> R) -> R {
    struct Pass<F>(F);
    impl<R, F: FnOnce() -> R> Kernel for Pass<F> {
        type Output = R;

        #[inline(always)]
        fn run<S: Sums>(self) -> R {
            (self.0)()
        }
    }
    Level::best().run(Pass(pass))
}

/// `Σ term(a, b)` in 16 lanes, over as many numbers as fill them.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        (0..16).for_each(|l| lanes[l] += term(a[l], b[l]));
    }
    lanes.iter().sum()
}

/// `y = W x + b`, then `max(0, y)` where the layer has a ReLU. Gradients are written, not added: nothing is used twice.
fn linear(x: Matrix<Recorder>, parameters: &Vector, layer: Linear, y: &mut Matrix) -> Matrix<Recorder> {
    let (x, mut tape) = x.split_tape();
    let (weight, bias) = (&values(parameters)[layer.weight()], &values(parameters)[layer.bias()]);
    let to = values_mut(y);
    product(rows(weight, layer.inputs), rows(values(&x), BATCH), to);
    let floor = if layer.relu { 0.0 } else { f32::NEG_INFINITY };
    vectorised(|| {
        for (y, bias) in to.chunks_exact_mut(BATCH).zip(bias) {
            y.iter_mut().for_each(|y| *y = if *y + bias < floor { floor } else { *y + bias });
        }
    });
    let (result, y, parameters) = (y.clone(), y.clone(), parameters.clone());
    tape.add_backward_op(move |gradients| {
        let mut dy = take(&mut **gradients.get_or_alloc_mut(&y)?);
        let gradient = &mut gradients.get_or_alloc_mut(&parameters)?[layer.weight().start..layer.bias().end];
        let (d_weight, d_bias) = gradient.split_at_mut(layer.weight().len());
        for ((dy, y), d_bias) in dy.chunks_exact_mut(BATCH).zip(values(&y).chunks_exact(BATCH)).zip(d_bias) {
            if layer.relu {
                vectorised(|| dy.iter_mut().zip(y).for_each(|(dy, &y)| *dy = if y > 0.0 { *dy } else { 0.0 }));
            }
            *d_bias = vectorised(|| sum(dy, dy, |dy, _| dy));
        }
        product(rows(&dy, BATCH), rows(values(&x), BATCH).t(), d_weight);
        if layer.start > 0 {
            let weight = rows(&values(&parameters)[layer.weight()], layer.inputs);
            product(weight.t(), rows(&dy, BATCH), gradients.get_or_alloc_mut(&x)?);
        }
        **gradients.get_or_alloc_mut(&y)? = dy;
        Ok(())
    });
    result.put_tape(tape)
}

/// `z = mu + exp(logvar / 2) eps`, and beside it the KL divergence, averaged over the batch.
fn sample(
    heads: Matrix<Recorder>,
    eps: &Matrix,
    [deviation, z]: &mut [Matrix; 2],
    kl: &mut Scalar,
) -> Matrix<Recorder> {
    let (heads, mut tape) = heads.split_tape();
    let ((mu, logvar), noise) = (values(&heads).split_at(values(eps).len()), values(eps));
    let (to, of_z) = (values_mut(deviation), values_mut(z));
    let hold = |logvar: f32| logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT);
    vectorised(|| to.iter_mut().zip(logvar).for_each(|(to, logvar)| *to = exp(0.5 * hold(*logvar))));
    let terms = mu.iter().zip(&*to).zip(noise);
    vectorised(|| of_z.iter_mut().zip(terms).for_each(|(z, ((mu, deviation), eps))| *z = mu + deviation * eps));
    let less_variance = vectorised(|| sum(mu, logvar, |mu, logvar| 1.0 + hold(logvar) - mu * mu));
    let variance = vectorised(|| sum(to, to, |deviation, _| deviation * deviation));
    values_mut(kl)[0] = (less_variance - variance) * (-0.5 / BATCH as f32);
    let (result, z, kl, eps, deviation) = (z.clone(), z.clone(), kl.clone(), eps.clone(), deviation.clone());
    tape.add_backward_op(move |gradients| {
        let dz = take(&mut **gradients.get_or_alloc_mut(&z)?);
        let d_kl = gradients.get_or_alloc_mut(&kl)?[0] / BATCH as f32;
        let (d_mu, d_logvar) = gradients.get_or_alloc_mut(&heads)?.split_at_mut(dz.len());
        let (mu, logvar) = values(&heads).split_at(dz.len());
        let terms = dz.iter().zip(mu);
        vectorised(|| d_mu.iter_mut().zip(terms).for_each(|(d_mu, (dz, mu))| *d_mu = dz + d_kl * mu));
        let terms = dz.iter().zip(values(&eps)).zip(values(&deviation).iter().zip(logvar));
        vectorised(|| {
            for (d_logvar, ((dz, eps), (deviation, logvar))) in d_logvar.iter_mut().zip(terms) {
                let free = 0.5 * (dz * eps * deviation + d_kl * (deviation * deviation - 1.0));
                *d_logvar = if logvar.abs() > LOGVAR_LIMIT { 0.0 } else { free };
            }
        });
        **gradients.get_or_alloc_mut(&z)? = dz;
        Ok(())
    });
    result.put_tape(tape)
}

/// Half the squared error, summed over features, averaged over the batch, and `BETA` times the KL divergence.
fn objective(x_hat: Matrix<Recorder>, x: &Matrix, kl: &Scalar, total: &mut Scalar) -> Scalar<Recorder> {
    let (x_hat, mut tape) = x_hat.split_tape();
    let (found, target) = (values(&x_hat), values(x));
    let squares = vectorised(|| sum(found, target, |found, target| (found - target) * (found - target)));
    values_mut(total)[0] = squares * (0.5 / BATCH as f32) + BETA * kl[[]];
    let (result, total, x, kl) = (total.clone(), total.clone(), x.clone(), kl.clone());
    tape.add_backward_op(move |gradients| {
        let d_total = gradients.get_or_alloc_mut(&total)?[0];
        gradients.get_or_alloc_mut(&kl)?[0] = d_total * BETA;
        let scale = d_total / BATCH as f32;
        let d_x_hat = gradients.get_or_alloc_mut(&x_hat)?.as_mut_slice();
        let terms = values(&x_hat).iter().zip(values(&x));
        vectorised(|| d_x_hat.iter_mut().zip(terms).for_each(|(d, (found, target))| *d = (found - target) * scale));
        Ok(())
    });
    result.put_tape(tape)
}

/// The tensors of a step and their gradients.
struct Tensors {
    x: Matrix,
    outputs: Vec<Matrix>,
    latents: [Matrix; 2],
    scalars: [Scalar; 2],
    gradients: Gradients<f32, Cpu>,
}

impl Tensors {
    fn new(shape: &Shape, layers: &[Linear]) -> Self {
        let device = Cpu::default();
        let zeros = |features: usize| device.zeros_like(&(features, BATCH));
        Tensors {
            x: zeros(shape.inputs),
            outputs: layers.iter().map(|layer| zeros(layer.outputs)).collect(),
            latents: [zeros(shape.latent), zeros(shape.latent)],
            scalars: [device.zeros(), device.zeros()],
            gradients: Gradients::leaky(),
        }
    }
}

/// A network on dfdx's tape: its parameters, and what a step writes over from the one before.
struct Fused {
    shape: Shape,
    layers: Vec<Linear>,
    parameters: Vector,
    eps: Matrix,
    tensors: Tensors,
}

impl Fused {
    /// Forward and backward pass over chosen rows; `update` gets the parameters and their gradient.
    fn step(&mut self, table: ArrayView2<f32>, chosen: &[usize], update: impl FnOnce(&mut [f32], &[f32])) -> f64 {
        let Tensors { x, outputs, latents, scalars: [kl, total], gradients } = &mut self.tensors;
        gather(table, chosen, values_mut(x));
        let mut h = x.clone().traced(replace(gradients, Gradients::leaky()));
        for (k, (layer, y)) in self.layers.iter().zip(outputs).enumerate() {
            h = linear(h, &self.parameters, *layer, y);
            if k + 1 == self.shape.encoder_depth() {
                h = sample(h, &self.eps, latents, kl);
            }
        }
        *gradients = objective(h, x, kl, total).backward();
        let gradient = gradients.get_or_alloc_mut(&self.parameters).expect("the backward pass made it");
        update(values_mut(&mut self.parameters), gradient);
        f64::from(total[[]])
    }
}

/// Rows of a table as `[FEATURES][BATCH]`, 16 rows at a time: whole lines of memory are written.
fn gather(table: ArrayView2<f32>, chosen: &[usize], x: &mut [f32]) {
    for (block, chosen) in chosen.as_chunks::<16>().0.iter().enumerate() {
        let rows = chosen.map(|row| table.row(row));
        for (f, x) in x.chunks_exact_mut(BATCH).enumerate() {
            x[16 * block..][..16].iter_mut().zip(&rows).for_each(|(x, row)| *x = row[f]);
        }
    }
}

/// One batch of a shape, and everything that a step needs.
struct Case {
    shape: Shape,
    table: Array2<f32>,
    chosen: Vec<usize>,
    state: TrainingState,
    step: Step,
    fused: Fused,
}

impl Case {
    fn new(inputs: usize, hidden: &[usize], latent: usize) -> Self {
        let shape = Shape { inputs, hidden: hidden.to_vec(), latent, likelihood: Likelihood::Mse };
        let dataset = Synthetic { rows: 2000, features: inputs, ..Synthetic::default() }.generate().unwrap();
        let table = Scaler::fit(dataset.features.view()).unwrap().transform(dataset.features.view());
        let chosen = (0..BATCH).map(|i| i * 37 % table.nrows()).collect();
        let state = TrainingState::new(&shape, 0);
        let mut step = Step::new(&shape, BATCH, 1, Level::best());
        step.draw(&mut stream(0, Purpose::Noise, 0), BATCH);
        let device = Cpu::default();
        let eps = rows(&step.noise(BATCH), latent).t().iter().copied().collect();
        let fused = Fused {
            shape: shape.clone(),
            layers: shape.layers(),
            parameters: device.tensor_from_vec(state.parameters.clone(), (state.parameters.len(),)),
            eps: device.tensor_from_vec(eps, (latent, BATCH)),
            tensors: Tensors::new(&shape, &shape.layers()),
        };
        Self { shape, table, chosen, state, step, fused }
    }
}

/// The objective of a batch and its gradient by the graph.
fn by_graph(shape: &Shape, parameters: &[f32], batch: ArrayView2<f32>, noise: Vec<f32>) -> (f64, Vec<f32>) {
    let (terms, gradient) = graph::run(shape, parameters, batch, batch, noise, BETA);
    (terms.reconstruction_loss + f64::from(BETA) * terms.kl, gradient)
}

#[test]
fn fused_operations_agree_with_the_graph_step_after_step() {
    for (inputs, hidden, latent) in [(10, &[64, 32][..], 8), (32, &[64], 8)] {
        let Case { shape, table, chosen, state, step, mut fused } = Case::new(inputs, hidden, latent);
        let batch = table.select(Axis(0), &chosen);
        let (expected, gradient) = by_graph(&shape, &state.parameters, batch.view(), step.noise(BATCH));
        let largest = gradient.iter().fold(0_f32, |largest, g| largest.max(g.abs()));
        for _ in 0..2 {
            let value = fused.step(table.view(), &chosen, |_, found| {
                let worst = found.iter().zip(&gradient).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst <= 2e-5 * largest, "gradients differ by {worst}, the largest is {largest}");
            });
            assert!((value - expected).abs() <= 2e-5 * expected.abs(), "{value} {expected}");
        }
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p edgevae-trainer --lib -- --ignored --nocapture steps_in_turns"]
fn steps_in_turns() {
    // dfdx hands products to rayon: one thread for all that is compared.
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| {
        measure("10-64-32-8", Case::new(10, &[64, 32], 8), 500);
        measure("640-128-128-128-128-8", Case::new(640, &[128; 4], 8), 50);
    });
}

/// Prints medians of turns of ten steps: a machine that slows down does so for all alike.
fn measure(name: &str, case: Case, turns: usize) {
    let Case { shape, table, chosen, state, mut step, mut fused } = case;
    let noise = step.noise(BATCH);
    let [mut of_graph, mut of_fused, mut of_step] = [(); 3].map(|()| state.clone());
    let level = Level::best();
    let mut forms: [&mut dyn FnMut(); 3] = [
        &mut || {
            let batch = table.select(Axis(0), &chosen);
            let (_, gradient) = by_graph(&shape, &of_graph.parameters, batch.view(), noise.clone());
            of_graph.adam.step(&mut of_graph.parameters, &gradient, 1e-3, level);
        },
        &mut || {
            fused.step(table.view(), &chosen, |parameters, gradient| {
                of_fused.adam.step(parameters, gradient, 1e-3, level);
            });
        },
        &mut || {
            step.run(&of_step.parameters, table.view(), &chosen, BETA);
            step.descend(of_step.adam.begin(&mut of_step.parameters, 1e-3));
        },
    ];
    let mut times = [(); 3].map(|()| Vec::with_capacity(turns));
    for _ in 0..turns {
        for (form, times) in forms.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (0..10).for_each(|_| form());
            times.push(1e5 * start.elapsed().as_secs_f64());
        }
    }
    let [graph, fused, step] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[turns / 2]
    });
    println!(
        "{name}: graph {graph:.1} µs, fused operations {fused:.1} µs, fit/step {step:.1} µs; over fit/step: graph {:.2}, \
         fused {:.2}",
        graph / step,
        fused / step
    );
}
