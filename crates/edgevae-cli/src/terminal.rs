//! What a user reads: results on standard output, notes and warnings on standard error.
//!
//! Nothing else writes to either (`clippy::print_stdout`, `clippy::print_stderr`): the macros of the standard library
//! panic when the reader has gone or the disk is full.

use std::fmt;
use std::io::{self, Write as _};

use anyhow::Context as _;

/// Writes a line to standard error. A run does not end because nobody reads its notes, so a failure is ignored.
macro_rules! note {
    ($($text:tt)*) => { $crate::terminal::note(format_args!($($text)*)) };
}

/// See [`note!`].
pub fn note(line: fmt::Arguments<'_>) {
    // In one piece: lines of several threads do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Writes text to standard output, with a line end after it where it has none.
///
/// # Errors
/// What the system says; `main` takes a reader that went away for no fault.
pub fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut text = text.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output: cannot write")
}
