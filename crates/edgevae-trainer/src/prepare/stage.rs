//! The input section of a model: fitted to training rows, written, and applied by the core's own encoder and window.

use edgevae_core::format::input::{Absent, Clock, Column, InputSection, Kind, SUMMARY, WindowFeatures, WindowSpec};
use edgevae_core::{Encoder, SliceWindow};
use ndarray::{Array2, ArrayView1, ArrayViewMut1};

use super::survey::MOST_LEVELS;
use crate::options::Cyclic;
use crate::table::Dataset;
use crate::table::options::Missing;
use crate::table::reading::Reading;

/// Fits the columns to the training rows of a raw table and writes the section. Levels that no training row has become
/// `other` in the table too.
///
/// # Panics
/// When there is not one reading for each column.
pub(super) fn fit(
    raw: &mut Dataset,
    readings: &[Reading],
    cyclic: &[Cyclic],
    missing: Missing,
    window: Option<WindowSpec>,
    training: &[usize],
) -> (Vec<u8>, Vec<String>) {
    let mut encoded = Vec::new();
    let mut notes = Vec::new();
    for ((name, column), reading) in raw.names.iter().zip(raw.features.columns_mut()).zip(readings) {
        let mut column = column;
        let has_missing = column.iter().any(|value| value.is_nan());
        let mut levels = Vec::new();
        let kind = match reading {
            Reading::Number | Reading::NumberIn(_) => Kind::Number,
            Reading::Boolean => Kind::Boolean,
            Reading::Clock(of) => {
                let period = cyclic.iter().find(|cyclic| cyclic.column == *name).map_or(1.0, |cyclic| cyclic.period);
                let of = if *of == Clock::Value { dial(column.view(), training, period) } else { *of };
                Kind::Cyclic { period, of }
            }
            Reading::Category(all) => {
                let (kept, other) = keep_levels(&mut column, all.names(), training);
                notes.push(category_note(name, &kept, all.names().len()));
                let count = kept.len() as u16;
                levels.extend(kept.iter().flat_map(|name| postcard::to_stdvec(name).expect("a string always encodes")));
                Kind::Category { count, other, levels: &levels }
            }
        };
        let fill = if matches!(kind, Kind::Number | Kind::Boolean) { mean(column.view(), training) } else { 0.0 };
        let absent = match missing {
            Missing::Mean => Absent::Filled(fill),
            Missing::Indicator if has_missing => Absent::Indicated(fill),
            Missing::Error | Missing::Drop | Missing::Indicator => Absent::Refused,
        };
        let column = Column { name, absent, kind };
        encoded.extend(postcard::to_stdvec(&column).expect("numbers and strings always encode"));
    }
    let section = InputSection { columns: raw.names.len() as u16, encoded: &encoded, window };
    (postcard::to_stdvec(&section).expect("numbers and bytes always encode"), notes)
}

/// What the readings of a cyclic column are, by its training rows: from 0 to the period, of either sign up to half of it, or
/// any number of periods. A device calls readings beyond that out of range.
fn dial(column: ArrayView1<'_, f32>, training: &[usize], period: f32) -> Clock {
    let turns = || training.iter().map(|&row| column[row] / period).filter(|turns| !turns.is_nan());
    let within = |least: f32, most: f32| turns().all(|turns| turns >= least && turns <= most);
    if within(0.0, 1.0) {
        Clock::Value
    } else if within(-0.5, 0.5) {
        Clock::Signed
    } else {
        Clock::Turns
    }
}

/// Mean of a column over the training rows that have a value; 0 without any.
fn mean(column: ArrayView1<'_, f32>, training: &[usize]) -> f32 {
    let values = training.iter().map(|&row| f64::from(column[row])).filter(|value| !value.is_nan());
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
}

/// The most frequent levels of the training rows, and what the feature for all others is when it is not 0; the column then
/// holds places among those levels.
///
/// Where no training row has another level, its feature is constant and is not scaled. It then stands for a level as rare
/// as once in `n + 2` of `n` rows (Laplace's rule of succession): `sqrt(n + 1)` of its standard deviations.
fn keep_levels(column: &mut ArrayViewMut1<'_, f32>, names: &[String], training: &[usize]) -> (Vec<String>, f32) {
    let mut counts = vec![0_u32; names.len() + 1];
    let place = |value: f32| (value as usize).min(names.len());
    for &row in training.iter().filter(|&&row| !column[row].is_nan()) {
        counts[place(column[row])] += 1;
    }
    let mut order: Vec<usize> = (0..names.len()).filter(|&level| counts[level] > 0).collect();
    order.sort_by_key(|&level| std::cmp::Reverse(counts[level]));
    order.truncate(MOST_LEVELS);
    let kept: u32 = order.iter().map(|&level| counts[level]).sum();
    let all: u32 = counts.iter().sum();
    let mut places = vec![order.len(); names.len() + 1];
    for (new, &old) in order.iter().enumerate() {
        places[old] = new;
    }
    for value in column.iter_mut().filter(|value| !value.is_nan()) {
        *value = places[place(*value)] as f32;
    }
    let other = if kept < all { 1.0 } else { (f64::from(all) + 1.0).sqrt() as f32 };
    (order.into_iter().map(|level| names[level].clone()).collect(), other)
}

fn category_note(name: &str, kept: &[String], found: usize) -> String {
    let shown: Vec<&str> = kept.iter().take(8).map(String::as_str).collect();
    let more = if kept.len() > shown.len() { ", ..." } else { "" };
    let others = if found > kept.len() { format!(", {} more as one class", found - kept.len()) } else { String::new() };
    format!(
        "`{name}`: category of {} levels ({}{more}){others}; a level not seen in training is `other`",
        kept.len(),
        shown.join(", ")
    )
}

/// Encodes a raw table, row by row and window by window, with the core's encoder and window; `begins` marks rows that
/// begin a series. Returns the features of each sample and the last raw row of each.
///
/// # Panics
/// When the section does not load, or a row cannot be encoded: the table was read with the section's policy.
pub(super) fn apply(section: &[u8], raw: &Dataset, begins: &[bool]) -> (Array2<f32>, Vec<usize>) {
    let (encoder, window) = Encoder::of_section(section).expect("a section that was just written loads");
    let inputs = window.outputs(encoder.encoded()).expect("the features of a sample fit the memory");
    let ring = vec![0.0; encoder.encoded() * usize::from(window.rows)];
    let mut series = SliceWindow::new(window, encoder.encoded(), ring).expect("the ring has the window's size");
    let (mut row, mut sample) = (vec![0.0; encoder.encoded()], vec![0.0; inputs]);
    let (mut cells, mut last) = (Vec::new(), Vec::new());
    for (at, readings) in raw.features.rows().into_iter().enumerate() {
        if begins[at] {
            series.clear();
        }
        let readings = readings.to_vec();
        encoder.encode(&readings, &mut row).expect("the reader has refused what cannot be encoded");
        if series.push(&row, &mut sample) {
            cells.extend_from_slice(&sample);
            last.push(at);
        }
    }
    let features = Array2::from_shape_vec((last.len(), inputs), cells).expect("each sample has its features");
    (features, last)
}

/// The last raw row of each sample, as [`apply`] finds them.
pub(super) fn last_rows(begins: &[bool], window: WindowSpec) -> Vec<usize> {
    let mut due = window.rows;
    let mut last = Vec::new();
    for (row, &begin) in begins.iter().enumerate() {
        due = if begin { window.rows } else { due } - 1;
        if due == 0 {
            last.push(row);
            due = window.stride;
        }
    }
    last
}

/// Names of a model's features, from its raw columns.
pub fn feature_names(encoder: &Encoder<'_>, window: WindowSpec) -> Vec<String> {
    let lag = |row: u16, name: &String| match row {
        _ if window.rows == 1 => name.clone(),
        0 => format!("{name}[t]"),
        row => format!("{name}[t-{row}]"),
    };
    let part = |part: usize, name: &String| {
        const PARTS: [&str; SUMMARY] = ["mean", "std", "min", "max", "change"];
        format!("{name} {}", PARTS[part])
    };
    windowed(encoder.columns().flat_map(|column| encoded_names(&column)).collect(), window, lag, part)
}

/// The raw column of each of a model's features.
pub(super) fn feature_origins(encoder: &Encoder<'_>, window: WindowSpec) -> Vec<String> {
    let column = |column: Column<'_>| vec![column.name.to_owned(); encoded_names(&column).len()];
    windowed(encoder.columns().flat_map(column).collect(), window, |_, name| name.clone(), |_, name| name.clone())
}

/// What each feature of a window is called, from what those of a row are called: `lag` of rows from the oldest, `0` the
/// newest, `part` of a summary.
fn windowed(
    row: Vec<String>,
    window: WindowSpec,
    lag: impl Fn(u16, &String) -> String,
    part: impl Fn(usize, &String) -> String,
) -> Vec<String> {
    let (row, lag, part) = (&row, &lag, &part);
    match window.features {
        WindowFeatures::Lags => {
            (0..window.rows).rev().flat_map(|before| row.iter().map(move |name| lag(before, name))).collect()
        }
        WindowFeatures::Summary => row.iter().flat_map(|name| (0..SUMMARY).map(move |at| part(at, name))).collect(),
    }
}

fn encoded_names(column: &Column<'_>) -> Vec<String> {
    let Column { name, absent, kind } = column;
    let mut names = match kind {
        Kind::Number | Kind::Boolean => vec![(*name).to_owned()],
        Kind::Category { .. } => {
            let levels = levels(kind).into_iter().map(|level| format!("{name}={level}"));
            levels.chain([format!("{name}=other")]).collect()
        }
        Kind::Cyclic { .. } => vec![format!("{name} sin"), format!("{name} cos")],
    };
    if matches!(absent, Absent::Indicated(_)) {
        names.push(format!("{name} missing"));
    }
    names
}

/// The levels of a category in their order; none of another kind.
pub fn levels<'a>(kind: &Kind<'a>) -> Vec<&'a str> {
    let Kind::Category { mut levels, .. } = *kind else { return vec![] };
    let mut names = Vec::new();
    while let Ok((name, rest)) = postcard::take_from_bytes::<&str>(levels) {
        names.push(name);
        levels = rest;
    }
    names
}

/// How the cells of a raw column are read for a model that was trained on it.
pub fn reading(column: &Column<'_>) -> Reading {
    match column.kind {
        Kind::Number | Kind::Cyclic { of: Clock::Value | Clock::Signed | Clock::Turns, .. } => Reading::Number,
        Kind::Boolean => Reading::Boolean,
        Kind::Category { .. } => {
            let names = levels(&column.kind).into_iter().map(str::to_owned).collect();
            Reading::Category(std::sync::Arc::new(crate::table::reading::Levels::new(names)))
        }
        Kind::Cyclic { of, .. } => Reading::Clock(of),
    }
}
