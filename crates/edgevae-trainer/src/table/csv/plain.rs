//! Rows without quotes, parsed in one pass over their bytes.

use super::cell::{self, Label};
use super::reader::Columns;
use crate::table::block::Block;
use crate::table::options::Missing;
use crate::table::reading::Reading;

/// What becomes of a column's cells.
#[derive(Clone, Copy, Debug)]
enum Use {
    Feature(usize),
    /// A feature that is read as something other than a number.
    Encoded(usize),
    Label,
    Nothing,
}

/// A block holds something that is to be told by the full reader: a wrong cell, a row of the wrong length.
#[derive(Debug)]
pub(super) struct NotPlain;

/// Parses blocks that hold no quote.
///
/// A cell is read as a number where it stands, and the number must end where the cell does; only when that fails is the
/// cell cut out and read as [`cell::number`] reads it. Both round the same way, with the same parser.
#[derive(Debug)]
pub(super) struct Plain {
    delimiter: u8,
    uses: Vec<Use>,
    features: usize,
    missing: Missing,
    readings: Vec<Reading>,
}

/// Where a parse stands.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    delimiter: u8,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn is_cell_end(&self, at: usize) -> bool {
        self.text.get(at).is_none_or(|&byte| byte == self.delimiter || byte == b'\n' || byte == b'\r')
    }

    /// The number that fills the cell from its first byte to its last; the cursor stays where there is none.
    #[inline]
    fn number(&mut self) -> Option<f32> {
        let (value, length) = fast_float2::parse_partial::<f32, _>(&self.text[self.at..]).ok()?;
        let whole = value.is_finite() && self.is_cell_end(self.at + length);
        whole.then(|| {
            self.at += length;
            value
        })
    }

    /// The cell, whatever it holds.
    fn cell(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let length = memchr::memchr3(self.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Moves past the line ends before a row; counts them.
    #[inline]
    fn skip_line_ends(&mut self) -> u32 {
        let mut lines = 0;
        while let Some(&byte @ (b'\n' | b'\r')) = self.text.get(self.at) {
            lines += u32::from(byte == b'\n');
            self.at += 1;
        }
        lines
    }
}

impl Plain {
    pub fn new(columns: &Columns) -> Self {
        let mut uses = vec![Use::Nothing; columns.names.len()];
        for (feature, &column) in columns.selection.features.iter().enumerate() {
            let is_number = columns.readings[feature] == Reading::Number;
            uses[column] = if is_number { Use::Feature(feature) } else { Use::Encoded(feature) };
        }
        if let Some(column) = columns.selection.label {
            uses[column] = Use::Label;
        }
        let features = columns.selection.features.len();
        let readings = columns.readings.clone();
        Self { delimiter: columns.delimiter, uses, features, missing: columns.missing, readings }
    }

    /// Parses the text of a block into its rows and counts, line ends apart.
    ///
    /// # Errors
    /// [`NotPlain`]; the rows of the block are then without meaning.
    pub fn parse(&self, block: &mut Block) -> Result<(), NotPlain> {
        let Block { text, cells, labels, places, counts, .. } = block;
        let mut cursor = Cursor { text, at: 0, delimiter: self.delimiter };
        let (mut rows, mut line) = (0_u32, 0_u32);
        loop {
            line += cursor.skip_line_ends();
            if cursor.at == cursor.text.len() {
                counts.rows = rows.into();
                return Ok(());
            }
            let first = cells.len();
            cells.resize(first + self.features, 0.0);
            let (missing, label) = self.row(&mut cursor, &mut cells[first..])?;
            if self.missing == Missing::Drop && (missing > 0 || label == Label::Missing) {
                counts.dropped += 1;
                cells.truncate(first);
            } else {
                counts.missing += missing;
                places.push((rows, line));
                labels.extend(label.found());
            }
            rows += 1;
        }
    }

    /// One row, from its first cell to its line end: missing cells and label.
    #[inline]
    fn row(&self, cursor: &mut Cursor<'_>, row: &mut [f32]) -> Result<(u64, Label), NotPlain> {
        let (mut missing, mut label) = (0, Label::NotWanted);
        for (column, &usage) in self.uses.iter().enumerate() {
            if column > 0 {
                if cursor.text.get(cursor.at) != Some(&self.delimiter) {
                    return Err(NotPlain);
                }
                cursor.at += 1;
            }
            match usage {
                Use::Feature(feature) => {
                    row[feature] = match cursor.number() {
                        Some(value) => value,
                        None => self.unusual(&Reading::Number, cursor.cell(), &mut missing)?,
                    }
                }
                Use::Encoded(feature) => {
                    row[feature] = self.unusual(&self.readings[feature], cursor.cell(), &mut missing)?;
                }
                Use::Label => label = self.label(cursor.cell())?,
                Use::Nothing => _ = cursor.cell(),
            }
        }
        // A delimiter here begins a cell too many.
        if cursor.text.get(cursor.at) == Some(&self.delimiter) { Err(NotPlain) } else { Ok((missing, label)) }
    }

    /// A cell with blanks around its number, without a number, or of another kind.
    #[cold]
    fn unusual(&self, reading: &Reading, cell: &[u8], missing: &mut u64) -> Result<f32, NotPlain> {
        match reading.read(cell) {
            Ok(value) => Ok(value),
            Err(cell::NoNumber::Missing) if self.missing != Missing::Error => {
                *missing += 1;
                Ok(f32::NAN)
            }
            Err(_) => Err(NotPlain),
        }
    }

    fn label(&self, cell: &[u8]) -> Result<Label, NotPlain> {
        match cell::label(cell) {
            Some(anomaly) => Ok(Label::Found(anomaly)),
            None if self.missing == Missing::Drop && cell::is_missing(cell) => Ok(Label::Missing),
            None => Err(NotPlain),
        }
    }
}
