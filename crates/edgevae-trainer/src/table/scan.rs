//! Every cell of a file as text, row by row: for what is decided before columns are read as numbers.

use std::path::Path;

use super::error::{DataError, Problem};
use super::options::{Format, ReadOptions};
use super::source::{Input, Reopened, open_file};
use super::{csv, jsonl};

/// What takes the names of the columns and the cells of one row.
pub type EachRow<'a> = dyn FnMut(&[String], &[Vec<u8>]) -> Result<(), Problem> + 'a;

/// Hands `each` the names of a file's columns and the cells of each row, in order; returns the number of rows.
///
/// # Errors
/// When the file cannot be read, lacks a column that `options` ask for, or what `each` says.
pub fn scan(path: &Path, options: &ReadOptions, each: &mut EachRow<'_>) -> Result<u64, DataError> {
    if let Some(columns) = &options.memory {
        let failed = |problem| DataError { file: path.display().to_string(), problem };
        return super::memory::scan(columns, options, each).map_err(failed);
    }
    let scanned = open_file(path).and_then(|file| match options.format.unwrap_or_else(|| Format::of_path(path)) {
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet::scan(file, options, each),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            Err(Problem::Parquet("this build reads no Parquet; build it with `--features parquet`".into()))
        }
        Format::Jsonl => jsonl::scan(Input::File(Reopened::new(path, file)), options, each),
        Format::Csv => csv::scan(file, options, each),
    });
    scanned.map_err(|problem| DataError { file: path.display().to_string(), problem })
}
