//! What a run tells its user: on the console, in `metrics.json`, in `report.html`.

mod page;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use edgevae_trainer::inspect::calibration_rows;
use edgevae_trainer::options::{Options, Score, SplitBy};
use edgevae_trainer::quantize::Quantized;
use edgevae_trainer::run::baselines::Outcome;
use edgevae_trainer::run::origin::Source;
use edgevae_trainer::run::{KeptOut, Run, Trained};
use edgevae_trainer::score::RowVerdict;
use edgevae_trainer::score::results::{self, Quality};
use edgevae_trainer::table::Dataset;

/// A finished run as its files and the terminal describe it.
pub struct Summary<'a> {
    /// The rows.
    pub dataset: &'a Dataset,
    /// Where they come from.
    pub source: &'a Source,
    /// What the run was told.
    pub options: &'a Options,
    /// What came out.
    pub trained: &'a Trained,
    /// Every score that the network allows.
    pub compared: &'a [(Score, Trained)],
    /// Detectors without a network on the same rows.
    pub baselines: &'a [Outcome],
    /// The int8 form, where one was made.
    pub quantized: Option<&'a Quantized>,
    /// Folder of the results.
    pub dir: &'a Path,
}

/// The files of a run and what they hold.
pub const FILES: [(&str, &str); 7] = [
    ("model.evae", "the model: scaler, weights, threshold and its origin"),
    ("report.html", "this page"),
    ("metrics.json", "every number of this page for scripts"),
    ("scores.csv", "scores of the test rows"),
    ("scores.svg", "their histogram with the threshold, for a document of your own"),
    ("history.csv", "one row for each epoch"),
    ("config.toml", "everything needed to repeat the run"),
];

/// And those of a run with `--quantize`.
pub const QUANTIZED_FILES: [(&str, &str); 2] = [
    ("model-int8.evae", "the model in integers, with a threshold of its own"),
    ("quantization.json", "every number of its comparison with model.evae for scripts"),
];

/// `metrics.json`.
#[derive(Serialize)]
struct Metrics<'a> {
    #[serde(flatten)]
    quality: &'a Quality,
    threshold: f32,
    quantile: Option<f64>,
    calibration: CalibrationRecord,
    n_train: usize,
    n_test: usize,
    #[serde(flatten)]
    kept_out: KeptOut,
    n_dropped: u64,
    split: String,
    columns: &'a [String],
    features: usize,
    parameters: usize,
    multiply_adds: usize,
    model_bytes: usize,
    epochs: usize,
    best_epoch: usize,
    active_latents: usize,
    kl_per_latent: &'a [f64],
    core_against_dfdx: f64,
    score: &'static str,
    scores: BTreeMap<&'static str, ComparedRecord>,
    baselines: &'a [Outcome],
    fit_seconds: f64,
    seed: u64,
    tool: &'static str,
    warnings: &'a [String],
}

/// Where the threshold comes from.
#[derive(Serialize)]
struct CalibrationRecord {
    rows_from: &'static str,
    rows: usize,
    exceedances: usize,
    method: &'static str,
    false_alarm_rate: Option<f64>,
    false_alarm_rate_95: Option<(f64, f64)>,
    enough_rows: bool,
    rows_needed: usize,
}

/// What one of the other scores comes to.
#[derive(Serialize)]
struct ComparedRecord {
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    f1: Option<f64>,
    threshold: f32,
    multiply_adds: usize,
    model_bytes: usize,
}

impl<'a> Summary<'a> {
    /// Of a run whose results are in `dir`.
    pub fn of(run: &'a Run, dir: &'a Path) -> Self {
        Self {
            dataset: &run.dataset,
            source: &run.source,
            options: &run.options,
            trained: &run.trained,
            compared: &run.compared,
            baselines: &run.baselines,
            quantized: run.quantized.as_ref(),
            dir,
        }
    }
}

impl Summary<'_> {
    /// Commands that repeat the run, from the folder where it was started.
    fn reproduce(&self) -> Vec<String> {
        vec![format!("edgevae train --config {} --out AGAIN", self.dir.join("config.toml").display())]
    }

    fn quality(&self) -> Quality {
        self.trained.quality()
    }

    /// Which rows those of the test are, where they are not any, as the end of a sentence.
    fn tested_on(&self) -> String {
        let order = self.source.input().and_then(|input| input.time.as_ref());
        match (&self.options.split, order) {
            (SplitBy::Random, _) => String::new(),
            (SplitBy::Chronological, Some(time)) => format!(", the last ones in the order of `{time}`"),
            (SplitBy::Chronological, None) => ", the last ones of the data".into(),
            (SplitBy::Group(column), _) => format!(", those of whole groups by `{column}`"),
        }
    }

    fn compared_records(&self) -> BTreeMap<&'static str, ComparedRecord> {
        let record = |(score, trained): &(Score, Trained)| {
            let quality = trained.quality();
            let model = trained.model.model().expect("training has loaded this model");
            let record = ComparedRecord {
                roc_auc: quality.roc_auc,
                average_precision: quality.average_precision,
                f1: quality.f1,
                threshold: trained.calibration.threshold,
                multiply_adds: model.multiply_adds(),
                model_bytes: trained.model.bytes().len(),
            };
            (score.name(), record)
        };
        self.compared.iter().map(record).collect()
    }

    /// `metrics.json`.
    pub fn metrics_json(&self) -> String {
        let Self { trained, options, dataset, source, .. } = self;
        let calibration = &trained.calibration;
        let model = trained.model.model().expect("training has loaded this model");
        let metrics = Metrics {
            quality: &self.quality(),
            threshold: calibration.threshold,
            quantile: calibration.quantile,
            calibration: CalibrationRecord {
                rows_from: calibration_rows(trained.calibration_set),
                rows: calibration.rows,
                exceedances: calibration.exceedances,
                method: "linear",
                false_alarm_rate: calibration.false_alarm_rate,
                false_alarm_rate_95: calibration.interval,
                enough_rows: calibration.enough_rows(),
                rows_needed: calibration.rows_needed,
            },
            n_train: trained.n_fitted,
            n_test: trained.test_rows.len(),
            kept_out: trained.kept_out,
            n_dropped: source.dropped_rows(),
            split: options.split.to_string(),
            columns: source.input().map_or(&[], |input| &input.notes),
            features: dataset.names.len(),
            parameters: model.parameters(),
            multiply_adds: model.multiply_adds(),
            model_bytes: source.model_file(trained).bytes().len(),
            epochs: trained.fit.history.len(),
            best_epoch: trained.fit.best_epoch,
            active_latents: trained.fit.active_latents(),
            kl_per_latent: &trained.fit.kl_per_latent,
            core_against_dfdx: trained.parity.0,
            score: options.score.name(),
            scores: self.compared_records(),
            baselines: self.baselines,
            fit_seconds: trained.fit_seconds,
            seed: options.seed,
            tool: edgevae_trainer::export::TOOL,
            warnings: &trained.warnings,
        };
        serde_json::to_string_pretty(&metrics).expect("plain numbers and strings always serialize") + "\n"
    }

    /// `history.csv`.
    pub fn history_csv(&self) -> Vec<u8> {
        let mut out = Vec::new();
        results::write_history(&self.trained.fit.history, &mut out).expect("memory takes all");
        out
    }

    /// `scores.csv`: the test rows by their place in the source.
    pub fn scores_csv(&self) -> Vec<u8> {
        let trained = self.trained;
        let model = trained.model.model().expect("training has loaded this model");
        let mut out = results::scores_header(false, 0).into_bytes();
        let scores = trained.test_scores.iter().zip(&trained.test_out_of_range);
        for (&row, (&score, &out_of_range)) in trained.test_rows.iter().zip(scores) {
            let is_anomaly = model.is_anomaly(score) || out_of_range;
            let verdict = RowVerdict { score, is_anomaly, out_of_range: None };
            results::push_score_csv(self.source.row_number(row), verdict, &mut out);
        }
        out
    }

    /// What the console says at the end: quality, threshold, files, the next command.
    pub fn console(&self) -> String {
        let Self { trained, dir, .. } = self;
        let quality = self.quality();
        let number = |value: Option<f64>| value.map_or_else(|| "not available".into(), |value| format!("{value:.4}"));
        let (relative, compared) = trained.parity;
        let mut text = String::new();
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "{name:<18} {value}").expect("a string takes all");
        };
        if self.options.split != SplitBy::Random {
            line("tested on", &format_args!("{} rows{}", trained.test_rows.len(), self.tested_on()));
        }
        match &quality.confusion {
            Some(counts) => {
                line("ROC-AUC", &number(quality.roc_auc));
                line("average precision", &number(quality.average_precision));
                line(
                    "at the threshold",
                    &format_args!(
                        "precision {}  recall {}  F1 {}",
                        number(quality.precision),
                        number(quality.recall),
                        number(quality.f1)
                    ),
                );
                line(
                    "",
                    &format_args!(
                        "{} of {} anomalies found, {} false alarms in {} normal rows",
                        counts.tp,
                        counts.tp + counts.fn_,
                        counts.fp,
                        counts.fp + counts.tn
                    ),
                );
            }
            None => line("quality", &"not available: there are no labelled test rows"),
        }
        line("threshold", &trained.calibration.statement(calibration_rows(trained.calibration_set)));
        line(
            "active latents",
            &format_args!("{} of {}", trained.fit.active_latents(), trained.fit.kl_per_latent.len()),
        );
        line("fit", &format_args!("{:.2} s, {} epochs", trained.fit_seconds, trained.fit.history.len()));
        line("core = network", &format_args!("largest relative difference {relative:.1e} on {compared} rows"));
        for (at, (file, _)) in FILES.iter().enumerate() {
            line(if at == 0 { "written" } else { "" }, &dir.join(file).display());
        }
        let model = dir.join("model.evae");
        write!(text, "\nnext: edgevae score --model {} --data YOUR.csv", model.display()).expect("a string takes all");
        text
    }
}
