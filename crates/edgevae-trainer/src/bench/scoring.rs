//! Scoring: rows in memory, and files by the command, from start to exit.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use edgevae_core::format::Missing;
#[cfg(feature = "parquet")]
use ndarray::Axis;
use serde::Serialize;

use super::{BenchOptions, Limits, limits, median, median_seconds};
#[cfg(feature = "parquet")]
use crate::data::Dataset;
use crate::data::synthetic::Synthetic;
use crate::options::Options;
use crate::scoring::score_all;
use crate::train;

/// Times of the reference network.
#[derive(Clone, Debug, Serialize)]
pub struct ScoringTimes {
    /// Rows of each run.
    pub rows: usize,
    /// Rows in memory, one thread, nanoseconds a row.
    pub memory_nanoseconds: f64,
    /// Multiplications and additions of the network at the limit of sgemm, over its time. A product is rounded before it is
    /// added, as on a device; where a machine does not do both at once, half is the most that there is.
    pub memory_share_of_limit: f64,
    /// Time on one thread over time on two, rows in memory.
    pub memory_two_threads: f64,
    /// `edgevae score` on a CSV file of 10 features, whole process on all threads, rows a second.
    pub csv_rows_per_second: f64,
    /// Bytes of the CSV file, over the time in which the memory would copy them.
    pub csv_share_of_memory: f64,
    /// The same rows in a Parquet file; `null` in a build without Parquet.
    pub parquet_rows_per_second: Option<f64>,
}

pub fn measure(options: &BenchOptions, limits: &Limits) -> anyhow::Result<ScoringTimes> {
    let rows = if options.quick { 20_000 } else { 1_000_000 };
    let reference = Synthetic::default().generate()?;
    let train_options = Options { epochs: 2, ..Options::default() };
    let trained = train::train(&reference, Missing::Error, &train_options, &mut |_| ControlFlow::Continue(()))?;
    let model = trained.model.model()?;
    let multiply_adds = model.multiply_adds() as f64;

    let dataset = Synthetic { rows, ..Synthetic::default() }.generate()?;
    let cells = dataset.features.as_slice().context("generated rows are one slice")?;
    let square = limits::square();
    let mut turns = Vec::new();
    for _ in 0..options.repeats {
        let limit = limits.sgemm / limits.sgemm_matrixmultiply * limits::matrixmultiply(&square);
        let timed = |threads: usize| -> anyhow::Result<f64> {
            let start = Instant::now();
            let scores = score_all(&model, cells, threads);
            std::hint::black_box(scores.map_err(|(row, error)| anyhow::anyhow!("row {}: {error}", row + 1))?);
            Ok(start.elapsed().as_secs_f64())
        };
        let (seconds, two) = (timed(1)?, timed(2)?);
        turns.push((seconds, 2.0 * multiply_adds * rows as f64 / 1e9 / limit / seconds, seconds / two));
    }

    let dir = tempfile::tempdir()?;
    let (model_path, csv) = (dir.path().join("model.evae"), dir.path().join("rows.csv"));
    std::fs::write(&model_path, trained.model.bytes())?;
    let synth = Command::new(&options.binary)
        .args(["synth", "--rows", &rows.to_string(), "--out"])
        .arg(&csv)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    anyhow::ensure!(synth.success(), "`edgevae synth` failed: {synth}");
    let csv_seconds = score_file(options, &model_path, &csv)?;
    let bytes = std::fs::metadata(&csv)?.len() as f64;
    #[cfg(feature = "parquet")]
    let parquet_rows_per_second = {
        let parquet = dir.path().join("rows.parquet");
        write_parquet(&parquet, &dataset)?;
        Some(rows as f64 / score_file(options, &model_path, &parquet)?)
    };
    #[cfg(not(feature = "parquet"))]
    let parquet_rows_per_second = None;
    Ok(ScoringTimes {
        rows,
        memory_nanoseconds: 1e9 * median(turns.iter().map(|turn| turn.0)) / rows as f64,
        memory_share_of_limit: median(turns.iter().map(|turn| turn.1)),
        memory_two_threads: median(turns.iter().map(|turn| turn.2)),
        csv_rows_per_second: rows as f64 / csv_seconds,
        csv_share_of_memory: bytes / 1e9 / limits.memory / csv_seconds,
        parquet_rows_per_second,
    })
}

/// Median seconds of `edgevae score` on a file, from start to exit.
fn score_file(options: &BenchOptions, model: &Path, data: &Path) -> anyhow::Result<f64> {
    let out = data.with_extension("scores");
    let mut score = Command::new(&options.binary);
    score
        .args(["score", "--quiet", "--out-format", "csv", "--model"])
        .arg(model)
        .arg("--data")
        .arg(data)
        .arg("--out")
        .arg(out);
    let mut failed = None;
    let seconds = median_seconds(options.repeats, || {
        let status = score.status();
        if !status.as_ref().is_ok_and(|status| status.success()) {
            failed = Some(status);
        }
    });
    match failed {
        Some(status) => anyhow::bail!("`edgevae score` failed: {}", status.context("it cannot be started")?),
        None => Ok(seconds),
    }
}

/// The features of a data set as FLOAT columns, in row groups of 2^17 rows, compressed by Snappy.
#[cfg(feature = "parquet")]
fn write_parquet(path: &Path, dataset: &Dataset) -> anyhow::Result<()> {
    use ::parquet::basic::Compression;
    use ::parquet::data_type::FloatType;
    use ::parquet::file::{properties::WriterProperties, writer::SerializedFileWriter};
    use ::parquet::schema::parser::parse_message_type;

    let columns: String = dataset.names.iter().map(|name| format!("required float {name}; ")).collect();
    let schema = parse_message_type(&format!("message rows {{ {columns}}}"))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(std::fs::File::create(path)?, schema.into(), properties.into())?;
    for rows in dataset.features.axis_chunks_iter(Axis(0), 1 << 17) {
        let mut group = writer.next_row_group()?;
        for values in rows.columns() {
            let mut column = group.next_column()?.context("a column for each feature")?;
            column.typed::<FloatType>().write_batch(&values.to_vec(), None, None)?;
            column.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}
