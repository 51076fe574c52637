//! The same rows in every format and cut in any way give the same scores; streams train as tables do.

use std::fs;
use std::path::Path;

use edgevae_tests::{edgevae, edgevae_with};
use serde_json::Value;

const TRAIN: &str = "train --epochs 12 --beta-warmup 6 --hidden 16,8 --latent 3 --label label --quiet";

fn metrics(dir: &Path, run: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(dir.join(run).join("metrics.json")).unwrap()).unwrap()
}

/// The rows of a CSV file as JSON lines.
fn json_lines(csv: &str) -> String {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let object = |cells: Vec<&str>| {
        let members: Vec<String> = names.iter().zip(cells).map(|(name, cell)| format!("\"{name}\":{cell}")).collect();
        format!("{{{}}}\n", members.join(","))
    };
    lines.map(object).collect()
}

#[test]
fn csv_and_json_lines_by_file_and_by_pipe_give_the_same_scores_with_any_threads() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 9000 --out rows.csv").ok();
    edgevae(dir.path(), &format!("{TRAIN} --data rows.csv --out run")).ok();
    let csv = fs::read_to_string(dir.path().join("rows.csv")).unwrap();
    fs::write(dir.path().join("rows.jsonl"), json_lines(&csv)).unwrap();
    let score = |more: &str| edgevae(dir.path(), &format!("score --model run/model.evae --quiet {more}")).ok();
    let expected = score("--data rows.csv --threads 1");
    assert_eq!(expected.lines().count(), 9001);
    for more in ["--data rows.csv --threads 2", "--data rows.csv --threads 5", "--data rows.jsonl --threads 2"] {
        assert_eq!(score(more), expected, "{more}");
    }
    let piped = edgevae_with(
        dir.path(),
        "score --model run/model.evae --quiet --data - --format jsonl",
        json_lines(&csv).as_bytes(),
    );
    assert_eq!(piped.ok(), expected);

    let json = score("--data rows.csv --out-format jsonl");
    for (json, csv) in json.lines().zip(expected.lines().skip(1)) {
        let json: Value = serde_json::from_str(json).unwrap();
        let cells: Vec<&str> = csv.split(',').collect();
        assert_eq!(json["row"].to_string(), cells[0]);
        assert_eq!(json["score"].as_f64().unwrap() as f32, cells[1].parse::<f32>().unwrap());
        assert_eq!(json["is_anomaly"].as_bool(), Some(cells[2] == "1"));
    }
}

#[test]
fn several_files_train_as_one() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 3000 --out all.csv").ok();
    let text = fs::read_to_string(dir.path().join("all.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::create_dir(dir.path().join("parts")).unwrap();
    for (part, rows) in lines[1..].chunks(1100).enumerate() {
        let text = format!("{}\n{}\n", lines[0], rows.join("\n"));
        fs::write(dir.path().join(format!("parts/{part}.csv")), text).unwrap();
    }
    edgevae(dir.path(), &format!("{TRAIN} --data all.csv --out one")).ok();
    for (out, data) in [("listed", "parts/0.csv parts/1.csv parts/2.csv"), ("folder", "parts"), ("glob", "parts/*.csv")]
    {
        edgevae(dir.path(), &format!("{TRAIN} --data {data} --out {out}")).ok();
        for file in ["model.evae", "scores.csv"] {
            let read = |run: &str| fs::read(dir.path().join(run).join(file)).unwrap();
            assert!(read("one") == read(out), "{out}: {file}");
        }
    }
    edgevae(dir.path(), &format!("{TRAIN} --data parts/9*.csv --out none")).fails_with(&["parts/9*.csv", "no file"]);
}

#[test]
fn a_stream_trains_as_well_as_a_table_and_does_not_depend_on_threads() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 6000 --out rows.csv").ok();
    edgevae(dir.path(), &format!("{TRAIN} --data rows.csv --out table")).ok();
    for threads in [1, 2] {
        edgevae(dir.path(), &format!("{TRAIN} --data rows.csv --stream --threads {threads} --out stream{threads}"))
            .ok();
    }
    let model = |run: &str| fs::read(dir.path().join(run).join("model.evae")).unwrap();
    assert!(model("stream1") == model("stream2"), "the same bytes with one and two threads");
    let (table, stream) = (metrics(dir.path(), "table"), metrics(dir.path(), "stream1"));
    let auc = |metrics: &Value| metrics["roc_auc"].as_f64().unwrap();
    assert!((auc(&table) - auc(&stream)).abs() < 0.03, "{} {}", auc(&table), auc(&stream));
    // What is told of the files is counted over all of them, and not over the rows that are kept of them.
    let words = format!("{TRAIN} --data rows.csv --stream --train-on normal --out normal").replace("--quiet", "");
    let told = edgevae(dir.path(), &words);
    assert!(told.stderr.contains("6000 rows, 10 features, 120 labelled anomaly\n"), "{}", told.stderr);
    told.ok();
    let report = fs::read_to_string(dir.path().join("normal/report.html")).unwrap();
    assert!(report.contains("6,000, of them 120 anomalies") && !report.contains("(no labels)"), "rows of the stream");
    let (fitted, tested) = (stream["n_train"].as_u64().unwrap(), stream["n_test"].as_u64().unwrap());
    assert_eq!(fitted + tested, 6000, "every row has one use");
    assert!((1080..1320).contains(&tested), "about a fifth: {tested}");

    // The scores of the test rows are those of the file's rows with the same numbers.
    let all = edgevae(dir.path(), "score --model stream1/model.evae --data rows.csv --quiet").ok();
    let all: Vec<&str> = all.lines().collect();
    let scores = fs::read_to_string(dir.path().join("stream1/scores.csv")).unwrap();
    for line in scores.lines().skip(1) {
        let row: usize = line.split(',').next().unwrap().parse().unwrap();
        assert_eq!(all[row], line);
    }
}

#[test]
fn what_is_wrong_with_a_streamed_file_is_said_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let train = |text: &str| {
        fs::write(dir.path().join("rows.csv"), text).unwrap();
        edgevae(dir.path(), "train --epochs 1 --hidden 4 --latent 1 --quiet --data rows.csv --stream --out run")
    };
    train("a,b\n1,2\n3,x\n").fails_with(&["rows.csv", "line 3", "x"]);
    train("a,b\n").fails_with(&["rows.csv", "no rows"]);
    train("a,b\n1,2\n").fails_with(&["rows.csv", "fit"]);
    // A stream has no indicators.
    train("a,b\n1,2\n3,\n").fails_with(&["rows.csv", "line 3", "--missing drop or mean,", "--stream=false"]);
    assert!(!dir.path().join("run").exists());
}

#[test]
fn files_that_are_not_like_the_first_are_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 600 --features 3 --out rows.csv").ok();
    let rows = fs::read_to_string(dir.path().join("rows.csv")).unwrap();
    let part = |name: &str, text: &str| {
        fs::create_dir_all(dir.path().join("parts")).unwrap();
        fs::write(dir.path().join("parts").join(name), text).unwrap();
    };
    let extra = |value: &str| {
        let lines =
            rows.lines().enumerate().map(|(at, line)| format!("{line},{}\n", if at == 0 { "extra" } else { value }));
        lines.collect::<String>()
    };
    part("1.csv", &rows);
    part("2.csv", "f0,f1,f2,label\n");
    part("3.csv", &extra("7"));
    part("4.csv", &extra("8"));
    let words = "train --epochs 1 --hidden 4 --latent 1 --label label --out run --force --data parts";
    for stream in ["", "--stream"] {
        let ran = edgevae(dir.path(), &format!("{words} {stream}"));
        for told in [
            "1800 rows, 3 features",
            "`extra`: left out, because parts/1.csv, the first file, has no such column and parts/3.csv and 1 more file have",
            "parts/2.csv: a header and no rows",
        ] {
            assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
        }
        ran.ok();
        let ran = edgevae(dir.path(), &format!("{words} {stream} --features f0,f1"));
        assert!(!ran.stderr.contains("extra"), "left out by choice: {}", ran.stderr);
        ran.ok();
    }
    part("5.csv", "f0,f2,label\n1,2,0\n");
    for stream in ["", "--stream"] {
        let message = "parts/5.csv: line 1: no column \"f1\", which is a feature of the first file; the columns are \"f0\", \
                       \"f2\", \"label\": add it, or leave it out of every file with --ignore \"f1\"";
        edgevae(dir.path(), &format!("{words} {stream}")).fails_with(&[message]);
        edgevae(dir.path(), &format!("{words} {stream} --ignore f1")).ok();
    }
    (1..=5).for_each(|at| part(&format!("{at}.csv"), "a,b\n"));
    for stream in ["", "--stream"] {
        let words = format!("train --out run --force --data parts {stream}");
        edgevae(dir.path(), &words).fails_with(&["parts/1.csv and 4 more files: found a header line and no rows"]);
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_is_trained_on_where_one_reading_is_enough_and_refused_where_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let train = |text: &str| {
        let (pipe, text) = (pipe.clone(), text.to_owned());
        // Whoever reads may go before the end.
        let writer = std::thread::spawn(move || drop(fs::write(pipe, text)));
        let ran = edgevae(dir.path(), "train --epochs 1 --hidden 4 --latent 1 --quiet --data pipe --out run --force");
        writer.join().unwrap();
        ran
    };
    let rows =
        |cell: &str| (0..40).fold("a,b\n".to_owned(), |text, row| text + &format!("{row},{}\n{row},{cell}\n", row % 7));
    train(&rows("3")).ok();
    for cell in ["on", "2024-01-31", ""] {
        train(&rows(cell)).fails_with(&["pipe: found a pipe, expected a file", "write them to a file"]);
    }
}
