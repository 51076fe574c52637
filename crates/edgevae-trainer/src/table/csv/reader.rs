//! Rows of numbers from a CSV stream, one at a time, in constant memory.

use super::cell::{self, Label, NoNumber};
use super::header::{self, Selection};
use super::quotes;
use super::records::{RecordError, Records};
use crate::table::block::Broken;
use crate::table::error::{DataError, Place, Problem, shorten};
use crate::table::options::{Features, Missing, ReadOptions, is_delimiter};
use crate::table::reading::Reading;
use crate::table::scan::EachRow;
use crate::table::source::open_file;
use crate::table::text::MAX_ROW;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// One row that was read; its numbers are in the buffer that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowInfo {
    /// Row of data, from 1. Dropped rows have numbers too, so that the numbers are those of the file.
    pub number: u64,
    /// Line of the file on which the row begins, from 1.
    pub line: u64,
    /// `true` for an anomaly; `None` when no label column was asked for.
    pub label: Option<bool>,
}

/// What the header and the options say about every row.
#[derive(Debug)]
pub(super) struct Columns {
    pub delimiter: u8,
    pub names: Vec<String>,
    pub selection: Selection,
    pub missing: Missing,
    pub of_model: bool,
    /// How each feature is read, in the order of features.
    pub readings: Vec<Reading>,
}

impl Columns {
    pub fn feature_names(&self) -> Vec<String> {
        self.selection.features.iter().map(|&column| self.names[column].clone()).collect()
    }

    pub fn extra_columns(&self) -> Vec<String> {
        self.selection.extra.iter().map(|&column| self.names[column].clone()).collect()
    }
}

/// Reads wanted columns of a CSV stream row by row: a file, standard input, anything that is [`Read`].
///
/// Cells are divided and unquoted by the parser of the csv crate; numbers are rounded to the nearest f32. Memory is that
/// of one row, at most 16 MiB, whatever the length of the file.
///
/// # Examples
/// ```
/// use edgevae_trainer::table::csv::RowReader;
/// use edgevae_trainer::table::options::{Features, ReadOptions};
/// let wanted = Features::OfModel(vec!["rpm".into(), "temp".into()]);
/// let options = ReadOptions { features: wanted, ..ReadOptions::default() };
/// let mut rows = RowReader::new("temp;site;rpm\n20.5;3;1.2e3\n".as_bytes(), "example", &options)?;
/// assert_eq!(rows.extra_columns(), ["site"]);
/// let mut row = [0.0; 2];
/// assert_eq!(rows.next_row(&mut row)?.unwrap().number, 1);
/// assert_eq!(row, [1200.0, 20.5]);
/// assert!(rows.next_row(&mut row)?.is_none());
/// # Ok::<(), edgevae_trainer::table::error::DataError>(())
/// ```
///
/// This is the plain reading of a file; the reader in blocks must give the same rows and messages, faster.
#[derive(Debug)]
pub struct RowReader<R> {
    file: String,
    records: Records<R>,
    columns: Arc<Columns>,
    rows: u64,
    dropped_rows: u64,
    missing_cells: u64,
    broken: Broken,
}

impl RowReader<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be opened, and as [`RowReader::new`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, DataError> {
        let name = path.display().to_string();
        match open_file(path) {
            Ok(file) => Self::new(file, name, options),
            Err(problem) => Err(DataError { file: name, problem }),
        }
    }
}

impl<R: Read> RowReader<R> {
    /// Reads the header of a stream and finds the wanted columns; `file` is the stream's name in messages.
    ///
    /// # Errors
    /// [`DataError`] when the stream is empty or no text, names are blank or occur twice, a wanted column is missing or
    /// was asked for twice, or no feature is left.
    pub fn new(input: R, file: impl Into<String>, options: &ReadOptions) -> Result<Self, DataError> {
        let file = file.into();
        let mut records = Records::new(input);
        match read_header(&mut records, options) {
            Ok(columns) => Ok(Self::of_records(file, records, Arc::new(columns))),
            Err(problem) => Err(DataError { file, problem }),
        }
    }

    /// Reads records that follow a header.
    pub(super) fn of_records(file: String, records: Records<R>, columns: Arc<Columns>) -> Self {
        Self { file, records, columns, rows: 0, dropped_rows: 0, missing_cells: 0, broken: Broken::default() }
    }

    /// The records after the header, and what the header said.
    pub(super) fn into_records(self) -> (Records<R>, Arc<Columns>) {
        (self.records, self.columns)
    }

    /// The number of features: the length of the rows that [`RowReader::next_row`] fills.
    pub fn width(&self) -> usize {
        self.columns.selection.features.len()
    }

    /// The names of the features, in the order of a row's numbers.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.feature_names()
    }

    /// The columns that were neither wanted nor to be ignored; only possible when features were named.
    pub fn extra_columns(&self) -> Vec<String> {
        self.columns.extra_columns()
    }

    /// Whether rows come with labels.
    pub fn has_labels(&self) -> bool {
        self.columns.selection.label.is_some()
    }

    /// The byte between cells, given or detected.
    pub fn delimiter(&self) -> u8 {
        self.columns.delimiter
    }

    /// The number of rows so far, those left out included.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows so far with a quoted cell of several lines.
    pub(super) fn broken(&self) -> Broken {
        self.broken
    }

    /// The number of rows left out so far because of a missing cell.
    pub fn dropped_rows(&self) -> u64 {
        self.dropped_rows
    }

    /// The number of cells read as NaN so far, in rows that were handed out.
    pub fn missing_cells(&self) -> u64 {
        self.missing_cells
    }

    /// Reads the next row into `row`; `None` at the end of the stream.
    ///
    /// What a missing cell does is [`ReadOptions::missing`]: with [`Missing::Mean`] it is NaN in `row`. Blank lines are
    /// skipped; a row of one empty cell is written `""`.
    ///
    /// # Shapes
    /// - `row`: `[IN]` = [`RowReader::width`], raw units
    ///
    /// # Errors
    /// [`DataError`] with line, row and column of the first cell that is not what it should be; when the stream has no row,
    /// or none without a missing cell. Reading cannot go on after an error.
    ///
    /// # Panics
    /// When `row` has another length than [`RowReader::width`].
    pub fn next_row(&mut self, row: &mut [f32]) -> Result<Option<RowInfo>, DataError> {
        assert_eq!(row.len(), self.width(), "one place for each feature");
        let problem = match (self.advance(row), self.rows, self.dropped_rows) {
            (Ok(None), 0, _) => Problem::NoRows,
            (Ok(None), rows, dropped) if rows == dropped => Problem::NoRowsLeft { dropped },
            (Ok(info), ..) => return Ok(info),
            (Err(problem), ..) => problem,
        };
        Err(DataError { file: self.file.clone(), problem })
    }

    /// [`RowReader::next_row`] without the name of the file; a stream without rows is for the caller to notice.
    pub(super) fn advance(&mut self, row: &mut [f32]) -> Result<Option<RowInfo>, Problem> {
        while advance(&mut self.records)? {
            self.rows += 1;
            if self.records.len() != self.columns.names.len() {
                return Err(Problem::RaggedRow {
                    line: self.records.line(),
                    row: self.rows,
                    found: self.records.len(),
                    expected: self.columns.names.len(),
                });
            }
            if quotes::check(&self.records, self.columns.delimiter, &self.columns.names, self.rows)?.is_some() {
                self.broken.push(self.records.line());
            }
            let missing = self.read_features(row)?;
            let label = self.read_label()?;
            if self.columns.missing == Missing::Drop && (missing > 0 || label == Label::Missing) {
                self.dropped_rows += 1;
                continue;
            }
            self.missing_cells += missing;
            return Ok(Some(RowInfo { number: self.rows, line: self.records.line(), label: label.found() }));
        }
        Ok(None)
    }

    /// Fills `row` and counts the missing cells.
    fn read_features(&self, row: &mut [f32]) -> Result<u64, Problem> {
        let mut missing = 0;
        let features = self.columns.selection.features.iter().zip(&self.columns.readings);
        for (value, (&column, reading)) in row.iter_mut().zip(features) {
            *value = match reading.read(self.records.cell(column)) {
                Ok(number) => number,
                Err(NoNumber::Missing) if self.columns.missing != Missing::Error => {
                    missing += 1;
                    f32::NAN
                }
                Err(reason) => {
                    return Err(reason.problem(self.place(column), self.records.cell(column), self.columns.of_model));
                }
            };
        }
        Ok(missing)
    }

    fn read_label(&self) -> Result<Label, Problem> {
        let Some(column) = self.columns.selection.label else { return Ok(Label::NotWanted) };
        let text = self.records.cell(column);
        match cell::label(text) {
            Some(anomaly) => Ok(Label::Found(anomaly)),
            None if !cell::is_missing(text) => {
                Err(Problem::NotALabel { at: self.place(column), found: shorten(text.trim_ascii()) })
            }
            None if self.columns.missing == Missing::Drop => Ok(Label::Missing),
            // A mean says nothing about a label.
            None => Err(Problem::MissingLabel { at: self.place(column), found: shorten(text.trim_ascii()) }),
        }
    }

    fn place(&self, column: usize) -> Place {
        Place { line: Some(self.records.line()), row: self.rows, column: self.columns.names[column].clone() }
    }
}

fn read_header<R: Read>(records: &mut Records<R>, options: &ReadOptions) -> Result<Columns, Problem> {
    if let Some(delimiter) = options.form.delimiter.filter(|&delimiter| !is_delimiter(delimiter)) {
        return Err(Problem::BadDelimiter(delimiter));
    }
    let beginning = records.beginning(|bytes| header::first_line(bytes).complete || header::not_text(bytes).is_some());
    let beginning = beginning.map_err(|error| problem(error, 1))?;
    if let Some(problem) = header::not_text(beginning) {
        return Err(problem);
    }
    let skipped = options.form.skip_rows.unwrap_or(0);
    records.skip_lines(skipped).map_err(|error| problem(error, 1))?;
    let line = u64::from(skipped) + 1;
    let beginning = records.beginning(|bytes| header::first_line(bytes).complete);
    let beginning = beginning.map_err(|error| problem(error, line))?;
    let first = header::first_line(beginning);
    let delimiter = options.form.delimiter.unwrap_or(first.delimiter);
    let names = if options.form.header == Some(false) {
        let mut first = Records::continued(&beginning[..first.length], delimiter);
        advance(&mut first)?;
        let columns = first.len();
        records.set_delimiter(delimiter);
        (1..=columns).map(|column| format!("c{column}")).collect()
    } else {
        records.set_delimiter(delimiter);
        if !advance(records)? {
            return Err(Problem::Empty);
        }
        let cells = (0..records.len()).map(|column| records.cell(column));
        header::names(cells, records.line(), options.form.header == Some(true))?
    };
    if options.form.lines_below > 0 {
        let skipped = records.skip_line_ends().and_then(|()| records.skip_lines(options.form.lines_below));
        skipped.map_err(|error| problem(error, records.line()))?;
    }
    let selection = header::select(&names, options)?;
    let of_model = matches!(options.features, Features::OfModel(_));
    let readings = selection.features.iter().map(|&column| options.reading(&names[column])).collect();
    Ok(Columns { delimiter, names, selection, missing: options.missing, of_model, readings })
}

/// Hands `each` the names of the columns and the cells of each row as text, quotes taken off; returns the number of rows.
///
/// # Errors
/// As [`RowReader::new`], and a row of the wrong length or one that cannot be read.
pub(in crate::table) fn scan(input: impl Read, options: &ReadOptions, each: &mut EachRow<'_>) -> Result<u64, Problem> {
    let mut records = Records::new(input);
    let Columns { names, delimiter, .. } = read_header(&mut records, options)?;
    let mut cells = vec![Vec::new(); names.len()];
    let mut rows = 0;
    while advance(&mut records)? {
        rows += 1;
        let found = records.len();
        if found != names.len() {
            return Err(Problem::RaggedRow { line: records.line(), row: rows, found, expected: names.len() });
        }
        quotes::check(&records, delimiter, &names, rows)?;
        for (column, cell) in cells.iter_mut().enumerate() {
            cell.clear();
            cell.extend_from_slice(records.cell(column));
        }
        each(&names, &cells)?;
    }
    Ok(rows)
}

fn advance<R: Read>(records: &mut Records<R>) -> Result<bool, Problem> {
    records.advance().map_err(|error| problem(error, records.line()))
}

fn problem(error: RecordError, line: u64) -> Problem {
    match error {
        RecordError::TooLong => Problem::RowTooLong { line, limit: MAX_ROW },
        RecordError::Io(error) if error.kind() == io::ErrorKind::IsADirectory => Problem::IsADirectory,
        RecordError::Io(error) => Problem::ReadFailed { line, error },
    }
}
