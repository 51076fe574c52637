//! Every head against float64, and files whose heads cannot score.

mod common;

use common::{Aligned, DRAWS, GOLDEN, TAIL, encode, every_head, header, kinds, parameters, tensors, with_heads};
use edgevae_core::format::{DecoderVariance, HeadKind, HeadSpec, Header};
use edgevae_core::{Detector, LoadError, Model, ScoreError, SliceDetector};
use proptest::prelude::*;

/// Enough for all heads together: mu, logvar and sigma of 2 latents; x_logvar, x and sampled of 3 inputs.
const MEMORY: usize = 3 * 2 + 3 * 3;

fn close(found: f32, expected: f64) -> bool {
    (f64::from(found) - expected).abs() <= 1e-5 * expected.abs().max(0.1)
}

#[test]
fn every_head_alone_and_all_together_equal_the_float64_reference() {
    for (sample, variance, expected) in GOLDEN {
        let alone = kinds().map(|kind| vec![kind]);
        for (heads, (score, contributions)) in alone.into_iter().chain([kinds().to_vec()]).zip(expected) {
            let file = with_heads(&heads, variance);
            let model = Model::from_bytes(file.bytes()).unwrap();
            let mut detector = Detector::<3, 5, MEMORY>::new(&model).unwrap();
            let found = detector.score(&sample).unwrap().score;
            assert!(close(found, score), "{heads:?} {variance:?} {sample:?}: {found} instead of {score}");
            for (found, expected) in detector.explain().into_iter().zip(contributions) {
                assert!(close(found, expected), "{heads:?} {variance:?} {sample:?}: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn the_contributions_of_heads_together_add_up_to_the_score() {
    let file = every_head();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = Detector::<3, 5, MEMORY>::new(&model).unwrap();
    for (sample, ..) in GOLDEN {
        let score = detector.score(&sample).unwrap().score;
        let sum: f32 = detector.explain().into_iter().sum();
        assert!(close(sum, score.into()), "{sum} {score}");
    }
}

#[test]
fn a_head_asks_for_the_memory_that_it_needs_and_no_more() {
    let memory = |kinds: &[HeadKind], variance| {
        let file = with_heads(kinds, variance);
        Model::from_bytes(file.bytes()).unwrap().memory_len()
    };
    let [mse, nll, elbo, mahalanobis, sampled] = kinds();
    for variance in [DecoderVariance::Unit, DecoderVariance::PerFeature] {
        let needed = [mse, nll, elbo, mahalanobis, sampled].map(|kind| memory(&[kind], variance));
        assert_eq!(needed, [0, 0, 2 + 2, 2, 3 * 2 + 2 * 3], "{variance:?}");
    }
    let needed = [mse, nll, elbo, mahalanobis, sampled].map(|kind| memory(&[kind], DecoderVariance::PerRow));
    assert_eq!(needed, [0, 3, 2 + 2 + 3, 2, MEMORY]);
    assert_eq!(memory(&[mse, mahalanobis], DecoderVariance::PerRow), 2);

    let file = every_head();
    let model = Model::from_bytes(file.bytes()).unwrap();
    assert!(Detector::<3, 5, MEMORY>::new(&model).is_ok());
    let error = Detector::<3, 5, { MEMORY - 1 }>::new(&model).unwrap_err();
    assert!(matches!(error, LoadError::WrongShape { memory: MEMORY, detector_memory: 14, .. }), "{error:?}");
    assert!(error.to_string().contains("Detector::<3, 5, 15>"), "{error}");
    assert!(SliceDetector::new(&model, &mut vec![0.0; model.scratch_len() - 1]).is_err());
}

#[test]
fn costs_are_counted_head_by_head() {
    let file = every_head();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let decode = 2 * 4 + 4 * 3 + 4 * 3;
    assert_eq!(model.network_multiply_adds(), 3 * 5 + 5 * 2 + 5 * 2 + decode);
    let costs: Vec<_> = model.head_costs().map(|cost| (cost.kind.name(), cost.multiply_adds)).collect();
    let draws = usize::from(DRAWS) * (decode + 2 * 3 + 2);
    assert_eq!(
        costs,
        [("mse", 3), ("nll", 6), ("elbo", 10), ("mahalanobis", 5), ("reconstruction-probability", draws)]
    );
    let parameters: Vec<_> = model.head_costs().map(|cost| cost.parameters - TAIL.len()).collect();
    assert_eq!(parameters, [0, 0, 0, 5, 2 * usize::from(DRAWS)]);
    let heads: usize = costs.iter().map(|(_, cost)| cost).sum();
    assert_eq!(model.multiply_adds(), model.network_multiply_adds() + heads);
}

#[test]
fn borrowed_memory_gives_the_same_bits() {
    let file = every_head();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut owned = Detector::<3, 7, 20>::new(&model).unwrap();
    let mut scratch = vec![f32::NAN; model.scratch_len()];
    let mut borrowed = SliceDetector::new(&model, &mut scratch).unwrap();
    for (sample, ..) in GOLDEN {
        let verdict = owned.score(&sample).unwrap();
        assert_eq!(borrowed.score(&sample).unwrap(), verdict);
        assert_eq!(model.verdict(&borrowed.representation()).unwrap(), verdict);
        let mut contributions = [0.0; 3];
        borrowed.explain(&mut contributions);
        assert_eq!(contributions, owned.explain());
    }
}

/// Why the small model with this header and these numbers after its layers does not load.
fn refused(header: Header<'_>, more: &[f32]) -> Option<LoadError> {
    Model::from_bytes(encode(&header, &[&tensors()[..], more].concat()).bytes()).err()
}

fn heads(specs: &[(HeadKind, u8)]) -> heapless::Vec<HeadSpec, 6> {
    specs.iter().map(|&(kind, knots)| HeadSpec { kind, knots }).collect()
}

#[test]
fn rejects_heads_that_cannot_score() {
    let head = |head| Some(LoadError::Head { head });
    let mahalanobis = parameters(HeadKind::Mahalanobis);
    let alone = || Header { heads: heads(&[(HeadKind::Mahalanobis, 0)]), ..header() };
    assert_eq!(refused(alone(), &mahalanobis), None);
    assert_eq!(refused(alone(), &mahalanobis[1..]), Some(LoadError::Shapes), "a number too few");
    assert_eq!(refused(alone(), &[&mahalanobis[..4], &[0.0]].concat()), head("mahalanobis"), "a flat diagonal");
    let infinite = [&mahalanobis[..4], &[f32::INFINITY]].concat();
    assert_eq!(refused(alone(), &infinite), Some(LoadError::NonFinite { index: tensors().len() + 4 }));

    assert_eq!(refused(Header { heads: heads(&[]), ..header() }, &[]), Some(LoadError::Shapes), "no head");
    let elbo = Header { heads: heads(&[(HeadKind::Elbo, 0)]), ..header() };
    assert_eq!(refused(elbo, &[]), head("elbo"), "without the posterior's log variance");
    let mut posterior = vec![0.0; 5 * 2 + 2];
    let draws = |draws| Header {
        encoder_logvar: true,
        heads: heads(&[(HeadKind::ReconstructionProbability { draws }, 0)]),
        ..header()
    };
    assert_eq!(refused(draws(0), &posterior), head("reconstruction-probability"), "no draws");
    posterior.extend([0.5, 0.25]);
    assert_eq!(refused(draws(1), &posterior), None);
}

#[test]
fn rejects_heads_that_are_on_no_footing_together() {
    let two = |knots| Header { heads: heads(&[(HeadKind::Mse, knots), (HeadKind::Nll, knots)]), ..header() };
    let head = Some(LoadError::Head { head: "mse" });
    assert_eq!(refused(two(4), &[TAIL, TAIL].concat()), None);
    assert_eq!(refused(two(0), &[]), head, "no footing at all");
    let alone = Header { heads: heads(&[(HeadKind::Mse, 4)]), ..header() };
    assert_eq!(refused(alone, &TAIL), head, "a footing that nothing asks for");
    for (at, value) in [(0, 0.0), (1, -1.0), (3, 21.0)] {
        let mut tail = TAIL;
        tail[at] = value;
        assert_eq!(refused(two(4), &[tail, TAIL].concat()), head, "number {at} is {value}");
    }
    let twice = HeadKind::ReconstructionProbability { draws: 1 };
    let twice = Header { encoder_logvar: true, heads: heads(&[(twice, 4), (twice, 4)]), ..header() };
    let numbers = [&[0.0; 12][..], &[0.5, 0.25], &TAIL, &[0.5, 0.25], &TAIL].concat();
    assert_eq!(refused(twice, &numbers), Some(LoadError::Head { head: "reconstruction-probability" }));
}

#[test]
fn a_threshold_below_zero_is_for_scores_that_may_be_negative() {
    let with = |kinds: &[(HeadKind, u8)], more: &[f32]| {
        refused(Header { heads: heads(kinds), threshold: -1.5, ..header() }, more)
    };
    assert_eq!(with(&[(HeadKind::Nll, 0)], &[]), None);
    assert_eq!(with(&[(HeadKind::Mse, 0)], &[]), Some(LoadError::Threshold));
    let together = with(&[(HeadKind::Mse, 4), (HeadKind::Nll, 4)], &[TAIL, TAIL].concat());
    assert_eq!(together, Some(LoadError::Threshold));
}

proptest! {
    #[test]
    fn any_sample_has_a_finite_score_or_an_error_by_every_head(sample: [f32; 3], far in -30.0_f32..30.0) {
        let near = [20.0 + far, -3.0 + 0.1 * far, 101_300.0 - 40.0 * far];
        for heads in kinds().map(|kind| vec![kind]).into_iter().chain([kinds().to_vec()]) {
            for variance in [DecoderVariance::Unit, DecoderVariance::PerFeature, DecoderVariance::PerRow] {
                let file = with_heads(&heads, variance);
                let model = Model::from_bytes(file.bytes()).unwrap();
                let mut detector = Detector::<3, 5, MEMORY>::new(&model).unwrap();
                match detector.score(&sample) {
                    Ok(verdict) => prop_assert!(verdict.score.is_finite()),
                    Err(error) => prop_assert_ne!(error, ScoreError::WrongLength { expected: 3, found: 3 }),
                }
                prop_assert!(detector.score(&near).is_ok());
                prop_assert!(detector.explain().iter().all(|contribution| contribution.is_finite()));
            }
        }
    }

    #[test]
    fn any_numbers_after_the_layers_load_or_fail_without_a_panic(
        specs in prop::collection::vec((0_usize..5, any::<u8>()), 0..9),
        numbers in prop::collection::vec(-3.0_f32..3.0, 0..80),
        encoder_logvar: bool,
        draws: u8,
    ) {
        let kind = |at: usize| match kinds()[at] {
            HeadKind::ReconstructionProbability { .. } => HeadKind::ReconstructionProbability { draws },
            kind => kind,
        };
        let specs = specs.into_iter().take(edgevae_core::format::MAX_HEADS).map(|(at, knots)| HeadSpec { kind: kind(at), knots }).collect();
        let header = Header { encoder_logvar, heads: specs, ..header() };
        let file: Aligned = encode(&header, &[&tensors()[..], &numbers].concat());
        let _ = Model::from_bytes(file.bytes());
    }
}
