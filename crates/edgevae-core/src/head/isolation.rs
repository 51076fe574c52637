//! How soon random splits isolate a row from the training rows.

use super::{Head, Representation, Sizes, isolation_words};

/// Thresholds are multiples of `1 / THRESHOLD_STEPS` scaled units, `i16`: a clip of 8 fits.
pub const THRESHOLD_STEPS: f32 = 4096.0;
/// Leaves are bytes in units of `1 / LEAF_STEPS` splits.
pub const LEAF_STEPS: f32 = 16.0;
/// Deepest tree that a file may hold.
pub const MAX_DEPTH: u8 = 8;

/// Mean over trees of how short the way to the sample's leaf is, in splits; higher is more anomalous.
///
/// Each tree is complete: `2^DEPTH - 1` splits in the order of a heap, then a byte for each leaf, which holds
/// `16 * (limit - path length)`, the path length with the expected rest for training rows that the leaf still holds. A
/// sample takes the right branch of a split where `x[feature] >= threshold`. What a feature contributes is how far the
/// score falls when the feature is replaced by its mean (0 in scaled units), times its distance from there: trees cannot
/// tell a reading at the edge of the training rows from one far beyond.
///
/// # Shapes
/// - for each tree: splits `[2^DEPTH - 1]` of a `u16` feature and an `i16` threshold, then leaves `[2^DEPTH]` of `u8`
///
/// # Cost
/// `TREES * DEPTH` comparisons (counted as multiply-adds) and `TREES` additions; `TREES * (5 * 2^DEPTH - 4)` bytes of
/// file; `IN` numbers of memory. A contribution costs two scores.
///
/// # Source
/// Liu, Ting & Zhou 2008, "Isolation forest".
#[derive(Clone, Copy, Debug)]
pub struct Isolation<'a> {
    trees: &'a [u32],
    inputs: usize,
    depth: u8,
}

impl<'a> Isolation<'a> {
    pub(crate) fn new(packed: &'a [f32], inputs: usize, depth: u8) -> Self {
        Self { trees: bytemuck::try_cast_slice(packed).unwrap_or(&[]), inputs, depth }
    }

    /// Splits and leaves of each tree.
    fn trees(&self) -> impl Iterator<Item = (&'a [u32], &'a [u8])> {
        let splits = 1_usize.checked_shl(u32::from(self.depth.min(MAX_DEPTH))).unwrap_or(1).saturating_sub(1);
        let words = isolation_words(self.depth).unwrap_or(0).max(1);
        self.trees.chunks_exact(words).map(move |tree| {
            let (splits, leaves) = tree.split_at_checked(splits).unwrap_or_default();
            (splits, bytemuck::try_cast_slice(leaves).unwrap_or(&[]))
        })
    }

    /// The score with `value` giving a feature's value.
    fn score_of(&self, value: impl Fn(usize) -> f32) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (splits, leaves) in self.trees() {
            let mut at = 0_usize;
            while let Some(&split) = splits.get(at) {
                let (feature, threshold) = parts(split);
                let right = value(feature) * THRESHOLD_STEPS >= f32::from(threshold);
                at = at.saturating_mul(2).saturating_add(1).saturating_add(usize::from(right));
            }
            // Whole numbers below 2^24: no rounding.
            sum += leaves.get(at.saturating_sub(splits.len())).map_or(0.0, |&leaf| f32::from(leaf));
            count += 1.0;
        }
        if count > 0.0 { sum / (count * LEAF_STEPS) } else { 0.0 }
    }
}

/// Feature and threshold of a split.
fn parts(split: u32) -> (usize, i16) {
    let [f0, f1, t0, t1] = split.to_le_bytes();
    (usize::from(u16::from_le_bytes([f0, f1])), i16::from_le_bytes([t0, t1]))
}

impl Head for Isolation<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        self.score_of(|feature| representation.x.get(feature).copied().unwrap_or(0.0))
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        let replaced = |other: usize| match representation.x.get(other) {
            Some(&x) if other != feature => x,
            _ => 0.0,
        };
        let distance = representation.x.get(feature).map_or(0.0, |x| x.abs());
        (self.score(representation) - self.score_of(replaced)) * distance
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts numbers of a model in memory, each at most a few hundred times"
    )]
    fn multiply_adds(&self, _: Sizes) -> usize {
        self.trees().count() * usize::from(self.depth)
    }

    fn is_sound(&self) -> bool {
        let mut splits = self.trees().flat_map(|(splits, _)| splits);
        let features_exist = splits.all(|&split| parts(split).0 < self.inputs);
        (1..=MAX_DEPTH).contains(&self.depth) && !self.trees.is_empty() && features_exist
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A split as the file holds it.
    fn split(feature: u32, threshold: f32) -> u32 {
        feature | u32::from((threshold * THRESHOLD_STEPS) as i16 as u16) << 16
    }

    #[test]
    fn a_sample_falls_to_its_leaf() {
        // Depth 2: x0 at 0.5; below: x1 at -1; above: x1 at 2. Leaves 16, 32, 48, 64.
        let words = [split(0, 0.5), split(1, -1.0), split(1, 2.0), u32::from_le_bytes([16, 32, 48, 64])];
        let packed: [f32; 4] = bytemuck::cast(words);
        let head = Isolation::new(&packed, 2, 2);
        let score = |x: [f32; 2]| head.score(&Representation { x: &x, ..Representation::default() });
        assert_eq!([[0.0, -1.5], [0.0, -1.0], [0.5, 0.0], [0.5, 2.0]].map(score), [1.0, 2.0, 3.0, 4.0]);
        let representation = Representation { x: &[0.5, 2.0], ..Representation::default() };
        // Without the first feature, 0.5, the sample falls from 4 to 2, without the second, 2, to 3.
        assert_eq!([0, 1].map(|feature| head.contribution(&representation, feature)), [1.0, 2.0]);
        assert!(head.is_sound());
        assert!(!Isolation::new(&packed, 1, 2).is_sound(), "a split asks for a feature that is not there");
        assert_eq!(head.multiply_adds(Sizes { inputs: 2, latent: 1, decode: 0 }), 2);
    }
}
