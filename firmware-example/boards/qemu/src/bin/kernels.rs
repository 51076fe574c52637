//! The kernel of int8 models that this board has, against the definition: nets of every small shape.
//!
//! For each number of inputs and of hidden units up to [`MOST`] it makes two models, of random words and of the widest ones, and
//! compares what the detector says of a sample with sums that are written down here as `edgevae_core::quant` defines them.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::fmt::Error;

use edgevae_core::format::{
    self, Activation, Calibration, CalibrationSet, DecoderVariance, HeadKind, HeadSpec, Header, Layer, Missing, Numbers,
};
use edgevae_core::quant::{BLOCK_HEAD, Input, KERNEL, QuantizedDense, ROWS, layer_words};
use edgevae_core::{QuantizedModel, SliceQuantizedDetector};
use qemu::{end, entry};
use semihosting::{eprintln, println};

/// Inputs and hidden units: two tiles of eight columns and a half tile, five blocks of four rows.
const MOST: usize = 20;
/// The largest model has 305 words and a header of less than 200 bytes.
const WORDS: usize = 512;

/// A file's bytes at a multiple of four.
#[repr(align(4))]
struct Aligned([u8; 4 * WORDS]);

#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Result<(), Error> {
    let (mut random, mut nets) = (Random(1), 0);
    for inputs in 1..=MOST {
        for hidden in 1..=MOST {
            for widest in [false, true] {
                if check(inputs, hidden, widest, &mut random).is_none() {
                    eprintln!(
                        "kernel {KERNEL}: {inputs} inputs, {hidden} hidden units, widest {widest}: other outputs"
                    );
                    return Err(Error);
                }
                nets += 1;
            }
        }
    }
    println!("kernel {KERNEL}: {nets} nets as defined");
    Ok(())
}

/// `Some` where the detector's residuals are those of the definition.
fn check(inputs: usize, hidden: usize, widest: bool, random: &mut Random) -> Option<()> {
    let mut words = [0; WORDS];
    let words = fill(&mut words, (inputs, hidden), widest, random)?;
    let mut file = Aligned([0; 4 * WORDS]);
    let length = format::encode_words(&header((inputs, hidden), random.next() < 0), words, &mut file.0).ok()?;
    let model = QuantizedModel::from_bytes(file.0.get(..length)?).ok()?;

    let mut sample = [0_i16; MOST];
    sample.iter_mut().for_each(|x| *x = if widest { i16::MIN } else { (random.next() >> 16) as i16 });
    let sample = sample.get(..inputs)?;
    let mut scratch = [0; MOST + MOST];
    let mut detector = SliceQuantizedDetector::new(&model, scratch.get_mut(..model.scratch_len())?).ok()?;
    let score = detector.score(sample).ok()?.score;

    let (mut between, mut outputs) = ([0_i16; MOST], [0_i16; MOST]);
    let mut layers = model.layers();
    layer(&layers.next()?, sample, &mut between);
    layer(&layers.next()?, between.get(..hidden)?, &mut outputs);
    let mut sum = 0;
    for ((x, x_hat), found) in sample.iter().zip(outputs).zip(detector.explain()) {
        let residual = i32::from(x.saturating_sub(x_hat));
        let square = (residual * residual).cast_unsigned();
        sum += u64::from(square);
        if found != square {
            return None;
        }
    }
    (score == sum).then_some(())
}

/// `y_r = floor((bias_r + Σ_i w[r][i] * x[i]) * multiplier_r / 2^(16 + shift))`, saturated.
fn layer(layer: &QuantizedDense<'_>, x: &[i16], y: &mut [i16]) {
    for ((bias, multiplier, weights), y) in layer.rows().zip(y) {
        let sum = weights.zip(x).fold(i64::from(bias), |sum, (w, &x)| sum + i64::from(w) * i64::from(x));
        let scaled = (sum * i64::from(multiplier)) >> (16 + layer.shift());
        let least = if layer.relu() { 0 } else { i16::MIN.into() };
        *y = scaled.clamp(least, i16::MAX.into()) as i16;
    }
}

/// The words of a model: readings become activations as they are, then two layers.
fn fill<'w>(
    words: &'w mut [i32; WORDS],
    (inputs, hidden): (usize, usize),
    widest: bool,
    random: &mut Random,
) -> Option<&'w [i32]> {
    let mut at = 0;
    let mut push = |word: i32| {
        if let Some(slot) = words.get_mut(at) {
            *slot = word;
        }
        at += 1;
    };
    [0, 0, 1.0_f32.to_bits().cast_signed()].into_iter().for_each(&mut push);
    let input = Input { offset: 0, multiplier: 1 << 14, shift: 14, exponent: 0 };
    (0..inputs).flat_map(|_| input.to_words()).for_each(&mut push);
    for (inputs, outputs) in [(inputs, hidden), (hidden, inputs)] {
        push(random.next() & 15);
        let blocks = outputs.div_ceil(ROWS);
        let tiles = (layer_words(inputs, outputs)? - 1) / blocks - BLOCK_HEAD;
        for _ in 0..blocks {
            // With the sums of 24 columns below 2^31.
            (0..ROWS).for_each(|_| push(random.next() >> 1));
            (0..ROWS / 2).for_each(|_| push(if widest { 0x7fff_7fff } else { random.next() & 0x7fff_7fff }));
            // -128 in every place, or any.
            (0..tiles).for_each(|_| push(if widest { -0x7f7f_7f80 } else { random.next() }));
        }
    }
    words.get(..at)
}

fn header((inputs, hidden): (usize, usize), relu: bool) -> Header<'static> {
    const NAMES: [u8; 2 * MOST] = {
        let mut names = [1; 2 * MOST];
        let mut at = 1;
        while at < names.len() {
            names[at] = b'a';
            at += 2;
        }
        names
    };
    let first = if relu { Activation::Relu } else { Activation::Linear };
    let layers = [(hidden, first), (inputs, Activation::Linear)];
    Header {
        numbers: Numbers::Int8,
        tool: b"edgevae",
        seed: 0,
        inputs: inputs as u16,
        encoder_layers: 1,
        layers: layers.map(|(outputs, activation)| Layer { outputs: outputs as u16, activation }).into_iter().collect(),
        missing: Missing::Error,
        clip: f32::INFINITY,
        encoder_logvar: false,
        decoder_variance: DecoderVariance::Unit,
        heads: [HeadSpec { kind: HeadKind::Mse, knots: 0 }].into_iter().collect(),
        threshold: 1.0,
        calibration: Calibration { set: CalibrationSet::ByHand, rows: 0, exceedances: 0, quantile: None },
        names: &NAMES[..2 * inputs],
    }
}

/// Knuth's 64-bit linear congruential generator (TAOCP 2, 3.3.4).
struct Random(u64);

impl Random {
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as i32
    }
}
