//! Proof harnesses for the arithmetic that sizes and slices buffers: `./ci.sh kani`, where Kani is installed.
//!
//! Elsewhere they are tests that draw their values, so that they hold and compile everywhere. The same arithmetic is
//! tried on every small shape by `tests/properties.rs`.

use crate::dense::Dense;
use crate::format::{self, Activation};
use crate::signature;
use crate::slots::{RECORD_LEN, Record};

#[cfg(not(kani))]
mod kani {
    use core::sync::atomic::{AtomicU64, Ordering};

    static DRAWN: AtomicU64 = AtomicU64::new(0);

    /// Some value of a type that has one for every 32 bits.
    pub fn any<T: Drawn>() -> T {
        // SplitMix64 (Steele, Lea & Flood 2014) of a counter.
        let mut z = DRAWN.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        T::of((z ^ (z >> 31)) as u32)
    }

    pub fn any_where<T: Drawn>(holds: impl Fn(&T) -> bool) -> T {
        (0..10_000).map(|_| any()).find(holds).expect("one in some thousand draws holds")
    }

    pub trait Drawn {
        fn of(bits: u32) -> Self;
    }

    impl Drawn for u32 {
        fn of(bits: u32) -> Self {
            bits
        }
    }

    impl Drawn for usize {
        fn of(bits: u32) -> Self {
            (bits % 16) as usize
        }
    }

    impl Drawn for [u8; 12] {
        fn of(bits: u32) -> Self {
            core::array::from_fn(|at| bits.rotate_left(5 * at as u32) as u8)
        }
    }
}

/// Proves a body for all values, or tries it with some.
macro_rules! harness {
    ($(#[$doc:meta])* $(unwind($times:literal))? fn $name:ident() $body:block) => {
        $(#[$doc])*
        #[cfg_attr(kani, kani::proof)]
        $(#[cfg_attr(kani, kani::unwind($times))])?
        #[cfg_attr(not(kani), test)]
        fn $name() {
            let body = || $body;
            for _ in 0..if cfg!(kani) { 1 } else { 1000 } {
                body();
            }
        }
    };
}

harness! {
    /// A length field of any value never makes a reader go beyond the bytes.
    fn a_declared_length_is_read_or_refused() {
        let mut bytes: [u8; 12] = kani::any();
        let len: usize = kani::any_where(|len| *len <= 12);
        // Drawn bytes never begin like a file.
        if kani::any::<u32>().is_multiple_of(2) {
            bytes.iter_mut().zip(format::MAGIC.into_iter().chain([format::VERSION])).for_each(|(to, from)| *to = from);
        }
        if let Some(file) = bytes.get(..len) {
            let _ = format::declared_length(file);
            let _ = signature::split(file);
        }
    }
}

harness! {
    /// What a record points at lies within the slot and behind the record.
    fn a_record_points_into_its_slot() {
        let slot = [0; 256];
        let record = Record { sequence: kani::any(), model_at: kani::any(), model_len: kani::any() };
        let nearer = |number: u32| if cfg!(kani) { number } else { number % 320 };
        let record = Record { model_at: nearer(record.model_at), model_len: nearer(record.model_len), ..record };
        if let Some(file) = record.file(&slot) {
            assert!(file.len() as u32 == record.model_len && record.model_at as usize >= RECORD_LEN);
            assert!(record.model_at as usize + file.len() <= slot.len());
        }
    }
}

harness! {
    /// Of two different records one is newer and the other is not, but for the two that are half the circle apart.
    fn the_order_of_records_has_no_ties() {
        let record = |sequence| Record { sequence, model_at: 32, model_len: 0 };
        let (a, b): (u32, u32) = (kani::any(), kani::any());
        let (newer, older) = (record(a).is_newer_than(&record(b)), record(b).is_newer_than(&record(a)));
        assert!(!(newer && older));
        assert!(newer || older || a == b || a.wrapping_sub(b) == 1 << 31);
    }
}

harness! {
    /// A dense layer over slices of any lengths, matching or not, writes within its output only.
    unwind(8) fn a_dense_layer_stays_within_its_slices() {
        let (weight, bias, x, mut y) = ([1.0; 6], [0.0; 3], [1.0; 3], [0.0; 3]);
        let up_to = |most: usize| kani::any_where(|len| *len <= most);
        let (weights, biases, inputs, outputs): (usize, usize, usize, usize) = (up_to(6), up_to(3), up_to(3), up_to(3));
        let (Some(weight), Some(bias)) = (weight.get(..weights), bias.get(..biases)) else { return };
        let (Some(x), Some(y)) = (x.get(..inputs), y.get_mut(..outputs)) else { return };
        Dense { weight, bias, activation: Activation::Relu }.forward(x, y);
    }
}

#[cfg(feature = "int8")]
harness! {
    /// Bytes of a layer of integers are counted, or are too many to count: never fewer than its weights.
    fn the_words_of_an_integer_layer_hold_its_weights() {
        let (inputs, outputs): (u32, u32) = (kani::any(), kani::any());
        let (inputs, outputs) = (inputs as u16, outputs as u16);
        if let Some(words) = crate::quant::layer_words(usize::from(inputs), usize::from(outputs)) {
            assert!(4 * words >= usize::from(inputs) * usize::from(outputs));
        }
    }
}
