//! The batch scorer against the core, to the bit, for every kernel that this machine can run.

use edgevae_core::format::{
    Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Layer, MAX_LAYERS, Missing,
    Numbers,
};
use edgevae_core::{Model, ScoreError, SliceDetector};
use ndarray::Array2;
use proptest::prelude::*;

use super::int8::Int8Rows;
use super::kernel::Kernel;
use super::{BatchScorer, score_all};
use crate::export::model_file::ModelFile;
use crate::quantize::{Tuning, quantize};

/// Step, rate and knots that bring a head to the footing of others.
const TAIL: [f32; 6] = [0.75, 0.125, -8.0, 4.0, 20.0, 90.0];

const DRAWS: HeadKind = HeadKind::ReconstructionProbability { draws: 3 };

/// What a model is beside its shape.
#[derive(Clone, Debug)]
struct Recipe {
    missing: Missing,
    /// Missing readings are filled with the means and not with other numbers.
    mean_fill: bool,
    variance: DecoderVariance,
    heads: Vec<HeadKind>,
    seed: u64,
    spread: f32,
    clip: f32,
}

impl Recipe {
    fn new(missing: Missing, seed: u64, spread: f32) -> Self {
        let (variance, heads) = (DecoderVariance::Unit, vec![HeadKind::Mse]);
        Self { missing, mean_fill: false, variance, heads, seed, spread, clip: f32::INFINITY }
    }
}

/// A model with the reconstruction error as its score.
fn model(widths: &[usize], missing: Missing, seed: u64, spread: f32) -> ModelFile {
    build(widths, &Recipe::new(missing, seed, spread))
}

/// A model of any shape, its numbers drawn from a small generator.
fn build(widths: &[usize], recipe: &Recipe) -> ModelFile {
    let &Recipe { missing, mean_fill, variance, ref heads, seed, spread, clip } = recipe;
    let inputs = *widths.last().unwrap();
    let encoder_layers = (widths.len() / 2).max(1);
    let latent = widths[encoder_layers - 1];
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * spread
    };
    let mut tensors: Vec<f32> = (0..inputs).map(|_| draw()).collect();
    tensors.extend((0..inputs).map(|_| draw().abs() + 0.1));
    if missing == Missing::Mean {
        let fills: Vec<f32> = (0..inputs).map(|at| if mean_fill { tensors[at] } else { draw() }).collect();
        tensors.extend(fills);
    }
    let mut layers: heapless::Vec<Layer, MAX_LAYERS> = heapless::Vec::new();
    let mut before = vec![inputs];
    for (index, &outputs) in widths.iter().enumerate() {
        let is_linear = index + 1 == widths.len() || index + 1 == encoder_layers;
        let activation = if is_linear { Activation::Linear } else { Activation::Relu };
        layers.push(Layer { outputs: outputs as u16, activation }).unwrap();
        tensors.extend((0..outputs * (before[index] + 1)).map(|_| draw()));
        before.push(outputs);
    }
    let encoder_logvar = heads.iter().any(|head| head.needs().logvar);
    if encoder_logvar {
        tensors.extend((0..latent * (before[encoder_layers - 1] + 1)).map(|_| draw()));
    }
    match variance {
        DecoderVariance::Unit => {}
        DecoderVariance::PerFeature => tensors.extend((0..inputs).map(|_| draw())),
        DecoderVariance::PerRow => tensors.extend((0..inputs * (before[widths.len() - 1] + 1)).map(|_| draw())),
    }
    let mut packed = Vec::new();
    for kind in heads {
        match kind {
            HeadKind::Mahalanobis => {
                tensors.extend((0..latent).map(|_| draw()));
                tensors.extend(
                    (0..latent)
                        .flat_map(|row| (0..=row).map(move |column| (row, column)))
                        .map(|(row, column)| if row == column { 0.5 + draw().abs() } else { draw() }),
                );
            }
            HeadKind::ReconstructionProbability { draws } => {
                tensors.extend((0..usize::from(*draws) * latent).map(|_| draw()));
            }
            HeadKind::JointMahalanobis { full } => {
                let joint = inputs + latent;
                let rows = (0..joint).flat_map(|row| (0..=row).map(move |column| row == column));
                tensors.extend((0..joint).map(|_| draw()));
                tensors.extend(
                    rows.filter(|diagonal| *full || *diagonal).map(
                        |diagonal| {
                            if diagonal { 0.5 + draw().abs() } else { draw() }
                        },
                    ),
                );
            }
            HeadKind::Histogram { bins } => {
                let terms = usize::from(*bins) + 1;
                tensors.extend((0..inputs).flat_map(|_| {
                    [draw() - 1.0, 1.0 + draw().abs()]
                        .into_iter()
                        .chain((0..terms).map(|_| draw().abs()))
                        .collect::<Vec<_>>()
                }));
            }
            HeadKind::Neighbours { rows, .. } => {
                let words = (usize::from(*rows) * inputs).div_ceil(4);
                packed.extend((0..words).map(|_| draw().to_bits().wrapping_mul(2_654_435_761)));
            }
            HeadKind::Isolation { trees, depth } => {
                let splits = (1 << depth) - 1;
                for _ in 0..*trees {
                    let split =
                        |draw: f32| (draw.to_bits() % inputs as u32) | (u32::from((draw * 9000.0) as i16 as u16) << 16);
                    packed.extend((0..splits).map(|_| split(draw())));
                    packed.extend((0..(splits + 1_usize).div_ceil(4)).map(|_| draw().to_bits()));
                }
            }
            _ => {}
        }
        tensors.extend(TAIL.iter().filter(|_| heads.len() > 1));
    }
    tensors.extend(packed.into_iter().map(f32::from_bits));
    let knots = if heads.len() > 1 { TAIL.len() as u8 - 2 } else { 0 };
    let names: Vec<u8> = (0..inputs).flat_map(|i| postcard::to_stdvec(&format!("f{i}")).unwrap()).collect();
    let header = Header {
        numbers: Numbers::Float32,
        tool: b"test",
        seed: 0,
        inputs: inputs as u16,
        encoder_layers: encoder_layers as u8,
        layers,
        missing,
        clip,
        encoder_logvar,
        decoder_variance: variance,
        heads: heads.iter().map(|&kind| HeadSpec { kind, knots }).collect(),
        threshold: 1.0,
        calibration: Calibration { set: CalibrationSet::ByHand, rows: 0, exceedances: 0, quantile: None },
        names: &names,
    };
    ModelFile::encode(&header, &tensors)
}

/// Bits of the core's scores up to the first row that has none.
fn by_core(model: &Model<'_>, rows: &[f32]) -> (Vec<u32>, Option<(usize, ScoreError)>) {
    let mut scratch = vec![0.0; model.scratch_len()];
    let mut detector = SliceDetector::new(model, &mut scratch).unwrap();
    let mut bits = Vec::new();
    for (row, sample) in rows.chunks_exact(model.inputs()).enumerate() {
        match detector.score(sample) {
            Ok(verdict) => bits.push(verdict.score.to_bits()),
            Err(error) => return (bits, Some((row, error))),
        }
    }
    (bits, None)
}

/// Every kernel must agree with the core: on the scores before the first error, and on the error.
fn agrees(file: &ModelFile, rows: &[f32]) {
    let model = file.model().unwrap();
    let (bits, error) = by_core(&model, rows);
    for kernel in Kernel::available() {
        let mut scores = vec![f32::NAN; rows.len() / model.inputs()];
        let result = BatchScorer::with(&model, kernel.set).unwrap().score(rows, &mut scores);
        assert_eq!(result.err(), error, "{:?}", kernel.set);
        let batch: Vec<u32> = scores[..bits.len()].iter().map(|score| score.to_bits()).collect();
        assert_eq!(batch, bits, "{:?}", kernel.set);
    }
}

/// Numbers as sensors give them, and now and then one that no sensor should.
fn reading() -> impl Strategy<Value = f32> {
    prop_oneof![
        60 => -4.0_f32..4.0,
        4 => Just(0.0_f32),
        2 => Just(-0.0_f32),
        1 => any::<f32>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_kernel_gives_the_bits_of_the_core(
        inputs in 1_usize..14,
        inner in prop::collection::vec(1_usize..21, 1..5),
        policy in prop::sample::select(&[Missing::Error, Missing::Drop, Missing::Mean]),
        seed: u64,
        cells in prop::collection::vec(reading(), 0..700),
    ) {
        let file = model(&[&inner[..], &[inputs]].concat(), policy, seed, 0.5);
        agrees(&file, &cells[..cells.len() / inputs * inputs]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_head_gives_the_bits_of_the_core(
        inputs in 1_usize..9,
        inner in prop::collection::vec(1_usize..12, 1..5),
        heads in prop::sample::subsequence(
            vec![
                HeadKind::Mse,
                HeadKind::Nll,
                HeadKind::Elbo,
                HeadKind::Mahalanobis,
                DRAWS,
                HeadKind::JointMahalanobis { full: true },
                HeadKind::JointMahalanobis { full: false },
                HeadKind::Neighbours { rows: 7, nearest: 3 },
                HeadKind::Histogram { bins: 5 },
                HeadKind::Isolation { trees: 4, depth: 3 },
            ],
            1..=6,
        ),
        clip in prop::sample::select(&[f32::INFINITY, 2.0]),
        variance in prop::sample::select(&[DecoderVariance::Unit, DecoderVariance::PerFeature, DecoderVariance::PerRow]),
        seed: u64,
        cells in prop::collection::vec(reading(), 0..300),
    ) {
        let recipe = Recipe { heads, variance, clip, ..Recipe::new(Missing::Mean, seed, 0.5) };
        let file = build(&[&inner[..], &[inputs]].concat(), &recipe);
        agrees(&file, &cells[..cells.len() / inputs * inputs]);
    }
}

#[test]
fn without_a_clip_readings_beyond_what_a_stored_byte_can_be_have_the_bits_of_the_core() {
    let kind = HeadKind::Neighbours { rows: 7, nearest: 3 };
    for heads in [vec![kind], vec![kind, HeadKind::Histogram { bins: 5 }, HeadKind::Isolation { trees: 4, depth: 3 }]] {
        let file = build(&[5, 2, 5, 3], &Recipe { heads, ..Recipe::new(Missing::Error, 6, 0.5) });
        let far = [7.9, 8.0, 8.1, -8.1, 12.5, -900.0, 1e6, -1e9];
        let cells: Vec<f32> = (0..3 * 150).map(|at| far[at * 7 % 8] * if at % 5 == 0 { 0.1 } else { 1.0 }).collect();
        agrees(&file, &cells);
        assert_eq!(by_core(&file.model().unwrap(), &cells).1, None, "each has a score");
    }
}

#[test]
fn every_kernel_scores_the_reference_shape_with_every_count_of_rows() {
    let file = model(&[64, 32, 8, 32, 64, 10], Missing::Error, 1, 0.3);
    let cells: Vec<f32> = (0..10 * 140).map(|i| ((i * 7919) % 101) as f32 * 0.04 - 2.0).collect();
    for rows in 0..140 {
        agrees(&file, &cells[..10 * rows]);
    }
}

#[test]
fn a_wide_network_gives_the_bits_of_the_core() {
    let file = model(&[131, 67, 3, 129, 300], Missing::Error, 2, 0.1);
    let cells: Vec<f32> = (0..300 * 150).map(|i| ((i * 7919) % 1009) as f32 * 0.004 - 2.0).collect();
    agrees(&file, &cells);
}

#[test]
fn missing_readings_follow_the_policy_of_the_model() {
    let mut cells: Vec<f32> = (0..3 * 150).map(|i| (i % 7) as f32 * 0.3 - 1.0).collect();
    cells[3 * 120 + 1] = f32::NAN;
    for policy in [Missing::Error, Missing::Drop, Missing::Mean] {
        let file = model(&[5, 2, 5, 3], policy, 3, 0.5);
        agrees(&file, &cells);
        let found = by_core(&file.model().unwrap(), &cells).1;
        let expected = (policy != Missing::Mean).then_some((120, ScoreError::NonFinite { index: 1 }));
        assert_eq!(found, expected);
    }
}

#[test]
fn infinities_and_overflow_are_the_errors_of_the_core_in_every_lane() {
    let file = model(&[5, 2, 5, 3], Missing::Mean, 4, 0.5);
    for row in 0..150 {
        for (value, error) in [(f32::INFINITY, ScoreError::NonFinite { index: 2 }), (3e38, ScoreError::Overflow)] {
            let mut cells = vec![0.25; 3 * 150];
            cells[3 * row + 2] = value;
            agrees(&file, &cells);
            assert_eq!(by_core(&file.model().unwrap(), &cells).1, Some((row, error)));
        }
    }
}

#[test]
fn threads_change_neither_scores_nor_the_first_error() {
    let file = model(&[5, 2, 5, 3], Missing::Error, 5, 0.5);
    let model = file.model().unwrap();
    let mut cells: Vec<f32> = (0..3 * 1000).map(|i| (i % 11) as f32 * 0.3 - 1.0).collect();
    let one = score_all(&model, &cells, 1).unwrap();
    assert_eq!(one.iter().map(|score| score.to_bits()).collect::<Vec<_>>(), by_core(&model, &cells).0);
    for threads in [0, 2, 3, 7, 2000] {
        assert_eq!(score_all(&model, &cells, threads).unwrap(), one, "{threads} threads");
    }
    cells[3 * 400] = f32::NAN;
    cells[3 * 900] = f32::NAN;
    for threads in [1, 2, 3] {
        assert_eq!(score_all(&model, &cells, threads), Err((400, ScoreError::NonFinite { index: 0 })));
    }
    assert_eq!(score_all(&model, &[], 2), Ok(vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn blocks_of_an_int8_model_give_the_bits_of_the_core(
        inputs in 1_usize..14,
        inner in prop::collection::vec(1_usize..21, 1..5),
        head in prop::sample::select(&[HeadKind::Mse, HeadKind::Mahalanobis]),
        policy in prop::sample::select(&[Missing::Error, Missing::Mean]),
        seed: u64,
        cells in prop::collection::vec(reading(), 0..700),
    ) {
        let recipe = Recipe { heads: vec![head], mean_fill: true, ..Recipe::new(policy, seed, 0.5) };
        let float = build(&[&inner[..], &[inputs]].concat(), &recipe);
        let rows = Array2::from_shape_fn((20, inputs), |(row, at)| ((row * 7 + at * 13) % 31) as f32 * 0.2 - 3.0);
        let indices: Vec<usize> = (0..20).collect();
        let float = float.model().unwrap();
        let file = quantize(&float, rows.view(), &indices, Tuning::default()).unwrap().uncalibrated().unwrap();
        let model = file.quantized().unwrap();
        let (mut blocks, mut core) = (Vec::new(), Vec::new());
        let mut scorer = Int8Rows::new(&model);
        let cells = &cells[..cells.len() / inputs * inputs];
        prop_assert_eq!(scorer.score(cells, &mut blocks), scorer.score_by_core(cells, &mut core));
        prop_assert_eq!(blocks, core);
    }
}

#[test]
fn this_machine_has_at_least_the_portable_kernel() {
    let sets: Vec<_> = Kernel::available().map(|kernel| kernel.set).collect();
    println!("kernels compared with the core: {sets:?}");
    assert!(!sets.is_empty());
}
