//! The text of one cell, read as a number or a label.

use crate::table::error::{Choices, Place, Problem, shorten};

/// What a text that is no number looks like; decides the advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// `1,5`
    DecimalComma,
    /// `2024-01-31 12:00`
    Time,
    /// One of the words for a label.
    Label,
    /// A cell of several lines.
    SeveralLines,
    /// Anything else, for instance the name of a category.
    Text,
    /// Text or a time in a file that is streamed, where columns are numbers.
    Streamed,
}

impl Looks {
    /// What to do about it, for a column of the user's choice or one that a model needs.
    pub(crate) fn advice(self, column: &str, of_model: bool) -> String {
        match self {
            Self::DecimalComma => {
                "say --decimal , where the comma is a decimal mark, or --thousands , where it stands between \
                                   thousands"
                    .into()
            }
            Self::SeveralLines => "a quote on this line is probably never closed".into(),
            _ if of_model => "the model takes this column as a number: mend the cell or delete the row".into(),
            Self::Time => format!(
                "a time is no feature: leave the column out with --ignore {column:?}, or order the rows by it with --time {column:?} \
                 where it is written as in 2024-01-31T12:00:00"
            ),
            Self::Label => {
                format!("if it tells normal rows from anomalies choose --label {column:?}, else --ignore {column:?}")
            }
            Self::Streamed => format!(
                "mend the cell, leave the column out with --ignore {column:?}, or hold the rows in memory with --stream=false, \
                 where text and times have their uses"
            ),
            Self::Text => format!(
                "mend the cell, or choose --categorical {column:?} if it holds categories, --ignore {column:?} if it holds names"
            ),
        }
    }
}

/// A cell that holds no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoNumber {
    Missing,
    Infinite,
    OutOfRange,
    NotABoolean,
    NotATime,
    Text(Looks),
}

impl NoNumber {
    /// The message about it; `cell` is the text that was found.
    #[cold]
    pub fn problem(self, at: Place, cell: &[u8], of_model: bool) -> Problem {
        let found = shorten(cell.trim_ascii());
        match self {
            Self::Missing => {
                let choices = if of_model { Choices::OfModel } else { Choices::Any };
                Problem::MissingCell { at, found, choices }
            }
            Self::Infinite => Problem::NonFinite { at, found },
            Self::OutOfRange => Problem::OutOfRange { at, found },
            Self::NotABoolean => {
                Problem::NotOfKind { at, found, expected: "0 or 1, true or false, yes or no, on or off" }
            }
            Self::NotATime => Problem::NotOfKind { at, found, expected: "a time as in 2024-01-31T12:00:00" },
            Self::Text(looks) => Problem::NotANumber { at, found, looks, of_model },
        }
    }
}

/// What a row's label came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    NotWanted,
    Missing,
    /// `true` for an anomaly.
    Found(bool),
}

impl Label {
    pub fn found(self) -> Option<bool> {
        if let Self::Found(anomaly) = self { Some(anomaly) } else { None }
    }
}

/// Reads a number: decimal or scientific, an optional sign, blanks around it; rounded once, to the nearest f32.
#[inline]
pub(crate) fn number(cell: &[u8]) -> Result<f32, NoNumber> {
    match fast_float2::parse::<f32, _>(cell.trim_ascii()) {
        Ok(value) if value.is_finite() => Ok(value),
        _ => unusual(cell.trim_ascii()),
    }
}

/// A number with a minus of typographers or blanks of any width around it; else why there is none.
#[cold]
fn unusual(text: &[u8]) -> Result<f32, NoNumber> {
    if let Ok(text) = str::from_utf8(text)
        && !text.is_ascii()
    {
        let plain = text.trim().replacen('\u{2212}', "-", 1);
        if let Ok(value) = fast_float2::parse::<f32, _>(plain.as_bytes())
            && value.is_finite()
        {
            return Ok(value);
        }
    }
    Err(diagnose(text))
}

/// Reads a label: `true` for an anomaly, `None` for anything that is not one.
pub(crate) fn label(cell: &[u8]) -> Option<bool> {
    match number(cell) {
        Ok(0.0) => Some(false),
        Ok(1.0) => Some(true),
        Ok(_) => None,
        Err(_) => label_word(cell.trim_ascii()),
    }
}

fn label_word(text: &[u8]) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    if is("false") || is("normal") {
        Some(false)
    } else if is("true") || is("anomaly") {
        Some(true)
    } else {
        None
    }
}

/// Whether a column is named as labels usually are.
pub(crate) fn is_suspect(name: &str) -> bool {
    const USUAL: [&str; 22] = [
        "label",
        "labels",
        "anomaly",
        "anomalous",
        "isanomaly",
        "outlier",
        "class",
        "target",
        "attack",
        "y",
        "fault",
        "faulty",
        "isfault",
        "failure",
        "machinefailure",
        "failed",
        "error",
        "defect",
        "abnormal",
        "groundtruth",
        "broken",
        "alarm",
    ];
    let plain: String = name.chars().filter(|found| found.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    USUAL.contains(&&plain[..])
}

/// Whether a cell holds no value whatever its column holds: empty, `NaN`, `NA`, `null`, `\N`, `#DIV/0!` and the like, in any
/// case.
pub(crate) fn is_missing(cell: &[u8]) -> bool {
    is_missing_number(cell) && !is_word(cell.trim_ascii(), &WORDS_OF_NUMBERS)
}

/// Whether a cell of a column of numbers holds none: as [`is_missing`], or a word that may be a category elsewhere, as
/// `unknown`.
pub(crate) fn is_missing_number(cell: &[u8]) -> bool {
    number(cell) == Err(NoNumber::Missing)
}

/// Words for a missing cell.
const WORDS: [&str; 19] = [
    "na",
    "null",
    "n/a",
    "#n/a",
    "<na>",
    "n.a.",
    "\\n",
    "?",
    "#div/0!",
    "#value!",
    "#ref!",
    "#num!",
    "#name?",
    "#null!",
    "#n/v",
    "nan(ind)",
    "-nan(ind)",
    "1.#qnan",
    "-1.#ind",
];
/// Words for a missing number, which may be categories in a column of text.
const WORDS_OF_NUMBERS: [&str; 14] = [
    "none",
    "nil",
    "unavailable",
    "unknown",
    "missing",
    "no data",
    "nodata",
    "not available",
    "ol",
    "-",
    "--",
    "---",
    "error",
    "err",
];

fn is_word(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

#[cold]
fn diagnose(text: &[u8]) -> NoNumber {
    if text.is_empty() || is_word(text, &WORDS) || is_word(text, &WORDS_OF_NUMBERS) {
        return NoNumber::Missing;
    }
    match fast_float2::parse::<f32, _>(text) {
        Ok(value) if value.is_nan() => NoNumber::Missing,
        Ok(_) if text.iter().any(u8::is_ascii_digit) => NoNumber::OutOfRange,
        Ok(_) => NoNumber::Infinite,
        Err(_) => NoNumber::Text(looks(text)),
    }
}

fn looks(text: &[u8]) -> Looks {
    let count = |bytes: &[u8]| text.iter().filter(|byte| bytes.contains(byte)).count();
    let only = |bytes: &[u8]| text.iter().all(|byte| byte.is_ascii_digit() || bytes.contains(byte));
    let last = |byte: u8| text.iter().rposition(|&other| other == byte);
    let digits = text.iter().any(u8::is_ascii_digit);
    if text.contains(&b'\n') {
        Looks::SeveralLines
    } else if digits && only(b"+-.,eE") && count(b",") == 1 && last(b',') > last(b'.') {
        Looks::DecimalComma
    } else if digits && only(b"-/:.,+ TZ") && (count(b":") >= 1 || count(b"-/") >= 2) {
        Looks::Time
    } else if label_word(text).is_some() {
        Looks::Label
    } else {
        Looks::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_usual_spelling_of_a_number() {
        let cases: [(&str, f32); 12] = [
            ("1", 1.0),
            (" -2.5\t", -2.5),
            ("+1.5e-3", 0.0015),
            ("1E5", 100_000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("007", 7.0),
            ("-0", -0.0),
            ("3.4028235e38", f32::MAX),
            ("1e-60", 0.0),
            ("0.1", 0.1),
            ("16777217.000000000000000000001", 16_777_218.0),
        ];
        for (text, value) in cases {
            assert_eq!(number(text.as_bytes()).unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }

    #[test]
    fn missing_infinite_and_huge_cells_are_told_apart() {
        for text in ["", "  ", "NaN", "nan", "-nan", "NA", "null", "NULL"] {
            assert_eq!(number(text.as_bytes()), Err(NoNumber::Missing), "{text}");
            assert!(is_missing(text.as_bytes()));
        }
        for text in ["inf", "-Inf", "Infinity", "+INF"] {
            assert_eq!(number(text.as_bytes()), Err(NoNumber::Infinite), "{text}");
        }
        for text in ["1e39", "-3.5e38", "9".repeat(60).as_str()] {
            assert_eq!(number(text.as_bytes()), Err(NoNumber::OutOfRange), "{text}");
        }
    }

    #[test]
    fn text_is_recognised_for_the_advice() {
        let cases = [
            ("1,5", Looks::DecimalComma),
            ("-1.234,5e3", Looks::DecimalComma),
            ("2024-01-31", Looks::Time),
            ("2024-01-31T12:00:00.5Z", Looks::Time),
            ("31/01/2024 12:00", Looks::Time),
            ("12:30", Looks::Time),
            ("Normal", Looks::Label),
            ("anomaly", Looks::Label),
            ("true", Looks::Label),
            ("1\n2", Looks::SeveralLines),
            ("0x1F", Looks::Text),
            ("12.5 bar", Looks::Text),
            ("1e", Looks::Text),
            ("ok", Looks::Text),
            ("1_000", Looks::Text),
            ("1,234.5", Looks::Text),
        ];
        for (text, looks) in cases {
            assert_eq!(number(text.as_bytes()), Err(NoNumber::Text(looks)), "{text}");
        }
    }

    #[test]
    fn labels_are_zero_or_one_or_their_words() {
        for text in ["0", "0.0", " 0 ", "false", "False", "NORMAL", "-0"] {
            assert_eq!(label(text.as_bytes()), Some(false), "{text}");
        }
        for text in ["1", "1.0", "1e0", "true", "TRUE", "Anomaly"] {
            assert_eq!(label(text.as_bytes()), Some(true), "{text}");
        }
        for text in ["2", "-1", "0.5", "yes", "", "nan", "inf", "normal anomaly"] {
            assert_eq!(label(text.as_bytes()), None, "{text}");
        }
    }
}
