//! Scores, verdicts and refusals of a loaded model.

mod common;

use common::{Aligned, GOLDEN, encode, header, small, tensors};
use edgevae_core::format::{Header, Missing};
use edgevae_core::{Detector, LoadError, Model, ScoreError, SliceDetector};
use proptest::prelude::*;

fn close(found: f32, expected: f64) -> bool {
    (f64::from(found) - expected).abs() <= 1e-5 * expected.abs()
}

#[test]
fn scores_equal_the_float64_reference() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    for (sample, _, [(expected, errors), ..]) in GOLDEN {
        let verdict = detector.score(&sample).unwrap();
        assert!(close(verdict.score, expected), "{sample:?}: {} instead of {expected}", verdict.score);
        for (found, expected) in detector.explain().into_iter().zip(errors) {
            assert!(close(found, expected), "{sample:?}: squared error {found} instead of {expected}");
        }
        assert_eq!(verdict.is_anomaly, expected > 10.0);
    }
}

#[test]
fn a_score_at_the_threshold_is_no_anomaly() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let score = Detector::<3, 5>::new(&model).unwrap().score(&GOLDEN[0].0).unwrap().score;
    let is_anomaly = |threshold| {
        let file = encode(&Header { threshold, ..header() }, &tensors());
        let model = Model::from_bytes(file.bytes()).unwrap();
        Detector::<3, 5>::new(&model).unwrap().score(&GOLDEN[0].0).unwrap().is_anomaly
    };
    assert!(!is_anomaly(score));
    assert!(is_anomaly(score.next_down()));
}

#[test]
fn wider_buffers_and_borrowed_memory_give_the_same_bits() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut exact = Detector::<3, 5>::new(&model).unwrap();
    let mut wide = Detector::<3, 64>::new(&model).unwrap();
    let mut scratch = vec![f32::NAN; model.scratch_len()];
    let mut borrowed = SliceDetector::new(&model, &mut scratch).unwrap();
    for (sample, ..) in GOLDEN {
        let verdict = exact.score(&sample).unwrap();
        assert_eq!(wide.score(&sample).unwrap(), verdict);
        assert_eq!(borrowed.score(&sample).unwrap(), verdict);
        let mut contributions = [f32::NAN; 3];
        borrowed.explain(&mut contributions);
        assert_eq!(contributions, exact.explain());
    }
}

#[test]
fn rejects_a_model_that_does_not_fit() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let wrong = |detector_inputs, detector_width| LoadError::WrongShape {
        inputs: 3,
        width: 5,
        memory: 0,
        detector_inputs,
        detector_width,
        detector_memory: 0,
    };
    assert_eq!(Detector::<4, 5>::new(&model).unwrap_err(), wrong(4, 5));
    assert_eq!(Detector::<3, 4>::new(&model).unwrap_err(), wrong(3, 4));
    assert_eq!(SliceDetector::new(&model, &mut [0.0; 12]).unwrap_err(), wrong(3, 4));
    assert_eq!(SliceDetector::new(&model, &mut []).unwrap_err(), wrong(0, 0));
}

#[test]
fn a_reading_that_is_no_number_is_an_error_and_never_normal() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(detector.score(&[20.0, bad, 101_300.0]), Err(ScoreError::NonFinite { index: 1 }));
    }
    assert!(detector.score(&GOLDEN[0].0).is_ok(), "an error leaves the detector usable");
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut borrowed = SliceDetector::new(&model, &mut scratch).unwrap();
    assert_eq!(borrowed.score(&[1.0, 2.0]), Err(ScoreError::WrongLength { expected: 3, found: 2 }));
}

#[test]
fn a_score_that_overflows_is_an_error_and_never_normal() {
    let file = small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    for far in [f32::MAX, f32::MIN, 1e25] {
        assert_eq!(detector.score(&[far, -3.0, 101_300.0]), Err(ScoreError::Overflow), "{far}");
    }
    assert!(detector.score(&[1e15, -3.0, 101_300.0]).unwrap().is_anomaly);
}

#[test]
fn missing_readings_are_filled_only_where_the_model_says_so() {
    let fill = [19.0, -2.5, 101_000.0];
    let mut numbers = tensors();
    numbers.splice(6..6, fill);
    let file = encode(&Header { missing: Missing::Mean, ..header() }, &numbers);
    let model = Model::from_bytes(file.bytes()).unwrap();
    assert_eq!(model.fills(), fill);
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    let filled = detector.score(&[f32::NAN, -3.0, f32::NAN]);
    assert_eq!(filled, detector.score(&[19.0, -3.0, 101_000.0]));
    assert_eq!(detector.score(&[f32::INFINITY, -3.0, 101_300.0]), Err(ScoreError::NonFinite { index: 0 }));

    let file = encode(&Header { missing: Missing::Drop, ..header() }, &tensors());
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    assert_eq!(detector.score(&[f32::NAN, -3.0, 101_300.0]), Err(ScoreError::NonFinite { index: 0 }));
}

proptest! {
    #[test]
    fn any_bytes_load_or_fail_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Model::from_bytes(Aligned::new(&bytes).bytes());
    }

    #[test]
    fn any_sample_has_a_finite_score_or_an_error(sample: [f32; 3]) {
        let file = small();
        let model = Model::from_bytes(file.bytes()).unwrap();
        if let Ok(verdict) = Detector::<3, 5>::new(&model).unwrap().score(&sample) {
            prop_assert!(verdict.score.is_finite() && verdict.score >= 0.0);
            prop_assert_eq!(verdict.is_anomaly, verdict.score > 10.0 || verdict.out_of_range);
        }
    }
}
