//! The reference data set: a mixture of Gaussians for normal rows, one shifted and wider Gaussian for anomalies.

use super::Dataset;
use crate::base::random::{Purpose, stream};
use ndarray::Array2;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::StandardNormal;
use std::str::FromStr;
use thiserror::Error;

/// Variance of a normal row around the mean of its component, in each feature.
pub const NORMAL_VARIANCE: f64 = 0.5;

/// Largest table that is generated, in cells (`rows * features`): 4 GiB of f32.
pub const MAX_CELLS: usize = 1 << 30;

/// Largest `mean_norm`, `shift` and `variance`: far beyond any use, far below overflow in f32.
pub const MAX_MAGNITUDE: f64 = 1e6;

/// Recipe of the reference data set.
///
/// Normal rows follow `1/K * Σ_k N(μ_k, 0.5 I)` with `μ_k = mean_norm * u_k`, anomalies
/// `N(m + shift * u, variance * I)` with `m = 1/K * Σ_k μ_k`. `u_1 … u_K` and `u` are independent directions, uniform on
/// the unit sphere. Exactly `round(rows * contamination)` rows are anomalies, at random places.
///
/// The same recipe gives the same bits wherever `ln` and `exp` of f64 do, which the tails of the normal sampler use.
///
/// # Examples
/// ```
/// use edgevae_trainer::table::synthetic::Synthetic;
/// let table = Synthetic { rows: 500, ..Synthetic::default() }.generate()?;
/// assert_eq!((table.rows(), table.anomalies()), (500, Some(10)));
/// # Ok::<(), edgevae_trainer::table::synthetic::SyntheticError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    /// Number of rows, normal and anomalous.
    pub rows: usize,
    /// Number of features (columns without the label), IN.
    pub features: usize,
    /// Number of Gaussians that normal rows come from, K.
    pub components: usize,
    /// Fraction of anomalies among the rows, at least 0 and below 1.
    pub contamination: f64,
    /// Distance of each component's mean from the origin.
    pub mean_norm: f64,
    /// Distance of the anomalies' mean from the mean of all normal rows.
    pub shift: f64,
    /// Variance of anomalies around their mean, in each feature.
    pub variance: f64,
    /// Seed of every random choice.
    pub seed: u64,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            rows: 10_000,
            features: 10,
            components: 3,
            contamination: 0.02,
            mean_norm: 2.5,
            shift: 3.0,
            variance: 2.0,
            seed: 0,
        }
    }
}

/// A recipe that no data set can be made from.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SyntheticError {
    /// A size is 0.
    #[error("{size} is 0, expected at least 1")]
    Zero {
        /// Name of the size, a field of [`Synthetic`].
        size: &'static str,
    },
    /// `rows * features` is beyond [`MAX_CELLS`].
    #[error("{rows} rows of {features} features are too large a table, expected at most {MAX_CELLS} cells")]
    TooLarge {
        /// Rows asked for.
        rows: usize,
        /// Features asked for.
        features: usize,
    },
    /// The contamination is not a fraction.
    #[error("contamination is {0}, expected at least 0 and below 1")]
    Contamination(f64),
    /// Rounding left no normal row.
    #[error(
        "contamination {contamination} of {rows} rows leaves no normal row, expected at least 1; lower it or add rows"
    )]
    NoNormals {
        /// Rows asked for.
        rows: usize,
        /// Contamination asked for.
        contamination: f64,
    },
    /// A distance or variance is negative, not finite or beyond [`MAX_MAGNITUDE`].
    #[error("{name} is {value}, expected at least 0 and at most {MAX_MAGNITUDE}")]
    Magnitude {
        /// Name of the quantity, a field of [`Synthetic`].
        name: &'static str,
        /// The value found.
        value: f64,
    },
    /// A part of a recipe in text form is not `name=value`.
    #[error(
        "found `{0}`, expected name=value with rows, features, components, contamination, mean-norm, shift or variance"
    )]
    Pair(String),
}

impl FromStr for Synthetic {
    type Err = SyntheticError;

    /// Reads `rows=20000,shift=2`: fields by name, the others at their defaults.
    fn from_str(text: &str) -> Result<Self, SyntheticError> {
        let mut synthetic = Self::default();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = match name {
                "rows" => value.parse().map(|value| synthetic.rows = value).is_ok(),
                "features" => value.parse().map(|value| synthetic.features = value).is_ok(),
                "components" => value.parse().map(|value| synthetic.components = value).is_ok(),
                "contamination" => value.parse().map(|value| synthetic.contamination = value).is_ok(),
                "mean-norm" => value.parse().map(|value| synthetic.mean_norm = value).is_ok(),
                "shift" => value.parse().map(|value| synthetic.shift = value).is_ok(),
                "variance" => value.parse().map(|value| synthetic.variance = value).is_ok(),
                _ => false,
            };
            if !known {
                return Err(SyntheticError::Pair(pair.to_owned()));
            }
        }
        synthetic.validate()?;
        Ok(synthetic)
    }
}

impl Synthetic {
    /// The number of anomalies: `round(rows * contamination)`, ties away from zero.
    pub fn anomalies(&self) -> usize {
        (self.rows as f64 * self.contamination).round() as usize
    }

    /// Checks that a data set can be made from this recipe.
    ///
    /// # Errors
    /// [`SyntheticError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), SyntheticError> {
        for (size, value) in [("rows", self.rows), ("features", self.features), ("components", self.components)] {
            if value == 0 {
                return Err(SyntheticError::Zero { size });
            }
        }
        for factor in [self.rows, self.components] {
            if factor.checked_mul(self.features).is_none_or(|cells| cells > MAX_CELLS) {
                return Err(SyntheticError::TooLarge { rows: factor, features: self.features });
            }
        }
        if !(0.0..1.0).contains(&self.contamination) {
            return Err(SyntheticError::Contamination(self.contamination));
        }
        if self.anomalies() >= self.rows {
            return Err(SyntheticError::NoNormals { rows: self.rows, contamination: self.contamination });
        }
        for (name, value) in [("mean_norm", self.mean_norm), ("shift", self.shift), ("variance", self.variance)] {
            if !(0.0..=MAX_MAGNITUDE).contains(&value) {
                return Err(SyntheticError::Magnitude { name, value });
            }
        }
        Ok(())
    }

    /// Generates the data set: features `f0`, `f1`, …, labels for every row, rows in random order.
    ///
    /// # Errors
    /// As [`Synthetic::validate`].
    pub fn generate(&self) -> Result<Dataset, SyntheticError> {
        self.validate()?;
        let mut rng = stream(self.seed, Purpose::Synthetic, 0);
        let centres = Centres::draw(self, &mut rng);

        let mut labels = vec![false; self.rows];
        labels[..self.anomalies()].fill(true);
        labels.shuffle(&mut rng);

        let mut features = Array2::zeros((self.rows, self.features));
        for (mut row, &anomaly) in features.rows_mut().into_iter().zip(&labels) {
            let (centre, deviation) = if anomaly {
                (&centres.anomalous, self.variance.sqrt())
            } else {
                (&centres.normal[rng.gen_range(0..self.components)], NORMAL_VARIANCE.sqrt())
            };
            for (cell, &mean) in row.iter_mut().zip(centre) {
                *cell = (mean + deviation * rng.sample::<f64, _>(StandardNormal)) as f32;
            }
        }
        let names = (0..self.features).map(|feature| format!("f{feature}")).collect();
        Ok(Dataset { names, features, labels: Some(labels), ..Dataset::default() })
    }
}

/// Where the Gaussians sit.
struct Centres {
    /// Means of the normal components, `[K][IN]`.
    normal: Vec<Vec<f64>>,
    /// Mean of the anomalies, `[IN]`.
    anomalous: Vec<f64>,
}

impl Centres {
    fn draw(recipe: &Synthetic, rng: &mut impl Rng) -> Self {
        let mut scaled_direction = |length: f64| -> Vec<f64> {
            direction(recipe.features, rng).into_iter().map(|part| length * part).collect()
        };
        let normal: Vec<Vec<f64>> = (0..recipe.components).map(|_| scaled_direction(recipe.mean_norm)).collect();
        let mut anomalous = scaled_direction(recipe.shift);
        for (feature, value) in anomalous.iter_mut().enumerate() {
            *value += normal.iter().map(|mean| mean[feature]).sum::<f64>() / recipe.components as f64;
        }
        Self { normal, anomalous }
    }
}

/// A direction, uniform on the unit sphere: independent standard normals divided by their length.
///
/// # Source
/// Muller 1959, A note on a method for generating points uniformly on n-dimensional spheres.
fn direction(features: usize, rng: &mut impl Rng) -> Vec<f64> {
    loop {
        let draw: Vec<f64> = (0..features).map(|_| rng.sample(StandardNormal)).collect();
        let length = draw.iter().map(|part| part * part).sum::<f64>().sqrt();
        // A draw next to the origin has no direction worth the name; with one feature it does occur.
        if length > 1e-6 {
            return draw.into_iter().map(|part| part / length).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Synthetic {
        Synthetic::default()
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    /// Rows of one class in f64.
    fn class(table: &Dataset, anomaly: bool) -> Vec<Vec<f64>> {
        let labels = table.labels.as_ref().unwrap();
        let rows = table.features.rows().into_iter().zip(labels).filter(|(_, label)| **label == anomaly);
        rows.map(|(row, _)| row.iter().map(|&value| f64::from(value)).collect()).collect()
    }

    /// Mean `[IN]` and variance averaged over features.
    fn moments(rows: &[Vec<f64>]) -> (Vec<f64>, f64) {
        let n = rows.len() as f64;
        let features = rows[0].len();
        let mean: Vec<f64> = (0..features).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n).collect();
        let variance = rows.iter().map(|row| distance(row, &mean).powi(2)).sum::<f64>() / (n * features as f64);
        (mean, variance)
    }

    #[test]
    fn a_recipe_is_read_from_its_text_form() {
        let hard: Synthetic = "shift=2,variance=1".parse().unwrap();
        assert_eq!(hard, Synthetic { shift: 2.0, variance: 1.0, ..Synthetic::default() });
        assert_eq!("".parse(), Ok(Synthetic::default()));
        for wrong in ["rows", "rows=many", "colour=2", "seed=1"] {
            assert_eq!(wrong.parse::<Synthetic>(), Err(SyntheticError::Pair(wrong.into())));
        }
        assert_eq!("rows=0".parse::<Synthetic>(), Err(SyntheticError::Zero { size: "rows" }));
    }

    #[test]
    fn every_component_has_its_mean_at_the_norm_asked_and_variance_one_half() {
        // So far apart that the nearest centre is the true one; 10,000 rows of 10 features, so a component's variance
        // has a standard error of 0.5 * sqrt(2 / 33,000) = 0.004.
        let recipe = Synthetic { mean_norm: 50.0, contamination: 0.0, ..recipe() };
        let table = recipe.generate().unwrap();
        let centres = Centres::draw(&recipe, &mut stream(recipe.seed, Purpose::Synthetic, 0)).normal;
        let mut members: Vec<Vec<Vec<f64>>> = vec![vec![]; centres.len()];
        for row in class(&table, false) {
            let nearest = (0..3).min_by(|&a, &b| distance(&row, &centres[a]).total_cmp(&distance(&row, &centres[b])));
            members[nearest.unwrap()].push(row);
        }
        for rows in &members {
            let (mean, variance) = moments(rows);
            let norm = mean.iter().map(|part| part * part).sum::<f64>().sqrt();
            assert!((norm - 50.0).abs() < 0.05, "norm {norm}");
            assert!((variance - 0.5).abs() < 0.015, "variance {variance}");
            assert!((rows.len() as f64 - 10_000.0 / 3.0).abs() < 200.0, "{} rows in one component", rows.len());
        }
    }

    #[test]
    fn the_default_recipe_is_that_of_the_reference_data_set() {
        let recipe = recipe();
        let table = recipe.generate().unwrap();
        assert_eq!((table.features.dim(), table.anomalies()), ((10_000, 10), Some(200)));
        assert_eq!(table.names[9], "f9");
        let centres = Centres::draw(&recipe, &mut stream(recipe.seed, Purpose::Synthetic, 0));
        for mean in &centres.normal {
            assert!((distance(mean, &[0.0; 10]) - 2.5).abs() < 1e-12);
        }
        let mixture_mean: Vec<f64> =
            (0..10).map(|j| centres.normal.iter().map(|mean| mean[j]).sum::<f64>() / 3.0).collect();
        assert!((distance(&centres.anomalous, &mixture_mean) - 3.0).abs() < 1e-12);

        let (normal_mean, _) = moments(&class(&table, false));
        assert!(distance(&normal_mean, &mixture_mean) < 0.1);
        // 200 rows of 10 features at variance 2: the mean's distance has a standard error near sqrt(2 * 10 / 200) = 0.3.
        let (mean, variance) = moments(&class(&table, true));
        assert!(distance(&mean, &centres.anomalous) < 0.6);
        assert!((variance - 2.0).abs() < 0.25, "variance {variance}");
    }

    #[test]
    fn anomalies_stand_at_random_places() {
        let labels = recipe().generate().unwrap().labels.unwrap();
        let in_first_half = labels[..5000].iter().filter(|&&anomaly| anomaly).count();
        assert!((70..=130).contains(&in_first_half), "{in_first_half} of 200");
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
        let small = |seed| Synthetic { rows: 50, seed, ..recipe() }.generate().unwrap();
        assert_eq!(small(1), small(1));
        assert_ne!(small(1).features, small(2).features);
    }

    #[test]
    fn the_data_set_of_a_seed_never_changes_between_releases() {
        let table = recipe().generate().unwrap();
        let first_anomaly = table.labels.as_ref().unwrap().iter().position(|&anomaly| anomaly).unwrap();
        assert_eq!(first_anomaly, 41);
        let golden: [f32; 10] = [
            0.117081344,
            -0.059542194,
            0.5350425,
            -0.1971948,
            -1.2247277,
            -1.1375217,
            -0.37303457,
            2.1777637,
            -0.8956627,
            0.5634534,
        ];
        for (value, golden) in table.features.row(0).iter().zip(golden) {
            assert!((value - golden).abs() < 1e-6, "{value} {golden}");
        }
    }

    #[test]
    fn one_feature_one_component_and_one_row_are_enough() {
        let table = Synthetic { rows: 1, features: 1, components: 1, ..recipe() }.generate().unwrap();
        assert_eq!((table.features.dim(), table.anomalies()), ((1, 1), Some(0)));
    }

    #[test]
    fn refuses_a_recipe_that_makes_no_data() {
        let text = |recipe: Synthetic| recipe.generate().unwrap_err().to_string();
        assert_eq!(text(Synthetic { rows: 0, ..recipe() }), "rows is 0, expected at least 1");
        assert_eq!(text(Synthetic { features: 0, ..recipe() }), "features is 0, expected at least 1");
        assert_eq!(text(Synthetic { components: 0, ..recipe() }), "components is 0, expected at least 1");
        assert_eq!(
            text(Synthetic { rows: usize::MAX, ..recipe() }),
            "18446744073709551615 rows of 10 features are too large a table, expected at most 1073741824 cells"
        );
        assert_eq!(
            text(Synthetic { contamination: 1.0, ..recipe() }),
            "contamination is 1, expected at least 0 and below 1"
        );
        assert_eq!(
            text(Synthetic { contamination: f64::NAN, ..recipe() }),
            "contamination is NaN, expected at least 0 and below 1"
        );
        assert_eq!(
            text(Synthetic { rows: 2, contamination: 0.9, ..recipe() }),
            "contamination 0.9 of 2 rows leaves no normal row, expected at least 1; lower it or add rows"
        );
        assert_eq!(text(Synthetic { shift: -1.0, ..recipe() }), "shift is -1, expected at least 0 and at most 1000000");
        assert_eq!(
            text(Synthetic { variance: f64::INFINITY, ..recipe() }),
            "variance is inf, expected at least 0 and at most 1000000"
        );
    }
}
