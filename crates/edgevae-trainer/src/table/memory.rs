//! Rows in memory: columns of numbers, booleans and text that are read as a file is.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::block::{Block, Counts};
use super::csv::cell::NoNumber;
use super::csv::header::{self, Selection};
use super::error::Problem;
use super::form::FileForm;
use super::options::{Features, ReadOptions};
use super::reading::Reading;
use super::ready::{Cell, Policy, Ready, place};
use super::scan::EachRow;
use super::source::{Source, Take};

/// Rows of a block.
const BLOCK_ROWS: usize = 4096;

/// The cells of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers; NaN is a missing cell.
    Numbers(Vec<f32>),
    /// Numbers that `f32` does not resolve, as seconds since 1970; NaN is a missing cell.
    Wide(Vec<f64>),
    /// Booleans; `None` is a missing cell.
    Booleans(Vec<Option<bool>>),
    /// Text, with times as in 2024-01-31T12:00:00; `None` is a missing cell.
    Text(Vec<Option<String>>),
}

/// Why columns are no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// The number of names is not that of the columns.
    #[error("{names} names for {columns} columns; expected one name for each column")]
    Names {
        /// Names.
        names: usize,
        /// Columns.
        columns: usize,
    },
    /// Columns of different lengths.
    #[error("column `{name}` has {found} rows; expected {expected}, as many as the first column has")]
    Length {
        /// The column.
        name: String,
        /// Its rows.
        found: usize,
        /// Rows of the first column.
        expected: usize,
    },
    /// Two columns of one name.
    #[error("two columns have the name `{0}`; expected a different name for each")]
    RepeatedName(String),
    /// A column for rows that are not in memory.
    #[error("the column `{0}` is for rows in memory, and these rows are in files; add it to the files")]
    NotInMemory(String),
}

/// Columns of equal length with a name each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    names: Vec<String>,
    columns: Vec<Column>,
    rows: usize,
}

impl Column {
    /// Number of cells.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) => cells.len(),
            Self::Wide(cells) => cells.len(),
            Self::Booleans(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
        }
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell as the text of a CSV cell; empty for a missing one.
    fn text(&self, row: usize) -> Vec<u8> {
        let number = |value: f64, text: String| if value.is_nan() { Vec::new() } else { text.into_bytes() };
        match self {
            Self::Numbers(cells) => number(cells[row].into(), cells[row].to_string()),
            Self::Wide(cells) => number(cells[row], cells[row].to_string()),
            Self::Booleans(cells) => cells[row].map(|value| value.to_string().into_bytes()).unwrap_or_default(),
            Self::Text(cells) => cells[row].as_ref().map(|text| text.clone().into_bytes()).unwrap_or_default(),
        }
    }

    /// A cell as a number, NaN for a missing one.
    fn read(&self, row: usize, reading: &Reading) -> Result<f32, NoNumber> {
        match (self, reading) {
            (Self::Numbers(cells), Reading::Number) => Ok(cells[row]),
            // What is finite and overflows is an error of its own, as in a file.
            (Self::Wide(cells), Reading::Number) => Ok(cells[row] as f32),
            (Self::Booleans(cells), Reading::Number | Reading::Boolean) => {
                Ok(cells[row].map_or(f32::NAN, |value| f32::from(u8::from(value))))
            }
            _ => match reading.read(&self.text(row)) {
                Err(NoNumber::Missing) => Ok(f32::NAN),
                read => read,
            },
        }
    }
}

impl Columns {
    /// A table of these columns.
    ///
    /// # Errors
    /// [`ColumnsError`]: lengths or names that do not fit.
    pub fn new(names: Vec<String>, columns: Vec<Column>) -> Result<Self, ColumnsError> {
        if names.len() != columns.len() {
            return Err(ColumnsError::Names { names: names.len(), columns: columns.len() });
        }
        let rows = columns.first().map_or(0, Column::len);
        for (at, (name, column)) in names.iter().zip(&columns).enumerate() {
            if column.len() != rows {
                return Err(ColumnsError::Length { name: name.clone(), found: column.len(), expected: rows });
            }
            if names[..at].contains(name) {
                return Err(ColumnsError::RepeatedName(name.clone()));
            }
        }
        Ok(Self { names, columns, rows })
    }

    /// The columns of a matrix, `[ROWS, COLUMNS]`.
    ///
    /// # Errors
    /// [`ColumnsError`]: not one name for each column, or a name twice.
    pub fn of_matrix(names: Vec<String>, matrix: ArrayView2<'_, f32>) -> Result<Self, ColumnsError> {
        Self::new(names, matrix.columns().into_iter().map(|column| Column::Numbers(column.to_vec())).collect())
    }

    /// Adds a column.
    ///
    /// # Errors
    /// [`ColumnsError`]: another length, or a name that is there.
    pub fn with(mut self, name: &str, column: Column) -> Result<Self, ColumnsError> {
        self.names.push(name.to_owned());
        self.columns.push(column);
        Self::new(self.names, self.columns)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// Hands `each` the names of the columns and the text of each row; returns the number of rows.
pub(super) fn scan(columns: &Columns, options: &ReadOptions, each: &mut EachRow<'_>) -> Result<u64, Problem> {
    header::select(&columns.names, options)?;
    for row in 0..columns.rows {
        let cells: Vec<Vec<u8>> = columns.columns.iter().map(|column| column.text(row)).collect();
        each(&columns.names, &cells)?;
    }
    Ok(columns.rows as u64)
}

/// The rows as a source.
pub(super) fn source(columns: &Arc<Columns>, name: String, options: &ReadOptions) -> Result<Source, Problem> {
    let Selection { features, label, extra } = header::select(&columns.names, options)?;
    let named = |places: &[usize]| places.iter().map(|&place| columns.names[place].clone()).collect::<Vec<_>>();
    let policy = Policy {
        names: named(&features),
        label: label.and(options.label.clone()),
        missing: options.missing,
        of_model: matches!(options.features, Features::OfModel(_)),
    };
    let take = MemoryBlocks {
        readings: features.iter().map(|&column| options.reading(&columns.names[column])).collect(),
        columns: Arc::clone(columns),
        policy,
        features,
        label,
        next: 0,
    };
    Ok(Source {
        form: FileForm::default(),
        notes: vec![],
        name,
        feature_names: take.policy.names.clone(),
        extra_columns: named(&extra),
        has_labels: label.is_some(),
        before: Counts::default(),
        take: Box::new(take),
        parse: Arc::new(Ready),
    })
}

struct MemoryBlocks {
    columns: Arc<Columns>,
    policy: Policy,
    features: Vec<usize>,
    label: Option<usize>,
    /// How each feature is read.
    readings: Vec<Reading>,
    /// The row that comes next.
    next: usize,
}

impl Take for MemoryBlocks {
    fn take(&mut self, block: &mut Block) -> bool {
        let rows = (self.columns.rows - self.next).min(BLOCK_ROWS);
        if rows == 0 {
            return false;
        }
        if let Err(problem) = self.fill(block, rows) {
            block.problem = Some(problem);
        }
        self.next += rows;
        true
    }

    fn mark(&self) -> Option<u64> {
        Some(self.next as u64)
    }

    fn seek(&mut self, mark: u64) -> std::io::Result<()> {
        self.next = mark as usize;
        Ok(())
    }
}

impl MemoryBlocks {
    fn fill(&self, block: &mut Block, rows: usize) -> Result<(), Problem> {
        let Self { columns, policy, features, label, readings, next } = self;
        block.cells.reserve(rows * features.len());
        for row in 0..rows {
            for ((&feature, reading), name) in features.iter().zip(readings).zip(&policy.names) {
                let column = &columns.columns[feature];
                let value = column.read(next + row, reading).map_err(|reason| {
                    block.cells.clear();
                    reason.problem(place(name.clone(), row), &column.text(next + row), policy.of_model)
                })?;
                block.cells.push(value);
            }
        }
        let label = label.map(|label| &columns.columns[label]);
        let labels: Vec<Cell> = label
            .map(|column| (0..rows).map(|row| Cell::of_text(&column.text(next + row))).collect())
            .unwrap_or_default();
        policy.check(block, rows, &labels)
    }
}
