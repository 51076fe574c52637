//! Numbers of another form than the plain one: a decimal comma, separators of thousands, words and numbers for what is missing.

use std::borrow::Cow;

use super::csv::cell::{self, Looks, NoNumber};
use super::form::{Decimal, FileForm};

/// How the numbers of a column are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberForm {
    decimal: Decimal,
    thousands: Option<char>,
    /// Words for a missing cell besides the usual ones, in lower case.
    words: Vec<String>,
    /// Usual words that stand for none, in lower case.
    not_missing: Vec<String>,
    /// Numbers that stand for a missing reading.
    sentinels: Vec<f32>,
    /// What may stand behind a number.
    unit: Option<String>,
}

impl NumberForm {
    /// The form of a column; `None` where it is the plain one.
    pub(super) fn of(form: &FileForm, column: &str) -> Option<Self> {
        let of_column = form.sentinels.iter().filter(|sentinel| sentinel.is_of(column));
        let words = |taken: bool| {
            let words = form.missing_words.iter().filter(|word| word.starts_with('!') != taken);
            words.map(|word| word.trim_start_matches('!').to_lowercase()).collect()
        };
        let found = Self {
            decimal: form.decimal.unwrap_or_default(),
            thousands: form.thousands,
            words: words(true),
            not_missing: words(false),
            unit: form.units.iter().find(|(of, _)| of == column).map(|(_, unit)| unit.clone()),
            sentinels: of_column.map(|sentinel| sentinel.value).filter(|value| !value.is_nan()).collect(),
        };
        (found != Self::default()).then_some(found)
    }

    /// Reads a cell.
    pub(super) fn read(&self, text: &[u8]) -> Result<f32, NoNumber> {
        let text = text.trim_ascii();
        let is_among = |words: &[String]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
        if is_among(&self.words) {
            return Err(NoNumber::Missing);
        }
        let text = self.unit.as_ref().and_then(|unit| text.strip_suffix(unit.as_bytes())).unwrap_or(text);
        let plain = self.plain(text).ok_or(NoNumber::Text(Looks::Text))?;
        match cell::number(&plain) {
            Ok(value) if self.sentinels.contains(&value) => Err(NoNumber::Missing),
            Err(NoNumber::Missing) if is_among(&self.not_missing) => Err(NoNumber::Text(Looks::Text)),
            read => read,
        }
    }

    /// The cell as a plain file has it: empty where a word of the user stands for a missing cell.
    pub(super) fn as_plain<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let is_word = |word: &String| text.trim_ascii().eq_ignore_ascii_case(word.as_bytes());
        if self.words.iter().any(is_word) {
            return Cow::Borrowed(b"");
        }
        self.plain(text.trim_ascii()).unwrap_or(Cow::Borrowed(text))
    }

    /// The cell with a decimal point and nothing between thousands; `None` where groups have not three digits each. What
    /// is no number stays as it is.
    pub(super) fn plain<'a>(&self, text: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let Self { decimal, thousands, .. } = self;
        if (*decimal, *thousands) == (Decimal::Point, None) {
            return Some(Cow::Borrowed(text));
        }
        let Ok(text) = str::from_utf8(text) else { return Some(Cow::Borrowed(text)) };
        let text = text.trim();
        let is_separator = |found: char| match thousands {
            Some(' ') => matches!(found, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'),
            Some('\'') => matches!(found, '\'' | '\u{2019}'),
            other => *other == Some(found),
        };
        let mark = char::from(decimal.mark());
        let is_part = |found: char| {
            found.is_ascii_digit() || found == mark || is_separator(found) || "+-\u{2212}eE".contains(found)
        };
        if !text.contains(|found: char| found.is_ascii_digit()) || !text.chars().all(is_part) {
            return Some(Cow::Borrowed(text.as_bytes()));
        }
        let (whole, fraction) = text.split_once(mark).map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
        if fraction.is_some_and(|fraction| fraction.contains(|found: char| is_separator(found) || found == mark)) {
            return None;
        }
        let mut groups = whole.trim_start_matches(['+', '-', '\u{2212}']).split(is_separator);
        let first = groups.next().unwrap_or_default();
        let mut is_grouped = false;
        for group in groups {
            is_grouped = true;
            let digits = group.split(['e', 'E']).next().unwrap_or_default();
            if digits.len() != 3 {
                return None;
            }
        }
        if is_grouped && !(1..=3).contains(&first.len()) {
            return None;
        }
        let mut plain: String = whole.chars().filter(|&found| !is_separator(found)).collect();
        if let Some(fraction) = fraction {
            plain.extend([".", fraction]);
        }
        Some(Cow::Owned(plain.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(form: FileForm) -> impl Fn(&str) -> Result<f32, NoNumber> {
        let form = NumberForm::of(&form, "a").unwrap();
        move |text| form.read(text.as_bytes())
    }

    #[test]
    fn a_decimal_comma_and_thousands_are_read_as_they_are_written() {
        let german = reader(FileForm { decimal: Some(Decimal::Comma), thousands: Some('.'), ..FileForm::default() });
        for (text, value) in
            [("1,5", 1.5), ("-1.234,25", -1234.25), ("902", 902.0), ("1.054", 1054.0), ("1,5e3", 1500.0)]
        {
            assert_eq!(german(text), Ok(value), "{text}");
        }
        for text in ["1.5", "1.23,4", "1,5,6", "1234.567"] {
            assert!(matches!(german(text), Err(NoNumber::Text(_))), "{text}: {:?}", german(text));
        }
        let blanks = reader(FileForm { thousands: Some(' '), ..FileForm::default() });
        assert_eq!([blanks("1 234.5"), blanks("1\u{202f}234\u{a0}567")], [Ok(1234.5), Ok(1_234_567.0)]);
        let us = reader(FileForm { thousands: Some(','), ..FileForm::default() });
        assert_eq!([us("1,317"), us("12"), us("\u{2212}1,000.5")], [Ok(1317.0), Ok(12.0), Ok(-1000.5)]);
        assert!(us("1,5").is_err());
    }

    #[test]
    fn words_and_numbers_stand_for_missing_cells() {
        let words = vec!["sensor fault".into(), "!OL".into()];
        let read =
            reader(FileForm { missing_words: words, sentinels: vec!["-9999".parse().unwrap()], ..FileForm::default() });
        for text in ["Sensor Fault", "-9999", "-9999.0", "", "NA"] {
            assert_eq!(read(text), Err(NoNumber::Missing), "{text}");
        }
        assert!(matches!(read("OL"), Err(NoNumber::Text(_))));
        assert_eq!(read("-999"), Ok(-999.0));
    }
}
