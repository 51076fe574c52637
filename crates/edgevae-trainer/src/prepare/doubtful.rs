//! Columns and rows that are probably not what a model should learn: identifiers, cut decimals, a file that holds its rows
//! twice.

use std::collections::HashSet;

use ndarray::ArrayView1;

use crate::table::Dataset;

/// Fewer rows say nothing.
const FEW: usize = 30;

fn is_whole(column: ArrayView1<'_, f32>) -> bool {
    column.iter().all(|value| value.is_finite() && value.fract() == 0.0)
}

/// Columns of whole numbers of which no two are equal and that fill their range, in any order: identifiers of rows.
pub(super) fn identifiers(dataset: &Dataset) -> Vec<String> {
    let rows = dataset.rows();
    let is_id = |column: ArrayView1<'_, f32>| {
        let mut seen = HashSet::new();
        let (least, most) = column.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
        rows >= FEW
            && f64::from(most) - f64::from(least) < 4.0 * rows as f64
            && is_whole(column)
            && column.iter().all(|value| seen.insert(value.to_bits()))
            && !column.iter().is_sorted()
    };
    let columns = dataset.names.iter().zip(dataset.features.columns());
    let note = |(name, _): (&String, _)| {
        format!(
            "`{name}`: whole numbers of which no two are equal, as of an identifier (--ignore {name:?} leaves it out)"
        )
    };
    columns.filter(|(_, column)| is_id(*column)).map(note).collect()
}

/// Pairs of neighbouring columns of whole numbers that look like numbers with a decimal comma, cut at the comma.
pub(super) fn cut_decimals(dataset: &Dataset) -> Vec<String> {
    let columns: Vec<ArrayView1<'_, f32>> = dataset.features.columns().into_iter().collect();
    let levels =
        |column: &ArrayView1<'_, f32>| column.iter().map(|value| value.to_bits()).collect::<HashSet<_>>().len();
    let is_fraction = |column: &ArrayView1<'_, f32>| {
        let most = column.iter().copied().fold(0.0, f32::max);
        let (digits, spread) = (if most < 100.0 { 100.0 } else { 1000.0 }, levels(column));
        // All digits behind the comma occur, from the least to the greatest.
        let least = column.iter().copied().fold(f32::INFINITY, f32::min);
        is_whole(*column)
            && least >= 0.0
            && most < 1000.0
            && most >= 0.9 * digits
            && least < 0.1 * digits
            && spread >= 20
    };
    let is_whole_part = |column: &ArrayView1<'_, f32>| is_whole(*column);
    let mut notes = Vec::new();
    let is_even = columns.len() >= 2 && columns.len().is_multiple_of(2) && dataset.rows() >= FEW;
    if is_even && columns.chunks(2).all(|pair| is_whole_part(&pair[0]) && is_fraction(&pair[1])) {
        let names: Vec<String> =
            dataset.names.chunks(2).map(|pair| format!("`{}` and `{}`", pair[0], pair[1])).collect();
        notes.push(format!(
            "{} look like numbers with a decimal comma that were cut at it: write the file with a point, or with ; between \
             the cells",
            names.join(", ")
        ));
    }
    notes
}

/// A file that holds each of its rows twice or more, in the same order.
pub(super) fn repeated_rows(dataset: &Dataset) -> Option<String> {
    let rows = dataset.rows();
    let half = rows / 2;
    let is_twice = rows >= FEW
        && rows.is_multiple_of(2)
        && (0..half).all(|row| {
            dataset
                .features
                .row(row)
                .iter()
                .zip(dataset.features.row(half + row))
                .all(|(a, b)| a.to_bits() == b.to_bits())
        });
    let in_pairs = rows >= FEW
        && rows.is_multiple_of(2)
        && (0..half).all(|row| {
            dataset
                .features
                .row(2 * row)
                .iter()
                .zip(dataset.features.row(2 * row + 1))
                .all(|(a, b)| a.to_bits() == b.to_bits())
        });
    (is_twice || in_pairs).then(|| {
        format!("each row is there twice ({rows} rows): test rows are then known from training; remove the copies")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn table(columns: usize, cell: impl Fn(usize, usize) -> f32) -> Dataset {
        let names = (0..columns).map(|column| format!("c{column}")).collect();
        Dataset {
            names,
            features: Array2::from_shape_fn((400, columns), |(row, at)| cell(row, at)),
            ..Dataset::default()
        }
    }

    #[test]
    fn shuffled_identifiers_are_found_and_sensors_are_not() {
        assert_eq!(identifiers(&table(1, |row, _| (row * 37 % 400) as f32)).len(), 1);
        assert!(identifiers(&table(1, |row, _| (row * 37 % 101) as f32)).is_empty(), "numbers repeat");
        assert!(identifiers(&table(1, |row, _| (row * 37 % 401) as f32 + 0.5)).is_empty(), "no whole numbers");
    }

    #[test]
    fn cut_decimals_are_found_in_pairs() {
        let cut = table(4, |row, at| if at % 2 == 0 { 20.0 + (row % 7) as f32 } else { (row * 37 % 100) as f32 });
        assert_eq!(cut_decimals(&cut).len(), 1);
        assert!(cut_decimals(&table(4, |row, at| (row * (at + 3) % 50) as f32 + 0.5)).is_empty());
        assert!(cut_decimals(&table(2, |row, at| (row * (at + 3) % 40) as f32)).is_empty());
    }

    #[test]
    fn a_file_that_holds_its_rows_twice_is_found() {
        assert!(repeated_rows(&table(2, |row, at| ((row % 200) * 7 + at) as f32)).is_some());
        assert!(repeated_rows(&table(2, |row, at| (row / 2 * 7 + at) as f32)).is_some());
        assert!(repeated_rows(&table(2, |row, at| (row * 7 + at) as f32)).is_none());
    }
}
