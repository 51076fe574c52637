//! A scorer on any accepted model and any sample, finite or not.
//!
//! The input is a model file and behind it the sample as little-endian `f32`, repeated as often as it takes.
#![no_main]

use edgevae_core::{Model, ScoreError, SliceDetector};
use edgevae_fuzz::{Aligned, file_len, mutate_model};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|input: &[u8]| {
    let (file, tail) = input.split_at(file_len(input));
    let file = Aligned::new(file);
    let Ok(model) = Model::from_bytes(file.bytes()) else { return };
    let mut scratch = vec![f32::NAN; model.scratch_len()];
    let mut detector = SliceDetector::new(&model, &mut scratch).expect("the scratch is as long as the model asks for");
    let (words, _) = tail.as_chunks::<4>();
    let words = words.iter().chain([&[0; 4]]).cycle();
    let sample: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).take(model.inputs()).collect();
    let verdict = detector.score(&sample);
    match verdict {
        Ok(verdict) => {
            assert!(verdict.score.is_finite());
            assert_eq!(verdict.is_anomaly, verdict.score > model.threshold());
            assert!(verdict.score >= 0.0 || model.may_be_negative());
            let mut contributions = vec![f32::NAN; model.inputs()];
            detector.explain(&mut contributions);
            assert!(contributions.iter().all(|contribution| !contribution.is_nan()), "{contributions:?}");
        }
        Err(ScoreError::NonFinite { index }) => assert!(!sample[index].is_finite()),
        Err(ScoreError::Overflow) => assert!(sample.iter().all(|value| value.is_finite() || !model.fills().is_empty())),
        Err(error) => panic!("{error}"),
    }
    assert_eq!(detector.score(&sample), verdict, "equal samples, equal verdicts");
    assert!(matches!(detector.score(&sample[1..]), Err(ScoreError::WrongLength { .. })));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate_model(data, size, max_size, seed) });
