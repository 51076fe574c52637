//! Bad input gets one clear message, exit code 2, and leaves nothing behind.

use std::fs;
use std::path::Path;

use edgevae_tests::{edgevae, edgevae_with, names};
use serde_json::Value;

const TRAIN: &str = "train --epochs 2 --hidden 4 --latent 1 --quiet";

fn train_on(text: impl AsRef<[u8]>, more: &str, parts: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rows.csv"), text).unwrap();
    edgevae(dir.path(), &format!("{TRAIN} --data rows.csv --out run {more}")).fails_with(parts);
    assert_eq!(names(dir.path()), ["rows.csv"], "nothing is written");
}

#[test]
fn whole_numbers_are_expected_by_name() {
    let dir = tempfile::tempdir().unwrap();
    for flag in ["--batch-size=-1", "--epochs=1.5", "--seed=-1", "--hidden=8,x"] {
        let name = flag.split('=').next().unwrap();
        edgevae(dir.path(), &format!("train {flag} --out run")).fails_with(&[name, "expected a whole number"]);
    }
    assert!(names(dir.path()).is_empty());
}

#[test]
fn files_that_are_no_table_of_numbers() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), &format!("{TRAIN} --data none.csv --out run")).fails_with(&["none.csv"]);
    edgevae(dir.path(), &format!("{TRAIN} --data none.csv --out x/y/z")).fails_with(&["none.csv"]);
    edgevae(dir.path(), &format!("{TRAIN} --data none.csv")).fails_with(&["none.csv"]);
    edgevae(dir.path(), &format!("{TRAIN} --data . --out run")).fails_with(&["the folder holds no file of rows"]);
    assert!(names(dir.path()).is_empty());
    edgevae_with(dir.path(), &format!("{TRAIN} --data - --out run"), b"a,b\n1,2\n").fails_with(&["standard input"]);
    train_on("a,b\n1,2\n", "--data rows.csv,rows.csv", &["rows.csv,rows.csv", "--data of its own"]);
    train_on("", "", &["rows.csv", "empty"]);
    train_on("a,b\n", "", &["rows.csv"]);
    train_on("a,b\n1,2\n3\n", "", &["rows.csv", "line 3"]);
    train_on("a,b\n1,2\n3,x\n", "", &["rows.csv", "line 3", "b", "x"]);
    train_on("a,b\n1,2\nNaN,2\n", "--missing error", &["line 3", "a", "--missing"]);
    train_on("a,b\n1,2\n3,inf\n", "", &["line 3", "b", "inf"]);
    train_on("a,b\n1,2\n3,1e39\n", "", &["line 3", "b", "1e39"]);
    train_on("a,a\n1,2\n", "", &["a"]);
    train_on("a,b\n1,2\n", "--label fault", &["fault", "a"]);
    train_on("a,fault\n1,0\n2,2\n", "--label fault", &["line 3", "fault", "2"]);
    train_on("a,b\n1,2\n", "--ignore c", &["c"]);
    train_on("a,b\n1,2\n", "--ignore a,b", &["rows.csv"]);
    train_on(b"a,b\n1,\xff\n", "", &["line 2"]);
    train_on("a,b\n1,2\n", "", &["fit"]);
}

#[test]
fn options_outside_their_range() {
    let dir = tempfile::tempdir().unwrap();
    for (flags, name) in [
        ("--epochs 0", "epochs"),
        ("--epochs -1", "epochs"),
        (
            "--epochs 18446744073709551615",
            "--epochs is 18446744073709551615; expected a whole number from 1 to 1000000",
        ),
        ("--epochs 1000000000000", "--epochs is 1000000000000"),
        ("--quantize --qat 18446744073709551615", "--qat is 18446744073709551615"),
        ("--batch-size 0", "batch-size"),
        ("--latent 0", "latent"),
        ("--hidden 0", "hidden"),
        ("--hidden 8,x", "hidden"),
        ("--lr 0", "lr"),
        ("--lr=-1", "lr"),
        ("--beta=-1", "beta"),
        ("--test-fraction 1", "test-fraction"),
        ("--test-fraction=-0.1", "test-fraction"),
        ("--quantile 1", "quantile"),
        ("--quantile 0", "quantile"),
        ("--threads 0", "threads"),
        ("--patience 0", "patience"),
        ("--score nonsense", "score"),
        ("--beta-schedule square", "beta-schedule"),
        ("--synth rows=0", "rows"),
        ("--synth contamination=2", "contamination"),
        ("--synth colour=2", "colour"),
        ("--label fault", "--label"),
        ("--epochs 3 --beta-schedule cyclical", "--epochs is 3; expected at least 8"),
        ("--validation-fraction 0 --patience 3", "--validation-fraction"),
        ("--calibrate-on test --test-fraction 0", "--calibrate-on test"),
    ] {
        edgevae(dir.path(), &format!("train {flags} --out run")).fails_with(&[name]);
    }
    edgevae(dir.path(), "synth --rows 0 --out rows.csv").fails_with(&["rows"]);
    edgevae(dir.path(), "synth --variance -1 --out rows.csv").fails_with(&["variance"]);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn config_files_that_are_not_understood() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "train --config none.toml").fails_with(&["none.toml"]);
    fs::write(dir.path().join("c.toml"), "epochs = 3\nlatents = 2\n").unwrap();
    edgevae(dir.path(), "train --config c.toml --out run").fails_with(&["c.toml", "line 2", "latents"]);
    fs::write(dir.path().join("c.toml"), "epochs = \"many\"\n").unwrap();
    edgevae(dir.path(), "train --config c.toml --out run").fails_with(&["c.toml", "line 1", "many"]);
    fs::write(dir.path().join("c.toml"), "data = \"a.csv\"\nsynth = \"rows=300\"\n").unwrap();
    edgevae(dir.path(), "train --config c.toml --out run").fails_with(&["c.toml", "`data`", "`synth`"]);
    fs::write(dir.path().join("c.toml"), "data = []\n").unwrap();
    edgevae(dir.path(), "train --config c.toml --out run")
        .fails_with(&["--data is an empty list", "at least one file"]);
    fs::write(dir.path().join("c.toml"), "epochs = 0\n").unwrap();
    edgevae(dir.path(), "train --config c.toml --out run").fails_with(&["epochs"]);
    assert_eq!(names(dir.path()), ["c.toml"]);
}

#[test]
fn output_folders_that_exist_or_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let train = format!("{TRAIN} --synth rows=200");
    fs::create_dir(dir.path().join("run")).unwrap();
    fs::write(dir.path().join("run/notes"), "mine").unwrap();
    edgevae(dir.path(), &format!("{train} --out run")).fails_with(&["run", "--force"]);
    assert_eq!(names(&dir.path().join("run")), ["notes"]);
    fs::write(dir.path().join("run/model-int8.evae"), "of an earlier run").unwrap();
    edgevae(dir.path(), &format!("{train} --out run --force")).ok();
    assert!(!names(&dir.path().join("run")).contains(&"model-int8.evae".to_owned()));
    assert_eq!(fs::read_to_string(dir.path().join("run/notes")).unwrap(), "mine");
    // Rows that lie where results would: named themselves, by their folder or by a pattern.
    fs::create_dir(dir.path().join("rows")).unwrap();
    let rows = "a,b\n1,2\n2,3\n3,5\n";
    fs::write(dir.path().join("rows/scores.csv"), rows).unwrap();
    for data in ["rows/scores.csv", "rows", "rows/*.csv"] {
        edgevae(dir.path(), &format!("train --data {data} --out rows --force")).fails_with(&["scores.csv", "--data"]);
        assert_eq!(fs::read_to_string(dir.path().join("rows/scores.csv")).unwrap(), rows, "{data}");
    }
    fs::write(dir.path().join("file"), "").unwrap();
    edgevae(dir.path(), &format!("{train} --out file")).fails_with(&["file"]);
    edgevae(dir.path(), &format!("{train} --out file/run")).fails_with(&["file/run"]);
    edgevae(dir.path(), &format!("{train} --out /proc/edgevae")).fails_with(&["/proc/edgevae"]);
    edgevae(dir.path(), "score --model run/model.evae --data none.csv --out scores.csv").fails_with(&["none.csv"]);
    edgevae(dir.path(), "score --model run/model.evae --data none.csv --out p/q/o.csv").fails_with(&["none.csv"]);
    assert_eq!(names(dir.path()), ["file", "rows", "run"]);
}

#[test]
fn outputs_that_would_replace_what_is_read() {
    let dir = tempfile::tempdir().unwrap();
    trained(dir.path());
    let files = ["rows.csv", "run/model.evae"].map(|name| fs::read(dir.path().join(name)).unwrap());
    for command in ["score", "samples", "calibrate", "quantize", "evaluate --label label"] {
        for (out, flag) in [("./rows.csv", "--data"), ("run/../run/model.evae", "--model")] {
            edgevae(dir.path(), &format!("{command} --model run/model.evae --data rows.csv --out {out}"))
                .fails_with(&[out, flag, "another --out"]);
        }
    }
    assert_eq!(files, ["rows.csv", "run/model.evae"].map(|name| fs::read(dir.path().join(name)).unwrap()));
}

/// A small model `run/model.evae` and rows `rows.csv` in a folder.
fn trained(dir: &Path) {
    edgevae(dir, "synth --rows 300 --features 3 --out rows.csv").ok();
    edgevae(dir, &format!("{TRAIN} --data rows.csv --label label --out run")).ok();
}

#[test]
fn model_files_that_are_damaged_or_foreign() {
    let dir = tempfile::tempdir().unwrap();
    trained(dir.path());
    let good = fs::read(dir.path().join("run/model.evae")).unwrap();
    let refuse = |bytes: &[u8], parts: &[&str]| {
        fs::write(dir.path().join("bad.evae"), bytes).unwrap();
        for command in [
            "score --model bad.evae --data rows.csv --out out.csv",
            "evaluate --model bad.evae --data rows.csv --label label --out out.json",
            "calibrate --model bad.evae --data rows.csv --out out.evae",
            "inspect bad.evae",
        ] {
            let run = edgevae(dir.path(), command);
            run.fails_with(&[&["bad.evae"], parts].concat());
        }
        assert_eq!(names(dir.path()), ["bad.evae", "rows.csv", "run"]);
    };
    refuse(b"", &["truncated"]);
    refuse(&good[..good.len() - 1], &["truncated"]);
    refuse(&[&good[..], b"\n"].concat(), &["appended"]);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    refuse(&flipped, &["damaged", "checksum"]);
    let mut newer = good.clone();
    newer[4] = 200;
    refuse(&newer, &["newer edgevae"]);
    let mut zero = newer.clone();
    zero[4] = 0;
    refuse(&zero, &["damaged: format version 0"]);
    #[cfg(unix)]
    edgevae(dir.path(), "score --model /dev/zero --data rows.csv").fails_with(&["/dev/zero", "no regular file"]);
    refuse(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &["not an edgevae model"]);
    edgevae(dir.path(), "score --model none.evae --data rows.csv").fails_with(&["none.evae"]);
}

#[test]
fn rows_that_a_model_cannot_score() {
    let dir = tempfile::tempdir().unwrap();
    trained(dir.path());
    let score = |text: &str, parts: &[&str]| {
        fs::write(dir.path().join("new.csv"), text).unwrap();
        edgevae(dir.path(), "score --model run/model.evae --data new.csv --out out.csv").fails_with(parts);
        assert_eq!(names(dir.path()), ["new.csv", "rows.csv", "run"]);
    };
    score("f0,f2\n1,2\n", &["new.csv", "f1"]);
    score("f0,f1,f2\n1,2,3\n1,,3\n", &["line 3", "f1"]);
    score("f0,f1,f2\n1,2,3\n1,nan,3\n", &["line 3", "f1"]);
    score("f0,f1,f2\n1,2,inf\n", &["line 2", "f2"]);
    score("f0,f1,f2\n1,2,3e38\n", &["line 2", "overflow"]);
    fs::write(dir.path().join("new.csv"), "f0,f1,f2\n1,2,3\n").unwrap();
    edgevae(dir.path(), "evaluate --model run/model.evae --data new.csv --label label").fails_with(&["label"]);
    for bad in ["--quantile 0", "--quantile 1", "--threshold 0", "--threshold=-1", "--threshold nan"] {
        edgevae(dir.path(), &format!("calibrate --model run/model.evae --data rows.csv --out out.evae {bad}"))
            .fails_with(&["threshold"; 0]);
    }
    assert_eq!(names(dir.path()), ["new.csv", "rows.csv", "run"]);
}

#[test]
fn unusual_but_possible_data_train() {
    let dir = tempfile::tempdir().unwrap();
    let train = |text: String, more: &str| {
        fs::write(dir.path().join("rows.csv"), text).unwrap();
        let run = edgevae(dir.path(), &format!("{TRAIN} --data rows.csv --out run --force {more}"));
        let warnings = run.stderr.clone();
        run.ok();
        let metrics = fs::read_to_string(dir.path().join("run/metrics.json")).unwrap();
        assert!(!metrics.contains("NaN"), "{metrics}");
        (serde_json::from_str::<Value>(&metrics).unwrap(), warnings)
    };
    let wave = |row: usize| (row as f32 * 0.7).sin();
    let rows = |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();

    let (metrics, warnings) =
        train("a,b,fault\n".to_owned() + &rows(60, &|row| format!("{},{row},0\n", wave(row))), "--label fault");
    assert!(metrics["roc_auc"].is_null() && metrics["average_precision"].is_null(), "{metrics}");
    assert!(warnings.contains("every row is labelled normal"), "{warnings}");
    for undefined in ["precision", "recall", "f1"] {
        assert!(metrics[undefined].is_null(), "{undefined}: {metrics}");
    }

    let (metrics, warnings) = train("a\n".to_owned() + &rows(20, &|row| format!("{}\n", wave(row))), "");
    assert_eq!((metrics["features"].as_u64(), metrics["n_train"].as_u64()), (Some(1), Some(13)));
    assert!(metrics["confusion"].is_null(), "{metrics}");
    assert!(warnings.contains("fewer than a batch"), "{warnings}");

    let (_, warnings) = train("a,b\n".to_owned() + &rows(40, &|row| format!("{},7\n", wave(row))), "");
    assert!(warnings.contains("constant") && warnings.contains('b'), "{warnings}");

    // Nothing varies, or next to nothing: scores are all rounding, and tails all steps.
    let constant = "a,b\n".to_owned() + &"1,2\n".repeat(200);
    let flag = |n: usize, row: usize| usize::from(row % 100 == n);
    let rare = "a,b,flag\n".to_owned() + &rows(400, &|row| format!("{},{},{}\n", wave(row), row % 7, flag(3, row)));
    let rare_beside_constant =
        "flag,other,c\n".to_owned() + &rows(400, &|row| format!("{},{},7\n", flag(3, row), flag(50, row)));
    for text in [&constant, &rare, &rare_beside_constant] {
        fs::write(dir.path().join("rows.csv"), text).unwrap();
        let run = edgevae(dir.path(), "train --data rows.csv --out run --force --quiet");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(!run.stderr.contains("not in the comparison"), "{}", run.stderr);
    }
    for score in ["mse", "nll", "mahalanobis", "combined", "density", "joint-mahalanobis"] {
        let (_, warnings) = train(constant.clone(), &format!("--score {score}"));
        assert!(!warnings.contains("not in the comparison"), "{score}: {warnings}");
    }

    let (_, warnings) = train("a,label\n".to_owned() + &rows(40, &|row| format!("{},{}\n", wave(row), row % 2)), "");
    assert!(warnings.contains("--label label"), "{warnings}");
}
