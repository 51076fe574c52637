//! How the bytes of a file become cells: what the user asks for, what a model remembers, what was found in a file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::value::written_as_text;

/// How a file of rows is written. A field that is `None` or empty is detected in each file, or has its usual value.
///
/// The form of a plain file (UTF-8, names in the first line, numbers with a point) is the default one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct FileForm {
    /// The byte between cells of a CSV file; a blank stands for runs of blanks and tabs. `None` detects it.
    pub delimiter: Option<u8>,
    /// The decimal mark; `None` detects it.
    pub decimal: Option<Decimal>,
    /// The character between groups of three digits, a blank for blanks of any width; `None` detects it.
    pub thousands: Option<char>,
    /// Words that stand for a missing cell besides the usual ones; `!word` takes a usual word out of the list.
    pub missing_words: Vec<String>,
    /// Whether a CSV file has a line of column names; `None` expects one and refuses rows of data in its place.
    pub header: Option<bool>,
    /// Lines to skip above the names of a CSV file, or above its data where it has no names; `None` detects them.
    pub skip_rows: Option<u32>,
    /// Lines of units and the like between the column names and the rows; they are passed over.
    pub lines_below: u32,
    /// Name of the text encoding in the WHATWG standard; `None` detects UTF-8, UTF-16 and Windows-1252.
    pub encoding: Option<String>,
    /// Numbers that stand for a missing reading; one that no cell equals says that there are none.
    pub sentinels: Vec<Sentinel>,
    /// Columns whose cells carry a unit, and that unit as it is written.
    pub units: Vec<(String, String)>,
}

impl FileForm {
    /// Fills what is not set here from `other`, as the form that a model remembers.
    pub fn or(self, other: &Self) -> Self {
        let list = |own: Vec<String>, other: &Vec<String>| if own.is_empty() { other.clone() } else { own };
        Self {
            delimiter: self.delimiter.or(other.delimiter),
            decimal: self.decimal.or(other.decimal),
            thousands: self.thousands.or(other.thousands),
            missing_words: list(self.missing_words, &other.missing_words),
            header: self.header.or(other.header),
            skip_rows: self.skip_rows.or(other.skip_rows),
            lines_below: self.lines_below.max(other.lines_below),
            encoding: self.encoding.or_else(|| other.encoding.clone()),
            sentinels: if self.sentinels.is_empty() { other.sentinels.clone() } else { self.sentinels },
            units: if self.units.is_empty() { other.units.clone() } else { self.units },
        }
    }
}

/// A number that stands for a missing reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sentinel {
    /// The column; `None` for every column.
    pub column: Option<String>,
    /// The number; NaN stands for none.
    pub value: f32,
}

impl Sentinel {
    /// Whether cells of the column are meant.
    pub fn is_of(&self, column: &str) -> bool {
        self.column.as_ref().is_none_or(|own| own == column)
    }
}

impl fmt::Display for Sentinel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { value, .. } if value.is_nan() => f.write_str("none"),
            Self { column: None, value } => write!(f, "{value}"),
            Self { column: Some(column), value } => write!(f, "{column}={value}"),
        }
    }
}

impl FromStr for Sentinel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self { column: None, value: f32::NAN });
        }
        let (column, number) = text.rsplit_once('=').map_or((None, text), |(column, number)| (Some(column), number));
        let value = number.trim().parse().ok().filter(|value: &f32| value.is_finite());
        let value =
            value.ok_or_else(|| format!("found {text:?}, expected a number, COLUMN=NUMBER or none, as in -9999"))?;
        Ok(Self { column: column.map(|column| column.trim().to_owned()), value })
    }
}

written_as_text!(Sentinel);

/// The mark between the whole part and the fraction of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decimal {
    /// `1.5`
    #[default]
    #[serde(rename = ".")]
    Point,
    /// `1,5`
    #[serde(rename = ",")]
    Comma,
}

impl Decimal {
    /// The mark itself.
    pub const fn mark(self) -> u8 {
        match self {
            Self::Point => b'.',
            Self::Comma => b',',
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(self.mark()))
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "." => Ok(Self::Point),
            "," => Ok(Self::Comma),
            _ => Err(format!("found {text:?}, expected . or ,")),
        }
    }
}

/// Reads a thousands separator as people write it: one of `,` `.` `'` `_`, or a blank (or the word `blank`).
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_thousands(text: &str) -> Result<char, String> {
    match text {
        "," => Ok(','),
        "." => Ok('.'),
        "'" | "\u{2019}" => Ok('\''),
        "_" => Ok('_'),
        "blank" | "space" | " " | "\u{a0}" | "\u{2009}" | "\u{202f}" => Ok(' '),
        _ => Err(format!("found {text:?}, expected one of , . ' _ or the word blank")),
    }
}

/// Reads the name of a text encoding, `latin-1` or `utf-16le` for instance, and gives its name in the WHATWG standard.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_encoding(text: &str) -> Result<String, String> {
    let label = match text.to_ascii_lowercase().as_str() {
        "latin-1" | "cp1252" | "ansi" => "windows-1252".to_owned(),
        other => other.to_owned(),
    };
    let found = encoding_rs::Encoding::for_label(label.as_bytes());
    let found = found.filter(|encoding| *encoding != encoding_rs::REPLACEMENT);
    let error = || format!("found {text:?}, expected an encoding such as utf-8, utf-16le, latin-1 or windows-1251");
    Ok(found.ok_or_else(error)?.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_sets_wins_over_what_a_model_remembers() {
        let remembered = FileForm {
            decimal: Some(Decimal::Comma),
            missing_words: vec!["OL".into()],
            skip_rows: Some(2),
            ..FileForm::default()
        };
        let own = FileForm { decimal: Some(Decimal::Point), ..FileForm::default() };
        let both = own.or(&remembered);
        assert_eq!(both.decimal, Some(Decimal::Point));
        assert_eq!((both.skip_rows, &both.missing_words[..]), (Some(2), &["OL".to_owned()][..]));
        assert_eq!(FileForm::default().or(&FileForm::default()), FileForm::default());
    }

    #[test]
    fn separators_and_encodings_are_read_as_people_write_them() {
        assert_eq!(",".parse(), Ok(Decimal::Comma));
        assert!(";".parse::<Decimal>().unwrap_err().contains("expected . or ,"));
        assert_eq!(parse_thousands("blank"), Ok(' '));
        assert_eq!(parse_thousands("\u{202f}"), Ok(' '));
        assert!(parse_thousands("x").is_err());
        assert_eq!(parse_encoding("Latin-1").unwrap(), "windows-1252");
        assert_eq!(parse_encoding("utf-16le").unwrap(), "UTF-16LE");
        assert!(parse_encoding("klingon").unwrap_err().contains("expected an encoding"));
    }
}
