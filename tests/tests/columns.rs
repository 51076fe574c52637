//! Data as it comes, through the whole path: categories, booleans, times, missing cells, windows; and the order of time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use edgevae_core::{RawModel, ScoreError, SliceDetector, SliceWindow};
use edgevae_tests::{edgevae, names, real_data};
use edgevae_trainer::export::model_file::ModelFile;
use serde_json::Value;

/// Numbers of a small generator, uniform in [-1, 1).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A pump that is read every ten minutes: its mode decides the temperature, valve and mode the vibration, the day shifts
/// both. From row `faults_from` on every tenth row has a fault.
fn pump(rows: usize, faults_from: usize) -> String {
    let mut draws = Draws(5);
    let mut text = "time,mode,valve,temp,vibe,serial,twin,fault\n".to_owned();
    for row in 0..rows {
        let minutes = 10 * row;
        let (day, hour, minute) = (1 + minutes / 1440, minutes / 60 % 24, minutes % 60);
        let mode = ["idle", "run", "run", "boost"][((draws.next() + 1.0) * 2.0) as usize % 4];
        let valve = draws.next() > 0.0;
        let warm = if (6..18).contains(&hour) { 3.0 } else { 0.0 };
        let base =
            [("idle", 0.0), ("run", 10.0), ("boost", 25.0)].into_iter().find(|(name, _)| *name == mode).unwrap().1;
        let temp = 20.0 + base + warm + draws.next();
        let vibe = (0.2 + base / 10.0) * if valve { 1.5 } else { 1.0 } + 0.1 * draws.next();
        let is_fault = row >= faults_from && row % 10 == 0;
        let (mode, temp) = match (is_fault, row % 20) {
            (true, 0) => ("purge", temp),
            (true, _) => (mode, temp + 20.0),
            _ => (mode, temp),
        };
        let vibe = if row % 37 == 5 { String::new() } else { format!("{vibe:.4}") };
        writeln!(
            text,
            "2024-{:02}-{:02} {hour:02}:{minute:02}:00,{mode},{valve},{temp:.3},{vibe},SN{row:05},{temp:.3},{}",
            1 + (day - 1) / 28,
            1 + (day - 1) % 28,
            u8::from(is_fault)
        )
        .unwrap();
    }
    text
}

/// Row, bits of its score, verdict.
type Line = (u64, u32, bool);

/// The lines of a file of scores.
fn lines(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].parse().unwrap(), cells[1].parse::<f32>().unwrap().to_bits(), cells[2] == "1")
    };
    text.lines().skip(1).map(line).collect()
}

/// Scores of a sample file by the core alone, a row at a time, as a device would.
fn by_the_core(folder: &Path, model: &str, samples: &str) -> Vec<Line> {
    let file = ModelFile::open(&folder.join(model)).unwrap();
    let model = RawModel::from_bytes(file.bytes()).unwrap();
    let (encoder, spec) = (model.encoder(), model.window());
    let ring = vec![0.0; encoder.encoded() * usize::from(spec.rows)];
    let mut window = SliceWindow::new(spec, encoder.encoded(), ring).unwrap();
    let mut scratch = vec![0.0; model.model().scratch_len()];
    let mut detector = SliceDetector::new(model.model(), &mut scratch).unwrap();
    let (mut row, mut sample) = (vec![0.0; encoder.encoded()], vec![0.0; model.model().inputs()]);
    let mut scored = vec![];
    let bytes = fs::read(folder.join(samples)).unwrap();
    let words: Vec<[u8; 4]> = bytes.chunks_exact(4).map(|word| word.try_into().unwrap()).collect();
    for record in words.chunks_exact(1 + encoder.raw()) {
        let number = u32::from_le_bytes(record[0]);
        let raw: Vec<f32> = record[1..].iter().map(|word| f32::from_le_bytes(*word)).collect();
        encoder.encode(&raw, &mut row).unwrap();
        if window.push(&row, &mut sample) {
            let verdict = detector.score(&sample).unwrap();
            scored.push((number.into(), verdict.score.to_bits(), verdict.is_anomaly));
        }
    }
    scored
}

fn metrics(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("metrics.json")).unwrap()).unwrap()
}

#[test]
fn a_file_as_it_comes_trains_without_a_flag_and_every_decision_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pump.csv"), pump(1500, 900)).unwrap();
    let ran = edgevae(dir.path(), "train --data pump.csv --label fault --missing indicator --out run");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains("constant"), "`mode=other` is 0 by design: {}", ran.stderr);
    for said in [
        "`time`: times, left out (--time \"time\"",
        "`mode`: category of 4 levels (run, idle, boost, purge)",
        "`valve`: boolean",
        "`serial`: text of 1500 different values, left out",
        "`twin`: repeats `temp`",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        let columns = metrics(&dir.path().join("run"))["columns"].to_string();
        assert!(columns.contains(&said.replace('"', "\\\"")), "{said}: {columns}");
    }
    let inspected = edgevae(dir.path(), "inspect run/model.evae --json").ok();
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let kinds: Vec<&str> =
        inspected["columns"].as_array().unwrap().iter().map(|c| c["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["category", "boolean", "number", "number", "number"]);
    assert_eq!(inspected["columns"][0]["levels"][0], "run");
    assert_eq!(inspected["columns"][3]["missing"], "indicated");
    assert_eq!(inspected["format_version"], 2);
    assert!(inspected["detector"].as_str().unwrap().starts_with("RawDetector::<5, 10, 1, 10, "), "{inspected}");
}

#[test]
fn the_desk_scores_raw_rows_to_the_bits_of_the_core_with_and_without_windows() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pump.csv"), pump(1200, 900)).unwrap();
    for (run, flags, first, rows) in [
        ("rows", "--cyclic time:day", 1, 1200),
        ("lags", "--window 4 --stride 3 --window-features lags", 4, 399),
        ("summary", "--window 6 --cyclic time:week", 6, 1195),
        ("reference", "--window 5 --preset reference --epochs 3 --hidden 8 --latent 2", 5, 1196),
    ] {
        let train = format!("train --data pump.csv --label fault --time time --missing indicator --quiet {flags}");
        edgevae(dir.path(), &format!("{train} --out {run}")).ok();
        edgevae(dir.path(), &format!("samples --model {run}/model.evae --data pump.csv --out {run}.bin --quiet")).ok();
        let score = format!("score --model {run}/model.evae --data pump.csv --quiet");
        let desk = edgevae(dir.path(), &score).ok();
        let core = by_the_core(dir.path(), &format!("{run}/model.evae"), &format!("{run}.bin"));
        assert_eq!(lines(&desk), core, "{run}");
        assert_eq!((core[0].0, core.len()), (first, rows), "{run}");
        assert_eq!(edgevae(dir.path(), &format!("{score} --threads 1")).ok(), desk, "{run}: any number of threads");
        // The test rows of the run have the scores that the file gives.
        let of_run = fs::read_to_string(dir.path().join(run).join("scores.csv")).unwrap();
        assert!(lines(&of_run).iter().all(|line| core.contains(line)), "{run}");
    }
}

#[test]
fn a_level_never_seen_is_an_anomaly_and_named_by_its_column() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pump.csv"), pump(1500, 1500)).unwrap();
    edgevae(
        dir.path(),
        "train --data pump.csv --ignore fault,twin --missing indicator --contamination 0 --quiet --out run",
    )
    .ok();
    let header = "time,mode,valve,temp,vibe,serial\n";
    let row = |mode: &str, valve: &str| format!("x,{mode},{valve},31.5,1.2,y\n");
    fs::write(dir.path().join("new.csv"), format!("{header}{}{}", row("run", "false"), row("purge", "0"))).unwrap();
    let scored = edgevae(dir.path(), "score --model run/model.evae --data new.csv --explain 1 --quiet").ok();
    let lines: Vec<Vec<&str>> = scored.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!((lines[0][2], lines[1][2]), ("0", "1"), "{scored}");
    assert_eq!(lines[1][3], "mode", "{scored}");
}

#[test]
fn a_cell_of_another_kind_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pump.csv"), pump(600, 600)).unwrap();
    let train =
        "train --data pump.csv --ignore fault,serial,twin --missing indicator --cyclic time:day --quiet --out run";
    edgevae(dir.path(), train).ok();
    let score = |row: &str, parts: &[&str]| {
        let text = format!("time,mode,valve,temp,vibe\n2024-01-31 12:00:00,run,true,31.5,1.5\n{row}\n");
        fs::write(dir.path().join("new.csv"), text).unwrap();
        edgevae(dir.path(), "score --model run/model.evae --data new.csv --out out.csv").fails_with(parts);
        assert_eq!(names(dir.path()), ["new.csv", "pump.csv", "run"]);
    };
    score("2024-01-31 12:00:00,run,open,31.5,1.5", &["line 3", "valve", "open", "true or false"]);
    score("noon,run,true,31.5,1.5", &["line 3", "time", "noon", "2024-01-31T12:00:00"]);
    score("2024-01-31 12:00:00,run,true,warm,1.5", &["line 3", "temp", "warm"]);
    score("2024-01-31 12:00:00,run,true,,1.5", &["line 3", "temp", "NaN"]);
    score("2024-01-31 12:00:00,,true,31.5,1.5", &["line 3", "mode", "NaN"]);
}

#[test]
fn a_stray_word_in_a_column_of_numbers_stays_an_error_that_names_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String =
        (0..60).map(|row| format!("{row},{}\n", if row == 41 { "oops".into() } else { row.to_string() })).collect();
    fs::write(dir.path().join("rows.csv"), format!("a,b\n{rows}")).unwrap();
    edgevae(dir.path(), "train --data rows.csv --out run").fails_with(&["line 43", "\"b\"", "oops", "--categorical"]);
    edgevae(dir.path(), "train --data rows.csv --categorical c --out run").fails_with(&[
        "\"c\"",
        "a category",
        "\"b\"",
    ]);
    edgevae(dir.path(), "train --data rows.csv --categorical b --quiet --out run").ok();
}

#[test]
fn windows_begin_anew_behind_a_gap_and_a_file_too_short_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let row = |row: usize| format!("{},{}\n", (row % 7) as f64 * 0.5, (row % 5) as f64);
    let text = |rows: usize, hole: usize| {
        let rows: String = (1..=rows).map(|at| if at == hole { "1,\n".into() } else { row(at) }).collect();
        format!("a,b\n{rows}")
    };
    fs::write(dir.path().join("rows.csv"), text(400, 100)).unwrap();
    let train = "train --data rows.csv --missing drop --window 4 --epochs 2 --hidden 4 --latent 1 --quiet";
    edgevae(dir.path(), &format!("{train} --out run")).ok();
    fs::write(dir.path().join("new.csv"), text(12, 7)).unwrap();
    let scored = edgevae(dir.path(), "score --model run/model.evae --data new.csv");
    let rows: Vec<String> =
        scored.stdout.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
    assert_eq!(rows, ["4", "5", "6", "11", "12"], "{}", scored.stdout);
    assert!(scored.stderr.contains("5 windows of 4 every 1"), "{}", scored.stderr);
    fs::write(dir.path().join("short.csv"), text(3, 0)).unwrap();
    edgevae(dir.path(), &format!("{} --out short", train.replace("rows", "short"))).fails_with(&["--window 4", "3"]);
    edgevae(dir.path(), "train --data rows.csv --stride 2 --out run2").fails_with(&["--stride", "--window"]);
}

#[test]
fn with_a_time_column_the_last_rows_are_the_test_whatever_their_order_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let text = pump(500, 400);
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    fs::write(dir.path().join("pump.csv"), lines.join("\n")).unwrap();
    let train = "train --data pump.csv --label fault --missing indicator";
    let ran = edgevae(dir.path(), &format!("{train} --time time --out run"));
    assert!(ran.stderr.contains("499 rows come after rows of a later time: all were sorted"), "{}", ran.stderr);
    assert!(ran.stdout.contains("100 rows, the last ones in the order of `time`"), "{}", ran.stdout);
    let scores = fs::read_to_string(dir.path().join("run/scores.csv")).unwrap();
    let rows: Vec<u64> = scores.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(rows, (1..=100).rev().collect::<Vec<_>>(), "the last in time are the first of the reversed file");
    let report = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(report.contains("the last ones in the order of `time`"), "the report leads with it");
    let config = fs::read_to_string(dir.path().join("run/config.toml")).unwrap();
    assert!(config.contains("split = \"chronological\"") && config.contains("time = \"time\""), "{config}");
    edgevae(dir.path(), "train --config run/config.toml --quiet --out again").ok();
    let model = |run: &str| fs::read(dir.path().join(run).join("model.evae")).unwrap();
    assert_eq!(model("run"), model("again"));
    edgevae(dir.path(), &format!("{train} --time temp2 --out none")).fails_with(&["temp2", "the time"]);
    edgevae(dir.path(), &format!("{train} --time mode --out none")).fails_with(&["mode", "expected a time"]);
}

#[test]
fn groups_are_tested_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut draws = Draws(3);
    let rows: String = (0..800).map(|row| format!("P{},{},{}\n", row / 80, draws.next(), draws.next())).collect();
    fs::write(dir.path().join("rows.csv"), format!("machine,a,b\n{rows}")).unwrap();
    let train = "train --data rows.csv --epochs 2 --hidden 4 --latent 1 --quiet --split group:machine --out run";
    edgevae(dir.path(), train).ok();
    let scores = fs::read_to_string(dir.path().join("run/scores.csv")).unwrap();
    let rows: Vec<u64> = scores.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(rows.len(), 160);
    for machine in rows.chunks(80) {
        assert!(machine[0] % 80 == 1 && machine[79] == machine[0] + 79, "{machine:?}");
    }
    let model = edgevae(dir.path(), "inspect run/model.evae --json").ok();
    assert!(!model.contains("\"columns\""), "numbers alone need no encoder: {model}");
}

#[test]
fn what_cannot_take_an_encoder_refuses_it_by_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pump.csv"), pump(600, 500)).unwrap();
    let train = "train --data pump.csv --label fault --missing indicator --quiet";
    edgevae(dir.path(), &format!("{train} --out run")).ok();
    edgevae(dir.path(), "quantize --model run/model.evae --data pump.csv --out q.evae")
        .fails_with(&["encoder", "int8"]);
    edgevae(dir.path(), &format!("{train} --quantize --out q")).fails_with(&["encoder", "int8"]);
    edgevae(dir.path(), &format!("{train} --stream --out s")).fails_with(&["--missing indicator", "--stream=false"]);
    assert_eq!(names(dir.path()), ["pump.csv", "run"]);
    edgevae(
        dir.path(),
        "calibrate --model run/model.evae --data pump.csv --label fault --quantile 0.9 --out c.evae --quiet",
    )
    .ok();
    let again: Value = serde_json::from_str(&edgevae(dir.path(), "inspect c.evae --json").ok()).unwrap();
    assert_eq!((&again["calibration"]["quantile"], again["columns"].as_array().unwrap().len()), (&0.9.into(), 5));
    edgevae(dir.path(), "evaluate --model run/model.evae --data pump.csv --label fault --out m.json").ok();
    edgevae(dir.path(), "keygen --out key").ok();
    edgevae(dir.path(), "sign --model run/model.evae --key key --out signed.evae").ok();
    edgevae(dir.path(), "verify --model signed.evae --key key.pub").ok();
    edgevae(dir.path(), "inspect signed.evae --target cortex-m4").fails_with(&["signed.evae", "--target", "signed"]);
    let told = edgevae(dir.path(), "inspect run/model.evae --target cortex-m4").ok();
    assert!(told.contains("on Cortex-M4F"), "{told}");
}

#[test]
fn a_missing_reading_is_refused_by_a_model_that_never_saw_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pump.csv"), pump(600, 600)).unwrap();
    edgevae(dir.path(), "train --data pump.csv --missing indicator --quiet --out run").ok();
    let file = ModelFile::open(&dir.path().join("run/model.evae")).unwrap();
    let model = RawModel::from_bytes(file.bytes()).unwrap();
    let columns: Vec<_> = model.encoder().columns().map(|column| column.name).collect();
    let mut out = vec![0.0; model.encoder().encoded()];
    for (index, name) in columns.iter().enumerate() {
        let mut row = vec![0.0; columns.len()];
        row[index] = f32::NAN;
        let expected = if *name == "vibe" { Ok(()) } else { Err(ScoreError::NonFinite { index }) };
        assert_eq!(model.encoder().encode(&row, &mut out), expected, "{name}");
    }
}

#[test]
fn a_real_file_of_numbers_has_no_encoder_and_its_integers_may_be_categories() {
    let Some(data) = real_data("ai4i2020") else { return };
    let dir = tempfile::tempdir().unwrap();
    let train = format!("train --data {} --label label --quiet", data.display());
    edgevae(dir.path(), &format!("{train} --out plain")).ok();
    let model = fs::read(dir.path().join("plain/model.evae")).unwrap();
    assert_eq!(model[4], 1, "format version 1, as ever");
    edgevae(dir.path(), &format!("{train} --categorical type --out coded")).ok();
    let coded: Value = serde_json::from_str(&edgevae(dir.path(), "inspect coded/model.evae --json").ok()).unwrap();
    assert_eq!(coded["columns"][0]["levels"].as_array().unwrap().len(), 3);
    let auc = |run: &str| metrics(&dir.path().join(run))["roc_auc"].as_f64().unwrap();
    println!("ai4i2020, ROC-AUC: type as a number {:.4}, as a category {:.4}", auc("plain"), auc("coded"));
}

#[test]
fn missing_cells_are_indicated_without_a_flag_and_refused_where_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let row =
        |at: u32| format!("{},{}\n", at % 7, if at.is_multiple_of(9) { String::new() } else { (at % 5).to_string() });
    std::fs::write(dir.path().join("gaps.csv"), "a,b\n".to_owned() + &(0..300).map(row).collect::<String>()).unwrap();
    let ran = edgevae(dir.path(), "train --data gaps.csv --out run");
    assert!(ran.stderr.contains("cells are missing: --missing indicator is taken"), "{}", ran.stderr);
    ran.ok();
    let inspected: Value = serde_json::from_str(&edgevae(dir.path(), "inspect run/model.evae --json").ok()).unwrap();
    assert_eq!(inspected["columns"][1]["missing"], "indicated");
    edgevae(dir.path(), "train --config run/config.toml --quiet --out again").ok();
    let model = |run: &str| std::fs::read(dir.path().join(run).join("model.evae")).unwrap();
    assert!(model("run") == model("again"), "the file of options repeats it");
    for refused in ["--missing error", "--preset reference"] {
        edgevae(dir.path(), &format!("train --data gaps.csv {refused} --out no")).fails_with(&[
            "line 2",
            "\"b\"",
            "--missing",
        ]);
    }
}
