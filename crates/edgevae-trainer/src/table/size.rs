//! How much memory the rows of files will take, told before they are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::options::Format;

/// Bytes that a cell takes while a run holds all rows: its value, scaled, encoded and read copies of it among them.
const CELL: u64 = 16;
/// Bytes that a row takes beside its cells: its place, label and scores.
const ROW: u64 = 200;
/// Bytes from the beginning of a file that tell how long its rows are.
const LOOK: u64 = 64 << 10;

/// Bytes of memory for the rows of a file, estimated from its beginning or, of Parquet, from its directory; `None` where
/// the file does not tell.
pub fn in_memory(path: &Path, format: Option<Format>) -> Option<u64> {
    // A pipe tells nothing and would lose what is looked at.
    let file = path.is_file().then(|| File::open(path).ok())??;
    let (rows, columns) = match format.unwrap_or_else(|| Format::of_path(path)) {
        Format::Parquet => of_parquet(file)?,
        text => of_text(file, text).ok()?,
    };
    rows.checked_mul(columns.saturating_mul(CELL).saturating_add(ROW))
}

fn of_text(file: File, format: Format) -> io::Result<(u64, u64)> {
    let size = file.metadata()?.len();
    let mut text = Vec::new();
    file.take(LOOK).read_to_end(&mut text)?;
    let lines = text.iter().filter(|&&byte| byte == b'\n').count().max(1) as u64;
    let of_first = |sought: &[u8]| {
        let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        first.iter().filter(|byte| sought.contains(byte)).count() as u64
    };
    let columns = if format == Format::Jsonl { of_first(b":") } else { of_first(b",;\t") + 1 };
    Ok((size.saturating_mul(lines) / (text.len() as u64).max(1), columns))
}

#[cfg(feature = "parquet")]
fn of_parquet(file: File) -> Option<(u64, u64)> {
    super::parquet::size(file)
}

#[cfg(not(feature = "parquet"))]
fn of_parquet(_: File) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_rows_take_more_memory_than_their_text() {
        let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
        std::fs::write(file.path(), "a,b\n".to_owned() + &"1,2\n".repeat(100_000)).unwrap();
        let estimate = in_memory(file.path(), None).unwrap();
        let exact = 100_000 * (2 * CELL + ROW);
        assert!((exact..exact + exact / 100).contains(&estimate), "{estimate}, {exact}");
        assert_eq!(in_memory(Path::new("none.csv"), None), None);
    }
}
