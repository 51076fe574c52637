//! Random numbers: one seed, one ChaCha stream for each purpose and epoch.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for. The numbers are part of what a seed means and never change.
///
/// A purpose has its own streams, so drawing more of one kind of number never shifts another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The reference data set.
    Synthetic = 1,
    /// Rows of the test split.
    Split = 2,
    /// Rows held out of the fit.
    Holdout = 3,
    /// The order of groups in a split by groups.
    Groups = 4,
    /// Initial weights and biases.
    Initialization = 16,
    /// The order of the rows in an epoch.
    Shuffle = 17,
    /// The noise of the reparameterized samples in an epoch.
    Noise = 18,
    /// The draws of a score, stored in the model file.
    Draws = 19,
    /// Rows and the start of a picture.
    Picture = 20,
    /// The order in which the parts of files are read in an epoch.
    Order = 21,
    /// The noise added to rows before they are encoded in an epoch.
    Corruption = 22,
    /// Rows off the calibration rows, in an epoch of fine-tuning for integers.
    Displacement = 23,
}

/// The generator of one purpose in one epoch (0 where epochs do not matter).
///
/// Each epoch starts a stream of its own: a resumed fit needs the seed and the epoch, not a generator's inner state.
pub fn stream(seed: u64, purpose: Purpose, epoch: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((epoch as u64) << 8 | purpose as u64);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn every_purpose_and_epoch_has_numbers_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        use Purpose::*;
        let purposes = [
            Synthetic,
            Split,
            Holdout,
            Groups,
            Initialization,
            Shuffle,
            Noise,
            Draws,
            Picture,
            Order,
            Corruption,
            Displacement,
        ];
        for purpose in purposes {
            for epoch in 0..300 {
                assert!(seen.insert(stream(7, purpose, epoch).next_u64()), "{purpose:?} {epoch}");
            }
        }
        assert_ne!(stream(8, Purpose::Noise, 0).next_u64(), stream(7, Purpose::Noise, 0).next_u64());
    }
}
