//! The text of a stream, cut into blocks at the ends of rows.

use std::io;
#[cfg(test)]
use std::io::Read;

use super::block::Block;
use super::error::Problem;
use super::source::{Input, Take};

/// Bytes of a block, as long as rows are shorter.
pub(super) const BLOCK: usize = 256 << 10;

/// Largest row in bytes. A quote that is never closed makes the rest of the file one row; it must not fill the memory.
pub(super) const MAX_ROW: usize = 16 << 20;

/// Cuts a stream into blocks of whole rows.
pub(super) struct TextBlocks {
    input: Input,
    /// Bytes read and not handed out.
    rest: Vec<u8>,
    ended: bool,
    ends: RowEnds,
    size: usize,
    /// Place of the next block in a file.
    at: Option<u64>,
}

/// What ends a row.
#[derive(Clone, Copy)]
pub(super) enum RowEnds {
    /// LF, CR LF or CR, outside of quotes; cells are separated by the byte.
    Csv(u8),
    /// LF alone, as in JSON lines, where a lone CR is a blank.
    Newline,
}

impl TextBlocks {
    /// Blocks of about `size` bytes of `input`, of which `rest` was read already; a row begins there.
    pub fn new(mut input: Input, rest: Vec<u8>, ends: RowEnds, size: usize) -> Self {
        let at = input.position().map(|position| position - rest.len() as u64);
        Self { input, rest, ended: false, ends, size, at }
    }

    /// Where the last whole row of `text` ends, past its line end; a row begins where `text` does.
    fn cut(&self, text: &[u8]) -> Option<usize> {
        match self.ends {
            RowEnds::Csv(delimiter) if memchr::memchr(b'"', text).is_some() => last_row_end(text, delimiter),
            // A lone CR ends a row too, but it may be the first half of a CR LF that is not read yet.
            RowEnds::Csv(_) => memchr::memrchr(b'\n', text).or_else(|| memchr::memrchr(b'\r', text)).map(|end| end + 1),
            RowEnds::Newline => memchr::memrchr(b'\n', text).map(|end| end + 1),
        }
    }
}

impl Take for TextBlocks {
    fn take(&mut self, block: &mut Block) -> bool {
        let taken = self.fill(block);
        self.at = self.at.map(|at| at + block.text.len() as u64);
        taken
    }

    fn mark(&self) -> Option<u64> {
        self.at
    }

    fn seek(&mut self, mark: u64) -> io::Result<()> {
        self.input.seek(mark)?;
        self.rest.clear();
        (self.at, self.ended) = (Some(mark), false);
        Ok(())
    }

    fn close(&mut self) {
        self.input.close();
    }
}

impl TextBlocks {
    fn fill(&mut self, block: &mut Block) -> bool {
        let text = &mut block.text;
        text.append(&mut self.rest);
        let mut wanted = self.size;
        // Bytes that were looked at for a row's end.
        let mut seen = 0;
        loop {
            // Whoever writes to a pipe may wait for an answer to the rows that are there, or write no more for hours.
            let is_stream = matches!(self.input, Input::Stream(_));
            let has_row =
                |text: &[u8], seen: usize| is_stream && memchr::memchr2(b'\n', b'\r', &text[seen..]).is_some();
            while text.len() < wanted && !self.ended && !has_row(text, seen) {
                seen = text.len();
                match self.input.fill(text, wanted - seen) {
                    Ok(at_end) => self.ended = at_end,
                    Err(error) => {
                        self.ended = true;
                        block.problem = Some(read_failed(error, text));
                    }
                }
            }
            if self.ended {
                return !text.is_empty() || block.problem.is_some();
            }
            if let Some(end) = self.cut(text) {
                self.rest.extend_from_slice(&text[end..]);
                text.truncate(end);
                return true;
            }
            if text.len() > MAX_ROW {
                text.clear();
                self.ended = true;
                block.problem = Some(Problem::RowTooLong { line: 1, limit: MAX_ROW });
                return true;
            }
            seen = text.len();
            // Not beyond the longest row, so that the same rows are refused whatever the pieces that they come in.
            wanted = self.size.max((2 * seen).min(MAX_ROW + 1));
        }
    }
}

/// What the rows before the failure are worth nobody knows: the last one is probably cut short.
fn read_failed(error: io::Error, text: &mut Vec<u8>) -> Problem {
    let line = 1 + memchr::memchr_iter(b'\n', text).count() as u64;
    text.truncate(memchr::memrchr(b'\n', text).map_or(0, |end| end + 1));
    match error.kind() {
        io::ErrorKind::IsADirectory => Problem::IsADirectory,
        _ => Problem::ReadFailed { line, error },
    }
}

/// Where the last row that ends within `text` ends, when cells may be quoted. The states are those of the CSV parser: a
/// quote opens at the beginning of a cell only, and a doubled one is a character.
fn last_row_end(text: &[u8], delimiter: u8) -> Option<usize> {
    #[derive(Clone, Copy)]
    enum State {
        CellStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let mut state = State::CellStart;
    let mut end = None;
    for (at, &byte) in text.iter().enumerate() {
        state = match (state, byte) {
            (State::CellStart | State::QuoteInQuoted, b'"') => State::Quoted,
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) => State::Quoted,
            (_, b'\n' | b'\r') => {
                end = Some(at + 1);
                State::CellStart
            }
            (_, byte) if byte == delimiter => State::CellStart,
            _ => State::Plain,
        };
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::source::Reopened;
    use super::*;

    fn stream(input: impl Read + Send + 'static) -> Input {
        Input::Stream(Box::new(input))
    }

    fn blocks(text: &str) -> Vec<usize> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let input = Input::File(Reopened::new(file.path(), file.reopen().unwrap()));
        let mut blocks = TextBlocks::new(input, vec![], RowEnds::Csv(b','), BLOCK);
        let mut lengths = vec![];
        let mut block = Block::default();
        while blocks.take(&mut block) {
            lengths.push(block.text.len());
            block.clear();
        }
        lengths
    }

    #[test]
    fn blocks_end_with_rows_and_lose_nothing() {
        let row = "1234567,1234567\n";
        let text = row.repeat(3 * BLOCK / row.len()) + "1,2";
        assert_eq!(blocks(&text), [BLOCK, BLOCK, BLOCK, 3]);
        let lengths = blocks(&("1,2\n".to_owned() + &"7".repeat(3 * BLOCK) + "\n5,6\n"));
        assert_eq!((lengths[0], lengths.iter().sum::<usize>()), (4, 4 + 3 * BLOCK + 1 + 4));
        assert_eq!(blocks(""), [0; 0]);
    }

    #[test]
    fn a_line_end_within_quotes_ends_no_row() {
        assert_eq!(last_row_end(b"1,\"a\nb\"\n2,\"c\nd", b','), Some(8));
        assert_eq!(last_row_end(b"1,\"a\"\"\n\"\n", b','), Some(9));
        assert_eq!(last_row_end(b"1,a\"\n2", b','), Some(5));
        assert_eq!(last_row_end(b"\"1\n2", b','), None);
    }

    #[test]
    fn a_row_beyond_the_limit_is_a_problem_and_no_block() {
        let mut endless = TextBlocks::new(stream(io::repeat(b'7')), vec![], RowEnds::Newline, BLOCK);
        let mut block = Block::default();
        assert!(endless.take(&mut block));
        assert!(matches!(block.problem, Some(Problem::RowTooLong { .. })));
        block.clear();
        assert!(!endless.take(&mut block));
    }

    #[test]
    fn a_pipe_that_stays_open_hands_out_the_rows_that_are_there() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut blocks = TextBlocks::new(stream(reader), b"1,2\n3".to_vec(), RowEnds::Csv(b','), BLOCK);
        let mut block = Block::default();
        let mut next = || {
            block.clear();
            blocks.take(&mut block).then(|| String::from_utf8(block.text.clone()).unwrap())
        };
        // Nothing is in the pipe: a read would wait for ever.
        assert_eq!(next().unwrap(), "1,2\n");
        io::Write::write_all(&mut writer, b",4\n5,\"a\n").unwrap();
        assert_eq!(next().unwrap(), "3,4\n");
        // A row that is begun is waited for.
        let late = std::thread::spawn(move || io::Write::write_all(&mut writer, b"\"\n7,8"));
        assert_eq!(next().unwrap(), "5,\"a\n\"\n");
        late.join().unwrap().unwrap();
        assert_eq!((next().unwrap(), next()), ("7,8".to_owned(), None));
    }
}
