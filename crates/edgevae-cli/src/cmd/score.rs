//! `edgevae score`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use edgevae_core::LoadError;
use edgevae_trainer::base::output::{self, OutputFile};
use edgevae_trainer::export::model_file::{AnyModel, ModelFile};
use edgevae_trainer::score::RowVerdict;
use edgevae_trainer::score::explain::Explainer;
use edgevae_trainer::score::results;
use edgevae_trainer::table::options::Format;

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
    #[arg(long, value_parser = crate::args::value::<Format>())]
    out_format: Option<Format>,
    /// Name the N features that contribute most to each row's score, in more columns (csv, jsonl)
    #[arg(long, value_name = "N", default_value_t = 0)]
    explain: usize,
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
        output::refuse_inputs(&self.out, &[("--model", &self.model), self.rows.input()])?;
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
            note!("{tally}");
        }
        Ok(self.exit_code && tally.anomalies > 0)
    }

    fn write(&self, file: &ModelFile, format: Format, out: &mut (impl Write + Send)) -> anyhow::Result<Tally> {
        type Push = fn(u64, RowVerdict, &mut Vec<u8>);
        type Explain = fn(&[(&str, f32)], &mut Vec<u8>);
        let (push, explain): (Push, Explain) = match format {
            Format::Csv => (results::push_score_csv, results::explain_csv),
            Format::Jsonl => (results::push_score_json, results::explain_json),
            Format::Parquet => return self.write_parquet(file, out),
        };
        let any = file.any()?;
        if self.explain > 0 && matches!(any, AnyModel::Int8(_)) {
            anyhow::bail!(
                "--explain: {} is an int8 model; expected a float one: give the model that it was made of, or leave --explain out",
                self.model.display()
            )
        }
        let has_range = has_range(file)?;
        let names = if self.explain > 0 { any.columns() } else { vec![] };
        let count = self.explain.min(names.len());
        if format == Format::Csv {
            out.write_all(results::scores_header(has_range, count).as_bytes())?;
        }
        let make = || (Vec::new(), if count > 0 { Explainer::of(&any) } else { None });
        let work = |(text, explainer): &mut (Vec<u8>, Option<Explainer<'_>>), scored: &Scored<'_>| {
            text.clear();
            for (row, sample) in scored.rows().zip(scored.samples()) {
                let out_of_range = row.verdict.out_of_range.filter(|_| has_range);
                push(row.number, RowVerdict { out_of_range, ..row.verdict }, text);
                if let Some(explainer) = explainer {
                    let top = explainer.top(sample, count).iter().map(|found| (names[found.feature], found.value));
                    explain(&top.collect::<Vec<_>>(), text);
                }
            }
        };
        let tally = self.rows.score_blocks(file, None, self.quiet, make, work, |(text, _), _| out.write_all(text))?;
        out.flush()?;
        Ok(tally)
    }

    #[cfg(feature = "parquet")]
    fn write_parquet(&self, file: &ModelFile, out: &mut (impl Write + Send)) -> anyhow::Result<Tally> {
        anyhow::ensure!(self.explain == 0, "--explain writes csv or jsonl, not Parquet; name another --out-format");
        let mut writer = edgevae_trainer::score::parquet::ScoreWriter::new(out, has_range(file)?)?;
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

/// Whether files of scores have a column for readings out of range: those of int8 models.
fn has_range(file: &ModelFile) -> Result<bool, LoadError> {
    Ok(matches!(file.any()?, AnyModel::Int8(_)))
}
