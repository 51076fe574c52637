//! Numbers that stand for a missing reading: found, reported, remembered by the model.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use edgevae_tests::edgevae;

/// Two sensors; every ninth temperature is `value`, and the last `hot` rows are far too hot.
fn table(rows: usize, value: &str, hot: usize) -> String {
    let mut text = String::from("temp,load\n");
    for row in 0..rows {
        let t = (row * 37 % 101) as f32 / 101.0;
        let load = 40.0 + 30.0 * t + (row * 53 % 17) as f32 / 5.0;
        if row + hot >= rows {
            writeln!(text, "{},{load}", 60.0 + 10.0 * t).unwrap();
        } else if row % 9 == 4 {
            writeln!(text, "{value},{load}").unwrap();
        } else {
            writeln!(text, "{},{load}", 18.0 + 9.0 * t).unwrap();
        }
    }
    text
}

fn flagged(dir: &Path, words: &str) -> Vec<usize> {
    let out = edgevae(dir, words).ok();
    let rows = out.lines().skip(1).enumerate().filter(|(_, line)| line.split(',').nth(2) == Some("1"));
    rows.map(|(row, _)| row).collect()
}

#[test]
fn a_number_for_missing_readings_is_read_as_missing_said_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    for (value, shown) in [("-9999", "-9999"), ("85.0", "85"), ("65535", "65535"), ("-127.00", "-127")] {
        write("rows.csv", &table(600, value, 0));
        // The network of `auto`, and the plain one.
        let preset = if value == "65535" { "--epochs 20" } else { "" };
        let ran = edgevae(dir.path(), &format!("train --data rows.csv {preset} --force --out run"));
        let note = format!("`temp`: {shown} in 67 of 600 rows (11 %)");
        assert!(ran.stderr.contains(&note) || ran.stdout.contains(&note), "{value}: {} {}", ran.stdout, ran.stderr);
        ran.ok();
        write("new.csv", &table(40, value, 4));
        let found = flagged(dir.path(), "score --model run/model.evae --data new.csv --quiet");
        assert!(found.ends_with(&[36, 37, 38, 39]), "{value}: {found:?}");
        // The same rows where an empty cell says it.
        write("empty.csv", &table(40, "", 4));
        let scores =
            |data: &str| edgevae(dir.path(), &format!("score --model run/model.evae --data {data} --quiet")).ok();
        assert_eq!(scores("new.csv"), scores("empty.csv"), "{value}");
        let with = "new.csv --sentinel none";
        assert_ne!(scores(with), scores("empty.csv"), "{value}: the user's word wins");
    }
}

#[test]
fn what_is_not_certain_is_a_question_with_the_flag_that_answers_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rows.csv"), table(600, "-40", 0)).unwrap();
    let train = "train --data rows.csv --epochs 2 --force --out run";
    let said = |words: &str| {
        let ran = edgevae(dir.path(), words);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        ran.ok();
        text
    };
    let question = "`temp`: -40 in 67 of 600 rows (11 %), 6.5 times the range of the other readings away from them: is it a \
                    reading? --sentinel temp=-40 --missing mean reads it as a missing cell";
    assert!(said(train).contains(question), "{}", said(train));
    let answered = said(&format!("{train} --sentinel temp=-40 --missing mean"));
    assert!(!answered.contains("is it a reading"), "{answered}");
    assert!(!said(&format!("{train} --sentinel none")).contains("is it a reading"));
    // A policy that admits no missing cell keeps the number, and says so.
    fs::write(dir.path().join("rows.csv"), table(600, "-9999", 0)).unwrap();
    let kept = said(&format!("{train} --missing error"));
    assert!(kept.contains("--sentinel temp=-9999 --missing mean"), "{kept}");
    let streamed = said(&format!("{train} --stream"));
    assert!(streamed.contains("`temp`: -9999 in"), "{streamed}");
    edgevae(dir.path(), &format!("{train} --sentinel temp=cold")).fails_with(&["temp=cold", "COLUMN=NUMBER or none"]);
}

#[test]
fn every_format_knows_them() {
    let dir = tempfile::tempdir().unwrap();
    let csv = table(300, "-999", 0);
    let objects: String = csv
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap())
        .map(|(temp, load)| format!("{{\"temp\":{temp},\"load\":{load}}}\n"))
        .collect();
    fs::write(dir.path().join("rows.csv"), &csv).unwrap();
    fs::write(dir.path().join("rows.jsonl"), objects).unwrap();
    for data in ["rows.csv", "rows.jsonl"] {
        edgevae(dir.path(), &format!("train --data {data} --epochs 3 --quiet --out {data}.run")).ok();
    }
    let model = |data: &str| fs::read(dir.path().join(format!("{data}.run/model.evae"))).unwrap();
    assert!(model("rows.csv") == model("rows.jsonl"));
}
