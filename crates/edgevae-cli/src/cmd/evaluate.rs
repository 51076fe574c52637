//! `edgevae evaluate`

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::base::output::{self, OutputFile};
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::score::results::Quality;
use serde::Serialize;

use super::rows::RowsArgs;
use crate::terminal;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    rows: RowsArgs,
    /// Column of labels: 0/1, true/false or normal/anomaly
    #[arg(long, value_name = "COLUMN")]
    label: String,
    /// JSON file to write [default: standard output]
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// No notes on standard error
    #[arg(long)]
    quiet: bool,
}

/// What `evaluate` writes.
#[derive(Serialize)]
struct Evaluation {
    #[serde(flatten)]
    quality: Quality,
    threshold: f32,
    n: usize,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(out) = &self.out {
            output::refuse_inputs(out, &[("--model", &self.model), self.rows.input()])?;
        }
        let file = ModelFile::open(&self.model)?;
        let out = self.out.as_deref().map(OutputFile::create).transpose()?;
        let (mut scores, mut labels) = (Vec::new(), Vec::new());
        let tally = self.rows.score(&file, Some(&self.label), self.quiet, |row| {
            scores.push(row.verdict.rank());
            labels.push(row.label.unwrap_or_default());
        })?;
        let threshold = file.any()?.header().threshold;
        let quality = Quality::of(&scores, Some(&labels), threshold);
        let json = serde_json::to_string_pretty(&Evaluation { quality, threshold, n: scores.len() })? + "\n";
        match out {
            Some(mut out) => {
                out.write_all(json.as_bytes())?;
                out.finish()?;
            }
            None => terminal::print(&json)?,
        }
        if !self.quiet {
            note!("{tally}");
        }
        Ok(())
    }
}
