//! Float and int8 model side by side.

use std::fmt;

use serde::Serialize;

use crate::base::numbers::{plural, significant};
use crate::calibrate::threshold::Calibration;
use crate::score::RowVerdict;
use crate::score::results::Quality;

/// Share of the rows that counts as the tail.
const TAIL: f64 = 0.05;

/// One of the two models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Threshold from the calibration rows, by the same quantile for both.
    pub threshold: f32,
    /// Share of the calibration rows above it.
    pub calibration_false_alarm_rate: Option<f64>,
    /// Label metrics; `null` without labels.
    #[serde(flatten)]
    pub quality: Quality,
}

/// How the two models' scores of the same rows compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Rows that both scored.
    pub rows: usize,
    /// The float model.
    pub float: Side,
    /// The int8 model.
    pub int8: Side,
    /// Share of rows with the same verdict, thresholds from the same rows and quantile.
    pub agreement: f64,
    /// Spearman's rank correlation of the scores; `null` where one side is constant.
    pub rank_correlation: Option<f64>,
    /// Median of the relative differences of scores.
    pub median_difference: f64,
    /// The rows that score highest, where detection happens.
    pub tail: Tail,
    /// Rows with a reading out of the int8 model's range.
    pub out_of_range: usize,
}

/// The highest float scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tail {
    /// How many: 5 % of the rows, at least one.
    pub rows: usize,
    /// Share of them among the same number of highest int8 scores.
    pub kept: f64,
    /// Spearman's rank correlation among them.
    pub rank_correlation: Option<f64>,
    /// Median of the relative differences.
    pub median_difference: f64,
    /// The largest relative difference.
    pub largest_difference: f64,
}

/// Verdicts on the same rows by both models; thresholds do not count.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// By the float model.
    pub float: &'a [RowVerdict],
    /// By the int8 model, scores in the same unit.
    pub int8: &'a [RowVerdict],
    /// `true` for an anomaly.
    pub labels: Option<&'a [bool]>,
}

impl Comparison {
    /// Compares the scores of some rows at thresholds that were calibrated alike.
    ///
    /// # Panics
    /// Without rows, or with sides of different lengths.
    pub fn of(pair: Pair<'_>, calibrations: (&Calibration, &Calibration)) -> Self {
        let Pair { float, int8, labels } = pair;
        assert!(!float.is_empty() && float.len() == int8.len(), "both models score the same rows");
        let (float_calibration, int8_calibration) = calibrations;
        let out_of_range = int8.iter().filter(|verdict| verdict.out_of_range == Some(true)).count();
        let ranks = |verdicts: &[RowVerdict]| verdicts.iter().map(RowVerdict::rank).collect::<Vec<f32>>();
        let side = |verdicts, calibration: &Calibration| Side {
            threshold: calibration.threshold,
            calibration_false_alarm_rate: calibration.false_alarm_rate,
            quality: Quality::of(&ranks(verdicts), labels, calibration.threshold),
        };
        let rows = float.len();
        let flags = |verdict: &RowVerdict, by: &Calibration| verdict.rank() > by.threshold;
        let same = float
            .iter()
            .zip(int8)
            .filter(|&(float, int8)| flags(float, float_calibration) == flags(int8, int8_calibration));
        let (agreement, sides) =
            (same.count() as f64 / rows as f64, (side(float, float_calibration), side(int8, int8_calibration)));
        let (float, int8) = (&scores(float)[..], &scores(int8)[..]);
        Self {
            rows,
            float: sides.0,
            int8: sides.1,
            agreement,
            rank_correlation: rank_correlation(float, int8),
            median_difference: median(differences(float, int8)),
            tail: Tail::of(float, int8),
            out_of_range,
        }
    }
}

impl Comparison {
    /// By how much the float model's ROC-AUC is higher.
    pub fn roc_auc_loss(&self) -> Option<f64> {
        Some(self.float.quality.roc_auc? - self.int8.quality.roc_auc?)
    }
}

impl Tail {
    fn of(float: &[f32], int8: &[f32]) -> Self {
        let rows = ((float.len() as f64 * TAIL).ceil() as usize).max(1);
        let (highest, others) = (highest(float, rows), highest(int8, rows));
        let kept = highest.iter().filter(|row| others.contains(row)).count();
        let of = |scores: &[f32]| -> Vec<f32> { highest.iter().map(|&row| scores[row]).collect() };
        let (float, int8) = (of(float), of(int8));
        let differences = differences(&float, &int8);
        Self {
            rows,
            kept: kept as f64 / rows as f64,
            rank_correlation: rank_correlation(&float, &int8),
            largest_difference: differences.iter().copied().fold(0.0, f64::max),
            median_difference: median(differences),
        }
    }
}

/// The scores of some verdicts.
pub(super) fn scores(verdicts: &[RowVerdict]) -> Vec<f32> {
    verdicts.iter().map(|verdict| verdict.score).collect()
}

/// Rows of the highest scores, rising by row.
fn highest(scores: &[f32], rows: usize) -> std::collections::BTreeSet<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.into_iter().take(rows).collect()
}

fn differences(float: &[f32], int8: &[f32]) -> Vec<f64> {
    let relative = |(&float, &int8): (&f32, &f32)| {
        let (float, int8) = (f64::from(float), f64::from(int8));
        if float == int8 { 0.0 } else { (int8 - float).abs() / float.abs().max(f64::from(f32::MIN_POSITIVE)) }
    };
    float.iter().zip(int8).map(relative).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Spearman's rank correlation: Pearson's correlation of ranks, tied scores sharing the mean of theirs.
fn rank_correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

fn ranks(scores: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut ranks = vec![0.0; scores.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let rank = first as f64 + (tied.len() as f64 - 1.0) / 2.0;
        tied.iter().for_each(|&row| ranks[row] = rank);
        first += tied.len();
    }
    ranks
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>| value.map_or("not measured".into(), |value| format!("{value:.4}"));
        writeln!(f, "{:<34} {:>14} {:>14}", plural(self.rows, "row"), "float", "int8")?;
        let mut line = |name: &str, of: &dyn Fn(&Side) -> String| {
            writeln!(f, "{name:<34} {:>14} {:>14}", of(&self.float), of(&self.int8))
        };
        line("ROC-AUC", &|side| number(side.quality.roc_auc))?;
        line("average precision", &|side| number(side.quality.average_precision))?;
        line("threshold", &|side| significant(side.threshold.into(), 7))?;
        line("false-alarm rate, calibration rows", &|side| number(side.calibration_false_alarm_rate))?;
        line("false-alarm rate", &|side| number(side.quality.false_alarm_rate))?;
        line("missed detections", &|side| number(side.quality.missed_detection_rate))?;
        let Self { agreement, rank_correlation, median_difference, tail, out_of_range, .. } = self;
        writeln!(f, "same verdict {:.2} % of rows, rank correlation {}", 100.0 * agreement, number(*rank_correlation))?;
        writeln!(
            f,
            "scores differ by {:.2} % (median); of the {} highest {:.1} % stay among the highest, rank correlation {}, \
             difference {:.2} % (median), {:.2} % (largest)",
            100.0 * median_difference,
            tail.rows,
            100.0 * tail.kept,
            number(tail.rank_correlation),
            100.0 * tail.median_difference,
            100.0 * tail.largest_difference
        )?;
        write!(f, "{} with a reading out of range", plural(*out_of_range, "row"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::threshold;

    #[test]
    fn rank_correlation_is_worked_by_hand() {
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), Some(1.0));
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        // ranks 0, 1, 2, 3 against 0, 1.5, 1.5, 3: covariance 4.5, variances 5 and 4.5
        let tied = rank_correlation(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 2.0, 3.0]).unwrap();
        assert!((tied - 4.5 / (5.0_f64 * 4.5).sqrt()).abs() < 1e-12);
        assert_eq!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
    }

    fn within_range(scores: &[f32]) -> Vec<RowVerdict> {
        scores.iter().map(|&score| RowVerdict { score, is_anomaly: false, out_of_range: None }).collect()
    }

    #[test]
    fn a_row_out_of_range_is_flagged_whatever_its_score() {
        let scores = [1.0, 2.0, 3.0, 4.0];
        let calibration = threshold::at_threshold(&scores, 3.5).unwrap();
        let mut int8 = within_range(&scores);
        int8[0].out_of_range = Some(true);
        let labels = Some(&[true, false, false, false][..]);
        let pair = Pair { float: &within_range(&scores), int8: &int8, labels };
        let comparison = Comparison::of(pair, (&calibration, &calibration));
        assert_eq!((comparison.out_of_range, comparison.agreement), (1, 0.75));
        assert_eq!((comparison.float.quality.recall, comparison.int8.quality.recall), (Some(0.0), Some(1.0)));
        assert_eq!((comparison.float.quality.roc_auc, comparison.int8.quality.roc_auc), (Some(0.0), Some(1.0)));
        assert_eq!(comparison.median_difference, 0.0, "scores themselves are equal");
    }

    #[test]
    fn the_tail_is_compared_by_itself() {
        let float: Vec<f32> = (1..=40).map(|row| row as f32).collect();
        let mut int8 = float.clone();
        int8[39] = 20.0; // the highest is lost among the others
        let calibration = |scores| threshold::calibrate(scores, 0.9).unwrap();
        let calibrations = (calibration(&float), calibration(&int8));
        let pair = Pair { float: &within_range(&float), int8: &within_range(&int8), labels: None };
        let comparison = Comparison::of(pair, (&calibrations.0, &calibrations.1));
        assert_eq!((comparison.tail.rows, comparison.tail.kept), (2, 0.5));
        assert_eq!(comparison.tail.largest_difference, 0.5);
        assert!(comparison.rank_correlation.unwrap() > 0.8);
        assert_eq!(comparison.float.quality.roc_auc, None);
        assert!(comparison.to_string().contains("not measured"));
    }
}
