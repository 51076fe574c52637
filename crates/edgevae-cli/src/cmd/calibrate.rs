//! `edgevae calibrate`

use std::path::PathBuf;

use clap::Args;
use edgevae_core::format::CalibrationSet;
use edgevae_trainer::base::output::{self, OutputFile};
use edgevae_trainer::calibrate::threshold;
use edgevae_trainer::export::model_file::{AnyModel, ModelFile};
use edgevae_trainer::{export, quantize};

use super::rows::RowsArgs;

// A negative number is a wrong value and not an unknown flag.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Cmd {
    /// Model file whose weights are kept
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    rows: RowsArgs,
    /// Column of labels; only rows labelled normal then count
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Quantile of the scores that becomes the threshold
    #[arg(long, value_name = "Q", default_value_t = 0.95, conflicts_with = "threshold")]
    quantile: f64,
    /// Threshold to set instead; the file tells how many rows it flags
    #[arg(long, value_name = "T")]
    threshold: Option<f32>,
    /// Model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// No notes on standard error
    #[arg(long)]
    quiet: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        output::refuse_inputs(&self.out, &[("--model", &self.model), self.rows.input()])?;
        let file = ModelFile::open(&self.model)?;
        let mut out = OutputFile::create(&self.out)?;
        let mut scores = Vec::new();
        self.rows.score(&file, self.label.as_deref(), self.quiet, |row| {
            if row.label != Some(true) {
                scores.push(row.verdict.rank());
            }
        })?;
        if let Some(threshold) = self.threshold.filter(|&threshold| threshold <= 0.0)
            && !file.any()?.may_be_negative()
        {
            anyhow::bail!(
                "--threshold is {threshold}; expected a positive number: the scores of this model are never below 0"
            );
        }
        let (calibration, set) = match self.threshold {
            Some(threshold) => (threshold::at_threshold(&scores, threshold)?, CalibrationSet::ByHand),
            None => (threshold::calibrate(&scores, self.quantile)?, CalibrationSet::File),
        };
        anyhow::ensure!(
            calibration.threshold < f32::MAX,
            "more rows of {} have a reading out of the model's range than may be above the threshold; correct these rows, or \
             {} with them",
            self.rows.name(),
            if matches!(file.any()?, AnyModel::Int8(_)) { "quantize the float model" } else { "train again" }
        );
        let recalibrated = match file.any()? {
            AnyModel::Float(model) => export::recalibrated(&model, &calibration, set),
            AnyModel::Raw(raw) => {
                let recalibrated = export::recalibrated(raw.model(), &calibration, set);
                ModelFile::with_input(&recalibrated.model()?, raw.encoder().section())
            }
            AnyModel::Int8(model) => quantize::recalibrated(&model, &calibration, set)?,
        };
        recalibrated.any()?;
        out.put(recalibrated.bytes())?;
        out.finish()?;
        for warning in calibration.warning().into_iter().chain(departure(&file, &scores, calibration.threshold)?) {
            note!("warning: {warning}");
        }
        if !self.quiet {
            let old = file.any()?.header().threshold;
            let beyond = scores.iter().filter(|&&score| score > old).count();
            note!("old threshold {old}: {beyond} of {} rows are above it", scores.len());
            note!("{}", calibration.statement(&format!("rows of {}", self.rows.name())));
            note!("written: {}", self.out.display());
            if file.is_signed() {
                note!("note: not signed any more; sign it again with `edgevae sign`");
            }
        }
        Ok(())
    }
}

/// Returns a warning where many rows are above the model's own threshold, or the new threshold is far from it.
fn departure(file: &ModelFile, scores: &[f32], threshold: f32) -> anyhow::Result<Option<String>> {
    let any = file.any()?;
    let header = any.header();
    let old = header.threshold;
    let beyond = scores.iter().filter(|&&score| score > old).count();
    let expected = header.calibration.quantile.map_or(0.05, |quantile| 1.0 - quantile);
    let share = beyond as f64 / scores.len().max(1) as f64;
    let is_far = old > 0.0 && !(0.2..=5.0).contains(&(threshold / old));
    Ok((share > 4.0 * expected + 0.02 || is_far).then(|| {
        format!(
            "{:.1} % of the rows are above the old threshold {old}, which was set for {:.1} %, and the new one is {threshold}: \
             are all of these rows normal operation? Look at the highest with `edgevae score --explain 3`",
            100.0 * share,
            100.0 * expected
        )
    }))
}
