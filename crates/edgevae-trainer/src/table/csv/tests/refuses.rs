use super::*;
use proptest::prelude::*;
use std::io;

#[test]
fn refuses_what_is_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = |path: &Path| read(path, &ReadOptions::default()).unwrap_err();
    let absent = directory.path().join("absent.csv");
    assert_eq!(error(&absent).to_string(), format!("{}: no such file; check the path", absent.display()));
    assert_eq!(
        error(directory.path()).to_string(),
        format!("{}: found a directory, expected a CSV file; name a file in it", directory.path().display())
    );
}

#[test]
fn refuses_empty_files_and_files_without_rows() {
    let empty = "t.csv: the file is empty, expected a header line with column names and a line for each row";
    for text in ["", "\n\r\n", "\u{feff}"] {
        assert_eq!(plain_message(text), empty, "{text:?}");
    }
    for text in ["a,b", "a,b\n", "a,b\r\n\r\n"] {
        assert_eq!(
            plain_message(text),
            "t.csv: found a header line and no rows, expected at least one row of numbers",
            "{text:?}"
        );
    }
    assert_eq!(
        message("a,b\n,1\n2,\n", &with_missing(Missing::Drop)),
        "t.csv: all 2 rows have a missing cell and were dropped, expected at least one complete row; choose --missing mean \
         or leave the emptiest columns out with --ignore"
    );
}

#[test]
fn refuses_files_that_are_no_text() {
    let save = "save the table as CSV (UTF-8)";
    let cases: [(&[u8], &str, &str); 7] = [
        (b"\xff\xfea\0,\0b\0\n\0", "text in UTF-16", save),
        (
            b"\x1f\x8b\x08\0\0\0",
            "a gzip archive",
            "unpack it with gunzip; `gunzip -c FILE | edgevae score --data -` does without a second file",
        ),
        (
            b"PK\x03\x04\x14\0",
            "a ZIP archive or an Excel workbook",
            "unpack the archive, or save the sheet as CSV (UTF-8)",
        ),
        (b"PAR1\x15\x04", "a Parquet file", "choose --format parquet, or name it with the extension .parquet"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image", save),
        (b"a\0b,c\n1,2\n", "bytes that are no text", save),
        (b"temp\xb0C,b\n1,2\n", "bytes that are no UTF-8", save),
    ];
    for (bytes, found, way_out) in cases {
        assert_eq!(
            plain_message(bytes),
            format!("t.csv: line 1: found {found}, expected a header line in UTF-8; {way_out}")
        );
    }
}

#[test]
fn refuses_headers_with_blank_or_repeated_names_or_numbers() {
    assert_eq!(
        plain_message("a,,c\n1,2,3\n"),
        "t.csv: line 1: column 2 of 3 has no name, expected one; name it, or delete the column"
    );
    assert_eq!(
        plain_message("a,b, a\n1,2,3\n"),
        "t.csv: line 1: columns 1 and 3 are both named \"a\", expected different names; rename one"
    );
    assert_eq!(
        plain_message("0.5,0.25,0.5\n1,2,3\n"),
        "t.csv: line 1: found a row of data (\"0.5\", \"0.25\", \"0.5\"), expected column names; say --no-header where the \
         file has none (columns are then c1, c2, ...), or --no-header=false where these are names"
    );
    assert_eq!(table("0,1,2\n5,6,7\n").names, ["0", "1", "2"]);
}

#[test]
fn refuses_columns_that_do_not_exist_and_lists_those_that_do() {
    let text = "Temp,rpm\n1,2\n";
    assert_eq!(
        message(text, &labelled()),
        "t.csv: line 1: no column \"label\", which was asked for as the label; the columns are \"Temp\", \"rpm\""
    );
    assert_eq!(
        message(text, &ReadOptions { ignore: vec!["temp".into()], ..ReadOptions::default() }),
        "t.csv: line 1: no column \"temp\", which was asked for as a column to ignore (did you mean \"Temp\"?); the columns \
         are \"Temp\", \"rpm\""
    );
    let features = |features| ReadOptions { features, ..ReadOptions::default() };
    assert_eq!(
        message(text, &features(Features::Named(vec!["load".into()]))),
        "t.csv: line 1: no column \"load\", which was asked for as a feature; the columns are \"Temp\", \"rpm\""
    );
    assert_eq!(
        message(text, &features(Features::OfModel(vec!["load".into()]))),
        "t.csv: line 1: no column \"load\", which was asked for as a feature of the model; the columns are \"Temp\", \"rpm\""
    );
}

#[test]
fn refuses_contradictory_wishes() {
    let text = "a,label\n1,0\n";
    assert_eq!(
        message(text, &ReadOptions { ignore: vec!["label".into()], ..labelled() }),
        "t.csv: column \"label\" was asked for as the label and as a column to ignore; name it once"
    );
    assert_eq!(
        message(text, &ReadOptions { features: Features::Named(vec!["a".into(), "a".into()]), ..labelled() }),
        "t.csv: column \"a\" was asked for as a feature and as a feature; name it once"
    );
    assert_eq!(
        message(text, &ReadOptions { ignore: vec!["a".into()], ..labelled() }),
        "t.csv: no column is left as a feature, expected at least one; the columns are \"a\", \"label\""
    );
    assert_eq!(
        message(
            text,
            &ReadOptions { form: FileForm { delimiter: Some(b'.'), ..FileForm::default() }, ..ReadOptions::default() }
        ),
        "t.csv: delimiter '.' cannot divide cells; expected a character such as \",\" or \";\" or a tab"
    );
}

#[test]
fn refuses_ragged_rows() {
    assert_eq!(
        plain_message("a,b\r\n1,2\r\n\r\n3\r\n"),
        "t.csv: line 4 (row 2): found 1 cells, expected 2 as in the header; correct or delete the row"
    );
    assert_eq!(
        plain_message("a,b\n1,2,3\n"),
        "t.csv: line 2 (row 1): found 3 cells, expected 2 as in the header; correct or delete the row; where each row ends with \
         a delimiter, end the header with one and a name, and leave that column out with --ignore"
    );
}

#[test]
fn refuses_text_in_a_number_column_with_advice_that_fits() {
    let case = |cell: &str| plain_message(format!("a;b\n1;2\n1;{cell}\n"));
    let found = |cell: &str, advice: &str| {
        format!("t.csv: line 3 (row 2), column \"b\": found {cell:?}, expected a number; {advice}")
    };
    let text = "mend the cell, or choose --categorical \"b\" if it holds categories, --ignore \"b\" if it holds names";
    assert_eq!(case("warm"), found("warm", text));
    assert_eq!(case("0x1F"), found("0x1F", text));
    assert_eq!(
        case("1,5"),
        found(
            "1,5",
            "say --decimal , where the comma is a decimal mark, or --thousands , where it stands between thousands"
        )
    );
    assert_eq!(
        case("2024-01-31 12:00"),
        found(
            "2024-01-31 12:00",
            "a time is no feature: leave the column out with --ignore \"b\", or order the rows by it with --time \"b\" where it is written as in 2024-01-31T12:00:00"
        )
    );
    assert_eq!(
        case("normal"),
        found("normal", "if it tells normal rows from anomalies choose --label \"b\", else --ignore \"b\"")
    );
    let swallowed = "line 3 (row 2), column \"b\": a quote opens this cell and its text runs over 2 lines that look like rows; \
                     expected a quote that is closed on its line: double it (\"\") or remove it";
    assert_eq!(case("\"2\n1;3\n"), format!("t.csv: {swallowed}"));
    let of_model = ReadOptions { features: Features::OfModel(vec!["b".into()]), ..ReadOptions::default() };
    assert_eq!(
        message("a;b\n1;2\n1;warm\n", &of_model),
        found("warm", "the model takes this column as a number: mend the cell or delete the row")
    );
}

#[test]
fn refuses_missing_infinite_and_huge_cells() {
    let case = |cell: &str| plain_message(format!("a,b\n1,2\n1,{cell}\n"));
    let at = "t.csv: line 3 (row 2), column \"b\": found";
    assert_eq!(
        case(" "),
        format!("{at} an empty cell, expected a number; mend the cell, or choose --missing drop, mean or indicator")
    );
    assert_eq!(
        case("NaN"),
        format!("{at} \"NaN\", expected a number; mend the cell, or choose --missing drop, mean or indicator")
    );
    assert_eq!(case("-inf"), format!("{at} \"-inf\", expected a finite number; mend the cell or delete the row"));
    assert_eq!(
        case("1e39"),
        format!("{at} 1e39, which is beyond the range of 32-bit floats (3.4e38); choose another unit for the column")
    );
    let of_model = ReadOptions { features: Features::OfModel(vec!["b".into()]), ..ReadOptions::default() };
    assert_eq!(
        message("a,b\n1,2\n1,\n", &of_model),
        format!(
            "{at} an empty cell, expected a number; the model was trained to refuse missing cells: mend the cell, or train \
             with --missing drop, mean or indicator"
        )
    );
}

#[test]
fn refuses_labels_that_are_none() {
    for (cell, shown) in [("2", "2"), ("yes", "yes"), ("inf", "inf"), ("-1", "-1")] {
        assert_eq!(
            message(format!("a,label\n1,0\n1,{cell}\n"), &labelled()),
            format!(
                "t.csv: line 3 (row 2), column \"label\": found {shown:?}, expected a label: 0, false or normal for a normal \
                 row, 1, true or anomaly for an anomaly"
            )
        );
    }
}

#[test]
fn refuses_a_quote_that_is_never_closed_before_memory_runs_out() {
    let endless = "a,b\n1,2\n3,\"4\n".as_bytes().chain(io::repeat(b'7'));
    let mut reader = RowReader::new(endless, "stream", &ReadOptions::default()).unwrap();
    let mut row = [0.0; 2];
    reader.next_row(&mut row).unwrap();
    assert_eq!(
        reader.next_row(&mut row).unwrap_err().to_string(),
        "stream: line 3: the row that begins here is longer than 16 MiB; a quote on this line is probably never closed"
    );
}

#[test]
fn a_stream_that_fails_says_where() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable pulled"))
        }
    }
    let mut reader = RowReader::new("a\n1\n".as_bytes().chain(Failing), "stream", &ReadOptions::default()).unwrap();
    let mut row = [0.0];
    reader.next_row(&mut row).unwrap();
    assert_eq!(reader.next_row(&mut row).unwrap_err().to_string(), "stream: line 3: reading failed: cable pulled");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"a1,;\"\n\r.".to_vec())], 0..80)) {
        for options in [ReadOptions::default(), labelled(), with_missing(Missing::Mean), with_missing(Missing::Drop)] {
            let _ = load(&bytes, &options);
        }
    }
}
