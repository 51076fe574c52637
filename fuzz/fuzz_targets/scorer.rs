//! A scorer on any accepted model and any sample, finite or not.
//!
//! The input is a model file and behind it the sample as little-endian `f32`, repeated as often as it takes.
#![no_main]

use edgevae_core::{Model, QuantizedModel, ScoreError, SliceDetector, SliceQuantizedDetector};
use edgevae_fuzz::{Aligned, file_len, mutate_model};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|input: &[u8]| {
    let (file, tail) = input.split_at(file_len(input));
    let file = Aligned::new(file);
    let (words, _) = tail.as_chunks::<4>();
    let sample = words.iter().chain([&[0; 4]]).cycle().map(|word| f32::from_le_bytes(*word));
    if let Ok(model) = Model::from_bytes(file.bytes()) {
        float(&model, &sample.take(model.inputs()).collect::<Vec<_>>());
    } else if let Ok(model) = QuantizedModel::from_bytes(file.bytes()) {
        int8(&model, &sample.take(model.inputs()).collect::<Vec<_>>());
    }
});

fn float(model: &Model<'_>, sample: &[f32]) {
    let mut scratch = vec![f32::NAN; model.scratch_len()];
    let mut detector = SliceDetector::new(model, &mut scratch).expect("the scratch is as long as the model asks for");
    let verdict = detector.score(sample);
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
    assert_eq!(detector.score(sample), verdict, "equal samples, equal verdicts");
    assert!(matches!(detector.score(&sample[1..]), Err(ScoreError::WrongLength { .. })));
}

fn int8(model: &QuantizedModel<'_>, sample: &[f32]) {
    let mut scratch = vec![i32::MIN; model.scratch_len()];
    let mut detector =
        SliceQuantizedDetector::new(model, &mut scratch).expect("the scratch is as long as the model asks for");
    let verdict = detector.score(sample);
    match verdict {
        Ok(verdict) => {
            assert_eq!(verdict.is_anomaly, verdict.score > model.threshold() || verdict.out_of_range);
            assert_eq!(detector.explain().len(), model.inputs());
        }
        Err(ScoreError::NonFinite { index }) => assert!(!sample[index].is_finite()),
        Err(error) => panic!("{error}"),
    }
    assert_eq!(detector.score(sample), verdict, "equal samples, equal verdicts");
    assert!(matches!(detector.score(&sample[1..]), Err(ScoreError::WrongLength { .. })));
    // Integer readings have no NaN, so they always have a score.
    let readings: Vec<i32> = sample.iter().map(|value| value.to_bits().cast_signed()).collect();
    assert!(detector.score(&readings).is_ok());
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate_model(data, size, max_size, seed) });
