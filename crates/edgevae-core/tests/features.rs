//! A build without some heads: `cargo test -p edgevae-core --no-default-features --features mse --test features`.

mod common;

use common::{density_kinds, every_head, kinds, with_heads};
use edgevae_core::format::{DecoderVariance, HeadKind};
use edgevae_core::{LoadError, Model};

fn compiled(kind: HeadKind) -> bool {
    match kind {
        HeadKind::Mse => cfg!(feature = "mse"),
        HeadKind::Nll => cfg!(feature = "nll"),
        HeadKind::Elbo => cfg!(feature = "elbo"),
        HeadKind::Mahalanobis => cfg!(feature = "mahalanobis"),
        HeadKind::ReconstructionProbability { .. } => cfg!(feature = "reconstruction-probability"),
        HeadKind::JointMahalanobis { .. } => cfg!(feature = "joint-mahalanobis"),
        HeadKind::Neighbours { .. } => cfg!(feature = "neighbours"),
        HeadKind::Histogram { .. } => cfg!(feature = "histogram"),
        HeadKind::Isolation { .. } => cfg!(feature = "isolation"),
    }
}

#[test]
fn a_file_loads_exactly_when_its_head_is_compiled_in_and_the_error_names_it() {
    for kind in kinds().into_iter().chain(density_kinds()) {
        let file = with_heads(&[kind], DecoderVariance::PerRow);
        let expected = if compiled(kind) { Ok(()) } else { Err(LoadError::NotCompiled { feature: kind.name() }) };
        let loaded = Model::from_bytes(file.bytes()).map(|_| ());
        assert_eq!(loaded, expected);
        if let Err(error) = loaded {
            assert!(error.to_string().contains(kind.name()), "{error}");
        }
    }
}

#[test]
fn several_heads_need_the_combination() {
    let file = every_head();
    let loaded = Model::from_bytes(file.bytes()).map(|_| ());
    if !cfg!(feature = "combination") {
        assert_eq!(loaded, Err(LoadError::NotCompiled { feature: "combination" }));
    } else {
        assert_eq!(loaded.is_ok(), kinds().into_iter().all(compiled));
    }
}

#[cfg(feature = "mse")]
#[test]
fn what_is_compiled_in_scores_as_ever() {
    let file = common::small();
    let model = Model::from_bytes(file.bytes()).unwrap();
    let mut detector = edgevae_core::Detector::<3, 5>::new(&model).unwrap();
    for (sample, _, [(score, _), ..]) in common::GOLDEN {
        let found = f64::from(detector.score(&sample).unwrap().score);
        assert!((found - score).abs() < 1e-5 * score, "{found} {score}");
    }
}
