//! What the caller asks of a file of rows.

use crate::base::value::choice;
use std::path::Path;
use std::sync::Arc;

pub use super::form::FileForm;
use super::memory::Columns;
use super::reading::{NumberForm, Reading};

/// How a file of rows is read. The default goes by the extension, detects the delimiter, takes every column as a feature
/// and admits no missing cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// The format; `None` goes by the extension, CSV where there is none.
    pub format: Option<Format>,
    /// How the file is written, as far as the user says so.
    pub form: FileForm,
    /// How the file is probably written, where neither the user nor the file itself says: what a model remembers.
    pub remembered: FileForm,
    /// Name of the label column; `None` when there are no labels to read.
    pub label: Option<String>,
    /// Names of columns that are not read.
    pub ignore: Vec<String>,
    /// Which columns are features.
    pub features: Features,
    /// What becomes of missing cells.
    pub missing: Missing,
    /// How the cells of columns are read that hold something other than numbers, by name.
    pub readings: Vec<(String, Reading)>,
    /// Rows in memory, which are read in the place of a file.
    pub memory: Option<Arc<Columns>>,
}

impl ReadOptions {
    /// How the cells of a column are read.
    pub fn reading(&self, column: &str) -> Reading {
        let found = self.readings.iter().find(|(name, _)| name == column);
        match found.map(|(_, reading)| reading.clone()).unwrap_or_default() {
            Reading::Number => {
                let form = self.form.clone().or(&self.remembered);
                NumberForm::of(&form, column).map_or(Reading::Number, |form| Reading::NumberIn(form.into()))
            }
            other => other,
        }
    }
}

choice! {
    /// A format of rows.
    pub enum Format {
        /// A header line, then a line for each row.
        Csv = "csv",
        /// JSON lines: one object for each row.
        Jsonl = "jsonl",
        /// Apache Parquet: booleans, integers, floats, text, dates and times; no decimals, no lists, no Brotli.
        Parquet = "parquet",
    }
}

impl Format {
    /// The format that a file's extension tells; CSV for any that is not known.
    pub fn of_path(path: &Path) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Self::Jsonl,
            "parquet" | "pq" => Self::Parquet,
            _ => Self::Csv,
        }
    }
}

/// Which columns of a file are features, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// Every column that is neither the label nor ignored, in the order of the file.
    #[default]
    All,
    /// The columns that the user named, in that order.
    Named(Vec<String>),
    /// The features of the first of several files, in its order.
    OfFirst(Vec<String>),
    /// The columns that a model was trained on, in that order; messages then advise on data, not on options.
    OfModel(Vec<String>),
}

choice! {
    /// How missing cells are handled: empty ones, and those with a word for it such as `NaN`, `NA` or `null`.
    #[derive(Default)]
    pub enum Missing {
        /// A missing cell is an error that names its line and column.
        #[default]
        Error = "error",
        /// A row with a missing cell is left out and counted.
        Drop = "drop",
        /// A missing cell is filled with the mean of its column.
        Mean = "mean",
        /// The same, and a further feature for each column with missing cells says that it was missing.
        Indicator = "indicator",
    }
}

/// Reads a delimiter as people write it: one ASCII character, or the word `tab` (or `\t`).
///
/// # Errors
/// A sentence that says what is accepted: letters, digits, quotes, blanks, line ends and the characters of numbers cannot
/// divide cells.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    let byte = match text.as_bytes() {
        b"tab" | b"\\t" => b'\t',
        [byte] => *byte,
        _ => 0,
    };
    if is_delimiter(byte) {
        Ok(byte)
    } else {
        Err(format!("found {text:?}, expected one character such as \",\" or \";\" or \"|\", or the word tab"))
    }
}

/// Whether a byte can stand between cells without being mistaken for a part of one.
pub(crate) fn is_delimiter(byte: u8) -> bool {
    byte == b'\t' || (byte.is_ascii_punctuation() && !matches!(byte, b'"' | b'\'' | b'+' | b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_policies_are_the_same_everywhere() {
        for policy in Missing::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
            assert_eq!(serde_json::to_string(&policy).unwrap(), format!("\"{policy}\""));
        }
        assert_eq!(
            "zero".parse::<Missing>(),
            Err("found \"zero\", expected one of error, drop, mean, indicator".into())
        );
    }

    #[test]
    fn a_delimiter_is_one_character_or_the_word_tab() {
        for (text, byte) in [(",", b','), (";", b';'), ("|", b'|'), ("\t", b'\t'), ("tab", b'\t'), ("\\t", b'\t')] {
            assert_eq!(parse_delimiter(text), Ok(byte));
        }
        for text in ["", "ab", "\"", ".", "-", "e", "1", " ", "\n", "§", "\0"] {
            let message =
                format!("found {text:?}, expected one character such as \",\" or \";\" or \"|\", or the word tab");
            assert_eq!(parse_delimiter(text), Err(message));
        }
    }
}
