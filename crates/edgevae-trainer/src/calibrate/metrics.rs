//! How well scores separate anomalies from normal rows.
//!
//! Everywhere `scores[i]` belongs to `labels[i]`, `true` is an anomaly, higher scores are more anomalous, and a quantity that is
//! not defined (one class only, nothing flagged) is `None` and never a number.

use serde::{Deserialize, Serialize};

/// Verdicts against labels at one threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Anomalies flagged.
    pub tp: usize,
    /// Normal rows flagged: false alarms.
    pub fp: usize,
    /// Normal rows passed.
    pub tn: usize,
    /// Anomalies passed: missed detections.
    #[serde(rename = "fn")]
    pub fn_: usize,
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Confusion {
    /// Counts verdicts: a row is flagged when `score > threshold`, strictly.
    pub fn at(scores: &[f32], labels: &[bool], threshold: f32) -> Self {
        let mut counts = Self::default();
        for (&score, &label) in scores.iter().zip(labels) {
            match (score > threshold, label) {
                (true, true) => counts.tp += 1,
                (true, false) => counts.fp += 1,
                (false, false) => counts.tn += 1,
                (false, true) => counts.fn_ += 1,
            }
        }
        counts
    }

    /// Whether there are anomalies and normal rows: of one class alone precision is 0 or 1 whatever the scores.
    fn has_both_classes(&self) -> bool {
        self.tp + self.fn_ > 0 && self.fp + self.tn > 0
    }

    /// Share of the flagged rows that are anomalies: `tp / (tp + fp)`; `None` with one class only.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.tp, self.tp + self.fp).filter(|_| self.has_both_classes())
    }

    /// Share of the anomalies that are flagged: `tp / (tp + fn)`.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.tp, self.tp + self.fn_)
    }

    /// Harmonic mean of precision and recall: `2 tp / (2 tp + fp + fn)`; `None` with one class only.
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_).filter(|_| self.has_both_classes())
    }

    /// Share of the normal rows that are flagged: `fp / (fp + tn)`.
    pub fn false_alarm_rate(&self) -> Option<f64> {
        ratio(self.fp, self.fp + self.tn)
    }

    /// Share of the anomalies that are passed: `fn / (tp + fn)`.
    pub fn missed_detection_rate(&self) -> Option<f64> {
        ratio(self.fn_, self.tp + self.fn_)
    }
}

/// A point of the ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// Share of the normal rows at or above the score.
    pub false_alarm_rate: f64,
    /// Share of the anomalies at or above the score.
    pub recall: f64,
}

/// A point of the precision-recall curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecallPoint {
    /// Share of the anomalies at or above the score.
    pub recall: f64,
    /// Share of anomalies among the rows at or above the score.
    pub precision: f64,
}

/// Cumulative counts of anomalies and normal rows from the highest score down, one entry for each distinct score.
///
/// Rows with equal scores cannot be told apart by any threshold, so they enter together: this is how ties are handled in
/// every curve and area here.
fn cumulative(scores: &[f32], labels: &[bool]) -> Vec<(usize, usize)> {
    let mut rows: Vec<(f32, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut tp, mut fp) = (0, 0);
    let counts = rows.chunk_by(|a, b| a.0 == b.0).map(|tied| {
        let anomalies = tied.iter().filter(|(_, label)| *label).count();
        tp += anomalies;
        fp += tied.len() - anomalies;
        (tp, fp)
    });
    counts.collect()
}

/// Area under the ROC curve: the probability that a random anomaly scores above a random normal row, ties counting half.
///
/// Computed as the area under the trapezoids between distinct scores, which equals the Mann-Whitney statistic with
/// mid-ranks divided by `anomalies * normals`.
///
/// # Source
/// Hanley & McNeil 1982.
///
/// # Examples
/// ```
/// use edgevae_trainer::calibrate::metrics::roc_auc;
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
/// assert_eq!(roc_auc(&[0.1, 0.4], &[true, true]), None);
/// ```
pub fn roc_auc(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let counts = cumulative(scores, labels);
    let &(anomalies, normals) = counts.last()?;
    let (mut doubled, mut before) = (0_u128, (0, 0));
    for &(tp, fp) in &counts {
        doubled += (fp - before.1) as u128 * (tp + before.0) as u128;
        before = (tp, fp);
    }
    let pairs = anomalies as u128 * normals as u128;
    (pairs > 0).then(|| doubled as f64 / (2 * pairs) as f64)
}

/// Average precision: `Σ_n (R_n - R_{n-1}) P_n` over distinct scores from the highest down.
///
/// A step sum without interpolation; a detector that cannot tell rows apart has the share of anomalies.
///
/// # Examples
/// ```
/// use edgevae_trainer::calibrate::metrics::average_precision;
/// let ap = average_precision(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]).unwrap();
/// assert!((ap - (0.5 * 1.0 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
/// ```
pub fn average_precision(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let counts = cumulative(scores, labels);
    let &(anomalies, _) = counts.last().filter(|(anomalies, normals)| *anomalies > 0 && *normals > 0)?;
    let mut before = 0;
    let steps = counts.iter().map(|&(tp, fp)| {
        let gained = tp - std::mem::replace(&mut before, tp);
        gained as f64 * tp as f64 / (tp + fp) as f64
    });
    Some(steps.sum::<f64>() / anomalies as f64)
}

/// The ROC curve from (0, 0) to (1, 1), one point for each distinct score; empty with one class.
pub fn roc_curve(scores: &[f32], labels: &[bool]) -> Vec<RocPoint> {
    let counts = cumulative(scores, labels);
    let Some(&(anomalies @ 1.., normals @ 1..)) = counts.last() else { return Vec::new() };
    let point = |&(tp, fp): &(usize, usize)| RocPoint {
        false_alarm_rate: fp as f64 / normals as f64,
        recall: tp as f64 / anomalies as f64,
    };
    std::iter::once(&(0, 0)).chain(&counts).map(point).collect()
}

/// The precision-recall curve by rising recall, one point for each distinct score; empty with one class.
pub fn precision_recall_curve(scores: &[f32], labels: &[bool]) -> Vec<PrecisionRecallPoint> {
    let counts = cumulative(scores, labels);
    let Some(&(anomalies @ 1.., 1..)) = counts.last() else { return Vec::new() };
    let point = |&(tp, fp): &(usize, usize)| PrecisionRecallPoint {
        recall: tp as f64 / anomalies as f64,
        precision: tp as f64 / (tp + fp) as f64,
    };
    counts.iter().map(point).collect()
}
