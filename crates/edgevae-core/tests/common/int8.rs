//! The small int8 model that the tests share, and its arithmetic written down a second time.
//!
//! Here weights are plain rows, sums are 128 bits wide and quotients are floors of fractions: nothing is packed,
//! permuted or split as the crate does it.
#![allow(dead_code)]

use edgevae_core::format::{self, HeadKind, HeadSpec, Header, Numbers};
use edgevae_core::quant::Input;

use crate::common::{Aligned, header};

/// A dense layer in integers, as plain rows.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `[OUT][IN]`.
    pub weights: Vec<Vec<i8>>,
    pub bias: Vec<i32>,
    pub multipliers: Vec<i16>,
    pub shift: u32,
    pub relu: bool,
}

impl Layer {
    /// The layer's outputs.
    pub fn forward(&self, x: &[i16]) -> Vec<i16> {
        let low = if self.relu { 0 } else { -32_768 };
        let rows = self.weights.iter().zip(&self.bias).zip(&self.multipliers);
        let outputs = rows.map(|((row, &bias), &multiplier)| {
            let sum: i128 = row.iter().zip(x).map(|(&w, &x)| i128::from(w) * i128::from(x)).sum();
            let scaled = (sum + i128::from(bias)) * i128::from(multiplier);
            scaled.div_euclid(1 << (16 + self.shift)).clamp(low, 32_767) as i16
        });
        outputs.collect()
    }

    /// Its words in the file.
    pub fn words(&self) -> Vec<i32> {
        let (outputs, inputs) = (self.weights.len(), self.weights[0].len());
        let mut words = vec![self.shift as i32];
        for first in (0..outputs).step_by(4) {
            let row = |row: usize| (first + row < outputs).then_some(first + row);
            words.extend((0..4).map(|at| row(at).map_or(0, |row| self.bias[row])));
            let multiplier = |at| u32::from(row(at).map_or(0, |row| self.multipliers[row]) as u16);
            words.push((multiplier(0) | multiplier(1) << 16) as i32);
            words.push((multiplier(2) | multiplier(3) << 16) as i32);
            for column in (0..inputs).step_by(4) {
                // Eight columns lie together where there are as many.
                let in_tile = column < inputs / 8 * 8;
                if in_tile && column % 8 == 4 {
                    continue;
                }
                for at in 0..4 {
                    let weight = |offset: usize| {
                        let weight = row(at).and_then(|row| self.weights[row].get(column + offset)).copied();
                        u32::from(weight.unwrap_or(0) as u8)
                    };
                    let word = |first: usize| {
                        let [a, b, c, d] = [0, 2, 1, 3].map(|offset| weight(first + offset));
                        (a | b << 8 | c << 16 | d << 24) as i32
                    };
                    words.push(word(0));
                    words.extend(in_tile.then(|| word(4)));
                }
            }
        }
        words
    }
}

/// A model in integers.
#[derive(Clone, Debug)]
pub struct Int8 {
    pub threshold: u64,
    pub unit: f32,
    pub inputs: Vec<Input>,
    pub layers: Vec<Layer>,
    /// Of the Mahalanobis distance.
    pub whitening: Option<Layer>,
}

impl Int8 {
    pub fn words(&self) -> Vec<i32> {
        let mut words = vec![self.threshold as i32, (self.threshold >> 32) as i32, self.unit.to_bits() as i32];
        words.extend(self.inputs.iter().flat_map(|input| input.to_words()));
        words.extend(self.layers.iter().chain(&self.whitening).flat_map(Layer::words));
        words
    }

    /// Score of a sample, and whether it is in range; readings are taken as exact fractions.
    pub fn score(&self, sample: &[f32], encoder_layers: usize) -> (u64, bool) {
        let mut in_range = true;
        let x = sample.iter().zip(&self.inputs).map(|(&raw, input)| {
            let fixed = (f64::from(raw) * f64::from(input.exponent).exp2()).trunc();
            let fixed = fixed.clamp(-f64::from(i32::MAX), f64::from(i32::MAX)) as i128;
            let centred = (fixed + i128::from(input.offset)).clamp(i32::MIN.into(), i32::MAX.into());
            let x = (centred * i128::from(input.multiplier)).div_euclid(1 << input.shift);
            in_range &= (-32_768..=32_767).contains(&x);
            x.clamp(-32_768, 32_767) as i16
        });
        let x: Vec<i16> = x.collect();
        let mut y = x.clone();
        let mut distance = None;
        for (at, layer) in self.layers.iter().enumerate() {
            y = layer.forward(&y);
            if at + 1 == encoder_layers
                && let Some(whitening) = &self.whitening
            {
                distance = Some(whitening.forward(&y).iter().map(|&y| i64::from(y).pow(2) as u64).sum());
            }
        }
        let squares = x.iter().zip(&y).map(|(&x, &y)| {
            let residual = (i64::from(x) - i64::from(y)).clamp(-32_768, 32_767);
            residual.pow(2) as u64
        });
        (distance.unwrap_or_else(|| squares.sum()), in_range)
    }
}

/// Deterministic numbers in `-span..=span`.
pub struct Numbered(pub u64);

impl Numbered {
    pub fn next(&mut self, span: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % (2 * span + 1) - span
    }

    pub fn layer(&mut self, inputs: usize, outputs: usize, relu: bool) -> Layer {
        let mut row = |span: i64, count: usize| -> Vec<i64> { (0..count).map(|_| self.next(span)).collect() };
        let weights = (0..outputs).map(|_| row(127, inputs).into_iter().map(|weight| weight as i8).collect());
        let weights = weights.collect();
        let bias = row(200_000, outputs).into_iter().map(|bias| bias as i32).collect();
        let multipliers = row(8_000, outputs).into_iter().map(|multiplier| (multiplier + 24_000) as i16).collect();
        // About as wide as the inputs: a sum has 7 bits and half the logarithm of the inputs more than an activation.
        Layer { weights, bias, multipliers, shift: 6 + inputs.ilog2() / 2, relu }
    }
}

/// The small int8 model: 3 inputs, layers 5 (ReLU), 2 (mu), 4 (ReLU), 3.
pub fn small_int8() -> Int8 {
    let mut numbers = Numbered(1);
    let input = |offset, exponent| Input { offset, multiplier: 20_000, shift: 23, exponent };
    Int8 {
        threshold: 150_000_000,
        unit: 1.0 / 4_194_304.0,
        inputs: vec![input(-20 << 18, 18), input(3 << 20, 20), input(-101_300 << 8, 8)],
        layers: vec![
            numbers.layer(3, 5, true),
            numbers.layer(5, 2, false),
            numbers.layer(2, 4, true),
            numbers.layer(4, 3, false),
        ],
        whitening: None,
    }
}

/// The header of [`small_int8`].
pub fn int8_header() -> Header<'static> {
    Header { numbers: Numbers::Int8, threshold: 35.762_787, ..header() }
}

pub fn encode_int8(header: &Header<'_>, words: &[i32]) -> Aligned {
    let mut out = vec![0; format::max_encoded_len(header, words.len())];
    let len = format::encode_words(header, words, &mut out).expect("the buffer is large enough");
    Aligned::new(&out[..len])
}

/// A model's file under a header whose layers are the model's.
pub fn file(model: &Int8, encoder_layers: u8, names: &[u8]) -> Aligned {
    let layers = model.layers.iter().map(|layer| format::Layer {
        outputs: layer.weights.len() as u16,
        activation: if layer.relu { format::Activation::Relu } else { format::Activation::Linear },
    });
    let kind = if model.whitening.is_some() { HeadKind::Mahalanobis } else { HeadKind::Mse };
    let shown = model.threshold as f32 * model.unit;
    let header = Header {
        threshold: if model.whitening.is_some() { shown.sqrt() } else { shown },
        inputs: model.inputs.len() as u16,
        encoder_layers,
        layers: layers.collect(),
        heads: heapless::Vec::from_iter([HeadSpec { kind, knots: 0 }]),
        names,
        ..int8_header()
    };
    encode_int8(&header, &model.words())
}
