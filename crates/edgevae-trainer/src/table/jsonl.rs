//! JSON lines: one object for each row, features by name, in any order; other members are ignored.
//!
//! A value is read as the CSV cell that holds the same text: a number, `true`, `false`, the text of a string. `null` and
//! an absent member are missing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::block::{Block, Counts};
use super::csv::cell::{self, Label, NoNumber};
use super::csv::header;
use super::error::{DataError, Place, Problem, shorten};
use super::form::FileForm;
use super::options::{Features, Missing, ReadOptions};
use super::reading::Reading;
use super::scan::EachRow;
use super::source::{Input, Parse, Source};
use super::text::{BLOCK, MAX_ROW, RowEnds, TextBlocks};

/// Opens a stream of JSON lines; `name` is its name in messages. The members of the first object are the columns.
///
/// # Errors
/// When the stream is empty, its first line is no object, or a wanted column is missing there or was asked for twice.
pub(super) fn blocks(input: Input, name: String, options: &ReadOptions) -> Result<Source, DataError> {
    let mut input = BufReader::new(input);
    let opened = first_line(&mut input).and_then(|first| Ok((Members::of(&first, options)?, first)));
    let (members, first) = match opened {
        Ok(opened) => opened,
        Err(problem) => return Err(DataError { file: name, problem }),
    };
    let rest = [&first[..], input.buffer()].concat();
    Ok(Source {
        form: FileForm::default(),
        notes: vec![],
        name,
        feature_names: members.features.clone(),
        extra_columns: members.extra.clone(),
        has_labels: options.label.is_some(),
        before: Counts::default(),
        take: Box::new(TextBlocks::new(input.into_inner(), rest, RowEnds::Newline, BLOCK)),
        parse: Arc::new(members),
    })
}

/// Hands `each` the names of the first object's members and the members of each object as text; returns the number of rows.
///
/// # Errors
/// As [`blocks`], and a line that is no object.
pub(super) fn scan(input: Input, options: &ReadOptions, each: &mut EachRow<'_>) -> Result<u64, Problem> {
    let mut input = BufReader::new(input);
    let mut text = first_line(&mut input)?;
    let Names(names) = serde_json::from_slice(text.trim_ascii()).map_err(|error| not_an_object(&error, 1, 1))?;
    header::select(&names, options)?;
    let (mut rows, mut line) = (0, 0);
    loop {
        for object in text.split(|&byte| byte == b'\n') {
            line += 1;
            if object.trim_ascii().is_empty() {
                continue;
            }
            rows += 1;
            let members: HashMap<String, &RawValue> =
                serde_json::from_slice(object).map_err(|error| not_an_object(&error, rows, line))?;
            let cells: Vec<Vec<u8>> =
                names.iter().map(|name| text_of(members.get(name).copied()).into_owned()).collect();
            each(&names, &cells)?;
        }
        // The text ends with its line: what follows the line end is no line of its own.
        line -= u64::from(text.ends_with(b"\n"));
        text.clear();
        let read = input.by_ref().take((MAX_ROW + 1) as u64).read_until(b'\n', &mut text);
        match read.map_err(|error| Problem::ReadFailed { line: line + 1, error })? {
            0 => return Ok(rows),
            read if read > MAX_ROW => return Err(Problem::RowTooLong { line: line + 1, limit: MAX_ROW }),
            _ => {}
        }
    }
}

/// The bytes up to the end of the first line that is not blank, without the mark of UTF-8 at the beginning of the file.
fn first_line(input: &mut impl BufRead) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    loop {
        let start = text.len();
        let limit = (MAX_ROW + 1) as u64;
        let line = 1 + memchr::memchr_iter(b'\n', &text).count() as u64;
        let read = input.by_ref().take(limit).read_until(b'\n', &mut text).map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => Problem::IsADirectory,
            _ => Problem::ReadFailed { line, error },
        })?;
        if read > MAX_ROW {
            return Err(Problem::RowTooLong { line, limit: MAX_ROW });
        }
        if start == 0 && text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
        }
        if !text[start..].trim_ascii().is_empty() {
            return Ok(text);
        }
        if read == 0 {
            return Err(Problem::Empty);
        }
    }
}

/// What a member of an object is for.
#[derive(Clone, Copy, Debug)]
enum Use {
    Feature(usize),
    Label,
    /// Another member of the first object.
    Nothing,
}

/// Names that are looked at and kept for a note.
const MOST_NAMES: usize = 8;

/// Members that a reader of the first object does not expect, with the number of their objects.
#[derive(Debug, Default)]
struct Unexpected {
    /// Members that the first object has not; nobody reads them.
    late: BTreeMap<String, u64>,
    /// Members that an object has twice; the last one is read.
    twice: BTreeMap<String, u64>,
}

impl Unexpected {
    fn push(names: &mut BTreeMap<String, u64>, name: &str) {
        if names.len() < MOST_NAMES || names.contains_key(name) {
            *names.entry(name.to_owned()).or_default() += 1;
        }
    }

    fn notes(&self) -> Vec<String> {
        let named = |names: &BTreeMap<String, u64>| {
            names.iter().map(|(name, objects)| format!("{name:?} ({objects})")).collect::<Vec<_>>().join(", ")
        };
        let note = |names: &BTreeMap<String, u64>, what: &str| {
            (!names.is_empty()).then(|| format!("{}: {what}", named(names)))
        };
        let late =
            "members that the first object has not, left out; give them to the first object, as null where it has none";
        let twice = "members that objects have twice; the last one is read";
        note(&self.late, late).into_iter().chain(note(&self.twice, twice)).collect()
    }
}

/// The members of every object that are wanted.
#[derive(Debug)]
struct Members {
    uses: HashMap<String, Use>,
    features: Vec<String>,
    extra: Vec<String>,
    label: Option<String>,
    missing: Missing,
    of_model: bool,
    /// How each feature is read.
    readings: Vec<Reading>,
    unexpected: Mutex<Unexpected>,
}

impl Members {
    fn of(first: &[u8], options: &ReadOptions) -> Result<Self, Problem> {
        let names: Names = serde_json::from_slice(first.trim_ascii()).map_err(|error| not_an_object(&error, 1, 1))?;
        let selection = header::select(&names.0, options)?;
        let name = |column: &usize| names.0[*column].clone();
        let features: Vec<String> = selection.features.iter().map(name).collect();
        let mut uses: HashMap<String, Use> = names.0.iter().map(|name| (name.clone(), Use::Nothing)).collect();
        let wanted = features.iter().enumerate().map(|(index, name)| (name.clone(), Use::Feature(index)));
        uses.extend(wanted);
        uses.extend(options.label.iter().map(|name| (name.clone(), Use::Label)));
        Ok(Self {
            uses,
            readings: features.iter().map(|name| options.reading(name)).collect(),
            features,
            extra: selection.extra.iter().map(name).collect(),
            label: options.label.clone(),
            missing: options.missing,
            of_model: matches!(options.features, Features::OfModel(_)),
            unexpected: Mutex::default(),
        })
    }

    fn place(&self, used: Use, row: u64, line: u64) -> Place {
        let column = match used {
            Use::Feature(feature) => self.features[feature].clone(),
            Use::Label | Use::Nothing => self.label.clone().unwrap_or_default(),
        };
        Place { line: Some(line), row, column }
    }

    /// Reads the row of one object into `row`: missing cells and label.
    fn read(&self, object: &Object<'_>, row: &mut [f32], number: u64, line: u64) -> Result<(u64, Label), Problem> {
        let mut missing = 0;
        for (feature, (value, member)) in row.iter_mut().zip(&object.features).enumerate() {
            let text = text_of(*member);
            *value = match self.readings[feature].read(&text) {
                Ok(number) => number,
                Err(NoNumber::Missing) if self.missing != Missing::Error => {
                    missing += 1;
                    f32::NAN
                }
                Err(reason) => {
                    let at = self.place(Use::Feature(feature), number, line);
                    return Err(reason.problem(at, &text, self.of_model));
                }
            };
        }
        if self.label.is_none() {
            return Ok((missing, Label::NotWanted));
        }
        let text = text_of(object.label);
        let found = || (self.place(Use::Label, number, line), shorten(text.trim_ascii()));
        match cell::label(&text) {
            Some(anomaly) => Ok((missing, Label::Found(anomaly))),
            None if !cell::is_missing(&text) => {
                let (at, found) = found();
                Err(Problem::NotALabel { at, found })
            }
            None if self.missing == Missing::Drop => Ok((missing, Label::Missing)),
            None => {
                let (at, found) = found();
                Err(Problem::MissingLabel { at, found })
            }
        }
    }

    fn parse_text(&self, block: &mut Block) -> Result<(), Problem> {
        let Block { text, cells, labels, places, counts, .. } = block;
        for (line, text) in text.split(|&byte| byte == b'\n').enumerate() {
            if text.trim_ascii().is_empty() {
                continue;
            }
            let (row, at_line) = (counts.rows + 1, line as u64 + 1);
            let mut json = serde_json::Deserializer::from_slice(text);
            let object = self.deserialize(&mut json).and_then(|object| json.end().map(|()| object));
            let object = object.map_err(|error| not_an_object(&error, row, at_line))?;
            let first = cells.len();
            cells.resize(first + self.features.len(), 0.0);
            let read = self.read(&object, &mut cells[first..], row, at_line);
            let (missing, label) = read.inspect_err(|_| cells.truncate(first))?;
            counts.rows += 1;
            if self.missing == Missing::Drop && (missing > 0 || label == Label::Missing) {
                counts.dropped += 1;
                cells.truncate(first);
                continue;
            }
            counts.missing += missing;
            places.push((row as u32 - 1, line as u32));
            labels.extend(label.found());
        }
        Ok(())
    }
}

impl Parse for Members {
    fn parse(&self, block: &mut Block) {
        if let Err(problem) = self.parse_text(block) {
            block.problem = Some(problem);
        }
        block.counts.lines = memchr::memchr_iter(b'\n', &block.text).count() as u64;
    }

    fn notes(&self) -> Vec<String> {
        self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).notes()
    }
}

/// A member's value as the text of a CSV cell: a number as it is written, so that it is rounded once, a string without
/// its quotes, an absent member as an empty cell.
fn text_of(member: Option<&RawValue>) -> Cow<'_, [u8]> {
    let text = member.map_or("", RawValue::get);
    match serde_json::from_str::<String>(text) {
        Ok(unquoted) if text.starts_with('"') => Cow::Owned(unquoted.into_bytes()),
        _ => Cow::Borrowed(text.as_bytes()),
    }
}

fn not_an_object(error: &serde_json::Error, row: u64, line: u64) -> Problem {
    // The parser counts lines within the row.
    let reason = error.to_string().replace(" at line 1 column ", " at column ");
    Problem::NotAnObject { line, row, reason }
}

/// The wanted members of one object.
struct Object<'a> {
    features: Vec<Option<&'a RawValue>>,
    label: Option<&'a RawValue>,
}

impl<'de> DeserializeSeed<'de> for &Members {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut object = Object { features: vec![None; self.features.len()], label: None };
        while let Some(used) = map.next_key_seed(Key(self))? {
            match used {
                Some(Use::Feature(feature)) => {
                    if object.features[feature].replace(map.next_value()?).is_some() {
                        let mut unexpected = self.unexpected.lock().unwrap_or_else(PoisonError::into_inner);
                        Unexpected::push(&mut unexpected.twice, &self.features[feature]);
                    }
                }
                Some(Use::Label) => object.label = Some(map.next_value()?),
                Some(Use::Nothing) | None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(object)
    }
}

/// Finds what a member is for, without a copy of its name.
struct Key<'a>(&'a Members);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Use>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Use>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Use>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<Use>, E> {
        let used = self.0.uses.get(name).copied();
        // A model names what it reads; other members are none of its business.
        if used.is_none() && !self.0.of_model {
            Unexpected::push(&mut self.0.unexpected.lock().unwrap_or_else(PoisonError::into_inner).late, name);
        }
        Ok(used)
    }
}

/// The names of an object's members in their order, each once.
struct Names(Vec<String>);

impl<'de> de::Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let (mut names, mut seen) = (vec![], HashSet::new());
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    if seen.insert(name.clone()) {
                        names.push(name);
                    }
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(NamesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::load::{Loaded, collect};

    fn load(text: &str, options: &ReadOptions) -> Result<Loaded, String> {
        let input = Input::Stream(Box::new(io::Cursor::new(text.to_owned())));
        let source = blocks(input, "t.jsonl".into(), options);
        source.and_then(|source| collect(source, 2)).map_err(|error| error.to_string())
    }

    #[test]
    fn members_that_come_late_or_twice_are_told() {
        let text = "{\"a\": 1, \"b\": 2}\n{\"a\": 3, \"b\": 4, \"c\": 5}\n{\"a\": 6, \"c\": 7, \"b\": 8, \"a\": 9}\n";
        let loaded = load(text, &ReadOptions::default()).unwrap();
        assert_eq!(loaded.dataset.names, ["a", "b"]);
        assert_eq!(loaded.dataset.features.row(2).to_vec(), [9.0, 8.0]);
        assert_eq!(loaded.notes.len(), 2, "{:?}", loaded.notes);
        assert!(
            loaded.notes[0].starts_with("t.jsonl: \"c\" (2): members that the first object has not"),
            "{:?}",
            loaded.notes
        );
        assert!(
            loaded.notes[1].starts_with("t.jsonl: \"a\" (1): members that objects have twice"),
            "{:?}",
            loaded.notes
        );
        let plain = "{\"a\": 1, \"b\": 2}\n{\"b\": 4, \"a\": 3}\n";
        assert!(load(plain, &ReadOptions::default()).unwrap().notes.is_empty());
    }

    fn labelled(missing: Missing) -> ReadOptions {
        ReadOptions { label: Some("fault".into()), missing, ..ReadOptions::default() }
    }

    #[test]
    fn members_are_columns_in_any_order() {
        let text = "\n{\"a\": 1.5, \"b\": -2e3, \"fault\": false}\r\n{\"fault\":1,\"b\":\"7\",\"c\":[{}],\"a\":0.1}";
        let loaded = load(text, &labelled(Missing::Error)).unwrap();
        assert_eq!(loaded.dataset.names, ["a", "b"]);
        assert_eq!(loaded.dataset.features, ndarray::array![[1.5, -2000.0], [0.1, 7.0]]);
        assert_eq!(loaded.dataset.labels, Some(vec![false, true]));
    }

    #[test]
    fn a_number_is_rounded_once() {
        // Halfway between two f32 but for its last digit, which f64 does not hold.
        let text = "{\"a\":16777217.000000000000000000001}";
        assert_eq!(load(text, &ReadOptions::default()).unwrap().dataset.features[[0, 0]], 16_777_218.0);
    }

    #[test]
    fn absent_and_null_members_follow_the_policy() {
        let text = "{\"a\":1,\"b\":2}\n{\"a\":1}\n{\"a\":null,\"b\":2}\n";
        let with = |missing| load(text, &ReadOptions { missing, ..ReadOptions::default() });
        assert_eq!(
            with(Missing::Error).unwrap_err(),
            "t.jsonl: line 2 (row 2), column \"b\": found an empty cell, expected a number; mend the cell, or choose \
             --missing drop, mean or indicator"
        );
        let dropped = with(Missing::Drop).unwrap();
        assert_eq!((dropped.dropped_rows, dropped.dataset.rows()), (2, 1));
        assert_eq!(with(Missing::Mean).unwrap().missing_cells, 2);
    }

    #[test]
    fn pieces_of_a_pipe_decide_nothing() {
        /// Hands out one byte at a time.
        struct Trickle(io::Cursor<Vec<u8>>);
        impl Read for Trickle {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let len = buffer.len().min(1);
                self.0.read(&mut buffer[..len])
            }
        }
        let in_pieces = |text: &str| {
            let input = Input::Stream(Box::new(Trickle(io::Cursor::new(text.into()))));
            let source = blocks(input, "t.jsonl".into(), &ReadOptions::default());
            source.and_then(|source| collect(source, 1)).map_err(|error| error.to_string())
        };
        for (text, rows) in [
            ("{\"a\":1}\r{\"a\":2}\n", None),
            ("{\"a\":1}\n{\"a\":2}\r{\"a\":3}\n", None),
            ("{\"a\":1}\n{\"a\":2}{\"a\":3}\n", None),
            ("{\"a\":1}\n\u{feff}{\"a\":2}\n", None),
            ("\n\u{feff}{\"a\":2}\n", None),
            ("\u{feff}{\"a\":1}\r\n\r{\"a\":2}\r\n", Some(2)),
            ("\u{feff}\n{\"a\":1}", Some(1)),
            ("{\"a\":\n1}\n", None),
        ] {
            let (whole, pieces) = (load(text, &ReadOptions::default()), in_pieces(text));
            assert_eq!(whole.as_ref().ok().map(|loaded| loaded.dataset.rows()), rows, "{text:?}: {whole:?}");
            assert_eq!(whole.map(|loaded| loaded.dataset.features), pieces.map(|loaded| loaded.dataset.features));
        }
    }

    #[test]
    fn an_object_of_many_names_is_read_in_one_pass() {
        let members: Vec<String> = (0..100_000).map(|name| format!("\"m{name}\":1")).collect();
        let text = format!("{{{}}}\n", members.join(","));
        assert_eq!(load(&text, &ReadOptions::default()).unwrap().dataset.names.len(), 100_000);
    }

    #[test]
    fn what_is_wrong_is_placed() {
        let message = |text: &str| load(text, &labelled(Missing::Error)).unwrap_err();
        let good = "{\"a\":1,\"fault\":0}\n";
        for (line, expected) in [
            ("{\"a\":1,", "line 3 (row 2): EOF while parsing"),
            ("[1]", "line 3 (row 2): invalid type: sequence, expected an object"),
            ("{\"a\":1} x", "line 3 (row 2): trailing characters at column 9"),
            ("{\"a\":\"warm\",\"fault\":0}", "line 3 (row 2), column \"a\": found \"warm\", expected a number"),
            ("{\"a\":[1],\"fault\":0}", "line 3 (row 2), column \"a\": found \"[1]\", expected a number"),
            ("{\"a\":1e39,\"fault\":0}", "line 3 (row 2), column \"a\": found 1e39, which is beyond"),
            ("{\"a\":1,\"fault\":2}", "line 3 (row 2), column \"fault\": found \"2\", expected a label"),
            ("{\"a\":1}", "line 3 (row 2), column \"fault\": found an empty cell, expected a label"),
        ] {
            let message = message(&format!("{good}\n{line}\n{good}"));
            assert!(message.starts_with(&format!("t.jsonl: {expected}")), "{message}");
        }
        assert!(message("").contains("the file is empty"));
        assert!(message("1\n").contains("line 1 (row 1): invalid type"));
        assert!(message("{\"b\":1}\n").contains("no column \"fault\""));
    }
}
