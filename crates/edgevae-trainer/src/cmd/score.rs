//! `edgevae score`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use edgevae_core::LoadError;
use edgevae_trainer::data::options::Format;
use edgevae_trainer::model_file::{AnyModel, ModelFile};
use edgevae_trainer::output::OutputFile;
use edgevae_trainer::results;

use super::rows::{RowsArgs, Scored, Tally};

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    rows: RowsArgs,
    /// File with `row`, `score` and `is_anomaly` for each row; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Format of that file [default: by its extension, CSV for any that is not known]
    #[arg(long)]
    out_format: Option<Format>,
    /// End with exit code 1 when an anomaly was found
    #[arg(long)]
    exit_code: bool,
    /// No notes on standard error
    #[arg(long)]
    quiet: bool,
}

impl Cmd {
    /// Scores the rows in their order, in constant memory; `Ok(true)` when the exit code is to tell of an anomaly.
    pub fn run(self) -> anyhow::Result<bool> {
        let file = ModelFile::open(&self.model)?;
        let format = self.out_format.unwrap_or_else(|| Format::of_path(&self.out));
        let tally = if self.out == Path::new("-") {
            // Unlocked: workers write from their own threads, one at a time and whole blocks.
            self.write(&file, format, &mut io::stdout())?
        } else {
            let mut out = OutputFile::create(&self.out)?;
            let tally = self.write(&file, format, &mut out)?;
            out.finish()?;
            tally
        };
        if !self.quiet {
            eprintln!("{tally}");
        }
        Ok(self.exit_code && tally.anomalies > 0)
    }

    fn write(&self, file: &ModelFile, format: Format, out: &mut (impl Write + Send)) -> anyhow::Result<Tally> {
        let push = match format {
            Format::Csv => results::push_score_csv,
            Format::Jsonl => results::push_score_json,
            Format::Parquet => return self.write_parquet(file, out),
        };
        if format == Format::Csv {
            out.write_all(results::scores_header(has_range(file)?).as_bytes())?;
        }
        let work = |text: &mut Vec<u8>, scored: &Scored<'_>| {
            text.clear();
            scored.rows().for_each(|row| push(row.number, row.verdict, text));
        };
        let tally = self.rows.score_blocks(file, None, self.quiet, Vec::new, work, |text, _| out.write_all(text))?;
        out.flush()?;
        Ok(tally)
    }

    #[cfg(feature = "parquet")]
    fn write_parquet(&self, file: &ModelFile, out: &mut (impl Write + Send)) -> anyhow::Result<Tally> {
        let mut writer = edgevae_trainer::data::parquet::ScoreWriter::new(out, has_range(file)?)?;
        let tally = self.rows.score_blocks(
            file,
            None,
            self.quiet,
            || (),
            |(), _| (),
            |(), scored| scored.rows().try_for_each(|row| writer.push(row.number, row.verdict)),
        )?;
        writer.finish()?;
        Ok(tally)
    }

    #[cfg(not(feature = "parquet"))]
    fn write_parquet(&self, _: &ModelFile, _: &mut (impl Write + Send)) -> anyhow::Result<Tally> {
        anyhow::bail!("this build writes no Parquet; build it with `--features parquet`, or write csv or jsonl")
    }
}

/// Whether verdicts say of a reading that it is out of range: those of int8 models.
fn has_range(file: &ModelFile) -> Result<bool, LoadError> {
    Ok(matches!(file.any()?, AnyModel::Int8(_)))
}
