//! Train, calibrate, export, reload, score: as a user does it.

use std::fs;
use std::path::Path;

use edgevae_core::{Detector, Model, SliceDetector};
use edgevae_tests::{edgevae, edgevae_with, names};
use edgevae_trainer::export::model_file::ModelFile;
use serde_json::Value;

/// Small enough for a test, real in every other respect.
const SMALL: &str = "--synth rows=2000 --epochs 12 --beta-warmup 6 --hidden 16,8 --latent 3 --quiet";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn one_command_writes_a_calibrated_model_metrics_and_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let stdout = edgevae(dir.path(), "train --synth rows=2000 --epochs 12 --hidden 16,8 --latent 3 --out run").ok();
    assert!(stdout.contains("next: edgevae score --model run/model.evae"), "{stdout}");
    let files = ["config.toml", "history.csv", "metrics.json", "model.evae", "report.html", "scores.csv", "scores.svg"];
    assert_eq!(names(&dir.path().join("run")), files);
    assert_eq!(names(dir.path()), ["run"], "nothing is left beside the results");

    let metrics = json(&dir.path().join("run/metrics.json"));
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.9, "{metrics}");
    for name in ["average_precision", "precision", "recall", "f1", "threshold", "quantile"] {
        assert!(metrics[name].is_f64(), "{name}: {metrics}");
    }
    for name in ["n_train", "n_test", "parameters", "epochs", "seed"] {
        assert!(metrics[name].is_u64(), "{name}: {metrics}");
    }
    let count = |name: &str| metrics["confusion"][name].as_u64().unwrap();
    assert_eq!((count("tp") + count("fn"), count("fp") + count("tn")), (8, 392));
    // The 95th percentile of 392 normal scores leaves 19.55 of them above.
    assert_eq!((count("fp"), &metrics["calibration"]["rows"]), (20, &392.into()));
    assert_eq!(fs::read_to_string(dir.path().join("run/history.csv")).unwrap().lines().count(), 13);
}

#[test]
fn early_stopping_ends_the_fit_and_keeps_the_best_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let train = "train --synth rows=1000 --hidden 16 --latent 2 --lr 0.02 --epochs 400 --beta-warmup 2 --patience 3 --quiet --out run";
    edgevae(dir.path(), train).ok();
    let metrics = json(&dir.path().join("run/metrics.json"));
    let (epochs, best) = (metrics["epochs"].as_u64().unwrap(), metrics["best_epoch"].as_u64().unwrap());
    assert!(epochs < 400, "{metrics}");
    assert_eq!(epochs - best, 3, "three epochs without a better objective");
    let history = fs::read_to_string(dir.path().join("run/history.csv")).unwrap();
    let validation: Vec<f64> =
        history.lines().skip(1).map(|line| line.split(',').nth(5).unwrap().parse().unwrap()).collect();
    let least = validation.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(validation[best as usize - 1], least);
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    for (out, more) in [("a", "--threads 1"), ("b", "--threads 2"), ("c", "--threads 3"), ("d", "--threads 1 --seed 1")]
    {
        edgevae(dir.path(), &format!("train {SMALL} --out {out} {more}")).ok();
    }
    let model = |out: &str| fs::read(dir.path().join(out).join("model.evae")).unwrap();
    assert!(model("a") == model("b") && model("a") == model("c"));
    assert!(model("a") != model("d"));
}

#[test]
fn each_likelihood_exports_a_model_whose_score_finds_the_anomalies() {
    let dir = tempfile::tempdir().unwrap();
    for likelihood in ["gaussian", "gaussian-per-feature"] {
        edgevae(dir.path(), &format!("train {SMALL} --likelihood {likelihood} --out {likelihood}")).ok();
        let run = dir.path().join(likelihood);
        let config = fs::read_to_string(run.join("config.toml")).unwrap();
        assert!(config.contains(&format!("likelihood = \"{likelihood}\"")), "{config}");
        let metrics = json(&run.join("metrics.json"));
        assert!(metrics["roc_auc"].as_f64().unwrap() > 0.9, "{metrics}");
    }
}

#[test]
fn one_point_of_a_growth_curve_is_measured_in_a_process_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let measured: Value = serde_json::from_str(&edgevae(dir.path(), "bench --point 300,5,8").ok()).unwrap();
    assert!(measured["seconds"].as_f64().unwrap() > 0.0, "{measured}");
    edgevae(dir.path(), "bench --point 300,5").fails_with(&["300,5", "ROWS,FEATURES,WIDTH"]);
}

#[test]
fn a_run_is_repeated_from_its_config() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), &format!("train {SMALL} --out first --train-on normal --quantile 0.9 --seed 5")).ok();
    edgevae(dir.path(), "train --config first/config.toml --quiet --out second").ok();
    for file in ["model.evae", "scores.csv", "config.toml"] {
        let read = |run: &str| fs::read(dir.path().join(run).join(file)).unwrap();
        assert!(read("first") == read("second"), "{file}");
    }
}

#[test]
fn score_gives_the_scores_of_training_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 2000 --seed 3 --out rows.csv").ok();
    let train = "train --data rows.csv --label label --epochs 8 --hidden 16 --latent 2 --quiet --out run";
    edgevae(dir.path(), train).ok();
    edgevae(dir.path(), "score --model run/model.evae --data rows.csv --out all.csv --quiet").ok();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let (all, test) = (read("all.csv"), read("run/scores.csv"));
    let all: Vec<&str> = all.lines().collect();
    assert_eq!((all[0], all.len()), ("row,score,is_anomaly", 2001));
    assert_eq!(test.lines().count(), 401);
    for line in test.lines().skip(1) {
        let row: usize = line.split(',').next().unwrap().parse().unwrap();
        assert_eq!(all[row], line, "the same text, hence the same bits");
    }
    let piped = edgevae_with(dir.path(), "score --model run/model.evae --data -", read("rows.csv").as_bytes()).ok();
    assert_eq!(piped, read("all.csv"), "standard input and output do the same");

    let anomalies = all.iter().filter(|line| line.ends_with(",1")).count();
    assert!(anomalies > 0);
    let run = edgevae(dir.path(), "score --model run/model.evae --data rows.csv --exit-code --quiet");
    assert_eq!(run.code, Some(1), "--exit-code tells of anomalies");
}

#[test]
fn the_core_alone_gives_the_scores_of_the_command() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 500 --out rows.csv").ok();
    edgevae(dir.path(), "train --data rows.csv --label label --epochs 4 --hidden 16,8 --latent 3 --quiet --out run")
        .ok();
    let out = edgevae(dir.path(), "score --model run/model.evae --data rows.csv --quiet").ok();

    let file = ModelFile::open(&dir.path().join("run/model.evae")).unwrap();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<10, 16>::new(&model).unwrap();
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut borrowed = SliceDetector::new(&model, &mut scratch).unwrap();
    let rows = fs::read_to_string(dir.path().join("rows.csv")).unwrap();
    for (line, scored) in rows.lines().skip(1).zip(out.lines().skip(1)) {
        let values: Vec<f32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let sample: &[f32; 10] = values.first_chunk().unwrap();
        let verdict = detector.score(sample).unwrap();
        assert_eq!(borrowed.score(sample).unwrap(), verdict);
        let cells: Vec<&str> = scored.split(',').collect();
        assert_eq!(cells[1].parse::<f32>().unwrap().to_bits(), verdict.score.to_bits());
        assert_eq!(cells[2], if verdict.is_anomaly { "1" } else { "0" });
    }
}

#[test]
fn columns_are_matched_by_name_and_extra_ones_ignored_with_a_note() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 300 --features 2 --out rows.csv").ok();
    edgevae(dir.path(), "train --data rows.csv --ignore label --epochs 2 --hidden 4 --latent 1 --quiet --out run").ok();
    let rows = fs::read_to_string(dir.path().join("rows.csv")).unwrap();
    let swapped: String = rows
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{};\"{}\";{}\r\n", cells[1], cells[2], cells[0])
        })
        .collect();
    fs::write(dir.path().join("swapped.csv"), format!("\u{feff}{swapped}")).unwrap();
    let plain = edgevae(dir.path(), "score --model run/model.evae --data rows.csv").ok();
    let run = edgevae(dir.path(), "score --model run/model.evae --data swapped.csv");
    assert!(run.stderr.contains("label"), "the note names the extra column: {}", run.stderr);
    assert_eq!(run.stdout, plain);
}

#[test]
fn calibrate_keeps_the_weights_and_moves_the_threshold() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --out rows.csv").ok();
    edgevae(dir.path(), "train --data rows.csv --label label --epochs 4 --hidden 8 --latent 2 --quiet --out run").ok();
    let calibrate = "calibrate --model run/model.evae --data rows.csv --label label --quantile 0.5 --out half.evae";
    edgevae(dir.path(), calibrate).ok();
    let count = |model: &str| {
        let out = edgevae(dir.path(), &format!("score --model {model} --data rows.csv --quiet")).ok();
        out.lines().filter(|line| line.ends_with(",1")).count()
    };
    assert!((count("half.evae") as i64 - (490 + 20)).abs() <= 20, "half of 980 normals and most anomalies");
    edgevae(dir.path(), "calibrate --model run/model.evae --data rows.csv --threshold 1e9 --out never.evae").ok();
    assert_eq!(count("never.evae"), 0);
    fs::write(
        dir.path().join("few.csv"),
        fs::read_to_string(dir.path().join("rows.csv"))
            .unwrap()
            .lines()
            .take(21)
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    )
    .unwrap();
    let few = edgevae(dir.path(), "calibrate --model run/model.evae --data few.csv --quiet --out few.evae");
    assert!(few.stderr.contains("warning: 20 calibration rows are too few"), "{}", few.stderr);
    few.ok();
    let inspect = |model: &str| {
        serde_json::from_str::<Value>(&edgevae(dir.path(), &format!("inspect {model} --json")).ok()).unwrap()
    };
    let (before, after) = (inspect("run/model.evae"), inspect("half.evae"));
    assert_eq!((&before["features"], &before["layers"]), (&after["features"], &after["layers"]));
    assert_eq!(after["calibration"]["rows_from"], "rows of a calibration file");
    assert_eq!(
        (after["calibration"]["rows"].as_u64(), after["calibration"]["quantile"].as_f64()),
        (Some(980), Some(0.5))
    );
}

#[test]
fn a_score_at_the_threshold_is_no_anomaly_for_any_kind_of_model() {
    let dir = tempfile::tempdir().unwrap();
    let text = |row: usize| format!("{},{}\n", (row as f32 * 0.7).sin(), ["idle", "run", "boost"][row % 3]);
    fs::write(dir.path().join("raw.csv"), "a,mode\n".to_owned() + &(0..120).map(text).collect::<String>()).unwrap();
    edgevae(dir.path(), "synth --rows 300 --features 3 --out plain.csv").ok();
    for rows in ["plain.csv", "raw.csv"] {
        let small = "--epochs 2 --beta-warmup 2 --hidden 4 --latent 1 --quiet --out run --force";
        edgevae(dir.path(), &format!("train --data {rows} {small}")).ok();
        let first = |model: &str| {
            let text = edgevae(dir.path(), &format!("score --model {model} --data {rows} --quiet")).ok();
            let (score, verdict) = text.lines().nth(1).unwrap()[2..].split_once(',').unwrap();
            (score.to_owned(), verdict.to_owned())
        };
        let (score, _) = first("run/model.evae");
        let at = |threshold: &str| {
            let calibrate = format!("calibrate --model run/model.evae --data {rows} --quiet");
            edgevae(dir.path(), &format!("{calibrate} --threshold {threshold} --out at.evae")).ok();
            first("at.evae").1
        };
        assert_eq!(at(&score), "0", "{rows}: equal is not above");
        let below = f32::from_bits(score.parse::<f32>().unwrap().to_bits() - 1);
        assert_eq!(at(&below.to_string()), "1", "{rows}");
    }
}

#[test]
fn every_row_of_the_data_is_accounted_for() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --features 3 --out rows.csv").ok();
    let small = "--epochs 2 --beta-warmup 2 --hidden 4 --latent 1 --quiet --out run --force";
    let counts = |more: &str| {
        edgevae(dir.path(), &format!("train --data rows.csv {small} {more}")).ok();
        let metrics = json(&dir.path().join("run/metrics.json"));
        let names = ["n_train", "n_validation", "n_calibration", "n_footing", "n_trimmed", "n_test"];
        names.map(|name| metrics[name].as_u64().unwrap())
    };
    assert_eq!(counts("--label label --patience 3"), [720, 80, 0, 0, 0, 200]);
    let footing = "--label label --score density --contamination 0.1";
    let [train, 0, 0, footing, trimmed, 200] = counts(footing) else { panic!("{:?}", counts(footing)) };
    assert!(footing > 100 && trimmed > 50 && train + footing + trimmed == 800, "{train} {footing} {trimmed}");
    let report = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(report.contains("rows to compare heads") && report.contains("rows left out after a first fit"));
    assert_eq!(counts("--ignore label"), [640, 0, 160, 0, 0, 200]);
}

#[test]
fn stored_rows_beside_other_heads_are_calibrated_in_the_unit_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let train = "train --synth rows=800 --score density --epochs 4 --beta-warmup 2 --quiet --out run";
    edgevae(dir.path(), train).ok();
    let threshold = json(&dir.path().join("run/metrics.json"))["threshold"].as_f64().unwrap();
    assert!((1.0..6.0).contains(&threshold), "about ln 20 nats: {threshold}");
}

#[test]
fn evaluate_gives_the_metrics_of_a_labelled_file() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 2000 --out rows.csv").ok();
    edgevae(dir.path(), "train --data rows.csv --label label --epochs 8 --hidden 16,8 --latent 3 --quiet --out run")
        .ok();
    edgevae(dir.path(), "evaluate --model run/model.evae --data rows.csv --label label --out quality.json").ok();
    let quality = json(&dir.path().join("quality.json"));
    assert_eq!(quality["n"], 2000);
    assert!(quality["roc_auc"].as_f64().unwrap() > 0.9, "{quality}");
    let count = |name: &str| quality["confusion"][name].as_u64().unwrap();
    assert_eq!(count("tp") + count("fn"), 40);
}

#[test]
fn missing_cells_follow_the_policy_and_the_model_remembers_it() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 400 --features 3 --out full.csv").ok();
    let full = fs::read_to_string(dir.path().join("full.csv")).unwrap();
    let holes: String = full
        .lines()
        .enumerate()
        .map(|(line, text)| {
            let (first, rest) = text.split_once(',').unwrap();
            if line > 0 && line % 40 == 0 { format!(",{rest}\n") } else { format!("{first},{rest}\n") }
        })
        .collect();
    fs::write(dir.path().join("holes.csv"), holes).unwrap();
    let train = "train --data holes.csv --label label --epochs 3 --hidden 8 --latent 2 --quiet";
    edgevae(dir.path(), &format!("{train} --out error")).fails_with(&["holes.csv", "line 41", "f0", "--missing"]);
    assert_eq!(names(dir.path()), ["full.csv", "holes.csv"]);

    edgevae(dir.path(), &format!("{train} --missing drop --out drop")).ok();
    assert_eq!(json(&dir.path().join("drop/metrics.json"))["n_dropped"], 10);
    let run = edgevae(dir.path(), "score --model drop/model.evae --data holes.csv");
    assert!(run.stderr.contains("10 rows with missing cells left out"), "{}", run.stderr);
    let scored = run.ok();
    assert_eq!(scored.lines().count(), 391);
    assert!(scored.lines().all(|line| !line.starts_with("40,")), "the others keep their numbers");

    edgevae(dir.path(), &format!("{train} --missing mean --out mean")).ok();
    let scored = edgevae(dir.path(), "score --model mean/model.evae --data holes.csv --quiet").ok();
    assert_eq!(scored.lines().count(), 401);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_behind() {
    use std::process::{Command, Stdio};
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(edgevae_tests::binary())
        .args(["train", "--epochs", "1000000", "--quiet", "--out", "run"])
        .current_dir(dir.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while names(dir.path()).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(names(dir.path())[0].ends_with(".partial"), "results are written beside their place");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
}
