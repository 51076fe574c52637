//! The distribution of a head's scores over rows that are believed mostly normal.

/// Numbers of a tail before its knots.
pub(super) const STEP_AND_RATE: usize = 2;
/// Knots from the smallest score to the one that [`BEYOND`] of the rows exceed.
const KNOTS: usize = 17;
/// Share of the rows beyond the last knot, whose excess gives the rate of the exponential tail.
const BEYOND: f64 = 0.1;

/// The tail of these scores as the model file holds it: step, rate, knots; see [`edgevae_core::head::tail::Tail`].
///
/// Knot `k` is the quantile of `scores` that a share `exp(-k step)` exceeds, and counts `weight * k step` in the mean of
/// the heads. The rate is `ln 2` over the *median* excess beyond the last knot, which equals one over the mean for an
/// exponential tail and, other than the mean, does not care that a few of the rows may be anomalies.
///
/// # Panics
/// Without scores.
pub fn fit(scores: &[f32], weight: f64) -> Vec<f32> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let step = -libm::log(BEYOND) / (KNOTS - 1) as f64;
    let knots = (0..KNOTS).map(|knot| {
        let at = (1.0 - libm::exp(-(knot as f64) * step)) * (sorted.len() - 1) as f64;
        let (low, high) = (f64::from(sorted[at.floor() as usize]), f64::from(sorted[at.ceil() as usize]));
        (low + (at - at.floor()) * (high - low)) as f32
    });
    let knots: Vec<f32> = knots.collect();
    let last = knots[KNOTS - 1];
    let beyond = &sorted[sorted.partition_point(|&score| score <= last)..];
    let excess = beyond.get(beyond.len() / 2).map_or(0.0, |&score| f64::from(score) - f64::from(last));
    // Scores that are all equal have no spread to measure by: then one unit of score is one nat.
    let rate = if excess > 0.0 { std::f64::consts::LN_2 / excess } else { 1.0 };
    let rate = (weight * rate).clamp(f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX));
    [(weight * step) as f32, rate as f32].into_iter().chain(knots).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgevae_core::head::tail::Tail;

    /// `count` scores at the quantiles of the exponential distribution with mean 1: the surprise of `s` is `s`.
    fn exponential(count: usize) -> Vec<f32> {
        (0..count).map(|i| -(1.0 - (i as f32 + 0.5) / count as f32).ln()).collect()
    }

    #[test]
    fn surprise_is_the_negative_log_of_the_tail_probability() {
        for weight in [1.0, 1.8] {
            let numbers = fit(&exponential(4000), weight);
            let tail = Tail::new(&numbers).unwrap();
            assert!(tail.is_sound());
            for score in [0.1f32, 0.5, 1.0, 2.0, 3.0, 6.0, 20.0] {
                let found = tail.surprise(score) / weight as f32;
                assert!((found - score).abs() < 0.03 * score.max(0.5), "{score}: {found}");
            }
        }
    }

    #[test]
    fn a_few_anomalies_among_the_rows_hardly_move_the_tail() {
        let mut scores = exponential(980);
        scores.extend([500.0; 20]);
        let numbers = fit(&scores, 1.0);
        let surprise = Tail::new(&numbers).unwrap().surprise(6.0);
        assert!((4.0..7.0).contains(&surprise), "{surprise}");
    }

    #[test]
    fn any_scores_give_a_sound_tail() {
        for scores in [vec![1.0], vec![0.0; 50], vec![1.0, 2.0], vec![-3.0, 5.0, 5.0, 5.0], vec![1e-40, 1e38]] {
            assert!(Tail::new(&fit(&scores, 1.0)).unwrap().is_sound(), "{scores:?}");
        }
    }
}
