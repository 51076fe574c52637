//! Reports as `train` would fill them, from a generator with a fixed seed.

use edgevae_trainer::calibrate::metrics::{Confusion, PrecisionRecallPoint, RocPoint};
use edgevae_trainer::fit::EpochRecord;
use edgevae_trainer::quantize::{self, Comparison, Pair, Tuned};
use edgevae_trainer::run::baselines::Outcome;
use edgevae_trainer::score::RowVerdict;
use edgevae_trainer::score::results::Quality;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::report::*;

/// An int8 form whose scores are 1 % off.
fn quantized(scored: &ScoredRows) -> QuantizedForm {
    let verdict = |score: f32, out_of_range| RowVerdict { score, is_anomaly: false, out_of_range };
    let float: Vec<RowVerdict> = scored.scores.iter().map(|&score| verdict(score, None)).collect();
    let int8: Vec<RowVerdict> = scored.scores.iter().map(|&score| verdict(1.01 * score, Some(false))).collect();
    let calibration = edgevae_trainer::calibrate::threshold::at_threshold(&scored.scores, scored.threshold).unwrap();
    let pair = Pair { float: &float, int8: &int8, labels: scored.labels.as_deref() };
    let comparison = Comparison::of(pair, (&calibration, &calibration));
    let tuned = Tuned { epochs: 10, kept_epoch: 9, score_error_before: 0.02, score_error: 0.01 };
    QuantizedForm {
        report: quantize::Report {
            ranges: vec![],
            calibration_rows: 500,
            searched_rows: 500,
            score_error: 0.01,
            tuned: Some(tuned),
            comparison,
        },
        model_bytes: [24_700, 7_800],
    }
}

/// A test set in the manner of the reference data: log-normal scores, anomalies about three times higher in the log.
pub(super) fn scored(normal: usize, anomalies: usize, threshold: f32) -> ScoredRows {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut gaussian = || (0..12).map(|_| rng.r#gen::<f32>()).sum::<f32>() - 6.0;
    let mut scores: Vec<f32> = (0..normal).map(|_| 0.42 * (0.45 * gaussian()).exp()).collect();
    scores.extend((0..anomalies).map(|_| 2.9 * (0.5 * gaussian()).exp()));
    ScoredRows {
        rows: "test rows".into(),
        score: "reconstruction error".into(),
        unit: "scaled units²".into(),
        scores,
        labels: Some((0..normal + anomalies).map(|i| i >= normal).collect()),
        threshold,
    }
}

pub(super) fn history(epochs: usize) -> Vec<EpochRecord> {
    let record = |epoch: usize| {
        let t = epoch as f64;
        let beta = (t / 30.0).min(1.0);
        let reconstruction_loss = 1.35 + 3.6 * (-t / 4.0).exp() + 0.35 * beta + 0.01 * (t * 1.7).sin();
        let kl = 3.9 - 2.2 * beta + 2.0 * (-t / 3.0).exp() + 0.02 * (t * 2.3).cos();
        let objective = reconstruction_loss + beta * kl;
        let validation_objective = Some(objective * 1.03 + 0.03 * (t * 3.1).sin());
        EpochRecord {
            epoch,
            beta: beta as f32,
            reconstruction_loss,
            kl,
            objective,
            validation_objective,
            seconds: 0.01,
        }
    };
    (1..=epochs).map(record).collect()
}

/// Curves, metrics and counts of the scored rows, by brute force over the sorted scores.
fn evaluate(report: &mut Report) {
    let rows = &report.scored;
    let labels = rows.labels.clone().unwrap_or_default();
    let mut order: Vec<(f32, bool)> = rows.scores.iter().copied().zip(labels).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = order.iter().filter(|row| row.1).count();
    let negatives = order.len() - positives;
    if positives == 0 || negatives == 0 {
        return;
    }
    report.roc.push(RocPoint { false_alarm_rate: 0.0, recall: 0.0 });
    let (mut tp, mut fp) = (0, 0);
    let (mut area, mut average_precision) = (0.0, 0.0);
    let mut counts = Confusion::default();
    for (i, (score, anomaly)) in order.iter().enumerate() {
        let flagged = *score > rows.threshold;
        match (*anomaly, flagged) {
            (true, true) => counts.tp += 1,
            (true, false) => counts.fn_ += 1,
            (false, true) => counts.fp += 1,
            (false, false) => counts.tn += 1,
        }
        if *anomaly {
            tp += 1
        } else {
            fp += 1
        }
        if order.get(i + 1).is_some_and(|next| next.0 == *score) {
            continue;
        }
        let (recall, false_alarm_rate) = (tp as f64 / positives as f64, fp as f64 / negatives as f64);
        let precision = tp as f64 / (tp + fp) as f64;
        let before = *report.roc.last().unwrap();
        area += (false_alarm_rate - before.false_alarm_rate) * 0.5 * (recall + before.recall);
        average_precision += (recall - before.recall) * precision;
        report.roc.push(RocPoint { false_alarm_rate, recall });
        report.precision_recall.push(PrecisionRecallPoint { recall, precision });
    }
    let flagged = counts.tp + counts.fp;
    let recall = counts.tp as f64 / positives as f64;
    let precision = (flagged > 0).then(|| counts.tp as f64 / flagged as f64);
    report.metrics = Quality {
        missed_detection_rate: None,
        roc_auc: Some(area),
        average_precision: Some(average_precision),
        precision,
        recall: Some(recall),
        f1: precision.map(|p| 2.0 * p * recall / (p + recall)),
        false_alarm_rate: Some(counts.fp as f64 / negatives as f64),
        confusion: Some(counts),
    };
}

/// A report on these scored rows, with `features` columns and `epochs` of training.
pub(super) fn report(scored: ScoredRows, features: usize, epochs: usize) -> Report {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let feature_names: Vec<String> = (0..features).map(|i| format!("x{i}")).collect();
    let mut order: Vec<usize> = (0..scored.scores.len()).collect();
    order.sort_by(|a, b| scored.scores[*b].total_cmp(&scored.scores[*a]));
    let worst_rows = order.iter().take(10).map(|&i| {
        let shares: Vec<f32> = (0..features).map(|_| rng.r#gen::<f32>().powi(6)).collect();
        let mean = shares.iter().sum::<f32>() / features as f32;
        WorstRow {
            row: i + 1,
            score: scored.scores[i],
            label: scored.labels.as_ref().map(|labels| labels[i]),
            contributions: shares.iter().map(|s| s / mean * scored.scores[i]).collect(),
        }
    });
    let worst_rows = worst_rows.collect();
    let rows = scored.scores.len();
    let latent_map = latent_map(&scored.labels, &scored.scores);
    let compared = ["mse", "elbo", "combined"].map(|name| compared(name, &scored)).to_vec();
    let labelled = |n: usize| scored.labels.as_ref().map(|_| n);
    let without_network = Outcome { name: "kNN", roc_auc: Some(0.9125), average_precision: None };
    let baselines = labelled(1).map(|_| without_network).into_iter().collect();
    let test_anomalies = scored.labels.as_ref().map(|l| l.iter().filter(|a| **a).count());
    let quantized = (!scored.scores.is_empty()).then(|| quantized(&scored));
    let mut report = Report {
        title: "edgevae training report".into(),
        tool_version: "edgevae 0.1.0".into(),
        dataset: DatasetSummary {
            tested_on: String::new(),
            notes: vec![],
            source: "the reference data set (seed 0)".into(),
            rows: 5 * rows,
            features,
            anomalies: labelled(5 * test_anomalies.unwrap_or(0)),
            train_rows: 4 * rows,
            train_anomalies: labelled(4 * test_anomalies.unwrap_or(0)),
            calibration_rows: 0,
            validation_rows: 0,
            footing_rows: 0,
            trimmed_rows: 0,
            test_rows: rows,
            test_anomalies,
            dropped_rows: 0,
            constant_columns: vec![],
        },
        options: [
            ("hidden", "64, 32"),
            ("latent", "8"),
            ("parameters", "5,954"),
            ("epochs", "50"),
            ("batch size", "128"),
            ("learning rate", "0.001"),
            ("beta", "1, linear over 30 epochs"),
            ("seed", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        history: history(epochs),
        calibration: CalibrationNote {
            statement: "The threshold is the 0.95 quantile (linear interpolation) of the scores of the 1,960 normal \
                        test rows. Implied false-alarm rate 5.0 %, 95 % confidence interval 4.1 % to 6.1 %."
                .into(),
            warning: None,
        },
        scored,
        metrics: Quality::of(&[], None, 1.0),
        roc: vec![],
        precision_recall: vec![],
        contribution: Contribution {
            name: "squared error".into(),
            unit: "scaled units²".into(),
            relation: "The reconstruction error of a row is the mean over its features.".into(),
        },
        worst_rows,
        feature_names,
        latents: LatentSummary {
            kl: vec![0.81, 0.002, 1.32, 0.0006, 0.41, 1.9, 0.0011, 0.7],
            active: 5,
            active_above: 0.01,
        },
        latent_map,
        compared,
        baselines,
        quantized,
        parity: "edgevae-core scored the test rows from the exported file; largest relative difference to the trained \
                 network 3.1e-7 (limit 1e-4)."
            .into(),
        warnings: vec![],
        reproduce: vec!["edgevae train --config runs/example/config.toml --out runs/again".into()],
        files: vec![
            ("model.evae".into(), "the model, for edgevae-core".into()),
            ("scores.csv".into(), "scores of the test rows".into()),
        ],
    };
    evaluate(&mut report);
    report
}

/// The scored rows by another name; a log-likelihood may be below 0.
fn compared(name: &str, scored: &ScoredRows) -> ComparedScore {
    let mut scored = scored.clone();
    if name == "elbo" {
        scored.unit = "nats".into();
        scored.scores.iter_mut().for_each(|score| *score = 4.0 * score.ln());
        scored.threshold = 4.0 * scored.threshold.ln();
    }
    let labels = scored.labels.as_deref().filter(|_| scored.scores.iter().all(|score| score.is_finite()));
    let metrics = Quality::of(&scored.scores, labels, scored.threshold);
    let (multiply_adds, model_bytes, detector_bytes) = (5_514, 25_000, 552);
    ComparedScore {
        name: name.into(),
        chosen: name == "mse",
        scored,
        metrics,
        multiply_adds,
        model_bytes,
        detector_bytes,
    }
}

/// Rows on a ring, the high scores far out.
fn latent_map(labels: &Option<Vec<bool>>, scores: &[f32]) -> LatentMap {
    let at = |i: usize, turn: f32| {
        let angle = i as f32 * turn;
        let radius = 1.0 + scores[i].min(4.0);
        (radius * angle.cos(), 0.4 * radius * angle.sin())
    };
    let finite: Vec<usize> = (0..scores.len()).filter(|&i| scores[i].is_finite()).collect();
    LatentMap {
        pca: finite.iter().map(|&i| at(i, 0.7)).collect(),
        explained: (0.71, 0.22),
        tsne: if finite.len() < 30 { vec![] } else { finite.iter().map(|&i| at(i, 2.4)).collect() },
        labels: labels.as_ref().map(|labels| finite.iter().map(|&i| labels[i]).collect()),
        scores: finite.iter().map(|&i| scores[i]).collect(),
        threshold: 0.88,
        left_out: 0,
        anomalies_left_out: 0,
    }
}

/// The report of the reference run: 1,960 normal rows, 40 anomalies, 10 features, 50 epochs.
pub(super) fn reference() -> Report {
    report(scored(1960, 40, 0.88), 10, 50)
}

/// Reports at the edge of what `train` may hand over, by name.
pub(super) fn edge_cases() -> Vec<(&'static str, Report)> {
    let unlabelled = |mut rows: ScoredRows| {
        rows.labels = None;
        rows
    };
    let with_scores = |scores: Vec<f32>| {
        let mut rows = scored(scores.len() - 1, 1, 1.0);
        rows.scores = scores;
        rows
    };
    let mut far = scored(1960, 40, 0.88);
    far.scores[1990..].fill(1e9);
    let mut farthest = scored(1960, 40, 0.88);
    farthest.scores[1998] = 1e9;
    farthest.scores[1999] = f32::MAX;
    let mut wide = report(scored(1960, 40, 0.88), 500, 50);
    for (i, name) in wide.feature_names.iter_mut().enumerate() {
        *name = format!(
            "plant 3 / line {} / bearing <{i}> & \"housing\" temperature, filtered_by_median_of_{i}_samples",
            i % 7
        );
    }
    wide.dataset.constant_columns = wide.feature_names[..30].to_vec();
    wide.latents.kl = (0..64).map(|j| f64::from(j % 5) * 0.3).collect();
    let mut hard = report(unlabelled(scored(3, 0, 0.5)), 2, 3);
    hard.scored.scores = vec![f32::NAN, f32::INFINITY, 1.0];
    hard.worst_rows[0].contributions = vec![f32::INFINITY, 1.0];
    hard.history[0].objective = f64::INFINITY;
    hard.history[1].kl = f64::NAN;
    hard.latents.kl = vec![f64::NAN];
    let mut steep = report(scored(500, 20, 0.88), 10, 400);
    for record in &mut steep.history {
        let far = 5e4 * (-(record.epoch as f64) / 6.0).exp();
        record.reconstruction_loss += far;
        record.objective += far;
        record.validation_objective = None;
    }
    let mut nats = report(scored(500, 20, 0.88), 10, 20);
    for score in &mut nats.scored.scores {
        *score = 4.0 * score.ln() - 3.0;
    }
    nats.scored.threshold = -3.0;
    (nats.scored.score, nats.scored.unit) = ("negative log-likelihood".into(), "nats".into());
    for record in &mut nats.history {
        record.reconstruction_loss -= 6.0;
        record.objective -= 6.0;
    }
    let mut bare = report(unlabelled(scored(0, 0, 0.5)), 3, 0);
    bare.latents = LatentSummary::default();
    bare.calibration.warning = Some("12 rows are too few for the 0.95 quantile: at least 20 are needed.".into());
    vec![
        ("no_labels", report(unlabelled(scored(2000, 0, 0.88)), 10, 50)),
        ("one_feature", report(scored(1960, 40, 0.88), 1, 50)),
        ("wide", wide),
        ("equal_scores", report(with_scores(vec![0.75; 200]), 10, 50)),
        ("zero_scores", report(with_scores(vec![0.0; 200]), 10, 50)),
        ("one_epoch", report(scored(1960, 40, 0.88), 10, 1)),
        ("far_cluster", report(far, 10, 50)),
        ("far_outliers", report(farthest, 10, 50)),
        ("three_rows", report(with_scores(vec![0.3, 0.9, 1.2]), 10, 50)),
        ("one_class", report(scored(300, 0, 0.88), 10, 50)),
        ("not_finite", hard),
        ("steep_losses", steep),
        ("negative_scores", nats),
        ("no_test_rows", bare),
    ]
}
