//! What becomes of numbers at the edge of `f32`: `docs/RELIABILITY.md` states this table, and every target must keep it.
//!
//! The expected bits are those of plain IEEE 754 single precision with subnormals and without fused multiply-add.

mod common;

use common::{encode, header, kinds, small, tensors, with_heads};
use edgevae_core::format::{DecoderVariance, Header, Missing};
use edgevae_core::{Detector, Model, ScoreError, SliceDetector};

/// What it is, the bits of the sample, and what the small model makes of it: the bits of the score or the error.
type Fault = (&'static str, [u32; 3], Result<u32, ScoreError>);

/// Printed by `data/faults.py`, which computes them without this crate.
const FAULTS: [Fault; 19] = include!("data/faults.in");

fn faults() -> impl Iterator<Item = (&'static str, [f32; 3], Result<u32, ScoreError>)> {
    FAULTS.into_iter().map(|(what, bits, expected)| (what, bits.map(f32::from_bits), expected))
}

#[test]
fn every_fault_has_its_stated_outcome_to_the_bit() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    for (what, sample, expected) in faults() {
        let verdict = detector.score(&sample);
        assert_eq!(verdict.map(|verdict| verdict.score.to_bits()), expected, "{what}: {verdict:?}");
        if let Ok(verdict) = verdict {
            assert_eq!(verdict.is_anomaly, verdict.score > 10.0, "{what}");
        }
    }
}

#[test]
fn every_head_refuses_the_same_faults() {
    for variance in [DecoderVariance::Unit, DecoderVariance::PerFeature, DecoderVariance::PerRow] {
        for heads in kinds().map(|kind| vec![kind]).into_iter().chain([kinds().to_vec()]) {
            let file = with_heads(&heads, variance);
            let model = Model::from_bytes(file.bytes()).unwrap();
            let mut scratch = vec![f32::NAN; model.scratch_len()];
            let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
            for (what, sample, expected) in faults() {
                let verdict = detector.score(&sample);
                match expected {
                    Err(_) => assert_eq!(verdict.map(drop), expected.map(drop), "{heads:?} {variance:?} {what}"),
                    Ok(_) => assert!(verdict.is_ok(), "{heads:?} {variance:?} {what}: {verdict:?}"),
                }
            }
        }
    }
}

#[test]
fn minus_zero_scores_as_zero() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    assert_eq!(detector.score(&[-0.0; 3]), detector.score(&[0.0; 3]));
}

#[test]
fn a_stuck_sensor_scores_the_same_every_time() {
    // The detector keeps nothing between samples: what a thousand faults left in its buffers changes no later score.
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    let stuck = [65_535.0, -3.0, 101_300.0];
    let first = detector.score(&stuck).unwrap();
    for (_, bits, _) in FAULTS.iter().cycle().take(1000) {
        let _ = detector.score(&bits.map(f32::from_bits));
        assert_eq!(detector.score(&stuck), Ok(first));
    }
}

#[test]
fn a_missing_reading_is_filled_or_an_error_and_infinity_always_an_error() {
    let mut numbers = tensors();
    numbers.splice(6..6, [19.0, -2.5, 101_000.0]);
    let file = encode(&Header { missing: Missing::Mean, ..header() }, &numbers);
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
        assert_eq!(detector.score(&[nan, -3.0, 101_300.0]), detector.score(&[19.0, -3.0, 101_300.0]));
    }
    let error = Err(ScoreError::NonFinite { index: 0 });
    assert_eq!(detector.score(&[f32::INFINITY, -3.0, 101_300.0]), error);
    assert_eq!(detector.score(&[f32::NEG_INFINITY, f32::NAN, f32::NAN]), error);
}
