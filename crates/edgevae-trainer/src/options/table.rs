//! Every option of a training run: name, help, form, default and range. A new option is one entry here.

use std::path::PathBuf;

use edgevae_core::format::input::WindowSpec;
use serde::Deserialize;

use super::spec::{Group, OptionSpec, is_auto, option_name, options};
use super::{
    Bytes, CalibrateOn, Contamination, Cyclic, Engine, HeadSizes, Likelihood, MOST_EPOCHS, MOST_THREADS, Preset,
    Scaling, Schedule, Score, SplitBy, TrainOn, WindowFeatures, columns,
};
use crate::base::value::Value;
use crate::table::form::{Decimal, Sentinel};
use crate::table::options::{Format, Missing};

options! {
    /// CSV files with a header, JSON lines or Parquet; a folder stands for those in it, `*` and `?` for any characters
    /// [default: the reference data set, generated]
    #[serde(deserialize_with = "one_or_many")]
    data: Vec<PathBuf> [Rows, "FILE"];
    /// Format of the files [default: by the extension, CSV for any that is not known]
    format: Format [Files];
    /// Read the files again for each epoch instead of holding them in memory (--preset auto keeps a random sample of
    /// their rows) [default: when they would take more than half of the memory that is free]
    stream: bool [Files];
    /// Column of labels: 0/1, true/false or normal/anomaly
    label: String [Files, "COLUMN"];
    /// Columns to leave out
    ignore: Vec<String> [Files, "COLUMN,..."];
    /// Columns to use [default: all but the label and those left out]
    features: Vec<String> [Files, "COLUMN,..."];
    /// Field separator [default: comma, semicolon or tab, whichever the header has]
    delimiter: String [Files, "CHARACTER"];
    /// Decimal mark: . or , [default: detected]
    decimal: Decimal [Files, "MARK"];
    /// Separator of thousands: , . ' _ or the word blank [default: detected]
    thousands: String [Files, "CHARACTER"];
    /// The files have no line of column names: columns are c1, c2, ... (`=false`: the first line holds names even where
    /// they look like data)
    no_header: bool [Files];
    /// Lines to skip above the column names [default: detected]
    skip_rows: u32 [Files, "N"];
    /// Words that stand for a missing cell besides the usual ones (NA, null, ?, OL, ...); `!WORD` takes one out
    missing_words: Vec<String> [Files, "WORD,..."];
    /// Encoding of text: utf-8, utf-16le, latin-1, ... [default: detected]
    encoding: String [Files, "NAME"];
    /// Numbers that stand for a missing reading, in every column or in one: -9999, temperature=85; `none` reads all as
    /// numbers [default: well-known ones that repeat far outside the other readings, where cells may be missing]
    sentinel: Vec<Sentinel> [Files, "NUMBER,..."];
    /// Empty cells and NaN: an error, leave the row out, fill with the column's mean, or that and a feature that says so
    /// [default: error; with --preset auto that feature, where cells are missing]
    missing: Missing [Files];
    /// Columns that are categories whatever they hold [default: columns of text with few different values]
    categorical: Vec<String> [Files, "COLUMN,..."];
    /// Columns that lie on a circle, and its length: time:day (or week, year), wind_direction:360
    cyclic: Vec<Cyclic> [Files, "COLUMN:PERIOD,..."];
    /// Rows of a series that are looked at together; where a file holds several machines, name the column that tells
    /// them apart: --split group:COLUMN [default: each row by itself]
    window: u16 [Files, "N"],
        if |rows| *rows >= 2, "a whole number from 2 to 65535";
    /// Rows from the end of one window to the end of the next [default: 1]
    stride: u16 [Files, "M"],
        if |rows| *rows > 0, "a whole number above 0";
    /// What becomes of a window: of each column mean, deviation, least, greatest and change, or all its values
    /// [default: summary]
    window_features: WindowFeatures [Files];
    /// Variant of the reference data set, as in rows=20000,shift=2,variance=1
    synth: String [Rows, "KEY=VALUE,..."];
    /// What chooses the options of network, training and score that are not given: auto or reference [default: auto with
    /// --data, reference without it or where one of these is given]
    preset: Preset [Network];
    /// Share of anomalies among the training rows: auto (not known), or a number; 0 says that they are clean [default:
    /// auto]
    contamination: Contamination [Training, "SHARE"];
    /// Bytes that the model file may take; --preset auto chooses within it
    flash_budget: Bytes [Network, "BYTES"] = Bytes(64 * 1024);
    /// Zero and unit of each feature: mean and standard deviation, or median and quartile range
    scaling: Scaling [Network] = Scaling::Standard;
    /// Scaled readings are held in [-LIMIT, LIMIT] [default: 32 with --preset auto, else none]
    clip: f32 [Network, "LIMIT"],
        if |clip| clip.is_finite() && *clip > 0.0, "a number above 0, usually 32";
    /// Widths of the encoder's hidden layers; the decoder mirrors them
    hidden: Vec<usize> [Network auto, "WIDTH,..."] = vec![64, 32];
    /// Number of latents
    latent: usize [Network auto, "N"] = 8;
    /// Passes over the training rows
    epochs: usize [Training auto, "N"] = 50,
        if |epochs| (1..=MOST_EPOCHS).contains(epochs), "a whole number from 1 to 1000000";
    /// Rows in one optimisation step
    batch_size: usize [Training auto, "N"] = 128,
        if |rows| *rows > 0, "a whole number above 0";
    /// Adam's learning rate
    lr: f32 [Training auto, "RATE"] = 1e-3,
        if |rate| rate.is_finite() && *rate > 0.0, "a number above 0, usually 1e-3";
    /// Weight of the KL term when fully risen
    beta: f32 [Training auto, "WEIGHT"] = 1.0,
        if |beta| beta.is_finite() && *beta >= 0.0, "a number of at least 0";
    /// How beta rises
    beta_schedule: Schedule [Training auto] = Schedule::Linear;
    /// Epochs of beta's linear rise
    beta_warmup: usize [Training auto, "EPOCHS"] = 30;
    /// Likelihood of a row given its latent
    likelihood: Likelihood [Network auto] = Likelihood::Mse;
    /// What takes the steps of the fit: a vectorised step of edgevae's own, or dfdx's tape and Adam, which are slower
    engine: Engine [Training] = Engine::Simd;
    /// Standard deviation of noise added to scaled rows before they are encoded
    input_noise: f32 [Training auto, "SD"] = 0.0,
        if |noise| noise.is_finite() && *noise >= 0.0, "a number of at least 0, usually below 1";
    /// Networks fitted from seeds of their own and joined to one, N times as wide
    members: usize [Network auto, "N"] = 1,
        if |members| (1..=16).contains(members), "a number from 1 to 16";
    /// Rows to fit: all, or those labelled normal
    train_on: TrainOn [Training] = TrainOn::All;
    /// Share of the rows that only evaluation sees; 0 trains on the whole file
    test_fraction: f64 [Rows, "FRACTION"] = 0.2,
        if |share| (0.0..1.0).contains(share), "a fraction of at least 0 and below 1";
    /// Which rows those are: random, chronological (the last ones) or group:COLUMN (whole groups) [default: chronological
    /// with --time or --window, else random]
    split: SplitBy [Rows, "HOW"];
    /// Column of times, by which rows are ordered; it is no feature
    time: String [Files, "COLUMN"];
    /// Quantile of calibration scores that becomes the threshold
    quantile: f64 [Score, "Q"] = 0.95,
        if |quantile| *quantile > 0.0 && *quantile < 1.0, "a quantile above 0 and below 1, as in 0.95";
    /// Rows that the threshold is taken from [default: the test split's normal rows, or a holdout without labels]
    calibrate_on: CalibrateOn [Score];
    /// Share of the training rows that a holdout keeps out of the fit
    calibration_fraction: f64 [Score, "FRACTION"] = 0.2,
        if |share| (0.0..1.0).contains(share), "a fraction of at least 0 and below 1";
    /// Stop after N epochs without a better objective on validation rows, and keep the best weights [default: never]
    patience: usize [Training auto, "N"],
        if |epochs| *epochs > 0, "a whole number above 0";
    /// Share of the training rows for early stopping
    validation_fraction: f64 [Training, "FRACTION"] = 0.1,
        if |share| (0.0..1.0).contains(share), "a fraction of at least 0 and below 1";
    /// Score of a row [default: chosen by --preset auto, else mse]
    score: Score [Score auto] = Score::Mse;
    /// Heads to omit from a score of several, by their names as scores [default: none]
    without: Vec<Score> [Score, "HEAD,..."];
    /// Draws of z for the score reconstruction-probability [default: 16]
    draws: u8 [Score auto, "N"],
        if |draws| *draws > 0, "a number from 1 to 255";
    /// Write an int8 form of the model as well, `model-int8.evae`, and its comparison with it, `quantization.json`; the
    /// preset is then reference
    quantize: bool [Output];
    /// Fine-tune the weights of the int8 form for rounding, N epochs; worth it where rounding alone loses quality
    /// [default: weights are rounded as they are]
    qat: usize [Output, "N"],
        if |epochs| *epochs <= MOST_EPOCHS, "a whole number from 0 to 1000000";
    /// Seed of data, splits, initialisation, shuffling and noise
    seed: u64 [Training, "N"] = 0;
    /// Threads of the fit; results do not depend on it [default: all cores]
    threads: usize [Training, "N"],
        if |threads| (1..=usize::from(MOST_THREADS)).contains(threads), "a number from 1 to 1024";
    derived {
        /// What chose the others; [`run::auto::plan`](crate::run::auto::plan) does for `auto`.
        preset: Preset = |given| given.preset_or_default();
        /// What is believed about anomalies among the training rows.
        contamination: Contamination = |given| given.contamination.unwrap_or_default();
        /// Heads, by the names that they have as scores, that are omitted from a score of several.
        without: Vec<Score> = |given| given.without.clone().unwrap_or_default();
        /// Share of the training rows, those of the highest scores, that is left out before a second fit.
        trim: f64 = |given| match given.contamination {
            Some(Contamination::Share(share)) => share,
            _ => 0.0,
        };
        /// Scaled features are clamped to +-clip.
        clip: Option<f32> = |given| given.clip;
        /// Which rows only evaluation sees.
        split: SplitBy = |given| given.split_or_default();
        /// Rows left out between the fitted and the later ones in a chronological split: those whose windows reach into both.
        split_gap: usize = |given| columns::split_gap(given.window_spec());
        /// Which rows the threshold is taken from; `None`: the test split where it has normal rows, else a holdout.
        calibrate_on: Option<CalibrateOn> = |given| given.calibrate_on;
        /// Stop after so many epochs without a better validation objective; `None`: run them all.
        patience: Option<usize> = |given| given.patience;
        /// Names of the options that were given: `auto` leaves them.
        by_hand: Vec<&'static str> = |given| match given.preset_or_default() {
            Preset::Auto => given.by_hand(),
            Preset::Reference => Vec::new(),
        };
        /// Sizes of the heads.
        sizes: HeadSizes = |given| HeadSizes {
            draws: given.draws.unwrap_or(HeadSizes::default().draws),
            ..HeadSizes::default()
        };
        /// Threads of the fit; results do not depend on it.
        threads: usize = |given| {
            given.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        };
    }
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
    pub(super) fn window_spec(&self) -> Option<WindowSpec> {
        use edgevae_core::format::input::WindowFeatures as Kind;
        let features = match self.window_features.unwrap_or_default() {
            WindowFeatures::Lags => Kind::Lags,
            WindowFeatures::Summary => Kind::Summary,
        };
        Some(WindowSpec { rows: self.window?, stride: self.stride.unwrap_or(1), features })
    }
}
