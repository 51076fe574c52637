//! The whole path in memory: split, scale, fit, calibrate, export, reload, compare, evaluate.

pub mod auto;
pub mod baselines;
pub mod checkpoint;
mod error;
mod finished;
mod model;
mod network;
pub mod origin;
mod parity;
pub mod rows;
pub mod stream;
mod trainer;

use std::ops::ControlFlow;
use std::time::Instant;

use edgevae_core::LoadError;
use edgevae_core::format::{CalibrationSet, Missing};
use ndarray::{Array2, Axis};

use self::baselines::Outcome;
use crate::base::fingerprint::Fingerprint;
use crate::calibrate::metrics::Confusion;
use crate::calibrate::threshold::{self, Calibration, ThresholdError};
use crate::export::Export;
use crate::export::model_file::ModelFile;
use crate::fit::vae::Shape;
use crate::fit::{Checkpoints, EpochRecord, Fit, FitError, FitOptions};
use crate::heads::{self, FittedHead};
use crate::options::{HeadSizes, Options, Preset, Score};
use crate::prepare::divide::{self, DivideError, Rows};
use crate::prepare::scaler::Scaler;
use crate::quantize::{Quantization, QuantizeError, Quantized, Tuning};
use crate::score::results::Quality;
use crate::score::{self, RowError, RowScorer};
use crate::table::Dataset;
use crate::table::block::Position;
use crate::table::error::DataError;

pub use error::RunError;
pub use finished::Run;
pub use model::{Model, ModelError, Verdict};
use network::Network;
pub use parity::PARITY_LIMIT;
pub use trainer::{Event, Trainer};

/// Why a training run has no result.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The files cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The rows cannot be divided.
    #[error(transparent)]
    Divide(#[from] DivideError),
    /// The model format counts features in 16 bits.
    #[error("{0} features; expected at most 65535: choose some with --features or --ignore")]
    TooManyFeatures(usize),
    /// A column without a value.
    #[error("column `{0}` has no value in any training row; leave it out with --ignore {0}")]
    EmptyColumn(String),
    /// The fit failed.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A row has no score.
    #[error(transparent)]
    Score(#[from] RowError),
    /// The threshold cannot be calibrated.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The file to be written does not score as the model that was tested.
    #[error(
        "the model file scores data row {row} as {found}, the model that was tested as {expected}; please report this"
    )]
    Written {
        /// Data row, counted from 1.
        row: usize,
        /// Score by the file.
        found: f32,
        /// Score by the model.
        expected: f32,
    },
    /// The core refuses the file that was just exported.
    #[error("the exported model does not load: {0}; please report this")]
    Load(#[from] LoadError),
    /// The exported model does not compute what was trained.
    #[error(
        "the exported model scores data row {row} as {core}, the network that was trained as {dfdx}: relative difference \
         {relative:.1e}, expected at most {PARITY_LIMIT:.0e}; please report this"
    )]
    Parity {
        /// Data row, counted from 1.
        row: usize,
        /// Score by the core.
        core: f32,
        /// Score by dfdx.
        dfdx: f32,
        /// Their relative difference.
        relative: f64,
    },
}

/// Rows of the training split that were not fitted, by what they were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct KeptOut {
    /// Early stopping watched them.
    #[serde(rename = "n_validation")]
    pub validation: usize,
    /// The threshold comes from them, and where there are several heads their common footing.
    #[serde(rename = "n_calibration")]
    pub calibration: usize,
    /// Only the common footing of several heads comes from them.
    #[serde(rename = "n_footing")]
    pub footing: usize,
    /// Those of the highest scores of a first fit, left out of the second ([`Options::trim`]).
    #[serde(rename = "n_trimmed")]
    pub trimmed: usize,
}

/// A training run's result.
pub struct Trained {
    /// The calibrated model file, reloaded and compared.
    pub model: ModelFile,
    /// The fit: network, history, KL of each latent.
    pub fit: Fit,
    /// Statistics of the rows that were fitted.
    pub scaler: Scaler,
    /// The threshold and what it implies.
    pub calibration: Calibration,
    /// The rows it was taken from.
    pub calibration_set: CalibrationSet,
    /// Number of rows that were fitted; on a stream more than are in the data set.
    pub n_fitted: usize,
    /// Rows of the data set that were fitted (without validation and calibration shares).
    pub fitted_rows: Vec<usize>,
    /// What became of the rows that were neither fitted nor tested; on a stream those of the sample.
    pub kept_out: KeptOut,
    /// Rows of the data set kept for evaluation.
    pub test_rows: Vec<usize>,
    /// Scores of `test_rows` by the core.
    pub test_scores: Vec<f32>,
    /// Which of `test_rows` have a reading out of range.
    pub test_out_of_range: Vec<bool>,
    /// Labels of `test_rows`.
    pub test_labels: Option<Vec<bool>>,
    /// Verdicts against labels at the threshold.
    pub confusion: Option<Confusion>,
    /// Largest relative difference between core and dfdx, and the number of rows compared.
    pub parity: (f64, usize),
    /// Seconds of the fit alone.
    pub fit_seconds: f64,
    /// Latent means of `test_rows`, `[ROWS, LATENT]`.
    pub test_mu: Array2<f32>,
    /// Things that the user should know about this run.
    pub warnings: Vec<String>,
}

impl Trained {
    /// What the scores of the test rows say about the model.
    pub fn quality(&self) -> Quality {
        Quality::of(&self.test_ranks(), self.test_labels.as_deref(), self.calibration.threshold)
    }

    /// What ranks the test rows; see [`RowVerdict::rank`](crate::score::RowVerdict::rank).
    pub fn test_ranks(&self) -> Vec<f32> {
        ranks(&self.test_scores, &self.test_out_of_range)
    }
}

/// Trains, calibrates, exports, reloads and evaluates a model.
///
/// # Errors
/// [`TrainError`]; options are expected to be valid ([`Options::validate`]).
pub fn train(
    dataset: &Dataset,
    missing: Missing,
    options: &Options,
    on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    Fitted::new(dataset, missing, options, on_epoch)?.finish(options)
}

/// Every score that a network allows on its test rows, in the order of [`Score::ALL`]; none without test rows. Under the
/// preset `reference` those of [`Score::REFERENCE`].
///
/// A score that has no value on some row is left out and named among the warnings of the other result.
pub fn compare_scores(fitted: &Fitted<'_>, options: &Options) -> (Vec<(Score, Trained)>, Vec<String>) {
    let (mut compared, mut warnings) = (Vec::new(), Vec::new());
    if fitted.rows.test.is_empty() {
        return (compared, warnings);
    }
    let scores = if options.preset == Preset::Auto { &Score::ALL[..] } else { &Score::REFERENCE };
    for &score in scores {
        match fitted.finish(&Options { score, ..options.clone() }) {
            Ok(trained) => compared.push((score, trained)),
            Err(error) => warnings.push(format!("the score {} is not in the comparison: {error}", score.name())),
        }
    }
    (compared, warnings)
}

/// Detectors without a network on the same rows, and a warning where one of them finds more; none without labelled test
/// rows of both kinds.
pub fn compare_baselines(fitted: &Fitted<'_>, trained: &Trained, options: &Options) -> (Vec<Outcome>, Option<String>) {
    let Some(labels) = &trained.test_labels else { return (Vec::new(), None) };
    let test = fitted.network.scaler.transform(fitted.raw(&trained.test_rows).view());
    let network = &fitted.network;
    network.workers.install(|| baselines::compare(network.x(), test.view(), &trained.test_scores, labels, options))
}

/// Loads a model file as whoever uses it will, and scores the test rows with it: an input section that was put in
/// after the test changes no bit of a score.
///
/// # Errors
/// [`TrainError::Load`], [`TrainError::Score`], [`TrainError::Written`].
pub fn check_written(file: &ModelFile, dataset: &Dataset, trained: &Trained) -> Result<(), TrainError> {
    let any = file.any()?;
    let mut scorer = RowScorer::new(&any);
    let mut verdicts = Vec::new();
    let samples: Vec<f32> = dataset.features.select(Axis(0), &trained.test_rows).into_iter().collect();
    let scored = scorer.score(&samples, &mut verdicts);
    scored.map_err(|(place, source)| RowError { row: trained.test_rows[place] + 1, source })?;
    for ((&row, &expected), found) in trained.test_rows.iter().zip(&trained.test_scores).zip(&verdicts) {
        let found = found.score;
        if found.to_bits() != expected.to_bits() {
            return Err(TrainError::Written { row: row + 1, found, expected });
        }
    }
    Ok(())
}

/// Scores, and the largest `f32` for rows out of range.
fn ranks(scores: &[f32], out_of_range: &[bool]) -> Vec<f32> {
    scores.iter().zip(out_of_range).map(|(&score, &out)| if out { f32::MAX } else { score }).collect()
}

/// Whether runs with planned options `a` and `b` fit the same rows in the same way, so that [`Fitted::finish`] of one fit
/// serves both.
///
/// The score decides which rows are fitted: one that stores rows keeps some out to compare heads with, and a score that
/// trims chooses the rows to leave out.
pub fn same_fit(dataset: &Dataset, a: &Options, b: &Options) -> bool {
    let but_for_threshold = |options: &Options| Options { quantile: 0.5, ..options.clone() };
    let (a, b) = (but_for_threshold(a), but_for_threshold(b));
    if a == b {
        return true;
    }
    let but_for_score = |options: &Options| Options {
        score: Score::Mse,
        without: Vec::new(),
        sizes: HeadSizes::default(),
        ..options.clone()
    };
    let rows = |options: &Options| Rows::choose(dataset, options, &mut Vec::new()).ok();
    a.trim == 0.0 && b.trim == 0.0 && but_for_score(&a) == but_for_score(&b) && rows(&a) == rows(&b)
}

/// The bits of all names, labels and cells of a data set, whatever they are for.
fn data_fingerprint(dataset: &Dataset) -> u64 {
    let Dataset { names, features, labels, groups, origins } = dataset;
    let mut fingerprint = Fingerprint::default();
    names.iter().chain(origins).for_each(|name| fingerprint.text(name));
    fingerprint.text(&format!("{:?}", features.shape()));
    fingerprint.cells(features);
    labels.iter().for_each(|labels| fingerprint.labels(labels));
    groups.iter().for_each(|&group| fingerprint.number(group.into()));
    fingerprint.finish()
}

/// The bits of what a run depends on: its data, and every option but the number of threads.
fn fingerprint(data: u64, missing: Missing, options: &Options) -> u64 {
    let mut fingerprint = Fingerprint::default();
    fingerprint.number(data);
    fingerprint.text(&format!("{missing:?} {:?}", Options { threads: 0, ..options.clone() }));
    fingerprint.finish()
}

/// What the fit is told.
fn fit_options(dataset: &Dataset, options: &Options) -> FitOptions {
    FitOptions {
        engine: options.engine,
        shape: Shape {
            inputs: dataset.names.len(),
            hidden: options.hidden.clone(),
            latent: options.latent,
            likelihood: options.likelihood,
        },
        epochs: options.epochs,
        batch_size: options.batch_size,
        learning_rate: options.lr,
        beta: options.beta,
        schedule: options.schedule(),
        input_noise: options.input_noise,
        members: options.members,
        patience: options.patience,
        seed: options.seed,
        threads: options.threads,
    }
}

/// [`train`], from a checkpoint and with checkpoints on the way; see [`fit_from`](crate::fit::fit_from).
///
/// # Errors
/// As [`train`], and those of the checkpoints.
pub fn train_from(
    checkpoints: Checkpoints<'_>,
    dataset: &Dataset,
    missing: Missing,
    options: &Options,
    on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    Fitted::new_from(checkpoints, dataset, missing, options, on_epoch)?.finish(options)
}

/// A fitted network and the rows of its data set by their use; any score can be made of it without another fit.
pub struct Fitted<'d> {
    dataset: &'d Dataset,
    missing: Missing,
    rows: Rows,
    n_fitted: usize,
    network: Network,
    fit_seconds: f64,
    warnings: Vec<String>,
}

impl<'d> Fitted<'d> {
    /// Splits, scales and fits; with [`Options::trim`], leaves the worst rows out and does so again.
    ///
    /// # Errors
    /// [`TrainError`]; options are expected to be valid ([`Options::validate`]) and planned
    /// ([`auto::plan`]).
    pub fn new(
        dataset: &'d Dataset,
        missing: Missing,
        options: &Options,
        on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        Self::new_from(Checkpoints::none(), dataset, missing, options, on_epoch)
    }

    /// [`Fitted::new`], from a checkpoint and with checkpoints on the way.
    ///
    /// # Errors
    /// As [`Fitted::new`], and those of the checkpoints.
    pub fn new_from(
        checkpoints: Checkpoints<'_>,
        dataset: &'d Dataset,
        missing: Missing,
        options: &Options,
        on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        if dataset.names.len() > usize::from(u16::MAX) {
            return Err(TrainError::TooManyFeatures(dataset.names.len()));
        }
        let data = if checkpoints.are_used() { fingerprint(data_fingerprint(dataset), missing, options) } else { 0 };
        let checkpoints = checkpoints.of_data(data);
        let mut warnings = Vec::from_iter(options.warning());
        let rows = Rows::choose(dataset, options, &mut warnings)?;
        Self::of_rows(checkpoints, dataset, missing, rows, warnings, options, on_epoch)
    }

    /// Scales and fits the rows of a data set that is divided already.
    fn of_rows(
        mut checkpoints: Checkpoints<'_>,
        dataset: &'d Dataset,
        missing: Missing,
        rows: Rows,
        mut warnings: Vec<String>,
        options: &Options,
        on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        let start = Instant::now();
        let fitted = if options.trim > 0.0 {
            let network = Network::fit(&mut checkpoints, dataset, &rows, options, on_epoch)?;
            let mut first = Self { dataset, missing, rows, n_fitted: 0, network, fit_seconds: 0.0, warnings: vec![] };
            first.trim(options)?;
            let network = Network::fit(&mut checkpoints, dataset, &first.rows, options, on_epoch)?;
            Self { network, ..first }
        } else {
            let network = Network::fit(&mut checkpoints, dataset, &rows, options, on_epoch)?;
            Self { dataset, missing, rows, n_fitted: 0, network, fit_seconds: 0.0, warnings: vec![] }
        };
        divide::warn_about_columns(dataset, &fitted.network.scaler, fitted.rows.trimmed, &mut warnings);
        let (n_fitted, fit_seconds) = (fitted.rows.fit.len(), start.elapsed().as_secs_f64());
        Ok(Self { n_fitted, fit_seconds, warnings, ..fitted })
    }

    /// Leaves out the share [`Options::trim`] of the rows to fit and of those that bring heads to one footing: those of
    /// the highest scores. The threshold is calibrated on all its rows.
    fn trim(&mut self, options: &Options) -> Result<(), TrainError> {
        let heads = self.network.workers.install(|| self.heads(options))?;
        let model = self.uncalibrated(&heads, options)?;
        let keep = |rows: &[usize]| -> Result<Vec<usize>, TrainError> {
            let scores = score::score_rows(&model, self.raw(rows).view(), rows)?;
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            order.truncate(((1.0 - options.trim) * rows.len() as f64).ceil().max(2.0) as usize);
            order.sort_unstable();
            Ok(order.into_iter().map(|at| rows[at]).collect())
        };
        let (fit, footing) = (keep(&self.rows.fit)?, keep(&self.rows.footing)?);
        let left = |before: &[usize], after: &[usize]| before.len() - after.len();
        // A footing that is the holdout goes on as the rows of the threshold.
        let of_footing = if self.rows.own_footing() > 0 { left(&self.rows.footing, &footing) } else { 0 };
        self.rows.trimmed = left(&self.rows.fit, &fit) + of_footing;
        (self.rows.fit, self.rows.footing) = (fit, footing);
        Ok(())
    }

    /// Fits the heads of a score, calibrates, exports, reloads and evaluates.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn finish(&self, options: &Options) -> Result<Trained, TrainError> {
        self.network.workers.install(|| self.finished(options))
    }

    fn finished(&self, options: &Options) -> Result<Trained, TrainError> {
        let Self { dataset, rows, network: Network { scaler, fit, .. }, .. } = self;
        let mut warnings = self.warnings.clone();
        let heads = self.heads(options)?;
        // Scores do not depend on the threshold, so a first file without one gives the scores that calibrate the second.
        let uncalibrated = self.uncalibrated(&heads, options)?;
        let scores = |indices: &[usize]| score::score_rows(&uncalibrated, self.raw(indices).view(), indices);
        let test_scores = scores(&rows.test)?;
        let test_labels =
            dataset.labels.as_ref().map(|labels| rows.test.iter().map(|&row| labels[row]).collect::<Vec<_>>());
        let normal_test_scores: Vec<f32> = match &test_labels {
            Some(labels) => {
                test_scores.iter().zip(labels).filter(|(_, label)| !**label).map(|(score, _)| *score).collect()
            }
            None => Vec::new(),
        };
        let (set, calibration_scores) = match rows.calibration_set(options, normal_test_scores.len())? {
            CalibrationSet::TestNormals => (CalibrationSet::TestNormals, normal_test_scores),
            CalibrationSet::Holdout => (CalibrationSet::Holdout, scores(&rows.holdout)?),
            _ => (CalibrationSet::TrainingRows, scores(&rows.fit)?),
        };
        if set == CalibrationSet::TrainingRows {
            warnings.push(divide::CALIBRATED_ON_TRAINING_ROWS.into());
        }
        let calibration = threshold::calibrate(&calibration_scores, options.quantile)?;
        warnings.extend(calibration.warning());
        let model = self.export(options).model_file(&heads, &calibration, set);

        // Without a test split the fitted rows serve: the comparison is about arithmetic, not about quality.
        let compared = if rows.test.is_empty() { &rows.fit[..rows.fit.len().min(10_000)] } else { &rows.test[..] };
        let parity = parity::compare(&model, &heads, &fit.vae, scaler, self.raw(compared).view(), compared)?;
        let view = model.model()?;
        let out_of_range = |&row: &usize| view.is_out_of_range(self.raw(&[row]).as_slice().unwrap_or(&[]));
        let test_out_of_range: Vec<bool> = rows.test.iter().map(out_of_range).collect();
        let test_ranks = ranks(&test_scores, &test_out_of_range);
        let confusion = test_labels.as_ref().map(|labels| Confusion::at(&test_ranks, labels, calibration.threshold));
        drop(view);
        Ok(Trained {
            model,
            fit: fit.clone(),
            scaler: scaler.clone(),
            calibration,
            calibration_set: set,
            n_fitted: self.n_fitted,
            fitted_rows: rows.fit.clone(),
            kept_out: KeptOut {
                validation: rows.validation.len(),
                calibration: rows.holdout.len(),
                footing: rows.own_footing(),
                trimmed: rows.trimmed,
            },
            test_rows: rows.test.clone(),
            test_scores,
            test_out_of_range,
            test_labels,
            confusion,
            parity,
            fit_seconds: self.fit_seconds,
            test_mu: fit.vae.encode(scaler.transform(self.raw(&rows.test).view()).view()).0,
            warnings,
        })
    }

    /// The int8 form of a model that [`Fitted::finish`] made: ranges, and fine-tuning for some epochs, from the fitted rows,
    /// a threshold of its own from the rows that gave the float model's, compared with it on the test rows.
    ///
    /// # Shapes
    /// `places`: `[ROWS]`, where each row of the data set stands in its source, for messages.
    ///
    /// # Errors
    /// [`QuantizeError`].
    pub fn quantize(
        &self,
        trained: &Trained,
        options: &Options,
        epochs: usize,
        places: &[Position],
    ) -> Result<Quantized, QuantizeError> {
        let Self { dataset, rows, .. } = self;
        let labels = dataset.labels.as_deref();
        let is_normal = |row: &usize| labels.is_none_or(|labels| !labels[*row]);
        let test_normals: Vec<usize> = rows.test.iter().copied().filter(is_normal).collect();
        let quantization = Quantization {
            features: dataset.features.view(),
            labels,
            places,
            ranges_from: &rows.fit,
            threshold_from: match trained.calibration_set {
                CalibrationSet::TestNormals => &test_normals,
                CalibrationSet::Holdout => &rows.holdout,
                _ => &rows.fit,
            },
            compared: if rows.test.is_empty() { &rows.fit } else { &rows.test },
            set: trained.calibration_set,
            quantile: options.quantile,
            tuning: Tuning { epochs, seed: options.seed },
        };
        quantization.of(&trained.model.model()?)
    }

    /// The heads of the score, on one footing where there are several.
    ///
    /// The footing comes from rows kept out of the fit for calibration, else from the fitted rows; never from the test
    /// rows, which only evaluate.
    fn heads(&self, options: &Options) -> Result<Vec<FittedHead>, TrainError> {
        let kinds = options.heads();
        let head = |&kind| FittedHead::new(kind, self.network.fitting(), options.sizes.storage, options.seed);
        let mut heads: Vec<FittedHead> = kinds.iter().map(head).collect();
        if heads.len() > 1 {
            let footing = if self.rows.footing.is_empty() { &self.rows.fit } else { &self.rows.footing };
            let weights: f64 = kinds.iter().copied().map(heads::weight).sum();
            for head in &mut heads {
                let weight = heads::weight(head.kind) * kinds.len() as f64 / weights;
                let alone = self.uncalibrated(std::slice::from_ref(head), options)?;
                head.tail = heads::fit_tail(&score::score_rows(&alone, self.raw(footing).view(), footing)?, weight);
            }
        }
        Ok(heads)
    }

    /// A file whose threshold flags nothing.
    fn uncalibrated(&self, heads: &[FittedHead], options: &Options) -> Result<ModelFile, TrainError> {
        let never = threshold::at_threshold(&[], f32::MAX)?;
        let file = self.export(options).model_file(heads, &never, CalibrationSet::ByHand);
        file.model()?;
        Ok(file)
    }

    fn export(&self, options: &Options) -> Export<'_> {
        let Self { dataset, missing, network: Network { scaler, fit, .. }, .. } = self;
        let reach = self.reach();
        Export { names: &dataset.names, scaler, missing: *missing, network: &fit.vae, seed: options.seed, reach }
    }

    /// The largest magnitude of the fitted rows in scales; of a stream those of the sample.
    fn reach(&self) -> f32 {
        let blocks = self.rows.fit.chunks(4096);
        blocks.map(|rows| self.network.scaler.reach(self.raw(rows).view())).fold(0.0, f32::max)
    }

    /// Rows in raw units.
    fn raw(&self, indices: &[usize]) -> Array2<f32> {
        self.dataset.features.select(Axis(0), indices)
    }
}

#[cfg(test)]
mod tests;
