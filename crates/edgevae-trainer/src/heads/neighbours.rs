//! Which training rows a model stores, and their bytes.

use ndarray::{ArrayView2, Axis};
use rand::seq::{SliceRandom as _, index};
use rand_chacha::ChaCha8Rng;

use crate::options::Storage;

/// Stored values in one scaled unit.
const PER_UNIT: f32 = 16.0;

/// Differences that a covering may look at, some seconds of work: beyond it covers a random sample of the rows.
const MOST_DIFFERENCES: usize = 4_000_000_000;

/// Chooses up to `count` of the scaled rows and returns how many, and their bytes in words, the last one filled with 0.
///
/// [`Storage::Covering`] is the greedy 2-approximation of the k-centre problem: it starts at the row nearest to the mean
/// and goes on to the one farthest from all chosen, until `count` are chosen or the rest are equal to some of them. Of more
/// rows than some seconds allow it takes a random sample.
///
/// # Shapes
/// `x`: `[ROWS, IN]`, scaled and clipped
///
/// # Source
/// Gonzalez 1985, "Clustering to minimize the maximum intercluster distance".
pub fn store(x: ArrayView2<'_, f32>, count: u16, storage: Storage, random: &mut ChaCha8Rng) -> (u16, Vec<u32>) {
    let count = usize::from(count).min(x.nrows());
    let chosen = match storage {
        Storage::Covering => {
            let most = (MOST_DIFFERENCES / (count * x.ncols()).max(1)).max(count);
            if x.nrows() <= most {
                covering(x, count)
            } else {
                let mut sample = index::sample(random, x.nrows(), most).into_vec();
                sample.sort_unstable();
                covering(x.select(Axis(0), &sample).view(), count).into_iter().map(|at| sample[at]).collect()
            }
        }
        Storage::Random => {
            let mut all: Vec<usize> = (0..x.nrows()).collect();
            all.shuffle(random);
            all.truncate(count);
            all
        }
    };
    let byte = |&value: &f32| (value * PER_UNIT).round().clamp(-128.0, 127.0) as i8 as u8;
    let bytes: Vec<u8> = chosen.iter().flat_map(|&row| x.row(row).iter().map(byte).collect::<Vec<_>>()).collect();
    let word = |bytes: &[u8]| u32::from_le_bytes(std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0)));
    (chosen.len() as u16, bytes.chunks(4).map(word).collect())
}

/// Rows in the order of their choice.
fn covering(x: ArrayView2<'_, f32>, count: usize) -> Vec<usize> {
    let x = x.as_standard_layout();
    let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let row = |at: usize| x.row(at).to_slice().expect("the standard layout has rows as slices");
    let Some(mean) = x.mean_axis(Axis(0)) else { return Vec::new() };
    let mean = mean.as_slice().expect("one row is one slice");
    let mut next = (0..x.nrows()).min_by(|&a, &b| squared(row(a), mean).total_cmp(&squared(row(b), mean)));
    let mut distances = vec![f32::INFINITY; x.nrows()];
    let mut chosen = Vec::with_capacity(count);
    while let Some(at) = next.take_if(|_| chosen.len() < count) {
        chosen.push(at);
        let centre = row(at);
        let mut farthest = (0.0, None);
        for (other, distance) in distances.iter_mut().enumerate() {
            *distance = distance.min(squared(row(other), centre));
            if *distance > farthest.0 {
                farthest = (*distance, Some(other));
            }
        }
        next = farthest.1;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::SeedableRng;

    fn bytes(words: &[u32]) -> Vec<i8> {
        words.iter().flat_map(|word| word.to_le_bytes()).map(|byte| byte as i8).collect()
    }

    #[test]
    fn covering_rows_begin_in_the_middle_and_take_the_farthest() {
        let x = array![[0.0, 0.0], [0.5, 0.0], [8.0, 0.0], [-1.0, 2.0], [0.0, 0.0], [0.0, 0.0]];
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (count, words) = store(x.view(), 3, Storage::Covering, &mut random);
        // The mean is (1.25, 0.33): row 1 is the nearest; 8.0 is stored as the largest byte.
        assert_eq!((count, bytes(&words)), (3, vec![8, 0, 127, 0, -16, 32, 0, 0]));
        let (count, _) = store(x.view(), 100, Storage::Covering, &mut random);
        assert_eq!(count, 4, "rows that are equal to a stored one add nothing");
    }

    #[test]
    fn random_rows_are_as_many_as_asked_and_all_different() {
        let x = ndarray::Array2::from_shape_fn((50, 1), |(row, _)| row as f32 / 16.0);
        let (count, words) = store(x.view(), 20, Storage::Random, &mut ChaCha8Rng::seed_from_u64(1));
        let stored: std::collections::BTreeSet<i8> = bytes(&words).into_iter().collect();
        assert_eq!((count, stored.len()), (20, 20));
    }
}
