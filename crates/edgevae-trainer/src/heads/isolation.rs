//! Isolation trees, grown complete.

use ndarray::ArrayView2;
use rand::Rng as _;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use edgevae_core::head::isolation::{LEAF_STEPS, THRESHOLD_STEPS};

/// The words of [`edgevae_core::head::isolation::Isolation`] for these rows.
///
/// Each tree is grown of `2^depth` rows drawn without replacement, or all when there are fewer: a split takes a feature
/// at random among those that are not constant in the node, and a threshold uniform between its least and its greatest
/// value. Below a node that is isolated the tree goes on with splits that change nothing.
///
/// # Shapes
/// `x`: `[ROWS, IN]`, scaled and clipped
///
/// # Source
/// Liu, Ting & Zhou 2008, "Isolation forest", algorithms 1 and 2.
pub fn grow(x: ArrayView2<'_, f32>, trees: u8, depth: u8, random: &mut ChaCha8Rng) -> Vec<u32> {
    let leaves = 1_usize << depth;
    let mut words = Vec::new();
    for _ in 0..trees {
        let mut tree = Tree { x, splits: vec![0; leaves - 1], leaves: vec![0; leaves], random: &mut *random };
        let sample = index::sample(tree.random, x.nrows(), leaves.min(x.nrows())).into_vec();
        tree.split(0, 0, sample);
        words.extend(tree.splits);
        words.extend(
            tree.leaves
                .chunks(4)
                .map(|leaf| u32::from_le_bytes(std::array::from_fn(|at| leaf.get(at).copied().unwrap_or(0)))),
        );
    }
    words
}

struct Tree<'a> {
    x: ArrayView2<'a, f32>,
    splits: Vec<u32>,
    leaves: Vec<u8>,
    random: &'a mut ChaCha8Rng,
}

impl Tree<'_> {
    fn split(&mut self, node: usize, depth: usize, rows: Vec<usize>) {
        if node >= self.splits.len() {
            self.leaves[node - self.splits.len()] = leaf(depth as f64 + rest(rows.len()));
            return;
        }
        let range = |feature: usize| {
            let values = rows.iter().map(|&row| self.x[[row, feature]]);
            values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        let varying: Vec<(usize, (f32, f32))> = (0..self.x.ncols())
            .map(|feature| (feature, range(feature)))
            .filter(|(_, (low, high))| steps(*high) > steps(*low))
            .collect();
        if rows.len() <= 1 || varying.is_empty() {
            self.finish(node, depth as f64 + rest(rows.len()));
            return;
        }
        let (feature, (low, high)) = varying[self.random.gen_range(0..varying.len())];
        // Above the least and up to the greatest: neither branch is empty.
        let threshold = self.random.gen_range(steps(low) + 1..=steps(high));
        self.splits[node] = feature as u32 | u32::from(threshold as i16 as u16) << 16;
        let right = |&row: &usize| self.x[[row, feature]] * THRESHOLD_STEPS >= threshold as f32;
        let (above, below): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(right);
        self.split(2 * node + 1, depth + 1, below);
        self.split(2 * node + 2, depth + 1, above);
    }

    /// Gives every leaf below a node the same path length.
    fn finish(&mut self, node: usize, path: f64) {
        match node.checked_sub(self.splits.len()) {
            Some(at) => self.leaves[at] = leaf(path),
            None => [2 * node + 1, 2 * node + 2].into_iter().for_each(|below| self.finish(below, path)),
        }
    }
}

/// A value as a threshold: rounded down, so that values `>= threshold` are those it should be.
fn steps(value: f32) -> i32 {
    (value * THRESHOLD_STEPS).floor().clamp(-32_768.0, 32_767.0) as i32
}

fn leaf(path: f64) -> u8 {
    // The cast saturates.
    (255.0 - path * f64::from(LEAF_STEPS)).round() as u8
}

/// Expected length of a search in a tree of `rows` that was not grown: `2 H(n - 1) - 2 (n - 1) / n`.
fn rest(rows: usize) -> f64 {
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        rows => {
            let n = rows as f64;
            let harmonic: f64 = (1..rows).map(|k| 1.0 / k as f64).sum();
            2.0 * harmonic - 2.0 * (n - 1.0) / n
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::SeedableRng;

    /// The score by the words, in float64.
    fn score(words: &[u32], depth: u8, x: &[f32]) -> f64 {
        let splits = (1 << depth) - 1;
        let trees = words.chunks(splits + (1_usize << depth).div_ceil(4));
        let count = trees.len() as f64;
        let of_tree = |tree: &[u32]| {
            let mut at = 0;
            while at < splits {
                let threshold = f64::from((tree[at] >> 16) as u16 as i16) / 4096.0;
                at = 2 * at + 1 + usize::from(f64::from(x[(tree[at] & 0xffff) as usize]) >= threshold);
            }
            let leaf = at - splits;
            f64::from(tree[splits + leaf / 4].to_le_bytes()[leaf % 4]) / 16.0
        };
        trees.map(of_tree).sum::<f64>() / count
    }

    #[test]
    fn a_row_far_from_all_others_is_isolated_sooner_than_one_among_them() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let x = Array2::from_shape_fn((500, 3), |_| random.gen_range(-1.0..1.0f32));
        let words = grow(x.view(), 50, 6, &mut random);
        let (inside, outside) = (score(&words, 6, &[0.0, 0.1, 0.0]), score(&words, 6, &[4.0, 4.0, 4.0]));
        assert!(outside > inside + 2.0, "{inside} {outside}");
    }

    #[test]
    fn rows_that_are_equal_need_no_split() {
        let words = grow(Array2::zeros((20, 2)).view(), 1, 3, &mut ChaCha8Rng::seed_from_u64(3));
        // 8 of them are drawn: the expected search among 8 rows is 3.436 splits, 255 - 16 * 3.436 = 200.
        assert_eq!(words[..7], [0; 7]);
        assert_eq!(words[7].to_le_bytes(), [200; 4]);
    }
}
