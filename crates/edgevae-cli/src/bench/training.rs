//! Training: one step, where its time goes, and whole fits.

use std::fs::File;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::limits::Square;
use super::{BenchOptions, Figure, Torch, median_seconds};
use edgevae_trainer::fit::measure::{self, Steps};
use edgevae_trainer::fit::vae::Shape;
use edgevae_trainer::fit::{FitOptions, fit};
use edgevae_trainer::options::Engine;
use edgevae_trainer::options::beta::BetaSchedule;
use edgevae_trainer::options::likelihood::Likelihood;
use edgevae_trainer::prepare::scaler::Scaler;
use edgevae_trainer::table::synthetic::Synthetic;

/// A fit to measure.
pub struct Case {
    shape: Shape,
    rows: usize,
    epochs: usize,
}

/// Batches of all cases: the default of `train`.
const BATCH: usize = 128;

/// Where the time of a step goes, shares of 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shares {
    /// Rows into tiles.
    pub data: f64,
    /// Noise.
    pub sampling: f64,
    /// Forward pass and objective.
    pub forward: f64,
    /// Gradients.
    pub backward: f64,
    /// The optimizer, and what the other shares leave.
    pub adam: f64,
}

/// One shape's times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainingTimes {
    /// Widths from the input to the latents.
    pub shape: String,
    /// Rows of the fit.
    pub rows: usize,
    /// Epochs of the fit.
    pub epochs: usize,
    /// Floating-point operations of a step's matrix products.
    pub flop_per_step: f64,
    /// One step on one thread.
    pub step_microseconds: f64,
    /// The same step as a dfdx graph with its tape.
    pub graph_step_microseconds: f64,
    /// The graph's time over ours.
    pub faster_than_graph: Figure,
    /// Where a step's time goes.
    pub shares: Shares,
    /// Whole fit on one thread.
    pub fit_seconds: f64,
    /// Matrix products of the whole fit at the limit, over its time.
    pub fit_share_of_limit: Figure,
    /// Time on one thread over time on two.
    pub two_threads: Figure,
    /// Whole fit by PyTorch on one thread.
    pub torch_fit_seconds: Option<f64>,
    /// PyTorch's time over ours.
    pub faster_than_torch: Option<Figure>,
}

/// What one turn measures.
struct Turn {
    limit: f64,
    /// Seconds of fits on one thread and on two, and of PyTorch's.
    one: f64,
    two: f64,
    torch: Option<f64>,
    /// Seconds of a step, and of one as a graph.
    step: f64,
    graph_step: f64,
}

impl Case {
    /// Widths from the input to the latents.
    pub fn name(&self) -> String {
        let hidden = self.shape.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        format!("{}-{hidden}-{}", self.shape.inputs, self.shape.latent)
    }

    fn table(&self) -> anyhow::Result<Array2<f32>> {
        let features = self.shape.inputs;
        Ok(Synthetic { rows: self.rows, features, ..Synthetic::default() }.generate()?.features)
    }

    /// One epoch by PyTorch.
    pub fn try_torch(&self, torch: &Torch, dir: &Path) -> anyhow::Result<()> {
        torch.fit_seconds(&write_csv(&self.table()?, dir)?, &self.shape, 1).map(|_| ())
    }

    fn options(&self, threads: usize) -> FitOptions {
        FitOptions {
            engine: Engine::Simd,
            shape: self.shape.clone(),
            epochs: self.epochs,
            batch_size: BATCH,
            learning_rate: 1e-3,
            beta: 1.0,
            schedule: BetaSchedule::Linear { warmup: 30 },
            input_noise: 0.0,
            members: 1,
            patience: None,
            seed: 0,
            threads,
        }
    }
}

/// The reference network first.
pub fn cases(quick: bool) -> Vec<Case> {
    let case = |inputs: usize, hidden: &[usize], latent: usize, epochs: usize| Case {
        shape: Shape { inputs, hidden: hidden.to_vec(), latent, likelihood: Likelihood::Mse },
        rows: if quick { 2000 } else { 8000 },
        epochs: if quick { epochs.div_ceil(10) } else { epochs },
    };
    vec![case(10, &[64, 32], 8, 50), case(32, &[64], 8, 50), case(100, &[256, 64], 16, 10), case(640, &[128; 4], 8, 10)]
}

/// Rows for PyTorch are written to `dir`.
pub fn measure(case: &Case, options: &BenchOptions, square: &Square, dir: &Path) -> anyhow::Result<TrainingTimes> {
    let table = case.table()?;
    let scaled = Scaler::fit(table.view())?.transform(table.view());
    let mut steps = Steps::new(scaled.view(), case.options(1));
    let seconds = steps.epochs(case.epochs)?;
    let count = case.rows.div_ceil(BATCH) * case.epochs;
    let parts = steps.parts();
    let [data, sampling, forward, backward] =
        [parts.data, parts.sampling, parts.forward, parts.backward].map(|part| part.as_secs_f64() / seconds);
    let shares = Shares { data, sampling, forward, backward, adam: 1.0 - data - sampling - forward - backward };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let graph_step = |steps: &mut Steps<'_>| one.install(|| median_seconds(21, || steps.graph_step()));

    let timed = |threads: usize| -> anyhow::Result<f64> {
        let start = Instant::now();
        fit(scaled.view(), None, &case.options(threads), &mut |_| ControlFlow::Continue(()))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let csv = options.torch.as_ref().map(|torch| anyhow::Ok((torch, write_csv(&table, dir)?))).transpose()?;
    // In turns: a machine that slows down for a while does so for all that are compared.
    let mut turns = Vec::new();
    for _ in 0..options.repeats {
        let limit = square.limit();
        let (one, two) = (timed(1)?, timed(2)?);
        let torch = csv.as_ref().map(|(torch, csv)| torch.fit_seconds(csv, &case.shape, case.epochs));
        let torch = torch.transpose()?;
        let step = steps.epochs(case.epochs)? / count as f64;
        turns.push(Turn { limit, one, two, torch, step, graph_step: graph_step(&mut steps) });
    }
    let over_turns = |of: &dyn Fn(&Turn) -> f64| Figure::of(turns.iter().map(of));
    let over_torch = |of: &dyn Fn(&Turn, f64) -> f64| -> Option<Figure> {
        let values: Option<Vec<f64>> = turns.iter().map(|turn| Some(of(turn, turn.torch?))).collect();
        values.map(|values| Figure::of(values.into_iter()))
    };
    let flop = measure::flop_per_row(&case.shape) * (case.rows * case.epochs) as f64;
    Ok(TrainingTimes {
        shape: case.name(),
        rows: case.rows,
        epochs: case.epochs,
        flop_per_step: measure::flop_per_row(&case.shape) * BATCH as f64,
        step_microseconds: 1e6 * over_turns(&|turn| turn.step).median,
        graph_step_microseconds: 1e6 * over_turns(&|turn| turn.graph_step).median,
        faster_than_graph: over_turns(&|turn| turn.graph_step / turn.step),
        shares,
        fit_seconds: over_turns(&|turn| turn.one).median,
        fit_share_of_limit: over_turns(&|turn| flop / 1e9 / turn.limit / turn.one),
        two_threads: over_turns(&|turn| turn.one / turn.two),
        torch_fit_seconds: over_torch(&|_, torch| torch).map(|figure| figure.median),
        faster_than_torch: over_torch(&|turn, torch| torch / turn.one),
    })
}

/// The rows as a file in `dir`, in the place of that of another case.
fn write_csv(table: &Array2<f32>, dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join("training.csv");
    let mut out = std::io::BufWriter::new(File::create(&path)?);
    let line = |cells: &mut dyn Iterator<Item = String>| cells.collect::<Vec<_>>().join(",");
    writeln!(out, "{}", line(&mut (0..table.ncols()).map(|j| format!("f{j}"))))?;
    for row in table.rows() {
        writeln!(out, "{}", line(&mut row.iter().map(f32::to_string)))?;
    }
    out.flush()?;
    Ok(path)
}
