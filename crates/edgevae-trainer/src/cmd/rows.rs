//! Rows of a file through a model: what `score`, `evaluate` and `calibrate` share.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use edgevae_core::format::Missing;
use edgevae_core::{Model, ScoreError, SliceDetector, Verdict};
use edgevae_trainer::data::csv::{self, CsvOptions, Features, RowReader};
use edgevae_trainer::model_file::ModelFile;

/// How a CSV file with rows for an existing model is read.
#[derive(Debug, Args)]
pub struct RowsArgs {
    /// CSV file with a header, columns in any order; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Field separator [default: comma, semicolon or tab, whichever the header has]
    #[arg(long, value_name = "CHARACTER", value_parser = csv::parse_delimiter)]
    delimiter: Option<u8>,
}

/// One row that has a score.
pub struct ScoredRow {
    /// Data row, counted from 1.
    pub number: u64,
    /// `true` for an anomaly, where labels were asked for.
    pub label: Option<bool>,
    pub verdict: Verdict,
}

/// What a pass over a file came to.
pub struct Tally {
    rows: u64,
    pub anomalies: u64,
    dropped: u64,
    threshold: f32,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, anomalies, dropped, threshold } = self;
        write!(f, "{rows} rows, {anomalies} above the threshold {threshold}")?;
        if *dropped > 0 { write!(f, "; {dropped} rows with missing cells left out, as in training") } else { Ok(()) }
    }
}

impl RowsArgs {
    /// Name of the source in messages.
    pub fn name(&self) -> String {
        if self.is_stdin() { "standard input".into() } else { self.data.display().to_string() }
    }

    fn is_stdin(&self) -> bool {
        self.data == Path::new("-")
    }

    /// Scores every row in order and hands it to `each`; memory does not grow with the file.
    pub fn score(
        &self,
        file: &ModelFile,
        label: Option<&str>,
        quiet: bool,
        each: impl FnMut(ScoredRow) -> io::Result<()>,
    ) -> anyhow::Result<Tally> {
        let model = file.model()?;
        let options = CsvOptions {
            delimiter: self.delimiter,
            label: label.map(str::to_owned),
            ignore: Vec::new(),
            features: Features::OfModel(model.feature_names().map(str::to_owned).collect()),
            missing: match model.missing() {
                Missing::Error => csv::Missing::Error,
                Missing::Drop => csv::Missing::Drop,
                // The core fills them, as it does on the device.
                Missing::Mean => csv::Missing::Mean,
            },
        };
        if self.is_stdin() {
            self.drain(&model, RowReader::new(io::stdin().lock(), self.name(), &options)?, quiet, each)
        } else {
            self.drain(&model, RowReader::open(&self.data, &options)?, quiet, each)
        }
    }

    fn drain<R: Read>(
        &self,
        model: &Model<'_>,
        mut reader: RowReader<R>,
        quiet: bool,
        mut each: impl FnMut(ScoredRow) -> io::Result<()>,
    ) -> anyhow::Result<Tally> {
        let extra = reader.extra_columns();
        if !extra.is_empty() && !quiet {
            eprintln!("note: {} columns that the model does not know are ignored: {}", extra.len(), shortened(&extra));
        }
        let mut scratch = vec![0.0; model.scratch_len()];
        let mut detector = SliceDetector::new(model, &mut scratch)?;
        let mut sample = vec![0.0; model.inputs()];
        let mut tally = Tally { rows: 0, anomalies: 0, dropped: 0, threshold: model.threshold() };
        while let Some(info) = reader.next_row(&mut sample)? {
            let verdict = detector.score(&sample).map_err(|error| match error {
                ScoreError::NonFinite { index } => {
                    anyhow::anyhow!(
                        "{} line {}, column `{}`: {error}",
                        self.name(),
                        info.line,
                        reader.feature_names()[index]
                    )
                }
                _ => anyhow::anyhow!("{} line {}: {error}; correct or remove the row", self.name(), info.line),
            })?;
            tally.rows += 1;
            tally.anomalies += u64::from(verdict.is_anomaly);
            each(ScoredRow { number: info.number, label: info.label, verdict })?;
        }
        tally.dropped = reader.dropped_rows();
        Ok(tally)
    }
}

/// The first few names, and how many more.
fn shortened(names: &[String]) -> String {
    let shown = names.len().min(5);
    let more = if names.len() > shown { format!(" and {} more", names.len() - shown) } else { String::new() };
    names[..shown].join(", ") + &more
}
