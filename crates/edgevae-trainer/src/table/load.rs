//! Whole sources in memory.

use std::path::PathBuf;

use ndarray::{Array2, ArrayView1};

use super::Dataset;
use super::block::Counts;
use super::csv::cell;
use super::error::DataError;
use super::files;
use super::form::FileForm;
use super::options::ReadOptions;
use super::pipeline::for_each_block_of;
use super::source::Source;

/// A table and what was noticed while it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The table; with [`Missing::Mean`](super::options::Missing::Mean) missing cells are NaN.
    pub dataset: Dataset,
    /// Columns that were neither named as features nor ignored.
    pub extra_columns: Vec<String>,
    /// Rows left out because of a missing cell.
    pub dropped_rows: u64,
    /// Number in the source of each row of the table, from 1, counted on over several files; `None` when none was left
    /// out, so that it is its place.
    pub row_numbers: Option<Vec<u64>>,
    /// Rows of each file, those left out included.
    pub file_rows: Vec<u64>,
    /// How the first file is written.
    pub form: FileForm,
    /// What is to be told about files that are not like the first.
    pub notes: Vec<String>,
    /// Cells that are NaN in the table.
    pub missing_cells: u64,
    /// A feature that is probably a label: no label column was asked for, this one is named like one and holds 0 and 1
    /// only. To train on it would tell the model what it is to find out.
    pub suspected_label: Option<String>,
}

/// Reads files, one after the other, into one table. Every file must have the features of the first.
///
/// # Errors
/// [`DataError`] for the first thing wrong.
///
/// # Panics
/// When there are no paths.
pub fn read(paths: &[PathBuf], options: &ReadOptions, threads: usize) -> Result<Loaded, DataError> {
    let (sources, notes) = files::open(paths, options)?;
    of_sources(sources, notes, threads)
}

/// Reads an open source into memory.
///
/// # Errors
/// [`DataError`] for the first thing wrong.
pub fn collect(source: Source, threads: usize) -> Result<Loaded, DataError> {
    of_sources(vec![source], vec![], threads)
}

fn of_sources(mut sources: Vec<Source>, mut notes: Vec<String>, threads: usize) -> Result<Loaded, DataError> {
    let mut table = Table::new(&sources[0]);
    for source in &mut sources {
        table.append(source, threads)?;
        source.close();
    }
    files::check_counts(&sources, table.counts)?;
    let names = sources.iter().map(|source| &source.name);
    notes.extend(files::without_rows(names.zip(table.file_rows.iter().copied())));
    Ok(table.finish(notes))
}

/// A table that grows.
struct Table {
    names: Vec<String>,
    extra_columns: Vec<String>,
    has_labels: bool,
    cells: Vec<f32>,
    labels: Vec<bool>,
    numbers: Vec<u64>,
    file_rows: Vec<u64>,
    counts: Counts,
    form: FileForm,
    notes: Vec<String>,
}

impl Table {
    fn new(source: &Source) -> Self {
        Self {
            names: source.feature_names.clone(),
            extra_columns: source.extra_columns.clone(),
            has_labels: source.has_labels,
            cells: vec![],
            labels: vec![],
            numbers: vec![],
            file_rows: vec![],
            counts: Counts::default(),
            form: source.form.clone(),
            notes: vec![],
        }
    }

    fn append(&mut self, source: &mut Source, threads: usize) -> Result<(), DataError> {
        let before = self.counts.rows;
        let Self { cells, labels, numbers, .. } = self;
        let counts = for_each_block_of(
            source,
            threads,
            || (),
            |(), _| (),
            |(), block| {
                cells.extend_from_slice(&block.cells);
                labels.extend_from_slice(&block.labels);
                numbers.extend((0..block.len()).map(|row| before + block.row_number(row)));
                Ok::<_, DataError>(())
            },
        )?;
        self.file_rows.push(counts.rows);
        self.notes.extend(counts.broken.note(&source.name));
        self.notes.extend(source.unusual().into_iter().map(|note| format!("{}: {note}", source.name)));
        self.counts += counts;
        Ok(())
    }

    fn finish(self, mut notes: Vec<String>) -> Loaded {
        let Self { names, extra_columns, has_labels, cells, labels, numbers, file_rows, counts, form, notes: of_rows } =
            self;
        notes.extend(of_rows);
        let features = Array2::from_shape_vec((cells.len() / names.len(), names.len()), cells)
            .expect("every row has one cell for each name");
        let labels = has_labels.then_some(labels);
        let suspected_label = if labels.is_none() { suspected_label(&names, &features) } else { None };
        Loaded {
            dataset: Dataset { names, features, labels, ..Dataset::default() },
            extra_columns,
            dropped_rows: counts.dropped,
            row_numbers: (counts.dropped > 0).then_some(numbers),
            file_rows,
            form,
            notes,
            missing_cells: counts.missing,
            suspected_label,
        }
    }
}

/// The first feature that has the name and the values of a label.
pub(crate) fn suspected_label(names: &[String], features: &Array2<f32>) -> Option<String> {
    let is_binary = |column: ArrayView1<'_, f32>| column.iter().all(|&value| value == 0.0 || value == 1.0);
    let mut suspects =
        names.iter().zip(features.columns()).filter(|(name, column)| cell::is_suspect(name) && is_binary(*column));
    suspects.next().map(|(name, _)| name.clone())
}
