//! Whole files in, tables or messages out: what is read, what is refused and in which words, what is written.

mod pieces;
mod reads;
mod refuses;
mod shared_data;
mod writes;

use super::*;

fn labelled() -> CsvOptions {
    CsvOptions { label: Some("label".into()), ..CsvOptions::default() }
}

fn load(bytes: impl AsRef<[u8]>, options: &CsvOptions) -> Result<Loaded, String> {
    RowReader::new(bytes.as_ref(), "t.csv", options).and_then(collect).map_err(|error| error.to_string())
}

fn table(bytes: impl AsRef<[u8]>) -> Dataset {
    load(bytes, &CsvOptions::default()).unwrap().dataset
}

fn message(bytes: impl AsRef<[u8]>, options: &CsvOptions) -> String {
    load(bytes, options).unwrap_err()
}

fn plain_message(bytes: impl AsRef<[u8]>) -> String {
    message(bytes, &CsvOptions::default())
}

fn with_missing(missing: Missing) -> CsvOptions {
    CsvOptions { missing, ..CsvOptions::default() }
}
