//! What a model file remembers of how its data was read: the extra with the tag [`READING`].
//!
//! The bytes are items, one after the other: key (u8), length (varint), a postcard value. A reader skips keys that it
//! does not know, so that a later version can add items. A model of plain files has no such extra.

use edgevae_core::format::extras::READING;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::model_file::AnyModel;
use crate::table::form::{Decimal, FileForm};

/// The most names of groups that a model file keeps.
pub const MOST_NAMES: usize = 64;

/// How the data of a model was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The column of times.
    pub time: Option<TimeMemory>,
    /// The column that tells machines apart.
    pub group: Option<GroupMemory>,
    /// How the files were written, where that is not plain.
    pub form: FileForm,
}

/// The column of times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeMemory {
    /// Its name.
    pub column: String,
    /// How its cells are written, as `--time-format` names it.
    pub format: String,
    /// The longest step within a series, nanoseconds; `None` where no gap ends one.
    pub max_gap: Option<u64>,
}

/// The column that tells machines apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMemory {
    /// Its name.
    pub column: String,
    /// The machines of the training files; empty where there were more than [`MOST_NAMES`].
    pub names: Vec<String>,
}

/// Keys of the items.
mod key {
    pub const TIME: u8 = 1;
    pub const GROUP: u8 = 2;
    pub const DELIMITER: u8 = 3;
    pub const DECIMAL: u8 = 4;
    pub const THOUSANDS: u8 = 5;
    pub const MISSING_WORDS: u8 = 6;
    pub const HEADER: u8 = 7;
    pub const SKIP_ROWS: u8 = 8;
    pub const ENCODING: u8 = 9;
    pub const SENTINELS: u8 = 10;
    pub const UNITS: u8 = 11;
}

/// The memory of a model file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the model file says of how its data was read is damaged; train the model again")]
pub struct Damaged;

impl Memory {
    /// What a model remembers; the default where it remembers nothing.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn of(model: &AnyModel<'_>) -> Result<Self, Damaged> {
        model.extras().find(|extra| extra.tag == READING).map_or(Ok(Self::default()), |extra| Self::decode(extra.bytes))
    }

    /// The bytes of the extra; `None` where there is nothing to remember.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let Self { time, group, form } = self;
        let FileForm {
            delimiter,
            decimal,
            thousands,
            missing_words,
            header,
            skip_rows,
            encoding,
            sentinels,
            units,
            ..
        } = form;
        let list = |is_empty: bool| (!is_empty).then_some(());
        let mut out = Vec::new();
        push(&mut out, key::TIME, time.as_ref());
        push(&mut out, key::GROUP, group.as_ref());
        push(&mut out, key::DELIMITER, delimiter.as_ref());
        push(&mut out, key::DECIMAL, decimal.map(Decimal::mark).as_ref());
        push(&mut out, key::THOUSANDS, thousands.as_ref());
        push(&mut out, key::MISSING_WORDS, list(missing_words.is_empty()).map(|()| missing_words));
        push(&mut out, key::HEADER, header.as_ref());
        push(&mut out, key::SKIP_ROWS, skip_rows.as_ref());
        push(&mut out, key::ENCODING, encoding.as_ref());
        push(&mut out, key::SENTINELS, list(sentinels.is_empty()).map(|()| sentinels));
        push(&mut out, key::UNITS, list(units.is_empty()).map(|()| units));
        (!out.is_empty()).then_some(out)
    }

    /// Reads the bytes of the extra.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Damaged> {
        let mut memory = Self::default();
        while let [key, rest @ ..] = bytes {
            let (item, rest) = postcard::take_from_bytes::<&[u8]>(rest).map_err(|_| Damaged)?;
            bytes = rest;
            let form = &mut memory.form;
            match *key {
                key::TIME => memory.time = Some(value(item)?),
                key::GROUP => memory.group = Some(value(item)?),
                key::DELIMITER => form.delimiter = Some(value(item)?),
                key::DECIMAL => form.decimal = Some(decimal(value(item)?)?),
                key::THOUSANDS => form.thousands = Some(value(item)?),
                key::MISSING_WORDS => form.missing_words = value(item)?,
                key::HEADER => form.header = Some(value(item)?),
                key::SKIP_ROWS => form.skip_rows = Some(value(item)?),
                key::ENCODING => form.encoding = Some(value(item)?),
                key::SENTINELS => form.sentinels = value(item)?,
                key::UNITS => form.units = value(item)?,
                _ => {}
            }
        }
        Ok(memory)
    }
}

fn push<T: Serialize>(out: &mut Vec<u8>, key: u8, item: Option<&T>) {
    let Some(item) = item else { return };
    let bytes = postcard::to_stdvec(item).expect("texts and numbers always encode");
    out.push(key);
    out.extend(postcard::to_stdvec(&bytes[..]).expect("bytes always encode"));
}

fn value<T: DeserializeOwned>(item: &[u8]) -> Result<T, Damaged> {
    postcard::from_bytes(item).map_err(|_| Damaged)
}

fn decimal(mark: u8) -> Result<Decimal, Damaged> {
    [Decimal::Point, Decimal::Comma].into_iter().find(|decimal| decimal.mark() == mark).ok_or(Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Memory {
        Memory {
            time: Some(TimeMemory { column: "time".into(), format: "dmy".into(), max_gap: Some(300_000_000_000) }),
            group: Some(GroupMemory { column: "machine".into(), names: vec!["M1".into(), "M2".into()] }),
            form: FileForm {
                delimiter: Some(b';'),
                decimal: Some(Decimal::Comma),
                thousands: Some('.'),
                missing_words: vec!["OFF".into()],
                header: Some(false),
                skip_rows: Some(3),
                lines_below: 0,
                encoding: Some("windows-1252".into()),
                sentinels: vec!["-9999".parse().unwrap(), "temp=85".parse().unwrap()],
                units: vec![("batt".into(), "%".into())],
            },
        }
    }

    #[test]
    fn every_item_reads_back_and_nothing_is_no_extra() {
        let bytes = full().encode().unwrap();
        assert_eq!(Memory::decode(&bytes), Ok(full()));
        assert_eq!(Memory::default().encode(), None);
        let time = Memory { group: None, form: FileForm::default(), ..full() }.encode().unwrap();
        assert_eq!(time.len(), 18, "a time column costs its name, the word for its form and a number");
    }

    #[test]
    fn an_item_of_a_later_version_is_skipped_and_damage_is_an_error() {
        let mut later = full().encode().unwrap();
        later.extend([200, 2, 7, 7]);
        assert_eq!(Memory::decode(&later), Ok(full()));
        let bytes = full().encode().unwrap();
        for cut in 1..bytes.len() {
            // Whatever is left must not pass for the whole.
            assert_ne!(Memory::decode(&bytes[..cut]), Ok(full()));
        }
        assert_eq!(Memory::decode(&[1, 1, 200]), Err(Damaged));
        assert_eq!(Memory::decode(&[4, 1, b'x']), Err(Damaged));
    }
}
