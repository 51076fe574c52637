//! Rows through an int8 model, sixteen at once where the machine has AVX2, to the bits of the core.
//!
//! Each row has a lane of 32 bits that holds two neighbouring activations, as the words of the core's kernels do, so that
//! one VPMADDWD makes and adds two products for each of eight rows.

use edgevae_core::quant::{Input, QuantizedDense};
use edgevae_core::{QuantizedModel, ScoreError, SliceQuantizedDetector};

use super::RowVerdict;

/// Rows of a block.
const ROWS: usize = 16;

/// Lanes of a vector.
const LANES: usize = 8;

/// Two activations of each row of a block.
type Pair = [[i32; LANES]; ROWS / LANES];

/// An int8 model and the memory that it scores in.
#[derive(Debug)]
pub struct Int8Rows<'m> {
    model: &'m QuantizedModel<'m>,
    inputs: Vec<Input>,
    layers: Vec<Layer>,
    whitening: Option<Layer>,
    x: Vec<Pair>,
    front: Vec<Pair>,
    back: Vec<Pair>,
    scratch: Vec<i32>,
}

/// A layer, weights in pairs of neighbouring inputs.
#[derive(Debug)]
struct Layer {
    outputs: Vec<Output>,
    shift: i32,
    relu: bool,
}

#[derive(Debug, Default)]
struct Output {
    bias: i32,
    multiplier: i32,
    weights: Vec<i32>,
}

/// The word of two activations or weights.
fn pair(low: i16, high: i16) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}

impl Layer {
    fn pack(dense: &QuantizedDense<'_>) -> Self {
        let outputs = dense.rows().map(|(bias, multiplier, weights)| {
            let weights: Vec<i16> = weights.map(i16::from).collect();
            let weights = weights.chunks(2).map(|two| pair(two[0], two.get(1).copied().unwrap_or(0)));
            Output { bias, multiplier: i32::from(multiplier), weights: weights.collect() }
        });
        let mut outputs: Vec<Output> = outputs.collect();
        // Outputs are written in pairs: an odd one gets a neighbour that is always 0.
        if !outputs.len().is_multiple_of(2) {
            let weights = vec![0; outputs[0].weights.len()];
            outputs.push(Output { weights, ..Output::default() });
        }
        Self { outputs, shift: dense.shift() as i32, relu: dense.relu() }
    }

    /// Pairs that the layer writes.
    fn pairs(&self) -> usize {
        self.outputs.len() / 2
    }
}

impl<'m> Int8Rows<'m> {
    pub fn new(model: &'m QuantizedModel<'m>) -> Self {
        let room = vec![Pair::default(); model.width().max(model.inputs()).div_ceil(2)];
        Self {
            model,
            inputs: model.inputs_of().collect(),
            layers: model.layers().map(|dense| Layer::pack(&dense)).collect(),
            whitening: model.whitening().map(|dense| Layer::pack(&dense)),
            x: vec![Pair::default(); model.inputs().div_ceil(2)],
            front: room.clone(),
            back: room,
            scratch: vec![0; model.scratch_len()],
        }
    }

    pub fn score(&mut self, rows: &[f32], verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 was just detected, which is all that it needs.
            return unsafe { self.score_blocks(rows, verdicts) };
        }
        self.score_by_core(rows, verdicts)
    }

    /// The core's own scorer, for machines without AVX2 and as the oracle of the blocks.
    pub fn score_by_core(&mut self, rows: &[f32], verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        let Self { model, scratch, .. } = self;
        let own = "the scratch has the length that the model asks for";
        let mut detector = SliceQuantizedDetector::new(model, scratch).expect(own);
        for (row, sample) in rows.chunks_exact(model.inputs()).enumerate() {
            let verdict = detector.score(sample).map_err(|error| (row, error))?;
            verdicts.push(RowVerdict {
                score: model.rendered(verdict.score),
                is_anomaly: verdict.is_anomaly,
                out_of_range: Some(verdict.out_of_range),
            });
        }
        Ok(())
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn score_blocks(&mut self, rows: &[f32], verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        let inputs = self.inputs.len();
        for (number, rows) in rows.chunks(ROWS * inputs).enumerate() {
            let (mut count, mut failed, mut outside) = (rows.len() / inputs, None, [false; ROWS]);
            for (row, sample) in rows.chunks_exact(inputs).enumerate() {
                match self.take(row, sample) {
                    Ok(is_outside) => outside[row] = is_outside,
                    Err(error) => {
                        (count, failed) = (row, Some((number * ROWS + row, error)));
                        break;
                    }
                }
            }
            let scores = self.run();
            for (&score, &outside) in scores.iter().zip(&outside).take(count) {
                verdicts.push(RowVerdict {
                    score: self.model.rendered(score),
                    is_anomaly: self.model.is_anomaly(score) || outside,
                    out_of_range: Some(outside),
                });
            }
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// Puts a sample into its lanes and tells whether a reading is out of range.
    fn take(&mut self, row: usize, sample: &[f32]) -> Result<bool, ScoreError> {
        let fill = self.model.missing() == edgevae_core::format::Missing::Mean;
        let mut outside = false;
        for (at, (&raw, input)) in sample.iter().zip(&self.inputs).enumerate() {
            let (activation, in_range) = match input.activation(raw) {
                Ok(Some(activation)) => activation,
                Ok(None) if fill => (0, true),
                _ => return Err(ScoreError::NonFinite { index: at }),
            };
            let slot = &mut self.x[at / 2].as_flattened_mut()[row];
            *slot = if at % 2 == 0 { pair(activation, 0) } else { *slot | pair(0, activation) };
            outside |= !in_range;
        }
        Ok(outside)
    }

    /// The integer scores of the block in `x`.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run(&mut self) -> [u64; ROWS] {
        let Self { model, layers, whitening, x, front, back, .. } = self;
        let encoder = model.encoder_layers();
        for (at, layer) in layers.iter().enumerate() {
            let input = if at == 0 { &x[..] } else { &front[..] };
            if at + 1 == layers.len() {
                avx2::forward(layer, input, back);
                avx2::subtract(x, back);
                return squares(x);
            }
            avx2::forward(layer, input, back);
            std::mem::swap(front, back);
            if let (Some(whitening), true) = (&*whitening, at + 1 == encoder) {
                avx2::forward(whitening, front, back);
                return squares(&back[..whitening.pairs()]);
            }
        }
        unreachable!("a loaded model has a last layer")
    }
}

/// `Σ a²` of each row.
fn squares(pairs: &[Pair]) -> [u64; ROWS] {
    let mut sums = [0; ROWS];
    for pair in pairs {
        for (sum, &word) in sums.iter_mut().zip(pair.as_flattened()) {
            let (low, high) = (i64::from(word as i16), i64::from(word >> 16));
            *sum += (low * low + high * high) as u64;
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_madd_epi16, _mm256_max_epi32,
        _mm256_min_epi32, _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_sra_epi32,
        _mm256_srai_epi32, _mm256_srli_epi32, _mm256_subs_epi16,
    };

    use super::{LANES, Layer, Output, Pair, ROWS};

    /// Outputs that advance together.
    const STRIP: usize = 4;

    /// `y` from `x`, two outputs a pair.
    #[target_feature(enable = "avx2")]
    pub fn forward(layer: &Layer, x: &[Pair], y: &mut [Pair]) {
        let (strips, rest) = layer.outputs.as_chunks::<STRIP>();
        let (whole, last) = y.split_at_mut(strips.len() * STRIP / 2);
        for (outputs, y) in strips.iter().zip(whole.chunks_exact_mut(STRIP / 2)) {
            strip(layer, outputs, x, y);
        }
        if let Some((outputs, _)) = rest.split_first_chunk::<2>() {
            strip(layer, outputs, x, &mut last[..1]);
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn strip<const OUTPUTS: usize>(layer: &Layer, outputs: &[Output; OUTPUTS], x: &[Pair], y: &mut [Pair]) {
        let mut sums = [[_mm256_set1_epi32(0); ROWS / LANES]; OUTPUTS];
        for (sums, output) in sums.iter_mut().zip(outputs) {
            *sums = [_mm256_set1_epi32(output.bias); ROWS / LANES];
        }
        let pairs = outputs[0].weights.len();
        let weights: [&[i32]; OUTPUTS] = std::array::from_fn(|at| &outputs[at].weights[..pairs]);
        for (at, x) in x[..pairs].iter().enumerate() {
            for (sums, weights) in sums.iter_mut().zip(weights) {
                let weight = _mm256_set1_epi32(weights[at]);
                for (sum, &x) in sums.iter_mut().zip(x) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(bytemuck::cast(x), weight));
                }
            }
        }
        for (at, y) in y.iter_mut().enumerate() {
            for (lane, y) in y.iter_mut().enumerate() {
                let low = output(layer, sums[2 * at][lane], outputs[2 * at].multiplier);
                let high = output(layer, sums[2 * at + 1][lane], outputs[2 * at + 1].multiplier);
                let low = _mm256_and_si256(low, _mm256_set1_epi32(0xffff));
                *y = bytemuck::cast(_mm256_or_si256(low, _mm256_slli_epi32::<16>(high)));
            }
        }
    }

    /// `floor(sum * multiplier / 2^(16 + shift))`, saturated, of two 32-bit products: the lower half of a sum is taken
    /// without sign, so that each half fits.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn output(layer: &Layer, sum: __m256i, multiplier: i32) -> __m256i {
        let multiplier = _mm256_set1_epi32(multiplier);
        let low = _mm256_and_si256(sum, _mm256_set1_epi32(0xffff));
        let high = _mm256_mullo_epi32(_mm256_srai_epi32::<16>(sum), multiplier);
        let scaled = _mm256_add_epi32(high, _mm256_srli_epi32::<16>(_mm256_mullo_epi32(low, multiplier)));
        let shifted = _mm256_sra_epi32(scaled, _mm_cvtsi32_si128(layer.shift));
        let least = _mm256_set1_epi32(if layer.relu { 0 } else { i32::from(i16::MIN) });
        _mm256_min_epi32(_mm256_max_epi32(shifted, least), _mm256_set1_epi32(i32::from(i16::MAX)))
    }

    /// `x = x - y`, saturated.
    #[target_feature(enable = "avx2")]
    pub fn subtract(x: &mut [Pair], y: &[Pair]) {
        for (x, y) in x.iter_mut().zip(y) {
            for (x, &y) in x.iter_mut().zip(y) {
                *x = bytemuck::cast(_mm256_subs_epi16(bytemuck::cast(*x), bytemuck::cast(y)));
            }
        }
    }
}
