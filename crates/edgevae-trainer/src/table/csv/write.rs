//! A table as CSV.

use crate::table::Dataset;
use csv::Writer;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Name of the label column that [`write_csv`] writes.
pub const LABEL: &str = "label";

/// Writes a table as CSV: a header, commas, each value as the shortest decimal that reads back to the same f32, missing
/// cells empty, and the labels, if there are any, as 0 and 1 in a last column named `label`.
///
/// # Errors
/// When the output cannot be written, or a feature is named `label` beside the label column.
pub fn write_csv(dataset: &Dataset, output: impl Write) -> io::Result<()> {
    let label = dataset.labels.as_ref().map(|_| LABEL);
    if label.is_some() && dataset.names.iter().any(|name| name == LABEL) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a feature has the name of the label column, \"label\"",
        ));
    }
    let mut writer = Writer::from_writer(output);
    writer.write_record(dataset.names.iter().map(String::as_str).chain(label))?;
    let mut text = String::new();
    for (index, row) in dataset.features.rows().into_iter().enumerate() {
        for value in row {
            text.clear();
            // Debug and not Display, which spells out 38 digits of 1e38; a String takes everything.
            if !value.is_nan() {
                let _ = write!(text, "{value:?}");
            }
            writer.write_field(&text)?;
        }
        if let Some(labels) = &dataset.labels {
            writer.write_field(if labels[index] { "1" } else { "0" })?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}
