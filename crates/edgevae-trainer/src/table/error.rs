//! What is wrong with a file of rows, said so that its owner can mend it.

use super::csv::Looks;
use std::{fmt, io};
use thiserror::Error;

/// A file that cannot be read, with the rule that it breaks.
#[derive(Debug, Error)]
#[error("{file}: {problem}")]
pub struct DataError {
    /// The file as the user named it, or `standard input`.
    pub file: String,
    /// The broken rule.
    pub problem: Problem,
}

/// Where a cell stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line of the file on which the row begins, from 1; the header is a line, quoted line breaks and blank lines count.
    /// `None` where a format has no lines.
    pub line: Option<u64>,
    /// Row of data, from 1.
    pub row: u64,
    /// Name of the column.
    pub column: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} (row {}), column {:?}", self.row, self.column),
            None => write!(f, "row {}, column {:?}", self.row, self.column),
        }
    }
}

/// What a column was asked for as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The label column.
    Label,
    /// A column to leave out.
    Ignored,
    /// A feature that the user named.
    Feature,
    /// A feature of the first of several files.
    FirstFileFeature,
    /// A feature of the model.
    ModelFeature,
    /// The column of times.
    Time,
    /// The column of groups.
    Group,
    /// A column of categories.
    Categorical,
    /// A cyclic column.
    Cyclic,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Label => "the label",
            Self::Ignored => "a column to ignore",
            Self::Feature => "a feature",
            Self::FirstFileFeature => "a feature of the first file",
            Self::ModelFeature => "a feature of the model",
            Self::Time => "the time",
            Self::Group => "the group",
            Self::Categorical => "a category",
            Self::Cyclic => "a cyclic column",
        })
    }
}

/// The rule that a file breaks: what was found, what was expected, what to do.
#[derive(Debug, Error)]
pub enum Problem {
    /// Nothing has this name.
    #[error("no such file; check the path")]
    NoSuchFile,
    /// A folder or a pattern stands for no file.
    #[error("{0}; expected at least one CSV, JSON lines or Parquet file")]
    NoFiles(&'static str),
    /// A directory was named.
    #[error("found a directory, expected a CSV file; name a file in it")]
    IsADirectory,
    /// The system refuses to open the file.
    #[error("cannot be opened: {error}")]
    CannotOpen {
        /// The system's reason.
        error: io::Error,
    },
    /// The system failed while the file was read.
    #[error("line {line}: reading failed: {error}")]
    ReadFailed {
        /// Line at which reading stopped.
        line: u64,
        /// The system's reason.
        error: io::Error,
    },
    /// No line but blank ones.
    #[error("the file is empty, expected a header line with column names and a line for each row")]
    Empty,
    /// The header is not UTF-8 text.
    #[error("line 1: found {found}, expected a header line in UTF-8; {way_out}")]
    NotText {
        /// What the first bytes look like.
        found: &'static str,
        /// What to do about it.
        way_out: &'static str,
    },
    /// A pipe where a file is read more than once.
    #[error("found a pipe, expected a file, because {0}")]
    ReadOnce(
        /// Why it is read again, and what to do.
        &'static str,
    ),
    /// A header and no row.
    #[error("found a header line and no rows, expected at least one row of numbers")]
    NoRows,
    /// Dropping rows with missing cells left none.
    #[error(
        "all {dropped} rows have a missing cell and were dropped, expected at least one complete row; choose --missing \
         mean or leave the emptiest columns out with --ignore"
    )]
    NoRowsLeft {
        /// How many rows were dropped.
        dropped: u64,
    },
    /// A stray quote that makes one cell of several rows.
    #[error(
        "{at}: a quote opens this cell and its text runs over {lines} lines that look like rows; expected a quote that is \
         closed on its line: double it (\"\") or remove it"
    )]
    SwallowedRows {
        /// The cell that the quote opens.
        at: Place,
        /// Lines that the row runs over.
        lines: usize,
    },
    /// A row beyond the size limit.
    #[error(
        "line {line}: the row that begins here is longer than {} MiB; a quote on this line is probably never closed",
        .limit >> 20
    )]
    RowTooLong {
        /// Line on which the row begins.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A delimiter that cannot divide cells.
    #[error("delimiter {:?} cannot divide cells; expected a character such as \",\" or \";\" or a tab", char::from(*.0))]
    BadDelimiter(
        /// The byte asked for.
        u8,
    ),
    /// A column without a name.
    #[error("line 1: column {column} of {columns} has no name, expected one; name it, or delete the column")]
    BlankName {
        /// Number of the column, from 1.
        column: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// Two columns of one name.
    #[error("line 1: columns {first} and {second} are both named {name:?}, expected different names; rename one")]
    DuplicateName {
        /// The name.
        name: String,
        /// Number of the first column of that name, from 1.
        first: usize,
        /// Number of the next one.
        second: usize,
    },
    /// Numbers where names belong.
    #[error(
        "line {line}: found a row of data ({found}), expected column names; say --no-header where the file has none (columns \
         are then c1, c2, ...), or --no-header=false where these are names"
    )]
    HeaderIsData {
        /// The line.
        line: u64,
        /// The first names, for display.
        found: String,
    },
    /// A column that was asked for does not exist.
    #[error(
        "line 1: no column {name:?}, which {} {role}{}; the columns are {columns}{}",
        if *.role == Role::FirstFileFeature { "is" } else { "was asked for as" },
        suggestion(.similar),
        first_file_advice(.role, .name)
    )]
    NoSuchColumn {
        /// The name asked for.
        name: String,
        /// What it was asked for as.
        role: Role,
        /// A column of the file whose name is nearly that.
        similar: Option<String>,
        /// The columns of the file, for display.
        columns: String,
    },
    /// A column was asked for twice.
    #[error("column {name:?} was asked for as {first} and as {second}; name it once")]
    AskedTwice {
        /// The column.
        name: String,
        /// First wish.
        first: Role,
        /// Second wish.
        second: Role,
    },
    /// Label and ignored columns are all there are.
    #[error("no column is left as a feature, expected at least one; the columns are {columns}")]
    NoFeatures {
        /// The columns of the file, for display.
        columns: String,
    },
    /// A row with more or fewer cells than the header.
    #[error(
        "line {line} (row {row}): found {found} cells, expected {expected} as in the header; {}",
        if *found == *expected + 1 {
            "correct or delete the row; where each row ends with a delimiter, end the header with one and a name, and leave \
             that column out with --ignore"
        } else {
            "correct or delete the row"
        }
    )]
    RaggedRow {
        /// Line on which the row begins.
        line: u64,
        /// Row of data, from 1.
        row: u64,
        /// Cells of the row.
        found: usize,
        /// Cells of the header.
        expected: usize,
    },
    /// A line of a JSON lines file that is no object.
    #[error("line {line} (row {row}): {reason}; expected one JSON object, as in {{\"temp\": 20.5, \"rpm\": 1200}}")]
    NotAnObject {
        /// Line of the file, from 1.
        line: u64,
        /// Row of data, from 1.
        row: u64,
        /// What the parser said.
        reason: String,
    },
    /// A Parquet file that cannot be decoded.
    #[error("{0}; expected a Parquet file with a column of numbers for each feature")]
    Parquet(String),
    /// Rows of a Parquet file that cannot be decoded.
    #[error("rows {first} to {last}: {reason}; the file is damaged: copy it or write it again")]
    DamagedRows {
        /// First row of the block that failed, from 1.
        first: u64,
        /// Its last row.
        last: u64,
        /// What the decoder said.
        reason: String,
    },
    /// A Parquet column of a type that is no number.
    #[error(
        "column {column:?} holds {found}, expected numbers; leave the column out with --ignore {column:?}, or convert it"
    )]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A feature is missing and the policy does not admit it.
    #[error("{at}: found {}, expected a number; {}", missing(.found), .choices.advice())]
    MissingCell {
        /// Where.
        at: Place,
        /// The text of the cell.
        found: String,
        /// What may become of it.
        choices: Choices,
    },
    /// An infinity.
    #[error("{at}: found {found:?}, expected a finite number; mend the cell or delete the row")]
    NonFinite {
        /// Where.
        at: Place,
        /// The text of the cell.
        found: String,
    },
    /// A number beyond f32.
    #[error(
        "{at}: found {found}, which is beyond the range of 32-bit floats (3.4e38); choose another unit for the column"
    )]
    OutOfRange {
        /// Where.
        at: Place,
        /// The text of the cell.
        found: String,
    },
    /// Text where a number belongs.
    #[error("{at}: found {found:?}, expected a number; {}", .looks.advice(&.at.column, *.of_model))]
    NotANumber {
        /// Where.
        at: Place,
        /// The text of the cell, shortened.
        found: String,
        /// What the text looks like.
        looks: Looks,
        /// The column is a model's feature.
        of_model: bool,
    },
    /// A cell of a column that is no column of numbers.
    #[error("{at}: found {found:?}, expected {expected}; mend the cell or delete the row")]
    NotOfKind {
        /// Where.
        at: Place,
        /// The text of the cell, shortened.
        found: String,
        /// What the column holds.
        expected: &'static str,
    },
    /// A row without a label.
    #[error("{at}: found {}, expected a label; fill it in, delete the row, or choose --missing drop", missing(.found))]
    MissingLabel {
        /// Where.
        at: Place,
        /// The text of the cell.
        found: String,
    },
    /// A label that is none of the accepted words.
    #[error(
        "{at}: found {found:?}, expected a label: 0, false or normal for a normal row, 1, true or anomaly for an anomaly"
    )]
    NotALabel {
        /// Where.
        at: Place,
        /// The text of the cell, shortened.
        found: String,
    },
}

/// What may become of a missing cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choices {
    /// Whatever `--missing` offers.
    Any,
    /// What it offers a stream, which has no encoder.
    OfStream,
    /// What the model says.
    OfModel,
}

impl Choices {
    fn advice(self) -> &'static str {
        match self {
            Self::Any => "mend the cell, or choose --missing drop, mean or indicator",
            Self::OfStream => {
                "mend the cell, choose --missing drop or mean, or hold the rows in memory with --stream=false, where there is \
                 --missing indicator too"
            }
            Self::OfModel => {
                "the model was trained to refuse missing cells: mend the cell, or train with --missing drop, mean or indicator"
            }
        }
    }
}

impl Problem {
    /// The same problem after `rows` more rows and `lines` more lines than it was found at.
    pub(crate) fn moved(mut self, rows: u64, lines: u64) -> Self {
        match &mut self {
            Self::MissingCell { at, .. }
            | Self::NonFinite { at, .. }
            | Self::OutOfRange { at, .. }
            | Self::NotANumber { at, .. }
            | Self::NotOfKind { at, .. }
            | Self::MissingLabel { at, .. }
            | Self::NotALabel { at, .. }
            | Self::SwallowedRows { at, .. } => {
                at.row += rows;
                at.line = at.line.map(|line| line + lines);
            }
            Self::RaggedRow { line, row, .. } | Self::NotAnObject { line, row, .. } => {
                *row += rows;
                *line += lines;
            }
            Self::DamagedRows { first, last, .. } => {
                *first += rows;
                *last += rows;
            }
            Self::ReadFailed { line, .. } | Self::RowTooLong { line, .. } => *line += lines,
            _ => {}
        }
        self
    }
}

fn suggestion(similar: &Option<String>) -> String {
    similar.as_ref().map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

fn first_file_advice(role: &Role, name: &str) -> String {
    match role {
        Role::FirstFileFeature => format!(": add it, or leave it out of every file with --ignore {name:?}"),
        _ => String::new(),
    }
}

fn missing(found: &str) -> String {
    if found.is_empty() { "an empty cell".into() } else { format!("{found:?}") }
}

/// Names for a message: the first twelve in quotes, then how many more there are.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{:?}", shorten(name.as_bytes()))).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// The text of a cell for a message: at most 40 characters, an ellipsis where some were cut.
pub(crate) fn shorten(cell: &[u8]) -> String {
    const SHOWN: usize = 40;
    // A character has at most 4 bytes, so the rest of a huge cell need not be decoded.
    let text = String::from_utf8_lossy(&cell[..cell.len().min(4 * SHOWN + 4)]);
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_and_long_cells_are_cut_and_say_so() {
        let names: Vec<String> = (0..14).map(|i| format!("c{i}")).collect();
        assert_eq!(list(&names[..2]), r#""c0", "c1""#);
        assert!(list(&names[..12]).ends_with(r#""c11""#));
        assert!(list(&names).ends_with(r#""c11" and 2 more"#));
        assert_eq!(shorten("é".repeat(40).as_bytes()), "é".repeat(40));
        assert_eq!(shorten("é".repeat(4000).as_bytes()), format!("{}…", "é".repeat(40)));
        assert_eq!(shorten(b"\xff"), "\u{fffd}");
    }
}
