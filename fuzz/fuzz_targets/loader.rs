//! `Model`, `QuantizedModel` and `RawModel` of any bytes, and every accessor of a model that one of them accepts.
#![no_main]

use edgevae_core::format::{HeadKind, HeadSpec};
use edgevae_core::{LoadError, Model, QuantizedModel, RawModel, SliceWindow, format, signature};
use edgevae_fuzz::{Aligned, mutate_model};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|input: &[u8]| {
    let aligned = Aligned::new(input);
    let _ = format::declared_length(input);
    let _ = signature::split(input);
    match (Model::from_bytes(aligned.bytes()), QuantizedModel::from_bytes(aligned.bytes())) {
        (Ok(model), Err(_)) => float(&model),
        (Err(LoadError::Quantized), Ok(model)) => int8(&model),
        (Err(LoadError::NeedsEncoder), Err(LoadError::NeedsEncoder)) => {
            if let Ok(model) = RawModel::from_bytes(aligned.bytes()) {
                raw(&model);
            }
        }
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

fn raw(raw: &RawModel<'_>) {
    float(raw.model());
    let (encoder, spec) = (raw.encoder(), raw.window());
    assert_eq!(encoder.columns().count(), encoder.raw());
    assert_eq!(spec.outputs(encoder.encoded()), Some(raw.model().inputs()));
    assert!(raw.raw_of(raw.model().inputs() - 1) < encoder.raw());
    let (mut row, mut sample) = (vec![0.0; encoder.encoded()], vec![0.0; raw.model().inputs()]);
    let ring = vec![0.0; encoder.encoded() * usize::from(spec.rows)];
    let mut window = SliceWindow::new(spec, encoder.encoded(), ring).expect("the ring has the window's size");
    for reading in [0.0, 1.5, f32::NAN, -3e38, f32::INFINITY] {
        if encoder.encode(&vec![reading; encoder.raw()], &mut row).is_ok() {
            assert!(row.iter().all(|value| value.is_finite()), "{row:?}");
            window.push(&row, &mut sample);
        }
    }
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
