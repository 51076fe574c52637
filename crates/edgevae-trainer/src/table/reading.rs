//! How the cells of a column become readings: the numbers that the device sees.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use edgevae_core::format::input::Clock;

use super::csv::cell::{self, NoNumber};
pub use super::number::NumberForm;
use super::time;

/// How the cells of a column are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Reading {
    /// As numbers.
    #[default]
    Number,
    /// As numbers of another form than the plain one.
    NumberIn(Arc<NumberForm>),
    /// As 0 and 1, true and false, yes and no, or on and off.
    Boolean,
    /// As the place of a level, from 0; any other text as the number of levels.
    Category(Arc<Levels>),
    /// As what a clock shows at a time, seconds.
    Clock(Clock),
}

/// The levels of a category in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    names: Vec<String>,
    places: HashMap<Vec<u8>, usize>,
    /// Places of the levels that are numbers, by the bits of the number: `1` and `1.0` are one level.
    numbers: HashMap<u32, usize>,
    unseen: Unseen,
}

/// Values that were read and are no level, with their number; reading does not change what levels are.
#[derive(Debug, Default)]
struct Unseen(Mutex<BTreeMap<Vec<u8>, u64>>);

impl Unseen {
    /// Values that are kept; the others are counted as one.
    const MOST: usize = 16;

    #[cold]
    fn push(&self, text: &[u8]) {
        let mut unseen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = if unseen.len() < Self::MOST || unseen.contains_key(text) { text } else { b"others" };
        *unseen.entry(text.to_vec()).or_default() += 1;
    }
}

impl Clone for Unseen {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Unseen {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Levels {
    /// Levels in this order.
    pub fn new(names: Vec<String>) -> Self {
        let places = names.iter().enumerate().map(|(place, name)| (name.as_bytes().to_vec(), place)).collect();
        let number = |(place, name): (usize, &String)| Some((number_bits(name.as_bytes())?, place));
        let numbers = names.iter().enumerate().filter_map(number).collect();
        Self { names, places, numbers, unseen: Unseen::default() }
    }

    /// The place of the level that a cell holds; the number of levels for any other text, which is remembered.
    fn place(&self, text: &[u8]) -> usize {
        let found = self.places.get(text).or_else(|| self.numbers.get(&number_bits(text)?)).copied();
        found.unwrap_or_else(|| {
            self.unseen.push(text);
            self.names.len()
        })
    }

    /// One sentence about the values that were read and are no level; `None` where there were none.
    pub fn unseen_note(&self, column: &str) -> Option<String> {
        let unseen = self.unseen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows: u64 = unseen.values().sum();
        let value = |(text, rows): (&Vec<u8>, &u64)| {
            let text = String::from_utf8_lossy(text);
            let near = self.names.iter().find(|name| name.to_lowercase() == text.to_lowercase());
            let near = near.map_or_else(String::new, |name| format!(", spelt {name:?} in training"));
            format!("{text:?} ({rows}{near})")
        };
        let values: Vec<String> = unseen.iter().map(value).collect();
        (rows > 0).then(|| {
            format!("{rows} cells of `{column}` hold values that the model has not seen: {}", values.join(", "))
        })
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Reading {
    /// Reads a cell.
    #[inline]
    pub(crate) fn read(&self, text: &[u8]) -> Result<f32, NoNumber> {
        match self {
            Self::Number => cell::number(text),
            Self::NumberIn(form) => form.read(text),
            _ if cell::is_missing(text) => Err(NoNumber::Missing),
            Self::Boolean => match boolean(text) {
                Some(value) => Ok(f32::from(u8::from(value))),
                None if cell::is_missing_number(text) => Err(NoNumber::Missing),
                None => Err(NoNumber::NotABoolean),
            },
            Self::Category(levels) => Ok(levels.place(text.trim_ascii()) as f32),
            Self::Clock(clock) => time::shown_by(*clock, text).ok_or(NoNumber::NotATime),
        }
    }
}

/// The bits of a text that is a number, one zero for both.
fn number_bits(text: &[u8]) -> Option<u32> {
    cell::number(text).ok().map(|value| (value + 0.0).to_bits())
}

/// Reads 0 or 1, true or false, yes or no, on or off, in any case.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    let text = text.trim_ascii();
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    match text {
        _ if is(["false", "no", "off", "0"]) => Some(false),
        _ if is(["true", "yes", "on", "1"]) => Some(true),
        _ => match cell::number(text) {
            Ok(0.0) => Some(false),
            Ok(1.0) => Some(true),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_their_places_and_other_texts_as_their_number() {
        let reading = Reading::Category(Arc::new(Levels::new(vec!["run".into(), "idle".into()])));
        let read = |text: &str| reading.read(text.as_bytes());
        assert_eq!([read("run"), read(" idle "), read("Run"), read("7")], [Ok(0.0), Ok(1.0), Ok(2.0), Ok(2.0)]);
        for missing in ["", "NA", "nan"] {
            assert_eq!(read(missing), Err(NoNumber::Missing));
        }
    }

    #[test]
    fn numerals_are_compared_as_numbers_and_values_not_seen_are_told() {
        let levels = Arc::new(Levels::new(vec!["1".into(), "2".into(), "Run".into()]));
        let reading = Reading::Category(Arc::clone(&levels));
        let read = |text: &str| reading.read(text.as_bytes());
        assert_eq!([read("1.0"), read("2e0"), read("01"), read("Run")], [Ok(0.0), Ok(1.0), Ok(0.0), Ok(2.0)]);
        assert_eq!(levels.unseen_note("mode"), None);
        assert_eq!([read("run"), read("run"), read("3")], [Ok(3.0); 3]);
        let expected = "3 cells of `mode` hold values that the model has not seen: \"3\" (1), \"run\" (2, spelt \"Run\" in training)";
        assert_eq!(levels.unseen_note("mode").unwrap(), expected);
    }

    #[test]
    fn booleans_have_words_and_numbers() {
        let read = |text: &str| Reading::Boolean.read(text.as_bytes());
        for (text, value) in [("true", 1.0), ("FALSE", 0.0), ("Yes", 1.0), ("off", 0.0), ("1.0", 1.0), (" 0", 0.0)] {
            assert_eq!(read(text), Ok(value), "{text}");
        }
        assert_eq!([read("2"), read("maybe")], [Err(NoNumber::NotABoolean); 2]);
        assert_eq!(read(""), Err(NoNumber::Missing));
    }
}
