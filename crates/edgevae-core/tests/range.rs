//! A reading far outside the training data is an anomaly under every head, and its feature is named first.

mod common;

use common::{Aligned, density_kinds, encode, header, kinds, with_heads};
use edgevae_core::format::{Activation, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing};
use edgevae_core::{Detector, Model, SliceDetector, Verdict};

/// Readings of the small model that its threshold may call anything; all within a few scales.
const SAMPLES: [[f32; 3]; 3] = [[20.0, -3.0, 101_300.0], [21.5, -2.75, 101_330.0], [18.0, -3.2, 101_250.0]];

/// A clip as `auto` has it, none, one below, and one above the limit.
const CLIPS: [f32; 4] = [32.0, f32::INFINITY, 8.0, 1e6];

/// The small model with other heads, another clip and a threshold that no score reaches.
fn quiet(kinds: &[HeadKind], clip: f32) -> Aligned {
    let file = with_heads(kinds, DecoderVariance::PerRow);
    let model = Model::from_bytes(file.bytes()).unwrap();
    encode(&Header { clip, threshold: f32::MAX, ..model.header().clone() }, model.tensors())
}

fn scored(model: &Model<'_>, sample: &[f32]) -> (Verdict, usize) {
    let mut scratch = vec![f32::NAN; model.scratch_len()];
    let mut detector = SliceDetector::new(model, &mut scratch).unwrap();
    let verdict = detector.score(sample).unwrap();
    let mut contributions = vec![0.0; model.inputs()];
    detector.explain(&mut contributions);
    assert!(contributions.iter().all(|value| value.is_finite()), "{contributions:?}");
    let mut largest = [edgevae_core::explain::Contribution::default()];
    let found = edgevae_core::explain::largest(&contributions, &mut largest);
    (verdict, found[0].feature)
}

/// Every head alone, and those that go together.
fn heads() -> Vec<Vec<HeadKind>> {
    let alone = kinds().into_iter().chain(density_kinds()).map(|kind| vec![kind]);
    alone.chain([kinds().to_vec(), density_kinds().to_vec()]).collect()
}

#[test]
fn one_sensor_far_out_is_an_anomaly_under_every_head_and_clip_and_is_named_first() {
    for (heads, clip) in heads().iter().flat_map(|heads| CLIPS.map(|clip| (heads, clip))) {
        let file = quiet(heads, clip);
        let model = Model::from_bytes(file.bytes()).unwrap();
        for (sample, feature) in SAMPLES.iter().flat_map(|sample| (0..3).map(move |feature| (sample, feature))) {
            let (verdict, _) = scored(&model, sample);
            assert!(!verdict.is_anomaly && !verdict.out_of_range, "{heads:?} {clip}: {sample:?}");
            for power in 3..=19 {
                for sign in [1.0, -1.0] {
                    let scales = sign * 10_f32.powi(power);
                    let mut far = *sample;
                    far[feature] = common::MEAN[feature] + scales / common::RECIPROCAL[feature];
                    let mut scratch = vec![0.0; model.scratch_len()];
                    if SliceDetector::new(&model, &mut scratch).unwrap().score(&far).is_err() {
                        assert!(clip > 32.0, "an error is no verdict of normal either");
                        continue;
                    }
                    let (verdict, first) = scored(&model, &far);
                    let what = format!("{heads:?}, clip {clip}: {far:?}");
                    assert!(verdict.is_anomaly && verdict.out_of_range, "{what}");
                    assert_eq!(first, feature, "{what}");
                    assert!(model.is_out_of_range(&far), "{what}");
                }
            }
        }
    }
}

#[test]
fn of_several_readings_out_of_range_the_furthest_is_named_first() {
    for heads in heads() {
        let file = quiet(&heads, 32.0);
        let model = Model::from_bytes(file.bytes()).unwrap();
        let far = |scales: [f32; 3]| -> Vec<f32> {
            (0..3).map(|at| common::MEAN[at] + scales[at] / common::RECIPROCAL[at]).collect()
        };
        assert_eq!(scored(&model, &far([1e4, 1e6, -1e5])).1, 1, "{heads:?}");
        assert_eq!(scored(&model, &far([-1e7, 1e6, 1e5])).1, 0, "{heads:?}");
        assert_eq!(scored(&model, &far([300.0, 1e3, -1e4])).1, 2, "{heads:?}");
    }
}

#[test]
fn the_limit_itself_is_in_range_and_what_lies_beyond_is_not() {
    for clip in CLIPS {
        let file = quiet(&[HeadKind::Mse], clip);
        let model = Model::from_bytes(file.bytes()).unwrap();
        // The second feature: mean -3, scale 1/4.
        let at = |scales: f32| scored(&model, &[20.0, -3.0 + scales / 4.0, 101_300.0]).0.out_of_range;
        assert!(!at(256.0) && !at(-256.0) && at(256.25) && at(-256.25), "clip {clip}");
    }
}

#[test]
fn a_sample_in_range_forgets_the_one_before() {
    let file = quiet(&[HeadKind::Isolation { trees: 3, depth: 2 }], 32.0);
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5, 8>::new(&model).unwrap();
    detector.score(&SAMPLES[1]).unwrap();
    let before = detector.explain();
    assert!(detector.score(&[1e9, -3.0, 101_300.0]).unwrap().out_of_range);
    assert_eq!(detector.largest::<1>()[0].feature, 0);
    assert!(!detector.score(&SAMPLES[1]).unwrap().out_of_range);
    assert_eq!(detector.explain(), before);
}

#[test]
fn a_missing_reading_that_is_filled_is_in_range() {
    let mut numbers = common::tensors();
    numbers.splice(6..6, [19.0, -2.5, 101_000.0]);
    let file = encode(&Header { missing: Missing::Mean, threshold: f32::MAX, ..header() }, &numbers);
    let model = Model::from_bytes(file.bytes()).unwrap();
    let sample = [f32::NAN, -3.0, 101_300.0];
    assert!(!scored(&model, &sample).0.out_of_range && !model.is_out_of_range(&sample));
}

/// A model of some size whose numbers mean nothing and whose scores reach no threshold.
fn of_size(inputs: usize, hidden: usize, latent: usize, kind: HeadKind) -> Aligned {
    let widths = [hidden, latent, hidden, inputs];
    let layer = |(at, outputs): (usize, usize)| Layer {
        outputs: outputs as u16,
        activation: if at % 2 == 0 { Activation::Relu } else { Activation::Linear },
    };
    let dense: usize = [inputs, hidden, latent, hidden].iter().zip(widths).map(|(ins, outs)| (ins + 1) * outs).sum();
    let mut numbers = [vec![0.25; inputs], vec![1.25; inputs]].concat();
    numbers.extend((0..dense).map(|k| ((k * 37 % 101) as f32 - 50.0) / 256.0));
    let whitening = |columns: usize, full: bool| {
        let rows = (0..columns).flat_map(|row| (0..=row).map(move |column| (row, column)));
        let kept = rows.filter(move |(row, column)| full || row == column);
        vec![0.0; columns].into_iter().chain(kept.map(|(row, column)| if row == column { 1.0 } else { 0.125 }))
    };
    let mut packed: Vec<u32> = vec![];
    match kind {
        HeadKind::Elbo => numbers.extend(vec![0.0; (hidden + 1) * latent]),
        HeadKind::Mahalanobis => numbers.extend(whitening(latent, true)),
        HeadKind::JointMahalanobis { full } => numbers.extend(whitening(inputs + latent, full)),
        HeadKind::ReconstructionProbability { draws } => {
            numbers.extend(vec![0.0; (hidden + 1) * latent]);
            numbers.extend((0..usize::from(draws) * latent).map(|k| (k as f32 - 2.0) / 4.0));
        }
        HeadKind::Neighbours { rows, .. } => packed = vec![0x1020_0010; (inputs * usize::from(rows)).div_ceil(4)],
        HeadKind::Histogram { .. } => numbers.extend([-2.0, 1.0, 5.0, 1.0, 0.0, 0.5, 3.0].repeat(inputs)),
        HeadKind::Isolation { trees, depth } => {
            let splits = (1_usize << depth) - 1;
            let tree = |tree: usize| {
                let split = move |at: usize| ((at + tree) % inputs) as u32 | 1024 << 16;
                (0..splits).map(split).chain(vec![0x5060_7080; (splits + 1) / 4])
            };
            packed = (0..usize::from(trees)).flat_map(tree).collect();
        }
        _ => {}
    }
    numbers.extend(packed.into_iter().map(f32::from_bits));
    let names: Vec<u8> = (0..inputs).flat_map(|at| [1, b'!' + at as u8]).collect();
    let header = Header {
        inputs: inputs as u16,
        layers: widths.into_iter().enumerate().map(layer).collect(),
        heads: [HeadSpec { kind, knots: 0 }].into_iter().collect(),
        encoder_logvar: kind.needs().logvar,
        clip: 32.0,
        threshold: f32::MAX,
        names: &names,
        ..header()
    };
    encode(&header, &numbers)
}

/// The samples of the report that asked for this: at each magnitude 720, one sensor far out.
#[test]
fn every_head_of_every_size_flags_every_sensor_at_every_magnitude() {
    let every = kinds().into_iter().chain(density_kinds()).chain([HeadKind::Isolation { trees: 6, depth: 5 }]);
    for kind in every {
        for (inputs, hidden, latent) in [(1, 2, 1), (2, 3, 1), (5, 6, 2), (10, 16, 4), (24, 12, 3)] {
            let file = of_size(inputs, hidden, latent, kind);
            let model = Model::from_bytes(file.bytes()).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            let mut scratch = vec![0.0; model.scratch_len()];
            let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
            let mut contributions = vec![0.0; inputs];
            for power in 3..=19 {
                for at in 0..720_usize {
                    let (feature, sign) = (at % inputs, if at / inputs % 2 == 0 { 1.0 } else { -1.0 });
                    let mut sample: Vec<f32> =
                        (0..inputs).map(|x| ((at * 31 + x * 17) % 97) as f32 / 24.0 - 2.0).collect();
                    assert!(!detector.score(&sample).unwrap().out_of_range, "{kind:?}: {sample:?}");
                    sample[feature] = sign * 10_f32.powi(power) * (1.0 + at as f32 / 1440.0);
                    let verdict = detector.score(&sample).unwrap();
                    assert!(verdict.is_anomaly && verdict.out_of_range, "{kind:?}: {sample:?}");
                    detector.explain(&mut contributions);
                    let others = (0..inputs).filter(|&other| other != feature);
                    assert!(
                        others.map(|other| contributions[other]).all(|value| value < contributions[feature]),
                        "{kind:?}: {contributions:?}"
                    );
                }
            }
        }
    }
}
