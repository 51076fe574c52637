//! The small model that the tests share; `data/golden.py` describes the same one.
//!
//! Each test binary uses its own part of it.
#![allow(dead_code)]

use edgevae_core::format::{self, Activation, Calibration, CalibrationSet, Header, Layer, Missing, ScoreKind};

pub const MEAN: [f32; 3] = [20.0, -3.0, 101_300.0];
pub const RECIPROCAL: [f32; 3] = [0.5, 4.0, 0.031_25];
/// Feature names as postcard strings.
pub const NAMES: &[u8] = b"\x04temp\x04vibe\x08pressure";

pub fn header() -> Header<'static> {
    let layer = |outputs, activation| Layer { outputs, activation };
    Header {
        tool: "edgevae test",
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
        score: ScoreKind::Mse,
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

/// Bytes at an address that is a multiple of 16, as `include_model!` gives them.
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
