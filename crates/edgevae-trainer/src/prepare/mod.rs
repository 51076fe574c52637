//! From files as they come to the features of a network: which columns hold what, how each is encoded, which rows belong
//! together.
//!
//! Columns of numbers pass as they are, and a model of them has no input section. Everything else becomes one: it is fitted
//! to the training rows here, and applied by the core's own [`Encoder`] and
//! [`SliceWindow`](edgevae_core::SliceWindow), so that desk and device see the same features.

pub mod divide;
pub(crate) mod doubtful;
pub mod sample;
pub mod scaler;
pub mod sentinel;
pub mod split;
mod stage;
mod survey;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use edgevae_core::Encoder;
use edgevae_core::format::input::WindowSpec;
use ndarray::{Array2, ArrayView1};

pub use stage::{feature_names, levels, reading};
use survey::{Decisions, Survey};

use crate::options::{Options, Request};
use crate::table::Dataset;
use crate::table::error::{DataError, Problem};
use crate::table::form::FileForm;
use crate::table::load::{self, Loaded};
use crate::table::options::{Missing, ReadOptions};
use crate::table::reading::Reading;

/// What becomes of the columns of a data set before the network.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The input section of the model; `None` where the network takes the columns as they are.
    pub section: Option<Vec<u8>>,
    /// What was decided, in sentences.
    pub notes: Vec<String>,
    /// The column of times that ordered the rows.
    pub time: Option<String>,
}

/// Why files give no data set.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// They cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No series is as long as a window.
    #[error("no {rows} rows in a row for --window {rows}; the longest series has {longest}: {why}")]
    TooShort {
        /// Rows of a window.
        rows: u16,
        /// Rows of the longest series.
        longest: usize,
        /// What ends a series.
        why: &'static str,
    },
    /// More features than the format counts.
    #[error(
        "{0} features after encoding and windows; expected at most 65535: a shorter --window, or --window-features summary"
    )]
    TooMany(usize),
}

/// A data set that is ready for training.
#[derive(Debug)]
pub struct Prepared {
    /// Samples with the features of the network; labels by any row of the window.
    pub dataset: Dataset,
    /// Rows left out because of a missing cell.
    pub dropped_rows: u64,
    /// Number in the files of the last row of each sample, from 1; `None` when it is its place.
    pub row_numbers: Option<Vec<u64>>,
    /// A feature that is probably a label.
    pub suspected_label: Option<String>,
    /// How the first file is written.
    pub form: FileForm,
    /// Numbers that probably stand for missing readings.
    pub sentinels: Vec<sentinel::Found>,
    /// What became of the columns.
    pub input: Input,
}

/// Reads files into one data set: decides what their columns hold, orders the rows, encodes them.
///
/// # Errors
/// [`InputError`].
pub fn load(
    paths: &[PathBuf],
    read: &ReadOptions,
    request: &Request,
    options: &Options,
) -> Result<Prepared, InputError> {
    let (survey, decisions, loaded) = read_table(paths, read, request, options.threads)?;
    let Loaded { mut dataset, dropped_rows, row_numbers, suspected_label, file_rows, form, mut notes, .. } = loaded;
    notes.extend(decisions.notes);
    let sentinels = sentinel::find(&dataset.names, dataset.features.view());
    let rising = running(&dataset, request);
    let mut in_order = true;
    let mut numbers = row_numbers.unwrap_or_else(|| (1..=dataset.rows() as u64).collect());
    if !survey.groups.is_empty() {
        dataset.groups = numbers.iter().map(|&number| survey.groups[number as usize - 1]).collect();
    }
    if !survey.times.is_empty() {
        in_order = order(&mut dataset, &mut numbers, &survey.times, &mut notes);
    }
    notes.extend(rising);
    notes.extend(doubtful::identifiers(&dataset));
    notes.extend(doubtful::cut_decimals(&dataset));
    notes.extend(doubtful::repeated_rows(&dataset));
    notes.extend(repeated(&dataset));
    let readings: HashMap<String, Reading> = decisions.readings.into_iter().collect();
    let readings: Vec<Reading> =
        dataset.names.iter().map(|name| readings.get(name).cloned().unwrap_or_default()).collect();
    let has_missing = dataset.features.iter().any(|value| value.is_nan());
    let plain = readings.iter().all(|reading| *reading == Reading::Number)
        && request.cyclic.is_empty()
        && request.window.is_none()
        && (read.missing != Missing::Indicator || !has_missing);
    if read.missing == Missing::Indicator && !has_missing {
        notes.push("no cell is missing: there is nothing to indicate".into());
    }
    let input = |section| Input { section, notes: notes.clone(), time: request.time.clone() };
    if plain {
        let are_places = numbers.iter().zip(1..).all(|(&number, place)| number == place);
        let row_numbers = (!are_places).then_some(numbers);
        return Ok(Prepared {
            dataset,
            dropped_rows,
            row_numbers,
            suspected_label,
            form,
            sentinels,
            input: input(None),
        });
    }

    let window = request.window.unwrap_or(WindowSpec::ROW);
    let file_rows = if survey.times.is_empty() { &file_rows[..] } else { &[] };
    let begins = begins(&dataset, &numbers, file_rows, in_order);
    let last = stage::last_rows(&begins, window);
    if last.is_empty() {
        return Err(too_short(window, &begins));
    }
    let first = |last: usize| last + 1 - usize::from(window.rows);
    let labels = dataset
        .labels
        .as_ref()
        .map(|labels| last.iter().map(|&last| labels[first(last)..=last].contains(&true)).collect::<Vec<bool>>());
    let groups: Vec<u32> =
        if dataset.groups.is_empty() { vec![] } else { last.iter().map(|&row| dataset.groups[row]).collect() };
    let empty = Dataset { features: Array2::zeros((last.len(), 0)), labels, groups, ..Dataset::default() };
    let mut training: Vec<usize> =
        divide::training_rows(&empty, options).into_iter().flat_map(|at| first(last[at])..=last[at]).collect();
    training.sort_unstable();
    training.dedup();
    let (section, fitted) =
        stage::fit(&mut dataset, &readings, &request.cyclic, read.missing, request.window, &training);
    notes.extend(fitted);
    if let Some(WindowSpec { rows, stride, .. }) = request.window {
        notes.push(format!("windows of {rows} rows, every {stride}: each is one row of what follows"));
    }
    let (encoder, _) = Encoder::of_section(&section).expect("a section that was just written loads");
    let inputs = window.outputs(encoder.encoded()).unwrap_or(usize::MAX);
    if inputs > usize::from(u16::MAX) {
        return Err(InputError::TooMany(inputs));
    }
    let (features, applied) = stage::apply(&section, &dataset, &begins);
    assert_eq!(applied, last, "the core's windows end where they were expected to");
    let names = feature_names(&encoder, window);
    let row_numbers = Some(last.into_iter().map(|row| numbers[row]).collect());
    let origins = stage::feature_origins(&encoder, window);
    let dataset = Dataset { names, features, origins, ..empty };
    let input = Input { section: Some(section), notes, time: request.time.clone() };
    Ok(Prepared { dataset, dropped_rows, row_numbers, suspected_label, form, sentinels, input })
}

/// The table as the device would see it, and what was decided about its columns.
///
/// Files of numbers are read once. Only where that fails for a text, or the user names columns, every cell is looked at
/// first.
fn read_table(
    paths: &[PathBuf],
    read: &ReadOptions,
    request: &Request,
    threads: usize,
) -> Result<(Survey, Decisions, Loaded), InputError> {
    if !request.needs_survey() {
        match load::read(paths, read, threads) {
            Ok(loaded) => return Ok((Survey::default(), Decisions::default(), loaded)),
            Err(DataError {
                problem: Problem::NotANumber { .. } | Problem::ColumnType { .. } | Problem::MissingCell { .. },
                ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let survey = Survey::of(paths, read, request)?;
    let decisions = survey.decide(read, request);
    let mut read = ReadOptions { readings: decisions.readings.clone(), ..read.clone() };
    read.ignore.extend(decisions.ignored.iter().cloned());
    read.form.units.extend(decisions.units.iter().cloned());
    if let crate::table::options::Features::Named(names) = &mut read.features {
        names.retain(|name| !decisions.ignored.contains(name));
    }
    let loaded = load::read(paths, &read, threads)?;
    Ok((survey, decisions, loaded))
}

/// Sorts the rows by their times; rows of equal times stay in the order of the files. `true` when they were in order.
fn order(dataset: &mut Dataset, numbers: &mut Vec<u64>, times: &[f64], notes: &mut Vec<String>) -> bool {
    let time = |row: usize| times[numbers[row] as usize - 1];
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    // Series of different groups are told apart before their times are.
    let group = |row: usize| dataset.groups.get(row).copied().unwrap_or_default();
    order.sort_by(|&a, &b| group(a).cmp(&group(b)).then(time(a).total_cmp(&time(b))));
    if order.is_sorted() {
        return true;
    }
    let mut latest: HashMap<u32, f64> = HashMap::new();
    let is_late = |row: &usize| {
        let latest = latest.entry(group(*row)).or_insert(f64::NEG_INFINITY);
        let is_late = time(*row) < *latest;
        *latest = latest.max(time(*row));
        is_late
    };
    let late = (0..numbers.len()).filter(is_late).count();
    if late > 0 {
        notes.push(format!("{late} rows come after rows of a later time: all were sorted"));
    }
    *dataset = dataset.select(&order);
    *numbers = order.into_iter().map(|row| numbers[row]).collect();
    false
}

/// Which rows begin a series: the first of a file (unless times tell the order) or group, and one behind a row left out
/// (unless the rows were sorted, and nobody knows what was beside it).
fn begins(dataset: &Dataset, numbers: &[u64], file_rows: &[u64], in_order: bool) -> Vec<bool> {
    let ends: HashSet<u64> = file_rows
        .iter()
        .scan(0, |end, rows| {
            *end += rows;
            Some(*end)
        })
        .collect();
    let begins = |row: usize| {
        let Some(before) = row.checked_sub(1) else { return true };
        let left_out = in_order && numbers[row] != numbers[before] + 1;
        let other_group = !dataset.groups.is_empty() && dataset.groups[row] != dataset.groups[before];
        left_out || other_group || ends.contains(&numbers[before])
    };
    (0..numbers.len()).map(begins).collect()
}

fn too_short(window: WindowSpec, begins: &[bool]) -> InputError {
    let mut longest = 0;
    let mut length = 0;
    for &begin in begins {
        length = if begin { 1 } else { length + 1 };
        longest = longest.max(length);
    }
    let why = "a series ends with its file or group, and at a row left out for a missing cell";
    InputError::TooShort { rows: window.rows, longest, why }
}

/// Columns that run one way in more than half of the rows and never turn: times and counters, whose later readings are all
/// new. Where `f32` does not resolve the steps of one, as of seconds since 1970, two steps are enough.
fn running(dataset: &Dataset, request: &Request) -> Vec<String> {
    /// Whole numbers from here on have neighbours that `f32` makes equal.
    const UNRESOLVED: f32 = 16_777_216.0;
    let runs = |column: ArrayView1<'_, f32>, sign: f32| {
        let steps = || column.iter().zip(column.iter().skip(1)).map(|(before, after)| sign * (after - before));
        let enough = if column.iter().all(|value| value.abs() >= UNRESOLVED) { 1 } else { column.len() / 2 };
        steps().all(|step| step >= 0.0) && steps().filter(|step| *step > 0.0).count() > enough
    };
    let mut notes = Vec::new();
    for (name, column) in dataset.names.iter().zip(dataset.features.columns()) {
        if request.is_cyclic(name) || column.len() < 3 {
            continue;
        }
        if let Some((way, _)) = [("rises", 1.0), ("falls", -1.0)].into_iter().find(|(_, sign)| runs(column, *sign)) {
            notes.push(format!(
                "`{name}`: {way} from row to row like a time or a counter, and later rows would lie beyond it (--time {name:?} \
                 or --ignore {name:?})"
            ));
        }
    }
    notes
}

/// Columns that hold the same readings as another.
fn repeated(dataset: &Dataset) -> Vec<String> {
    let mut seen: HashMap<Vec<u32>, &String> = HashMap::new();
    let mut notes = Vec::new();
    for (name, column) in dataset.names.iter().zip(dataset.features.columns()) {
        let bits: Vec<u32> = column.iter().map(|value| value.to_bits()).collect();
        match seen.get(&bits) {
            Some(first) => {
                notes.push(format!("`{name}`: repeats `{first}` in every row (--ignore {name:?} leaves it out)"))
            }
            None => _ = seen.insert(bits, name),
        }
    }
    notes
}
