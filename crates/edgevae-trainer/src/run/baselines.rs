//! What detectors without a network make of the same rows: a model that finds no more than these is not worth its flash.

use edgevae_core::format::HeadKind;
use edgevae_core::head::{AnyHead, Head as _, Representation};
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rand::seq::index;
use serde::Serialize;

use crate::base::random::{Purpose, stream};
use crate::calibrate::metrics;
use crate::heads::{Whitening, grow_isolation_trees};
use crate::options::{Options, Preset, Score};
use crate::score::results::Quality;

/// Fitted rows among which neighbours are sought.
const NEIGHBOURHOOD: usize = 2000;
/// How many of the nearest count.
const NEAREST: usize = 5;
/// Isolation trees, and the splits from the root of one to a leaf: 256 rows each, as in the paper.
const TREES: u8 = 100;
const DEPTH: u8 = 8;
/// Share of the variance that the principal components keep.
const KEPT_VARIANCE: f64 = 0.9;
/// Fitted and test rows that are looked at, at most; beyond, every second, third … one is.
const MOST_FITTED: usize = 20_000;
const MOST_TESTED: usize = 10_000;
/// Features beyond which a covariance takes too long for a comparison.
const MOST_INPUTS: usize = 500;
/// ROC-AUC by which a baseline must be ahead to be worth a word.
const AHEAD: f64 = 0.005;

/// A detector without a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Mahalanobis distance from the fitted rows.
    Mahalanobis,
    /// Mean distance to the nearest of a sample of the fitted rows.
    Neighbours,
    /// Squared distance from the leading principal components of the fitted rows.
    Pca,
    /// How soon random splits isolate a row from samples of the fitted ones.
    Isolation,
}

/// What a baseline comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
}

impl Baseline {
    /// Every one of them, in the order of tables.
    pub const ALL: [Self; 4] = [Self::Mahalanobis, Self::Neighbours, Self::Pca, Self::Isolation];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mahalanobis => "Mahalanobis",
            Self::Neighbours => "kNN",
            Self::Pca => "PCA",
            Self::Isolation => "isolation forest",
        }
    }

    /// The score of a model that comes nearest to it.
    pub fn nearest_score(self) -> Score {
        match self {
            Self::Mahalanobis => Score::JointMahalanobis,
            Self::Neighbours => Score::Neighbours,
            Self::Pca => Score::Mse,
            Self::Isolation => Score::Isolation,
        }
    }

    /// Scores of rows, higher for more anomalous.
    ///
    /// # Shapes
    /// `fitted`: `[FITTED, IN]`; `rows`: `[ROWS, IN]`; both scaled
    ///
    /// # Source
    /// Mahalanobis 1936; Angiulli & Pizzuti 2002; Jackson & Mudholkar 1979, "Control procedures for residuals associated
    /// with principal component analysis"; Liu, Ting & Zhou 2008, "Isolation forest".
    pub fn scores(self, fitted: ArrayView2<'_, f32>, rows: ArrayView2<'_, f32>, seed: u64) -> Vec<f32> {
        match self {
            Self::Mahalanobis => {
                let Whitening { mean, matrix, .. } = Whitening::fit(fitted);
                let whitened = (rows.mapv(f64::from) - &mean).dot(&matrix.t());
                whitened.rows().into_iter().map(|row| row.dot(&row).sqrt() as f32).collect()
            }
            Self::Neighbours => {
                let count = fitted.nrows().min(NEIGHBOURHOOD);
                let chosen = index::sample(&mut stream(seed, Purpose::Draws, 1), fitted.nrows(), count).into_vec();
                let stored = fitted.select(Axis(0), &chosen);
                rows.rows().into_iter().map(|row| nearest(stored.view(), row)).collect()
            }
            Self::Pca => {
                let (mean, components) = principal(fitted);
                let centred = rows.mapv(f64::from) - &mean;
                let rest = &centred - &centred.dot(&components).dot(&components.t());
                rest.rows().into_iter().map(|row| row.dot(&row) as f32).collect()
            }
            Self::Isolation => isolation(fitted, rows, seed),
        }
    }
}

/// Mean distance of a row to the [`NEAREST`] of the stored ones.
fn nearest(stored: ArrayView2<'_, f32>, row: ArrayView1<'_, f32>) -> f32 {
    let squared = |other: ArrayView1<'_, f32>| other.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let mut distances: Vec<f32> = stored.rows().into_iter().map(squared).collect();
    let count = distances.len().min(NEAREST);
    distances.select_nth_unstable_by(count - 1, f32::total_cmp);
    distances[..count].iter().map(|squared| squared.sqrt()).sum::<f32>() / count as f32
}

/// Scores by the isolation trees of the core, with more and deeper ones than a device has room for.
fn isolation(fitted: ArrayView2<'_, f32>, rows: ArrayView2<'_, f32>, seed: u64) -> Vec<f32> {
    let words = grow_isolation_trees(fitted, TREES, DEPTH, &mut stream(seed, Purpose::Draws, 2));
    let packed: Vec<f32> = words.into_iter().map(f32::from_bits).collect();
    let kind = HeadKind::Isolation { trees: TREES, depth: DEPTH };
    let head = AnyHead::new(kind, fitted.ncols(), 0, &[], &packed).expect("the desk has every head");
    let score =
        |row: ArrayView1<'_, f32>| head.score(&Representation { x: &row.to_vec(), ..Representation::default() });
    rows.rows().into_iter().map(score).collect()
}

/// Mean and the leading components that together hold [`KEPT_VARIANCE`], `[IN, COMPONENTS]`; never all of them.
fn principal(fitted: ArrayView2<'_, f32>) -> (Array1<f64>, Array2<f64>) {
    let fitted = fitted.mapv(f64::from);
    let (count, inputs) = (fitted.nrows() as f64, fitted.ncols());
    let mean = fitted.sum_axis(Axis(0)) / count;
    let centred = fitted - &mean;
    let covariance = centred.t().dot(&centred) / count;
    let eigen = SymmetricEigen::new(DMatrix::from_fn(inputs, inputs, |row, column| covariance[[row, column]]));
    let mut order: Vec<usize> = (0..inputs).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let total: f64 = eigen.eigenvalues.iter().sum();
    let mut held = 0.0;
    let reaches = |&component: &usize| {
        let enough = held >= KEPT_VARIANCE * total;
        held += eigen.eigenvalues[component];
        !enough
    };
    let mut kept: Vec<usize> = order.into_iter().take_while(reaches).collect();
    kept.truncate(inputs - 1);
    let components = Array2::from_shape_fn((inputs, kept.len()), |(row, at)| eigen.eigenvectors[(row, kept[at])]);
    (mean, components)
}

/// The baselines on labelled test rows, and a warning for those that find more than the model does on the same rows.
///
/// # Shapes
/// `fitted`: `[FITTED, IN]`; `test`: `[ROWS, IN]`; both scaled. `scores`, `labels`: `[ROWS]`, of the model
pub fn compare(
    fitted: ArrayView2<'_, f32>,
    test: ArrayView2<'_, f32>,
    scores: &[f32],
    labels: &[bool],
    options: &Options,
) -> (Vec<Outcome>, Option<String>) {
    let thinned = |rows: usize, most: usize| (0..rows).step_by(rows.div_ceil(most).max(1)).collect::<Vec<_>>();
    let chosen = thinned(labels.len(), MOST_TESTED);
    let labels: Vec<bool> = chosen.iter().map(|&row| labels[row]).collect();
    let scores: Vec<f32> = chosen.iter().map(|&row| scores[row]).collect();
    let Some(own) = metrics::roc_auc(&scores, &labels) else { return (Vec::new(), None) };
    let test = test.select(Axis(0), &chosen);
    let fitted = fitted.select(Axis(0), &thinned(fitted.nrows(), MOST_FITTED));
    let outcome = |baseline: Baseline| {
        let scores = baseline.scores(fitted.view(), test.view(), options.seed);
        let Quality { roc_auc, average_precision, .. } = Quality::of(&scores, Some(&labels), f32::MAX);
        (baseline, Outcome { name: baseline.name(), roc_auc, average_precision })
    };
    let needs_covariance = |baseline: &Baseline| matches!(baseline, Baseline::Mahalanobis | Baseline::Pca);
    let possible = |baseline: &Baseline| !needs_covariance(baseline) || test.ncols() <= MOST_INPUTS;
    let outcomes: Vec<(Baseline, Outcome)> = Baseline::ALL.into_iter().filter(possible).map(outcome).collect();
    let ahead = |outcome: &Outcome| outcome.roc_auc.filter(|area| *area > own + AHEAD);
    let said =
        outcomes.iter().filter_map(|(_, outcome)| Some(format!("{} (ROC-AUC {:.4})", outcome.name, ahead(outcome)?)));
    let said: Vec<String> = said.collect();
    let similar = outcomes.iter().filter(|(_, outcome)| ahead(outcome).is_some());
    let similar = similar.map(|(baseline, _)| baseline.nearest_score()).filter(|score| *score != options.score);
    let similar: Vec<String> = similar.map(|score| format!("--score {}", score.name())).collect();
    let ways_out = match (options.preset, similar.join(" or ")) {
        (Preset::Auto, scores) if scores.is_empty() => String::new(),
        (Preset::Auto, scores) => format!("; try --preset auto with {scores}"),
        (Preset::Reference, scores) if scores.is_empty() => "; try --preset auto".into(),
        (Preset::Reference, scores) => format!("; try --preset auto, or {scores}"),
    };
    let warning = (!said.is_empty()).then(|| {
        format!(
            "without a network {} {} more on the test rows than this model (ROC-AUC {own:.4}){ways_out}",
            said.join(" and "),
            if said.len() == 1 { "finds" } else { "find" }
        )
    });
    (outcomes.into_iter().map(|(_, outcome)| outcome).collect(), warning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    /// Rows along the diagonal of a plane, and their labels: one that lies beside it, and one that lies far along it.
    fn diagonal() -> (Array2<f32>, Array2<f32>) {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let fitted = Array2::from_shape_fn((400, 1), |_| random.gen_range(-1.0..1.0f32));
        let fitted = ndarray::concatenate![Axis(1), fitted, fitted.mapv(|x| x + 0.01 * (37.0 * x).sin())];
        (fitted, array![[0.1, 0.1], [0.3, -0.3], [3.0, 3.0]])
    }

    #[test]
    fn each_baseline_sees_what_it_is_made_for() {
        let (fitted, rows) = diagonal();
        let scores = |baseline: Baseline| baseline.scores(fitted.view(), rows.view(), 0);
        let [mahalanobis, neighbours, pca, isolation] = Baseline::ALL.map(scores);
        assert!(mahalanobis[1] > 10.0 * mahalanobis[0] && mahalanobis[2] > 4.0, "{mahalanobis:?}");
        assert!(neighbours[2] > neighbours[1] && neighbours[1] > 10.0 * neighbours[0], "{neighbours:?}");
        assert!(pca[1] > 0.1 && pca[2] < 1e-3, "what lies along the component is expected: {pca:?}");
        assert!(isolation[2] > isolation[0] + 2.0, "{isolation:?}");
    }

    #[test]
    fn a_model_that_is_beaten_is_warned_of_and_one_that_is_not_is_not() {
        let (fitted, rows) = diagonal();
        let labels = [false, true, true];
        let options = Options { preset: Preset::Reference, ..Options::default() };
        let (outcomes, warning) = compare(fitted.view(), rows.view(), &[1.0, 0.0, 0.5], &labels, &options);
        assert_eq!(
            outcomes.iter().map(|outcome| outcome.name).collect::<Vec<_>>(),
            ["Mahalanobis", "kNN", "PCA", "isolation forest"]
        );
        assert_eq!((outcomes[0].roc_auc, outcomes[1].average_precision), (Some(1.0), Some(1.0)));
        let warning = warning.unwrap();
        assert!(warning.contains("Mahalanobis (ROC-AUC 1.0000) and kNN (ROC-AUC 1.0000)"), "{warning}");
        let scores = ["joint-mahalanobis", "neighbours", "mse", "isolation"].map(|score| format!("--score {score}"));
        let own = [scores[0].clone(), scores[1].clone(), scores[3].clone()].join(" or ");
        assert!(warning.ends_with(&format!("try --preset auto, or {own}")), "{warning}");
        let neighbours = Options { score: Score::Neighbours, preset: Preset::Auto, ..Options::default() };
        let warning = compare(fitted.view(), rows.view(), &[1.0, 0.0, 0.5], &labels, &neighbours).1.unwrap();
        let scores = ["joint-mahalanobis", "mse", "isolation"].map(|score| format!("--score {score}"));
        assert!(warning.ends_with(&format!("try --preset auto with {}", scores.join(" or "))), "{warning}");
        assert_eq!(compare(fitted.view(), rows.view(), &[0.0, 1.0, 0.5], &labels, &options).1, None);
        assert_eq!(compare(fitted.view(), rows.view(), &[0.0, 1.0, 0.5], &[false; 3], &options), (vec![], None));
    }

    #[test]
    fn one_feature_and_constant_features_have_scores() {
        for fitted in [array![[1.0f32], [2.0], [4.0]], array![[0.0f32, 1.0], [0.0, 1.0], [0.0, 1.0]]] {
            for baseline in Baseline::ALL {
                let scores = baseline.scores(fitted.view(), fitted.view(), 0);
                assert!(scores.iter().all(|score| score.is_finite()), "{baseline:?}: {scores:?}");
            }
        }
    }
}
