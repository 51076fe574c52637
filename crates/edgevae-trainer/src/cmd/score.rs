//! `edgevae score`

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use edgevae_trainer::model_file::ModelFile;
use edgevae_trainer::output::OutputFile;
use edgevae_trainer::results;

use super::rows::{RowsArgs, ScoredRow, Tally};

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    rows: RowsArgs,
    /// CSV `row,score,is_anomaly` to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
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
        let tally = if self.out == Path::new("-") {
            let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            let tally = self.write(&file, &mut out)?;
            out.flush()?;
            tally
        } else {
            let mut out = BufWriter::with_capacity(1 << 16, OutputFile::create(&self.out)?);
            let tally = self.write(&file, &mut out)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
            tally
        };
        if !self.quiet {
            eprintln!("{tally}");
        }
        Ok(self.exit_code && tally.anomalies > 0)
    }

    fn write(&self, file: &ModelFile, out: &mut impl Write) -> anyhow::Result<Tally> {
        writeln!(out, "{}", results::SCORES_HEADER)?;
        self.rows.score(file, None, self.quiet, |ScoredRow { number, verdict, .. }| {
            results::write_score(number, verdict.score, verdict.is_anomaly, &mut *out)
        })
    }
}
