//! Reading in blocks against reading row by row: the same rows, places, counts and messages.

use super::*;
use crate::table::pipeline::for_each_block;
use proptest::prelude::*;

/// Bits of the cells, number, line and label of each row; then what ended them.
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: Vec<(Vec<u32>, u64, u64, Option<bool>)>,
    /// Rows left out and cells missing, where the whole file could be read.
    end: Result<(u64, u64), String>,
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|value| value.to_bits()).collect()
}

fn row_by_row(text: &[u8], options: &ReadOptions) -> Outcome {
    let mut rows = vec![];
    let mut read = || {
        let mut reader = RowReader::new(text, "t.csv", options)?;
        let mut row = vec![0.0; reader.width()];
        while let Some(info) = reader.next_row(&mut row)? {
            rows.push((bits(&row), info.number, info.line, info.label));
        }
        Ok((reader.dropped_rows(), reader.missing_cells()))
    };
    let end = read().map_err(|error: DataError| error.to_string());
    Outcome { rows, end }
}

fn in_blocks(text: &[u8], options: &ReadOptions, size: usize, threads: usize) -> Outcome {
    let mut rows = vec![];
    let mut read = || {
        let mut source = blocks_of(stream(Cursor::new(text.to_vec())), "t.csv".into(), options, size)?;
        let width = source.feature_names.len();
        let counts = for_each_block(
            &mut source,
            threads,
            || (),
            |(), _| (),
            |(), block| {
                for (index, cells) in block.cells.chunks_exact(width).enumerate() {
                    let position = block.position(index);
                    let label = block.labels.get(index).copied();
                    rows.push((bits(cells), position.row, position.line.unwrap(), label));
                }
                Ok::<_, DataError>(())
            },
        )?;
        Ok((counts.dropped, counts.missing))
    };
    let end = read().map_err(|error: DataError| error.to_string());
    Outcome { rows, end }
}

fn agree(text: &[u8]) {
    for missing in Missing::ALL {
        for label in [None, Some("l".to_owned())] {
            let options = ReadOptions { missing, label, ..ReadOptions::default() };
            let expected = row_by_row(text, &options);
            for (size, threads) in [(1, 1), (7, 2), (40, 3), (1 << 20, 1)] {
                let found = in_blocks(text, &options, size, threads);
                assert_eq!(found, expected, "{options:?}, blocks of {size}: {:?}", String::from_utf8_lossy(text));
            }
        }
    }
}

/// Cells as files hold them, the wrong ones rare enough that some files get far.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => any::<f32>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| value.to_string()),
        30 => (-1000_i32..1000, 0_u32..1_000_000).prop_map(|(whole, part)| format!("{whole}.{part}")),
        10 => any::<i64>().prop_map(|value| value.to_string()),
        10 => Just("1e-3".to_owned()),
        20 => prop::sample::select(vec!["0", "1", "true", "normal"]).prop_map(str::to_owned),
        3 => prop::sample::select(vec![" 7 ", "\t7", "+1", "5.", ".5", "-0", "\"3\"", "\" 3\""]).prop_map(str::to_owned),
        3 => prop::sample::select(vec!["", "NaN", "na", "null", "\"\""]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "x", "1e39", "inf", "1x", "1e", "5\"", "\"1\n2\"", "\"1\r\n\"", "\"a\"\"\n\"", "\"never closed", "1\"\"", "\u{feff}1",
            "--1", "1_0", "0x1", "é",
        ]).prop_map(str::to_owned),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let ends = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r\n", "\r", "\n\n", "\r\n\n"]);
    let rows = prop::collection::vec((prop::collection::vec(cell(), 3), 0..40_usize, ends), 0..14);
    (prop::sample::select(vec![",", ";", "\t"]), any::<bool>(), rows, any::<bool>()).prop_map(
        |(delimiter, mark, rows, last_line_ends)| {
            let mut text = if mark { "\u{feff}".to_owned() } else { String::new() };
            text += &["a", "l", "b"].join(delimiter);
            text += "\n";
            for (mut cells, ragged, end) in rows {
                // Labels are mostly right, or few files would get beyond their first row.
                if ragged % 8 != 7 {
                    cells[1] = (ragged % 2).to_string();
                }
                cells.truncate(if ragged == 0 { 2 } else { 3 });
                text += &cells.join(delimiter);
                text += if ragged == 1 { delimiter } else { "" };
                text += end;
            }
            let text = if last_line_ends { &text[..] } else { text.trim_end_matches(['\r', '\n']) };
            text.as_bytes().to_vec()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_file_gives_the_same_rows_and_the_same_message(text in file()) {
        agree(&text);
    }

    #[test]
    fn any_bytes_give_the_same_rows_and_the_same_message(
        bytes in prop::collection::vec(prop_oneof![1 => any::<u8>(), 9 => prop::sample::select(b"al1,;\"\n\r. ".to_vec())], 0..60),
    ) {
        agree(&bytes);
        agree(&[b"a,l\n", &bytes[..]].concat());
    }
}

#[test]
fn a_quote_never_closed_and_a_row_without_end_stop_at_the_same_limit() {
    for filler in ["7", "\"7"] {
        let text = "a,b\n1,2\n3,".to_owned() + filler + &"7".repeat(17 << 20);
        let expected = row_by_row(text.as_bytes(), &ReadOptions::default());
        assert!(expected.end.as_ref().unwrap_err().contains("longer than 16 MiB"), "{:?}", expected.end);
        assert_eq!(in_blocks(text.as_bytes(), &ReadOptions::default(), 1 << 18, 2), expected);
    }
}
