//! Numbers that stand for a missing reading: -9999, 85, 65535 and the like, found by what a column holds.

use std::fmt;

use ndarray::{ArrayView1, ArrayView2};

use crate::base::numbers::{count, significant};
use crate::table::form::Sentinel;

/// Numbers that loggers and sensors are known to write instead of a reading: fill values, the ends of integers, and the
/// power-on and error values of common sensors.
const KNOWN: [f32; 29] = [
    -9999.0,
    -9999.9,
    -9990.0,
    -999.0,
    -999.9,
    -99.0,
    -99.9,
    -99999.0,
    -999999.0,
    -8888.0,
    -7777.0,
    -6999.0,
    -1000.0,
    999.0,
    999.9,
    9990.0,
    9999.0,
    9999.9,
    99999.0,
    999999.0,
    32767.0,
    -32768.0,
    65535.0,
    2147483647.0,
    -2147483648.0,
    255.0,
    85.0,
    127.0,
    -127.0,
];
/// From this size on a repeated reading is no measurement.
const HUGE: f32 = 1e20;
/// Rows that hold the number, at least.
const FEWEST: usize = 3;
/// Share of the rows that hold it, at least.
const LEAST_SHARE: f64 = 0.001;
/// Numbers of one column, at most.
const MOST: usize = 4;

/// A number that repeats far outside the other readings of its column.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The column.
    pub column: String,
    /// The number.
    pub value: f32,
    /// Rows that hold it.
    pub rows: usize,
    /// Rows with a reading.
    pub present: usize,
    /// Its distance from the nearest other reading, in ranges of the other readings.
    pub distance: f64,
    /// Whether it is read as a missing cell where nobody says otherwise.
    pub is_certain: bool,
}

impl Found {
    /// The number in its column, as `--sentinel` takes it.
    pub fn sentinel(&self) -> Sentinel {
        Sentinel { column: Some(self.column.clone()), value: self.value }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, value, rows, present, distance, .. } = self;
        let share = significant(100.0 * *rows as f64 / *present as f64, 2);
        let (rows, present, distance) = (count(*rows), count(*present), significant(*distance, 2));
        write!(
            f,
            "`{column}`: {value} in {rows} of {present} rows ({share} %), {distance} times the range of the other readings \
             away from them"
        )
    }
}

/// The numbers of all columns.
///
/// # Shapes
/// - `features`: `[ROWS, IN]`, NaN for a missing cell
pub fn find(names: &[String], features: ArrayView2<'_, f32>) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, column) in names.iter().zip(features.columns()) {
        let mut excluded = Vec::new();
        while excluded.len() < MOST {
            let Some((value, rows, present, distance, is_certain)) = next(column, &excluded) else { break };
            excluded.push(value);
            found.push(Found { column: name.clone(), value, rows, present, distance, is_certain });
        }
    }
    found
}

/// The least or greatest of a column's readings if it repeats far outside the others.
fn next(column: ArrayView1<'_, f32>, excluded: &[f32]) -> Option<(f32, usize, usize, f64, bool)> {
    let readings = || column.iter().copied().filter(|value| !value.is_nan() && !excluded.contains(value));
    let (least, greatest) = readings().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    if least >= greatest {
        return None;
    }
    let inner = || readings().filter(|&value| value > least && value < greatest);
    let (low, high) = inner().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    if low > high {
        return None;
    }
    [(least, low, greatest), (greatest, high, least)].into_iter().find_map(|(value, nearest, other_end)| {
        let range = (f64::from(nearest) - f64::from(other_end)).abs();
        let gap = (f64::from(value) - f64::from(nearest)).abs();
        let is_known = KNOWN.contains(&value) || value.abs() >= HUGE;
        // No need to look closer: most columns end here.
        if gap <= 0.3 * range {
            return None;
        }
        let mut rest: Vec<f32> = readings().filter(|&other| other != value).collect();
        let present = column.iter().filter(|value| !value.is_nan()).count();
        let rows = readings().count() - rest.len();
        if rows < FEWEST || (rows as f64) < LEAST_SHARE * present as f64 {
            return None;
        }
        rest.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| f64::from(rest[((rest.len() - 1) as f64 * share).round() as usize]);
        let spread = at(0.95) - at(0.05);
        let levels = 1 + rest.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let is_found = if is_known || value == 0.0 {
            (levels >= 12 && gap > 0.5 * spread) || (is_known && levels >= 4 && gap > 3.0 * range)
        } else {
            levels >= 12 && gap > range.max(3.0 * spread)
        };
        (is_found && spread > 0.0)
            .then(|| (value, rows, present, gap / range, is_known && gap > range.max(3.0 * spread)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// A column of temperatures from 18 to 27 in which every tenth reading is another number.
    fn with(value: f32) -> Vec<Found> {
        let column = |row: usize| if row % 10 == 3 { value } else { 18.0 + (row * 37 % 91) as f32 / 10.0 };
        find(&["t".into()], Array2::from_shape_fn((400, 1), |(row, _)| column(row)).view())
    }

    #[test]
    fn known_numbers_far_outside_are_certain_and_others_are_found() {
        for value in [-9999.0, -999.0, 85.0, 127.0, -127.0, 255.0, 65535.0, 32767.0, 1e30, -99.0] {
            let found = with(value);
            assert_eq!(
                (found.len(), found[0].value, found[0].rows, found[0].is_certain),
                (1, value, 40, true),
                "{value}"
            );
        }
        for value in [0.0, -40.0, 500.0] {
            assert!(matches!(&with(value)[..], [Found { is_certain: false, .. }]), "{value}: {:?}", with(value));
        }
        assert_eq!(
            with(-9999.0)[0].to_string(),
            "`t`: -9999 in 40 of 400 rows (10 %), 1,113 times the range of the other readings away from them"
        );
    }

    #[test]
    fn several_numbers_of_one_column_are_found() {
        let column = |row: usize| match row % 20 {
            3 => -9999.0,
            7 => 65535.0,
            _ => 1000.0 + (row * 37 % 91) as f32,
        };
        let found = find(&["p".into()], Array2::from_shape_fn((400, 1), |(row, _)| column(row)).view());
        let mut values: Vec<f32> = found.iter().map(|found| found.value).collect();
        values.sort_by(f32::total_cmp);
        assert_eq!(values, [-9999.0, 65535.0]);
    }

    #[test]
    fn readings_flags_and_single_outliers_are_none() {
        let columns: [fn(usize) -> f32; 5] = [
            |row| (row * 37 % 91) as f32,
            |row| f32::from(u8::from(row % 10 == 0)),
            |row| if row == 7 { -9999.0 } else { (row * 37 % 91) as f32 },
            |row| [0.0, 1.0, 2.0, 85.0][row % 4],
            |row| 85.0 + (row * 37 % 91) as f32 / 100.0,
        ];
        for (at, column) in columns.into_iter().enumerate() {
            let found = find(&["x".into()], Array2::from_shape_fn((400, 1), |(row, _)| column(row)).view());
            assert_eq!(found, [], "column {at}");
        }
    }
}
