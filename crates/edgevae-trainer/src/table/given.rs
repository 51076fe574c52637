//! The rows that a caller names or hands over.

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::ArrayView2;

use super::error::DataError;
use super::memory::{Column, Columns, ColumnsError};
use super::paths;

/// Rows of files or of memory, and which of their columns are labels, times and groups.
///
/// Nothing is read before the rows are used.
///
/// # Examples
/// ```
/// use edgevae_trainer::Table;
/// use edgevae_trainer::table::memory::Column;
///
/// let table = Table::from_columns([
///     ("temperature", Column::Numbers(vec![20.5, 21.0, f32::NAN])),
///     ("mode", Column::Text(vec![Some("run".into()), Some("idle".into()), None])),
/// ])?;
/// assert_eq!(table.label("fault").time("t").rows_in_memory(), Some(3));
/// # Ok::<(), edgevae_trainer::table::memory::ColumnsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) rows: Rows,
    pub(crate) label: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) group: Option<String>,
}

/// Where rows are.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Generated: the reference data set, or the variant that the options name.
    Reference,
    /// Files, read one after the other.
    Files(Vec<PathBuf>),
    /// In memory.
    Memory(Arc<Columns>),
}

impl Rows {
    /// The files; of rows in memory a name for messages.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Reference => Vec::new(),
            Self::Files(paths) => paths.clone(),
            Self::Memory(_) => vec!["table in memory".into()],
        }
    }

    /// The rows in memory, where they are there.
    pub fn memory(&self) -> Option<Arc<Columns>> {
        if let Self::Memory(columns) = self { Some(Arc::clone(columns)) } else { None }
    }
}

impl From<Rows> for Table {
    fn from(rows: Rows) -> Self {
        Self { rows, label: None, time: None, group: None }
    }
}

impl Table {
    /// The generated reference data set; [`Config::synth`](crate::options::Config::synth) names a variant of it.
    pub fn reference() -> Self {
        Rows::Reference.into()
    }

    /// Files of rows: CSV, JSON lines or Parquet. A folder stands for those in it, `*` and `?` for any characters.
    ///
    /// # Errors
    /// [`DataError`]: a folder or pattern that stands for no file.
    pub fn read<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self, DataError> {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        Ok(Rows::Files(paths::expand(&paths)?).into())
    }

    /// Columns in memory, each with its name.
    ///
    /// # Errors
    /// [`ColumnsError`]: columns of different lengths, or a name twice.
    pub fn from_columns<N: Into<String>>(columns: impl IntoIterator<Item = (N, Column)>) -> Result<Self, ColumnsError> {
        let (names, columns) = columns.into_iter().map(|(name, column)| (name.into(), column)).unzip();
        Ok(Rows::Memory(Arc::new(Columns::new(names, columns)?)).into())
    }

    /// A matrix, `[ROWS, COLUMNS]`, with a name for each column; NaN is a missing cell.
    ///
    /// # Errors
    /// [`ColumnsError`]: not one name for each column, or a name twice.
    pub fn from_ndarray<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
        matrix: ArrayView2<'_, f32>,
    ) -> Result<Self, ColumnsError> {
        let names = names.into_iter().map(Into::into).collect();
        Ok(Rows::Memory(Arc::new(Columns::of_matrix(names, matrix)?)).into())
    }

    /// Adds a column to rows in memory.
    ///
    /// # Errors
    /// [`ColumnsError`]: another length, a name that is there, or rows that are not in memory.
    pub fn with_column(self, name: &str, column: Column) -> Result<Self, ColumnsError> {
        let Rows::Memory(columns) = self.rows else { return Err(ColumnsError::NotInMemory(name.to_owned())) };
        let columns = Arc::unwrap_or_clone(columns).with(name, column)?;
        Ok(Self { rows: Rows::Memory(Arc::new(columns)), ..self })
    }

    /// Labels of rows in memory, `true` for an anomaly, as the column `label`.
    ///
    /// # Errors
    /// As [`Table::with_column`].
    pub fn with_labels(self, labels: &[bool]) -> Result<Self, ColumnsError> {
        let column = Column::Booleans(labels.iter().map(|&label| Some(label)).collect());
        Ok(self.with_column("label", column)?.label("label"))
    }

    /// Names the column of labels: 0/1, true/false or normal/anomaly.
    pub fn label(mut self, column: impl Into<String>) -> Self {
        self.label = Some(column.into());
        self
    }

    /// Names the column of times, by which rows are ordered.
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// Names the column that tells machines, batches or recordings apart: whole groups are fitted or tested.
    pub fn group(mut self, column: impl Into<String>) -> Self {
        self.group = Some(column.into());
        self
    }

    /// The files that are read; none of rows in memory or generated ones.
    pub fn paths(&self) -> &[PathBuf] {
        if let Rows::Files(paths) = &self.rows { paths } else { &[] }
    }

    /// Number of rows in memory; `None` of files, which were not read yet.
    pub fn rows_in_memory(&self) -> Option<usize> {
        self.rows.memory().map(|columns| columns.rows())
    }
}
