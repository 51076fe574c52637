//! How the cells of a column become readings: the numbers that the device sees.

use std::collections::HashMap;
use std::sync::Arc;

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
}

impl Levels {
    /// Levels in this order.
    pub fn new(names: Vec<String>) -> Self {
        let places = names.iter().enumerate().map(|(place, name)| (name.as_bytes().to_vec(), place)).collect();
        Self { names, places }
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
            Self::Category(levels) => {
                let place = levels.places.get(text.trim_ascii()).copied();
                Ok(place.unwrap_or(levels.names.len()) as f32)
            }
            Self::Clock(clock) => time::shown_by(*clock, text).ok_or(NoNumber::NotATime),
        }
    }
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
    fn booleans_have_words_and_numbers() {
        let read = |text: &str| Reading::Boolean.read(text.as_bytes());
        for (text, value) in [("true", 1.0), ("FALSE", 0.0), ("Yes", 1.0), ("off", 0.0), ("1.0", 1.0), (" 0", 0.0)] {
            assert_eq!(read(text), Ok(value), "{text}");
        }
        assert_eq!([read("2"), read("maybe")], [Err(NoNumber::NotABoolean); 2]);
        assert_eq!(read(""), Err(NoNumber::Missing));
    }
}
