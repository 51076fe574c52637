//! What a training run is told: defaults, ranges and the names that flags, `config.toml` and reports share.
//!
//! `table` defines every option once; [`Config`] is what a user gives, [`Options`] what that comes to with the defaults.
//! `choices` has the types of options that are one of several words or have a form of their own, `score` what a row's score
//! is made of, `ranges` what several options must have in common.

pub mod beta;
mod choices;
mod columns;
pub mod config;
pub mod likelihood;
mod ranges;
mod score;
pub mod spec;
mod table;

use edgevae_core::format::HeadKind;

use crate::options::beta::BetaSchedule;
pub use crate::options::likelihood::Likelihood;
pub use choices::{
    Bytes, CalibrateOn, Contamination, Engine, Preset, Scaling, Schedule, SplitBy, TrainOn, WindowFeatures,
};
pub use columns::{Cyclic, Request};
pub use config::Config;
pub use ranges::{MOST_EPOCHS, MOST_THREADS, OptionError};
pub use score::{HeadSizes, Score, Storage};
pub use table::Options;

impl Default for Options {
    /// Those of a run that asks for nothing, on one thread.
    fn default() -> Self {
        Self { threads: 1, ..Config::default().options() }
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
