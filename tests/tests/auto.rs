//! `train --data FILE` without further options: what it chooses, says and repeats.

use std::fs;
use std::path::Path;

use edgevae_tests::edgevae;
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn heads(dir: &Path, run: &str) -> Vec<String> {
    let inspected = edgevae(dir, &format!("inspect {run}/model.evae --json")).ok();
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    inspected["heads"].as_array().unwrap().iter().map(|head| head["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_alone_gets_network_and_score_chosen_said_and_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    edgevae(dir, "synth --rows 1500 --out rows.csv").ok();
    let ran = edgevae(dir, "train --data rows.csv --label label --out run");
    for part in [
        "auto: 10 features",
        "anomalies possible among them",
        "density",
        "3 of them joined",
        "within 64K",
        "worst 10 %",
    ] {
        assert!(ran.stderr.contains(part), "`{part}` is not in: {}", ran.stderr);
    }
    ran.ok();
    assert_eq!(heads(dir, "run"), ["neighbours", "joint-mahalanobis", "histogram"]);
    // 1500 rows less a fifth for the test, a fifth of the rest to compare heads, a tenth of what is left trimmed.
    let metrics = json(&dir.join("run/metrics.json"));
    assert_eq!((metrics["n_train"].as_u64(), metrics["n_test"].as_u64()), (Some(864), Some(300)));
    assert!(metrics["roc_auc"].as_f64().unwrap() > 0.9, "{metrics}");

    edgevae(dir, "train --config run/config.toml --quiet --threads 1 --out again").ok();
    edgevae(dir, "train --config run/config.toml --quiet --contamination 0 --out clean").ok();
    let model = |run: &str| fs::read(dir.join(run).join("model.evae")).unwrap();
    assert!(model("run") == model("again"), "the same bytes from the file of options");
    assert_eq!(heads(dir, "clean"), heads(dir, "run"), "what differs is which rows are stored, and how many");
    for run in ["run", "clean"] {
        assert!(model(run).len() <= 65_536, "{run}: {} bytes", model(run).len());
    }
    assert!(model("clean").len() > 10_000, "rows of the training data are stored: {} bytes", model("clean").len());

    let by_hand = "--preset auto --hidden 4 --members 1 --epochs 3 --without histogram";
    edgevae(dir, &format!("train --data rows.csv --label label {by_hand} --quiet --out mixed")).ok();
    edgevae(dir, "train --config mixed/config.toml --quiet --out mixed-again").ok();
    assert!(model("mixed") == model("mixed-again"), "what was given is in the file of options");
    assert_eq!(heads(dir, "mixed"), ["neighbours", "joint-mahalanobis"]);
    let inspected: Value = serde_json::from_str(&edgevae(dir, "inspect mixed/model.evae --json").ok()).unwrap();
    assert_eq!(inspected["layers"][0]["outputs"], 4, "{inspected}");
}

#[test]
fn the_reference_system_is_a_preset_for_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    edgevae(dir, "synth --rows 600 --out rows.csv").ok();
    edgevae(dir, "train --data rows.csv --label label --preset reference --quiet --out preset").ok();
    let by_hand = "--hidden 64,32 --latent 8 --epochs 50 --score mse";
    edgevae(dir, &format!("train --data rows.csv --label label {by_hand} --quiet --out by-hand")).ok();
    edgevae(dir, "train --synth rows=600 --quiet --out generated").ok();
    let model = |run: &str| fs::read(dir.join(run).join("model.evae")).unwrap();
    assert!(model("preset") == model("by-hand"));
    assert_eq!(heads(dir, "generated"), ["mse"]);
}

#[test]
fn a_stream_is_fitted_by_a_sample_of_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    edgevae(dir, "synth --rows 3000 --out rows.csv").ok();
    for contamination in ["auto", "0"] {
        let out = format!("stream-{contamination}");
        let words = format!("train --data rows.csv --label label --stream --contamination {contamination} --out {out}");
        let ran = edgevae(dir, &words);
        assert!(ran.stderr.contains("random sample of the files"), "{}", ran.stderr);
        ran.ok();
        let auc = json(&dir.join(&out).join("metrics.json"))["roc_auc"].as_f64().unwrap();
        assert!(auc > 0.85, "{contamination}: {auc}");
    }
    edgevae(dir, "train --data rows.csv --stream --latent 2 --contamination 0.1 --out none")
        .fails_with(&["--contamination", "--stream=false"]);
}

#[test]
fn the_preset_that_flags_bring_and_a_model_beyond_the_budget_are_told_on_the_terminal_and_on_the_page() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 400 --features 3 --out rows.csv").ok();
    let train = "train --data rows.csv --label label --latent 8 --epochs 1 --flash-budget 4K --out run";
    let ran = edgevae(dir.path(), train);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = "preset reference, because of --latent, --epochs: network 3-64-32-8, score mse; --preset auto";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.stderr.contains("more than --flash-budget 4K; use --preset auto or a larger budget"), "{}", ran.stderr);
    let page = std::fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    let (top, _) = page.split_once("</header>").unwrap();
    assert!(top.contains("Caution.</strong> the model takes"), "{top}");
}
