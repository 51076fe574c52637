//! The net that the budget is measured with: 10-64-32-8-32-64-10, random weights, in `f32`, in integers, and behind an
//! encoder and a window.
//!
//! Fixed here and not trained, so that instruction counts move only when the code that is measured moves.

use edgevae_core::format::{
    Activation, Calibration, CalibrationSet, Contents, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing,
    Numbers,
};
use edgevae_core::quant::{BLOCK_HEAD, Input, ROWS, layer_words};

const INPUTS: usize = 10;
const LAYERS: [(usize, Activation); 6] = [
    (64, Activation::Relu),
    (32, Activation::Relu),
    (8, Activation::Linear),
    (32, Activation::Relu),
    (64, Activation::Relu),
    (INPUTS, Activation::Linear),
];
/// Postcard strings `f0` to `f9`.
const NAMES: &[u8] = b"\x02f0\x02f1\x02f2\x02f3\x02f4\x02f5\x02f6\x02f7\x02f8\x02f9";

/// A postcard value: one column `time`, a time of day, whose sine and cosine are summarized (five features each) over
/// windows of four rows. It takes an encoder and a window through the deepest of their code.
const INPUT_SECTION: &[u8] = b"\x01\x0c\x04time\x00\x03\x00\xc0\xa8\x47\x01\x01\x04\x01\x01";

/// The model file's bytes.
pub fn file() -> Vec<u8> {
    let words: Vec<i32> = tensors().into_iter().map(bits).collect();
    encode(&header(), &words)
}

/// The same net in integers.
pub fn int8_file() -> Vec<u8> {
    encode(&Header { numbers: Numbers::Int8, ..header() }, &words())
}

/// The same net for raw rows.
pub fn raw_file() -> Vec<u8> {
    let (header, tensors) = (header(), tensors());
    let words: Vec<i32> = tensors.into_iter().map(bits).collect();
    written(&Contents { input: INPUT_SECTION, ..Contents::new(&header, &words) })
}

fn header() -> Header<'static> {
    let layer = |(outputs, activation)| Layer { outputs: outputs as u16, activation };
    Header {
        numbers: Numbers::Float32,
        tool: b"edgevae reference net",
        seed: 0,
        inputs: INPUTS as u16,
        encoder_layers: 3,
        layers: LAYERS.into_iter().map(layer).collect(),
        missing: Missing::Error,
        clip: f32::INFINITY,
        encoder_logvar: false,
        decoder_variance: DecoderVariance::Unit,
        heads: [HeadSpec { kind: HeadKind::Mse, knots: 0 }].into_iter().collect(),
        threshold: 2.0,
        calibration: Calibration { set: CalibrationSet::ByHand, rows: 0, exceedances: 0, quantile: None },
        names: NAMES,
    }
}

/// The same net with the weights that cost most where there is no floating-point unit: in each row the products of all
/// inputs but the last are subnormal numbers, and so are their sums; the last gives the layers behind it normal inputs.
pub fn subnormal_file() -> Vec<u8> {
    let mut random = Random(3);
    let mut subnormal = || random.next() & (1 << 31 | 0x007f_ffff) | 1 << 22;
    // Every reading of `measure` is positive after a mean of -10.
    let mut words: Vec<i32> = [[-10.0_f32; INPUTS], [1.0; INPUTS]].concat().into_iter().map(bits).collect();
    let mut inputs = INPUTS;
    for (outputs, _) in LAYERS {
        words.extend((1..=inputs * outputs).map(|at| if at % inputs == 0 { bits(1.0) } else { subnormal() }));
        words.extend((0..outputs).map(|_| subnormal()));
        inputs = outputs;
    }
    encode(&header(), &words)
}

fn bits(value: f32) -> i32 {
    value.to_bits().cast_signed()
}

fn encode(header: &Header<'_>, words: &[i32]) -> Vec<u8> {
    written(&Contents::new(header, words))
}

fn written(contents: &Contents<'_>) -> Vec<u8> {
    let mut out = vec![0; contents.max_len()];
    let length = contents.encode(&mut out).expect("the buffer is as long as an encoder may need");
    out.truncate(length);
    out
}

/// Scaler (mean 0, scale 1), then weights uniform in `±sqrt(6 / inputs)` (He et al. 2015), biases in `±0.1`.
fn tensors() -> Vec<f32> {
    let mut random = Random(1);
    let mut tensors = [[0.0; INPUTS], [1.0; INPUTS]].concat();
    let mut inputs = INPUTS;
    for (outputs, _) in LAYERS {
        let bound = (6.0 / inputs as f64).sqrt();
        tensors.extend((0..inputs * outputs).map(|_| (bound * random.symmetric()) as f32));
        tensors.extend((0..outputs).map(|_| (0.1 * random.symmetric()) as f32));
        inputs = outputs;
    }
    tensors
}

/// Threshold and unit, inputs with 2,500 units for 1, then weights of any 8 bits in any order: their place changes no cost.
fn words() -> Vec<i32> {
    const SHIFT: i32 = 8;
    let mut random = Random(2);
    let mut words = vec![12_500_000, 0, (1.0_f32 / 6_250_000.0).to_bits() as i32];
    let input = Input { offset: 0, multiplier: 20_000, shift: 27, exponent: 24 };
    words.extend((0..INPUTS).flat_map(|_| input.to_words()));
    let mut inputs = INPUTS;
    for (outputs, _) in LAYERS {
        let blocks = outputs.div_ceil(ROWS);
        let tiles = (layer_words(inputs, outputs).expect("a small layer") - 1) / blocks - BLOCK_HEAD;
        words.push(SHIFT);
        for _ in 0..blocks {
            words.extend((0..ROWS).map(|_| (10_000.0 * random.symmetric()) as i32));
            words.extend((0..ROWS / 2).map(|_| 0x6000_5000));
            words.extend((0..tiles).map(|_| random.next()));
        }
        inputs = outputs;
    }
    words
}

/// Knuth's 64-bit linear congruential generator (TAOCP 2, 3.3.4); its upper bits are good enough for weights.
struct Random(u64);

impl Random {
    /// Any 32 bits.
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as i32
    }

    /// Uniform in `[-1, 1)`, a multiple of 2^-31.
    fn symmetric(&mut self) -> f64 {
        f64::from(self.next()) / f64::from(1_u32 << 31)
    }
}
