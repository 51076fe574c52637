//! From scores of normal rows to a threshold, and what that threshold implies.

use super::beta_quantile::beta_quantile;
use crate::base::numbers::{count, significant};

/// Confidence of the interval of the false-alarm rate, and of the rule for enough rows.
const CONFIDENCE: f64 = 0.95;

/// Why there is no threshold.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// There are no scores to take it from.
    #[error("there is no row to take the threshold from; give rows that are normal, or --threshold")]
    NoScores,
    /// A score is NaN or infinite.
    #[error("the score of calibration row {row} is {score}; expected a finite number: correct or remove the row")]
    NonFinite {
        /// Place among the calibration rows, from 1.
        row: usize,
        /// The score.
        score: f32,
    },
    /// The quantile is not inside (0, 1).
    #[error("--quantile is {0}; expected a number above 0 and below 1, as in 0.95")]
    Quantile(f64),
    /// The threshold given is not a finite number.
    #[error("--threshold is {0}; expected a finite number")]
    Threshold(f32),
}

/// A threshold, where it comes from, and the false-alarm rate that follows.
///
/// When the rows are the same that the verdicts are judged on, as with the normal rows of the test split,
/// `false_alarm_rate` is `1 - quantile` up to rounding by construction. Rows kept out of both fit and evaluation
/// (`--calibrate-on holdout`) avoid that.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// A score above it is an anomaly; finite, and never 0.
    pub threshold: f32,
    /// Quantile that gave it; `None` for a threshold by hand.
    pub quantile: Option<f64>,
    /// Number of rows whose scores were used.
    pub rows: usize,
    /// How many of them score above the threshold, strictly.
    pub exceedances: usize,
    /// `exceedances / rows`; `None` without rows.
    pub false_alarm_rate: Option<f64>,
    /// Its 95 % confidence interval.
    pub interval: Option<(f64, f64)>,
    /// Rows that the quantile needs (see [`rows_needed`]); 0 for a threshold by hand.
    pub rows_needed: usize,
}

/// The `q` quantile of `scores` with linear interpolation (Hyndman & Fan 1996, type 7; numpy's default).
///
/// For sorted `s[0..n]`: `h = (n - 1) q` and `s[⌊h⌋] + (h - ⌊h⌋) (s[⌈h⌉] - s[⌊h⌋])`, in f64. `None` without scores.
///
/// # Examples
/// ```
/// use edgevae_trainer::calibrate::threshold::quantile;
/// assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
/// ```
pub fn quantile(scores: &[f32], q: f64) -> Option<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let h = sorted.len().checked_sub(1)? as f64 * q.clamp(0.0, 1.0);
    let (low, high) = (f64::from(sorted[h.floor() as usize]), f64::from(sorted[h.ceil() as usize]));
    Some(low + (h - h.floor()) * (high - low))
}

/// Rows of which, with 95 % confidence, at least one lies above the `q` quantile of their distribution.
///
/// The smallest `n` with `1 - q^n >= 0.95`: 59 for 0.95, 299 for 0.99, 2,995 for 0.999. With fewer, the sample may not
/// reach the quantile at all and the threshold is a guess.
///
/// # Source
/// Wilks 1941, distribution-free tolerance limits.
pub fn rows_needed(q: f64) -> usize {
    ((1.0 - CONFIDENCE).ln() / q.ln()).ceil() as usize
}

/// Clopper and Pearson's exact 95 % interval for a rate of which `events` of `trials` were seen; `None` without trials.
pub fn binomial_interval(events: usize, trials: usize) -> Option<(f64, f64)> {
    clopper_pearson(events as f64, trials as f64)
}

/// The same for counts that need not be whole, as an effective number of independent rows; `None` unless
/// `0 <= events <= trials` and `trials > 0`.
///
/// # Source
/// Clopper & Pearson 1934, in the form of beta quantiles; closed forms without events and with nothing else.
pub fn clopper_pearson(events: f64, trials: f64) -> Option<(f64, f64)> {
    if !(0.0 < trials && trials.is_finite() && (0.0..=trials).contains(&events)) {
        return None;
    }
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let end = -(tail.ln() / trials).exp_m1();
    let low = match events {
        0.0 => 0.0,
        _ if events == trials => 1.0 - end,
        _ => beta_quantile(events, trials - events + 1.0, tail),
    };
    let high = match events {
        0.0 => end,
        _ if events == trials => 1.0,
        _ => beta_quantile(events + 1.0, trials - events, 1.0 - tail),
    };
    Some((low, high))
}

/// Takes the `q` quantile of `scores` as the threshold.
///
/// # Errors
/// [`ThresholdError`] without scores, with a score that is not finite, or with `q` outside (0, 1).
pub fn calibrate(scores: &[f32], q: f64) -> Result<Calibration, ThresholdError> {
    if !(q > 0.0 && q < 1.0) {
        return Err(ThresholdError::Quantile(q));
    }
    check(scores)?;
    let value = quantile(scores, q).ok_or(ThresholdError::NoScores)? as f32;
    // Scores that cannot be negative have a positive threshold in the file; rows that are all reconstructed exactly would
    // give 0.
    let calibration = measure(scores, if value == 0.0 { f32::MIN_POSITIVE } else { value });
    Ok(Calibration { quantile: Some(q), rows_needed: rows_needed(q), ..calibration })
}

/// Takes a threshold that was given, and counts which of `scores` it flags.
///
/// # Errors
/// [`ThresholdError`] when it or a score is not finite.
pub fn at_threshold(scores: &[f32], threshold: f32) -> Result<Calibration, ThresholdError> {
    if !threshold.is_finite() {
        return Err(ThresholdError::Threshold(threshold));
    }
    check(scores)?;
    Ok(measure(scores, threshold))
}

fn check(scores: &[f32]) -> Result<(), ThresholdError> {
    match scores.iter().position(|score| !score.is_finite()) {
        Some(at) => Err(ThresholdError::NonFinite { row: at + 1, score: scores[at] }),
        None => Ok(()),
    }
}

fn measure(scores: &[f32], threshold: f32) -> Calibration {
    let (rows, exceedances) = (scores.len(), scores.iter().filter(|&&score| score > threshold).count());
    Calibration {
        threshold,
        quantile: None,
        rows,
        exceedances,
        false_alarm_rate: (rows > 0).then(|| exceedances as f64 / rows as f64),
        interval: binomial_interval(exceedances, rows),
        rows_needed: 0,
    }
}

/// A false-alarm rate and the ends of its interval in percent. Below 1 they have two digits whatever the zeros before them,
/// as in 0.010, else one behind the point.
pub(crate) fn percents(rate: f64, (low, high): (f64, f64)) -> [String; 3] {
    [rate, low, high].map(|share| match 100.0 * share {
        small if small < 0.995 => significant(small, 2),
        percent => format!("{percent:.1}"),
    })
}

impl Calibration {
    /// Whether there are as many rows as the quantile needs.
    pub fn enough_rows(&self) -> bool {
        self.rows >= self.rows_needed
    }

    /// One sentence for reports: which rows, how many, the method, the false-alarm rate and its interval.
    pub fn statement(&self, which_rows: &str) -> String {
        let Self { threshold, quantile, rows, exceedances, false_alarm_rate, interval, .. } = self;
        let rows = count(*rows);
        let origin = match quantile {
            Some(q) => format!("{threshold}, the {q} quantile (linear) of the scores of {rows} {which_rows}"),
            None => format!("{threshold}, set by hand; judged on {rows} {which_rows}"),
        };
        match (false_alarm_rate, interval) {
            (Some(rate), Some(interval)) => {
                let ([rate, low, high], flagged) = (percents(*rate, *interval), count(*exceedances));
                format!("{origin}: false-alarm rate {rate} % (95 % interval {low} to {high} %; {flagged} of {rows})")
            }
            _ => format!("{origin}: false-alarm rate not known"),
        }
    }

    /// Why the threshold deserves caution, when it does.
    pub fn warning(&self) -> Option<String> {
        let Self { quantile, rows, rows_needed, .. } = self;
        let quantile = quantile.filter(|_| !self.enough_rows())?;
        let (rows, rows_needed) = (count(*rows), count(*rows_needed));
        Some(format!(
            "{rows} calibration rows are too few for the {quantile} quantile: {rows_needed} are needed for 95 % confidence \
             that one of them lies beyond it; give more rows or a lower --quantile"
        ))
    }
}
