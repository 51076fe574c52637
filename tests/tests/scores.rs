//! Every score through the whole path: trained, exported, scored by the command, by the core alone, and in float64.

use std::fs;
use std::path::Path;

use edgevae_core::{Detector, Model, SliceDetector};
use edgevae_tests::edgevae;
use edgevae_trainer::export::model_file::ModelFile;
use serde_json::Value;

const SCORES: [&str; 6] = ["mse", "nll", "elbo", "mahalanobis", "reconstruction-probability", "combined"];
const LIKELIHOODS: [&str; 3] = ["mse", "gaussian", "gaussian-per-feature"];
const TRAIN: &str = "train --data rows.csv --label label --epochs 6 --beta-warmup 3 --hidden 16,8 --latent 3 --quiet";

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Scores of a file by the command, as written.
fn scores(folder: &Path, model: &str, data: &str) -> Vec<f32> {
    let out = edgevae(folder, &format!("score --model {model} --data {data} --quiet")).ok();
    out.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn every_score_is_the_same_bits_on_desk_and_device_and_that_of_the_network_that_was_trained() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 1000 --out rows.csv").ok();
    let rows = fs::read_to_string(dir.path().join("rows.csv")).unwrap();
    for likelihood in LIKELIHOODS {
        for score in SCORES {
            let run = format!("{likelihood}-{score}");
            edgevae(dir.path(), &format!("{TRAIN} --likelihood {likelihood} --score {score} --out {run}")).ok();
            let metrics = json(&dir.path().join(&run).join("metrics.json"));
            // `train` has refused more than 1e-4; a network that lost its head would not come near.
            let parity = metrics["core_against_dfdx"].as_f64().unwrap();
            assert!(parity < 2e-5, "{run}: {parity}");

            let file = ModelFile::open(&dir.path().join(&run).join("model.evae")).unwrap();
            let model = Model::from_bytes(file.bytes()).unwrap();
            // 53: what the most demanding head needs at 3 latents and 10 inputs, 3 * 3 + 3 * 10, and more.
            let mut detector = Detector::<10, 16, 53>::new(&model).unwrap();
            let mut scratch = vec![f32::NAN; model.scratch_len()];
            let mut borrowed = SliceDetector::new(&model, &mut scratch).unwrap();
            let written = scores(dir.path(), &format!("{run}/model.evae"), "rows.csv");
            assert_eq!(written.len(), 1000);
            for (line, written) in rows.lines().skip(1).zip(written) {
                let values: Vec<f32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
                let sample: &[f32; 10] = values.first_chunk().unwrap();
                let verdict = detector.score(sample).unwrap();
                assert_eq!(borrowed.score(sample).unwrap(), verdict, "{run}");
                assert_eq!(written.to_bits(), verdict.score.to_bits(), "{run}");
            }
        }
    }
}

#[test]
fn each_score_finds_the_anomalies_of_the_reference_data() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 3000 --out rows.csv").ok();
    for (score, at_least) in SCORES.into_iter().zip([0.9, 0.9, 0.9, 0.6, 0.9, 0.9]) {
        let train = format!("{TRAIN} --epochs 12 --likelihood gaussian-per-feature --score {score} --out {score}");
        edgevae(dir.path(), &train.replace("--epochs 6 ", "")).ok();
        let metrics = json(&dir.path().join(score).join("metrics.json"));
        let auc = metrics["roc_auc"].as_f64().unwrap();
        assert!(auc > at_least, "{score}: {auc}");
        // 588 normal test rows; their 0.95 quantile leaves 29.4 above.
        assert_eq!(
            (metrics["confusion"]["fp"].as_u64(), metrics["quantile"].as_f64()),
            (Some(30), Some(0.95)),
            "{score}"
        );
    }
}

/// A constant added to a feature before scaling moves its mean and nothing else. The values are multiples of 1/64 and the
/// constants such that every sum is exact, so that the scaled rows differ only by the rounding of the mean to `f32`.
#[test]
fn a_constant_added_to_a_feature_changes_no_score() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 600 --features 4 --out drawn.csv").ok();
    let drawn = fs::read_to_string(dir.path().join("drawn.csv")).unwrap();
    let table = |shifts: [f64; 4]| {
        let mut lines = drawn.lines();
        let mut out = lines.next().unwrap().to_owned() + "\n";
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            for (cell, shift) in cells.iter().zip(shifts) {
                let value = (cell.parse::<f64>().unwrap() * 64.0).round() / 64.0 + shift;
                out += &format!("{value},");
            }
            out += cells[4];
            out += "\n";
        }
        out
    };
    fs::write(dir.path().join("rows.csv"), table([0.0; 4])).unwrap();
    let at_zero = dir.path().join("rows.csv");
    for likelihood in LIKELIHOODS {
        for score in SCORES {
            let train = |out: &str| format!("{TRAIN} --likelihood {likelihood} --score {score} --force --out {out}");
            fs::write(&at_zero, table([0.0; 4])).unwrap();
            edgevae(dir.path(), &train("here")).ok();
            let here = scores(dir.path(), "here/model.evae", "rows.csv");
            fs::write(&at_zero, table([16.0, -64.0, 0.5, 256.0])).unwrap();
            edgevae(dir.path(), &train("there")).ok();
            let there = scores(dir.path(), "there/model.evae", "rows.csv");
            let spread = here.iter().copied().fold(f32::NEG_INFINITY, f32::max)
                - here.iter().copied().fold(f32::INFINITY, f32::min);
            for (a, b) in here.iter().zip(&there) {
                // Rounding at 256 is 256 * 2^-24 of a unit; five epochs of training amplify it a little.
                assert!((a - b).abs() <= 1e-3 * spread, "{likelihood} {score}: {a} and {b}, spread {spread}");
            }
        }
    }
}

#[test]
fn inspect_lists_heads_with_what_they_cost() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 600 --out rows.csv").ok();
    let inspect = |score: &str| {
        edgevae(dir.path(), &format!("{TRAIN} --score {score} --draws 5 --out {score}")).ok();
        let json = edgevae(dir.path(), &format!("inspect {score}/model.evae --json")).ok();
        (
            serde_json::from_str::<Value>(&json).unwrap(),
            edgevae(dir.path(), &format!("inspect {score}/model.evae")).ok(),
        )
    };
    let (mse, _) = inspect("mse");
    assert_eq!(mse["detector"], "Detector::<10, 16>");
    assert_eq!(mse["detector_bytes"], 4 + 4 * (10 + 2 * 16));
    let (combined, text) = inspect("combined");
    let heads: Vec<_> = combined["heads"].as_array().unwrap().iter().map(|head| head["name"].clone()).collect();
    assert_eq!(heads, ["mse", "mahalanobis"]);
    // 3 means, 6 numbers of the triangle, step, rate and 17 knots.
    assert_eq!(combined["heads"][1]["bytes"], 4 * (3 + 6 + 19));
    assert!(text.contains("score, mean of"), "{text}");
    let (sampled, text) = inspect("reconstruction-probability");
    let decode = 3 * 8 + 8 * 16 + 16 * 10;
    assert_eq!(sampled["heads"][0]["multiply_adds"], 5 * (decode + 2 * 10 + 3));
    assert_eq!(sampled["heads"][0]["bytes"], 4 * 5 * 3);
    assert!(text.contains("Detector::<10, 16, 29>"), "{text}");
}

#[test]
fn a_log_likelihood_may_have_a_threshold_below_zero_and_a_distance_may_not() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 600 --out rows.csv").ok();
    let calibrate = |score: &str| {
        edgevae(dir.path(), &format!("{TRAIN} --score {score} --out {score}")).ok();
        format!("calibrate --model {score}/model.evae --data rows.csv --threshold -3 --out {score}.evae")
    };
    edgevae(dir.path(), &calibrate("elbo")).ok();
    assert!(scores(dir.path(), "elbo.evae", "rows.csv").iter().all(|score| *score > -3.0));
    edgevae(dir.path(), &calibrate("combined")).fails_with(&["--threshold", "-3", "never below 0"]);
}
