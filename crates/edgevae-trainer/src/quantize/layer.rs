//! One dense layer in 8 bits, laid out for the kernels of the core.

use edgevae_core::Dense;
use edgevae_core::quant::{COLUMNS, HALF, ORDER, ROWS};

/// Why a layer has no int8 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// No scale keeps the sums of an output within 32 bits.
    #[error(
        "output {output} cannot be summed in 32 bits; train with more regular weights (fewer epochs, smaller --lr)"
    )]
    Overflow {
        /// Position of the output.
        output: usize,
    },
}

/// Most that an activation is in magnitude.
const WIDEST: f64 = 32_768.0;
/// The largest 8-bit weight; symmetric, -128 is not used.
const LARGEST: f64 = 127.0;

/// One output of a layer: its weights in units of a scale that its multiplier implies.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    weights: Vec<i8>,
    bias: i32,
    multiplier: i16,
}

/// A layer's outputs in integers.
struct Rows {
    shift: u32,
    /// What a weight of 1 and a multiplier of 1 stand for.
    unit: f64,
    rows: Vec<Row>,
}

impl Rows {
    fn of(layer: &Dense<'_>, input: f64, output: f64) -> Result<Self, LayerError> {
        let inputs = layer.inputs();
        let most = layer.weight.iter().fold(0.0_f64, |most, &weight| most.max(f64::from(weight).abs()));
        let shift = shift(most / LARGEST * input / output);
        let unit = output / (input * f64::from(1_u32 << (16 + shift)));
        let row = |(at, (weights, &bias)): (usize, (&[f32], &f32))| {
            quantize_row(weights, bias, unit, input, shift).ok_or(LayerError::Overflow { output: at })
        };
        let rows = layer.weight.chunks_exact(inputs).zip(layer.bias).enumerate().map(row);
        Ok(Self { shift, unit, rows: rows.collect::<Result<_, _>>()? })
    }
}

/// Weights `[OUT][IN]` and biases as a device has them, in the float model's numbers; arguments as for [`push_layer`].
///
/// # Errors
/// [`LayerError::Overflow`].
pub fn rounded(layer: &Dense<'_>, input: f64, output: f64) -> Result<(Vec<f32>, Vec<f32>), LayerError> {
    let Rows { shift, unit, rows } = Rows::of(layer, input, output)?;
    let scale = |row: &Row| f64::from(row.multiplier) * unit;
    let weights = rows.iter().flat_map(|row| row.weights.iter().map(|&weight| (f64::from(weight) * scale(row)) as f32));
    let biases =
        rows.iter().map(|row| ((f64::from(row.bias) - half(row.multiplier.into(), shift)) * scale(row) * input) as f32);
    Ok((weights.collect(), biases.collect()))
}

/// Writes a layer's words: shift, then blocks of four rows with biases, multipliers and tiles.
///
/// `input` and `output` are the units of the activations: `x = a * input`, `y = b * output`. An output is
/// `floor(sum * multiplier / 2^(16 + shift))`, so the scale of row `r` is
/// `multiplier_r * output / (input * 2^(16 + shift))`: chosen is the least multiplier whose scale takes the row's largest
/// weight, and the weights are rounded to that scale, not to one that the multiplier only approximates.
///
/// # Errors
/// [`LayerError::Overflow`].
pub fn push_layer(words: &mut Vec<i32>, layer: &Dense<'_>, input: f64, output: f64) -> Result<(), LayerError> {
    let inputs = layer.inputs();
    let Rows { shift, rows, .. } = Rows::of(layer, input, output)?;
    words.push(shift as i32);
    for block in rows.chunks(ROWS) {
        let at = |row: usize| block.get(row);
        words.extend((0..ROWS).map(|row| at(row).map_or(0, |row| row.bias)));
        let multipliers: [i16; ROWS] = std::array::from_fn(|row| at(row).map_or(0, |row| row.multiplier));
        words.extend(bytemuck::cast::<_, [i32; ROWS / 2]>(multipliers));
        let weight = |row: usize, column: usize| at(row).and_then(|row| row.weights.get(column)).copied().unwrap_or(0);
        let whole = inputs / COLUMNS * COLUMNS;
        for first in (0..whole).step_by(COLUMNS) {
            for row in 0..ROWS {
                let bytes = ORDER.map(|column| weight(row, first + column));
                words.extend(bytemuck::cast::<_, [i32; COLUMNS / 4]>(bytes));
            }
        }
        for first in (whole..inputs).step_by(HALF) {
            for row in 0..ROWS {
                let bytes: [i8; HALF] = std::array::from_fn(|at| weight(row, first + ORDER[at]));
                words.push(bytemuck::cast(bytes));
            }
        }
    }
    Ok(())
}

/// The least output unit that a layer allows: an output is at least two units of a sum, which costs no precision.
pub fn least_output(layer: &Dense<'_>, input: f64) -> f64 {
    let most = layer.weight.iter().fold(0.0_f64, |most, &weight| most.max(f64::from(weight).abs()));
    2.1 * most / LARGEST * input
}

/// The largest shift whose multipliers fit 15 bits for a ratio of sum unit to output unit, at most 15.
fn shift(ratio: f64) -> u32 {
    (0..16).rev().find(|&shift| ratio * f64::from(1_u32 << (16 + shift)) <= f64::from(i16::MAX)).unwrap_or(0)
}

/// Half a unit of the output, in units of the sum: the floor then rounds to nearest.
fn half(multiplier: f64, shift: u32) -> f64 {
    f64::from(1_u32 << (15 + shift)) / multiplier
}

/// Rounds a row; doubles its scale until its sums fit. `None` when none does.
fn quantize_row(weights: &[f32], bias: f32, unit: f64, input: f64, shift: u32) -> Option<Row> {
    let largest = weights.iter().fold(0.0_f64, |most, &weight| most.max(f64::from(weight).abs()));
    let mut multiplier = (largest / LARGEST / unit).ceil().max(1.0);
    while multiplier <= f64::from(i16::MAX) {
        let scale = multiplier * unit;
        let quantized: Vec<i8> = weights.iter().map(|&weight| (f64::from(weight) / scale).round() as i8).collect();
        let bias = (f64::from(bias) / (scale * input) + half(multiplier, shift)).round();
        let magnitude: f64 = quantized.iter().map(|&weight| f64::from(weight).abs()).sum();
        if bias.abs() + WIDEST * magnitude <= f64::from(i32::MAX) {
            return Some(Row { weights: quantized, bias: bias as i32, multiplier: multiplier as i16 });
        }
        multiplier *= 2.0;
    }
    None
}
