//! A scorer on any accepted model and any sample, finite or not.
//!
//! The input is a model file and behind it the sample as little-endian `f32`, repeated as often as it takes.
#![no_main]

use edgevae_core::{Model, QuantizedModel, RawModel, ScoreError, SliceDetector, SliceQuantizedDetector, SliceWindow};
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
    } else if let Ok(model) = RawModel::from_bytes(file.bytes()) {
        raw(&model, &sample.take(MOST_ROWS * model.encoder().raw()).collect::<Vec<_>>());
    }
});

/// Raw rows that fill small windows, and more.
const MOST_ROWS: usize = 8;

fn raw(raw: &RawModel<'_>, rows: &[f32]) {
    let (encoder, spec, model) = (raw.encoder(), raw.window(), raw.model());
    let ring = vec![f32::NAN; encoder.encoded() * usize::from(spec.rows)];
    let mut window = SliceWindow::new(spec, encoder.encoded(), ring).expect("the ring has the window's size");
    let mut scratch = vec![f32::NAN; model.scratch_len()];
    let mut detector = SliceDetector::new(model, &mut scratch).expect("the scratch is as long as the model asks for");
    let (mut row, mut sample) = (vec![f32::NAN; encoder.encoded()], vec![f32::NAN; model.inputs()]);
    for readings in rows.chunks_exact(encoder.raw()) {
        match encoder.encode(readings, &mut row) {
            Ok(()) => assert!(row.iter().all(|value| value.is_finite()), "{row:?}"),
            Err(ScoreError::NonFinite { index }) => {
                assert!(index < readings.len());
                window.clear();
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        if window.push(&row, &mut sample) {
            match detector.score(&sample) {
                Ok(verdict) => assert!(verdict.score.is_finite()),
                Err(ScoreError::NonFinite { index }) => assert!(raw.raw_of(index) < encoder.raw()),
                Err(ScoreError::Overflow) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

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
