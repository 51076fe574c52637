//! Scoring of files by the command, from start to exit, beside the libraries that only read them.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
#[cfg(feature = "parquet")]
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::{BenchOptions, Figure, Limits, median};
use edgevae_trainer::export::model_file::ModelFile;
#[cfg(feature = "parquet")]
use edgevae_trainer::table::Dataset;
use edgevae_trainer::table::synthetic::Synthetic;

/// Times of a file of 10 features.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileTimes {
    /// The format.
    pub format: String,
    /// Rows of the file.
    pub rows: usize,
    /// Size of the file.
    pub bytes: u64,
    /// What reads it without scoring, for the comparison.
    pub reader: String,
    /// `edgevae score`, whole process, one thread, rows a second.
    pub one_thread_rows_per_second: f64,
    /// The same on all threads.
    pub rows_per_second: f64,
    /// Time of the library that only reads the numbers, on one thread, over the time of the process that reads them, scores
    /// them and writes the scores, on one thread.
    pub over_reading: Figure,
    /// Bytes of the file, over what one core reads and writes by copying in the time on all threads.
    pub share_of_memory: f64,
}

/// Reads a file's numbers and returns their sum, so that none is left out.
type Read = fn(&Path) -> anyhow::Result<f32>;

/// Its files are made in `dir`.
pub fn measure(
    options: &BenchOptions,
    limits: &Limits,
    model: &ModelFile,
    dir: &Path,
) -> anyhow::Result<Vec<FileTimes>> {
    let rows = if options.quick { 200_000 } else { 1_000_000 };
    let model_path = dir.join("model.evae");
    std::fs::write(&model_path, model.bytes())?;
    let timed = |format: &str, path: &Path, reader: &str, read: Read| -> anyhow::Result<FileTimes> {
        let mut turns = Vec::new();
        for _ in 0..options.repeats {
            let start = Instant::now();
            std::hint::black_box(read(path)?);
            let reading = start.elapsed().as_secs_f64();
            turns.push((
                reading,
                score(options, &model_path, path, Some(1))?,
                score(options, &model_path, path, None)?,
            ));
        }
        let bytes = std::fs::metadata(path)?.len();
        let all = median(turns.iter().map(|turn| turn.2));
        Ok(FileTimes {
            format: format.into(),
            rows,
            bytes,
            reader: reader.into(),
            one_thread_rows_per_second: rows as f64 / median(turns.iter().map(|turn| turn.1)),
            rows_per_second: rows as f64 / all,
            over_reading: Figure::of(turns.iter().map(|turn| turn.0 / turn.1)),
            share_of_memory: bytes as f64 / 1e9 / limits.memory / all,
        })
    };

    let csv = dir.join("rows.csv");
    let mut synth = Command::new(&options.binary);
    let synth = synth.args(["synth", "--rows", &rows.to_string(), "--out"]).arg(&csv).output()?;
    let said = String::from_utf8_lossy(&synth.stderr);
    anyhow::ensure!(synth.status.success(), "`edgevae synth` failed, {}: {}", synth.status, said.trim());
    let files = vec![timed("CSV", &csv, "the crates csv and fast-float2", read_csv)?];
    #[cfg(feature = "parquet")]
    let files = {
        let parquet = dir.join("rows.parquet");
        write_parquet(&parquet, &Synthetic { rows, ..Synthetic::default() }.generate()?)?;
        let parquet = timed("Parquet", &parquet, "the crate parquet", read_parquet)?;
        files.into_iter().chain([parquet]).collect()
    };
    Ok(files)
}

/// Seconds of `edgevae score` on a file, from start to exit.
fn score(options: &BenchOptions, model: &Path, data: &Path, threads: Option<usize>) -> anyhow::Result<f64> {
    let mut score = Command::new(&options.binary);
    score.args(["score", "--quiet", "--out-format", "csv", "--model"]).arg(model).arg("--data").arg(data);
    score.arg("--out").arg(data.with_extension("scores"));
    if let Some(threads) = threads {
        score.args(["--threads", &threads.to_string()]);
    }
    let start = Instant::now();
    let status = score.status().context("`edgevae score` cannot be started")?;
    anyhow::ensure!(status.success(), "`edgevae score` failed: {status}");
    Ok(start.elapsed().as_secs_f64())
}

/// All cells but the label, the last one of each row.
fn read_csv(path: &Path) -> anyhow::Result<f32> {
    let mut reader = csv::Reader::from_path(path)?;
    let (mut record, mut sum) = (csv::ByteRecord::new(), 0.0);
    while reader.read_byte_record(&mut record)? {
        for cell in record.iter().take(record.len() - 1) {
            sum += fast_float2::parse::<f32, _>(cell)?;
        }
    }
    Ok(sum)
}

#[cfg(feature = "parquet")]
fn read_parquet(path: &Path) -> anyhow::Result<f32> {
    use ::parquet::data_type::FloatType;
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};

    let reader = SerializedFileReader::new(std::fs::File::open(path)?)?;
    let (mut values, mut sum) = (Vec::new(), 0.0);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows())?;
        for column in 0..group.num_columns() {
            values.clear();
            let mut column =
                ::parquet::column::reader::get_typed_column_reader::<FloatType>(group.get_column_reader(column)?);
            column.read_records(rows, None, None, &mut values)?;
            sum += values.iter().sum::<f32>();
        }
    }
    Ok(sum)
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
