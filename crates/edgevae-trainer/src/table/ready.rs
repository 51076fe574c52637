//! Rows that arrive as numbers, from Parquet or memory: missing cells, labels and counts of a block.

use super::block::Block;
use super::csv::cell::{self, Label, NoNumber};
use super::error::{Place, Problem, shorten};
use super::options::Missing;
use super::source::Parse;

/// Blocks come as numbers: there is nothing to parse.
pub(super) struct Ready;

impl Parse for Ready {
    fn parse(&self, _: &mut Block) {}
}

/// What is asked of the cells of a row.
#[derive(Debug)]
pub(super) struct Policy {
    pub names: Vec<String>,
    /// `None` where no labels are wanted.
    pub label: Option<String>,
    pub missing: Missing,
    /// Messages advise on data, not on options.
    pub of_model: bool,
}

/// A cell of the label column.
pub(super) enum Cell {
    Missing,
    Label(bool),
    Other(String),
}

impl Cell {
    pub fn of_text(text: &[u8]) -> Self {
        match cell::label(text) {
            Some(anomaly) => Self::Label(anomaly),
            None if cell::is_missing(text) => Self::Missing,
            None => Self::Other(shorten(text)),
        }
    }
}

impl Policy {
    /// Applies the policy for missing cells, takes the labels over and counts; rows are kept up to the first wrong one.
    /// Places count from the first row of the block.
    pub fn check(&self, block: &mut Block, rows: usize, labels: &[Cell]) -> Result<(), Problem> {
        let width = self.names.len();
        let Block { cells, labels: kept_labels, places, counts, .. } = block;
        let mut kept = 0;
        let result = (0..rows).try_for_each(|row| {
            let sample = &cells[row * width..][..width];
            let missing = self.missing_cells(sample, row)?;
            let label = match &self.label {
                Some(name) => self.label_of(name, &labels[row], row)?,
                None => Label::NotWanted,
            };
            counts.rows += 1;
            if self.missing == Missing::Drop && (missing > 0 || label == Label::Missing) {
                counts.dropped += 1;
                return Ok(());
            }
            counts.missing += missing;
            places.push((row as u32, 0));
            kept_labels.extend(label.found());
            cells.copy_within(row * width..(row + 1) * width, kept * width);
            kept += 1;
            Ok(())
        });
        cells.truncate(kept * width);
        result
    }

    fn missing_cells(&self, sample: &[f32], row: usize) -> Result<u64, Problem> {
        if sample.iter().all(|value| value.is_finite()) {
            return Ok(0);
        }
        let mut missing = 0;
        for (feature, value) in sample.iter().enumerate() {
            let at = || place(self.names[feature].clone(), row);
            match value {
                value if value.is_finite() => {}
                value if !value.is_nan() => {
                    return Err(NoNumber::Infinite.problem(at(), value.to_string().as_bytes(), self.of_model));
                }
                _ if self.missing == Missing::Error => {
                    return Err(NoNumber::Missing.problem(at(), b"", self.of_model));
                }
                _ => missing += 1,
            }
        }
        Ok(missing)
    }

    fn label_of(&self, name: &str, cell: &Cell, row: usize) -> Result<Label, Problem> {
        let at = || place(name.to_owned(), row);
        match cell {
            Cell::Missing if self.missing == Missing::Drop => Ok(Label::Missing),
            Cell::Missing => Err(Problem::MissingLabel { at: at(), found: String::new() }),
            Cell::Label(anomaly) => Ok(Label::Found(*anomaly)),
            Cell::Other(text) => Err(Problem::NotALabel { at: at(), found: text.clone() }),
        }
    }
}

/// A row of the block, counted from 0, and a column.
pub(super) fn place(column: String, row: usize) -> Place {
    Place { line: None, row: row as u64 + 1, column }
}
