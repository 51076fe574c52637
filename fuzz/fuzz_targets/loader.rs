//! `Model::from_bytes` and `QuantizedModel::from_bytes` on any bytes, and every accessor of a model that one of them accepts.
#![no_main]

use edgevae_core::format::{HeadKind, HeadSpec};
use edgevae_core::{LoadError, Model, QuantizedModel, format, signature};
use edgevae_fuzz::{Aligned, mutate_model};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|input: &[u8]| {
    let aligned = Aligned::new(input);
    let _ = format::declared_length(input);
    let _ = signature::split(input);
    match (Model::from_bytes(aligned.bytes()), QuantizedModel::from_bytes(aligned.bytes())) {
        (Ok(model), Err(_)) => float(&model),
        (Err(LoadError::Quantized), Ok(model)) => int8(&model),
        (Err(_), Err(_)) => {}
        (one, other) => panic!("{one:?} and {other:?}: a file is of one kind"),
    }
});

fn float(model: &Model<'_>) {
    assert_eq!(model.feature_names().count(), model.inputs());
    assert_eq!(model.means().len(), model.inputs());
    assert_eq!(model.reciprocals().len(), model.inputs());
    assert!(model.fills().is_empty() || model.fills().len() == model.inputs());
    assert!(model.latent() > 0 && model.width() >= model.latent());
    assert!(model.threshold() > 0.0 || model.may_be_negative());
    assert!(model.threshold().is_finite());
    // Stored rows and trees are bytes at the end of the tensors, and any bytes are allowed there.
    let packs = |head: &HeadSpec| matches!(head.kind, HeadKind::Neighbours { .. } | HeadKind::Isolation { .. });
    assert!(model.header().heads.iter().any(packs) || model.tensors().iter().all(|value| value.is_finite()));
    assert!(model.heads().all(|(head, _)| head.is_some()) && model.heads().count() > 0);
    let _ = (model.multiply_adds(), model.head_costs().count(), model.memory_len(), model.scratch_len());
    assert_eq!(model.feature_logvar().len() % model.inputs(), 0);
    assert!(model.encoder_logvar().is_none_or(|layer| layer.outputs() == model.latent()));
    assert!(model.decoder_logvar().is_none_or(|layer| layer.outputs() == model.inputs()));
    let mut width = model.inputs();
    for layer in model.layers() {
        assert_eq!((layer.inputs(), layer.weight.len()), (width, width * layer.outputs()));
        width = layer.outputs();
    }
    assert_eq!((width, model.layers().count()), (model.inputs(), model.header().layers.len()));
}

fn int8(model: &QuantizedModel<'_>) {
    assert_eq!(model.feature_names().count(), model.inputs());
    assert_eq!(model.inputs_of().count(), model.inputs());
    assert!(model.latent() > 0 && model.width() >= model.latent());
    assert!(model.rendered(0) == 0.0 && model.rendered(model.threshold()) >= 0.0);
    let _ = (model.multiply_adds(), model.scratch_len(), model.missing());
    let mut width = model.inputs();
    for layer in model.layers() {
        assert_eq!((layer.inputs(), layer.rows().count()), (width, layer.outputs()));
        width = layer.outputs();
    }
    assert_eq!((width, model.layers().count()), (model.inputs(), model.header().layers.len()));
    assert!(model.whitening().is_none_or(|layer| layer.outputs() == model.latent()));
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate_model(data, size, max_size, seed) });
