//! What a training run is told: defaults, ranges and the names that flags, `config.toml` and reports share.

use serde::{Deserialize, Serialize};

use edgevae_core::format::HeadKind;

use crate::beta::BetaSchedule;
pub use crate::likelihood::Likelihood;

/// Which training rows the network is fitted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TrainOn {
    /// All of them, anomalies included: what is known when nobody has labelled anything.
    #[default]
    All,
    /// Those labelled normal.
    Normal,
}

/// Which rows the threshold is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CalibrateOn {
    /// Normal rows of the test split; needs labels.
    Test,
    /// A share of the training rows kept out of the fit; where there are labels, the normal ones among them.
    Holdout,
}

/// Which rows only evaluation sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SplitBy {
    /// Rows at random, the same share of each class.
    #[default]
    Random,
    /// The last rows: what is fitted and calibrated came before.
    Chronological,
    /// Whole groups of rows, those of equal cells in this column: machines, batches, recordings.
    Group(String),
}

impl std::str::FromStr for SplitBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("group:")) {
            ("random", _) => Ok(Self::Random),
            ("chronological", _) => Ok(Self::Chronological),
            (_, Some(column)) if !column.is_empty() => Ok(Self::Group(column.to_owned())),
            _ => Err(format!("`{text}`; expected random, chronological or group:COLUMN")),
        }
    }
}

impl std::fmt::Display for SplitBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Chronological => f.write_str("chronological"),
            Self::Group(column) => write!(f, "group:{column}"),
        }
    }
}

impl Serialize for SplitBy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SplitBy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What becomes of the rows of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum WindowFeatures {
    /// All their values.
    Lags,
    /// Of each value mean, standard deviation, least, greatest, and last minus first.
    #[default]
    Summary,
}

/// What a row's score is; each is one or several [`heads`](crate::heads).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// Reconstruction error: squared error averaged over features, scaled units
    #[default]
    Mse,
    /// Negative log-likelihood under the decoder's Gaussian
    Nll,
    /// Negative log-likelihood plus KL divergence: the negative evidence lower bound at z = mu
    Elbo,
    /// Mahalanobis distance of mu from those of the training rows
    Mahalanobis,
    /// Negative log-likelihood, averaged over draws of z
    ReconstructionProbability,
    /// Reconstruction and Mahalanobis, each as the negative log of its tail probability, averaged
    Combined,
    /// Mahalanobis distance of residual and mu together from those of the training rows
    JointMahalanobis,
    /// Distance to the nearest of the training rows that the model stores
    Neighbours,
    /// How rare each feature's value is by itself
    Histogram,
    /// How soon random splits isolate the row
    Isolation,
    /// Neighbours, joint Mahalanobis and histogram, averaged like `combined` with weights 3, 1 and 1
    Density,
}

impl Score {
    /// Every score, in the order of tables.
    pub const ALL: [Self; 11] = [
        Self::Mse,
        Self::Nll,
        Self::Elbo,
        Self::Mahalanobis,
        Self::ReconstructionProbability,
        Self::Combined,
        Self::JointMahalanobis,
        Self::Neighbours,
        Self::Histogram,
        Self::Isolation,
        Self::Density,
    ];

    /// The scores that compare the parts of the reference system.
    pub const REFERENCE: [Self; 6] =
        [Self::Mse, Self::Nll, Self::Elbo, Self::Mahalanobis, Self::ReconstructionProbability, Self::Combined];

    /// The heads that make it.
    pub fn heads(self, likelihood: Likelihood, sizes: HeadSizes) -> Vec<HeadKind> {
        let HeadSizes { draws, stored_rows: rows, nearest, bins, trees, depth, full_covariance: full, .. } = sizes;
        let joint = HeadKind::JointMahalanobis { full };
        let neighbours = HeadKind::Neighbours { rows, nearest };
        match self {
            Self::Mse => vec![HeadKind::Mse],
            Self::Nll => vec![HeadKind::Nll],
            Self::Elbo => vec![HeadKind::Elbo],
            Self::Mahalanobis => vec![HeadKind::Mahalanobis],
            Self::ReconstructionProbability => vec![HeadKind::ReconstructionProbability { draws }],
            // The error that the training minimised: squared, or weighted by the variances that it learned.
            Self::Combined if likelihood == Likelihood::Mse => vec![HeadKind::Mse, HeadKind::Mahalanobis],
            Self::Combined => vec![HeadKind::Nll, HeadKind::Mahalanobis],
            Self::JointMahalanobis => vec![joint],
            Self::Neighbours => vec![neighbours],
            Self::Histogram => vec![HeadKind::Histogram { bins }],
            Self::Isolation => vec![HeadKind::Isolation { trees, depth }],
            Self::Density => vec![neighbours, joint, HeadKind::Histogram { bins }],
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Nll => "nll",
            Self::Elbo => "elbo",
            Self::Mahalanobis => "mahalanobis",
            Self::ReconstructionProbability => "reconstruction-probability",
            Self::Combined => "combined",
            Self::JointMahalanobis => "joint-mahalanobis",
            Self::Neighbours => "neighbours",
            Self::Histogram => "histogram",
            Self::Isolation => "isolation",
            Self::Density => "density",
        }
    }

    /// What it is, in the words of a report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mse => "reconstruction error",
            Self::Nll => "negative log-likelihood",
            Self::Elbo => "negative ELBO",
            Self::Mahalanobis => "Mahalanobis distance of mu",
            Self::ReconstructionProbability => "negative log-likelihood over draws",
            Self::Combined => "mean surprise of reconstruction and Mahalanobis",
            Self::JointMahalanobis => "Mahalanobis distance of residual and mu",
            Self::Neighbours => "distance to the nearest stored rows",
            Self::Histogram => "rarity of each feature's value",
            Self::Isolation => "splits saved on the way to a leaf",
            Self::Density => "mean surprise of neighbours, joint Mahalanobis and histogram",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Mse => "scaled units²",
            Self::Mahalanobis | Self::JointMahalanobis => "standard deviations",
            Self::Neighbours => "scaled units",
            Self::Isolation => "splits",
            _ => "nats",
        }
    }
}

/// How beta rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// `beta` from the first epoch on.
    Constant,
    /// From 0 to `beta` over the first `beta-warmup` epochs.
    #[default]
    Linear,
    /// Several rises, each followed by a stretch at `beta`.
    Cyclical,
}

/// Where a feature's zero lies and what its unit is, before the network sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// Mean and standard deviation
    #[default]
    Standard,
    /// Median and the range of the middle half of the values, as wide as a standard deviation where they are Gaussian
    Robust,
}

/// What chooses the options that are not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The shape of the data and a flash budget choose network and score: the default for data of your own
    Auto,
    /// The reference system: 64,32 hidden, 8 latents, reconstruction error
    #[default]
    Reference,
}

/// What is believed about anomalies among the training rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Contamination {
    /// Nothing is known: some of them may be anomalies.
    #[default]
    Auto,
    /// This share of them are; 0 says that they are known to be clean.
    Share(f64),
}

impl std::str::FromStr for Contamination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(share) if (0.0..=0.5).contains(&share) => Ok(Self::Share(share)),
            _ => Err(format!(
                "`{text}`; expected auto or a share from 0 to 0.5, as in 0.05 (0: the rows are known to be clean)"
            )),
        }
    }
}

impl std::fmt::Display for Contamination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Share(share) => share.fmt(f),
        }
    }
}

impl Serialize for Contamination {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Share(share) => serializer.serialize_f64(*share),
        }
    }
}

impl<'de> Deserialize<'de> for Contamination {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected \"auto\" or a share from 0 to 0.5")]
        enum Either {
            Number(f64),
            Text(String),
        }
        let text = match Either::deserialize(deserializer)? {
            Either::Number(share) => share.to_string(),
            Either::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes: `65536`, `64K` or `1M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub usize);

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.strip_suffix(['K', 'k']) {
            Some(digits) => (digits, 1024),
            None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, 1024 * 1024)),
        };
        let bytes = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
        let bytes = bytes.filter(|bytes| (4096..=1 << 30).contains(bytes));
        bytes.map(Self).ok_or_else(|| format!("`{text}`; expected bytes from 4K to 1024M, as in 65536 or 64K"))
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_multiple_of(1024) { write!(f, "{}K", self.0 / 1024) } else { self.0.fmt(f) }
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

/// Which training rows a model stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Each next one the farthest from those chosen before: they cover all training rows, odd ones included.
    Covering,
    /// At random: they lie where most rows lie, and an anomaly is rarely among them.
    Random,
}

/// Sizes of the heads that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadSizes {
    /// Draws of `z` for a score that averages over them.
    pub draws: u8,
    /// Stored rows; fewer where there are no more.
    pub stored_rows: u16,
    /// Which rows.
    pub storage: Storage,
    /// How many of the nearest stored rows count.
    pub nearest: u8,
    /// Bins of each feature's histogram.
    pub bins: u8,
    /// Isolation trees.
    pub trees: u8,
    /// Splits from their root to a leaf; each is grown of `2^depth` rows.
    pub depth: u8,
    /// Whether the joint Mahalanobis distance takes the covariance in full, or variances only.
    pub full_covariance: bool,
}

impl Default for HeadSizes {
    fn default() -> Self {
        Self {
            draws: 16,
            stored_rows: 1000,
            storage: Storage::Covering,
            nearest: 1,
            bins: 32,
            trees: 64,
            depth: 6,
            full_covariance: true,
        }
    }
}

/// Everything that decides a model's bytes, beside the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What chose the options below; [`auto::plan`](crate::auto::plan) does for `auto`.
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

/// More epochs than any fit takes; their records stay in memory.
pub const MOST_EPOCHS: usize = 1_000_000;

/// More threads than a workstation has cores help nobody, and 100,000 of them stop the machine.
pub const MOST_THREADS: u16 = 1024;

/// An option outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("--{name} is {found}; expected {expected}")]
pub struct OptionError {
    /// Name of the flag and of the key in a config file.
    pub name: &'static str,
    /// What was given.
    pub found: String,
    /// What is possible.
    pub expected: &'static str,
}

impl Options {
    /// Checks every option's range.
    ///
    /// # Errors
    /// The first option that is outside its range.
    pub fn validate(&self) -> Result<(), OptionError> {
        let check = |ok: bool, name, found: String, expected| {
            if ok { Ok(()) } else { Err(OptionError { name, found, expected }) }
        };
        let members = self.members.to_string();
        check((1..=16).contains(&self.members), "members", members, "a number from 1 to 16")?;
        let width = "widths from 1 to 65535, of all members together, at most 7 of them, as in 64,32";
        let widths_fit = self.hidden.iter().all(|width| (1..=65_535 / self.members).contains(width));
        check((1..=7).contains(&self.hidden.len()) && widths_fit, "hidden", join(&self.hidden), width)?;
        let whole = "a whole number above 0";
        let latents = "a number from 1 to 65535, of all members together";
        check((1..=65_535 / self.members).contains(&self.latent), "latent", self.latent.to_string(), latents)?;
        let epochs = (1..=MOST_EPOCHS).contains(&self.epochs);
        check(epochs, "epochs", self.epochs.to_string(), "a whole number from 1 to 1000000")?;
        let cyclical = "at least 8 with --beta-schedule cyclical: two for each of its four cycles";
        check(self.schedule().check(self.epochs).is_ok(), "epochs", self.epochs.to_string(), cyclical)?;
        check(self.batch_size > 0, "batch-size", self.batch_size.to_string(), whole)?;
        let threads = (1..=usize::from(MOST_THREADS)).contains(&self.threads);
        check(threads, "threads", self.threads.to_string(), "a number from 1 to 1024")?;
        check(self.patience != Some(0), "patience", "0".into(), whole)?;
        check(self.sizes.draws > 0, "draws", self.sizes.draws.to_string(), "a number from 1 to 255")?;
        check(self.lr.is_finite() && self.lr > 0.0, "lr", self.lr.to_string(), "a number above 0, usually 1e-3")?;
        check(self.beta.is_finite() && self.beta >= 0.0, "beta", self.beta.to_string(), "a number of at least 0")?;
        let noise = self.input_noise.is_finite() && self.input_noise >= 0.0;
        check(noise, "input-noise", self.input_noise.to_string(), "a number of at least 0, usually below 1")?;
        let clips = self.clip.is_none_or(|clip| clip.is_finite() && clip > 0.0);
        check(clips, "clip", self.clip.unwrap_or(0.0).to_string(), "a number above 0, usually 32")?;
        let heads = self.score_or_auto().heads(self.likelihood, self.sizes);
        let is_head = |without: &Score| heads.iter().any(|kind| kind.name() == without.name());
        let left = self.without.is_empty() || self.without.len() < heads.len();
        let names = self.without.iter().map(|without| without.name()).collect::<Vec<_>>().join(",");
        check(left && self.without.iter().all(is_head), "without", names, "some heads of the score, not all of them")?;
        let share = "a fraction of at least 0 and below 1";
        for (name, fraction) in [
            ("test-fraction", self.test_fraction),
            ("contamination", self.trim),
            ("calibration-fraction", self.calibration_fraction),
            ("validation-fraction", self.validation_fraction),
        ] {
            check((0.0..1.0).contains(&fraction), name, fraction.to_string(), share)?;
        }
        let validates = self.patience.is_none() || self.validation_fraction > 0.0;
        let fraction = "a fraction above 0 with --patience: it watches the objective of these rows";
        check(validates, "validation-fraction", self.validation_fraction.to_string(), fraction)?;
        let quantile = "a quantile above 0 and below 1, as in 0.95";
        check(self.quantile > 0.0 && self.quantile < 1.0, "quantile", self.quantile.to_string(), quantile)
    }

    /// What options that are each in range do to each other, where that is rarely meant: a beta that does not rise to its
    /// value within the epochs.
    pub fn warning(&self) -> Option<String> {
        let Self { epochs, beta, beta_warmup, .. } = self;
        let last = self.schedule().at(*beta, epochs.saturating_sub(1), *epochs);
        (last < *beta).then(|| {
            let waits = if self.patience.is_some() { ", and --patience waits for the full beta" } else { "" };
            format!(
                "beta ends at {last:.2} of {beta}: --beta-warmup {beta_warmup} is longer than --epochs {epochs}{waits}"
            )
        })
    }

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

fn join(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(Options::default().validate(), Ok(()));
    }

    #[test]
    fn a_cyclical_schedule_takes_eight_epochs() {
        let options = Options { epochs: 8, beta_schedule: Schedule::Cyclical, ..Options::default() };
        assert_eq!(options.validate(), Ok(()));
    }

    #[test]
    fn a_beta_that_does_not_rise_to_its_value_is_told() {
        let short = Options { epochs: 5, ..Options::default() };
        let told = "beta ends at 0.17 of 1: --beta-warmup 30 is longer than --epochs 5";
        assert_eq!(short.warning().as_deref(), Some(told));
        assert!(Options { patience: Some(3), ..short.clone() }.warning().unwrap().contains("--patience"));
        assert_eq!(Options { beta_warmup: 5, ..short.clone() }.warning(), None);
        assert_eq!(Options { beta: 0.0, ..short.clone() }.warning(), None);
        assert_eq!(Options { beta_schedule: Schedule::Constant, ..short }.warning(), None);
    }

    #[test]
    fn each_option_outside_its_range_is_named() {
        type Break = fn(&mut Options);
        let broken: [(&str, Break); 30] = [
            ("hidden", |o| o.hidden = vec![]),
            ("hidden", |o| o.hidden = vec![64, 0]),
            ("hidden", |o| o.hidden = vec![8; 8]),
            ("latent", |o| o.latent = 0),
            ("hidden", |o| (o.hidden, o.members) = (vec![40_000], 2)),
            ("members", |o| o.members = 0),
            ("members", |o| o.members = 17),
            ("input-noise", |o| o.input_noise = -0.1),
            ("input-noise", |o| o.input_noise = f32::INFINITY),
            ("without", |o| o.without = vec![Score::Mse]),
            ("without", |o| (o.score, o.without) = (Score::Density, vec![Score::Isolation])),
            ("epochs", |o| o.epochs = 0),
            ("epochs", |o| o.epochs = MOST_EPOCHS + 1),
            ("epochs", |o| (o.epochs, o.beta_schedule) = (7, Schedule::Cyclical)),
            ("validation-fraction", |o| (o.patience, o.validation_fraction) = (Some(3), 0.0)),
            ("batch-size", |o| o.batch_size = 0),
            ("threads", |o| o.threads = 0),
            ("threads", |o| o.threads = 1025),
            ("patience", |o| o.patience = Some(0)),
            ("draws", |o| o.sizes.draws = 0),
            ("lr", |o| o.lr = 0.0),
            ("lr", |o| o.lr = f32::NAN),
            ("beta", |o| o.beta = -1.0),
            ("beta", |o| o.beta = f32::INFINITY),
            ("test-fraction", |o| o.test_fraction = 1.0),
            ("test-fraction", |o| o.test_fraction = -0.1),
            ("validation-fraction", |o| o.validation_fraction = f64::NAN),
            ("calibration-fraction", |o| o.calibration_fraction = 2.0),
            ("quantile", |o| o.quantile = 0.0),
            ("quantile", |o| o.quantile = 1.0),
        ];
        for (name, break_it) in broken {
            let mut options = Options::default();
            break_it(&mut options);
            assert_eq!(options.validate().map_err(|error| error.name), Err(name));
        }
    }
}
