//! Every single flipped bit, every truncation and every extension of a model file of each kind is refused.

mod common;

use common::{Aligned, default_size, every_kind};
use edgevae_core::{LoadError, Model, format};

#[test]
fn every_single_flipped_bit_is_refused() {
    for (name, mut file) in every_kind() {
        assert!(Model::from_bytes(file.bytes()).is_ok(), "{name}");
        for bit in 0..8 * file.bytes().len() {
            file.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
            assert!(Model::from_bytes(file.bytes()).is_err(), "{name}, bit {} of byte {}", bit % 8, bit / 8);
            file.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_truncation_is_refused_and_named() {
    for (name, file) in every_kind() {
        for len in 0..file.bytes().len() {
            let error = Model::from_bytes(&file.bytes()[..len]).unwrap_err();
            let named = matches!(error, LoadError::Truncated { found, .. } if found == len);
            assert!(named, "{name}, {len} bytes: {error}");
        }
    }
}

#[test]
fn every_extension_is_refused_and_named() {
    for (name, file) in every_kind() {
        let expected = file.bytes().len();
        for fill in [0, 0xff] {
            for extra in 1..=expected + 16 {
                let longer = Aligned::new(&[file.bytes(), &vec![fill; extra]].concat());
                let error = Model::from_bytes(longer.bytes()).unwrap_err();
                assert_eq!(error, LoadError::TrailingBytes { expected, found: expected + extra }, "{name}");
                assert_eq!(format::declared_length(longer.bytes()), Ok(expected), "a slot can be cut to the model");
            }
        }
        let twice = Aligned::new(&[file.bytes(), file.bytes()].concat());
        assert!(Model::from_bytes(twice.bytes()).is_err(), "{name}");
    }
}

/// Every 37th bit and every 61st truncation, both primes, so that over the file every bit position is met.
#[test]
fn sampled_flips_truncations_and_extensions_of_a_model_of_default_size_are_refused() {
    let mut file = default_size();
    let len = file.bytes().len();
    assert!(len > 24_000, "{len} bytes");
    for bit in (0..8 * len).step_by(37) {
        file.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::from_bytes(file.bytes()).is_err(), "bit {} of byte {}", bit % 8, bit / 8);
        file.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
    }
    for short in (0..len).step_by(61) {
        assert!(matches!(Model::from_bytes(&file.bytes()[..short]), Err(LoadError::Truncated { .. })), "{short} bytes");
    }
    for extra in (1..4096).step_by(61) {
        let longer = Aligned::new(&[file.bytes(), &vec![0; extra]].concat());
        assert!(matches!(Model::from_bytes(longer.bytes()), Err(LoadError::TrailingBytes { .. })));
    }
    assert!(Model::from_bytes(file.bytes()).is_ok());
}

#[test]
fn two_files_cut_and_joined_at_any_byte_are_refused() {
    // An update that stopped half way over the old file.
    let kinds = every_kind();
    for ((name, old), (_, new)) in kinds.iter().zip(&kinds[1..]) {
        for at in 1..old.bytes().len().min(new.bytes().len()) {
            let mixed = Aligned::new(&[&new.bytes()[..at], &old.bytes()[at..]].concat());
            let whole = mixed.bytes() == old.bytes() || mixed.bytes() == new.bytes();
            assert!(whole || Model::from_bytes(mixed.bytes()).is_err(), "{name}, {at} bytes");
        }
    }
}
