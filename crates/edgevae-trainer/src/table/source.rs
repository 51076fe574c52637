//! A source of rows: a file or a stream in any format that we read, in blocks.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{Block, Counts};
use super::error::{DataError, Problem};
use super::form::{Decimal, FileForm};
use super::opened::{self, Opened};
use super::options::{Format, ReadOptions};
use super::{csv, jsonl};

/// Hands out the blocks of a source, one after the other; the part of reading that cannot be shared among threads.
pub trait Take: Send {
    /// Fills `block`, which is clear, with what comes next: text, rows or a problem; `false` at the end.
    fn take(&mut self, block: &mut Block) -> bool;

    /// Where the next block begins, if [`Take::seek`] can come back to it.
    fn mark(&self) -> Option<u64> {
        None
    }

    /// Goes back to a place that [`Take::mark`] told.
    ///
    /// # Errors
    /// What the system says.
    fn seek(&mut self, mark: u64) -> io::Result<()> {
        let _ = mark;
        Err(io::ErrorKind::NotSeekable.into())
    }

    /// Closes the file until it is read again: a process may have no more than some 1,000 open.
    fn close(&mut self) {}
}

/// A file that can be closed in between.
#[derive(Debug)]
pub(super) struct Reopened {
    path: PathBuf,
    file: Option<File>,
    /// Where a closed file goes on.
    at: u64,
}

impl Reopened {
    pub fn new(path: &Path, file: File) -> Self {
        Self { path: path.to_owned(), file: Some(file), at: 0 }
    }

    /// The file, opened where it is not.
    pub fn open(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = File::open(&self.path)?;
                file.seek(SeekFrom::Start(self.at))?;
                file
            }
        };
        Ok(self.file.insert(file))
    }

    /// Closes it, unless it is a pipe or the like, which cannot be opened at a place.
    pub fn close(&mut self) {
        if let Some(Ok(at)) = self.file.as_mut().map(File::stream_position) {
            (self.file, self.at) = (None, at);
        }
    }
}

/// The bytes of a source: a file, which can be read again, or a stream.
pub(super) enum Input {
    File(Reopened),
    Stream(Box<dyn Read + Send>),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.open()?.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

impl Input {
    /// Place of the next byte, where there are places.
    pub fn position(&mut self) -> Option<u64> {
        match self {
            Self::File(file) => file.open().and_then(|file| file.stream_position()).ok(),
            Self::Stream(_) => None,
        }
    }

    pub fn seek(&mut self, at: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.open()?.seek(SeekFrom::Start(at)).map(|_| ()),
            Self::Stream(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }

    /// Appends what comes next to `text`: of a file `missing` bytes, of a stream at most so many and no more than are
    /// there; tells whether nothing follows.
    pub fn fill(&mut self, text: &mut Vec<u8>, missing: usize) -> io::Result<bool> {
        match self {
            Self::File(_) => Ok(self.by_ref().take(missing as u64).read_to_end(text)? < missing),
            Self::Stream(stream) => {
                let start = text.len();
                // What a pipe holds.
                text.resize(start + missing.min(64 << 10), 0);
                let read = loop {
                    match stream.read(&mut text[start..]) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => break read,
                    }
                };
                text.truncate(start + *read.as_ref().unwrap_or(&0));
                Ok(read? == 0)
            }
        }
    }

    /// As [`Take::close`].
    pub fn close(&mut self) {
        if let Self::File(file) = self {
            file.close();
        }
    }
}

/// Turns the text of a block into rows; any number of threads at once.
pub trait Parse: Send + Sync {
    /// Parses the text of `block` into its rows, counts and, where they end early, its problem.
    fn parse(&self, block: &mut Block);

    /// What was unusual in the blocks so far, for people.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Name in messages of the file that a block is of, where that is not the name of the source.
    fn file(&self, block: &Block) -> Option<&str> {
        let _ = block;
        None
    }
}

/// Rows that were opened: columns are known and found, blocks can be taken.
pub struct Source {
    /// Name in messages.
    pub name: String,
    /// The features, in the order of a row's cells.
    pub feature_names: Vec<String>,
    /// Columns that were neither wanted nor to be ignored.
    pub extra_columns: Vec<String>,
    /// Whether rows come with labels.
    pub has_labels: bool,
    /// How the file is written.
    pub form: FileForm,
    /// What was guessed about the file, for people.
    pub notes: Vec<String>,
    /// What came before the first block: the lines of a header.
    pub(super) before: Counts,
    pub(super) take: Box<dyn Take>,
    pub(super) parse: Arc<dyn Parse>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("feature_names", &self.feature_names).finish()
    }
}

impl Source {
    /// Opens a file; its format goes by [`ReadOptions::format`], or else by its extension.
    ///
    /// # Errors
    /// When it cannot be opened, is not what its format says, or lacks a wanted column.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let failed = |problem| DataError { file: name.clone(), problem };
        if let Some(columns) = &options.memory {
            return super::memory::source(columns, name.clone(), options).map_err(failed);
        }
        let Opened { input, format, form, notes } = opened::open(path, options).map_err(failed)?;
        let given = options.form.delimiter;
        let options = ReadOptions { form: form.clone(), remembered: FileForm::default(), ..options.clone() };
        let source = match format {
            Format::Parquet => open_parquet(open_file(path).map_err(failed)?, path, name, &options),
            text => Self::text(input, name, text, &options),
        };
        // The delimiter of each file is its own.
        let decimal = form.decimal.filter(|decimal| *decimal != Decimal::Point);
        let form = FileForm { delimiter: given, decimal, ..form };
        source.map(|source| Self { form, notes, ..source })
    }

    /// Reads a stream of text, CSV unless [`ReadOptions::format`] says otherwise; `name` is its name in messages.
    ///
    /// # Errors
    /// As [`Source::open`]; Parquet cannot be read from a stream, because its directory stands at its end.
    pub fn stream(input: impl Read + Send + 'static, name: &str, options: &ReadOptions) -> Result<Self, DataError> {
        let form = options.form.clone().or(&options.remembered);
        let options = &ReadOptions { form, remembered: FileForm::default(), ..options.clone() };
        match options.format.unwrap_or(Format::Csv) {
            Format::Parquet => {
                let problem = Problem::Parquet("a Parquet file cannot be read from a pipe".into());
                Err(DataError { file: name.to_owned(), problem })
            }
            text => Self::text(Input::Stream(Box::new(input)), name.to_owned(), text, options),
        }
    }

    fn text(input: Input, name: String, format: Format, options: &ReadOptions) -> Result<Self, DataError> {
        match format {
            Format::Jsonl => jsonl::blocks(input, name, options),
            _ => csv::blocks(input, name, options),
        }
    }

    /// Closes the file until it is read again.
    pub fn close(&mut self) {
        self.take.close();
    }

    /// What was unusual in the rows that were read, for people.
    pub fn unusual(&self) -> Vec<String> {
        self.parse.notes()
    }
}

/// The error of a source that held nothing to use, if that is what the counts say; `name` is its name in messages.
pub(super) fn check_counts(name: &str, counts: Counts) -> Result<(), DataError> {
    let problem = match counts {
        Counts { rows: 0, .. } => Problem::NoRows,
        Counts { rows, dropped, .. } if rows == dropped => Problem::NoRowsLeft { dropped },
        _ => return Ok(()),
    };
    Err(DataError { file: name.to_owned(), problem })
}

#[cfg(feature = "parquet")]
fn open_parquet(file: File, path: &Path, name: String, options: &ReadOptions) -> Result<Source, DataError> {
    super::parquet::blocks(file, path, name, options)
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(_: File, _: &Path, name: String, _: &ReadOptions) -> Result<Source, DataError> {
    let problem = Problem::Parquet("this build reads no Parquet; build it with `--features parquet`".into());
    Err(DataError { file: name, problem })
}

/// Opens a file for reading, with messages for what is no file.
pub(super) fn open_file(path: &Path) -> Result<File, Problem> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::NoSuchFile,
        _ => Problem::CannotOpen { error },
    })?;
    // Linux opens directories and fails only when they are read.
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) { Err(Problem::IsADirectory) } else { Ok(file) }
}
