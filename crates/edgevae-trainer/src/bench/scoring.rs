//! Scoring: rows in memory, and a CSV file by the command, from start to exit.

use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use edgevae_core::format::Missing;
use serde::Serialize;

use super::{BenchOptions, median_seconds};
use crate::data::synthetic::Synthetic;
use crate::options::Options;
use crate::scoring::score_rows;
use crate::train;

/// Times of the reference network.
#[derive(Clone, Debug, Serialize)]
pub struct ScoringTimes {
    /// Rows of each run.
    pub rows: usize,
    /// Rows in memory, one thread, nanoseconds a row.
    pub memory_nanoseconds: f64,
    /// `edgevae score` on a CSV file of 10 features, whole process, rows a second.
    pub csv_rows_per_second: f64,
}

pub fn measure(options: &BenchOptions) -> anyhow::Result<ScoringTimes> {
    let rows = if options.quick { 20_000 } else { 500_000 };
    let reference = Synthetic::default().generate()?;
    let train_options = Options { epochs: 2, ..Options::default() };
    let trained = train::train(&reference, Missing::Error, &train_options, &mut |_| ControlFlow::Continue(()))?;

    let dir = tempfile::tempdir()?;
    let (model, data, out) = (dir.path().join("model.evae"), dir.path().join("rows.csv"), dir.path().join("out.csv"));
    std::fs::write(&model, trained.model.bytes())?;
    let dataset = Synthetic { rows, ..Synthetic::default() }.generate()?;
    let indices: Vec<usize> = (0..rows).collect();
    let memory = median_seconds(options.repeats, || {
        std::hint::black_box(score_rows(&trained.model, dataset.features.view(), &indices).ok());
    });

    let synth = Command::new(&options.binary)
        .args(["synth", "--rows", &rows.to_string(), "--out"])
        .arg(&data)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    anyhow::ensure!(synth.success(), "`edgevae synth` failed: {synth}");
    let mut score = Command::new(&options.binary);
    score.args(["score", "--quiet", "--model"]).arg(&model).arg("--data").arg(&data).arg("--out").arg(&out);
    let mut failed = None;
    let csv = median_seconds(options.repeats, || {
        let status = score.status();
        if !status.as_ref().is_ok_and(|status| status.success()) {
            failed = Some(status);
        }
    });
    if let Some(status) = failed {
        anyhow::bail!("`edgevae score` failed: {}", status.context("it cannot be started")?);
    }
    Ok(ScoringTimes { rows, memory_nanoseconds: 1e9 * memory / rows as f64, csv_rows_per_second: rows as f64 / csv })
}
