//! What a report is made of: plain values that arrive computed.

use edgevae_trainer::calibrate::metrics::{PrecisionRecallPoint, RocPoint};
use edgevae_trainer::fit::EpochRecord;
use edgevae_trainer::quantize;
use edgevae_trainer::run::baselines::Outcome;
use edgevae_trainer::score::results::Quality;

/// Rows whose contributions fit beside each other on a page.
pub const MOST_WORST_ROWS: usize = 8;

/// Everything that the page shows; no number of it is computed here.
#[derive(Clone, Debug)]
pub struct Report {
    /// Headline of the page, for instance "edgevae: pump.csv".
    pub title: String,
    /// Version of the tool that made the run, for instance "edgevae 0.1.0".
    pub tool_version: String,
    /// What the model was trained and tested on.
    pub dataset: DatasetSummary,
    /// Architecture and training options, as name and value in the order of the table.
    pub options: Vec<(String, String)>,
    /// One record per epoch, in order.
    pub history: Vec<EpochRecord>,
    /// The scored rows with their threshold.
    pub scored: ScoredRows,
    /// How the threshold was found.
    pub calibration: CalibrationNote,
    /// Metrics of the scored rows; `None` where they are undefined.
    pub metrics: Quality,
    /// The ROC curve by falling threshold, from (0, 0) to (1, 1); empty when undefined.
    pub roc: Vec<RocPoint>,
    /// The precision-recall curve by falling threshold (rising recall); empty when undefined.
    pub precision_recall: Vec<PrecisionRecallPoint>,
    /// What the contributions of `worst_rows` are.
    pub contribution: Contribution,
    /// The rows with the highest scores, worst first; of more than [`MOST_WORST_ROWS`] the first.
    pub worst_rows: Vec<WorstRow>,
    /// Names of the features, `[IN]`, in the order of the model.
    pub feature_names: Vec<String>,
    /// What each latent carries.
    pub latents: LatentSummary,
    /// Where the scored rows lie in the latents; no points where that cannot be drawn.
    pub latent_map: LatentMap,
    /// Every score on the same rows, by the same network.
    pub compared: Vec<ComparedScore>,
    /// Detectors without a network on the same rows.
    pub baselines: Vec<Outcome>,
    /// The model's int8 form, where one was made.
    pub quantized: Option<QuantizedForm>,
    /// How far the scores of the exported file in `edgevae-core` are from those of the trained network.
    pub parity: String,
    /// Commands that repeat the run, one per line.
    pub reproduce: Vec<String>,
    /// Files that the run wrote, as name and content.
    pub files: Vec<(String, String)>,
    /// What the reader should know before trusting the numbers, beside the calibration's own warning.
    pub warnings: Vec<String>,
}

/// What the model was trained and tested on.
#[derive(Clone, Debug, Default)]
pub struct DatasetSummary {
    /// File name, or the description of generated data.
    pub source: String,
    /// Rows that were used: training, calibration and test together.
    pub rows: usize,
    /// Features of a row (`IN`).
    pub features: usize,
    /// Anomalies among `rows`; `None` without labels.
    pub anomalies: Option<usize>,
    /// Rows of the fit.
    pub train_rows: usize,
    /// Anomalies among the rows of the fit; `None` without labels, and where they were not counted.
    pub train_anomalies: Option<usize>,
    /// Rows kept out of the fit for the threshold only; 0 when the threshold comes from other rows.
    pub calibration_rows: usize,
    /// Rows that early stopping watched.
    pub validation_rows: usize,
    /// Rows that only bring several heads to one footing.
    pub footing_rows: usize,
    /// Rows of the highest scores of a first fit, left out of the second.
    pub trimmed_rows: usize,
    /// Test rows.
    pub test_rows: usize,
    /// Anomalies among the test rows; `None` without labels.
    pub test_anomalies: Option<usize>,
    /// Rows left out because a cell was missing.
    pub dropped_rows: usize,
    /// Which of the rows those of the test are, where they are not any: ", the last ones in time".
    pub tested_on: String,
    /// What was decided about columns that are no numbers.
    pub notes: Vec<String>,
    /// Columns without variance in the rows of the fit; they are kept with scale 1.
    pub constant_columns: Vec<String>,
}

/// Scores of a set of rows, what is known about them, and the threshold.
#[derive(Clone, Debug)]
pub struct ScoredRows {
    /// What the rows are, in the plural: "test rows".
    pub rows: String,
    /// What the score is: "reconstruction error".
    pub score: String,
    /// Its unit: "scaled units²", "nats".
    pub unit: String,
    /// One score per row, `[ROWS]`; higher is more anomalous.
    pub scores: Vec<f32>,
    /// Whether each row is an anomaly, `[ROWS]`; `None` without labels.
    pub labels: Option<Vec<bool>>,
    /// A row is flagged when its score is above this, strictly.
    pub threshold: f32,
}

/// Latent means of rows on two axes.
#[derive(Clone, Debug, Default)]
pub struct LatentMap {
    /// On the first two principal axes of all test rows, `[ROWS]`, units of the latents.
    pub pca: Vec<(f32, f32)>,
    /// Share of the variance of all test rows on either axis.
    pub explained: (f64, f64),
    /// By t-SNE, `[ROWS]`; empty where there are too few rows or all are equal.
    pub tsne: Vec<(f32, f32)>,
    /// Whether each row is an anomaly, `[ROWS]`; `None` without labels.
    pub labels: Option<Vec<bool>>,
    /// Scores of the rows, `[ROWS]`, which stand in for labels.
    pub scores: Vec<f32>,
    /// A row is flagged when its score is above this, strictly.
    pub threshold: f32,
    /// Rows that were left out of the picture.
    pub left_out: usize,
    /// Labelled anomalies among them.
    pub anomalies_left_out: usize,
}

/// One of the scores that the network allows.
#[derive(Clone, Debug)]
pub struct ComparedScore {
    /// Its name on the command line.
    pub name: String,
    /// Whether it is the one that the model file holds.
    pub chosen: bool,
    /// Its scores and threshold.
    pub scored: ScoredRows,
    /// Its metrics.
    pub metrics: Quality,
    /// Multiply-adds of one score.
    pub multiply_adds: usize,
    /// Bytes of the model file.
    pub model_bytes: usize,
    /// Bytes of the detector's memory.
    pub detector_bytes: usize,
}

/// The model in integers.
#[derive(Clone, Debug)]
pub struct QuantizedForm {
    /// How it compares with the float model.
    pub report: quantize::Report,
    /// Bytes of the float and of the int8 model file.
    pub model_bytes: [usize; 2],
}

/// How the threshold was found and what it promises.
#[derive(Clone, Debug, Default)]
pub struct CalibrationNote {
    /// Which rows, how many, the method, the implied false-alarm rate and its interval.
    pub statement: String,
    /// Why the threshold deserves caution, when it does.
    pub warning: Option<String>,
}

/// What a feature's contribution to a score is.
#[derive(Clone, Debug, Default)]
pub struct Contribution {
    /// In the singular: "squared error".
    pub name: String,
    /// Its unit: "scaled units²", "nats".
    pub unit: String,
    /// How the score of a row follows from those of its features, as a sentence.
    pub relation: String,
}

/// A row with a high score and where it comes from.
#[derive(Clone, Debug)]
pub struct WorstRow {
    /// Number of the data row in its source, from 1.
    pub row: usize,
    /// Its score.
    pub score: f32,
    /// Whether it is an anomaly; `None` without labels.
    pub label: Option<bool>,
    /// Contribution of each feature, `[IN]`.
    pub contributions: Vec<f32>,
}

/// Mean KL divergence of each latent over the rows of the fit.
#[derive(Clone, Debug, Default)]
pub struct LatentSummary {
    /// KL of each latent, `[LATENT]`, in nats.
    pub kl: Vec<f64>,
    /// How many latents are active.
    pub active: usize,
    /// A latent is active when its KL is above this, in nats.
    pub active_above: f64,
}
