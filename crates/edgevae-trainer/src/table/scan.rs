//! Every cell of a file as text, row by row: for what is decided before columns are read as numbers.

use std::path::Path;

use super::error::{DataError, Problem};
use super::form::FileForm;
use super::opened::{self, Opened};
use super::options::{Format, ReadOptions};
use super::reading::NumberForm;
#[cfg(feature = "parquet")]
use super::source::open_file;
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
    let scanned = opened::open(path, options).and_then(|Opened { input, format, form, .. }| match format {
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet::scan(open_file(path)?, options, each),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            Err(Problem::Parquet("this build reads no Parquet; build it with `--features parquet`".into()))
        }
        text => {
            let options = &ReadOptions { form, remembered: FileForm::default(), ..options.clone() };
            let numbers = NumberForm::of(&options.form, "");
            let each: &mut EachRow<'_> = &mut |names, cells| match &numbers {
                None => each(names, cells),
                Some(form) => {
                    let plain: Vec<Vec<u8>> = cells.iter().map(|cell| form.as_plain(cell).into_owned()).collect();
                    each(names, &plain)
                }
            };
            if text == Format::Jsonl { jsonl::scan(input, options, each) } else { csv::scan(input, options, each) }
        }
    });
    scanned.map_err(|problem| DataError { file: path.display().to_string(), problem })
}
