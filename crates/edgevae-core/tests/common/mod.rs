//! The small model that the tests share; `data/golden.py` describes the same one.
//!
//! Each test binary uses its own part of it.
#![allow(dead_code)]

use edgevae_core::format::{
    self, Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing, Numbers,
};

pub const MEAN: [f32; 3] = [20.0, -3.0, 101_300.0];
pub const RECIPROCAL: [f32; 3] = [0.5, 4.0, 0.031_25];
/// Feature names as postcard strings.
pub const NAMES: &[u8] = b"\x04temp\x04vibe\x08pressure";

pub fn header() -> Header<'static> {
    let layer = |outputs, activation| Layer { outputs, activation };
    Header {
        numbers: Numbers::Float32,
        tool: b"edgevae test",
        seed: 7,
        inputs: 3,
        encoder_layers: 2,
        layers: heapless::Vec::from_iter([
            layer(5, Activation::Relu),
            layer(2, Activation::Linear),
            layer(4, Activation::Relu),
            layer(3, Activation::Linear),
        ]),
        missing: Missing::Error,
        clip: f32::INFINITY,
        encoder_logvar: false,
        decoder_variance: DecoderVariance::Unit,
        heads: heapless::Vec::from_iter([HeadSpec { kind: HeadKind::Mse, knots: 0 }]),
        threshold: 10.0,
        calibration: Calibration { set: CalibrationSet::Holdout, rows: 200, exceedances: 10, quantile: Some(0.95) },
        names: NAMES,
    }
}

/// Scaler, weights and biases. Every number is a multiple of 1/64, so that its `f32` is exact.
pub fn tensors() -> Vec<f32> {
    let dense = (3 * 5 + 5) + (5 * 2 + 2) + (2 * 4 + 4) + (4 * 3 + 3);
    let numbers = (0..dense).map(|k| ((k * 37 % 101) as f32 - 50.0) / 64.0);
    MEAN.into_iter().chain(RECIPROCAL).chain(numbers).collect()
}

const UNIT: DecoderVariance = DecoderVariance::Unit;
const FEATURE: DecoderVariance = DecoderVariance::PerFeature;
const ROW: DecoderVariance = DecoderVariance::PerRow;

/// Score and contribution of each feature by one head.
pub type Scored = (f64, [f64; 3]);

/// Sample, decoder variance, and in float64 what each of [`kinds`] and, last, all of them together make of it.
pub const GOLDEN: [([f32; 3], DecoderVariance, [Scored; 6]); 12] = include!("../data/golden.in");

/// Noise draws of [`every_head`].
pub const DRAWS: u8 = 3;
/// Step, rate and knots that bring each head of [`every_head`] to one footing.
pub const TAIL: [f32; 6] = [0.75, 0.125, -8.0, 4.0, 20.0, 90.0];

/// Every head there is.
pub fn kinds() -> [HeadKind; 5] {
    [
        HeadKind::Mse,
        HeadKind::Nll,
        HeadKind::Elbo,
        HeadKind::Mahalanobis,
        HeadKind::ReconstructionProbability { draws: DRAWS },
    ]
}

/// Heads that look at the sample or at residual and `mu` together.
pub fn density_kinds() -> [HeadKind; 5] {
    [
        HeadKind::JointMahalanobis { full: true },
        HeadKind::JointMahalanobis { full: false },
        HeadKind::Neighbours { rows: 5, nearest: 2 },
        HeadKind::Histogram { bins: 4 },
        HeadKind::Isolation { trees: 3, depth: 2 },
    ]
}

/// The words of one head of the small model in the packed block.
pub fn packed(kind: HeadKind) -> Vec<u32> {
    match kind {
        // 15 bytes of stored rows, and one that fills the last word
        HeadKind::Neighbours { .. } => {
            let bytes: Vec<u8> =
                (0..16_u32).map(|k| if k == 15 { 0 } else { (k * 37 % 101) as i8 - 50 } as u8).collect();
            bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
        }
        HeadKind::Isolation { trees, .. } => (0..u32::from(trees))
            .flat_map(|tree| {
                let split = |k: u32| ((k + tree) % 3) | (u32::from(((k * 4096) as i16 - 5000) as u16) << 16);
                [split(0), split(1), split(2), u32::from_le_bytes([40, 90, 160, 10 * tree as u8])]
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The numbers of one head of the small model, without a tail.
pub fn parameters(kind: HeadKind) -> Vec<f32> {
    match kind {
        HeadKind::Mse | HeadKind::Nll | HeadKind::Elbo => vec![],
        // mean, then the lower triangle
        HeadKind::Mahalanobis => vec![0.25, -0.5, 1.5, -0.75, 2.0],
        HeadKind::ReconstructionProbability { draws } => {
            (0..usize::from(draws) * 2).map(|k| (k as f32 - 2.0) / 4.0).collect()
        }
        // three inputs and two latents: five means, then the triangle row by row, or its diagonal
        HeadKind::JointMahalanobis { full } => {
            let mean = (0..5).map(|k| (k as f32 - 2.0) / 8.0);
            let rows = (0..5).flat_map(|row| (0..=row).map(move |column| (row, column)));
            let triangle = rows.filter(|(row, column)| full || row == column);
            mean.chain(triangle.map(|(row, column)| if row == column { 1.5 } else { (row as f32 - 2.0) / 4.0 }))
                .collect()
        }
        // lower edge, bins per unit, outside, four terms
        HeadKind::Histogram { .. } => [-2.0, 1.0, 5.0, 1.0, 0.0, 0.5, 3.0].repeat(3),
        HeadKind::Neighbours { .. } | HeadKind::Isolation { .. } => vec![],
    }
}

/// The log variances of the small model, small enough that a variance stays moderate.
fn logvar_tensors(variance: DecoderVariance) -> Vec<f32> {
    let small = |count: usize| (0..count).map(|k| ((k * 37 % 101) as f32 - 50.0) / 256.0);
    let decoder = match variance {
        DecoderVariance::Unit => 0,
        DecoderVariance::PerFeature => 3,
        DecoderVariance::PerRow => 4 * 3 + 3,
    };
    small(5 * 2 + 2).chain(small(decoder)).collect()
}

/// The small model with other heads: one stands alone, several get [`TAIL`] each.
pub fn with_heads(kinds: &[HeadKind], variance: DecoderVariance) -> Aligned {
    let knots = if kinds.len() > 1 { TAIL.len() as u8 - 2 } else { 0 };
    let mut numbers = tensors();
    numbers.extend(logvar_tensors(variance));
    for &kind in kinds {
        numbers.extend(parameters(kind));
        numbers.extend(&TAIL[..if knots > 0 { TAIL.len() } else { 0 }]);
    }
    numbers.extend(kinds.iter().flat_map(|&kind| packed(kind)).map(f32::from_bits));
    let heads = kinds.iter().map(|&kind| HeadSpec { kind, knots }).collect();
    encode(&Header { encoder_logvar: true, decoder_variance: variance, heads, ..header() }, &numbers)
}

/// The small model with all heads together and a variance for each row.
pub fn every_head() -> Aligned {
    with_heads(&kinds(), DecoderVariance::PerRow)
}

/// Bytes at an address that is a multiple of 16, as `include_model!` gives them.
#[derive(Clone)]
pub struct Aligned {
    words: Vec<u128>,
    len: usize,
}

impl Aligned {
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0_u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

pub fn encode(header: &Header<'_>, tensors: &[f32]) -> Aligned {
    let mut out = vec![0; format::max_encoded_len(header, tensors.len())];
    let len = format::encode(header, tensors, &mut out).expect("the buffer is large enough");
    Aligned::new(&out[..len])
}

pub fn small() -> Aligned {
    encode(&header(), &tensors())
}

/// A file of every kind there is: each head under each variance, all heads together, each policy for missing readings,
/// each origin of the threshold.
pub fn every_kind() -> Vec<(String, Aligned)> {
    let mut files = vec![("plain".into(), small()), ("all heads".into(), every_head())];
    for variance in [UNIT, FEATURE, ROW] {
        files.extend(kinds().map(|kind| (format!("{kind:?} {variance:?}"), with_heads(&[kind], variance))));
    }
    files.extend(density_kinds().map(|kind| (format!("{kind:?}"), with_heads(&[kind], UNIT))));
    files.push(("densities together".into(), with_heads(&density_kinds(), UNIT)));
    let clipped = Header { clip: 2.0, ..header() };
    files.push(("clipped".into(), encode(&clipped, &tensors())));
    let mut with_fills = tensors();
    with_fills.splice(6..6, [19.0, -2.5, 101_000.0]);
    files.push(("mean".into(), encode(&Header { missing: Missing::Mean, ..header() }, &with_fills)));
    files.push(("drop".into(), encode(&Header { missing: Missing::Drop, ..header() }, &tensors())));
    let by_hand = Calibration { set: CalibrationSet::ByHand, rows: 0, exceedances: 0, quantile: None };
    files.push(("by hand".into(), encode(&Header { calibration: by_hand, ..header() }, &tensors())));
    files
}

/// A model of the default size, 10-64-32-8-32-64-10, with numbers that mean nothing.
pub fn default_size() -> Aligned {
    let widths = [64, 32, 8, 32, 64, 10];
    let layer = |(at, outputs): (usize, u16)| {
        let linear = at == 2 || at == 5;
        Layer { outputs, activation: if linear { Activation::Linear } else { Activation::Relu } }
    };
    let layers = widths.into_iter().enumerate().map(layer).collect();
    let dense: usize =
        [10, 64, 32, 8, 32, 64].iter().zip(widths).map(|(ins, outs)| (ins + 1) * usize::from(outs)).sum();
    let numbers = (0..dense).map(|k| ((k * 37 % 101) as f32 - 50.0) / 256.0);
    let numbers: Vec<f32> = [1.0; 20].into_iter().chain(numbers).collect();
    let names: Vec<u8> = (b'a'..=b'j').flat_map(|letter| [1, letter]).collect();
    encode(&Header { inputs: 10, encoder_layers: 3, layers, names: &names, ..header() }, &numbers)
}
