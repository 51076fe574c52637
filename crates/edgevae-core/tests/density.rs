//! Heads that look at the sample, or at residual and `mu` together, against float64.

mod common;

use common::{GOLDEN, density_kinds, header, packed, parameters, tensors, with_heads};
use edgevae_core::format::{DecoderVariance, HeadKind, HeadSpec, Header};
use edgevae_core::head::Representation;
use edgevae_core::{LoadError, Model, SliceDetector};

fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The head's score from what the core's network made of the sample.
fn expected(kind: HeadKind, representation: &Representation<'_>) -> f64 {
    let numbers = f64s(&parameters(kind));
    let (x, words) = (f64s(representation.x), packed(kind));
    match kind {
        HeadKind::JointMahalanobis { full } => {
            let joint = [f64s(representation.residual), f64s(representation.mu)].concat();
            let centred: Vec<f64> = joint.iter().zip(&numbers).map(|(v, mean)| v - mean).collect();
            let mut at = joint.len();
            let mut squares = 0.0;
            for row in 0..joint.len() {
                let first = if full { 0 } else { row };
                let whitened: f64 = (first..=row).map(|column| numbers[at + column - first] * centred[column]).sum();
                at += row + 1 - first;
                squares += whitened * whitened;
            }
            squares.sqrt()
        }
        HeadKind::Neighbours { rows, nearest } => {
            let bytes: Vec<i8> = words.iter().flat_map(|word| word.to_le_bytes()).map(|byte| byte as i8).collect();
            let rounded = |x: f64| (x * 64.0).round().clamp(-512.0, 512.0) / 64.0;
            let stored = bytes[..usize::from(rows) * 3].chunks(3);
            let mut distances: Vec<f64> = stored
                .map(|row| {
                    row.iter().zip(&x).map(|(&q, &x)| (rounded(x) - f64::from(q) / 16.0).powi(2)).sum::<f64>().sqrt()
                })
                .collect();
            distances.sort_by(f64::total_cmp);
            distances[..usize::from(nearest)].iter().sum::<f64>() / f64::from(nearest)
        }
        HeadKind::Histogram { bins } => {
            let features = numbers.chunks(3 + usize::from(bins)).zip(&x);
            let term = |(feature, &x): (&[f64], &f64)| match ((x - feature[0]) * feature[1]).floor() {
                bin if (0.0..f64::from(bins)).contains(&bin) => feature[3 + bin as usize],
                _ => feature[2],
            };
            features.map(term).sum()
        }
        HeadKind::Isolation { trees, depth } => {
            let splits = (1 << depth) - 1;
            let of_tree = |tree: &[u32]| {
                let mut at = 0;
                while at < splits {
                    let threshold = f64::from((tree[at] >> 16) as u16 as i16) / 4096.0;
                    at = 2 * at + 1 + usize::from(x[(tree[at] & 0xffff) as usize] >= threshold);
                }
                f64::from(tree[splits..].iter().flat_map(|word| word.to_le_bytes()).nth(at - splits).unwrap()) / 16.0
            };
            words.chunks(splits + 1).map(of_tree).sum::<f64>() / f64::from(trees)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_density_head_equals_the_float64_reference() {
    for kind in density_kinds() {
        let file = with_heads(&[kind], DecoderVariance::Unit);
        // Residual and mu are those of the reconstruction error, whose own test compares them with float64.
        let network = with_heads(&[HeadKind::Mahalanobis, HeadKind::Histogram { bins: 4 }], DecoderVariance::Unit);
        let (model, network) = (Model::from_bytes(file.bytes()).unwrap(), Model::from_bytes(network.bytes()).unwrap());
        let (mut scratch, mut other) = (vec![f32::NAN; model.scratch_len()], vec![f32::NAN; network.scratch_len()]);
        let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
        let mut network = SliceDetector::new(&network, &mut other).unwrap();
        for (sample, ..) in GOLDEN {
            let found = f64::from(detector.score(&sample).unwrap().score);
            network.score(&sample).unwrap();
            let expected = expected(kind, &network.representation());
            assert!((found - expected).abs() <= 1e-5 * expected.abs().max(0.1), "{kind:?}: {found} for {expected}");
        }
    }
}

#[test]
fn a_clip_bounds_what_one_reading_can_do() {
    let clipped = |clip| {
        let file = common::encode(&Header { clip, ..header() }, &tensors());
        let model = Model::from_bytes(file.bytes()).unwrap();
        let mut scratch = vec![0.0; model.scratch_len()];
        let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
        [1e6, 1e9].map(|reading| detector.score(&[reading, -3.0, 101_300.0]).unwrap().score)
    };
    let [near, far] = clipped(8.0);
    assert_eq!(near, far);
    let [near, far] = clipped(f32::INFINITY);
    assert!(far > 100.0 * near);
    for clip in [0.0, -1.0, f32::NAN] {
        let file = common::encode(&Header { clip, ..header() }, &tensors());
        assert_eq!(Model::from_bytes(file.bytes()).unwrap_err(), LoadError::Malformed, "{clip}");
    }
}

#[test]
fn bytes_of_the_packed_block_may_be_any_and_numbers_before_it_may_not() {
    let kind = HeadKind::Neighbours { rows: 5, nearest: 2 };
    let heads = heapless::Vec::from_iter([HeadSpec { kind, knots: 0 }]);
    let mut numbers = tensors();
    let before = numbers.len();
    // Four bytes of 0xff are no finite number, and four stored values.
    numbers.extend([f32::from_bits(u32::MAX); 4]);
    let file = common::encode(&Header { heads: heads.clone(), ..header() }, &numbers);
    assert!(Model::from_bytes(file.bytes()).is_ok());
    numbers[before - 1] = f32::NAN;
    let file = common::encode(&Header { heads, ..header() }, &numbers);
    assert_eq!(Model::from_bytes(file.bytes()).unwrap_err(), LoadError::NonFinite { index: before - 1 });
}

#[test]
fn contributions_beyond_f32_still_have_shares() {
    // Found by fuzzing: scales so far from the sample that squares overflow under a score that stays finite.
    static FAR: &[u8] = edgevae_core::include_model!("data/contributions-beyond-f32.evae");
    let model = Model::from_bytes(FAR).unwrap();
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
    let score = detector.score(&[-1.160_441e-38, -2.044_996_1e-13, -1.160_441e-38]).unwrap().score;
    let mut contributions = [0.0; 3];
    detector.explain(&mut contributions);
    assert!(contributions.iter().all(|share| share.is_finite() && *share >= 0.0), "{contributions:?} of {score}");
    assert!(contributions.iter().sum::<f32>() > 0.5 * score, "{contributions:?} of {score}");
}
