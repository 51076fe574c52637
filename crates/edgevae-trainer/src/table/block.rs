//! A run of rows on its way from a source to its use.

use std::fmt;

use super::error::{DataError, Problem};

/// Where a row stands in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line on which it begins, from 1; `None` where a format has no lines.
    pub line: Option<u64>,
    /// Row of data, from 1; rows that were left out count.
    pub row: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} (row {})", self.row),
            None => write!(f, "row {}", self.row),
        }
    }
}

/// What a source held, or a part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows, those left out included.
    pub rows: u64,
    /// Line ends.
    pub lines: u64,
    /// Rows left out because of a missing cell.
    pub dropped: u64,
    /// Cells read as NaN, in rows that were kept.
    pub missing: u64,
    /// Rows with a quoted cell of several lines.
    pub broken: Broken,
}

/// Rows with a quoted cell that holds a line end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Such rows.
    pub rows: u64,
    /// Line on which the first of them begins, from 1; 0 without one.
    pub first_line: u64,
}

impl Broken {
    /// Counts a row that begins on this line.
    pub(super) fn push(&mut self, line: u64) {
        if self.rows == 0 {
            self.first_line = line;
        }
        self.rows += 1;
    }

    /// One sentence for people; `None` without such a row.
    pub fn note(&self, file: &str) -> Option<String> {
        let Self { rows, first_line } = self;
        let more = if *rows > 1 { format!("; so in {rows} rows") } else { String::new() };
        (*rows > 0).then(|| {
            format!(
                "{file}: line {first_line}: a quoted cell runs over several lines, which are read as one cell{more}"
            )
        })
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        if self.broken.rows == 0 && other.broken.rows > 0 {
            self.broken.first_line = other.broken.first_line + self.lines;
        }
        self.broken.rows += other.broken.rows;
        self.rows += other.rows;
        self.lines += other.lines;
        self.dropped += other.dropped;
        self.missing += other.missing;
    }
}

/// A run of rows, as numbers; their order is that of the source.
///
/// While a block is parsed nothing is known of the blocks before it: places are counted from its own first row, and
/// `before` is filled in afterwards.
#[derive(Debug, Default)]
pub struct Block {
    /// What the rows are parsed from, where the format is text.
    pub(super) text: Vec<u8>,
    /// Raw values, `[ROWS][IN]`, row by row; NaN for a missing cell, only where the policy admits it.
    pub cells: Vec<f32>,
    /// `true` for an anomaly, `[ROWS]`; empty without a label column.
    pub labels: Vec<bool>,
    /// Row and line of each row, from 0, counted from the first of the block.
    pub(super) places: Vec<(u32, u32)>,
    /// What the block held.
    pub counts: Counts,
    /// What the blocks before it held; `lines` counts the header too.
    pub before: Counts,
    /// Which of several files it is from, counted from 0.
    pub file: usize,
    /// Known in advance where blocks are read out of order.
    pub(super) known_before: Option<Counts>,
    /// Where it can be found again.
    pub(super) mark: Option<u64>,
    /// Why there are no rows after these, placed within the block.
    pub(super) problem: Option<Problem>,
}

impl Block {
    /// Forgets the rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        let Self { text, cells, labels, places, counts, before, file, known_before, mark, problem } = self;
        text.clear();
        cells.clear();
        labels.clear();
        places.clear();
        (*counts, *before, *problem) = (Counts::default(), Counts::default(), None);
        (*file, *known_before, *mark) = (0, None, None);
    }

    /// Forgets the rows and keeps the text and what ended it.
    pub(super) fn clear_rows(&mut self) {
        self.cells.clear();
        self.labels.clear();
        self.places.clear();
        self.counts = Counts::default();
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Rows of the source that it holds, those left out included.
    pub(crate) fn rows(&self) -> u64 {
        self.counts.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Number in the source of row `index` of the block, from 1.
    ///
    /// # Panics
    /// When `index` is not below [`Block::len`].
    #[inline]
    pub fn row_number(&self, index: usize) -> u64 {
        self.before.rows + u64::from(self.places[index].0) + 1
    }

    /// Where row `index` of the block stands in its source.
    ///
    /// # Panics
    /// When `index` is not below [`Block::len`].
    pub fn position(&self, index: usize) -> Position {
        let line = self.before.lines + u64::from(self.places[index].1) + 1;
        Position { line: (!self.text.is_empty()).then_some(line), row: self.row_number(index) }
    }

    /// The problem that ended the block, placed in the source named `file`.
    pub(super) fn take_error(&mut self, file: &str) -> Option<DataError> {
        let problem = self.problem.take()?.moved(self.before.rows, self.before.lines);
        Some(DataError { file: file.to_owned(), problem })
    }
}
