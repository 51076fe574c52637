//! What a training run is told: defaults, ranges and the names that flags, `config.toml` and reports share.
//!
//! [`Options`] holds all of it, with the defaults; `choices` has the options that are one of several words or a text of their
//! own form, `score` what a row's score is made of, `ranges` what is refused and what comes with a warning.

pub mod beta;
mod choices;
mod columns;
pub mod config;
pub mod likelihood;
mod ranges;
mod score;

use edgevae_core::format::HeadKind;

use crate::options::beta::BetaSchedule;
pub use crate::options::likelihood::Likelihood;
pub use choices::{Bytes, CalibrateOn, Contamination, Preset, Scaling, Schedule, SplitBy, TrainOn, WindowFeatures};
pub use columns::{Cyclic, Request};
pub use ranges::{MOST_EPOCHS, MOST_THREADS, OptionError};
pub use score::{HeadSizes, Score, Storage};

/// Everything that decides a model's bytes, beside the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What chose the options below; [`auto::plan`](crate::run::auto::plan) does for `auto`.
    pub preset: Preset,
    /// What is believed about anomalies among the training rows.
    pub contamination: Contamination,
    /// Bytes that the model file may take; `auto` chooses within it.
    pub flash_budget: Bytes,
    /// Zero and unit of the scaled features.
    pub scaling: Scaling,
    /// Scaled features are held in `[-clip, clip]`.
    pub clip: Option<f32>,
    /// Share of the training rows, those of the highest scores, that is left out before a second fit.
    pub trim: f64,
    /// Widths of the encoder's hidden layers; the decoder mirrors them.
    pub hidden: Vec<usize>,
    /// Number of latents.
    pub latent: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// Rows in one optimisation step.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub lr: f32,
    /// Weight of the KL term when fully risen.
    pub beta: f32,
    /// How it rises.
    pub beta_schedule: Schedule,
    /// Epochs of the linear rise.
    pub beta_warmup: usize,
    /// What the decoder says about a row.
    pub likelihood: Likelihood,
    /// Standard deviation of the noise added to rows before they are encoded, scaled units.
    pub input_noise: f32,
    /// Networks of these sizes that are fitted and joined to one.
    pub members: usize,
    /// Which rows are fitted.
    pub train_on: TrainOn,
    /// Share of the rows that only evaluation sees.
    pub test_fraction: f64,
    /// Which ones.
    pub split: SplitBy,
    /// Rows left out between the fitted and the later ones in a chronological split: those whose windows reach into both.
    pub split_gap: usize,
    /// Quantile of calibration scores that becomes the threshold.
    pub quantile: f64,
    /// Which rows the threshold is taken from; `None`: the test split where it has normal rows, else a holdout.
    pub calibrate_on: Option<CalibrateOn>,
    /// Share of the training rows kept out of the fit for calibration.
    pub calibration_fraction: f64,
    /// Stop after so many epochs without a better validation objective; `None`: run them all.
    pub patience: Option<usize>,
    /// Share of the training rows kept out of the fit for early stopping.
    pub validation_fraction: f64,
    /// What a row's score is.
    pub score: Score,
    /// Heads, by the names that they have as scores, that a score of several is made without.
    pub without: Vec<Score>,
    /// Names of the options that were given: `auto` leaves them.
    pub by_hand: Vec<&'static str>,
    /// Sizes of its heads.
    pub sizes: HeadSizes,
    /// Seed of splits, initialisation, shuffling and noise.
    pub seed: u64,
    /// Threads of the fit; results do not depend on it.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: Preset::Reference,
            contamination: Contamination::Auto,
            flash_budget: Bytes(64 * 1024),
            scaling: Scaling::Standard,
            clip: None,
            trim: 0.0,
            hidden: vec![64, 32],
            latent: 8,
            epochs: 50,
            batch_size: 128,
            lr: 1e-3,
            beta: 1.0,
            beta_schedule: Schedule::Linear,
            beta_warmup: 30,
            likelihood: Likelihood::Mse,
            input_noise: 0.0,
            members: 1,
            train_on: TrainOn::All,
            test_fraction: 0.2,
            split: SplitBy::Random,
            split_gap: 0,
            quantile: 0.95,
            calibrate_on: None,
            calibration_fraction: 0.2,
            patience: None,
            validation_fraction: 0.1,
            score: Score::Mse,
            without: Vec::new(),
            by_hand: Vec::new(),
            sizes: HeadSizes::default(),
            seed: 0,
            threads: 1,
        }
    }
}

impl Options {
    /// The score that was given, or what `auto` takes where none was.
    pub fn score_or_auto(&self) -> Score {
        let chosen = self.preset == Preset::Auto && !self.by_hand.contains(&"score");
        if chosen { Score::Density } else { self.score }
    }

    /// The heads of the score, less those that it is to be made without.
    pub fn heads(&self) -> Vec<HeadKind> {
        let mut heads = self.score.heads(self.likelihood, self.sizes);
        if heads.len() > 1 {
            heads.retain(|kind| self.without.iter().all(|without| without.name() != kind.name()));
        }
        heads
    }

    /// The schedule with its parameters.
    pub fn schedule(&self) -> BetaSchedule {
        match self.beta_schedule {
            Schedule::Constant => BetaSchedule::Constant,
            Schedule::Linear => BetaSchedule::Linear { warmup: self.beta_warmup },
            Schedule::Cyclical => BetaSchedule::Cyclical { cycles: 4 },
        }
    }
}
