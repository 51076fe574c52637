//! Quoted cells that run over several lines: text of several lines, or rows that a stray quote has swallowed.

use std::io::Read;

use super::cell::{self, NoNumber};
use super::records::Records;
use crate::table::error::{Place, Problem};

/// Checks a row that begins at `place`, whose column is filled in: `Some` with the column of the first cell of several
/// lines, `None` where every cell is one line.
///
/// # Errors
/// [`Problem::SwallowedRows`] when the lines within the cell look like rows of the file: each cell in its place, and numbers
/// among them. A note of several lines that somebody wrote has other delimiters, or no numbers.
pub(super) fn check<R: Read>(
    records: &Records<R>,
    delimiter: u8,
    names: &[String],
    row: u64,
) -> Result<Option<usize>, Problem> {
    let Some(column) = records.first_broken_cell() else { return Ok(None) };
    let mut lines: Vec<Vec<&[u8]>> = vec![vec![]];
    for at in 0..records.len() {
        for (part, text) in records.cell(at).split(|&byte| byte == b'\n').enumerate() {
            if part > 0 {
                lines.push(vec![]);
            }
            let line = lines.last_mut().expect("there is a first line");
            line.extend(text.strip_suffix(b"\r").unwrap_or(text).split(|&byte| byte == delimiter));
        }
    }
    let is_row = |line: &Vec<&[u8]>| {
        let numbers =
            line.iter().filter(|text| !matches!(cell::number(text), Err(NoNumber::Text(_) | NoNumber::Missing)));
        line.len() == names.len() && names.len() > 1 && numbers.count() > 0
    };
    let inner = lines.len().saturating_sub(1).max(1);
    // The first line is a row up to the quote in any case, the last one from the quote on.
    let swallowed = lines[1..inner].iter().any(is_row) || (is_row(&lines[0]) && lines.last().is_some_and(is_row));
    if !swallowed {
        return Ok(Some(column));
    }
    // A quote that is never closed takes the line end of the last row along.
    let lines = lines.iter().filter(|line| line.iter().any(|text| !text.is_empty())).count();
    let at = Place { line: Some(records.line()), row, column: names.get(column).cloned().unwrap_or_default() };
    Err(Problem::SwallowedRows { at, lines })
}
