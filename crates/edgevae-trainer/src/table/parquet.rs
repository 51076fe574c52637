//! Parquet: flat columns of numbers or booleans, found by name; other columns are ignored. Nulls and NaN are missing.
//!
//! Columns are decoded a block of rows at a time, so that memory is that of one page of each column and not that of a row
//! group, whatever the size of the groups.

mod bounded;
mod column;

use std::cell::Cell as StdCell;
use std::fs::File;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::block::{Block, Counts};
use super::csv::cell::NoNumber;
use super::csv::header::{self, Selection};
use super::error::{DataError, Problem};
use super::form::FileForm;
use super::options::{Features, ReadOptions};
use super::reading::Reading;
use super::ready::{Cell, Policy, Ready, place};
use super::scan::EachRow;
use super::source::{Source, Take, open_file};
use bounded::Bounded;
use column::{Column, Unit, unfit};

/// Bytes of a block's cells.
const BLOCK: usize = 256 << 10;

/// Bytes of a text that are looked at: no number, label or level is longer.
const MAX_TEXT: usize = 64 << 10;

/// Opens a Parquet file, found again at `path`; `name` is its name in messages.
///
/// # Errors
/// When it is none, lacks a wanted column, or one of them holds no numbers.
pub fn blocks(file: File, path: &Path, name: String, options: &ReadOptions) -> Result<Source, DataError> {
    let (take, extra_columns) = match guarded(|| open(file, path, options)) {
        Ok(opened) => opened,
        Err(problem) => return Err(DataError { file: name, problem }),
    };
    Ok(Source {
        form: FileForm::default(),
        notes: vec![],
        name,
        feature_names: take.policy.names.clone(),
        extra_columns,
        has_labels: take.policy.label.is_some(),
        before: Counts::default(),
        take: Box::new(take),
        parse: Arc::new(Ready),
    })
}

/// Rows and columns of a file; `None` where it is no Parquet.
pub(super) fn size(file: File) -> Option<(u64, u64)> {
    let reader = guarded(|| reader_of(file)).ok()?;
    let metadata = reader.metadata().file_metadata();
    Some((metadata.num_rows().try_into().ok()?, metadata.schema_descr().num_columns() as u64))
}

thread_local! {
    static IS_GUARDED: StdCell<bool> = const { StdCell::new(false) };
}

/// Runs the decoder, which panics on some damaged files, and makes that an error.
fn guarded<T>(decode: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_GUARDED.get() {
                before(info);
            }
        }));
    });
    IS_GUARDED.set(true);
    // What is half done is not used again: `take` ends after a problem.
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    IS_GUARDED.set(false);
    result.unwrap_or_else(|_| Err(Problem::Parquet("the file is damaged".into())))
}

fn failed(error: ParquetError) -> Problem {
    Problem::Parquet(error.to_string())
}

fn reader_of(file: File) -> Result<SerializedFileReader<Bounded>, Problem> {
    let file = Bounded::new(file).map_err(|error| Problem::CannotOpen { error })?;
    SerializedFileReader::new(file).map_err(failed)
}

fn open(file: File, path: &Path, options: &ReadOptions) -> Result<(ParquetBlocks, Vec<String>), Problem> {
    let reader = reader_of(file)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns().to_vec();
    let names: Vec<String> = columns.iter().map(|column| column.path().string()).collect();
    let Selection { features, label, extra } = header::select(&names, options)?;
    for &column in features.iter().chain(&label) {
        // A column whose kind is known, or that a model needs, is read through its text where it is no number.
        let is_known = options.readings.iter().any(|(name, _)| *name == names[column]);
        let as_text = label == Some(column) || is_known || matches!(options.features, Features::OfModel(_));
        if let Some(found) = unfit(&columns[column], as_text) {
            return Err(Problem::ColumnType { column: names[column].clone(), found });
        }
    }
    let name = |&column: &usize| names[column].clone();
    let blocks = ParquetBlocks {
        policy: Policy {
            names: features.iter().map(name).collect(),
            label: label.and(options.label.clone()),
            missing: options.missing,
            of_model: matches!(options.features, Features::OfModel(_)),
        },
        block_rows: (BLOCK / size_of::<f32>() / features.len()).max(1),
        readings: features.iter().map(|&column| options.reading(&names[column])).collect(),
        columns: features.iter().chain(&label).map(|&column| Column::of(column, &columns[column])).collect(),
        path: path.to_owned(),
        reader: Some(reader),
        next_group: 0,
        readers: vec![],
        left: 0,
        block_len: 0,
        ended: false,
    };
    Ok((blocks, extra.iter().map(name).collect()))
}

struct ParquetBlocks {
    policy: Policy,
    /// The features, then the label.
    columns: Vec<Column>,
    /// How each feature is read.
    readings: Vec<Reading>,
    block_rows: usize,
    path: PathBuf,
    /// `None` while the file is closed.
    reader: Option<SerializedFileReader<Bounded>>,
    next_group: usize,
    /// Readers of the columns in the current row group.
    readers: Vec<ColumnReader>,
    /// Rows of the current row group that were not read.
    left: usize,
    /// Rows of the current block.
    block_len: usize,
    ended: bool,
}

impl Take for ParquetBlocks {
    fn take(&mut self, block: &mut Block) -> bool {
        if self.ended {
            return false;
        }
        match guarded(|| self.fill(block)) {
            Ok(rows) => rows,
            Err(problem) => {
                self.ended = true;
                // A column that failed leaves cells of rows that do not exist.
                block.cells.truncate(block.places.len() * self.policy.names.len());
                block.problem = Some(match problem {
                    Problem::Parquet(reason) => Problem::DamagedRows { first: 1, last: self.block_len as u64, reason },
                    other => other,
                });
                true
            }
        }
    }

    /// A row group's number; within one there is no place to come back to.
    fn mark(&self) -> Option<u64> {
        (self.left == 0).then_some(self.next_group as u64)
    }

    fn seek(&mut self, mark: u64) -> io::Result<()> {
        (self.next_group, self.left, self.ended) = (mark as usize, 0, false);
        Ok(())
    }

    fn close(&mut self) {
        self.readers.clear();
        self.reader = None;
    }
}

impl ParquetBlocks {
    fn fill(&mut self, block: &mut Block) -> Result<bool, Problem> {
        while self.left == 0 {
            let reader = match self.reader.take() {
                Some(reader) => reader,
                None => reader_of(open_file(&self.path)?)?,
            };
            let reader = self.reader.insert(reader);
            if self.next_group >= reader.num_row_groups() {
                return Ok(false);
            }
            let group = reader.get_row_group(self.next_group).map_err(failed)?;
            self.left = usize::try_from(group.metadata().num_rows())
                .map_err(|_| Problem::Parquet("a row group has a negative number of rows".into()))?;
            let readers = self.columns.iter().map(|column| group.get_column_reader(column.index));
            self.readers = readers.collect::<Result<_, _>>().map_err(failed)?;
            self.next_group += 1;
        }
        let (rows, width) = (self.left.min(self.block_rows), self.policy.names.len());
        self.left -= rows;
        self.block_len = rows;
        block.cells.resize(rows * width, f32::NAN);
        let mut labels = Vec::new();
        for (index, (column, reader)) in self.columns.iter().zip(&mut self.readers).enumerate() {
            if index == width {
                read_labels(reader, *column, rows, &mut labels)
                    .map_err(|problem| in_column(problem, self.policy.label.as_deref().unwrap_or_default()))?;
                continue;
            }
            let mut slots = block.cells[index..].iter_mut().step_by(width);
            if is_text(reader, *column) || self.readings[index] != Reading::Number {
                let mut wrong = None;
                let mut row = 0;
                texts(reader, *column, rows, |text| {
                    let read =
                        text.as_ref().map_or(Err(NoNumber::Missing), |text| self.readings[index].read(text.data()));
                    let slot = slots.next().expect("as many values as rows");
                    *slot = match read {
                        Ok(value) => value,
                        Err(NoNumber::Missing) => f32::NAN,
                        Err(reason) => {
                            wrong.get_or_insert((row, reason, text.map_or_else(Vec::new, |text| text.data().to_vec())));
                            f32::NAN
                        }
                    };
                    row += 1;
                })
                .map_err(|problem| in_column(problem, &self.policy.names[index]))?;
                if let Some((row, reason, text)) = wrong {
                    let at = place(self.policy.names[index].clone(), row);
                    return Err(reason.problem(at, &text, self.policy.of_model));
                }
                continue;
            }
            read(reader, *column, rows, |value| {
                *slots.next().expect("as many values as rows") = value.unwrap_or(f32::NAN);
            })
            .map_err(|problem| in_column(problem, &self.policy.names[index]))?;
        }
        self.policy.check(block, rows, &labels)?;
        Ok(true)
    }
}

/// Names the column in which decoding failed.
fn in_column(problem: Problem, column: &str) -> Problem {
    match problem {
        Problem::Parquet(reason) => Problem::Parquet(format!("column {column:?}: {reason}")),
        other => other,
    }
}

/// Hands `each` the next `rows` values of a column, `None` for a null.
fn read(reader: &mut ColumnReader, column: Column, rows: usize, each: impl FnMut(Option<f32>)) -> Result<(), Problem> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            read_column(reader, column, rows, |&value| f32::from(u8::from(value)), each)
        }
        ColumnReader::Int32ColumnReader(reader) if column.unsigned => {
            read_column(reader, column, rows, |&value| value.cast_unsigned() as f32, each)
        }
        ColumnReader::Int32ColumnReader(reader) => read_column(reader, column, rows, |&value| value as f32, each),
        ColumnReader::Int64ColumnReader(reader) if column.unsigned => {
            read_column(reader, column, rows, |&value| value.cast_unsigned() as f32, each)
        }
        ColumnReader::Int64ColumnReader(reader) => read_column(reader, column, rows, |&value| value as f32, each),
        ColumnReader::FloatColumnReader(reader) => read_column(reader, column, rows, |&value| value, each),
        ColumnReader::DoubleColumnReader(reader) => read_column(reader, column, rows, |&value| value as f32, each),
        _ => Err(Problem::Parquet("a column changed its type".into())),
    }
}

/// Whether a column's values are read through their text.
fn is_text(reader: &ColumnReader, column: Column) -> bool {
    matches!(reader, ColumnReader::ByteArrayColumnReader(_)) || column.unit.is_some()
}

/// Hands `each` the next `rows` values of a column as the text of a CSV cell, at most [`MAX_TEXT`] of it, `None` for a
/// null. Texts share the memory of their page.
fn texts(
    reader: &mut ColumnReader,
    column: Column,
    rows: usize,
    each: impl FnMut(Option<ByteArray>),
) -> Result<(), Problem> {
    let Column { unsigned, unit, .. } = column;
    let integer = move |value: i64| match unit {
        Some(unit) => ByteArray::from(unit.text(value)),
        None if unsigned => value.cast_unsigned().to_string().into_bytes().into(),
        None => value.to_string().into_bytes().into(),
    };
    let text = |value: &ByteArray| value.slice(0, value.len().min(MAX_TEXT));
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            read_column(reader, column, rows, |&value| if value { "true" } else { "false" }.into(), each)
        }
        ColumnReader::Int32ColumnReader(reader) if unsigned => {
            read_column(reader, column, rows, |&value| integer(value.cast_unsigned().into()), each)
        }
        ColumnReader::Int32ColumnReader(reader) => {
            read_column(reader, column, rows, |&value| integer(value.into()), each)
        }
        ColumnReader::Int64ColumnReader(reader) => read_column(reader, column, rows, |&value| integer(value), each),
        ColumnReader::Int96ColumnReader(reader) => {
            read_column(reader, column, rows, |value| Unit::Nanoseconds.text(value.to_nanos()).into(), each)
        }
        ColumnReader::FloatColumnReader(reader) => {
            read_column(reader, column, rows, |value| value.to_string().into_bytes().into(), each)
        }
        ColumnReader::DoubleColumnReader(reader) => {
            read_column(reader, column, rows, |value| value.to_string().into_bytes().into(), each)
        }
        ColumnReader::ByteArrayColumnReader(reader) => read_column(reader, column, rows, text, each),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            read_column(reader, column, rows, |value| text(&value.clone().into()), each)
        }
    }
}

/// Hands `each` the names of the columns and the values of each row as text; returns the number of rows. Columns of lists
/// have empty cells.
///
/// # Errors
/// When the file is no Parquet file or is damaged, or lacks a wanted column.
pub(super) fn scan(file: File, options: &ReadOptions, each: &mut EachRow<'_>) -> Result<u64, Problem> {
    guarded(|| scan_unguarded(file, options, each))
}

fn scan_unguarded(file: File, options: &ReadOptions, each: &mut EachRow<'_>) -> Result<u64, Problem> {
    let reader = reader_of(file)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns().to_vec();
    let names: Vec<String> = columns.iter().map(|column| column.path().string()).collect();
    header::select(&names, options)?;
    let mut cells = vec![Vec::new(); names.len()];
    let mut scanned = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(failed)?;
        let mut left = usize::try_from(group.metadata().num_rows())
            .map_err(|_| Problem::Parquet("a row group has a negative number of rows".into()))?;
        let mut readers = Vec::new();
        for (index, column) in columns.iter().enumerate().filter(|(_, column)| column.max_rep_level() == 0) {
            readers.push((Column::of(index, column), group.get_column_reader(index).map_err(failed)?));
        }
        if readers.is_empty() {
            // Lists alone: no column says where the rows end, and the file may claim any number.
            continue;
        }
        while left > 0 {
            let rows = left.min(4096);
            left -= rows;
            let mut block = vec![Vec::new(); names.len()];
            for (column, reader) in &mut readers {
                let texts_of = &mut block[column.index];
                texts(reader, *column, rows, |text| texts_of.push(text.unwrap_or_else(|| b"".to_vec().into())))?;
            }
            for row in 0..rows {
                for (cell, column) in cells.iter_mut().zip(&mut block) {
                    cell.clear();
                    cell.extend_from_slice(column.get(row).map_or(&[], ByteArray::data));
                }
                each(&names, &cells)?;
            }
            scanned += rows as u64;
        }
    }
    Ok(scanned)
}

fn read_labels(reader: &mut ColumnReader, column: Column, rows: usize, labels: &mut Vec<Cell>) -> Result<(), Problem> {
    if let ColumnReader::ByteArrayColumnReader(reader) = reader {
        return read_column(reader, column, rows, ByteArray::clone, |value| {
            labels.push(value.map_or(Cell::Missing, |text| Cell::of_text(&text.data()[..text.len().min(MAX_TEXT)])));
        });
    }
    read(reader, column, rows, |value| {
        labels.push(value.map_or(Cell::Missing, |value| Cell::of_text(value.to_string().as_bytes())));
    })
}

fn read_column<T: DataType, V>(
    reader: &mut ColumnReaderImpl<T>,
    column: Column,
    rows: usize,
    convert: impl Fn(&T::T) -> V,
    mut each: impl FnMut(Option<V>),
) -> Result<(), Problem> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        levels.clear();
        values.clear();
        let (records, _, _) = reader.read_records(rows - read, Some(&mut levels), None, &mut values).map_err(failed)?;
        if records == 0 {
            return Err(Problem::Parquet("a column has fewer values than its row group has rows".into()));
        }
        read += records;
        let mut present = values.iter();
        if levels.is_empty() {
            present.for_each(|value| each(Some(convert(value))));
        } else {
            // A null has a level and no value.
            levels
                .iter()
                .for_each(|&level| each(if level == column.present { present.next().map(&convert) } else { None }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
