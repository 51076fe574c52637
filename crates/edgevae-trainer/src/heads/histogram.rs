//! Histograms of each feature over the training rows.

use ndarray::{ArrayView1, ArrayView2};

/// The parameters of [`edgevae_core::head::histogram::Histogram`] for these rows.
///
/// Counts are raised by one half, so that an empty bin, and any value outside, is rare and not impossible; a term is the
/// logarithm of the fullest bin's count over the bin's own.
///
/// # Shapes
/// `x`: `[ROWS, IN]`, scaled and clipped
///
/// # Source
/// Half a count: Krichevsky & Trofimov 1981.
pub fn fit(x: ArrayView2<'_, f32>, bins: u8) -> Vec<f32> {
    x.columns().into_iter().flat_map(|column| feature(column, usize::from(bins))).collect()
}

fn feature(column: ArrayView1<'_, f32>, bins: usize) -> Vec<f32> {
    let low = column.iter().copied().fold(f32::INFINITY, f32::min);
    let high = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let width = if high > low { high - low } else { 1.0 };
    let mut per_unit = bins as f32 / width;
    // The greatest value belongs to the last bin, which ends just above it.
    while (high - low) * per_unit >= bins as f32 {
        per_unit = per_unit.next_down();
    }
    let mut counts = vec![0.5_f64; bins];
    for &value in column {
        counts[(((value - low) * per_unit) as usize).min(bins - 1)] += 1.0;
    }
    let fullest = counts.iter().copied().fold(0.0, f64::max);
    let term = |count: f64| libm::log(fullest / count) as f32;
    [low, per_unit, term(0.5)].into_iter().chain(counts.iter().map(|&count| term(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn terms_are_the_logarithms_of_count_ratios() {
        let numbers = fit(array![[0.0f32], [0.5], [0.75], [4.0]].view(), 2);
        assert_eq!(numbers[0], 0.0);
        assert!(numbers[1] < 0.5 && numbers[1] > 0.499_99, "4.0 lies inside: {}", numbers[1]);
        let expected = [7f32.ln(), 0.0, (3.5f32 / 1.5).ln()];
        numbers[2..].iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{numbers:?}"));
    }

    #[test]
    fn a_constant_feature_has_one_bin_and_all_else_is_outside() {
        let numbers = fit(array![[3.0f32], [3.0]].view(), 4);
        assert_eq!(numbers[3], 0.0);
        assert!(numbers[4] > 1.0 && numbers[2] > 1.0);
    }
}
