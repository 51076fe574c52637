//! Quotes that somebody left in a column of remarks: rows are never lost without a word.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use edgevae_tests::edgevae;

/// `rows` readings of two sensors with a remark each; `remark` gives that of a row.
fn table(rows: usize, delimiter: char, remark: impl Fn(usize) -> String) -> String {
    let mut text = format!("a{delimiter}b{delimiter}remark\n");
    for row in 1..=rows {
        let t = (row * 37 % 101) as f32 / 101.0;
        writeln!(text, "{t}{delimiter}{}{delimiter}{}", 2.0 * t + (row % 7) as f32 / 50.0, remark(row)).unwrap();
    }
    text
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
}

/// A folder with a model of `a` and `b`.
fn trained() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "clean.csv", &table(300, ',', |_| "ok".into()));
    let train = "train --data clean.csv --ignore remark --epochs 2 --hidden 4 --latent 1 --quiet --out run";
    edgevae(dir.path(), train).ok();
    dir
}

#[test]
fn rows_that_a_stray_quote_swallows_are_an_error_with_the_line_of_the_quote() {
    let dir = trained();
    // Closed by another stray quote 30 rows later, and never closed.
    let pair = |row: usize| if row == 100 || row == 130 { "\"5 inch pipe".into() } else { "ok".to_owned() };
    let open = |row: usize| if row == 100 { "\"5 inch pipe".into() } else { "ok".to_owned() };
    for delimiter in [',', ';', '\t'] {
        for remark in [&pair as &dyn Fn(usize) -> String, &open] {
            let text = table(200, delimiter, remark);
            write(dir.path(), "stray.csv", &text);
            write(dir.path(), "crlf.csv", &text.replace('\n', "\r\n"));
            for data in ["stray.csv", "crlf.csv"] {
                let expected = [data, "line 101 (row 100), column \"remark\"", "a quote opens this cell", "double it"];
                for command in ["score", "calibrate --out m.evae", "quantize --out m8.evae"] {
                    let ran = edgevae(dir.path(), &format!("{command} --model run/model.evae --data {data} --quiet"));
                    ran.fails_with(&expected);
                }
                let train = format!("train --data {data} --epochs 1 --quiet --force --out other");
                for more in ["", "--ignore remark", "--ignore remark --stream --preset reference"] {
                    edgevae(dir.path(), &format!("{train} {more}")).fails_with(&expected);
                }
            }
        }
    }
}

#[test]
fn remarks_of_several_lines_are_one_cell_and_said_so() {
    let dir = trained();
    let remark = |row: usize| match row {
        50 => "\"bearing was loud,\nreplaced it, fine again\n\nJoe\"".into(),
        60 => "\"see above,\n5, 6\"".into(),
        _ => "ok".to_owned(),
    };
    write(dir.path(), "remarks.csv", &table(200, ',', remark));
    let ran = edgevae(dir.path(), "score --model run/model.evae --data remarks.csv --out s.csv");
    let note = "remarks.csv: line 51: a quoted cell runs over several lines, which are read as one cell; so in 2 rows";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    ran.ok();
    assert_eq!(fs::read_to_string(dir.path().join("s.csv")).unwrap().lines().count(), 201);
    let train = "train --data remarks.csv --ignore remark --epochs 1 --out again";
    for more in ["", "--stream --preset reference --force"] {
        let ran = edgevae(dir.path(), &format!("{train} {more}"));
        assert!(ran.stderr.contains(note) || ran.stdout.contains(note), "{} {}", ran.stdout, ran.stderr);
    }
    let ran = edgevae(dir.path(), "score --model run/model.evae --data clean.csv");
    assert!(!ran.stderr.contains("quoted"), "{}", ran.stderr);
}
