//! Histogram bins of scores: the axis that suits them, one edge on the threshold, outliers gathered at the ends.

use crate::report::ScoredRows;

/// Bins that suffice for any number of rows.
const MOST_BINS: f64 = 48.0;
/// Most bins where a wide axis would leave the bulk of the rows too few: narrower bars are no longer told apart.
const MOST_NARROW_BINS: f64 = 90.0;
/// Bins across the bulk of the rows, at least, as far as [`MOST_NARROW_BINS`] allows.
const BINS_OF_THE_BULK: f64 = 15.0;
/// A range whose upper end is this many times its median needs a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 10.0;
/// Outliers that would stretch the axis by more than this factor are gathered in the bins at its ends.
const STRETCH: f64 = 1.6;

/// Rows of one kind per bin.
#[derive(Debug)]
pub(super) struct Tally {
    /// `[BINS]`.
    pub(super) counts: Vec<usize>,
    /// Rows below the first edge, counted in the first bin.
    pub(super) below: usize,
    /// Rows above the last edge, counted in the last bin.
    pub(super) above: usize,
}

/// Scores sorted into bins; a bin holds scores in `(edges[i], edges[i + 1]]`, so that no bin straddles the threshold.
#[derive(Debug)]
pub(super) struct Bins {
    pub(super) logarithmic: bool,
    /// `[BINS + 1]`, rising, in score units.
    pub(super) edges: Vec<f64>,
    /// The normal rows; all rows without labels.
    pub(super) normal: Tally,
    /// The anomalies; none without labels.
    pub(super) anomalies: Tally,
    /// Whether there are negative scores.
    below_zero: bool,
    /// Rows whose score is infinite or NaN, in no bin.
    pub(super) not_finite: usize,
}

impl Bins {
    /// Bins for these rows; `None` when no score is finite.
    pub(super) fn new(rows: &ScoredRows) -> Option<Self> {
        let threshold = f64::from(rows.threshold);
        let mut finite: Vec<(f64, bool)> = Vec::with_capacity(rows.scores.len());
        for (i, score) in rows.scores.iter().enumerate() {
            if score.is_finite() {
                let anomaly = rows.labels.as_ref().is_some_and(|labels| labels.get(i) == Some(&true));
                finite.push((f64::from(*score), anomaly));
            }
        }
        let mut sorted: Vec<f64> = finite.iter().map(|(score, _)| *score).collect();
        sorted.sort_by(f64::total_cmp);
        let (&least, &greatest) = (sorted.first()?, sorted.last()?);
        let median = quantile(&sorted, 0.5);
        let logarithmic = least >= 0.0 && threshold > 0.0 && median > 0.0 && greatest > LOGARITHMIC_FROM * median;

        // A score of exactly 0 has no logarithm; it joins the smallest positive one.
        let floor = sorted.iter().copied().find(|score| *score > 0.0).unwrap_or(1.0).min(threshold.abs().max(1e-30));
        let to_axis = |score: f64| if logarithmic { score.max(floor).log10() } else { score };
        let to_score = |position: f64| if logarithmic { 10f64.powf(position) } else { position };

        let shown = shown_range(&finite, &sorted, threshold);
        let (low, high) = clip((to_axis(least), to_axis(greatest)), (to_axis(shown.0), to_axis(shown.1)));
        let cut = to_axis(threshold);
        let (low, high) = (low.min(cut), high.max(cut));
        let bulk = to_axis(quantile(&sorted, 0.95)) - to_axis(quantile(&sorted, 0.05));
        let width = bin_width(high - low, bulk, sorted.len());
        let least_width = if logarithmic { 0.01 } else { 1e-3 * low.abs().max(high.abs()).max(1e-9) };
        let (bins_left, positions) = edges(low, high, cut, width.max(least_width));

        let count = positions.len() - 1;
        let start = positions[0];
        let width = (positions[count] - start) / count as f64;
        let mut bins = Self {
            logarithmic,
            edges: positions.iter().map(|position| to_score(*position)).collect(),
            normal: Tally { counts: vec![0; count], below: 0, above: 0 },
            anomalies: Tally { counts: vec![0; count], below: 0, above: 0 },
            below_zero: least < 0.0 || threshold < 0.0,
            not_finite: rows.scores.len() - finite.len(),
        };
        for (score, anomaly) in finite {
            let position = to_axis(score);
            let bin = (((position - start) / width).ceil() - 1.0).clamp(0.0, (count - 1) as f64) as usize;
            // The side of the threshold is decided by the scores themselves, not by rounded positions.
            let bin = if score > threshold { bin.max(bins_left) } else { bin.min(bins_left.saturating_sub(1)) };
            let bin = bin.min(count - 1);
            let tally = if anomaly { &mut bins.anomalies } else { &mut bins.normal };
            tally.counts[bin] += 1;
            tally.below += usize::from(position < start - 0.5 * width);
            tally.above += usize::from(position > positions[count] + 0.5 * width);
        }
        Some(bins)
    }

    /// The axis to draw: from the first edge to the last, but not below 0 where a score cannot be.
    pub(super) fn range(&self) -> (f64, f64) {
        let (first, last) = (self.edges[0], self.edges[self.edges.len() - 1]);
        (if self.below_zero { first } else { first.max(0.0) }, last)
    }
}

/// The range that must be visible: nearly all normal rows, nearly all anomalies, and the threshold.
fn shown_range(finite: &[(f64, bool)], sorted: &[f64], threshold: f64) -> (f64, f64) {
    let upper = |anomalies: bool, q: f64| {
        let mut scores: Vec<f64> = finite.iter().filter(|row| row.1 == anomalies).map(|row| row.0).collect();
        scores.sort_by(f64::total_cmp);
        if scores.is_empty() { threshold } else { quantile(&scores, q) }
    };
    let low = quantile(sorted, 0.005).min(threshold);
    let high = upper(false, 0.995).max(upper(true, 0.95)).max(threshold);
    (low, high)
}

/// The full range, or at an end where outliers would stretch it too far the range to be shown.
fn clip(full: (f64, f64), shown: (f64, f64)) -> (f64, f64) {
    let room = (STRETCH - 1.0) * (shown.1 - shown.0);
    let low = if shown.0 - full.0 > room { shown.0 } else { full.0 };
    let high = if full.1 - shown.1 > room { shown.1 } else { full.1 };
    (low, high)
}

/// The width of a bin over an axis of length `span`, on which nine tenths of the rows take up `bulk`.
fn bin_width(span: f64, bulk: f64, rows: usize) -> f64 {
    // One and a half times the rule of Rice, 2 n^(1/3): the shape of 2,000 scores takes about 40 bins.
    let wanted = (3.0 * (rows as f64).cbrt()).round().clamp(8.0, MOST_BINS);
    (span / wanted).min(bulk / BINS_OF_THE_BULK.min(wanted)).max(span / MOST_NARROW_BINS.max(wanted))
}

/// Bin edges over `low..=high` with one of them on `cut`, and how many bins lie left of it.
fn edges(low: f64, high: f64, cut: f64, width: f64) -> (usize, Vec<f64>) {
    let left = (((cut - low) / width) - 1e-9).ceil().max(1.0) as usize;
    let right = (((high - cut) / width) - 1e-9).ceil().max(1.0) as usize;
    let positions = (0..=left + right).map(|i| cut + (i as f64 - left as f64) * width).collect();
    (left, positions)
}

/// The nearest-rank quantile of a sorted, non-empty slice.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted[rank.min(sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(scores: Vec<f32>, labels: Option<Vec<bool>>, threshold: f32) -> ScoredRows {
        ScoredRows {
            rows: "test rows".into(),
            score: "reconstruction error".into(),
            unit: "scaled units²".into(),
            scores,
            labels,
            threshold,
        }
    }

    fn total(bins: &Bins) -> usize {
        bins.normal.counts.iter().chain(&bins.anomalies.counts).sum()
    }

    #[test]
    fn no_bin_straddles_the_threshold() {
        // 0.7 is the threshold itself: not above it, so on its left.
        let bins = Bins::new(&rows(vec![0.1, 0.5, 0.7, 0.700_000_1, 0.9, 1.4], None, 0.7)).unwrap();
        let cut = bins.edges.iter().position(|edge| (edge - f64::from(0.7f32)).abs() < 1e-9).unwrap();
        assert_eq!(bins.normal.counts[..cut].iter().sum::<usize>(), 3);
        assert_eq!(bins.normal.counts[cut..].iter().sum::<usize>(), 3);
    }

    #[test]
    fn outliers_are_counted_in_the_last_bin_and_do_not_stretch_the_axis() {
        let mut scores: Vec<f32> = (1..=1000).map(|i| i as f32 / 1000.0).collect();
        scores.extend([1e9, 2e9]);
        let bins = Bins::new(&rows(scores, None, 0.95)).unwrap();
        assert!(bins.logarithmic);
        assert_eq!((bins.normal.above, total(&bins)), (2, 1002));
        assert!(*bins.edges.last().unwrap() < 10.0, "{:?}", bins.edges);
        assert!(bins.normal.counts.last() >= Some(&2), "{:?}", bins.normal.counts);
    }

    #[test]
    fn a_cluster_of_far_anomalies_is_shown_where_it_is() {
        let scores = (1..=100).map(|i| if i > 90 { 1e6 + i as f32 } else { i as f32 }).collect();
        let bins = Bins::new(&rows(scores, Some((1..=100).map(|i| i > 90).collect()), 80.0)).unwrap();
        assert_eq!((bins.anomalies.above, bins.anomalies.counts.iter().sum::<usize>()), (0, 10));
        assert!(*bins.edges.last().unwrap() > 1e6);
    }

    #[test]
    fn a_wide_axis_leaves_the_bulk_enough_bins() {
        assert_eq!(bin_width(10.0, 8.0, 2000), 10.0 / 38.0);
        assert_eq!(bin_width(10.0, 1.8, 2000), 1.8 / 15.0);
        assert_eq!(bin_width(10.0, 0.0, 2000), 10.0 / 90.0);
    }

    #[test]
    fn equal_scores_make_a_histogram() {
        for value in [0.0, 1.0, 1e9, -3.0] {
            let bins = Bins::new(&rows(vec![value; 50], None, value)).unwrap();
            assert_eq!(total(&bins), 50);
            assert!(bins.edges.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", bins.edges);
        }
    }

    #[test]
    fn scores_that_are_not_finite_are_set_aside() {
        let bins = Bins::new(&rows(vec![1.0, f32::INFINITY, f32::NAN], None, 2.0)).unwrap();
        assert_eq!((bins.not_finite, total(&bins)), (2, 1));
        assert!(Bins::new(&rows(vec![f32::NAN], None, 2.0)).is_none());
        assert!(Bins::new(&rows(vec![], None, 2.0)).is_none());
    }
}
