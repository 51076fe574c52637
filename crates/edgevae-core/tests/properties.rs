//! Properties that hold for every model, and every small shape tried one by one.

mod common;

use common::{Aligned, TAIL, encode, header};
use edgevae_core::format::{
    self, Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing,
};
use edgevae_core::head::gaussian::X_LOGVAR_BOUNDS;
use edgevae_core::{Dense, LoadError, Model, ScoreError, SliceDetector};
use proptest::prelude::*;

/// A header of some shape; its names are one letter each.
#[derive(Clone, Debug)]
struct Shape {
    inputs: usize,
    encoder: Vec<usize>,
    decoder: Vec<usize>,
    missing: Missing,
    encoder_logvar: bool,
    variance: DecoderVariance,
    heads: Vec<HeadKind>,
}

impl Shape {
    fn names(&self) -> Vec<u8> {
        (0..self.inputs).flat_map(|index| [1, b'a' + (index % 26) as u8]).collect()
    }

    fn header<'a>(&self, names: &'a [u8]) -> Header<'a> {
        let widths = self.encoder.iter().chain(&self.decoder).chain([&self.inputs]);
        let linear = [self.encoder.len() - 1, self.encoder.len() + self.decoder.len()];
        let layer = |(at, &outputs)| Layer {
            outputs: outputs as u16,
            activation: if linear.contains(&at) { Activation::Linear } else { Activation::Relu },
        };
        let knots = if self.heads.len() > 1 { TAIL.len() as u8 - 2 } else { 0 };
        Header {
            inputs: self.inputs as u16,
            encoder_layers: self.encoder.len() as u8,
            layers: widths.enumerate().map(layer).collect(),
            missing: self.missing,
            clip: f32::INFINITY,
            encoder_logvar: self.encoder_logvar,
            decoder_variance: self.variance,
            heads: self.heads.iter().map(|&kind| HeadSpec { kind, knots }).collect(),
            names,
            ..header()
        }
    }

    fn latent(&self) -> usize {
        *self.encoder.last().unwrap()
    }

    /// Lengths of the parts of the tensor block in the order of `docs/FORMAT.md`, counted here once more.
    fn parts(&self) -> Vec<usize> {
        let mut parts = vec![self.inputs, self.inputs];
        if self.missing == Missing::Mean {
            parts.push(self.inputs);
        }
        let mut width = self.inputs;
        let mut dense = |outputs: usize, width: &mut usize| {
            parts.extend([outputs * *width, outputs]);
            *width = outputs;
        };
        let mut before = width;
        for &outputs in &self.encoder {
            before = width;
            dense(outputs, &mut width);
        }
        let before_mu = before;
        for &outputs in self.decoder.iter().chain([&self.inputs]) {
            before = width;
            dense(outputs, &mut width);
        }
        if self.encoder_logvar {
            parts.extend([self.latent() * before_mu, self.latent()]);
        }
        match self.variance {
            DecoderVariance::Unit => {}
            DecoderVariance::PerFeature => parts.push(self.inputs),
            DecoderVariance::PerRow => parts.extend([self.inputs * before, self.inputs]),
        }
        for kind in &self.heads {
            parts.push(match kind {
                HeadKind::Mse | HeadKind::Nll | HeadKind::Elbo => 0,
                HeadKind::Mahalanobis => self.latent() + self.latent() * (self.latent() + 1) / 2,
                HeadKind::ReconstructionProbability { draws } => self.latent() * usize::from(*draws),
                HeadKind::JointMahalanobis { full } => {
                    let joint = self.inputs + self.latent();
                    joint + if *full { joint * (joint + 1) / 2 } else { joint }
                }
                HeadKind::Histogram { bins } => self.inputs * (3 + usize::from(*bins)),
                // Their bytes are not numbers and follow all others.
                HeadKind::Neighbours { .. } | HeadKind::Isolation { .. } => 0,
            });
            if self.heads.len() > 1 {
                parts.push(TAIL.len());
            }
        }
        parts
    }

    /// Mean 0 and scale 1, `number` for the rest, and the tails of several heads.
    fn tensors(&self, mut number: impl FnMut() -> f32) -> Vec<f32> {
        let parts = self.parts();
        let mut tensors = vec![0.0; self.inputs];
        tensors.extend(vec![1.0; self.inputs]);
        tensors.extend(vec![0.5; if self.missing == Missing::Mean { self.inputs } else { 0 }]);
        let heads = if self.heads.len() > 1 { 2 * self.heads.len() } else { self.heads.len() };
        let scaler = if self.missing == Missing::Mean { 3 } else { 2 };
        for (at, len) in parts.iter().enumerate().skip(scaler) {
            let is_tail = self.heads.len() > 1 && at + heads >= parts.len() && (parts.len() - at) % 2 == 1;
            if is_tail { tensors.extend(TAIL) } else { tensors.extend((0..*len).map(|_| number())) }
        }
        tensors
    }

    fn file(&self, number: impl FnMut() -> f32) -> Aligned {
        encode(&self.header(&self.names()), &self.tensors(number))
    }
}

fn every_small_shape() -> impl Iterator<Item = Shape> {
    let hidden = [None, Some(1), Some(3)];
    let heads = [
        vec![HeadKind::Mse],
        vec![HeadKind::Elbo],
        vec![HeadKind::Mahalanobis],
        vec![HeadKind::ReconstructionProbability { draws: 2 }, HeadKind::Nll],
    ];
    let variances = [DecoderVariance::Unit, DecoderVariance::PerFeature, DecoderVariance::PerRow];
    let shapes = (1..=4).flat_map(move |inputs| (1..=3).map(move |latent| (inputs, latent)));
    let shapes = shapes.flat_map(move |shape| hidden.map(|encoder| (shape, encoder)));
    let shapes = shapes.flat_map(move |shape| hidden.map(|decoder| (shape, decoder)));
    let shapes = shapes.flat_map(|shape| [Missing::Error, Missing::Mean].map(|missing| (shape, missing)));
    let shapes = shapes.flat_map(move |shape| variances.map(|variance| (shape, variance)));
    shapes.flat_map(move |(((((inputs, latent), encoder), decoder), missing), variance)| {
        let shape = move |heads| Shape {
            inputs,
            encoder: encoder.into_iter().chain([latent]).collect(),
            decoder: decoder.into_iter().collect(),
            missing,
            encoder_logvar: true,
            variance,
            heads,
        };
        heads.clone().map(shape)
    })
}

/// The sum of a dense layer's row in f64, for comparison.
fn plain(layer: &Dense<'_>, x: &[f64]) -> Vec<f64> {
    let rows = layer.weight.chunks(x.len()).zip(layer.bias);
    let sums =
        rows.map(|(row, &bias)| f64::from(bias) + row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>());
    sums.map(|sum| if layer.activation == Activation::Relu { sum.max(0.0) } else { sum }).collect()
}

#[test]
fn in_every_small_shape_the_parts_lie_end_to_end_and_one_number_more_or_less_is_refused() {
    let mut count = 0;
    for shape in every_small_shape() {
        let mut k = 0;
        let number = || {
            k += 1;
            // Positive, as the diagonal of a whitening matrix must be.
            (k * 37 % 101 + 1) as f32 / 64.0
        };
        let tensors = shape.tensors(number);
        let names = shape.names();
        let file = encode(&shape.header(&names), &tensors);
        let model = Model::from_bytes(file.bytes()).unwrap_or_else(|error| panic!("{shape:?}: {error}"));
        for wrong in [&tensors[1..], &[&tensors[..], &[0.5]].concat()] {
            let file = encode(&shape.header(&names), wrong);
            assert_eq!(Model::from_bytes(file.bytes()).unwrap_err(), LoadError::Shapes, "{shape:?}");
        }

        let mut slices = vec![model.means(), model.reciprocals()];
        if shape.missing == Missing::Mean {
            slices.push(model.fills());
        }
        let dense = model.layers().chain(model.encoder_logvar()).chain(model.decoder_logvar());
        let dense: Vec<_> = dense.flat_map(|layer| [layer.weight, layer.bias]).collect();
        slices.extend(dense);
        if shape.variance == DecoderVariance::PerFeature {
            slices.push(model.feature_logvar());
        }
        assert_eq!(slices.iter().map(|slice| slice.len()).collect::<Vec<_>>(), shape.parts()[..slices.len()]);
        let mut at = model.tensors().as_ptr();
        for slice in slices {
            assert_eq!(slice.as_ptr(), at, "{shape:?}");
            at = slice.as_ptr_range().end;
        }

        let mut scratch = vec![f32::NAN; model.scratch_len()];
        let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
        let sample: Vec<f32> = (0..shape.inputs).map(|feature| feature as f32 - 0.5).collect();
        let verdict = detector.score(&sample).unwrap();
        let x: Vec<f64> = sample.iter().map(|&value| value.into()).collect();
        let x_hat = model.layers().fold(x.clone(), |x, layer| plain(&layer, &x));
        let residual = detector.representation().residual;
        for ((&found, x), x_hat) in residual.iter().zip(&x).zip(&x_hat) {
            assert!((f64::from(found) - (x - x_hat)).abs() < 1e-4 * (1.0 + x_hat.abs()), "{shape:?}");
        }
        assert!(verdict.score.is_finite());
        assert!(SliceDetector::new(&model, &mut vec![0.0; model.scratch_len() - 1]).is_err(), "{shape:?}");
        count += 1;
    }
    assert_eq!(count, 4 * 3 * 3 * 3 * 2 * 3 * 4);
}

fn shapes() -> impl Strategy<Value = Shape> {
    let widths = || prop::collection::vec(1_usize..5, 0..3);
    let variances = [DecoderVariance::Unit, DecoderVariance::PerFeature, DecoderVariance::PerRow];
    let heads = prop_oneof![
        Just(vec![HeadKind::Mse]),
        Just(vec![HeadKind::Nll]),
        Just(vec![HeadKind::Elbo]),
        Just(vec![HeadKind::Mahalanobis]),
        (1_u8..4).prop_map(|draws| vec![HeadKind::ReconstructionProbability { draws }]),
        Just(vec![HeadKind::Mse, HeadKind::Mahalanobis]),
        any::<bool>().prop_map(|full| vec![HeadKind::JointMahalanobis { full }]),
        (1_u8..6).prop_map(|bins| vec![HeadKind::Histogram { bins }]),
    ];
    let missing = prop::sample::select(vec![Missing::Error, Missing::Drop, Missing::Mean]);
    (1_usize..6, widths(), 1_usize..4, widths(), missing, prop::sample::select(variances.to_vec()), heads).prop_map(
        |(inputs, mut encoder, latent, decoder, missing, variance, heads)| {
            encoder.push(latent);
            Shape { inputs, encoder, decoder, missing, encoder_logvar: true, variance, heads }
        },
    )
}

/// Weights, biases and everything else behind the scaler, as an endless supply of numbers of one size.
fn supply(values: Vec<f32>, size: f32) -> impl FnMut() -> f32 {
    let mut values = values.into_iter().cycle();
    move || values.next().unwrap() * size
}

/// How large a scaled value may be for a score that is certain to exist: the stated bound.
///
/// Interval arithmetic over the layers: if every input is within ±x, an output is within the largest
/// `|bias| + Σ|w| x` of its layer. The residual is then within x + x_hat, and no head makes more of it than
/// `IN * 1000 * residual² + N * (N * whitening * (v + mean))²`, `v` its `N = IN + LATENT` residuals and latent means:
/// `exp(6)` is 403. A variance of the file itself must be within the bounds in which the trainer keeps it.
fn is_within_the_bound(model: &Model<'_>, x: f64) -> bool {
    let grow = |x: f64, layer: Dense<'_>| {
        let rows = layer.weight.chunks(layer.inputs()).zip(layer.bias);
        let sums =
            rows.map(|(row, bias)| f64::from(bias.abs()) + row.iter().map(|w| f64::from(w.abs())).sum::<f64>() * x);
        sums.fold(0.0, f64::max)
    };
    let mut largest = x;
    let mut width = x;
    for layer in model.encoder() {
        width = grow(width, layer);
        largest = largest.max(width);
    }
    let parameter = model.tensors().iter().fold(1.0_f64, |most, value| most.max(value.abs().into()));
    // z of a drawn sample: sigma is at most exp(5).
    let mu = width + 150.0 * parameter;
    width = mu;
    for layer in model.decoder() {
        width = grow(width, layer);
        largest = largest.max(width);
    }
    let (inputs, joint) = (model.inputs() as f64, (model.inputs() + model.latent()) as f64);
    let residual = x + width;
    let whitened = joint * parameter * (residual + mu + parameter);
    let score = inputs * 1000.0 * residual * residual + joint * whitened * whitened;
    let (low, high) = X_LOGVAR_BOUNDS;
    let variances = model.feature_logvar().iter().all(|logvar| (low..=high).contains(logvar));
    variances && largest.max(score) * 4.0 < f32::MAX.into()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn what_is_written_is_read_back(
        shape in shapes(),
        values in prop::collection::vec(0.01_f32..4.0, 1..40),
        threshold in 1e-30_f32..1e30,
        seed: u64,
        tool in "[ -~]{0,40}",
        rows: u32,
        exceedances: u32,
        quantile in prop::option::of(0.0_f64..1.0),
        set in prop::sample::select(vec![CalibrationSet::Holdout, CalibrationSet::ByHand, CalibrationSet::File]),
    ) {
        let names = shape.names();
        let calibration = Calibration { set, rows, exceedances, quantile };
        let header = Header { threshold, seed, tool: tool.as_bytes(), calibration, ..shape.header(&names) };
        let tensors = shape.tensors(supply(values, 1.0));
        let file = encode(&header, &tensors);
        let model = Model::from_bytes(file.bytes()).unwrap();
        prop_assert_eq!(model.header(), &header);
        prop_assert_eq!(model.tensors(), tensors);
        let again = encode(model.header(), model.tensors());
        prop_assert_eq!(again.bytes(), file.bytes());
    }

    #[test]
    fn any_bytes_behind_a_correct_length_and_checksum_load_or_fail_without_a_panic(
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = Model::from_bytes(sealed(&body).bytes());
    }

    #[test]
    fn a_header_with_one_byte_changed_loads_or_fails_without_a_panic(
        shape in shapes(), at in 0_usize..120, byte: u8, sample in prop::collection::vec(any::<f32>(), 6),
    ) {
        let file = shape.file(supply(vec![0.5, -0.25, 1.0], 1.0));
        let mut body = file.bytes()[9..file.bytes().len() - 4].to_vec();
        if let Some(slot) = body.get_mut(at) {
            *slot = byte;
        }
        let changed = sealed(&body);
        if let Ok(model) = Model::from_bytes(changed.bytes()) {
            let mut scratch = vec![f32::NAN; model.scratch_len()];
            let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
            let sample: Vec<f32> = sample.into_iter().cycle().take(model.inputs()).collect();
            prop_assert!(detector.score(&sample).map_or(true, |verdict| verdict.score.is_finite()));
        }
    }

    #[test]
    fn within_the_stated_bound_every_sample_has_a_score_and_beyond_it_a_score_or_an_error(
        shape in shapes(),
        values in prop::collection::vec(-1.0_f32..1.0, 1..40),
        size in -3_i32..12,
        exponent in -40_i32..39,
        directions in prop::collection::vec(-1.0_f32..1.0, 6),
    ) {
        let file = shape.file(supply(values, 10.0_f32.powi(size)));
        // A table of whitening or noise may hold a 0 where it must not; such a file is refused and tells nothing here.
        let Ok(model) = Model::from_bytes(file.bytes()) else { return Ok(()) };
        let mut scratch = vec![f32::NAN; model.scratch_len()];
        let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
        let x = 10.0_f64.powi(exponent) as f32;
        let sample: Vec<f32> = directions.iter().map(|direction| direction * x).take(model.inputs()).collect();
        match detector.score(&sample) {
            Ok(verdict) => {
                prop_assert!(verdict.score.is_finite());
                let anomalous = verdict.score > model.threshold() || verdict.out_of_range;
                prop_assert_eq!(verdict.is_anomaly, anomalous);
                prop_assert_eq!(verdict.out_of_range, model.is_out_of_range(&sample));
            }
            Err(error) => {
                prop_assert_eq!(error, ScoreError::Overflow);
                prop_assert!(!is_within_the_bound(&model, x.into()), "{:?}", sample);
            }
        }
    }

    #[test]
    fn a_larger_deviation_in_one_feature_never_lowers_the_score_of_an_identity_model(
        inputs in 1_usize..6,
        sample in prop::collection::vec(-100.0_f32..100.0, 6),
        feature in 0_usize..6,
        more in 0.0_f32..1e6,
    ) {
        // Identity scaler, and a reconstruction that stays at the mean: the sample is its own residual.
        for heads in [vec![HeadKind::Mse], vec![HeadKind::Nll], vec![HeadKind::Elbo], vec![HeadKind::Nll, HeadKind::Mse]] {
            let (encoder, decoder, missing) = (vec![2], vec![], Missing::Error);
            let variance = DecoderVariance::PerFeature;
            let shape = Shape { inputs, encoder, decoder, missing, encoder_logvar: true, variance, heads };
            let file = shape.file(|| 0.0);
            let model = Model::from_bytes(file.bytes()).unwrap();
            let mut scratch = vec![f32::NAN; model.scratch_len()];
            let mut detector = SliceDetector::new(&model, &mut scratch).unwrap();
            let mut sample = sample[..inputs].to_vec();
            let before = detector.score(&sample).unwrap().score;
            let value = &mut sample[feature % inputs];
            *value += more.copysign(*value);
            let after = detector.score(&sample).unwrap().score;
            prop_assert!(after >= before, "{} after {}", after, before);
        }
    }
}

/// Magic, version, length and checksum around any bytes.
fn sealed(body: &[u8]) -> Aligned {
    let len = (9 + body.len() + 4) as u32;
    let mut file = [&format::MAGIC[..], &[format::VERSION], &len.to_le_bytes(), body].concat();
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&file);
    file.extend(checksum.to_le_bytes());
    Aligned::new(&file)
}
