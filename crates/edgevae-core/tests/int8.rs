//! Int8 models against their arithmetic written down a second time, and files that must not load.
#![cfg(feature = "int8")]

mod common;
#[path = "common/int8.rs"]
mod int8;

use common::{Aligned, NAMES, small};
use edgevae_core::format::{HeadKind, HeadSpec, Header, Missing};
use edgevae_core::slots::{Record, SlotError, Slots, Which};
use edgevae_core::{
    LoadError, Model, OwnedQuantizedDetector, QuantizedDetector, QuantizedModel, ScoreError, SliceQuantizedDetector,
};
use int8::{Int8, Numbered, encode_int8, file, int8_header, small_int8};
use proptest::prelude::*;

/// Written by the first release that has int8 models; every later one must read it.
static VERSION_1_INT8: &[u8] = edgevae_core::include_model!("data/small-int8-v1.evae");

const SAMPLES: [[f32; 3]; 6] = [
    [20.0, -3.0, 101_300.0],
    [21.5, -2.75, 101_364.0],
    [17.0, -3.5, 101_250.0],
    [20.001, -3.000_1, 101_299.99],
    [28.0, -1.0, 101_600.0],
    [1e9, -3.0, 101_300.0],
];

fn small_file() -> Aligned {
    file(&small_int8(), 2, NAMES)
}

#[test]
fn writes_the_bytes_of_format_version_1() {
    assert_eq!(small_file().bytes(), VERSION_1_INT8, "the format changed: raise VERSION and keep reading version 1");
}

#[test]
fn scores_equal_the_plain_arithmetic() {
    let model = QuantizedModel::from_bytes(VERSION_1_INT8).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
    let mut scratch = vec![-1; model.scratch_len()];
    let mut borrowed = SliceQuantizedDetector::new(&model, &mut scratch).unwrap();
    for sample in SAMPLES {
        let verdict = detector.score(&sample).unwrap();
        assert_eq!((verdict.score, !verdict.out_of_range), small_int8().score(&sample, 2), "{sample:?}");
        assert_eq!(detector.explain().map(u64::from).iter().sum::<u64>(), verdict.score);
        assert_eq!(borrowed.score(&sample).unwrap(), verdict);
        assert!(borrowed.explain().eq(detector.explain()));
        assert_eq!(verdict.is_anomaly, verdict.score > 150_000_000 || verdict.out_of_range);
    }
    assert_eq!(model.threshold(), 150_000_000);
    assert_eq!(model.rendered(4_194_304), 1.0);
    assert_eq!((model.inputs(), model.latent(), model.width(), model.scratch_len()), (3, 2, 5, 8));
    assert_eq!(model.multiply_adds(), 3 * 5 + 5 * 2 + 2 * 4 + 4 * 3 + 3);
}

#[test]
fn readings_of_every_type_give_the_same_score() {
    let model = QuantizedModel::from_bytes(VERSION_1_INT8).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
    for sample in [[20_i32, -3, 101_300], [18, -2, 101_364], [-1000, 4, 0]] {
        let verdict = detector.score(&sample).unwrap();
        assert_eq!(detector.score(&sample.map(|raw| raw as f32)).unwrap(), verdict);
    }
    let sample = [25_i16, -7, i16::MAX];
    assert_eq!(detector.score(&sample).unwrap(), detector.score(&sample.map(f32::from)).unwrap());
}

#[test]
fn a_reading_out_of_range_is_an_anomaly_and_says_so() {
    // Everything scores 0 here: only the range can tell.
    let mut quiet = small_int8();
    for layer in &mut quiet.layers {
        layer.weights.iter_mut().flatten().for_each(|weight| *weight = 0);
    }
    quiet.threshold = u64::MAX;
    let file = file(&quiet, 2, NAMES);
    let model = QuantizedModel::from_bytes(file.bytes()).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
    assert!(!detector.score(&[20.0, -3.0, 101_300.0]).unwrap().is_anomaly);
    for far in [1e4, -1e4, 1e30, f32::MAX, f32::MIN] {
        for feature in 0..3 {
            let mut sample = [20.0, -3.0, 101_300.0];
            sample[feature] += 100.0 * far;
            let sample = sample.map(|raw: f32| raw.clamp(f32::MIN, f32::MAX));
            let verdict = detector.score(&sample).unwrap();
            assert!(verdict.out_of_range && verdict.is_anomaly, "{sample:?}");
        }
    }
    assert!(detector.score(&[i32::MIN, -3, 101_300]).unwrap().out_of_range);
    assert!(detector.score(&[20, i32::MAX, 101_300]).unwrap().out_of_range);
}

#[test]
fn a_reading_that_is_no_number_is_an_error_and_never_normal() {
    let model = QuantizedModel::from_bytes(VERSION_1_INT8).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(detector.score(&[20.0, bad, 101_300.0]), Err(ScoreError::NonFinite { index: 1 }));
    }
    let filling = encode_int8(&Header { missing: Missing::Mean, ..int8_header() }, &small_int8().words());
    let model = QuantizedModel::from_bytes(filling.bytes()).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
    let mean = detector.score(&[20.0, -3.0, 101_300.0]).unwrap();
    assert_eq!(detector.score(&[f32::NAN; 3]).unwrap(), mean, "missing readings become the mean");
    assert_eq!(detector.score(&[20.0, f32::INFINITY, 0.0]), Err(ScoreError::NonFinite { index: 1 }));
    let mut scratch = vec![0; model.scratch_len()];
    let mut borrowed = SliceQuantizedDetector::new(&model, &mut scratch).unwrap();
    assert_eq!(borrowed.score(&[1.0_f32, 2.0]), Err(ScoreError::WrongLength { expected: 3, found: 2 }));
}

#[test]
fn float_and_int8_files_are_told_apart() {
    assert_eq!(Model::from_bytes(VERSION_1_INT8).unwrap_err(), LoadError::Quantized);
    assert_eq!(QuantizedModel::from_bytes(small().bytes()).unwrap_err(), LoadError::NotQuantized);
}

#[test]
fn rejects_every_single_flipped_bit() {
    let mut file = small_file();
    for byte in 0..file.bytes().len() {
        for bit in 0..8 {
            file.bytes_mut()[byte] ^= 1 << bit;
            assert!(QuantizedModel::from_bytes(file.bytes()).is_err(), "bit {bit} of byte {byte}");
            file.bytes_mut()[byte] ^= 1 << bit;
        }
    }
}

#[test]
fn rejects_every_truncation_and_every_extension() {
    let file = small_file();
    let expected = file.bytes().len();
    for len in 0..expected {
        assert!(QuantizedModel::from_bytes(&file.bytes()[..len]).is_err(), "{len} bytes");
    }
    for found in expected + 1..=2 * expected {
        let longer = Aligned::new(&[file.bytes(), &vec![0; found - expected]].concat());
        let error = QuantizedModel::from_bytes(longer.bytes()).unwrap_err();
        assert_eq!(error, LoadError::TrailingBytes { expected, found });
    }
}

/// The readings at the edge of `f32` that the float model is tested with, and what it makes of them.
const FAULTS: [(&str, [u32; 3], Result<u32, ScoreError>); 19] = include!("data/faults.in");

#[test]
fn a_fault_too_far_for_a_score_in_floating_point_is_out_of_range() {
    let file = small_file();
    let model = QuantizedModel::from_bytes(file.bytes()).unwrap();
    let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
    for (what, bits, float) in FAULTS {
        let sample = bits.map(f32::from_bits);
        match (float, detector.score(&sample)) {
            (Err(ScoreError::Overflow), Ok(verdict)) => {
                assert!(verdict.out_of_range && verdict.is_anomaly, "{what}: {verdict:?}");
            }
            (Ok(_), Ok(verdict)) => {
                assert_eq!((verdict.score, !verdict.out_of_range), small_int8().score(&sample, 2), "{what}");
            }
            (float, found) => assert_eq!(found.map(drop), float.map(drop), "{what}"),
        }
    }
}

#[test]
fn rejects_shapes_and_numbers_that_cannot_score() {
    let load =
        |header: Header<'_>, words: &[i32]| QuantizedModel::from_bytes(encode_int8(&header, words).bytes()).err();
    let words = small_int8().words();
    assert_eq!(load(int8_header(), &words), None);
    assert_eq!(load(int8_header(), &words[1..]), Some(LoadError::Shapes));
    assert_eq!(load(int8_header(), &[&words[..], &[0]].concat()), Some(LoadError::Shapes));
    assert_eq!(load(Header { encoder_layers: 4, ..int8_header() }, &words), Some(LoadError::Shapes));
    assert_eq!(load(Header { encoder_logvar: true, ..int8_header() }, &words), Some(LoadError::Shapes));
    let head = |kind, knots| Header { heads: heapless::Vec::from_iter([HeadSpec { kind, knots }]), ..int8_header() };
    assert_eq!(load(head(HeadKind::Elbo, 0), &words), Some(LoadError::NoIntegerForm { head: Some(HeadKind::Elbo) }));
    assert_eq!(load(head(HeadKind::Mse, 3), &words), Some(LoadError::NoIntegerForm { head: Some(HeadKind::Mse) }));
    let two = Header { heads: [HeadSpec { kind: HeadKind::Mse, knots: 2 }; 2].into_iter().collect(), ..int8_header() };
    assert_eq!(load(two, &words), Some(LoadError::NoIntegerForm { head: None }));
    assert_eq!(load(Header { heads: heapless::Vec::new(), ..int8_header() }, &words), Some(LoadError::Shapes));
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(load(Header { threshold: bad, ..int8_header() }, &words), Some(LoadError::Threshold));
        let unit = Int8 { unit: bad, ..small_int8() };
        assert_eq!(load(int8_header(), &unit.words()), Some(LoadError::Threshold));
    }
    let input = |change: fn(&mut edgevae_core::quant::Input)| {
        let mut model = small_int8();
        change(&mut model.inputs[1]);
        load(int8_header(), &model.words())
    };
    assert_eq!(input(|input| input.offset = (1 << 30) + 1), Some(LoadError::Scale { feature: 1 }));
    assert_eq!(input(|input| input.multiplier = (1 << 14) - 1), Some(LoadError::Scale { feature: 1 }));
    assert_eq!(input(|input| input.shift = 30), Some(LoadError::Scale { feature: 1 }));
    let layer = |change: fn(&mut int8::Layer)| {
        let mut model = small_int8();
        change(&mut model.layers[2]);
        load(int8_header(), &model.words())
    };
    let overflow = Some(LoadError::Accumulator { layer: 2 });
    assert_eq!(layer(|layer| layer.shift = 16), overflow);
    assert_eq!(layer(|layer| layer.multipliers[1] = -1), overflow);
    assert_eq!(layer(|layer| layer.bias[3] = i32::MIN), overflow);
}

#[test]
fn a_sum_may_reach_32_bits_and_not_exceed_them() {
    let mut model = small_int8();
    let layer = &mut model.layers[1];
    layer.weights[0] = vec![127, -127, 0, 1, 2];
    let products = 32_768 * (127 + 127 + 1 + 2);
    layer.bias[0] = i32::MAX - products;
    assert!(QuantizedModel::from_bytes(file(&model, 2, NAMES).bytes()).is_ok());
    model.layers[1].bias[0] += 1;
    let file = file(&model, 2, NAMES);
    assert_eq!(QuantizedModel::from_bytes(file.bytes()).unwrap_err(), LoadError::Accumulator { layer: 1 });
}

#[test]
fn a_shown_threshold_that_contradicts_the_integer_one_is_refused() {
    let with = |threshold: u64, unit: f32, shown: f32, is_distance: bool| {
        let mut model = small_int8();
        model.whitening = is_distance.then(|| Numbered(1).layer(2, 2, false));
        let file = file(&model, 2, NAMES);
        let header = Header { threshold: shown, ..QuantizedModel::from_bytes(file.bytes()).unwrap().header() };
        (model.threshold, model.unit) = (threshold, unit);
        QuantizedModel::from_bytes(encode_int8(&header, &model.words()).bytes()).err()
    };
    let contradiction = Some(LoadError::Threshold);
    assert_eq!(with(84_701_867, 3.4e30, 2.019_573, false), contradiction, "a unit that makes scores of 3e38");
    for unit in [1e-9, 1.0 / 4_194_304.0, 0.3, 1e6_f32] {
        for threshold in [0_u64, 1, 2, 3, 5, 1000, 150_000_000, (1 << 24) + 1, 1 << 40, u64::MAX - 1] {
            for is_distance in [false, true] {
                // What `edgevae quantize` shows: a number from this score up to the next.
                let shown = |score: f64| {
                    let value = (score * f64::from(unit)) as f32;
                    if is_distance { value.sqrt() } else { value }
                };
                let what = format!("{threshold} of {unit}, distance: {is_distance}");
                let exact = shown(threshold as f64).max(f32::MIN_POSITIVE);
                assert_eq!(with(threshold, unit, exact, is_distance), None, "{what}");
                assert_eq!(with(threshold, unit, shown(threshold as f64 + 0.5), is_distance), None, "{what}");
                assert_eq!(
                    with(threshold, unit, 2.0 * shown(threshold as f64 + 1.0), is_distance),
                    if threshold < u64::MAX - 1 { contradiction } else { None },
                    "{what}"
                );
                if threshold > 0 {
                    assert_eq!(with(threshold, unit, 0.999 * exact, is_distance), contradiction, "{what}");
                }
            }
        }
    }
    assert_eq!(with(u64::MAX - 1, 1e-6, f32::MAX, false), None, "nothing but readings out of range");
}

#[test]
fn a_newer_int8_file_that_does_not_fit_leaves_the_older_detector() {
    type Pump<'a> = OwnedQuantizedDetector<'a, 3, 5>;
    let mut numbers = Numbered(5);
    let mut wider = small_int8();
    wider.layers = vec![
        numbers.layer(3, 8, true),
        numbers.layer(8, 2, false),
        numbers.layer(2, 8, true),
        numbers.layer(8, 3, false),
    ];
    wider.whitening = None;
    let unfit = file(&wider, 2, NAMES);
    assert!(QuantizedModel::from_bytes(unfit.bytes()).is_ok(), "valid, but wider");
    let slot = |sequence, file: &[u8]| {
        let record = Record { sequence, model_at: 32, model_len: file.len() as u32 };
        Aligned::new(&[&record.to_bytes()[..], &[0xff; 12], file, &[0xff; 4]].concat())
    };
    let (a, b) = (slot(1, VERSION_1_INT8), slot(2, unfit.bytes()));
    let mut newest = Slots::new(a.bytes(), b.bytes()).open::<Pump<'_>>().unwrap();
    assert_eq!(newest.which, Which::A);
    assert!(matches!(newest.rejected, Some(SlotError::Model(LoadError::WrongShape { .. }))), "{:?}", newest.rejected);
    let model = QuantizedModel::from_bytes(VERSION_1_INT8).unwrap();
    let borrowed = QuantizedDetector::<3, 5>::new(&model).unwrap().score(&SAMPLES[1]);
    assert_eq!(newest.loaded.score(&SAMPLES[1]), borrowed);
    assert!(matches!(QuantizedDetector::<3, 4>::new(&model), Err(LoadError::WrongShape { .. })));
    assert!(matches!(QuantizedDetector::<2, 5>::new(&model), Err(LoadError::WrongShape { .. })));
}

#[test]
fn every_small_shape_equals_the_plain_arithmetic() {
    let names: Vec<u8> = (0..20).flat_map(|_| *b"\x01x").collect();
    let mut numbers = Numbered(2);
    for inputs in 1..=20 {
        for hidden in 1..=18 {
            let latent = 1 + (inputs + hidden) % 5;
            let mut model = small_int8();
            model.inputs = (0..inputs).map(|_| edgevae_core::quant::Input { offset: 77, ..model.inputs[0] }).collect();
            model.layers = vec![
                numbers.layer(inputs, hidden, true),
                numbers.layer(hidden, latent, false),
                numbers.layer(latent, hidden, true),
                numbers.layer(hidden, inputs, false),
            ];
            model.whitening = (hidden % 3 == 0).then(|| numbers.layer(latent, latent, false));
            let file = file(&model, 2, &names[..2 * inputs]);
            let loaded = QuantizedModel::from_bytes(file.bytes()).unwrap();
            let mut scratch = vec![0; loaded.scratch_len()];
            let mut detector = SliceQuantizedDetector::new(&loaded, &mut scratch).unwrap();
            for span in [20, 40_000, 12_000_000] {
                let sample: Vec<f32> = (0..inputs).map(|_| numbers.next(span) as f32 / 262_144.0).collect();
                let verdict = detector.score(&sample[..]).unwrap();
                assert_eq!((verdict.score, !verdict.out_of_range), model.score(&sample, 2), "{inputs}-{hidden}");
            }
        }
    }
}

#[test]
#[ignore = "writes the golden file; run once for each format version"]
fn writes_the_golden_file() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small-int8-v1.evae");
    std::fs::write(path, small_file().bytes()).unwrap();
}

proptest! {
    #[test]
    fn any_sample_has_a_score_or_an_error(sample: [f32; 3]) {
        let model = QuantizedModel::from_bytes(VERSION_1_INT8).unwrap();
        let mut detector = QuantizedDetector::<3, 5>::new(&model).unwrap();
        match detector.score(&sample) {
            Ok(verdict) => {
                prop_assert_eq!((verdict.score, !verdict.out_of_range), small_int8().score(&sample, 2));
                prop_assert!(!verdict.out_of_range || verdict.is_anomaly);
            }
            Err(error) => {
                let index = sample.iter().position(|raw| !raw.is_finite());
                prop_assert_eq!(Some(error), index.map(|index| ScoreError::NonFinite { index }));
            }
        }
    }

    #[test]
    fn any_words_load_or_fail_without_a_panic(words in prop::collection::vec(any::<i32>(), 0..120)) {
        let file = encode_int8(&int8_header(), &words);
        let _ = QuantizedModel::from_bytes(file.bytes());
    }
}
