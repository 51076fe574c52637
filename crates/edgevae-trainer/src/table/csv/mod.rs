//! CSV files with a header line: [`Source`](super::source::Source) reads them in blocks, [`RowReader`] row by row,
//! [`write_csv`] writes.
//!
//! Understood: quoted cells, CR LF, a UTF-8 byte-order mark, `,` `;` or tab (detected) or any other delimiter, scientific
//! notation, blanks around cells, blank lines. Columns are known by name. What a missing cell does is [`Missing`](super::options::Missing); every
//! other cell that is not a finite number within the range of f32 is an error that names its place.

mod blocks;
pub(crate) mod cell;
pub(crate) mod header;
mod plain;
mod quotes;
mod reader;
mod records;
#[cfg(test)]
mod tests;
mod write;

pub(super) use blocks::blocks;
pub use cell::Looks;
pub(super) use reader::scan;
pub use reader::{RowInfo, RowReader};
pub use write::{LABEL, write_csv};
