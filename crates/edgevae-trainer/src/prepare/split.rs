//! Division of rows into training and test rows, and of training rows into a kept and a held-out share.

use std::collections::HashSet;

use crate::base::random::{Purpose, stream};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Row indices of a training and a test part; disjoint, together all rows, each in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on; never empty when there are rows at all.
    pub train: Vec<usize>,
    /// Rows to evaluate on.
    pub test: Vec<usize>,
}

/// Divides `rows` rows at random, with the same test share in each class.
///
/// Of the `n` rows of a class `round(test_fraction * n)` become test rows, ties away from zero. `test_fraction` 0 (and
/// anything below, or NaN) tests on nothing. Without labels all rows are one class. If every row fell to the test part,
/// one row of the first class that has any, normal before anomaly, goes back to training.
///
/// Both parts are sorted, so that test scores come out in file order; the training loop shuffles for itself.
///
/// # Shapes
/// - `labels`: `[ROWS]`, `true` = anomaly
///
/// # Panics
/// When `labels` holds another number of entries than `rows`.
///
/// # Examples
/// ```
/// use edgevae_trainer::prepare::split::stratified;
/// let labels = [false, false, false, false, true, false, false, false, false, true];
/// let split = stratified(Some(&labels), 10, 0.5, 0);
/// assert_eq!(split.test.len(), 5);
/// assert_eq!(split.test.iter().filter(|&&row| labels[row]).count(), 1);
/// ```
pub fn stratified(labels: Option<&[bool]>, rows: usize, test_fraction: f64, seed: u64) -> Split {
    let mut rng = stream(seed, Purpose::Split, 0);
    let classes: Vec<Vec<usize>> = match labels {
        None => vec![(0..rows).collect()],
        Some(labels) => {
            assert_eq!(labels.len(), rows, "one label for each row");
            [false, true].map(|class| (0..rows).filter(|&row| labels[row] == class).collect()).into()
        }
    };
    let mut split = Split::default();
    for class in classes {
        let (train, test) = divide(class, test_fraction, &mut rng);
        split.train.extend(train);
        split.test.extend(test);
    }
    if split.train.is_empty() && !split.test.is_empty() {
        // Classes were appended normal first, so this is a normal row if there is one.
        split.train.push(split.test.remove(0));
    }
    split.train.sort_unstable();
    split.test.sort_unstable();
    split
}

/// Tests on the last `round(test_fraction * rows)` rows and leaves out the `gap` rows before them, whose windows reach into
/// both parts; at least one row is for training when there are any.
pub fn chronological(rows: usize, test_fraction: f64, gap: usize) -> Split {
    let all: Vec<usize> = (0..rows).collect();
    let (train, test) = last(&all, test_fraction, gap);
    Split { train, test }
}

/// Takes the last `round(fraction * n)` of the given rows, which are in order, and leaves out the `gap` rows before them:
/// `(kept, held_out)`. At least one row is kept when there are any.
pub fn last(rows: &[usize], fraction: f64, gap: usize) -> (Vec<usize>, Vec<usize>) {
    let taken = ((fraction * rows.len() as f64).round() as usize).min(rows.len().saturating_sub(1));
    let (kept, held_out) = rows.split_at(rows.len() - taken);
    let left_out = if taken == 0 { 0 } else { gap.min(kept.len().saturating_sub(1)) };
    (kept[..kept.len() - left_out].to_vec(), held_out.to_vec())
}

/// Takes whole groups out of the given rows, in a random order, until they hold `round(fraction * n)` rows or only one
/// group is left: `(kept, held_out)`, both sorted.
///
/// # Shapes
/// - `groups`: one entry for each row of the table
///
/// # Panics
/// When a row has no entry in `groups`.
pub fn whole_groups(rows: &[usize], groups: &[u32], fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<u32> = rows.iter().map(|&row| groups[row]).collect();
    order.sort_unstable();
    order.dedup();
    order.shuffle(&mut stream(seed, Purpose::Groups, 0));
    let wanted = (fraction * rows.len() as f64).round() as usize;
    let mut is_taken = HashSet::new();
    let mut taken = 0;
    for group in order.iter().skip(1) {
        if taken >= wanted {
            break;
        }
        is_taken.insert(*group);
        taken += rows.iter().filter(|&&row| groups[row] == *group).count();
    }
    rows.iter().partition(|&&row| !is_taken.contains(&groups[row]))
}

/// Takes `round(fraction * n)` of the given rows out at random, for calibration or validation: `(kept, held_out)`.
///
/// At least one row is kept when there are any. Both parts are sorted ascending.
pub fn holdout(rows: &[usize], fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let (mut kept, mut held_out) = divide(rows.to_vec(), fraction, &mut stream(seed, Purpose::Holdout, 0));
    if kept.is_empty() {
        kept.extend(held_out.pop());
    }
    kept.sort_unstable();
    held_out.sort_unstable();
    (kept, held_out)
}

/// Shuffles and cuts: `(rest, taken)`, `taken` holding `round(fraction * n)` rows.
fn divide(mut rows: Vec<usize>, fraction: f64, rng: &mut ChaCha8Rng) -> (Vec<usize>, Vec<usize>) {
    rows.shuffle(rng);
    // The cast saturates: below zero and NaN become 0, and `min` bounds the rest.
    let taken = ((fraction * rows.len() as f64).round() as usize).min(rows.len());
    let rest = rows.split_off(taken);
    (rest, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every_nth(rows: usize, n: usize) -> Vec<bool> {
        (0..rows).map(|row| row % n == 0).collect()
    }

    #[test]
    fn each_class_gives_the_same_share_to_the_test_part() {
        let labels = every_nth(10_000, 50);
        let split = stratified(Some(&labels), 10_000, 0.2, 3);
        let anomalies = |rows: &[usize]| rows.iter().filter(|&&row| labels[row]).count();
        assert_eq!((split.test.len(), anomalies(&split.test)), (2000, 40));
        assert_eq!((split.train.len(), anomalies(&split.train)), (8000, 160));
    }

    #[test]
    fn shares_are_rounded_to_the_nearest_row_in_each_class() {
        let labels: Vec<bool> = (0..11).map(|row| row >= 8).collect();
        let split = stratified(Some(&labels), 11, 0.2, 0);
        let tested = |class: bool| split.test.iter().filter(|&&row| labels[row] == class).count();
        assert_eq!((tested(false), tested(true)), (2, 1), "1.6 of 8 and 0.6 of 3");
        assert_eq!(holdout(&[2, 3, 5, 7, 11], 0.3, 0).1.len(), 2, "1.5 of 5");
    }

    #[test]
    fn the_same_seed_gives_the_same_rows_and_another_seed_others() {
        let labels = every_nth(1000, 10);
        let split = |seed| stratified(Some(&labels), 1000, 0.2, seed);
        assert_eq!(split(5), split(5));
        assert_ne!(split(5).test, split(6).test);
        let rows: Vec<usize> = (0..1000).collect();
        assert_eq!(holdout(&rows, 0.1, 5), holdout(&rows, 0.1, 5));
        assert_ne!(holdout(&rows, 0.1, 5), holdout(&rows, 0.1, 6));
    }

    #[test]
    fn the_split_of_a_seed_never_changes_between_releases() {
        assert_eq!(stratified(None, 20, 0.2, 0).test, [0, 3, 12, 19]);
    }

    #[test]
    fn a_test_fraction_of_zero_trains_on_every_row() {
        let split = stratified(Some(&every_nth(9, 3)), 9, 0.0, 0);
        assert_eq!(split, Split { train: (0..9).collect(), test: vec![] });
        assert!(stratified(None, 4, f64::NAN, 0).test.is_empty());
    }

    #[test]
    fn a_training_part_is_never_empty_and_prefers_a_normal_row() {
        let split = stratified(Some(&[true, true, false]), 3, 1.0, 0);
        assert_eq!(split, Split { train: vec![2], test: vec![0, 1] });
        assert_eq!(stratified(None, 1, 0.9, 0).train, [0]);
        assert_eq!(holdout(&[8], 1.0, 0), (vec![8], vec![]));
        assert_eq!(stratified(None, 0, 0.5, 0), Split::default());
    }

    #[test]
    fn a_chronological_split_tests_on_what_came_last_and_leaves_the_gap_out() {
        let split = chronological(10, 0.3, 2);
        assert_eq!(split, Split { train: vec![0, 1, 2, 3, 4], test: vec![7, 8, 9] });
        assert_eq!(chronological(3, 0.0, 2), Split { train: vec![0, 1, 2], test: vec![] });
        assert_eq!(chronological(2, 1.0, 9), Split { train: vec![0], test: vec![1] });
        assert_eq!(chronological(0, 0.5, 1), Split::default());
        assert_eq!(last(&[4, 6, 9, 12], 0.5, 1), (vec![4], vec![9, 12]));
    }

    #[test]
    fn groups_stay_whole_and_one_is_always_left() {
        let groups: Vec<u32> = (0..40).map(|row| row / 8).collect();
        let rows: Vec<usize> = (0..40).collect();
        let (kept, held_out) = whole_groups(&rows, &groups, 0.2, 1);
        assert_eq!((kept.len(), held_out.len()), (32, 8));
        assert!(kept.iter().all(|&row| groups[row] != groups[held_out[0]]));
        assert_eq!(whole_groups(&rows, &groups, 0.2, 1), (kept, held_out));
        assert_eq!(whole_groups(&rows, &[7; 40], 0.9, 1), (rows.clone(), vec![]));
        assert_eq!(whole_groups(&rows, &groups, 1.0, 1).0.len(), 8);
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_complete_and_sorted(
            labels in prop::collection::vec(any::<bool>(), 0..200), fraction in 0.0..=1.0, seed: u64,
        ) {
            let split = stratified(Some(&labels), labels.len(), fraction, seed);
            prop_assert!(split.train.is_sorted() && split.test.is_sorted());
            let mut all = [split.train.clone(), split.test.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());

            let (kept, held_out) = holdout(&split.train, fraction, seed);
            let mut both = [kept, held_out].concat();
            both.sort_unstable();
            prop_assert_eq!(both, split.train);
        }
    }
}
