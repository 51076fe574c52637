//! Text files as people have them: packed, in another encoding, with another form than a plain file.
//!
//! A file's first bytes tell what it is. A pipe is not looked at: who writes to it may wait for an answer.

use std::io::{self, BufReader, Cursor, Read, Seek as _};
use std::path::Path;

use encoding_rs::{Decoder, Encoding, UTF_8, WINDOWS_1252};
use flate2::read::MultiGzDecoder;

use super::csv::header;
use super::detect::{self, Detected};
use super::error::Problem;
use super::form::FileForm;
use super::json_array::ArrayLines;
use super::options::{Format, ReadOptions};
use super::source::{Input, Reopened, open_file};

/// Bytes that are looked at.
const HEAD: u64 = 64 << 10;

/// A file that was opened, and what its first bytes tell.
pub(super) struct Opened {
    pub input: Input,
    pub format: Format,
    /// How it is written: what the user says, what the file shows, what the model remembers, in this order.
    pub form: FileForm,
    /// What was guessed, for people.
    pub notes: Vec<String>,
}

/// Opens a file of any format.
///
/// # Errors
/// What cannot be opened.
pub(super) fn open(path: &Path, options: &ReadOptions) -> Result<Opened, Problem> {
    let mut file = open_file(path)?;
    let format = options.format.unwrap_or_else(|| Format::of_path(path));
    let given = || options.form.clone().or(&options.remembered);
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(Opened { input: Input::File(Reopened::new(path, file)), format, form: given(), notes: vec![] });
    }
    let mut head = head_of(&mut file)?;
    file.rewind().map_err(|error| Problem::CannotOpen { error })?;
    if head.starts_with(b"PAR1") && options.format.is_none() || format == Format::Parquet {
        let input = Input::File(Reopened::new(path, file));
        return Ok(Opened { input, format: Format::Parquet, form: given(), notes: vec![] });
    }
    let mut unpacked: Option<Box<dyn Read + Send>> = None;
    if head.starts_with(&[0x1f, 0x8b]) {
        let mut packed =
            MultiGzDecoder::new(BufReader::new(file.try_clone().map_err(|error| Problem::CannotOpen { error })?));
        head = head_of(&mut packed)?;
        unpacked = Some(Box::new(Cursor::new(head.clone()).chain(packed)));
    }
    let mut notes = Vec::new();
    let encoding = match &options.form.encoding {
        Some(name) => Encoding::for_label(name.as_bytes()).unwrap_or(UTF_8),
        None => {
            let found = encoding_of(&head);
            if found == WINDOWS_1252 {
                notes.push("read as Windows-1252, for it is not UTF-8 (--encoding NAME says otherwise)".into());
            }
            found
        }
    };
    if encoding != UTF_8 {
        head = encoding.decode(&head).0.into_owned().into_bytes();
        let bytes = unpacked
            .take()
            .unwrap_or(Box::new(BufReader::new(file.try_clone().map_err(|error| Problem::CannotOpen { error })?)));
        unpacked = Some(Box::new(Transcoded::new(bytes, encoding)));
    }
    let first = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start().first();
    let format = match (options.format, first) {
        (None, Some(b'{' | b'[')) if is_json(&head) => Format::Jsonl,
        _ => format,
    };
    let input = match unpacked {
        Some(bytes) => Input::Stream(bytes),
        None => Input::File(Reopened::new(path, file)),
    };
    if format == Format::Jsonl {
        let input = if first == Some(&b'[') { Input::Stream(Box::new(ArrayLines::new(input))) } else { input };
        return Ok(Opened { input, format, form: given(), notes });
    }
    let Detected { form, notes: found } = detect::form(&head, &options.form);
    notes.extend(found);
    Ok(Opened { input, format, form: form.or(&options.remembered), notes })
}

fn head_of(file: &mut impl Read) -> Result<Vec<u8>, Problem> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(|error| Problem::ReadFailed { line: 1, error })?;
    Ok(head)
}

/// Whether text begins as an object or an array does, and not as a name in brackets: `[rpm],{temp}`.
fn is_json(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii();
    match text.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start(), [] | [b'"' | b'}', ..]),
        Some((b'[', rest)) => matches!(rest.trim_ascii_start(), [] | [b'{' | b'[' | b']', ..]),
        _ => false,
    }
}

/// The encoding that the first bytes show: UTF-16 by its mark, Windows-1252 where text is not UTF-8.
fn encoding_of(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    match str::from_utf8(head) {
        // A character that the head cuts has no error length.
        Err(error) if error.error_len().is_some() && header::not_text(head).is_none() => WINDOWS_1252,
        _ => UTF_8,
    }
}

/// Bytes of another encoding as UTF-8.
struct Transcoded {
    input: Box<dyn Read + Send>,
    decoder: Decoder,
    bytes: Vec<u8>,
    text: String,
    /// Bytes of `text` that were handed out.
    given: usize,
    ended: bool,
}

impl Transcoded {
    fn new(input: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        let (bytes, text) = (vec![0; 16 << 10], String::with_capacity(64 << 10));
        Self { input, decoder: encoding.new_decoder(), bytes, text, given: 0, ended: false }
    }
}

impl Read for Transcoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
            let read = self.input.read(&mut self.bytes)?;
            self.ended = read == 0;
            self.given = 0;
            self.text.clear();
            // The text has room for three bytes for each byte that comes in.
            _ = self.decoder.decode_to_string(&self.bytes[..read], &mut self.text, self.ended);
        }
        let rest = &self.text.as_bytes()[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_brackets_are_no_json() {
        for text in ["{\"a\": 1}", "\u{feff}{ \"a\": 1}", "[{\"a\": 1}]", "[\n  {\"a\": 1}]", "[]"] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
        for text in ["[rpm],[temp]\n1,2\n", "{rpm},{temp}\n1,2\n", "rpm\n1\n"] {
            assert!(!is_json(text.as_bytes()), "{text}");
        }
    }
}
