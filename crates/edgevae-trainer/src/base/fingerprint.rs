//! 64 bits that tell whether a run that goes on has the rows and options that it began with.

/// A hash whose bits depend on all bits of the input, one-to-one (the finalizer of SplitMix64; Steele et al. 2014).
pub(crate) fn hash(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A hash of numbers in their order, against chance: whoever seeks two inputs of one fingerprint finds them.
///
/// Each step is one-to-one in what came before, so that a change of a single number is always seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub fn number(&mut self, number: u64) {
        self.0 = hash((self.0 ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15));
    }

    pub fn cells<'c>(&mut self, cells: impl IntoIterator<Item = &'c f32>) {
        cells.into_iter().for_each(|cell| self.number(cell.to_bits().into()));
    }

    pub fn labels(&mut self, labels: &[bool]) {
        self.number(labels.len() as u64);
        labels.iter().for_each(|&label| self.number(label.into()));
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        text.bytes().for_each(|byte| self.number(byte.into()));
    }

    pub fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_number_or_of_their_order_is_seen() {
        let of = |cells: &[f32]| {
            let mut fingerprint = Fingerprint::default();
            fingerprint.cells(cells);
            fingerprint.finish()
        };
        let inputs: [&[f32]; 8] =
            [&[], &[0.0], &[0.0, 0.0], &[-0.0], &[1.0, 2.0], &[2.0, 1.0], &[2.0, 4.0], &[f32::NAN]];
        for (at, one) in inputs.iter().enumerate() {
            assert!(inputs[..at].iter().all(|other| of(other) != of(one)), "{one:?}");
        }
        assert_eq!(of(&[f32::NAN]), of(&[f32::NAN]));
        let texts = |texts: [&str; 2]| {
            let mut fingerprint = Fingerprint::default();
            texts.iter().for_each(|text| fingerprint.text(text));
            fingerprint.finish()
        };
        assert_ne!(texts(["ab", "c"]), texts(["a", "bc"]));
    }
}
