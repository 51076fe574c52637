//! What a user reads: results on standard output, notes and warnings on standard error.
//!
//! Nothing else writes to either (`clippy::print_stdout`, `clippy::print_stderr`): the macros of the standard library
//! panic when the reader has gone or the disk is full.

use std::borrow::Cow;
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
    let _ = io::stderr().write_all(format!("{}\n", plain(&line.to_string())).as_bytes());
}

/// Writes text to standard output, with a line end after it where it has none.
///
/// # Errors
/// What the system says; `main` takes a reader that went away for no fault.
pub fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut text = plain(&text.to_string()).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output: cannot write")
}

/// Text without what a terminal would obey: a name in a file may hold control characters, and characters that turn the
/// direction of writing.
fn plain(text: &str) -> Cow<'_, str> {
    let is_obeyed = |found: char| {
        (found.is_control() && !matches!(found, '\n' | '\t'))
            || matches!(found, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let escaped = |found: char| {
        if is_obeyed(found) { found.escape_unicode().collect::<String>() } else { found.to_string() }
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_cannot_command_a_terminal() {
        assert_eq!(plain("a\u{1b}]0;pwn\u{7}b\tc\nd\r"), "a\\u{1b}]0;pwn\\u{7}b\tc\nd\\u{d}");
        assert_eq!(plain("x\u{202e}y\u{9b}31m"), "x\\u{202e}y\\u{9b}31m");
        assert!(matches!(plain("Überdruck 5 °C"), Cow::Borrowed(_)));
    }
}
