//! Scoring of rows in memory.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Context as _;
use edgevae_core::format::Missing;
use serde::{Deserialize, Serialize};

use super::limits::Square;
use super::{BenchOptions, Figure, median};
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::options::Options;
use edgevae_trainer::run;
use edgevae_trainer::score::score_all;
use edgevae_trainer::table::synthetic::Synthetic;

/// Times of the reference network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScoringTimes {
    /// Rows of each run.
    pub rows: usize,
    /// One thread, nanoseconds a row.
    pub nanoseconds: f64,
    /// Multiplications and additions of the network at the limit of sgemm, over its time. A product is rounded before it is
    /// added, as on a device; where a machine does not do both at once, half is the most that there is.
    pub share_of_limit: Figure,
    /// Time on one thread over time on two.
    pub two_threads: Figure,
}

/// A model of the reference network; its weights do not matter to its speed.
pub fn reference_model() -> anyhow::Result<ModelFile> {
    let reference = Synthetic::default().generate()?;
    let options = Options { epochs: 2, ..Options::default() };
    Ok(run::train(&reference, Missing::Error, &options, &mut |_| ControlFlow::Continue(()))?.model)
}

pub fn measure(options: &BenchOptions, square: &Square, model: &ModelFile) -> anyhow::Result<ScoringTimes> {
    let rows = if options.quick { 20_000 } else { 1_000_000 };
    let model = model.model()?;
    let multiply_adds = model.multiply_adds() as f64;
    let dataset = Synthetic { rows, ..Synthetic::default() }.generate()?;
    let cells = dataset.features.as_slice().context("generated rows are one slice")?;
    let mut turns = Vec::new();
    for _ in 0..options.repeats {
        let limit = square.limit();
        let timed = |threads: usize| -> anyhow::Result<f64> {
            let start = Instant::now();
            let scores = score_all(&model, cells, threads);
            std::hint::black_box(scores.map_err(|(row, error)| anyhow::anyhow!("row {}: {error}", row + 1))?);
            Ok(start.elapsed().as_secs_f64())
        };
        let (seconds, two) = (timed(1)?, timed(2)?);
        turns.push((seconds, 2.0 * multiply_adds * rows as f64 / 1e9 / limit / seconds, seconds / two));
    }
    Ok(ScoringTimes {
        rows,
        nanoseconds: 1e9 * median(turns.iter().map(|turn| turn.0)) / rows as f64,
        share_of_limit: Figure::of(turns.iter().map(|turn| turn.1)),
        two_threads: Figure::of(turns.iter().map(|turn| turn.2)),
    })
}
