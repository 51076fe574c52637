//! What the columns of files hold, found by looking at every cell once, and what is made of each.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use edgevae_core::format::input::Clock;

use crate::options::{Cyclic, Request};
use crate::table::csv::cell::{self, NoNumber};
use crate::table::csv::{Looks, header};
use crate::table::error::{DataError, Place, Problem, Role, list, shorten};
use crate::table::files;
use crate::table::options::ReadOptions;
use crate::table::reading::{self, Levels, Reading};
use crate::table::scan::scan;
use crate::table::time;

/// Levels of a category, at most; the others are one.
pub const MOST_LEVELS: usize = 32;
/// Different texts of a column that are counted.
const MOST_TEXTS: usize = 4096;
/// A text column is a category or left out from so many rows on; below, the first text is more likely a mistake.
const FEW_ROWS: u64 = 20;

/// What the cells of one column are.
#[derive(Debug, Default)]
struct Cells {
    present: u64,
    numbers: u64,
    booleans: u64,
    times: u64,
    /// Texts that look like times, in whatever spelling.
    like_times: u64,
    /// Decimals with a comma, and what is no text.
    misspelt: u64,
    label_words: u64,
    /// Numbers with a unit: `96%`, `12 bar`.
    with_unit: u64,
    /// Their units, up to two of them.
    units: Vec<String>,
    /// How often each text occurs, up to [`MOST_TEXTS`] of them.
    texts: HashMap<Vec<u8>, u64>,
}

impl Cells {
    fn push(&mut self, text: &[u8]) {
        let text = text.trim_ascii();
        let number = cell::number(text);
        if number == Err(NoNumber::Missing) {
            // Of a column of numbers; in one of text it may be a category.
            if !cell::is_missing(text) {
                self.word(text);
            }
            return;
        }
        self.present += 1;
        let count = |what: &mut u64, is: bool| *what += u64::from(is);
        count(&mut self.numbers, !matches!(number, Err(NoNumber::Text(_))));
        count(&mut self.booleans, reading::boolean(text).is_some());
        if let Err(NoNumber::Text(looks)) = number {
            count(&mut self.times, time::is_written(text));
            count(&mut self.like_times, looks == Looks::Time);
            let wrong = matches!(looks, Looks::DecimalComma | Looks::SeveralLines) || str::from_utf8(text).is_err();
            count(&mut self.misspelt, wrong);
            count(&mut self.label_words, cell::label(text).is_some());
            if let Some(unit) = unit_of(text) {
                self.with_unit += 1;
                if self.units.len() < 2 && !self.units.contains(&unit) {
                    self.units.push(unit);
                }
            }
        }
        self.word(text);
    }

    fn word(&mut self, text: &[u8]) {
        if let Some(times) = self.texts.get_mut(text) {
            *times += 1;
        } else if self.texts.len() < MOST_TEXTS {
            self.texts.insert(text.to_vec(), 1);
        }
    }

    /// The most frequent texts, equally frequent ones in the order of the alphabet.
    fn levels(&self) -> Levels {
        let mut texts: Vec<(&Vec<u8>, &u64)> = self.texts.iter().collect();
        texts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let names = texts.into_iter().take(MOST_TEXTS).map(|(text, _)| String::from_utf8_lossy(text).into_owned());
        Levels::new(names.collect())
    }

    /// The one unit of all numbers of the column; it may be left out in some cells.
    fn unit(&self) -> Option<&str> {
        let is_one = self.with_unit > 0 && self.numbers + self.with_unit == self.present;
        if let ([unit], true) = (&self.units[..], is_one) { Some(unit) } else { None }
    }

    /// What is made of the column when nobody says; `Err` with the reason when it is left out.
    fn decide(&self) -> Result<Reading, String> {
        let Self { present, numbers, booleans, times, like_times, misspelt, label_words, with_unit, texts, .. } = self;
        let all = |count: &u64| count == present;
        let levels = texts.len() as u64;
        if *present == 0 {
            return Err("empty in every row".into());
        }
        if all(numbers) {
            return Ok(Reading::Number);
        }
        if all(booleans) {
            return Ok(Reading::Boolean);
        }
        if all(times) {
            return Err("times".into());
        }
        if all(like_times) {
            return Err("times in a spelling that is not read, as 2024-01-31T12:00:00 is".into());
        }
        // A number column with a stray word, a wrong decimal point or a forgotten label: the reader tells where.
        if 4 * numbers > *present || *misspelt > 0 || all(label_words) {
            return Ok(Reading::Number);
        }
        if levels <= MOST_LEVELS as u64 && 2 * levels <= *present {
            return Ok(Reading::Category(Arc::new(self.levels())));
        }
        if *present >= FEW_ROWS && 2 * with_unit < *present {
            let more = if texts.len() == MOST_TEXTS { "or more " } else { "" };
            return Err(format!("text of {levels} {more}different values"));
        }
        Ok(Reading::Number)
    }
}

/// What stands behind the number in a text: a word without digits.
fn unit_of(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?.trim();
    let end = text.find(|found: char| !(found.is_ascii_digit() || "+-.\u{2212}".contains(found)))?;
    let (number, unit) = text.split_at(end);
    let unit = unit.trim();
    let is_unit = !unit.is_empty()
        && unit.len() <= 12
        && !unit.contains(|found: char| found.is_ascii_digit() || ":,;".contains(found));
    (is_unit && cell::number(number.as_bytes()).is_ok()).then(|| unit.to_owned())
}

/// What was found in files.
#[derive(Debug, Default)]
pub(super) struct Survey {
    names: Vec<String>,
    cells: Vec<Cells>,
    /// Seconds of each row over all files; empty without a column of times.
    pub times: Vec<f64>,
    /// Group of each row over all files; empty without a column of groups.
    pub groups: Vec<u32>,
}

/// What is made of the columns.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// How each feature is read.
    pub readings: Vec<(String, Reading)>,
    /// Columns that are left out, beside those of the request.
    pub ignored: Vec<String>,
    /// Columns whose numbers have a unit, and that unit.
    pub units: Vec<(String, String)>,
    /// What was decided about columns that do not hold numbers, for people.
    pub notes: Vec<String>,
}

impl Survey {
    /// Looks at every cell of the files.
    ///
    /// # Errors
    /// [`DataError`]: a file that cannot be read, a column of the request that is not there, a cell that is no time.
    pub fn of(paths: &[PathBuf], read: &ReadOptions, request: &Request) -> Result<Self, DataError> {
        files::refuse_pipes(paths)?;
        let mut survey = Self::default();
        let mut groups: HashMap<Vec<u8>, u32> = HashMap::new();
        let others = files::later(read);
        for (file, path) in paths.iter().enumerate() {
            let mut places = None;
            let mut row = 0;
            scan(path, if file == 0 { read } else { &others }, &mut |names, cells| {
                row += 1;
                let Self { names: known, cells: counted, times, groups: of_group } = &mut survey;
                if known.is_empty() {
                    known.extend_from_slice(names);
                    counted.extend(names.iter().map(|_| Cells::default()));
                }
                if places.is_none() {
                    places = Some((
                        request.places(names)?,
                        known.iter().map(|name| position(names, name)).collect::<Vec<_>>(),
                    ));
                }
                let Some(((time, group), columns)) = &places else { return Ok(()) };
                for (counted, place) in counted.iter_mut().zip(columns) {
                    if let Some(place) = *place {
                        counted.push(&cells[place]);
                    }
                }
                if let Some(column) = *time {
                    let found = shorten(cells[column].trim_ascii());
                    let at = || Place { line: None, row, column: names[column].clone() };
                    let expected = "a time as in 2024-01-31T12:00:00";
                    let seconds = time::seconds(&cells[column]);
                    times.push(seconds.ok_or_else(|| Problem::NotOfKind { at: at(), found, expected })?);
                }
                if let Some(column) = *group {
                    let next = groups.len() as u32;
                    of_group.push(*groups.entry(cells[column].trim_ascii().to_vec()).or_insert(next));
                }
                Ok(())
            })?;
        }
        Ok(survey)
    }

    /// Decides what is made of each column.
    ///
    /// # Panics
    /// When a column was not surveyed.
    pub fn decide(&self, read: &ReadOptions, request: &Request) -> Decisions {
        let mut decisions = Decisions::default();
        // The survey has read the header with these options.
        let Ok(selection) = header::select(&self.names, read) else { return decisions };
        let unused = [request.time.as_ref(), request.group.as_ref()];
        for &column in &selection.features {
            let name = &self.names[column];
            let cyclic = request.cyclic.iter().find(|cyclic| cyclic.column == *name);
            let note = |what: String| format!("`{name}`: {what}");
            let reading = if let Some(cyclic) = cyclic {
                let order = if request.time.as_ref() == Some(name) { ", and the order of the rows" } else { "" };
                decisions.notes.push(note(format!("cyclic, {}{order}", cyclic.said())));
                Reading::Clock(cyclic.clock)
            } else if unused.contains(&Some(name)) {
                let what = if request.time.as_ref() == Some(name) { "the order of the rows" } else { "groups of rows" };
                decisions.notes.push(note(format!("{what}, no feature")));
                decisions.ignored.push(name.clone());
                continue;
            } else if request.categorical.contains(name) {
                Reading::Category(Arc::new(self.cells[column].levels()))
            } else if let Some(unit) = self.cells[column].unit() {
                decisions.notes.push(note(format!("numbers in {unit}, read without the unit")));
                decisions.units.push((name.clone(), unit.to_owned()));
                Reading::Number
            } else {
                match self.cells[column].decide() {
                    Ok(reading) => reading,
                    Err(_) if name.contains(".list.") => {
                        decisions.notes.push(note("holds lists, which are not read: left out".into()));
                        decisions.ignored.push(name.clone());
                        continue;
                    }
                    Err(why) => {
                        let advice = if why == "times" {
                            format!(" (--time {name:?} orders the rows by it, --cyclic {name}:day makes it a feature)")
                        } else if why.starts_with("text") {
                            format!(" (--categorical {name:?} keeps the {MOST_LEVELS} most frequent)")
                        } else {
                            String::new()
                        };
                        decisions.notes.push(note(format!("{why}, left out{advice}")));
                        decisions.ignored.push(name.clone());
                        continue;
                    }
                }
            };
            match &reading {
                Reading::Boolean => decisions.notes.push(note("boolean, read as 0 and 1".into())),
                Reading::Category(levels) if cell::is_suspect(name) => decisions.notes.push(note(format!(
                    "WARNING: a category ({}) that looks like a label; pass --label {name:?} or --ignore {name:?}",
                    list(&levels.names()[..levels.names().len().min(4)])
                ))),
                _ => {}
            }
            decisions.readings.push((name.clone(), reading));
        }
        decisions
    }
}

fn position(names: &[String], wanted: &str) -> Option<usize> {
    names.iter().position(|name| name == wanted)
}

impl Request {
    /// Finds the columns of times and groups, and that all others of the request are there.
    fn places(&self, names: &[String]) -> Result<(Option<usize>, Option<usize>), Problem> {
        let find = |name: &String, role| {
            position(names, name).ok_or_else(|| Problem::NoSuchColumn {
                name: name.clone(),
                role,
                similar: header::similar(name, names),
                columns: list(names),
            })
        };
        for name in &self.categorical {
            find(name, Role::Categorical)?;
        }
        for cyclic in &self.cyclic {
            find(&cyclic.column, Role::Cyclic)?;
        }
        let time = self.time.as_ref().map(|name| find(name, Role::Time)).transpose()?;
        let group = self.group.as_ref().map(|name| find(name, Role::Group)).transpose()?;
        Ok((time, group))
    }
}

impl Cyclic {
    /// In words.
    fn said(&self) -> String {
        match self.clock {
            Clock::Value | Clock::Signed | Clock::Turns => format!("sine and cosine of a period of {}", self.period),
            Clock::Day => "sine and cosine of the time of day".into(),
            Clock::Week => "sine and cosine of the time of the week".into(),
            Clock::Year => "sine and cosine of the time of the year".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(cells: &[&str]) -> Result<Reading, String> {
        let mut counted = Cells::default();
        cells.iter().for_each(|cell| counted.push(cell.as_bytes()));
        counted.decide()
    }

    #[test]
    fn the_kind_of_a_column_is_what_nearly_all_its_cells_are() {
        assert_eq!(decide(&["1", "2.5", "", "NA"]), Ok(Reading::Number));
        assert_eq!(decide(&["", "N/A"]), Err("empty in every row".into()));
        assert_eq!(decide(&["true", "False", "1", ""]), Ok(Reading::Boolean));
        let times = decide(&["2024-01-31", "2024-02-01", ""]);
        assert_eq!(times, Err("times".into()));
        for spelling in ["30.03.2025", "2025/03/30", "20250330T120000", "2025-03-30T12:00:00Z"] {
            assert_eq!(decide(&[spelling; 30]), Err("times".into()), "{spelling}");
        }
        for spelling in ["03/30/2025 00:00", "30-03-2025", "00:00:00"] {
            assert!(decide(&[spelling; 30]).unwrap_err().starts_with("times in a spelling"), "{spelling}");
        }
        let Ok(Reading::Category(levels)) = decide(&["run", "idle", "run", "run", "idle", "stop", "stop", ""]) else {
            panic!("a category");
        };
        assert_eq!(levels.names(), ["run", "idle", "stop"], "the most frequent first");
    }

    #[test]
    fn a_stray_word_a_decimal_comma_and_words_of_a_label_stay_errors() {
        for cells in [
            &["1", "2", "3", "oops"][..],
            &["1,5", "2,5", "1,5", "2,5"],
            &["normal", "anomaly", "normal", "normal"],
            &["x"],
            &["1", "x"],
        ] {
            assert_eq!(decide(cells), Ok(Reading::Number), "{cells:?}");
        }
    }

    #[test]
    fn names_are_left_out_and_numbers_with_units_are_not() {
        let names: Vec<String> = (0..40).map(|at| format!("M{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(decide(&names), Err("text of 40 different values".into()));
        assert_eq!(decide(&names[..10]), Ok(Reading::Number), "too few to say");
        let ids: Vec<String> = (10..50).map(|at| format!("{at}f0-4a1{at}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(decide(&ids), Err("text of 40 different values".into()));
        let units: Vec<String> = (0..40).map(|at| format!("{at} bar")).collect();
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        assert_eq!(decide(&units), Ok(Reading::Number));
    }
}
