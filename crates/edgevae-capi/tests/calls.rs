//! The functions as C calls them.

use edgevae::*;
use edgevae_core::{Detector, LoadError, Model};

static MODEL: &[u8] = edgevae_core::include_model!("../../edgevae-core/tests/data/small-v1.evae");
const SAMPLE: [f32; 3] = [21.5, -2.75, 101_364.0];

fn load(bytes: &[u8]) -> (edgevae_status, std::mem::MaybeUninit<edgevae_model>) {
    let mut model = std::mem::MaybeUninit::uninit();
    // SAFETY: storage of the right type, and bytes that outlive the test.
    let status = unsafe { edgevae_model_load(model.as_mut_ptr(), bytes.as_ptr(), bytes.len()) };
    (status, model)
}

#[test]
fn scores_are_those_of_the_rust_interface_to_the_bit() {
    let (status, loaded) = load(MODEL);
    assert_eq!(status, edgevae_status::Ok);
    let (mut scratch, mut verdict) = ([f32::NAN; 13], edgevae_verdict::default());
    // SAFETY: a loaded model, and arrays with their own lengths.
    let status = unsafe {
        assert_eq!(edgevae_model_inputs(loaded.as_ptr()), 3);
        assert_eq!(edgevae_model_scratch_length(loaded.as_ptr()), 13);
        assert_eq!(edgevae_model_threshold(loaded.as_ptr()), 10.0);
        edgevae_score(loaded.as_ptr(), scratch.as_mut_ptr(), 13, SAMPLE.as_ptr(), 3, &mut verdict)
    };
    assert_eq!(status, edgevae_status::Ok);
    let model = Model::from_bytes(MODEL).unwrap();
    let mut detector = Detector::<3, 5>::new(&model).unwrap();
    let expected = detector.score(&SAMPLE).unwrap();
    assert_eq!((verdict.score.to_bits(), verdict.is_anomaly), (expected.score.to_bits(), expected.is_anomaly));
    let mut contributions = [0.0; 3];
    // SAFETY: as above.
    let explain = |contributions: &mut [f32], scratch: &mut [f32]| unsafe {
        edgevae_explain(loaded.as_ptr(), scratch.as_mut_ptr(), 13, contributions.as_mut_ptr(), contributions.len())
    };
    assert_eq!(explain(&mut contributions, &mut scratch), edgevae_status::Ok);
    assert_eq!(contributions, detector.explain());
    assert_eq!(explain(&mut contributions[..2], &mut scratch), edgevae_status::WrongLength);
}

#[test]
fn a_raw_row_model_and_a_file_of_a_newer_edgevae_have_a_status_of_their_own_whatever_is_compiled_in() {
    static RAW: &[u8] = edgevae_core::include_model!("../../edgevae-core/tests/data/small-v2.evae");
    assert_eq!(load(RAW).0, edgevae_status::NeedsEncoder);
    assert_eq!(edgevae_status::NeedsEncoder as i32, 17);
    let statuses = [LoadError::Newer, LoadError::NewerVersion { found: 9, supported: 3 }].map(edgevae_status::from);
    assert_eq!(statuses, [edgevae_status::NewerVersion; 2]);
}

#[test]
fn a_reading_far_out_is_an_anomaly_and_its_feature_contributes_most() {
    let (_, model) = load(MODEL);
    let (mut scratch, mut verdict, mut contributions) = ([0.0; 13], edgevae_verdict::default(), [0.0; 3]);
    for feature in 0..3 {
        let mut sample = SAMPLE;
        sample[feature] = 1e15;
        // SAFETY: a loaded model, and arrays with their own lengths.
        unsafe {
            edgevae_score(model.as_ptr(), scratch.as_mut_ptr(), 13, sample.as_ptr(), 3, &mut verdict);
            edgevae_explain(model.as_ptr(), scratch.as_mut_ptr(), 13, contributions.as_mut_ptr(), 3);
        }
        let most = contributions.iter().copied().fold(0.0, f32::max);
        assert!(verdict.is_anomaly && contributions[feature] == most, "{contributions:?}");
    }
}

#[test]
fn every_refusal_is_a_status_and_writes_no_verdict() {
    assert_eq!(load(&MODEL[..40]).0, edgevae_status::Truncated);
    let damaged: Vec<u64> = vec![0; MODEL.len().div_ceil(8)];
    assert_eq!(load(bytemuck::cast_slice(&damaged)).0, edgevae_status::NotAModel);
    let mut storage = std::mem::MaybeUninit::uninit();
    // SAFETY: a length beyond any memory is refused before a byte is read.
    let status = unsafe { edgevae_model_load(storage.as_mut_ptr(), MODEL.as_ptr(), usize::MAX) };
    assert_eq!(status, edgevae_status::TrailingBytes);
    let (_, model) = load(MODEL);
    let untouched = edgevae_verdict { score: -1.0, is_anomaly: true };
    let mut verdict = untouched;
    let mut scratch = [0.0_f32; 13];
    let mut call = |scratch_length, sample: &[f32]| {
        // SAFETY: a loaded model; no length is longer than its array.
        unsafe {
            edgevae_score(
                model.as_ptr(),
                scratch.as_mut_ptr(),
                scratch_length,
                sample.as_ptr(),
                sample.len(),
                &mut verdict,
            )
        }
    };
    assert_eq!(call(12, &SAMPLE), edgevae_status::WrongShape);
    assert_eq!(call(13, &SAMPLE[..2]), edgevae_status::WrongLength);
    assert_eq!(call(13, &[1.0, f32::NAN, 2.0]), edgevae_status::NonFinite);
    assert_eq!(call(13, &[f32::MAX, 0.0, 0.0]), edgevae_status::Overflow);
    assert_eq!(verdict, untouched);
    // SAFETY: null pointers are answered.
    let status = unsafe { edgevae_score(std::ptr::null(), scratch.as_mut_ptr(), 13, SAMPLE.as_ptr(), 3, &mut verdict) };
    assert_eq!(status, edgevae_status::NullPointer);
}
