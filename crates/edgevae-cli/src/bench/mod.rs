//! `edgevae bench`: training and scoring on this machine, beside what the machine can do.

pub mod compare;
mod files;
pub mod growth;
mod limits;
mod scoring;
mod text;
mod torch;
mod training;

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use edgevae_trainer::base::output::Scratch;
use edgevae_trainer::fit::measure;
pub use files::FileTimes;
pub use limits::Limits;
pub use scoring::ScoringTimes;
pub use torch::Torch;
pub use training::TrainingTimes;

/// What to measure.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Runs of each measurement; the median is reported.
    pub repeats: usize,
    /// Fewer rows and epochs: a look, not a result.
    pub quick: bool,
    /// PyTorch to run beside, if wanted.
    pub torch: Option<Torch>,
    /// The `edgevae` binary, for the measurements of whole processes.
    pub binary: PathBuf,
}

/// What was measured; what was not is `null`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// The edgevae that was measured.
    pub version: String,
    /// Instructions that training ran with.
    pub instructions: String,
    /// Threads that the machine runs at a time.
    pub cores: usize,
    /// Runs of each measurement.
    pub repeats: usize,
    /// Whether it was a look only, with fewer rows and epochs.
    pub quick: bool,
    /// What the machine can do.
    pub limits: Limits,
    /// Training by shape.
    pub training: Vec<TrainingTimes>,
    /// Scoring of rows in memory.
    pub scoring: ScoringTimes,
    /// Scoring of files.
    pub files: Vec<FileTimes>,
}

/// A figure over the turns of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The middle one; of an even number, the upper of both in the middle.
    pub median: f64,
    /// The smallest one.
    pub least: f64,
    /// The largest one.
    pub most: f64,
}

impl Figure {
    /// NaN of no turns.
    fn of(turns: impl Iterator<Item = f64>) -> Self {
        let mut turns: Vec<f64> = turns.collect();
        turns.sort_by(f64::total_cmp);
        let at = |index: usize| turns.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(turns.len() / 2), least: at(0), most: at(turns.len().saturating_sub(1)) }
    }
}

/// Measures everything; `progress` hears what comes next.
///
/// # Errors
/// A temporary file or a process that cannot be made, or a run that fails; PyTorch, where it is wanted, before anything is
/// measured.
pub fn run(options: &BenchOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Results> {
    let scratch = Scratch::new()?;
    let cases = training::cases(options.quick);
    if let (Some(torch), [case, ..]) = (&options.torch, &cases[..]) {
        progress("whether PyTorch runs");
        case.try_torch(torch, scratch.path())?;
    }
    progress("limits of the machine");
    let square = limits::Square::new()?;
    let limits = limits::measure(options, &square)?;
    let mut times = Vec::new();
    for case in cases {
        progress(&format!("training {}", case.name()));
        times.push(training::measure(&case, options, &square, scratch.path())?);
    }
    progress("scoring");
    let model = scoring::reference_model()?;
    let scoring = scoring::measure(options, &square, &model)?;
    progress("scoring of files");
    let files = files::measure(options, &limits, &model, scratch.path())?;
    Ok(Results {
        version: env!("CARGO_PKG_VERSION").into(),
        instructions: measure::instructions().into(),
        cores: cores(),
        repeats: options.repeats,
        quick: options.quick,
        limits,
        training: times,
        scoring,
        files,
    })
}

/// Threads that the machine runs at a time.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Median of the seconds that `work` takes, over `repeats` runs.
fn median_seconds(repeats: usize, mut work: impl FnMut()) -> f64 {
    median((0..repeats).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    }))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    Figure::of(values).median
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_middle_and_the_ends() {
        let of = |turns: &[f64]| Figure::of(turns.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Figure { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]).median, 3.0);
        assert!(of(&[]).median.is_nan());
    }
}
