//! Rows of numbers from a CSV stream, one at a time, in constant memory.

use super::cell::{self, NoNumber};
use super::error::{CsvError, Place, Problem, shorten};
use super::header::{self, Selection};
use super::options::{CsvOptions, Features, Missing, is_delimiter};
use super::records::{MAX_ROW, RecordError, Records};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

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

/// Reads wanted columns of a CSV stream row by row: a file, standard input, anything that is [`Read`].
///
/// Cells are divided and unquoted by the parser of the csv crate; numbers are rounded to the nearest f32. Memory is that
/// of one row, at most 16 MiB, whatever the length of the file.
///
/// # Examples
/// ```
/// use edgevae_trainer::data::csv::{CsvOptions, Features, RowReader};
/// let wanted = Features::OfModel(vec!["rpm".into(), "temp".into()]);
/// let options = CsvOptions { features: wanted, ..CsvOptions::default() };
/// let mut rows = RowReader::new("temp;site;rpm\n20.5;3;1.2e3\n".as_bytes(), "example", &options)?;
/// assert_eq!(rows.extra_columns(), ["site"]);
/// let mut row = [0.0; 2];
/// assert_eq!(rows.next_row(&mut row)?.unwrap().number, 1);
/// assert_eq!(row, [1200.0, 20.5]);
/// assert!(rows.next_row(&mut row)?.is_none());
/// # Ok::<(), edgevae_trainer::data::csv::CsvError>(())
/// ```
#[derive(Debug)]
pub struct RowReader<R> {
    file: String,
    records: Records<R>,
    delimiter: u8,
    names: Vec<String>,
    selection: Selection,
    missing: Missing,
    of_model: bool,
    rows: u64,
    dropped_rows: u64,
    missing_cells: u64,
}

impl RowReader<File> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be opened, and as [`RowReader::new`].
    pub fn open(path: &Path, options: &CsvOptions) -> Result<Self, CsvError> {
        let name = path.display().to_string();
        let problem = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Problem::NoSuchFile,
            _ => Problem::CannotOpen { error },
        };
        let opened = File::open(path).map_err(problem).and_then(|file| {
            // Linux opens directories and fails only when they are read.
            let is_directory = file.metadata().is_ok_and(|metadata| metadata.is_dir());
            if is_directory { Err(Problem::IsADirectory) } else { Ok(file) }
        });
        match opened {
            Ok(file) => Self::new(file, name, options),
            Err(problem) => Err(CsvError { file: name, problem }),
        }
    }
}

impl<R: Read> RowReader<R> {
    /// Reads the header of a stream and finds the wanted columns; `file` is the stream's name in messages.
    ///
    /// # Errors
    /// [`CsvError`] when the stream is empty or no text, names are blank or occur twice, a wanted column is missing or
    /// was asked for twice, or no feature is left.
    pub fn new(input: R, file: impl Into<String>, options: &CsvOptions) -> Result<Self, CsvError> {
        let file = file.into();
        let mut records = Records::new(input);
        match read_header(&mut records, options) {
            Ok((delimiter, names, selection)) => Ok(Self {
                file,
                records,
                delimiter,
                names,
                selection,
                missing: options.missing,
                of_model: matches!(options.features, Features::OfModel(_)),
                rows: 0,
                dropped_rows: 0,
                missing_cells: 0,
            }),
            Err(problem) => Err(CsvError { file, problem }),
        }
    }

    /// The number of features: the length of the rows that [`RowReader::next_row`] fills.
    pub fn width(&self) -> usize {
        self.selection.features.len()
    }

    /// The names of the features, in the order of a row's numbers.
    pub fn feature_names(&self) -> Vec<String> {
        self.selection.features.iter().map(|&column| self.names[column].clone()).collect()
    }

    /// The columns that were neither wanted nor to be ignored; only possible when features were named.
    pub fn extra_columns(&self) -> Vec<String> {
        self.selection.extra.iter().map(|&column| self.names[column].clone()).collect()
    }

    /// Whether rows come with labels.
    pub fn has_labels(&self) -> bool {
        self.selection.label.is_some()
    }

    /// The byte between cells, given or detected.
    pub fn delimiter(&self) -> u8 {
        self.delimiter
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
    /// What a missing cell does is [`CsvOptions::missing`]: with [`Missing::Mean`] it is NaN in `row`. Blank lines are
    /// skipped; a row of one empty cell is written `""`.
    ///
    /// # Shapes
    /// - `row`: `[IN]` = [`RowReader::width`], raw units
    ///
    /// # Errors
    /// [`CsvError`] with line, row and column of the first cell that is not what it should be; when the stream has no row,
    /// or none without a missing cell. Reading cannot go on after an error.
    ///
    /// # Panics
    /// When `row` has another length than [`RowReader::width`].
    pub fn next_row(&mut self, row: &mut [f32]) -> Result<Option<RowInfo>, CsvError> {
        assert_eq!(row.len(), self.width(), "one place for each feature");
        self.advance(row).map_err(|problem| CsvError { file: self.file.clone(), problem })
    }

    fn advance(&mut self, row: &mut [f32]) -> Result<Option<RowInfo>, Problem> {
        while advance(&mut self.records)? {
            self.rows += 1;
            if self.records.len() != self.names.len() {
                return Err(Problem::RaggedRow {
                    line: self.records.line(),
                    row: self.rows,
                    found: self.records.len(),
                    expected: self.names.len(),
                });
            }
            let missing = self.read_features(row)?;
            let label = self.read_label()?;
            if self.missing == Missing::Drop && (missing > 0 || label == Label::Missing) {
                self.dropped_rows += 1;
                continue;
            }
            self.missing_cells += missing;
            let label = if let Label::Found(anomaly) = label { Some(anomaly) } else { None };
            return Ok(Some(RowInfo { number: self.rows, line: self.records.line(), label }));
        }
        match (self.rows, self.dropped_rows) {
            (0, _) => Err(Problem::NoRows),
            (rows, dropped) if rows == dropped => Err(Problem::NoRowsLeft { dropped }),
            _ => Ok(None),
        }
    }

    /// Fills `row` and counts the missing cells.
    fn read_features(&self, row: &mut [f32]) -> Result<u64, Problem> {
        let mut missing = 0;
        for (value, &column) in row.iter_mut().zip(&self.selection.features) {
            *value = match cell::number(self.records.cell(column)) {
                Ok(number) => number,
                Err(NoNumber::Missing) if self.missing != Missing::Error => {
                    missing += 1;
                    f32::NAN
                }
                Err(reason) => return Err(self.no_number(column, reason)),
            };
        }
        Ok(missing)
    }

    fn read_label(&self) -> Result<Label, Problem> {
        let Some(column) = self.selection.label else { return Ok(Label::NotWanted) };
        let text = self.records.cell(column);
        match cell::label(text) {
            Some(anomaly) => Ok(Label::Found(anomaly)),
            None if !cell::is_missing(text) => {
                Err(Problem::NotALabel { at: self.place(column), found: shorten(text.trim_ascii()) })
            }
            None if self.missing == Missing::Drop => Ok(Label::Missing),
            // A mean says nothing about a label.
            None => Err(Problem::MissingLabel { at: self.place(column), found: shorten(text.trim_ascii()) }),
        }
    }

    fn place(&self, column: usize) -> Place {
        Place { line: self.records.line(), row: self.rows, column: self.names[column].clone() }
    }

    #[cold]
    fn no_number(&self, column: usize, reason: NoNumber) -> Problem {
        let at = self.place(column);
        let found = shorten(self.records.cell(column).trim_ascii());
        let of_model = self.of_model;
        match reason {
            NoNumber::Missing => Problem::MissingCell { at, found, of_model },
            NoNumber::Infinite => Problem::NonFinite { at, found },
            NoNumber::OutOfRange => Problem::OutOfRange { at, found },
            NoNumber::Text(looks) => Problem::NotANumber { at, found, looks, of_model },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    NotWanted,
    Missing,
    Found(bool),
}

fn read_header<R: Read>(
    records: &mut Records<R>,
    options: &CsvOptions,
) -> Result<(u8, Vec<String>, Selection), Problem> {
    if let Some(delimiter) = options.delimiter.filter(|&delimiter| !is_delimiter(delimiter)) {
        return Err(Problem::BadDelimiter(delimiter));
    }
    let beginning = records.beginning(|bytes| header::first_line(bytes).complete || header::not_text(bytes).is_some());
    let beginning = beginning.map_err(|error| problem(error, 1))?;
    if let Some(found) = header::not_text(beginning) {
        return Err(Problem::NotText { found });
    }
    let delimiter = options.delimiter.unwrap_or_else(|| header::first_line(beginning).delimiter);
    records.set_delimiter(delimiter);
    if !advance(records)? {
        return Err(Problem::Empty);
    }
    let names = header::names((0..records.len()).map(|column| records.cell(column)))?;
    let selection = header::select(&names, options)?;
    Ok((delimiter, names, selection))
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
