use super::*;
use crate::table::load::{Loaded, collect};
use crate::table::options::Missing;
use parquet::data_type::{BoolType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::{Seek as _, Write as _};

/// A file of two row groups: `a` DOUBLE with a null, `n` UINT_32, `t` text, `l` BOOLEAN.
fn file() -> File {
    let schema = "message rows { optional double a; required int32 n (UINT_32); required binary t (UTF8);
                  required boolean l; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut out = tempfile::tempfile().unwrap();
    let mut writer = SerializedFileWriter::new(&mut out, schema, Arc::default()).unwrap();
    for part in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels = if part == 0 { [1, 1, 1] } else { [1, 0, 1] };
        let values = if part == 0 { &[0.1, -2.5, 1e30][..] } else { &[4.0, 6.0] };
        column.typed::<parquet::data_type::DoubleType>().write_batch(values, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<parquet::data_type::Int32Type>().write_batch(&[1, -1, 3], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let text = ["0", "normal", "Anomaly"].map(|text| ByteArray::from(text.as_bytes().to_vec()));
        column.typed::<parquet::data_type::ByteArrayType>().write_batch(&text, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<BoolType>().write_batch(&[false, true, false], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    out.rewind().unwrap();
    out
}

fn load(label: &str, ignore: &str, missing: Missing) -> Result<Loaded, String> {
    let options =
        ReadOptions { label: Some(label.into()), ignore: vec![ignore.into()], missing, ..ReadOptions::default() };
    let source = blocks(file(), Path::new("t.parquet"), "t.parquet".into(), &options);
    source.and_then(|source| collect(source, 2)).map_err(|error| error.to_string())
}

#[test]
fn numbers_of_every_width_and_labels_are_read() {
    let loaded = load("l", "t", Missing::Drop).unwrap();
    assert_eq!(loaded.dataset.names, ["a", "n"]);
    let expected = [[0.1, 1.0], [-2.5, 4_294_967_295.0], [1e30, 3.0], [4.0, 1.0], [6.0, 3.0]];
    assert_eq!(loaded.dataset.features, ndarray::arr2(&expected));
    assert_eq!(loaded.dataset.labels, Some(vec![false, true, false, false, false]));
    assert_eq!((loaded.dropped_rows, loaded.row_numbers), (1, Some(vec![1, 2, 3, 4, 6])));
    let labels = load("t", "l", Missing::Mean).unwrap();
    assert_eq!(labels.dataset.labels, Some([false, false, true].repeat(2)));
    assert!(labels.dataset.features[[4, 0]].is_nan());
}

#[test]
fn what_is_wrong_is_placed_by_row_and_column() {
    assert_eq!(
        load("l", "t", Missing::Error).unwrap_err(),
        "t.parquet: row 5, column \"a\": found an empty cell, expected a number; mend the cell, or choose --missing \
         drop, mean or indicator"
    );
    let message = load("l", "n", Missing::Mean).unwrap_err();
    assert!(message.contains("column \"t\" holds text, expected numbers"), "{message}");
    assert!(load("x", "t", Missing::Error).unwrap_err().contains("no column \"x\""));
}

/// Texts in a dictionary with a null, integers as text, times, a date, booleans: 40 rows.
fn kinds() -> tempfile::NamedTempFile {
    use parquet::data_type::{ByteArrayType, Int32Type};
    let schema = "message rows { optional binary mode (UTF8); required binary count (UTF8);
                  required int64 at (TIMESTAMP(MICROS,true)); required int32 day (DATE); required boolean valve;
                  required double temp; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let out = tempfile::Builder::new().suffix(".parquet").tempfile().unwrap();
    let mut writer = SerializedFileWriter::new(out.reopen().unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let text = |text: String| ByteArray::from(text.into_bytes());
    let levels: Vec<i16> = (0..40).map(|row| i16::from(row != 7)).collect();
    let modes: Vec<ByteArray> =
        (0..40).filter(|row| *row != 7).map(|row| text(["run", "idle", "run"][row % 3].into())).collect();
    let counts: Vec<ByteArray> = (0..40).map(|row| text((row % 5).to_string())).collect();
    // 2024-01-31T06:00:00Z, then an hour a row.
    let times: Vec<i64> = (0..40).map(|row| (1_706_680_800 + 3600 * row) * 1_000_000).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&modes, Some(&levels), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&counts, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&[19_753; 40], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let valves: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
    column.typed::<BoolType>().write_batch(&valves, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let temps: Vec<f64> = (0..40).map(|row| f64::from(row) / 2.0).collect();
    column.typed::<parquet::data_type::DoubleType>().write_batch(&temps, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    out
}

#[test]
fn texts_times_and_booleans_are_read_by_their_kind() {
    use crate::options::{Options, Request};
    use crate::prepare;
    let file = kinds();
    let read = ReadOptions { missing: Missing::Indicator, ..ReadOptions::default() };
    let request = Request { cyclic: vec!["at:day".parse().unwrap()], ..Request::default() };
    let prepared = prepare::load(&[file.path().to_owned()], &read, &request, &Options::default()).unwrap();
    let names = ["mode=run", "mode=idle", "mode=other", "mode missing", "count", "at sin", "at cos", "valve", "temp"];
    assert_eq!(prepared.dataset.names, names);
    assert!(prepared.input.notes.iter().any(|note| note.starts_with("`day`: times, left out")));
    let row = |row: usize| prepared.dataset.features.row(row).to_vec();
    // Six in the morning is a quarter of the day.
    let cosine = row(0)[6];
    assert_eq!(row(0), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, cosine, 1.0, 0.0]);
    assert!(cosine.abs() < 1e-6);
    assert_eq!(row(1)[..5], [0.0, 1.0, 0.0, 0.0, 1.0]);
    assert_eq!(row(7)[..5], [0.0, 0.0, 0.0, 1.0, 2.0], "a null");
    assert_eq!(row(9)[7..], [0.0, 4.5]);
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file(), &mut bytes).unwrap();
    let read = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let options = ReadOptions { ignore: vec!["t".into()], missing: Missing::Mean, ..ReadOptions::default() };
        blocks(file, Path::new("t.parquet"), "t.parquet".into(), &options).and_then(|source| collect(source, 1))
    };
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let _ = read(&damaged);
    }
}

#[test]
fn the_directory_tells_rows_and_columns() {
    assert_eq!(size(file()), Some((6, 4)));
    assert_eq!(size(tempfile::tempfile().unwrap()), None);
}
