//! Scores written as Parquet.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::score::RowVerdict;

/// Writes a Parquet file of scores: `row` (INT64), `score` (FLOAT), `is_anomaly` (BOOLEAN), in row groups of 2^17 rows.
pub struct ScoreWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<i64>,
    scores: Vec<f32>,
    verdicts: Vec<bool>,
    /// By an int8 model.
    out_of_range: Option<Vec<bool>>,
}

/// Rows of a row group that is written.
const GROUP: usize = 1 << 17;

impl<W: Write + Send> ScoreWriter<W> {
    /// Begins a file; with `has_range` it says of each row whether a reading was out of range.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(out: W, has_range: bool) -> io::Result<Self> {
        let range = if has_range { "required boolean out_of_range; " } else { "" };
        let schema = format!(
            "message scores {{ required int64 row; required float score; required boolean is_anomaly; {range}}}"
        );
        let schema = parse_message_type(&schema).map_err(io::Error::other)?;
        // Scores hardly ever repeat, so that a dictionary would only cost time.
        let properties =
            WriterProperties::builder().set_dictionary_enabled(false).set_compression(Compression::SNAPPY).build();
        let writer =
            SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(io::Error::other)?;
        Ok(Self { writer, rows: vec![], scores: vec![], verdicts: vec![], out_of_range: has_range.then(Vec::new) })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// What the writer says.
    pub fn push(&mut self, row: u64, verdict: RowVerdict) -> io::Result<()> {
        self.rows.push(row as i64);
        self.scores.push(verdict.score);
        self.verdicts.push(verdict.is_anomaly);
        if let Some(out_of_range) = &mut self.out_of_range {
            out_of_range.push(verdict.out_of_range.unwrap_or_default());
        }
        if self.rows.len() == GROUP { self.write_group().map_err(io::Error::other) } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let mut column = group.next_column()?.expect("the first column");
        column.typed::<Int64Type>().write_batch(&self.rows, None, None)?;
        column.close()?;
        let mut column = group.next_column()?.expect("the second column");
        column.typed::<FloatType>().write_batch(&self.scores, None, None)?;
        column.close()?;
        let mut column = group.next_column()?.expect("the third column");
        column.typed::<BoolType>().write_batch(&self.verdicts, None, None)?;
        column.close()?;
        if let Some(out_of_range) = &mut self.out_of_range {
            let mut column = group.next_column()?.expect("the fourth column");
            column.typed::<BoolType>().write_batch(out_of_range, None, None)?;
            column.close()?;
            out_of_range.clear();
        }
        group.close()?;
        self.rows.clear();
        self.scores.clear();
        self.verdicts.clear();
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.write_group().map_err(io::Error::other)?;
        }
        self.writer.close().map(|_| ()).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::load::collect;
    use crate::table::options::ReadOptions;
    use crate::table::source::Source;

    #[test]
    fn scores_read_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.parquet");
        let mut writer = ScoreWriter::new(std::fs::File::create(&path).unwrap(), false).unwrap();
        let rows = GROUP as u64 + 3;
        let verdict = |row| RowVerdict { score: row as f32 * 0.1, is_anomaly: row % 2 == 0, out_of_range: None };
        (1..=rows).try_for_each(|row| writer.push(row, verdict(row))).unwrap();
        writer.finish().unwrap();
        let options = ReadOptions { label: Some("is_anomaly".into()), ..ReadOptions::default() };
        let loaded = collect(Source::open(&path, &options).unwrap(), 2).unwrap();
        let shape = (loaded.dataset.names, loaded.dataset.features.nrows());
        assert_eq!(shape, (vec!["row".into(), "score".into()], GROUP + 3));
        assert_eq!(loaded.dataset.features[[GROUP + 2, 1]].to_bits(), (rows as f32 * 0.1).to_bits());
        assert_eq!(loaded.dataset.labels.unwrap()[..2], [false, true]);
    }
}
