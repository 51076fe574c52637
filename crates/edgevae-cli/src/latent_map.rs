//! Latents on a page: principal axes, and t-SNE.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array2, ArrayView2, Axis};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};

use edgevae_trainer::base::random::{Purpose, stream};

/// Points of a picture; more of them hide each other, and t-SNE takes its time.
const MOST_POINTS: usize = 800;
/// Rows below which neighbourhoods say nothing.
pub const LEAST_POINTS: usize = 30;
/// Rows that t-SNE takes for a row's neighbours, about; at most a third of all.
const PERPLEXITY: f32 = 30.0;

/// Rows chosen for a picture of so many, in rising order: all, or at random, anomalies first up to half of the points.
/// That is no sample of them: axes and variances are to be those of all rows.
pub fn choose(rows: usize, labels: Option<&[bool]>, seed: u64) -> Vec<usize> {
    if rows <= MOST_POINTS {
        return (0..rows).collect();
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut stream(seed, Purpose::Picture, 0));
    let is_anomaly = |row: &usize| labels.is_some_and(|labels| labels[*row]);
    let (mut anomalies, normal): (Vec<usize>, Vec<usize>) = order.into_iter().partition(is_anomaly);
    anomalies.truncate(MOST_POINTS / 2);
    let room = MOST_POINTS - anomalies.len();
    anomalies.extend(normal.into_iter().take(room));
    anomalies.sort_unstable();
    anomalies
}

/// Rows on the first two principal axes of their covariance, and the share of the variance on either.
///
/// The sign of an axis is that of its largest component, so that equal rows give equal pictures. One column has a second
/// axis that is 0.
///
/// # Shapes
/// `rows`: `[ROWS, COLUMNS]`; returns `[ROWS]`
pub fn pca(rows: ArrayView2<'_, f32>) -> (Vec<(f32, f32)>, (f64, f64)) {
    let (count, columns) = (rows.nrows().max(1) as f64, rows.ncols());
    let wide = rows.mapv(f64::from);
    let centred = &wide - &(wide.sum_axis(Axis(0)) / count);
    let covariance: Array2<f64> = centred.t().dot(&centred) / count;
    let eigen = SymmetricEigen::new(DMatrix::from_fn(columns, columns, |i, j| covariance[[i, j]]));
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let total: f64 = eigen.eigenvalues.iter().map(|value| value.max(0.0)).sum();
    let axis = |at: usize| {
        let Some(&column) = order.get(at) else { return (vec![0.0; columns], 0.0) };
        let mut axis: Vec<f64> = eigen.eigenvectors.column(column).iter().copied().collect();
        let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
        axis.iter_mut().for_each(|value| *value *= largest.signum());
        let share = if total > 0.0 { eigen.eigenvalues[column].max(0.0) / total } else { 0.0 };
        (axis, share)
    };
    let ((first, share1), (second, share2)) = (axis(0), axis(1));
    let on =
        |row: ndarray::ArrayView1<'_, f64>, axis: &[f64]| row.iter().zip(axis).map(|(a, b)| a * b).sum::<f64>() as f32;
    let points = centred.rows().into_iter().map(|row| (on(row, &first), on(row, &second))).collect();
    (points, (share1, share2))
}

/// Rows by t-SNE; empty where they are too few or all equal.
///
/// The start comes from the seed and the work is done on one thread, so that equal rows give equal pictures.
///
/// # Shapes
/// `rows`: `[ROWS, COLUMNS]`; returns `[ROWS]`
///
/// # Source
/// van der Maaten & Hinton 2008; with a tree: van der Maaten 2014 (arXiv:1301.3342).
pub fn tsne(rows: ArrayView2<'_, f32>, seed: u64) -> Vec<(f32, f32)> {
    let distinct = rows.rows().into_iter().any(|row| row != rows.row(0));
    if rows.nrows() < LEAST_POINTS || !distinct {
        return Vec::new();
    }
    let mut rng = stream(seed, Purpose::Picture, 1);
    // Equal rows have no distance to their neighbours to calibrate a bandwidth by: a jitter far below anything to be seen.
    let spread = rows.iter().fold(0f32, |most, value| most.max(value.abs())).max(1e-6);
    let data: Vec<Vec<f32>> = rows
        .rows()
        .into_iter()
        .map(|row| row.iter().map(|value| value + 1e-5 * spread * rng.gen_range(-1f32..1f32)).collect())
        .collect();
    let start: Vec<f32> =
        (0..2 * data.len()).map(|_| 1e-4 * Distribution::<f32>::sample(&StandardNormal, &mut rng)).collect();
    let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let work = || {
        let samples: Vec<&[f32]> = data.iter().map(Vec::as_slice).collect();
        let mut tsne = bhtsne::tSNE::<f32, &[f32], 2>::new(&samples);
        tsne.perplexity(PERPLEXITY.min(samples.len() as f32 / 3.5)).initial_embedding(start).epochs(500);
        tsne.barnes_hut(0.5, |a, b| squared(a, b).sqrt());
        tsne.embedding()
    };
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else { return Vec::new() };
    let embedding = pool.install(work);
    let points: Vec<(f32, f32)> = embedding.as_chunks::<2>().0.iter().map(|&[x, y]| (x, y)).collect();
    if points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) { points } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Two clouds far apart in four columns.
    fn clouds(rows: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, 4), |(i, j)| {
            let jitter = ((i * 37 + j * 11) % 23) as f32 * 0.02;
            if i % 2 == 0 { jitter } else { 6.0 + jitter }
        })
    }

    #[test]
    fn principal_axes_hold_the_variance_in_falling_order() {
        // Along (3, 4) / 5 by ±5 and across by ±1.
        let rows = array![[3.0f32, 4.0], [-3.0, -4.0], [-0.8, 0.6], [0.8, -0.6]];
        let (points, (first, second)) = pca(rows.view());
        assert!((first - 25.0 / 26.0).abs() < 1e-6 && (second - 1.0 / 26.0).abs() < 1e-6, "{first} {second}");
        assert!((points[0].0 - 5.0).abs() < 1e-6 && points[0].1.abs() < 1e-6, "{points:?}");
        assert!((points[2].1.abs() - 1.0).abs() < 1e-6 && points[2].0.abs() < 1e-6, "{points:?}");
        let (points, shares) = pca(array![[1.0f32], [3.0]].view());
        assert_eq!((points, shares), (vec![(-1.0, 0.0), (1.0, 0.0)], (1.0, 0.0)));
        assert_eq!(pca(array![[2.0f32, 2.0], [2.0, 2.0]].view()).1, (0.0, 0.0), "no variance to share");
    }

    #[test]
    fn tsne_keeps_clouds_apart_and_gives_the_same_picture_again() {
        let rows = clouds(120);
        let points = tsne(rows.view(), 3);
        assert_eq!(points, tsne(rows.view(), 3));
        assert_ne!(points, tsne(rows.view(), 4));
        let distance = |a: usize, b: usize| {
            let (a, b): ((f32, f32), (f32, f32)) = (points[a], points[b]);
            (a.0 - b.0).hypot(a.1 - b.1)
        };
        // A row's nearest other row is of its own cloud.
        for row in 0..120 {
            let nearest =
                (0..120).filter(|&other| other != row).min_by(|&a, &b| distance(row, a).total_cmp(&distance(row, b)));
            assert_eq!(nearest.unwrap() % 2, row % 2, "row {row}");
        }
    }

    #[test]
    fn too_few_or_equal_rows_have_no_map() {
        assert!(tsne(clouds(10).view(), 0).is_empty());
        assert!(tsne(Array2::from_elem((50, 3), 1.0).view(), 0).is_empty());
    }

    #[test]
    fn anomalies_are_chosen_first_but_for_half_of_the_points() {
        assert_eq!(choose(5, None, 0), [0, 1, 2, 3, 4]);
        let labels: Vec<bool> = (0..5000).map(|row| row % 100 == 0).collect();
        let chosen = choose(5000, Some(&labels), 0);
        assert_eq!(chosen.len(), MOST_POINTS);
        assert!(chosen.is_sorted());
        assert_eq!(chosen.iter().filter(|&&row| labels[row]).count(), 50, "all of them");
        let most = vec![true; 5000];
        assert_eq!(choose(5000, Some(&most), 0).len(), MOST_POINTS / 2);
    }
}
