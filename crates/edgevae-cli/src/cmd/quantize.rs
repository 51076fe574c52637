//! `edgevae quantize`

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use edgevae_core::format::CalibrationSet;
use edgevae_trainer::base::output::{self, OutputFile};
use edgevae_trainer::export::model_file::{AnyModel, ModelFile};
use edgevae_trainer::quantize::{Quantization, QuantizeError, Tuning};

use super::rows::{RowsArgs, Table};
use crate::terminal;

// A negative number is a wrong value and not an unknown flag.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Cmd {
    /// Model file with the float weights
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Rows in normal operation: they give the ranges and the threshold
    #[command(flatten)]
    rows: RowsArgs,
    /// Column of labels; only rows labelled normal then calibrate, and the comparison has label metrics
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Quantile of the int8 scores that becomes the threshold [default: the model's own, else 0.95]
    #[arg(long, value_name = "Q")]
    quantile: Option<f64>,
    /// Fine-tune the weights for rounding, N epochs on the rows: lowers the error of the scores (compare both reports)
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    qat: usize,
    /// Seed of the fine-tuning: order of the rows and how they are displaced
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// JSON file for the comparison with the float model
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Nothing on the terminal but warnings and errors
    #[arg(long)]
    quiet: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        for out in self.report.iter().chain([&self.out]) {
            output::refuse_inputs(out, &[("--model", &self.model), self.rows.input()])?;
        }
        let file = ModelFile::open(&self.model)?;
        let any = file.any()?;
        anyhow::ensure!(
            !matches!(any, AnyModel::Raw(_)),
            "{} has an encoder for raw rows (categories, missing values or windows), and no int8 form; \
             train on columns of numbers for an int8 model",
            self.model.display()
        );
        let AnyModel::Float(model) = &any else {
            anyhow::bail!(
                "{} is an int8 model already; expected the float model that it was made of (`edgevae calibrate` gives an \
                 int8 model a new threshold)",
                self.model.display()
            )
        };
        anyhow::ensure!(
            self.report.as_ref() != Some(&self.out),
            "--out and --report are the same file, {}; expected two",
            self.out.display()
        );
        let mut out = OutputFile::create(&self.out)?;
        let report = self.report.as_deref().map(OutputFile::create).transpose()?;
        let Table { features, labels, places } = self.rows.table(&any, self.label.as_deref(), self.quiet)?;
        let labels = labels.as_deref();
        let all: Vec<usize> = (0..places.len()).collect();
        let normal: Vec<usize> = all.iter().copied().filter(|&row| labels.is_none_or(|labels| !labels[row])).collect();
        let quantile = self.quantile.or(model.calibration().quantile).unwrap_or(0.95);
        let quantization = Quantization {
            features: features.view(),
            labels,
            places: &places,
            ranges_from: &normal,
            threshold_from: &normal,
            compared: &all,
            set: CalibrationSet::File,
            quantile,
            tuning: Tuning { epochs: self.qat, seed: self.seed },
        };
        let quantized = quantization.of(model).map_err(|error| {
            let of_model = matches!(
                error,
                QuantizeError::NoIntegerForm(..)
                    | QuantizeError::Clipped(_)
                    | QuantizeError::Fill { .. }
                    | QuantizeError::Layer { .. }
                    | QuantizeError::Load(_)
            );
            let file = if of_model { self.model.display().to_string() } else { self.rows.name() };
            anyhow::Error::new(error).context(file)
        })?;
        out.write_all(quantized.file.bytes())?;
        if let Some(mut report) = report {
            report.write_all(quantized.report.json().as_bytes())?;
            report.finish()?;
        }
        out.finish()?;
        for warning in &quantized.warnings {
            note!("warning: {}: {warning}", self.rows.name());
        }
        if !self.quiet {
            terminal::print(format_args!(
                "{}\n{} bytes, {} as float; written: {}",
                quantized.report,
                quantized.file.bytes().len(),
                file.bytes().len(),
                self.out.display()
            ))?;
        }
        Ok(())
    }
}
