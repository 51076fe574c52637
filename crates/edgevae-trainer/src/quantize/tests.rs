use super::qat::tests::{IN, coarse, error, rows};
use super::*;

/// Outputs of every layer for a scaled row.
fn outputs(model: &Model<'_>, row: &[f32]) -> Vec<Vec<f32>> {
    let mut outputs: Vec<Vec<f32>> = Vec::new();
    for layer in model.layers() {
        let mut y = vec![0.0; layer.outputs()];
        layer.forward(outputs.last().map_or(row, Vec::as_slice), &mut y);
        outputs.push(y);
    }
    outputs
}

#[test]
fn whitened_latents_and_the_same_reconstruction_are_what_the_network_has() {
    let file = coarse(HeadKind::Mahalanobis);
    let (model, folded) = (file.model().unwrap(), network(&file.model().unwrap()));
    let folded = folded.model().unwrap();
    let whitening = Whitening::of(&model).unwrap();
    for row in rows(50, 7, 2.0).rows() {
        let (plain, whitened) = (outputs(&model, row.as_slice().unwrap()), outputs(&folded, row.as_slice().unwrap()));
        let mut y = vec![0.0; model.latent()];
        whitening.dense().forward(&plain[1], &mut y);
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near(&whitened[1], &y), "{whitened:?} {y:?}");
        assert!(near(&whitened[3], &plain[3]), "{whitened:?} {plain:?}");
    }
    assert_eq!(Whitening::of(&folded).unwrap().weight, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let mse = coarse(HeadKind::Mse);
    assert_eq!(network(&mse.model().unwrap()), mse);
}

#[test]
fn a_latent_that_hardly_varies_costs_no_precision() {
    const SMALL: f32 = 1e-4;
    let file = coarse(HeadKind::Mahalanobis);
    let mut tensors = file.model().unwrap().tensors().to_vec();
    // The third latent in another unit: its row of the latent layer, its mean, its column of the whitening.
    let layer = 2 * IN + 12 * IN + 12;
    tensors[layer + 24..layer + 36].iter_mut().for_each(|weight| *weight *= SMALL);
    let head = tensors.len() - 9;
    for at in [layer + 38, head + 2] {
        tensors[at] *= SMALL;
    }
    tensors[head + 8] /= SMALL;
    let float = ModelFile::encode(file.model().unwrap().header(), &tensors);
    let rows_seen = rows(300, 2, 2.0);
    let indices: Vec<usize> = (0..300).collect();
    let of = |file: &ModelFile| {
        let model = file.model().unwrap();
        let draft = quantize(&model, rows_seen.view(), &indices, Tuning::default()).unwrap();
        error(file, &draft.uncalibrated().unwrap(), &rows(300, 3, 2.0))
    };
    let (plain, small) = (of(&file), of(&float));
    assert!(small < 1.2 * plain, "{small} in a small unit, {plain} in a usual one");
}

#[test]
fn a_fill_that_is_not_the_mean_is_refused() {
    let file = coarse(HeadKind::Mse);
    let model = file.model().unwrap();
    let header = Header { missing: Missing::Mean, ..model.header().clone() };
    for fill in [0.0, 2.0] {
        let mut tensors = model.tensors().to_vec();
        let fills = [0.0, 0.0, fill, 0.0, 0.0, 0.0];
        tensors.splice(2 * IN..2 * IN, fills);
        let file = ModelFile::encode(&header, &tensors);
        let indices: Vec<usize> = (0..100).collect();
        let model = file.model().unwrap();
        let said = quantize(&model, rows(100, 2, 2.0).view(), &indices, Tuning::default()).map(|_| ());
        match said.map_err(|error| error.to_string()) {
            Ok(()) => assert_eq!(fill, 0.0),
            Err(error) => assert!(fill == 2.0 && error.contains("column \"c\" is 2 to the model"), "{error}"),
        }
    }
}

#[test]
fn a_loss_is_told_with_its_number_before_and_after_fine_tuning() {
    assert_eq!(warn_about_loss(0.002, false), None);
    let told = [false, true].map(|is_tuned| warn_about_loss(0.0123, is_tuned).unwrap());
    assert!(told[0].contains("rounding loses 0.0123 of the ROC-AUC; --qat 10"), "{}", told[0]);
    assert!(told[1].contains("still loses 0.0123 of the ROC-AUC") && !told[1].contains("--qat"), "{}", told[1]);
}

#[test]
fn a_threshold_of_nothing_is_refused_with_the_widest_reading() {
    let file = coarse(HeadKind::Mse);
    let mut features = rows(20, 2, 2.0);
    features[[7, 4]] = -50.0;
    let places: Vec<Position> = (1..=20).map(|row| Position { line: Some(row + 1), row }).collect();
    let all: Vec<usize> = (0..20).collect();
    let quantization = Quantization {
        features: features.view(),
        labels: None,
        places: &places,
        ranges_from: &all,
        threshold_from: &all,
        compared: &all,
        set: CalibrationSet::File,
        quantile: 0.5,
        tuning: Tuning::default(),
    };
    let model = file.model().unwrap();
    let at = |threshold| threshold::at_threshold(&[], threshold).unwrap();
    let check = |float, int8| quantization.check_threshold(&model, &at(float), (&at(int8), &[]));
    let refused = check(0.25, f32::MIN_POSITIVE).unwrap_err().to_string();
    for part in
        ["the int8 threshold is 0 where the float one is 0.25", "-50 in line 9 (row 8), column \"e\", 50.0 standard"]
    {
        assert!(refused.contains(part), "{refused}");
    }
    let warning = |score_error| quantization.warn_about_error(&model, score_error, &[]);
    let large = warning(0.061).unwrap();
    assert!(
        large.contains("differ by 6.1 %") && large.contains("column \"e\"") && large.contains("--qat 10"),
        "{large}"
    );
    assert_eq!(warning(0.049), None);
    // Rows that both reconstruct exactly have no other threshold.
    assert!(check(f32::MIN_POSITIVE, f32::MIN_POSITIVE).is_ok() && check(0.25, 0.2).is_ok());
}
