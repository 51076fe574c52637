use super::*;
use ndarray::array;
use std::io::Write;

#[test]
fn every_dialect_gives_the_same_table() {
    let expected = array![[1.5f32, -2000.0], [0.25, 4.0]];
    for text in [
        "a,b\n1.5,-2e3\n0.25,4\n",
        "a,b\r\n1.5,-2e3\r\n0.25,4\r\n",
        "\u{feff}a,b\n1.5,-2e3\n0.25,4",
        "a;b\n1.5;-2e3\n0.25;4\n",
        "a\tb\n1.5\t-2e3\n0.25\t4\n",
        "\"a\",\"b\"\n\"1.5\",\"-2E+3\"\n\"0.25\",\"4\"\n",
        " a , b \n 1.5 , -2e3 \n\n.25,+4\n\n",
    ] {
        let table = table(text);
        assert_eq!(table.features, expected, "{text:?}");
        assert_eq!((table.names, table.labels), (vec!["a".to_owned(), "b".to_owned()], None), "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_that_arrives_in_pieces_is_no_part_of_a_name() {
    let pieces = b"\xef".chain(&b"\xbb"[..]).chain(&b"\xbfa,b\n1,2\n"[..]);
    let reader = RowReader::new(pieces, "stream", &ReadOptions::default()).unwrap();
    assert_eq!(reader.feature_names(), ["a", "b"]);
}

#[test]
fn quoted_names_may_hold_delimiters_quotes_and_line_breaks() {
    let table = table("\"a,b\",\"c\nd\",\"e\"\"f\"\n1,2,3\n");
    assert_eq!(table.names, ["a,b", "c\nd", "e\"f"]);
}

#[test]
fn a_given_delimiter_overrules_the_detected_one() {
    let options =
        ReadOptions { form: FileForm { delimiter: Some(b'|'), ..FileForm::default() }, ..ReadOptions::default() };
    assert_eq!(load("a,b|c\n1|2\n", &options).unwrap().dataset.names, ["a,b", "c"]);
}

#[test]
fn labels_are_read_apart_from_features() {
    let loaded = load("a,label,b\n1,normal,2\n3,Anomaly,4\n5,1.0,6\n7,FALSE,8\n", &labelled()).unwrap();
    assert_eq!(loaded.dataset.labels, Some(vec![false, true, true, false]));
    assert_eq!(loaded.dataset.features.column(1), array![2.0, 4.0, 6.0, 8.0]);
    assert_eq!(loaded.dataset.names, ["a", "b"]);
}

#[test]
fn ignored_columns_may_hold_anything() {
    let options = ReadOptions { ignore: vec!["t".into(), "t".into()], ..ReadOptions::default() };
    let loaded = load("t,a\n2024-01-01,1\n,2\n", &options).unwrap();
    assert_eq!((loaded.dataset.names, loaded.extra_columns), (vec!["a".to_owned()], vec![]));
}

#[test]
fn named_features_come_in_the_order_named_and_the_rest_is_reported() {
    let options = ReadOptions { features: Features::Named(vec!["c".into(), "a".into()]), ..labelled() };
    let loaded = load("a,site,c,label\n1,north,2,0\n", &options).unwrap();
    assert_eq!(
        (&loaded.dataset.names[..], &loaded.dataset.features),
        (&["c".into(), "a".into()][..], &array![[2.0, 1.0]])
    );
    assert_eq!(loaded.extra_columns, ["site"]);
}

#[test]
fn a_missing_cell_is_dropped_or_left_for_the_mean_as_asked() {
    let text = "a,b\n1,2\nNaN,3\n4,\n5,na\n6,7\n";
    let dropped = load(text, &with_missing(Missing::Drop)).unwrap();
    assert_eq!((dropped.dropped_rows, dropped.missing_cells), (3, 0));
    assert_eq!(dropped.dataset.features, array![[1.0, 2.0], [6.0, 7.0]]);
    let kept = load(text, &with_missing(Missing::Mean)).unwrap();
    assert_eq!((kept.dropped_rows, kept.missing_cells, kept.dataset.rows()), (0, 3, 5));
    assert!(kept.dataset.features[(1, 0)].is_nan() && kept.dataset.features[(3, 1)].is_nan());
}

#[test]
fn a_row_without_label_is_dropped_with_the_policy_drop_only() {
    let text = "a,label\n1,0\n2,\n";
    let options = |missing| ReadOptions { missing, ..labelled() };
    assert_eq!(load(text, &options(Missing::Drop)).unwrap().dropped_rows, 1);
    let expected = "t.csv: line 3 (row 2), column \"label\": found an empty cell, expected a label; fill it in, delete the \
                    row, or choose --missing drop";
    assert_eq!(message(text, &options(Missing::Mean)), expected);
    assert_eq!(message(text, &options(Missing::Error)), expected);
}

#[test]
fn a_feature_that_looks_like_a_label_is_suspected() {
    let suspect = |text: &str, options| load(text, &options).unwrap().suspected_label;
    assert_eq!(suspect("a,Label\n5,0\n6,1\n", ReadOptions::default()), Some("Label".into()));
    assert_eq!(suspect("a,label\n5,0\n6,2\n", ReadOptions::default()), None);
    assert_eq!(suspect("a,b\n5,0\n6,1\n", ReadOptions::default()), None);
    assert_eq!(suspect("a,y,label\n5,0,0\n6,1,1\n", labelled()), None);
}

#[test]
fn one_column_files_keep_their_quoted_empty_cells() {
    let loaded = load("a\n1\n\"\"\n\n3\n", &with_missing(Missing::Mean)).unwrap();
    assert_eq!((loaded.dataset.rows(), loaded.missing_cells), (3, 1));
}

#[test]
fn a_stream_finds_columns_by_name_and_numbers_rows_as_the_file_does() {
    let options = ReadOptions {
        features: Features::OfModel(vec!["b".into(), "a".into()]),
        missing: Missing::Drop,
        ..ReadOptions::default()
    };
    let mut reader = RowReader::new("a\tx\tb\r\n1\t-\t2\r\n\t-\t3\r\n4\t-\t5".as_bytes(), "stream", &options).unwrap();
    assert_eq!((reader.delimiter(), reader.extra_columns()), (b'\t', vec!["x".to_owned()]));
    assert_eq!(reader.feature_names(), ["b", "a"]);
    let mut row = [0.0; 2];
    assert_eq!(reader.next_row(&mut row).unwrap(), Some(RowInfo { number: 1, line: 2, label: None }));
    assert_eq!(row, [2.0, 1.0]);
    assert_eq!(reader.next_row(&mut row).unwrap(), Some(RowInfo { number: 3, line: 4, label: None }));
    assert_eq!(row, [5.0, 4.0]);
    assert_eq!(reader.next_row(&mut row).unwrap(), None);
    assert_eq!(reader.dropped_rows(), 1);
}

#[test]
fn a_file_is_read_as_its_bytes_are() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"a,label\n1.5,0\n2.5,1\n").unwrap();
    let loaded = read(file.path(), &labelled()).unwrap();
    assert_eq!(loaded, load("a,label\n1.5,0\n2.5,1\n", &labelled()).unwrap());
    assert_eq!(loaded.dataset.features, array![[1.5], [2.5]]);
}
