//! `edgevae bench`: training and scoring on this machine, beside what the machine can do.

pub mod growth;
mod limits;
mod scoring;
mod text;
mod torch;
mod training;

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use crate::fit::step::Level;
pub use limits::Limits;
pub use scoring::ScoringTimes;
pub use torch::Torch;
pub use training::{Shares, TrainingTimes};

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
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Instructions that training ran with.
    pub instructions: &'static str,
    /// Runs of each measurement.
    pub repeats: usize,
    /// What the machine can do.
    pub limits: Limits,
    /// Training by shape.
    pub training: Vec<TrainingTimes>,
    /// Scoring.
    pub scoring: ScoringTimes,
}

/// Measures everything; `progress` hears what comes next.
///
/// # Errors
/// A temporary file or a process that cannot be made, or a run that fails; PyTorch, where it is wanted, before anything is
/// measured.
pub fn run(options: &BenchOptions, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Results> {
    let cases = training::cases(options.quick);
    if let (Some(torch), [case, ..]) = (&options.torch, &cases[..]) {
        progress("whether PyTorch runs");
        case.try_torch(torch)?;
    }
    progress("limits of the machine");
    let limits = limits::measure(options)?;
    let mut times = Vec::new();
    for case in cases {
        progress(&format!("training {}", case.name()));
        times.push(training::measure(&case, options, &limits)?);
    }
    progress("scoring");
    let scoring = scoring::measure(options, &limits)?;
    Ok(Results { instructions: Level::best().name(), repeats: options.repeats, limits, training: times, scoring })
}

/// Median of the seconds that `work` takes, over `repeats` runs.
fn median_seconds(repeats: usize, mut work: impl FnMut()) -> f64 {
    median((0..repeats).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    }))
}

/// The middle value; of an even number, the upper of both in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_median_is_the_middle_value() {
        assert_eq!(super::median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(super::median([4.0, 1.0, 2.0, 3.0].into_iter()), 3.0);
        assert!(super::median(std::iter::empty()).is_nan());
    }
}
