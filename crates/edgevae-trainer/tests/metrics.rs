//! Metrics and thresholds against hand-worked cases, a float64 reference (`data/metrics.py`) and their own laws.

use edgevae_trainer::calibrate::metrics::{Confusion, average_precision, precision_recall_curve, roc_auc, roc_curve};
use edgevae_trainer::calibrate::threshold::{
    ThresholdError, at_threshold, binomial_interval, calibrate, quantile, rows_needed,
};
use proptest::prelude::*;

#[test]
fn areas_and_quantiles_equal_the_float64_reference() {
    let close = |found: Option<f64>, cell: &str| (found.unwrap() - cell.parse::<f64>().unwrap()).abs() < 1e-12;
    let mut cases = 0;
    for line in include_str!("data/metrics.csv").lines() {
        let cells: Vec<&str> = line.split(',').collect();
        let pairs = cells[1].split(' ').map(|pair| pair.split_once(':').unwrap());
        let (scores, labels): (Vec<f32>, Vec<bool>) =
            pairs.map(|(score, label)| (score.parse::<f32>().unwrap(), label == "1")).unzip();
        assert!(close(roc_auc(&scores, &labels), cells[2]), "ROC-AUC of {}", cells[0]);
        assert!(close(average_precision(&scores, &labels), cells[3]), "average precision of {}", cells[0]);
        for (q, cell) in [0.5, 0.95, 0.99].into_iter().zip(&cells[4..]) {
            assert!(close(quantile(&scores, q), cell), "quantile {q} of {}", cells[0]);
        }
        cases += 1;
    }
    assert_eq!(cases, 7);
}

#[test]
fn ties_count_one_half() {
    assert_eq!(roc_auc(&[1.0, 1.0], &[false, true]), Some(0.5));
    // Pairs (anomaly 2 or 3, normal 1, 2): 2>1, 2=2, 3>1, 3>2 = 3.5 of 4.
    assert_eq!(roc_auc(&[1.0, 2.0, 2.0, 3.0], &[false, false, true, true]), Some(0.875));
    assert_eq!(average_precision(&[1.0; 4], &[false, true, false, false]), Some(0.25), "the share of anomalies");
}

#[test]
fn one_class_has_no_area_and_no_curve() {
    for labels in [[false; 3], [true; 3]] {
        let scores = [0.1, 0.2, 0.3];
        assert_eq!((roc_auc(&scores, &labels), average_precision(&scores, &labels)), (None, None));
        assert!(roc_curve(&scores, &labels).is_empty() && precision_recall_curve(&scores, &labels).is_empty());
    }
    assert_eq!(roc_auc(&[], &[]), None);
}

#[test]
fn a_row_is_flagged_only_above_the_threshold() {
    let (scores, labels) = ([1.0, 2.0, 2.0, 3.0, 4.0], [false, false, true, true, false]);
    let counts = Confusion::at(&scores, &labels, 2.0);
    assert_eq!(counts, Confusion { tp: 1, fp: 1, tn: 2, fn_: 1 });
    assert_eq!((counts.precision(), counts.recall(), counts.f1()), (Some(0.5), Some(0.5), Some(0.5)));
    assert_eq!((counts.false_alarm_rate(), counts.missed_detection_rate()), (Some(1.0 / 3.0), Some(0.5)));
}

#[test]
fn rates_without_a_denominator_are_none() {
    let nothing_flagged = Confusion::at(&[1.0, 2.0], &[false, true], 9.0);
    assert_eq!(
        (nothing_flagged.precision(), nothing_flagged.recall(), nothing_flagged.f1()),
        (None, Some(0.0), Some(0.0))
    );
    let no_anomalies = Confusion::at(&[1.0, 2.0], &[false, false], 1.5);
    assert_eq!((no_anomalies.recall(), no_anomalies.f1(), no_anomalies.missed_detection_rate()), (None, None, None));
    assert_eq!(no_anomalies.precision(), None, "it would be 0 whatever the scores");
}

#[test]
fn the_threshold_is_the_interpolated_quantile_and_says_what_it_implies() {
    // h = 99 * 0.95 = 94.05: between the scores 95 and 96.
    let scores: Vec<f32> = (1..=100).map(|score| score as f32).collect();
    let calibration = calibrate(&scores, 0.95).unwrap();
    assert_eq!(calibration.threshold, 95.05);
    assert_eq!((calibration.rows, calibration.exceedances, calibration.rows_needed), (100, 5, 59));
    assert!(calibration.enough_rows() && calibration.warning().is_none());
    assert_eq!(
        calibration.statement("rows kept out of the fit"),
        "95.05, the 0.95 quantile (linear) of the scores of 100 rows kept out of the fit: false-alarm rate 5.0 % (95 % interval \
         1.6 to 11.3 %; 5 of 100)"
    );
    let many: Vec<f32> = (0..20_000).map(|score| score as f32).collect();
    let rare = calibrate(&many, 0.9999).unwrap().statement("rows");
    assert!(
        rare.contains(
            "of the scores of 20,000 rows: false-alarm rate 0.010 % (95 % interval 0.0012 to 0.036 %; 2 of 20,000)"
        ),
        "{rare}"
    );
    let small = calibrate(&scores[..58], 0.95).unwrap();
    assert!(small.warning().unwrap().contains("58 calibration rows are too few for the 0.95 quantile: 59 are needed"));
}

#[test]
fn a_score_at_the_threshold_is_no_exceedance() {
    let calibration = at_threshold(&[1.0, 2.0, 2.0, 3.0], 2.0).unwrap();
    assert_eq!((calibration.exceedances, calibration.false_alarm_rate), (1, Some(0.25)));
    let none = at_threshold(&[], 2.0).unwrap();
    assert_eq!((none.false_alarm_rate, none.interval), (None, None));
}

#[test]
fn thresholds_stay_finite() {
    assert_eq!(calibrate(&[0.0; 10], 0.95).unwrap().threshold, f32::MIN_POSITIVE);
    assert_eq!(calibrate(&[], 0.95), Err(ThresholdError::NoScores));
    let error = calibrate(&[1.0, f32::INFINITY], 0.95);
    assert_eq!(error, Err(ThresholdError::NonFinite { row: 2, score: f32::INFINITY }));
    for q in [0.0, 1.0, -0.5, 2.0] {
        assert_eq!(calibrate(&[1.0], q), Err(ThresholdError::Quantile(q)));
    }
    assert!(calibrate(&[1.0], f64::NAN).is_err());
    for threshold in [f32::NEG_INFINITY, f32::INFINITY] {
        assert_eq!(at_threshold(&[1.0], threshold), Err(ThresholdError::Threshold(threshold)));
    }
}

#[test]
fn the_interval_is_the_one_of_clopper_and_pearson() {
    // By closed form at the ends: 1 - 0.025^(1/n) for no event of n.
    let close = |found: Option<(f64, f64)>, low: f64, high: f64| {
        let (found_low, found_high) = found.unwrap();
        assert!((found_low - low).abs() < 5e-5 && (found_high - high).abs() < 5e-5, "{found_low} {found_high}");
    };
    close(binomial_interval(0, 10), 0.0, 1.0 - 0.025_f64.powf(0.1));
    close(binomial_interval(10, 10), 0.025_f64.powf(0.1), 1.0);
    close(binomial_interval(5, 100), 0.0164, 0.1128);
    close(binomial_interval(1, 20), 0.0013, 0.2487);
    close(binomial_interval(50, 100), 0.3983, 0.6017);
    assert_eq!((binomial_interval(0, 0), binomial_interval(2, 1)), (None, None));
}

#[test]
fn a_quantile_needs_as_many_rows_as_wilks_says() {
    assert_eq!([0.9, 0.95, 0.99, 0.999].map(rows_needed), [29, 59, 299, 2995]);
}

/// Scores on a coarse grid, so that ties are common, with labels.
fn labelled() -> impl Strategy<Value = (Vec<f32>, Vec<bool>)> {
    prop::collection::vec((0_u8..12, any::<bool>()), 2..60)
        .prop_map(|rows| rows.into_iter().map(|(score, label)| (f32::from(score) / 4.0, label)).unzip())
}

proptest! {
    #[test]
    fn the_area_depends_on_ranks_alone((scores, labels) in labelled()) {
        let mapped: Vec<f32> = scores.iter().map(|score| score.exp() + 3.0).collect();
        let negated: Vec<f32> = scores.iter().map(|score| -score).collect();
        prop_assert_eq!(roc_auc(&mapped, &labels), roc_auc(&scores, &labels));
        if let (Some(auc), Some(opposite)) = (roc_auc(&scores, &labels), roc_auc(&negated, &labels)) {
            prop_assert!((auc + opposite - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn curves_have_the_areas_that_are_reported((scores, labels) in labelled()) {
        if let Some(auc) = roc_auc(&scores, &labels) {
            let roc = roc_curve(&scores, &labels);
            let trapezoids = roc.windows(2).map(|p| {
                (p[1].false_alarm_rate - p[0].false_alarm_rate) * (p[1].recall + p[0].recall) / 2.0
            });
            prop_assert!((trapezoids.sum::<f64>() - auc).abs() < 1e-12);
            let mut recall = 0.0;
            let steps = precision_recall_curve(&scores, &labels);
            let area: f64 = steps.iter().map(|p| (p.recall - std::mem::replace(&mut recall, p.recall)) * p.precision).sum();
            prop_assert!((area - average_precision(&scores, &labels).unwrap()).abs() < 1e-12);
            prop_assert_eq!(recall, 1.0);
        }
    }

    #[test]
    fn quantiles_rise_with_q_and_stay_within_the_data(
        scores in prop::collection::vec(-1e6_f32..1e6, 1..50), (a, b) in (0.0..1.0, 0.0..1.0),
    ) {
        let (low, high) = (f64::min(a, b), f64::max(a, b));
        let (low, high) = (quantile(&scores, low).unwrap(), quantile(&scores, high).unwrap());
        prop_assert!(low <= high);
        let (least, most) = scores.iter().fold((f32::MAX, f32::MIN), |(l, m), &s| (l.min(s), m.max(s)));
        prop_assert!(f64::from(least) <= low && high <= f64::from(most));
    }
}
