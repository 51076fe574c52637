//! Scaling of features: statistics of the training rows in f64, applied as the device applies them, in f32.

use edgevae_core::{clip, standardize};
use ndarray::{Array2, ArrayView1, ArrayView2};
use thiserror::Error;

/// Centre and scale of each feature: `x = (raw - mean) * (1 / scale)`.
///
/// By [`Scaler::fit`] these are the mean and the population standard deviation (divided by `n`, not `n - 1`), or 1 for a
/// constant feature; by [`Scaler::robust`] the median and the quartile range. The mean doubles as the fill value of missing
/// cells, so that a filled cell becomes exactly 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    /// Mean or median of each feature over its present values, `[IN]`, raw units.
    pub mean: Vec<f64>,
    /// Divisor of each feature, `[IN]`, raw units, positive.
    pub scale: Vec<f64>,
    /// Indices of the features that were found constant (see [`Moments::finish`]) and kept with scale 1.
    pub constant: Vec<usize>,
    /// Scaled features are held in `[-clip, clip]`, as the core does; `None`: they are taken as they are.
    pub clip: Option<f32>,
}

/// Range of the middle half of the standard normal distribution.
const NORMAL_QUARTILE_RANGE: f64 = 1.348_979_500_392_163_5;

/// Linear between the two nearest of at least one sorted value.
fn quantile(sorted: &[f32], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (f64::from(sorted[at.floor() as usize]), f64::from(sorted[at.ceil() as usize]));
    low + (at - at.floor()) * (high - low)
}

/// Rows that no scaler can be made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScalerError {
    /// A feature has no value in any row; the caller knows its name.
    #[error("feature {feature} (counted from 0) has no value in any of the rows; leave the column out")]
    NoValues {
        /// Index of the feature.
        feature: usize,
    },
}

impl Scaler {
    /// Computes mean and scale of each column; NaN cells (missing values) are skipped in their column.
    ///
    /// # Shapes
    /// - `features`: `[ROWS, IN]`, raw units
    ///
    /// # Errors
    /// [`ScalerError::NoValues`] when a column holds no value at all: leave it out.
    ///
    /// # Examples
    /// ```
    /// use edgevae_trainer::prepare::scaler::Scaler;
    /// let scaler = Scaler::fit(ndarray::array![[1.0, 7.0], [3.0, 7.0]].view())?;
    /// assert_eq!((scaler.mean, scaler.scale, scaler.constant), (vec![2.0, 7.0], vec![1.0, 1.0], vec![1]));
    /// # Ok::<(), edgevae_trainer::prepare::scaler::ScalerError>(())
    /// ```
    pub fn fit(features: ArrayView2<'_, f32>) -> Result<Self, ScalerError> {
        let mut moments = Moments::new(features.ncols());
        for row in features.rows() {
            moments.push(row);
        }
        moments.finish()
    }

    /// Centre and scale that a share of wild values does not move: median, and quartile range over 1.349.
    ///
    /// That is the range of the middle half of the standard normal distribution: Gaussian features get the scale of
    /// [`Scaler::fit`], up to chance. Where half of the values or more are equal, so that the range is 0, the scale is the standard
    /// deviation.
    ///
    /// # Shapes
    /// - `features`: `[ROWS, IN]`, raw units
    ///
    /// # Errors
    /// As [`Scaler::fit`].
    pub fn robust(features: ArrayView2<'_, f32>) -> Result<Self, ScalerError> {
        let mut scaler = Self::fit(features)?;
        for (feature, column) in features.columns().into_iter().enumerate() {
            let mut values: Vec<f32> = column.iter().copied().filter(|value| !value.is_nan()).collect();
            values.sort_unstable_by(f32::total_cmp);
            let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
            let range = (high - low) / NORMAL_QUARTILE_RANGE;
            if range > f64::from(f32::EPSILON) * median.abs() && range >= f64::from(f32::MIN_POSITIVE) {
                (scaler.mean[feature], scaler.scale[feature]) = (median, range);
            }
        }
        Ok(scaler)
    }

    /// Mean of each feature as the model file holds it: rounded once to f32.
    pub fn means(&self) -> Vec<f32> {
        self.mean.iter().map(|&mean| mean as f32).collect()
    }

    /// Reciprocal of each scale as the model file holds it: rounded once to f32. A product is cheaper than a quotient on
    /// a core without divider.
    pub fn reciprocals(&self) -> Vec<f32> {
        self.scale.iter().map(|&scale| (1.0 / scale) as f32).collect()
    }

    /// The standardized table, by the core's own [`standardize`] and with the numbers of the model file, so that the
    /// network is trained on the very values that it meets on the device; 0 for a missing cell.
    ///
    /// # Shapes
    /// - `features`: `[ROWS, IN]`, raw units; returns the same shape, dimensionless
    ///
    /// # Panics
    /// When `features` has another number of columns than the rows that the scaler was computed from.
    pub fn transform(&self, features: ArrayView2<'_, f32>) -> Array2<f32> {
        assert_eq!(features.ncols(), self.mean.len(), "one mean for each column");
        let mut scaled = features.as_standard_layout().into_owned();
        self.transform_in_place(scaled.as_slice_mut().expect("the standard layout is one slice"));
        scaled
    }

    /// The largest magnitude of these rows in scales, before they are clipped; 0 without a value.
    ///
    /// # Shapes
    /// - `rows`: `[ROWS, IN]`
    pub fn reach(&self, rows: ArrayView2<'_, f32>) -> f32 {
        let (means, reciprocals) = (self.means(), self.reciprocals());
        let row = |row: ArrayView1<'_, f32>| {
            let scaled = row.iter().zip(&means).zip(&reciprocals);
            scaled.map(|((&cell, &mean), &reciprocal)| standardize(cell, mean, reciprocal).abs()).fold(0.0, f32::max)
        };
        rows.rows().into_iter().map(row).fold(0.0, f32::max)
    }

    /// [`Scaler::transform`] of rows where they are.
    ///
    /// # Shapes
    /// - `rows`: `[ROWS][IN]`, row by row
    pub fn transform_in_place(&self, rows: &mut [f32]) {
        let (means, reciprocals) = (self.means(), self.reciprocals());
        for row in rows.chunks_exact_mut(means.len()) {
            for ((cell, &mean), &reciprocal) in row.iter_mut().zip(&means).zip(&reciprocals) {
                let scaled = if cell.is_nan() { 0.0 } else { standardize(*cell, mean, reciprocal) };
                *cell = self.clip.map_or(scaled, |limit| clip(scaled, limit));
            }
        }
    }
}

/// Running count, mean and sum of squared deviations of each feature; rows arrive one by one or as merged parts.
///
/// The naive `Σx² - (Σx)²/n` loses every digit when the mean is large against the spread, as for a pressure in pascal
/// that varies by 1; these recurrences do not.
///
/// # Source
/// Welford 1962 (update by one value); Chan, Golub & LeVeque 1979, equation 2.1 (merge of two parts).
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    features: Vec<Moment>,
}

/// The three running numbers of one feature.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Moment {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// No rows yet.
    pub fn new(features: usize) -> Self {
        Self { features: vec![Moment::default(); features] }
    }

    /// Adds one row of raw values; NaN cells are skipped.
    pub fn push<'a>(&mut self, row: impl IntoIterator<Item = &'a f32>) {
        for (moment, &value) in self.features.iter_mut().zip(row) {
            if !value.is_nan() {
                let value = f64::from(value);
                moment.count += 1;
                let before = value - moment.mean;
                moment.mean += before / moment.count as f64;
                moment.squares += before * (value - moment.mean);
            }
        }
    }

    /// Adds the rows of another part, as if they had been pushed here.
    pub fn merge(&mut self, other: &Self) {
        for (moment, part) in self.features.iter_mut().zip(&other.features) {
            if part.count > 0 {
                let count = moment.count + part.count;
                let share = part.count as f64 / count as f64;
                let delta = part.mean - moment.mean;
                moment.squares += part.squares + delta * delta * moment.count as f64 * share;
                moment.mean += delta * share;
                moment.count = count;
            }
        }
    }

    /// Mean and scale of the rows seen.
    ///
    /// A feature is constant, and gets scale 1, when its standard deviation is at most `2^-23 * |mean|`, one rounding step
    /// of an f32 of that size (less than the input can express), or below the smallest normal f32 (its reciprocal would
    /// overflow).
    ///
    /// # Errors
    /// [`ScalerError::NoValues`] for the first feature that no row had a value for.
    pub fn finish(&self) -> Result<Scaler, ScalerError> {
        let mut scaler = Scaler { mean: vec![], scale: vec![], constant: vec![], clip: None };
        for (feature, moment) in self.features.iter().enumerate() {
            if moment.count == 0 {
                return Err(ScalerError::NoValues { feature });
            }
            let deviation = (moment.squares / moment.count as f64).sqrt();
            let constant =
                deviation <= f64::from(f32::EPSILON) * moment.mean.abs() || deviation < f64::from(f32::MIN_POSITIVE);
            if constant {
                scaler.constant.push(feature);
            }
            scaler.mean.push(moment.mean);
            scaler.scale.push(if constant { 1.0 } else { deviation });
        }
        Ok(scaler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array, s};
    use proptest::prelude::*;

    /// The textbook: mean first, then squared deviations, both in f64.
    fn two_pass(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
        (mean, (squares / n).sqrt())
    }

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * a.abs().max(b.abs()).max(1e-30)
    }

    #[test]
    fn agrees_with_two_passes_when_the_offset_dwarfs_the_spread() {
        // 1e8 in steps of 8, the spacing of f32 there. Σx² - (Σx)²/n in f64 is wrong from the third digit on.
        let values: Vec<f32> = (0..10_000).map(|i| 1e8 + 8.0 * ((i * 7919) % 13) as f32).collect();
        let column = Array2::from_shape_vec((values.len(), 1), values.clone()).unwrap();
        let scaler = Scaler::fit(column.view()).unwrap();
        let (mean, deviation) = two_pass(&values);
        assert!(close(scaler.mean[0], mean, 1e-14), "{} {mean}", scaler.mean[0]);
        assert!(close(scaler.scale[0], deviation, 1e-9), "{} {deviation}", scaler.scale[0]);
        assert!(scaler.constant.is_empty());
    }

    #[test]
    fn divides_by_n_and_not_by_n_minus_one() {
        let scaler = Scaler::fit(array![[2.0], [4.0], [4.0], [4.0], [5.0], [5.0], [7.0], [9.0]].view()).unwrap();
        assert_eq!((scaler.mean[0], scaler.scale[0]), (5.0, 2.0));
    }

    #[test]
    fn constant_features_keep_scale_one_and_are_reported() {
        let one_step = f32::from_bits(1e8f32.to_bits() + 1);
        let table = array![[3.0, 1.0, 1e8, 1e-42], [3.0, 2.0, 1e8, 0.0], [3.0, 3.0, one_step, 0.0]];
        let scaler = Scaler::fit(table.view()).unwrap();
        assert_eq!(scaler.constant, [0, 2, 3]);
        assert_eq!((scaler.scale[0], scaler.scale[2], scaler.scale[3]), (1.0, 1.0, 1.0));
        assert_eq!(scaler.transform(table.view()).column(0), array![0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_single_row_is_all_constant() {
        let scaler = Scaler::fit(array![[5.0, 0.0]].view()).unwrap();
        assert_eq!((scaler.mean, scaler.scale, scaler.constant), (vec![5.0, 0.0], vec![1.0, 1.0], vec![0, 1]));
    }

    #[test]
    fn missing_cells_are_skipped_in_their_column_and_scale_to_zero() {
        let table = array![[1.0, f32::NAN], [3.0, 10.0], [f32::NAN, 30.0]];
        let scaler = Scaler::fit(table.view()).unwrap();
        assert_eq!((&scaler.mean, &scaler.scale), (&vec![2.0, 20.0], &vec![1.0, 10.0]));
        assert_eq!(scaler.transform(table.view()), array![[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]]);
    }

    #[test]
    fn refuses_a_feature_without_values() {
        let error = Scaler::fit(array![[1.0, f32::NAN], [2.0, f32::NAN]].view()).unwrap_err();
        assert_eq!(error, ScalerError::NoValues { feature: 1 });
        assert_eq!(
            error.to_string(),
            "feature 1 (counted from 0) has no value in any of the rows; leave the column out"
        );
    }

    #[test]
    fn a_transformed_table_has_mean_zero_and_deviation_one() {
        let table = Array2::from_shape_fn((1000, 3), |(i, j)| ((i * (j + 3)) % 17) as f32 * 2.5 + 40.0);
        let scaled = Scaler::fit(table.view()).unwrap().transform(table.view());
        for column in scaled.columns() {
            let (mean, deviation) = two_pass(&column.to_vec());
            assert!(mean.abs() < 1e-5 && (deviation - 1.0).abs() < 1e-5, "{mean} {deviation}");
        }
    }

    #[test]
    fn a_robust_scale_is_that_of_the_middle_half_whatever_the_rest_is() {
        let values = |wild: f32| Array2::from_shape_fn((101, 1), |(i, _)| if i < 90 { i as f32 } else { wild });
        let (tame, wild) = (Scaler::robust(values(95.0).view()).unwrap(), Scaler::robust(values(1e9).view()).unwrap());
        assert_eq!(tame, wild);
        assert_eq!((tame.mean[0], tame.scale[0]), (50.0, 50.0 / NORMAL_QUARTILE_RANGE));
        let mostly_zero = array![[0.0], [0.0], [0.0], [0.0], [0.0], [0.0], [6.0], [f32::NAN]];
        assert_eq!(Scaler::robust(mostly_zero.view()), Scaler::fit(mostly_zero.view()), "no range in the middle half");
    }

    proptest! {
        #[test]
        fn scaling_and_unscaling_return_the_row_to_a_rounding_step_of_its_largest_number(
            cells in prop::collection::vec(-1e6f32..1e6, 2..60),
        ) {
            let table = Array2::from_shape_vec((cells.len(), 1), cells.clone()).unwrap();
            let scaler = Scaler::fit(table.view()).unwrap();
            let largest = cells.iter().fold(0f64, |largest, &cell| largest.max(f64::from(cell).abs()));
            for (&cell, &scaled) in cells.iter().zip(scaler.transform(table.view()).iter()) {
                let back = f64::from(scaled) * scaler.scale[0] + scaler.mean[0];
                prop_assert!((back - f64::from(cell)).abs() <= 4.0 * f64::from(f32::EPSILON) * largest, "{} {}", cell, back);
            }
        }

        #[test]
        fn merged_parts_equal_the_whole(
            values in prop::collection::vec(prop::option::weighted(0.9, 999_000f32..1_001_000f32), 1..120), cut in 0usize..60,
        ) {
            let cells: Vec<f32> = values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
            let table = Array2::from_shape_vec((cells.len(), 1), cells).unwrap();
            let cut = (2 * cut).min(table.nrows());
            let part = |rows: ArrayView2<'_, f32>| {
                let mut moments = Moments::new(1);
                rows.rows().into_iter().for_each(|row| moments.push(row));
                moments
            };
            let mut merged = part(table.slice(s![..cut, ..]));
            merged.merge(&part(table.slice(s![cut.., ..])));
            match (merged.finish(), Scaler::fit(table.view())) {
                (Ok(merged), Ok(whole)) => {
                    prop_assert!(close(merged.mean[0], whole.mean[0], 1e-13));
                    prop_assert!(close(merged.scale[0], whole.scale[0], 1e-8));
                    prop_assert_eq!(merged.constant, whole.constant);
                }
                (merged, whole) => prop_assert_eq!(merged, whole),
            }
        }
    }
}
