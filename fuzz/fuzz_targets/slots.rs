//! `slots::newest` on any two slots, for every kind of model.
//!
//! The first byte divides the rest into the two slots.
#![no_main]

use edgevae_core::slots::{self, RECORD_LEN, Record};
use edgevae_core::{QuantizedModel, RawModel};
use edgevae_fuzz::Aligned;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// Bytes of the first slot.
fn split(input: &[u8]) -> usize {
    let (Some(first), len) = (input.first(), input.len()) else { return 0 };
    (1 + usize::from(*first) * len / 256).min(len)
}

fuzz_target!(|input: &[u8]| {
    let Some((_, slots)) = input.split_first() else { return };
    let (a, b) = slots.split_at(split(input) - 1);
    let (a, b) = (Aligned::new(a), Aligned::new(b));
    if let Ok(newest) = slots::newest(a.bytes(), b.bytes()) {
        assert!(newest.model.threshold() > 0.0);
        assert_eq!(newest.next_sequence(), newest.sequence.wrapping_add(1));
    }
    let _ = slots::newest_by(a.bytes(), b.bytes(), QuantizedModel::from_bytes);
    let _ = slots::newest_by(a.bytes(), b.bytes(), RawModel::from_bytes);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    // A record with a correct checksum at the start of either slot or both, over whatever numbers are there.
    let second = split(&data[..size]);
    for (bit, at) in [(1, 1), (2, second)] {
        if let Some(slot) = data[..size].get_mut(at..).filter(|slot| seed & bit != 0 && slot.len() >= RECORD_LEN) {
            let word = |at: usize| u32::from_le_bytes([slot[at], slot[at + 1], slot[at + 2], slot[at + 3]]);
            let record = Record { sequence: word(4), model_at: word(8) % 256, model_len: word(12) % 4096 };
            slot[..RECORD_LEN].copy_from_slice(&record.to_bytes());
        }
    }
    size
});
