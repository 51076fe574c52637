//! Real files, wide and narrow: none fails, none yields a number that is none.

use edgevae_tests::{edgevae, real_data};
use serde_json::Value;

#[test]
fn trains_and_scores_real_data_wide_and_narrow() {
    for (name, at_least) in [("skab_valve1", 0.5), ("cardio", 0.8), ("musk", 0.9), ("wbc", 0.9)] {
        let Some(data) = real_data(name) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let data = data.display();
        edgevae(
            dir.path(),
            &format!("train --data {data} --label label --epochs 10 --train-on normal --quiet --out run"),
        )
        .ok();
        let metrics = std::fs::read_to_string(dir.path().join("run/metrics.json")).unwrap();
        let metrics: Value = serde_json::from_str(&metrics).unwrap();
        let auc = metrics["roc_auc"].as_f64().unwrap();
        assert!(auc >= at_least, "{name}: ROC-AUC {auc}");
        let scored = edgevae(dir.path(), &format!("score --model run/model.evae --data {data} --quiet")).ok();
        for line in scored.lines().skip(1) {
            let score: f32 = line.split(',').nth(1).unwrap().parse().unwrap();
            assert!(score.is_finite() && score >= 0.0, "{name}: {line}");
        }
    }
}
