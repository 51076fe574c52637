//! The options of `train` as a user writes them: flags, a `config.toml`, or both; a flag wins over the file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use edgevae_core::format::input::{self as format, WindowSpec};

use super::{Cyclic, Request, columns};
use crate::base::regular;
use crate::options::{
    Bytes, CalibrateOn, Contamination, HeadSizes, Likelihood, MOST_EPOCHS, OptionError, Options, Preset, Scaling,
    Schedule, Score, SplitBy, TrainOn, WindowFeatures,
};
use crate::table::form::{Decimal, FileForm, parse_encoding, parse_thousands};
use crate::table::options::{Format, Missing, parse_delimiter};

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It names two sources of rows.
    #[error("{path}: found both `data` and `synth`; expected one of them: remove the other", path = .0.display())]
    TwoSources(PathBuf),
    /// It is no TOML, or holds a key or a value that `train` does not know; the message shows the line.
    #[error("{path}: {source}expected the names and values of `edgevae train --help` without the dashes", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: Box<toml::de::Error>,
    },
}

macro_rules! config {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// Options of `train` under their flags' names; what is `None` has its default.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, clap::Args)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct Config {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl Config {
            /// Takes from `other` what is not set here; of its rows nothing where rows are set here, as files or as a
            /// recipe, and of how files are read nothing where they are a recipe.
            pub fn or(self, other: Self) -> Self {
                let rows = self.data.is_some() || self.synth.is_some();
                let other = if rows { Self { data: None, synth: None, ..other } } else { other };
                let other = if self.synth.is_some() { other.without_files() } else { other };
                Self { $($field: self.$field.or(other.$field),)* }
            }
        }
    };
}

config! {
    /// CSV files with a header, JSON lines or Parquet; a folder stands for those in it, `*` and `?` for any characters
    /// [default: the reference data set, generated]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    #[serde(deserialize_with = "one_or_many")]
    data: Vec<PathBuf>,
    /// Format of the files [default: by the extension, CSV for any that is not known]
    #[arg(long)]
    format: Format,
    /// Read the files again for each epoch instead of holding them in memory (--preset auto keeps a random sample of
    /// their rows) [default: when they would take more than half of the memory that is free]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    stream: bool,
    /// Column of labels: 0/1, true/false or normal/anomaly
    #[arg(long, value_name = "COLUMN")]
    label: String,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Columns to use [default: all but the label and those left out]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    features: Vec<String>,
    /// Field separator [default: comma, semicolon or tab, whichever the header has]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: String,
    /// Decimal mark: . or , [default: detected]
    #[arg(long, value_name = "MARK")]
    decimal: Decimal,
    /// Separator of thousands: , . ' _ or the word blank [default: detected]
    #[arg(long, value_name = "CHARACTER")]
    thousands: String,
    /// The files have no line of column names: columns are c1, c2, ... (`=false`: the first line holds names even where
    /// they look like data)
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    no_header: bool,
    /// Lines to skip above the column names [default: detected]
    #[arg(long, value_name = "N")]
    skip_rows: u32,
    /// Words that stand for a missing cell besides the usual ones (NA, null, ?, OL, ...); `!WORD` takes one out
    #[arg(long, value_name = "WORD,...", value_delimiter = ',')]
    missing_words: Vec<String>,
    /// Encoding of text: utf-8, utf-16le, latin-1, ... [default: detected]
    #[arg(long, value_name = "NAME")]
    encoding: String,
    /// Empty cells and NaN: an error, leave the row out, fill with the column's mean, or that and a feature that says so
    /// [default: error; with --preset auto that feature, where cells are missing]
    #[arg(long)]
    missing: Missing,
    /// Columns that are categories whatever they hold [default: columns of text with few different values]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    categorical: Vec<String>,
    /// Columns that lie on a circle, and its length: time:day (or week, year), wind_direction:360
    #[arg(long, value_name = "COLUMN:PERIOD,...", value_delimiter = ',')]
    cyclic: Vec<Cyclic>,
    /// Rows of a series that are looked at together; where a file holds several machines, name the column that tells
    /// them apart: --split group:COLUMN [default: each row by itself]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    window: u16,
    /// Rows from the end of one window to the end of the next [default: 1]
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u16).range(1..))]
    stride: u16,
    /// What becomes of a window: of each column mean, deviation, least, greatest and change, or all its values
    /// [default: summary]
    #[arg(long)]
    window_features: WindowFeatures,
    /// Variant of the reference data set, as in rows=20000,shift=2,variance=1
    #[arg(long, value_name = "KEY=VALUE,...", conflicts_with = "data")]
    synth: String,
    /// What chooses the options of network, training and score that are not given: auto or reference [default: auto with
    /// --data, reference without it or where one of these is given]
    #[arg(long)]
    preset: Preset,
    /// Share of anomalies among the training rows: auto (not known), or a number; 0 says that they are clean [default:
    /// auto]
    #[arg(long, value_name = "SHARE")]
    contamination: Contamination,
    /// Bytes that the model file may take; --preset auto chooses within it [default: 64K]
    #[arg(long, value_name = "BYTES")]
    flash_budget: Bytes,
    /// Zero and unit of each feature: mean and standard deviation, or median and quartile range [default: standard]
    #[arg(long)]
    scaling: Scaling,
    /// Scaled readings are held in [-LIMIT, LIMIT] [default: 32 with --preset auto, else none]
    #[arg(long, value_name = "LIMIT")]
    clip: f32,
    /// Widths of the encoder's hidden layers; the decoder mirrors them [default: 64,32]
    #[arg(long, value_name = "WIDTH,...", value_delimiter = ',')]
    hidden: Vec<usize>,
    /// Number of latents [default: 8]
    #[arg(long, value_name = "N")]
    latent: usize,
    /// Passes over the training rows [default: 50]
    #[arg(long, value_name = "N")]
    epochs: usize,
    /// Rows in one optimisation step [default: 128]
    #[arg(long, value_name = "N")]
    batch_size: usize,
    /// Adam's learning rate [default: 1e-3]
    #[arg(long, value_name = "RATE")]
    lr: f32,
    /// Weight of the KL term when fully risen [default: 1.0]
    #[arg(long, value_name = "WEIGHT")]
    beta: f32,
    /// How beta rises [default: linear]
    #[arg(long)]
    beta_schedule: Schedule,
    /// Epochs of beta's linear rise [default: 30]
    #[arg(long, value_name = "EPOCHS")]
    beta_warmup: usize,
    /// Likelihood of a row given its latent [default: mse]
    #[arg(long)]
    likelihood: Likelihood,
    /// Standard deviation of noise added to scaled rows before they are encoded [default: 0]
    #[arg(long, value_name = "SD")]
    input_noise: f32,
    /// Networks fitted from seeds of their own and joined to one, N times as wide [default: 1]
    #[arg(long, value_name = "N")]
    members: usize,
    /// Rows to fit: all, or those labelled normal [default: all]
    #[arg(long)]
    train_on: TrainOn,
    /// Share of the rows that only evaluation sees; 0 trains on the whole file [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    test_fraction: f64,
    /// Which rows those are: random, chronological (the last ones) or group:COLUMN (whole groups) [default: chronological
    /// with --time or --window, else random]
    #[arg(long, value_name = "HOW")]
    split: SplitBy,
    /// Column of times, by which rows are ordered; it is no feature
    #[arg(long, value_name = "COLUMN")]
    time: String,
    /// Quantile of calibration scores that becomes the threshold [default: 0.95]
    #[arg(long, value_name = "Q")]
    quantile: f64,
    /// Rows that the threshold is taken from [default: the test split's normal rows, or a holdout without labels]
    #[arg(long)]
    calibrate_on: CalibrateOn,
    /// Share of the training rows that a holdout keeps out of the fit [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    calibration_fraction: f64,
    /// Stop after N epochs without a better objective on validation rows, and keep the best weights [default: never]
    #[arg(long, value_name = "N")]
    patience: usize,
    /// Share of the training rows for early stopping [default: 0.1]
    #[arg(long, value_name = "FRACTION")]
    validation_fraction: f64,
    /// Score of a row [default: chosen by --preset auto, else mse]
    #[arg(long)]
    score: Score,
    /// Heads that a score of several is made without, by their names as scores [default: none]
    #[arg(long, value_name = "HEAD,...", value_delimiter = ',')]
    without: Vec<Score>,
    /// Draws of z for the score reconstruction-probability [default: 16]
    #[arg(long, value_name = "N")]
    draws: u8,
    /// Write an int8 form of the model as well, `model-int8.evae`, and its comparison with it, `quantization.json`; the
    /// preset is then reference
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    quantize: bool,
    /// Fine-tune the weights of the int8 form for rounding, N epochs; worth it where rounding alone loses quality
    /// [default: weights are rounded as they are]
    #[arg(long, value_name = "N")]
    qat: usize,
    /// Seed of data, splits, initialisation, shuffling and noise [default: 0]
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Threads of the fit; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    threads: usize,
}

/// Reads `data = "one.csv"` like `data = ["one.csv"]`.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<PathBuf>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a path or a list of paths")]
    enum Paths {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Paths::deserialize(deserializer).map(|paths| match paths {
        Paths::One(path) => Some(vec![path]),
        Paths::Many(paths) => Some(paths),
    })
}

impl Config {
    /// Reads a config file.
    ///
    /// # Errors
    /// [`ConfigError`] with the line of a key or value that is not known, or for two sources of rows.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = regular::read_text(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        if config.data.is_some() && config.synth.is_some() {
            return Err(ConfigError::TwoSources(path.to_owned()));
        }
        Ok(config)
    }

    /// Checks what is given.
    ///
    /// # Errors
    /// Of an option outside its range, or one that says nothing without another.
    pub fn validate(&self) -> Result<(), OptionError> {
        if self.data.as_ref().is_some_and(Vec::is_empty) {
            return Err(OptionError { name: "data", found: "an empty list".into(), expected: "at least one file" });
        }
        if let Some(epochs) = self.qat.filter(|&epochs| epochs > MOST_EPOCHS) {
            let expected = "a whole number from 0 to 1000000";
            return Err(OptionError { name: "qat", found: epochs.to_string(), expected });
        }
        if let (Some(epochs), None | Some(false)) = (self.qat, self.quantize) {
            let found = format!("{epochs} without --quantize");
            return Err(OptionError { name: "qat", found, expected: "--quantize beside it, or no --qat" });
        }
        if let (None, Some(option)) =
            (self.window, self.stride.map(|_| "stride").or(self.window_features.map(|_| "window-features")))
        {
            let expected = "--window N beside it";
            return Err(OptionError { name: option, found: "given alone".into(), expected });
        }
        // The flags have these ranges too; a file has no flag.
        if let Some(rows) = self.window.filter(|&rows| rows < 2) {
            let expected = "a whole number from 2 to 65535";
            return Err(OptionError { name: "window", found: rows.to_string(), expected });
        }
        if self.stride == Some(0) {
            return Err(OptionError { name: "stride", found: "0".into(), expected: "a whole number above 0" });
        }
        self.options().validate()
    }

    /// How the files are written, as far as it is said.
    ///
    /// # Errors
    /// A sentence that names the option and what it accepts.
    pub fn form(&self) -> Result<FileForm, String> {
        fn read<T>(
            text: &Option<String>,
            name: &str,
            parse: impl Fn(&str) -> Result<T, String>,
        ) -> Result<Option<T>, String> {
            text.as_deref().map(parse).transpose().map_err(|error| format!("--{name}: {error}"))
        }
        Ok(FileForm {
            delimiter: read(&self.delimiter, "delimiter", parse_delimiter)?,
            decimal: self.decimal,
            thousands: read(&self.thousands, "thousands", parse_thousands)?,
            missing_words: self.missing_words.clone().unwrap_or_default(),
            header: self.no_header.map(|none| !none),
            skip_rows: self.skip_rows,
            encoding: read(&self.encoding, "encoding", parse_encoding)?,
            ..FileForm::default()
        })
    }

    /// The options given of network, training and score.
    fn by_hand(&self) -> Vec<&'static str> {
        let given = [
            ("hidden", self.hidden.is_some()),
            ("latent", self.latent.is_some()),
            ("epochs", self.epochs.is_some()),
            ("batch-size", self.batch_size.is_some()),
            ("lr", self.lr.is_some()),
            ("beta", self.beta.is_some()),
            ("beta-schedule", self.beta_schedule.is_some()),
            ("beta-warmup", self.beta_warmup.is_some()),
            ("likelihood", self.likelihood.is_some()),
            ("input-noise", self.input_noise.is_some()),
            ("members", self.members.is_some()),
            ("patience", self.patience.is_some()),
            ("score", self.score.is_some()),
            ("draws", self.draws.is_some()),
        ];
        given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }

    /// Without what is said about columns and files, which generated rows have not.
    fn without_files(self) -> Self {
        Self {
            format: None,
            stream: None,
            label: None,
            ignore: None,
            features: None,
            delimiter: None,
            decimal: None,
            thousands: None,
            no_header: None,
            skip_rows: None,
            missing_words: None,
            encoding: None,
            missing: None,
            categorical: None,
            cyclic: None,
            time: None,
            window: None,
            stride: None,
            window_features: None,
            ..self
        }
    }

    /// The flags that make the preset `reference` for rows of files, where nobody named a preset.
    pub fn flags_for_reference(&self) -> Option<String> {
        let quantize = (self.quantize == Some(true)).then_some("quantize");
        let flags: Vec<String> = self.by_hand().into_iter().chain(quantize).map(|name| format!("--{name}")).collect();
        (self.data.is_some() && self.preset.is_none() && !flags.is_empty()).then(|| flags.join(", "))
    }

    fn preset(&self) -> Preset {
        // The scores that `auto` chooses among have no integer form.
        let auto = self.data.is_some() && self.by_hand().is_empty() && self.quantize != Some(true);
        self.preset.unwrap_or(if auto { Preset::Auto } else { Preset::Reference })
    }

    /// What is said about columns and order.
    pub fn request(&self) -> Request {
        Request {
            time: self.time.clone(),
            group: columns::group_column(&self.split()),
            categorical: self.categorical.clone().unwrap_or_default(),
            cyclic: self.cyclic.clone().unwrap_or_default(),
            window: self.window_spec(),
        }
    }

    fn window_spec(&self) -> Option<WindowSpec> {
        let features = match self.window_features.unwrap_or_default() {
            WindowFeatures::Lags => format::WindowFeatures::Lags,
            WindowFeatures::Summary => format::WindowFeatures::Summary,
        };
        Some(WindowSpec { rows: self.window?, stride: self.stride.unwrap_or(1), features })
    }

    fn split(&self) -> SplitBy {
        let default =
            if self.time.is_some() || self.window.is_some() { SplitBy::Chronological } else { SplitBy::Random };
        self.split.clone().unwrap_or(default)
    }

    /// The options of the run; what is not set has its default. Where the preset is `auto`, they are not yet those of the
    /// fit: [`auto::plan`](crate::run::auto::plan) completes them when the data are known.
    pub fn options(&self) -> Options {
        let default = Options::default();
        let contamination = self.contamination.unwrap_or_default();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            preset: self.preset(),
            contamination,
            flash_budget: self.flash_budget.unwrap_or(default.flash_budget),
            scaling: self.scaling.unwrap_or(default.scaling),
            clip: self.clip.or(default.clip),
            by_hand: if self.preset() == Preset::Auto { self.by_hand() } else { Vec::new() },
            trim: if let Contamination::Share(share) = contamination { share } else { default.trim },
            hidden: self.hidden.clone().unwrap_or(default.hidden),
            latent: self.latent.unwrap_or(default.latent),
            epochs: self.epochs.unwrap_or(default.epochs),
            batch_size: self.batch_size.unwrap_or(default.batch_size),
            lr: self.lr.unwrap_or(default.lr),
            beta: self.beta.unwrap_or(default.beta),
            beta_schedule: self.beta_schedule.unwrap_or(default.beta_schedule),
            beta_warmup: self.beta_warmup.unwrap_or(default.beta_warmup),
            likelihood: self.likelihood.unwrap_or(default.likelihood),
            input_noise: self.input_noise.unwrap_or(default.input_noise),
            members: self.members.unwrap_or(default.members),
            train_on: self.train_on.unwrap_or(default.train_on),
            test_fraction: self.test_fraction.unwrap_or(default.test_fraction),
            split: self.split(),
            split_gap: columns::split_gap(self.window_spec()),
            quantile: self.quantile.unwrap_or(default.quantile),
            calibrate_on: self.calibrate_on.or(default.calibrate_on),
            calibration_fraction: self.calibration_fraction.unwrap_or(default.calibration_fraction),
            patience: self.patience.or(default.patience),
            validation_fraction: self.validation_fraction.unwrap_or(default.validation_fraction),
            score: self.score.unwrap_or(default.score),
            without: self.without.clone().unwrap_or_default(),
            sizes: HeadSizes { draws: self.draws.unwrap_or(default.sizes.draws), ..default.sizes },
            seed: self.seed.unwrap_or(default.seed),
            threads: self.threads.unwrap_or_else(cores),
        }
    }

    /// The config file that repeats the run: what was given, and every option that was left to its default.
    pub fn resolved(&self) -> Self {
        let options = self.options();
        // What `auto` chooses depends on the data and is chosen again, the same; what was given stays.
        let by_hand = options.preset == Preset::Reference;
        let given = self.clone();
        Self {
            missing: by_hand.then(|| self.missing.unwrap_or_default()).or(given.missing),
            preset: Some(options.preset),
            contamination: Some(options.contamination),
            flash_budget: Some(options.flash_budget),
            hidden: by_hand.then_some(options.hidden).or(given.hidden),
            latent: by_hand.then_some(options.latent).or(given.latent),
            epochs: by_hand.then_some(options.epochs).or(given.epochs),
            batch_size: by_hand.then_some(options.batch_size).or(given.batch_size),
            lr: by_hand.then_some(options.lr).or(given.lr),
            beta: by_hand.then_some(options.beta).or(given.beta),
            beta_schedule: by_hand.then_some(options.beta_schedule).or(given.beta_schedule),
            beta_warmup: by_hand.then_some(options.beta_warmup).or(given.beta_warmup),
            likelihood: by_hand.then_some(options.likelihood).or(given.likelihood),
            input_noise: by_hand.then_some(options.input_noise).or(given.input_noise),
            members: by_hand.then_some(options.members).or(given.members),
            train_on: Some(options.train_on),
            test_fraction: Some(options.test_fraction),
            split: Some(options.split),
            quantile: Some(options.quantile),
            calibrate_on: options.calibrate_on,
            calibration_fraction: Some(options.calibration_fraction),
            patience: options.patience,
            validation_fraction: Some(options.validation_fraction),
            scaling: Some(options.scaling),
            score: by_hand.then_some(options.score).or(given.score),
            draws: by_hand.then_some(options.sizes.draws).or(given.draws),
            seed: Some(options.seed),
            // Not the number of this machine's cores: results do not depend on it.
            threads: self.threads,
            ..given
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path())
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let flags = Config { latent: Some(4), ..Config::default() };
        let merged = flags.or(parse("latent = 2\nhidden = [16]\nbeta-schedule = \"constant\"").unwrap());
        let options = merged.options();
        assert_eq!((options.latent, options.hidden, options.epochs), (4, vec![16], 50));
        assert_eq!(options.beta_schedule, Schedule::Constant);
    }

    #[test]
    fn rows_that_a_flag_names_replace_those_of_the_file() {
        let synth = Config { synth: Some("rows=300".into()), ..Config::default() };
        let merged = synth.clone().or(parse("data = \"a.csv\"\nlatent = 2").unwrap());
        assert_eq!((merged.data, merged.synth, merged.latent), (None, synth.synth, Some(2)));
        let data = Config { data: Some(vec!["b.csv".into()]), ..Config::default() };
        let merged = data.clone().or(parse("synth = \"rows=300\"").unwrap());
        assert_eq!((merged.data, merged.synth), (data.data, None));
        let error = parse("data = \"a.csv\"\nsynth = \"rows=300\"").unwrap_err().to_string();
        assert!(error.contains("`data`") && error.contains("`synth`"), "{error}");
    }

    #[test]
    fn a_window_of_a_file_has_the_range_of_the_flag() {
        let refused = |text: &str| parse(text).unwrap().validate().unwrap_err().to_string();
        assert_eq!(refused("window = 0"), "--window is 0; expected a whole number from 2 to 65535");
        assert_eq!(refused("window = 1"), "--window is 1; expected a whole number from 2 to 65535");
        assert_eq!(refused("window = 4\nstride = 0"), "--stride is 0; expected a whole number above 0");
        assert!(parse("window = 2").unwrap().validate().is_ok());
    }

    #[test]
    fn auto_is_for_data_without_options_of_the_network_and_leaves_those_that_are_given_beside_it() {
        let preset = |text: &str| parse(text).unwrap().options().preset;
        assert_eq!(preset("data = \"a.csv\""), Preset::Auto);
        assert_eq!(preset("data = \"a.csv\"\nseed = 3\ncontamination = 0\nclip = 5.0"), Preset::Auto);
        for by_hand in ["latent = 4", "quantize = true", "score = \"mse\"", "epochs = 9", "preset = \"reference\""] {
            assert_eq!(preset(&format!("data = \"a.csv\"\n{by_hand}")), Preset::Reference, "{by_hand}");
        }
        assert_eq!(preset("seed = 3"), Preset::Reference, "the reference data");
        let both = parse("data = \"a.csv\"\npreset = \"auto\"\nlatent = 4").unwrap();
        assert_eq!((both.options().preset, both.options().by_hand), (Preset::Auto, vec!["latent"]));
        assert_eq!(both.resolved().latent, Some(4), "the config file of the run repeats it");
        let score = parse("data = \"a.csv\"\npreset = \"auto\"\nscore = \"neighbours\"").unwrap();
        assert_eq!(score.options().by_hand, ["score"]);
    }

    #[test]
    fn fine_tuning_for_integers_goes_with_integers() {
        let check = |text: &str| parse(text).unwrap().validate().map_err(|error| error.to_string());
        assert_eq!(check("quantize = true\nqat = 10"), Ok(()));
        let expected = Err("--qat is 10 without --quantize; expected --quantize beside it, or no --qat".to_owned());
        assert_eq!((check("qat = 10"), check("qat = 10\nquantize = false")), (expected.clone(), expected));
    }

    #[test]
    fn the_resolved_config_reads_back_and_repeats_the_run() {
        let config = Config { latent: Some(4), label: Some("faulty".into()), ..Config::default() };
        let text = toml::to_string(&config.resolved()).unwrap();
        let read = parse(&text).unwrap();
        assert_eq!(read, config.resolved());
        assert_eq!(read.options(), config.options());
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line() {
        let error = parse("latent = 2\nlatents = 3").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("latents"), "{error}");
        let error = parse("beta-schedule = \"square\"").unwrap_err().to_string();
        assert!(error.contains("square") && error.contains("linear"), "{error}");
    }
}
