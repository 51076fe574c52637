//! Rows of cells from a stream of bytes, with exact line numbers and bounded memory.

use csv_core::ReadRecordResult;
use std::io::{self, Read};

use crate::table::text::MAX_ROW;

/// Bytes asked of the stream at a time.
const CHUNK: usize = 64 << 10;

/// Why there is no next row.
#[derive(Debug)]
pub(super) enum RecordError {
    Io(io::Error),
    TooLong,
}

/// Divides a stream into rows of cells, as `csv::Reader` does and with its parser, keeping count of lines exactly.
///
/// `csv::Reader` places a row where the previous one ended: in CRLF files and after blank lines that is too early.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    parser: csv_core::Reader,
    /// Bytes read ahead: `buffer[start..end]` are not parsed yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    input_ended: bool,
    /// Unquoted cells of the current row, one after the other; cell `i` ends at `ends[i]`.
    cells: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
    /// Line ends between rows, which the parser does not see.
    lines_between: u64,
    line: u64,
}

impl<R: Read> Records<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            parser: csv_core::Reader::new(),
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            input_ended: false,
            cells: vec![0; 1024],
            ends: vec![0; 64],
            len: 0,
            lines_between: 0,
            line: 1,
        }
    }

    /// Records of a stream that is the continuation of another: no byte-order mark is looked for.
    pub fn continued(input: R, delimiter: u8) -> Self {
        let mut records = Self::new(input);
        records.set_delimiter(delimiter);
        // The parser removes a mark from the first bytes it sees; let those be a row that nobody wants.
        let first = records.parser.read_record(b"0\n", &mut records.cells, &mut records.ends);
        debug_assert!(matches!(first.0, ReadRecordResult::Record));
        records.parser.set_line(1);
        records
    }

    /// The stream and the bytes of it that were read and not parsed, and the number of line ends before those.
    pub fn into_rest(mut self) -> (R, Vec<u8>, u64) {
        self.buffer.truncate(self.end);
        let lines = self.parser.line() + self.lines_between - 1;
        (self.input, self.buffer.split_off(self.start), lines)
    }

    /// The first bytes of the stream: as many as `complete` asks for, or all.
    ///
    /// To be called before the first row; nothing is consumed. It also lets the parser see a byte-order mark whole, which
    /// it removes only then.
    pub fn beginning(&mut self, complete: impl Fn(&[u8]) -> bool) -> Result<&[u8], RecordError> {
        while !complete(&self.buffer[self.start..self.end]) && self.read_more()? {
            if self.end > MAX_ROW {
                return Err(RecordError::TooLong);
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Passes over lines, whatever they hold; to be called before the first row.
    pub fn skip_lines(&mut self, lines: u32) -> Result<(), RecordError> {
        for _ in 0..lines {
            loop {
                if let Some(end) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                    self.start += end + 1;
                    self.lines_between += 1;
                    break;
                }
                self.start = self.end;
                if !self.read_more()? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Sets the byte between cells; to be called before the first row.
    pub fn set_delimiter(&mut self, delimiter: u8) {
        self.parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    }

    /// Goes to the next row; `false` at the end. Blank lines are not rows.
    pub fn advance(&mut self) -> Result<bool, RecordError> {
        let skipped = self.skip_line_ends();
        // Ahead of `?`, so that a failure between rows is placed where it happened.
        self.line = self.parser.line() + self.lines_between;
        skipped?;
        let (mut written, mut cells) = (0, 0);
        loop {
            let (result, read, wrote, ended) = self.parser.read_record(
                &self.buffer[self.start..self.end],
                &mut self.cells[written..],
                &mut self.ends[cells..],
            );
            self.start += read;
            written += wrote;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {
                    self.read_more()?;
                }
                ReadRecordResult::OutputFull => grow(&mut self.cells)?,
                ReadRecordResult::OutputEndsFull => grow(&mut self.ends)?,
                ReadRecordResult::Record => {
                    self.len = cells;
                    return Ok(true);
                }
                ReadRecordResult::End => {
                    self.len = 0;
                    return Ok(false);
                }
            }
        }
    }

    /// The line on which the current row begins, from 1; after the last row, the line on which the stream ended.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The number of cells in the current row.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Cell `index` of the current row, without its quotes.
    ///
    /// # Panics
    /// When `index` is not below [`Records::len`].
    #[inline]
    pub fn cell(&self, index: usize) -> &[u8] {
        let ends = &self.ends[..self.len];
        let start = if index == 0 { 0 } else { ends[index - 1] };
        &self.cells[start..ends[index]]
    }

    /// The first cell of the current row that holds a line end.
    pub fn first_broken_cell(&self) -> Option<usize> {
        let ends = &self.ends[..self.len];
        let at = memchr::memchr2(b'\n', b'\r', &self.cells[..*ends.last()?])?;
        Some(ends.partition_point(|&end| end <= at))
    }

    /// Moves to the first byte of the next row, past blank lines and the LF that a CR left behind.
    pub fn skip_line_ends(&mut self) -> Result<(), RecordError> {
        loop {
            while self.start < self.end && matches!(self.buffer[self.start], b'\r' | b'\n') {
                self.lines_between += u64::from(self.buffer[self.start] == b'\n');
                self.start += 1;
            }
            if self.start < self.end || !self.read_more()? {
                return Ok(());
            }
        }
    }

    /// Appends bytes of the stream to the unparsed ones; `false` at the end of the stream.
    fn read_more(&mut self) -> Result<bool, RecordError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        // A terminal would ask for more after its end-of-file; one end is enough.
        while !self.input_ended {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.input_ended = true,
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RecordError::Io(error)),
            }
        }
        Ok(false)
    }
}

/// Doubles a buffer of the current row within the limit.
fn grow<T: Clone + Default>(buffer: &mut Vec<T>) -> Result<(), RecordError> {
    let len = 2 * buffer.len();
    if len * size_of::<T>() > MAX_ROW {
        return Err(RecordError::TooLong);
    }
    buffer.resize(len, T::default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that hands out at most `step` bytes at a time.
    struct Dribble<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let step = self.step.min(buffer.len());
            self.bytes.read(&mut buffer[..step])
        }
    }

    /// Line and cells of each row.
    fn rows(bytes: &[u8], step: usize) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::new(Dribble { bytes, step });
        let mut rows = vec![];
        while records.advance().unwrap() {
            let cells = (0..records.len()).map(|i| String::from_utf8(records.cell(i).to_vec()).unwrap());
            rows.push((records.line(), cells.collect()));
        }
        rows
    }

    #[test]
    fn lines_are_exact_after_blank_lines_quoted_breaks_and_either_line_end() {
        let text = b"\n\r\na,b\r\n1,2\n\n\r\n\"x\r\ny\",3\r\n\"\",\n4,\"5\"\"6\"";
        let cells = |line, a: &str, b: &str| (line, vec![a.to_owned(), b.to_owned()]);
        let expected = vec![
            cells(3, "a", "b"),
            cells(4, "1", "2"),
            cells(7, "x\r\ny", "3"),
            cells(9, "", ""),
            cells(10, "4", "5\"6"),
        ];
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(rows(text, step), expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn rows_wider_than_any_buffer_are_whole() {
        let wide: Vec<String> = (0..50_000).map(|i| i.to_string()).collect();
        let text = format!("{}\n1\n", wide.join(","));
        assert_eq!(rows(text.as_bytes(), 1 << 20), [(1, wide), (2, vec!["1".to_owned()])]);
    }

    #[test]
    fn a_row_without_end_stops_at_the_limit() {
        let mut records = Records::new(io::repeat(b'7'));
        assert!(matches!(records.advance(), Err(RecordError::TooLong)));
        assert!(records.cells.len() <= MAX_ROW);
        let mut records = Records::new(io::repeat(b','));
        assert!(matches!(records.advance(), Err(RecordError::TooLong)));
        let mut records = Records::new(io::repeat(b'7'));
        assert!(matches!(records.beginning(|_| false), Err(RecordError::TooLong)));
    }
}
