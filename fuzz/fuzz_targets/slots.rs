//! `Slots::open` on any two slots, for every kind of model.
//!
//! The first two bytes are the length of the first slot; the rest is the second.
#![no_main]

use edgevae_core::format::TENSOR_ALIGN;
use edgevae_core::slots::{RECORD_LEN, Record, Slots};
use edgevae_core::{Model, OwnedDetector, QuantizedModel, RawModel};
use edgevae_fuzz::{Aligned, file_len, seal};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// Where the first slot begins.
const FIRST: usize = 2;

/// Where the second slot begins.
fn second(input: &[u8]) -> usize {
    let len = input.first_chunk().map_or(0, |len| usize::from(u16::from_le_bytes(*len)));
    (FIRST + len).min(input.len())
}

fuzz_target!(|input: &[u8]| {
    if input.len() < FIRST {
        return;
    }
    let (a, b) = input.split_at(second(input));
    let (a, b) = (Aligned::new(&a[FIRST..]), Aligned::new(b));
    let slots = Slots::new(a.bytes(), b.bytes());
    if let Ok(newest) = slots.open::<Model>() {
        assert!(newest.loaded.threshold() > 0.0 || newest.loaded.may_be_negative());
        assert_eq!(newest.next_sequence(), newest.sequence.wrapping_add(1));
    }
    let _ = slots.open::<QuantizedModel>();
    let _ = slots.open::<RawModel>();
    // A model that does not fit is no reason to have no detector.
    if let Ok(newest) = slots.open::<OwnedDetector<3, 5>>() {
        assert_eq!(newest.loaded.model().inputs(), 3);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    let second = second(&data[..size]);
    // Of either slot or both: a record with a correct checksum, mostly of the file that lies there, sealed or as it is.
    for (bits, slot) in [(seed, FIRST..second), (seed >> 8, second..size)] {
        let Some(slot) = data.get_mut(slot).filter(|slot| slot.len() >= RECORD_LEN) else { continue };
        let word = |at: usize| u32::from_le_bytes([slot[at], slot[at + 1], slot[at + 2], slot[at + 3]]);
        let (sequence, drawn_at, drawn_len) = (word(4), word(8) % 256, word(12) % 4096);
        let at = (drawn_at as usize).max(RECORD_LEN).next_multiple_of(TENSOR_ALIGN);
        let file = slot.get_mut(at..).unwrap_or(&mut []);
        let len = file_len(file);
        if bits & 3 == 3 {
            seal(&mut file[..len]);
        }
        let record = match bits & 12 {
            0 => continue,
            4 => Record { sequence, model_at: drawn_at, model_len: drawn_len },
            _ => Record { sequence, model_at: at as u32, model_len: len as u32 },
        };
        slot[..RECORD_LEN].copy_from_slice(&record.to_bytes());
    }
    size
});
