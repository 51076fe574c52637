//! Options that are one of several words or a text of their own form, as flags and files write them.

use serde::{Deserialize, Serialize};

use crate::base::value::{choice, parsed, written_as_text};

choice! {
    /// Which training rows the network is fitted on.
    #[derive(Default)]
    pub enum TrainOn {
        /// All of them, anomalies included: what is known when nobody has labelled anything.
        #[default]
        All = "all",
        /// Those labelled normal.
        Normal = "normal",
    }
}

choice! {
    /// Which rows the threshold is taken from.
    pub enum CalibrateOn {
        /// Normal rows of the test split; needs labels.
        Test = "test",
        /// A share of the training rows kept out of the fit; where there are labels, the normal ones among them.
        Holdout = "holdout",
    }
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

choice! {
    /// What becomes of the rows of a window.
    #[derive(Default)]
    pub enum WindowFeatures {
        /// All their values.
        Lags = "lags",
        /// Of each value mean, standard deviation, least, greatest, and last minus first.
        #[default]
        Summary = "summary",
    }
}

choice! {
    /// What takes the steps of a fit.
    #[derive(Default)]
    pub enum Engine {
        /// A vectorised step of edgevae's own, whose gradient dfdx checks in tests
        #[default]
        Simd = "simd",
        /// The whole model on dfdx's tape, with dfdx's gradients and Adam; slower
        Dfdx = "dfdx",
    }
}

choice! {
    /// How beta rises.
    #[derive(Default)]
    pub enum Schedule {
        /// `beta` from the first epoch on.
        Constant = "constant",
        /// From 0 to `beta` over the first `beta-warmup` epochs.
        #[default]
        Linear = "linear",
        /// Several rises, each followed by a stretch at `beta`.
        Cyclical = "cyclical",
    }
}

choice! {
    /// Where a feature's zero lies and what its unit is, before the network sees it.
    #[derive(Default)]
    pub enum Scaling {
        /// Mean and standard deviation
        #[default]
        Standard = "standard",
        /// Median and the range of the middle half of the values, as wide as a standard deviation where they are Gaussian
        Robust = "robust",
    }
}

choice! {
    /// What chooses the options that are not given.
    #[derive(Default)]
    pub enum Preset {
        /// The shape of the data and a flash budget choose network and score: the default for data of your own
        Auto = "auto",
        /// The reference system: 64,32 hidden, 8 latents, reconstruction error
        #[default]
        Reference = "reference",
    }
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

written_as_text!(Bytes);

parsed!(SplitBy, Contamination, Bytes, super::Cyclic, crate::table::form::Decimal, crate::table::form::Sentinel);

impl From<f64> for Contamination {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

impl From<usize> for Bytes {
    fn from(bytes: usize) -> Self {
        Self(bytes)
    }
}
