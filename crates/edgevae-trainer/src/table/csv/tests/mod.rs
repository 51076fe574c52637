//! Whole files in, tables or messages out: what is read, what is refused and in which words, what is written.

mod agrees;
mod pieces;
mod reads;
mod refuses;
mod shared_data;
mod writes;

use super::blocks::blocks_of;
use super::*;
use crate::table::Dataset;
use crate::table::error::DataError;
use crate::table::load::{self, Loaded, collect};
use crate::table::options::{Features, FileForm, Missing, ReadOptions};
use crate::table::source::Input;
use ndarray::Array2;
use std::io::{Cursor, Read};
use std::path::Path;

fn labelled() -> ReadOptions {
    ReadOptions { label: Some("label".into()), ..ReadOptions::default() }
}

fn load(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Loaded, String> {
    let source = blocks(stream(Cursor::new(bytes.as_ref().to_vec())), "t.csv".into(), options);
    source.and_then(|source| collect(source, 2)).map_err(|error| error.to_string())
}

fn stream(input: impl Read + Send + 'static) -> Input {
    Input::Stream(Box::new(input))
}

fn read(path: &Path, options: &ReadOptions) -> Result<Loaded, DataError> {
    load::read(&[path.to_owned()], options, 2)
}

fn table(bytes: impl AsRef<[u8]>) -> Dataset {
    load(bytes, &ReadOptions::default()).unwrap().dataset
}

fn message(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    load(bytes, options).unwrap_err()
}

fn plain_message(bytes: impl AsRef<[u8]>) -> String {
    message(bytes, &ReadOptions::default())
}

fn with_missing(missing: Missing) -> ReadOptions {
    ReadOptions { missing, ..ReadOptions::default() }
}
