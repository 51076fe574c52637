//! CSV in blocks: the header by [`RowReader`], plain blocks by the fast parser, the others by [`RowReader`] again.

use crate::table::form::FileForm;
use std::sync::Arc;

use super::plain::Plain;
use super::reader::{Columns, RowReader};
use super::records::Records;
use crate::table::block::{Block, Counts};
use crate::table::error::{DataError, Problem};
use crate::table::options::ReadOptions;
use crate::table::source::{Input, Parse, Source};
use crate::table::text::{BLOCK, RowEnds, TextBlocks};

/// Opens a CSV stream; `name` is its name in messages.
///
/// # Errors
/// As [`RowReader::new`].
pub(in crate::table) fn blocks(input: Input, name: String, options: &ReadOptions) -> Result<Source, DataError> {
    blocks_of(input, name, options, BLOCK)
}

/// [`blocks`] of about `size` bytes.
pub(super) fn blocks_of(input: Input, name: String, options: &ReadOptions, size: usize) -> Result<Source, DataError> {
    let (records, columns) = RowReader::new(input, name.clone(), options)?.into_records();
    let (input, rest, lines) = records.into_rest();
    Ok(Source {
        form: FileForm::default(),
        notes: vec![],
        name,
        feature_names: columns.feature_names(),
        extra_columns: columns.extra_columns(),
        has_labels: columns.selection.label.is_some(),
        before: Counts { lines, ..Counts::default() },
        take: Box::new(TextBlocks::new(input, rest, RowEnds::Csv(columns.delimiter), size)),
        parse: Arc::new(CsvBlock { plain: Plain::new(&columns), columns }),
    })
}

struct CsvBlock {
    columns: Arc<Columns>,
    plain: Plain,
}

impl Parse for CsvBlock {
    fn parse(&self, block: &mut Block) {
        let quoted = memchr::memchr(b'"', &block.text).is_some();
        if quoted || self.plain.parse(block).is_err() {
            block.clear_rows();
            if let Err(problem) = self.parse_any(block) {
                block.problem = Some(problem);
            }
        }
        block.counts.lines = memchr::memchr_iter(b'\n', &block.text).count() as u64;
    }
}

impl CsvBlock {
    /// Parses what is quoted, and finds out what is wrong.
    fn parse_any(&self, block: &mut Block) -> Result<(), Problem> {
        let Block { text, cells, labels, places, counts, .. } = block;
        let records = Records::continued(&text[..], self.columns.delimiter);
        let mut reader = RowReader::of_records(String::new(), records, Arc::clone(&self.columns));
        let mut row = vec![0.0; reader.width()];
        let result = loop {
            match reader.advance(&mut row) {
                Ok(Some(info)) => {
                    cells.extend_from_slice(&row);
                    labels.extend(info.label);
                    places.push((info.number as u32 - 1, info.line as u32 - 1));
                }
                Ok(None) => break Ok(()),
                Err(problem) => break Err(problem),
            }
        };
        (counts.rows, counts.dropped, counts.missing) = (reader.rows(), reader.dropped_rows(), reader.missing_cells());
        counts.broken = reader.broken();
        result
    }
}
