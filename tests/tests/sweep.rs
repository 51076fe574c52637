//! `edgevae sweep`: a grid in parallel, stopped and taken up again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use edgevae_tests::{binary, edgevae, names};

const GRID: &str =
    "sweep --synth rows=400 --hidden 8 --latent 2 --epochs 4 --beta 0,1 --score mse,combined --seeds 0..2";

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// `sweep.csv` without the one column that is the machine's.
fn without_seconds(csv: &str) -> Vec<Vec<String>> {
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = header.iter().position(|name| name == "fit_seconds").unwrap();
    let mut all = vec![header];
    all.extend(lines);
    all.iter_mut().for_each(|line| drop(line.remove(at)));
    all
}

#[test]
fn a_sweep_writes_a_row_for_each_run_and_a_mean_for_each_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let stdout = edgevae(dir.path(), &format!("{GRID} --out grid")).ok();
    assert_eq!(names(&dir.path().join("grid")), ["runs", "sweep.csv", "sweep.html", "sweep.md"]);
    let table = read(dir.path(), "grid/sweep.md");
    assert!(stdout.starts_with(&table), "{stdout}");
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("| beta | score | runs | reconstruction |"), "{table}");
    assert_eq!(lines.len(), 2 + 4);
    assert!(lines[2].starts_with("| 0 | mse | 3 |") && lines[2].contains(" ± "), "{table}");
    let csv = read(dir.path(), "grid/sweep.csv");
    assert_eq!(csv.lines().count(), 1 + 2 * 2 * 3);
    let html = read(dir.path(), "grid/sweep.html");
    let command = "edgevae sweep --synth rows=400 --hidden 8 --latent 2 --epochs 4 --beta 0,1 --score mse,combined \
                   --seeds 0..2 --out grid<";
    for part in ["Sweep over beta", "id=\"configurations-title\"", command] {
        assert!(html.contains(part), "{part}");
    }

    // A run of the sweep is the run of `train` with the same options.
    edgevae(
        dir.path(),
        "train --synth rows=400 --hidden 8 --latent 2 --epochs 4 --beta 1 --score combined --seed 2 --quiet --out one",
    )
    .ok();
    let metrics: serde_json::Value = serde_json::from_str(&read(dir.path(), "one/metrics.json")).unwrap();
    let auc = metrics["roc_auc"].as_f64().unwrap().to_string();
    assert!(csv.lines().last().unwrap().contains(&format!(",{auc},")), "{auc}: {csv}");
}

#[test]
fn the_command_on_the_page_repeats_a_sweep_from_a_file_of_options() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("my base.toml"), "synth = \"rows=300\"\nhidden = [4]\nlatent = 1\nepochs = 2\n").unwrap();
    let words = ["sweep", "--config", "my base.toml", "--seeds", "0, 1", "--quiet", "--out", "a grid"];
    let ran = Command::new(binary()).args(words).current_dir(dir.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let html = read(dir.path(), "a grid/sweep.html");
    let command = "edgevae sweep --config &#39;my base.toml&#39; --seeds &#39;0, 1&#39; --out &#39;a grid&#39;";
    assert!(html.contains(command), "{html}");
}

#[test]
fn a_run_whose_rows_are_trimmed_by_a_score_of_draws_is_that_of_train() {
    let dir = tempfile::tempdir().unwrap();
    let flags = "--synth rows=600 --preset auto --contamination 0.2 --hidden 8 --latent 2 --epochs 4 \
                 --score reconstruction-probability";
    edgevae(dir.path(), &format!("sweep {flags} --draws 1,40 --seeds 0 --quiet --out grid")).ok();
    let csv = read(dir.path(), "grid/sweep.csv");
    let column = |name: &str| csv.lines().next().unwrap().split(',').position(|other| other == name).unwrap();
    for (line, draws) in csv.lines().skip(1).zip([1, 40]) {
        edgevae(dir.path(), &format!("train {flags} --draws {draws} --seed 0 --quiet --out {draws}")).ok();
        let history = read(dir.path(), &format!("{draws}/history.csv"));
        let at = history.lines().next().unwrap().split(',').position(|name| name == "reconstruction_loss").unwrap();
        let loss = history.lines().last().unwrap().split(',').nth(at).unwrap();
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[column("draws")], draws.to_string(), "{csv}");
        assert_eq!(fields[column("reconstruction_loss")].parse::<f64>(), loss.parse::<f64>(), "{draws} draws: {csv}");
    }
}

/// Ten options with two values each.
const TEN: [(&str, [&str; 2]); 10] = [
    ("score", ["mse", "density"]),
    ("stream", ["false", "true"]),
    ("preset", ["auto", "reference"]),
    ("scaling", ["standard", "robust"]),
    ("contamination", ["auto", "0"]),
    ("calibrate-on", ["test", "holdout"]),
    ("train-on", ["all", "normal"]),
    ("patience", ["1", "3"]),
    ("quantile", ["0.9", "0.95"]),
    ("members", ["1", "2"]),
];

#[test]
fn every_row_of_a_sweep_is_the_train_of_the_same_options_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 300 --features 3 --out rows.csv").ok();
    // The first two decide which rows are fitted; the other pairs are drawn (Knuth's MMIX generator).
    let mut pairs = vec![(0, 1)];
    let mut state = 15_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below) as usize
    };
    while pairs.len() < 7 {
        let pair = (draw(10), draw(10));
        if pair.0 < pair.1 && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    for (number, (a, b)) in pairs.into_iter().enumerate() {
        let base = "--data rows.csv --label label --hidden 4 --latent 2 --epochs 3 --seed";
        let axes = [TEN[a], TEN[b]].map(|(name, values)| format!("--{name}={}", values.join(","))).join(" ");
        let sweep = base.replace("--seed", "--seeds 5");
        edgevae(dir.path(), &format!("sweep {sweep} {axes} --quiet --out grid{number}")).ok();
        let csv = read(dir.path(), &format!("grid{number}/sweep.csv"));
        let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        // Options with commas in their value are quoted and stand before the numbers.
        let cell = |line: &str, name: &str| {
            let place = header.iter().rev().position(|other| *other == name).unwrap();
            line.rsplit(',').nth(place).unwrap().to_owned()
        };
        for first in TEN[a].1 {
            for second in TEN[b].1 {
                let flags = format!("--{}={first} --{}={second}", TEN[a].0, TEN[b].0);
                edgevae(dir.path(), &format!("train {base} 5 {flags} --quiet --force --out one")).ok();
                let is_this = |line: &&str| cell(line, TEN[a].0) == *first && cell(line, TEN[b].0) == *second;
                let line = csv.lines().skip(1).find(is_this).unwrap_or_else(|| panic!("{flags}: {csv}"));
                let cell = |name: &str| cell(line, name);
                let metrics: serde_json::Value = serde_json::from_str(&read(dir.path(), "one/metrics.json")).unwrap();
                for name in ["roc_auc", "average_precision", "f1"] {
                    assert_eq!(cell(name).parse::<f64>().ok(), metrics[name].as_f64(), "{flags}: {name}");
                }
                let threshold = metrics["threshold"].as_f64().unwrap() as f32;
                assert_eq!(cell("threshold").parse::<f32>().unwrap().to_bits(), threshold.to_bits(), "{flags}");
                let inspected = edgevae(dir.path(), "inspect --json one/model.evae").ok();
                let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
                assert_eq!(cell("model_checksum"), inspected["checksum"].as_str().unwrap(), "{flags}");
            }
        }
    }
}

#[test]
fn records_of_another_version_of_the_store_are_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = "sweep --synth rows=200 --hidden 4 --latent 1 --epochs 1 --seeds 0 --out grid";
    edgevae(dir.path(), sweep).ok();
    let runs = dir.path().join("grid/runs");
    let record = runs.join(&names(&runs)[0]);
    let text = fs::read_to_string(&record).unwrap();
    assert!(text.contains("\"store\": 2,"), "{text}");
    fs::write(&record, text.replace("\"store\": 2,", "\"store\": 1,")).unwrap();
    assert!(edgevae(dir.path(), sweep).stderr.starts_with("1 runs, 0 of them finished before"));
    let now = fs::read_to_string(&record).unwrap();
    fs::write(&record, now.replace("\"store\": 2,", "")).unwrap();
    assert!(edgevae(dir.path(), sweep).stderr.starts_with("1 runs, 0 of them finished before"));
    assert!(edgevae(dir.path(), sweep).stderr.starts_with("1 runs, 1 of them finished before"));
}

#[test]
fn a_sweep_that_is_killed_goes_on_and_gives_the_same_table() {
    let dir = tempfile::tempdir().unwrap();
    let grid = GRID.replace("--epochs 4", "--epochs 40");
    edgevae(dir.path(), &format!("{grid} --quiet --out whole")).ok();
    let stopped = dir.path().join("stopped");
    let mut child = Command::new(binary())
        .args(format!("{grid} --jobs 1 --quiet --out stopped").split_whitespace())
        .current_dir(dir.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let finished = |folder: &Path| {
        let entries = fs::read_dir(folder.join("runs")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json")).count()
    };
    while finished(&stopped) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before it could be killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    // SIGKILL on Unix: nothing gets to clean up.
    child.kill().unwrap();
    child.wait().unwrap();
    let before = finished(&stopped);
    assert!((3..12).contains(&before), "{before} runs had finished");
    assert!(!stopped.join("sweep.csv").exists());

    let run = edgevae(dir.path(), &format!("{grid} --out stopped"));
    assert!(run.stderr.contains(&format!("12 runs, {before} of them finished before")), "{}", run.stderr);
    run.ok();
    assert_eq!(read(&stopped, "sweep.md"), read(dir.path(), "whole/sweep.md"));
    let csv = |name: &str| without_seconds(&read(dir.path(), name));
    assert_eq!(csv("stopped/sweep.csv"), csv("whole/sweep.csv"));
}

#[test]
fn a_larger_grid_reuses_what_is_there_and_other_data_do_not() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 300 --features 3 --out rows.csv").ok();
    let sweep = |betas: &str| {
        let words =
            format!("sweep --data rows.csv --label label --hidden 4 --latent 1 --epochs 2 --beta {betas} --seeds 0");
        let run = edgevae(dir.path(), &format!("{words} --out grid"));
        let told = run.stderr.lines().next().unwrap_or_default().to_owned();
        run.ok();
        told
    };
    assert!(sweep("0,1").starts_with("2 runs, 0 of them finished before"));
    assert!(sweep("0,0.5,1").starts_with("3 runs, 2 of them finished before"));
    edgevae(dir.path(), "synth --rows 300 --features 3 --seed 9 --out rows.csv").ok();
    assert!(sweep("0,0.5,1").starts_with("3 runs, 0 of them finished before"));
}

#[test]
fn what_train_refuses_is_refused_before_anything_runs_and_a_run_that_fails_is_named() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "sweep --beta 0,x --out grid").fails_with(&["'x'", "--beta"]);
    edgevae(dir.path(), "sweep --latent 2,0 --out grid").fails_with(&["--latent is 0"]);
    edgevae(dir.path(), "sweep --seeds 3..1 --out grid").fails_with(&["--seeds is 3..1"]);
    edgevae(dir.path(), "sweep --seeds 0,0 --out grid").fails_with(&["--seeds is 0,0", "more than once"]);
    edgevae(dir.path(), "sweep --beta 1,1.0 --out grid").fails_with(&["--beta has 1 and 1.0"]);
    edgevae(dir.path(), "sweep --beta 0,1 --quantize --out grid").fails_with(&["--quantize is not for a sweep"]);
    edgevae(dir.path(), "sweep --data absent.csv --out grid").fails_with(&["absent.csv"]);
    assert!(names(dir.path()).is_empty());

    let grid = "sweep --synth rows=200 --hidden 4 --latent 1 --epochs 3 --lr 0.001,1e30 --seeds 0 --out grid";
    edgevae(dir.path(), grid).fails_with(&["1 of 2 runs failed", "lr 1e30, seed 0", "not finite"]);
    let table = read(dir.path(), "grid/sweep.md");
    assert!(table.contains("| 1e30 | 0 (1 failed) | not measured |"), "{table}");
    assert_eq!(read(dir.path(), "grid/sweep.csv").lines().count(), 3, "the table is there all the same");
    let again = edgevae(dir.path(), grid);
    assert!(again.stderr.starts_with("2 runs, 1 of them finished before"), "{}", again.stderr);
}
