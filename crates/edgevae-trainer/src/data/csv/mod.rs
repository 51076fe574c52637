//! CSV files with a header line: [`read`] takes a whole file into memory, [`RowReader`] streams, [`write_csv`] writes.
//!
//! Understood: quoted cells, CR LF, a UTF-8 byte-order mark, `,` `;` or tab (detected) or any other delimiter, scientific
//! notation, blanks around cells, blank lines. Columns are known by name. What a missing cell does is [`Missing`]; every
//! other cell that is not a finite number within the range of f32 is an error that names its place.

mod cell;
mod error;
mod header;
mod options;
mod reader;
mod records;
#[cfg(test)]
mod tests;
mod write;

pub use cell::Looks;
pub use error::{CsvError, Place, Problem, Role};
pub use options::{CsvOptions, Features, Missing, parse_delimiter};
pub use reader::{RowInfo, RowReader};
pub use write::{LABEL, write_csv};

use super::Dataset;
use ndarray::{Array2, ArrayView1};
use std::io::Read;
use std::path::Path;

/// A table and what was noticed while it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The table; with [`Missing::Mean`] missing cells are NaN.
    pub dataset: Dataset,
    /// Columns that were neither named as features nor ignored.
    pub extra_columns: Vec<String>,
    /// Rows left out because of a missing cell.
    pub dropped_rows: u64,
    /// Number in the file of each row of the table, from 1; `None` when none was left out, so that it is its place.
    pub row_numbers: Option<Vec<u64>>,
    /// Cells that are NaN in the table.
    pub missing_cells: u64,
    /// A feature that is probably a label: no label column was asked for, this one is named like one and holds 0 and 1
    /// only. To train on it would tell the model what it is to find out.
    pub suspected_label: Option<String>,
}

/// Reads a CSV file into memory.
///
/// # Errors
/// [`CsvError`] for the first thing wrong, as for [`RowReader::open`] and [`RowReader::next_row`].
pub fn read(path: &Path, options: &CsvOptions) -> Result<Loaded, CsvError> {
    collect(RowReader::open(path, options)?)
}

/// Reads the rest of an open CSV stream into memory.
///
/// # Errors
/// As [`RowReader::next_row`].
pub fn collect<R: Read>(mut reader: RowReader<R>) -> Result<Loaded, CsvError> {
    let mut row = vec![0.0; reader.width()];
    let mut cells = Vec::new();
    let mut labels = Vec::new();
    let mut numbers = Vec::new();
    while let Some(info) = reader.next_row(&mut row)? {
        cells.extend_from_slice(&row);
        labels.extend(info.label);
        numbers.push(info.number);
    }
    let names = reader.feature_names();
    let features = Array2::from_shape_vec((cells.len() / names.len(), names.len()), cells)
        .expect("every row has one cell for each name");
    let labels = reader.has_labels().then_some(labels);
    let suspected_label = if labels.is_none() { suspected_label(&names, &features) } else { None };
    Ok(Loaded {
        dataset: Dataset { names, features, labels },
        extra_columns: reader.extra_columns(),
        dropped_rows: reader.dropped_rows(),
        row_numbers: (reader.dropped_rows() > 0).then_some(numbers),
        missing_cells: reader.missing_cells(),
        suspected_label,
    })
}

/// The first feature that has the name and the values of a label.
fn suspected_label(names: &[String], features: &Array2<f32>) -> Option<String> {
    const USUAL: [&str; 9] = ["label", "labels", "anomaly", "is_anomaly", "outlier", "class", "target", "attack", "y"];
    let is_binary = |column: ArrayView1<'_, f32>| column.iter().all(|&value| value == 0.0 || value == 1.0);
    let mut suspects = names
        .iter()
        .zip(features.columns())
        .filter(|(name, column)| USUAL.iter().any(|usual| name.eq_ignore_ascii_case(usual)) && is_binary(*column));
    suspects.next().map(|(name, _)| name.clone())
}
