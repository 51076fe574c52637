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
        /// Position of the output, from 1.
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

/// What the rounding of a layer's weights `w` to `q` needs to know of its inputs `x`: their mean `m` over the calibration rows,
/// and how they move together, `C = E[(x - m) (x - m)^T]`.
///
/// With `(w - q) m` in the bias, an output is off by `(w - q) (x - m)`, squared and averaged `(w - q) C (w - q)^T`. Rounding each
/// weight to the nearest makes `|w - q|` small and not this: inputs behind ReLU move together, and errors that do not cancel
/// where they do are enlarged. So weights are rounded one after the other, and each takes up what those before it left.
///
/// # Source
/// Frantar et al. 2023 (arXiv:2210.17323), in the form of Babai's nearest plane (Chen et al. 2025, arXiv:2507.18553); the bias:
/// Nagel et al. 2019 (arXiv:1906.04721), section 4.2.
#[derive(Clone, Debug)]
pub struct Inputs {
    mean: Vec<f32>,
    /// Columns by their variance, the greatest last: it is rounded first.
    order: Vec<usize>,
    /// Empty where there are more than [`MOST_FACTORED`]; else `[IN][IN]`, row by row: `U` with `C + damping = U^T U`, upper triangular, columns in `order`.
    factor: Vec<f64>,
}

/// Added to the variances, as a share of their mean: rows that calibration has not seen move in every direction.
const DAMPING: f64 = 0.01;

/// Weights of a layer with more inputs are rounded to the nearest: the factor takes the cube of them in time.
const MOST_FACTORED: usize = 1024;

impl Inputs {
    /// # Shapes
    /// `rows`: `[ROWS][width]`, of which the first `calibration` give the mean and all give `C`.
    pub fn of(rows: &[f32], calibration: usize, width: usize) -> Self {
        let mut sums = vec![0.0; width];
        for row in rows.chunks_exact(width).take(calibration) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / calibration as f64) as f32).collect();
        if width > MOST_FACTORED {
            return Self { mean, order: vec![], factor: vec![] };
        }
        let mut variances = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            let off = row.iter().zip(&mean).map(|(&x, &m)| f64::from(x) - f64::from(m));
            variances.iter_mut().zip(off).for_each(|(sum, off)| *sum += off * off);
        }
        let count = (rows.len() / width) as f64;
        let damping = DAMPING * variances.iter().sum::<f64>() / (count * width as f64) + f64::from(f32::MIN_POSITIVE);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| variances[a].total_cmp(&variances[b]));
        let mut factor = vec![0.0; width * width];
        let mut off = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            off.iter_mut().zip(&order).for_each(|(off, &at)| *off = f64::from(row[at]) - f64::from(mean[at]));
            for (first, line) in factor.chunks_exact_mut(width).enumerate() {
                line[first..].iter_mut().zip(&off[first..]).for_each(|(sum, x)| *sum += off[first] * x);
            }
        }
        factor.iter_mut().for_each(|sum| *sum /= count);
        factor.iter_mut().step_by(width + 1).for_each(|variance| *variance += damping);
        cholesky(&mut factor, width);
        Self { mean, order, factor }
    }

    /// Weights in units of `scale`.
    fn round(&self, weights: &[f32], scale: f64) -> Vec<i8> {
        if self.factor.is_empty() {
            return weights.iter().map(|&weight| (f64::from(weight) / scale).round() as i8).collect();
        }
        let width = weights.len();
        let mut quantized = vec![0; width];
        let mut left = vec![0.0; width];
        for (at, &column) in self.order.iter().enumerate().rev() {
            let line = &self.factor[at * width..][at..width];
            let taken: f64 = line[1..].iter().zip(&left[at + 1..]).map(|(u, left)| u * left).sum();
            let weight = f64::from(weights[column]);
            let rounded = ((weight + taken / line[0]) / scale).round().clamp(-LARGEST, LARGEST);
            left[at] = weight - rounded * scale;
            quantized[column] = rounded as i8;
        }
        quantized
    }
}

/// Upper triangle of a positive definite matrix, `[width][width]`, to `U` with `U^T U` the matrix.
fn cholesky(matrix: &mut [f64], width: usize) {
    for at in 0..width {
        let (above, rest) = matrix.split_at_mut(at * width);
        let line = &mut rest[at..width];
        for above in above.chunks_exact(width) {
            line.iter_mut().zip(&above[at..]).for_each(|(sum, u)| *sum -= above[at] * u);
        }
        // What rounding made of a variance that is all damping is no root of a negative number.
        let root = line[0].max(f64::from(f32::MIN_POSITIVE)).sqrt();
        line.iter_mut().for_each(|sum| *sum /= root);
        line[0] = root;
    }
}

/// A layer's outputs in integers.
struct Rows {
    shift: u32,
    /// What a weight of 1 and a multiplier of 1 stand for.
    unit: f64,
    rows: Vec<Row>,
}

impl Rows {
    /// With the largest shift that the ratio of units allows, or a smaller one: of many inputs a sum may ask for a scale that
    /// no multiplier of 15 bits has at that shift.
    fn of(layer: &Dense<'_>, inputs: &Inputs, input: f64, output: f64) -> Result<Self, LayerError> {
        let most = layer.weight.iter().fold(0.0_f64, |most, &weight| most.max(f64::from(weight).abs()));
        let largest = shift(most / LARGEST * input / output);
        let mut rows = Self::with_shift(layer, inputs, (input, output), largest);
        for smaller in (0..largest).rev() {
            if rows.is_ok() {
                break;
            }
            rows = Self::with_shift(layer, inputs, (input, output), smaller);
        }
        rows
    }

    fn with_shift(
        layer: &Dense<'_>,
        inputs: &Inputs,
        (input, output): (f64, f64),
        shift: u32,
    ) -> Result<Self, LayerError> {
        let unit = output / (input * f64::from(1_u32 << (16 + shift)));
        let row = |(at, (weights, &bias)): (usize, (&[f32], &f32))| {
            quantize_row((weights, bias), inputs, (unit, input), shift).ok_or(LayerError::Overflow { output: at + 1 })
        };
        let rows = layer.weight.chunks_exact(layer.inputs()).zip(layer.bias).enumerate().map(row);
        Ok(Self { shift, unit, rows: rows.collect::<Result<_, _>>()? })
    }
}

/// Weights `[OUT][IN]` and biases as a device has them, in the float model's numbers; arguments as for [`push_layer`].
///
/// # Errors
/// [`LayerError::Overflow`].
pub fn rounded(
    layer: &Dense<'_>,
    inputs: &Inputs,
    input: f64,
    output: f64,
) -> Result<(Vec<f32>, Vec<f32>), LayerError> {
    let Rows { shift, unit, rows } = Rows::of(layer, inputs, input, output)?;
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
/// `statistics` are of the layer's inputs in the float model's numbers.
///
/// # Errors
/// [`LayerError::Overflow`].
pub fn push_layer(
    words: &mut Vec<i32>,
    layer: &Dense<'_>,
    statistics: &Inputs,
    input: f64,
    output: f64,
) -> Result<(), LayerError> {
    let inputs = layer.inputs();
    let Rows { shift, rows, .. } = Rows::of(layer, statistics, input, output)?;
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
fn quantize_row((weights, bias): (&[f32], f32), inputs: &Inputs, (unit, input): (f64, f64), shift: u32) -> Option<Row> {
    let largest = weights.iter().fold(0.0_f64, |most, &weight| most.max(f64::from(weight).abs()));
    let mut multiplier = (largest / LARGEST / unit).ceil().max(1.0);
    while multiplier <= f64::from(i16::MAX) {
        let scale = multiplier * unit;
        let quantized = inputs.round(weights, scale);
        let lost = |((&weight, &quantized), &mean): ((&f32, &i8), &f32)| {
            (f64::from(weight) - f64::from(quantized) * scale) * f64::from(mean)
        };
        let lost: f64 = weights.iter().zip(&quantized).zip(&inputs.mean).map(lost).sum();
        let bias = ((f64::from(bias) + lost) / (scale * input) + half(multiplier, shift)).round();
        let magnitude: f64 = quantized.iter().map(|&weight| f64::from(weight).abs()).sum();
        if bias.abs() + WIDEST * magnitude <= f64::from(i32::MAX) {
            return Some(Row { weights: quantized, bias: bias as i32, multiplier: multiplier as i16 });
        }
        multiplier *= 2.0;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgevae_core::format::Activation;

    /// Eight inputs that follow two numbers, all far above 0.
    fn inputs() -> Vec<f32> {
        let row = |row: usize| {
            let (a, b) = ((row * 37 % 101) as f32 / 101.0, (row * 53 % 89) as f32 / 89.0);
            (0..8).map(move |at| 3.0 + a * (at as f32 - 2.0) + b * (5.0 - at as f32).powi(2) / 8.0)
        };
        (0..200).flat_map(row).collect()
    }

    /// Root of the mean squared difference of the outputs, and the largest difference at the mean of the inputs.
    fn off(statistics: &Inputs) -> (f32, f32) {
        let weight: Vec<f32> = (0..24).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.3).collect();
        let bias = [0.1, -0.2, 0.3];
        let (rounded, moved) = {
            let layer = Dense { weight: &weight, bias: &bias, activation: Activation::Linear };
            rounded(&layer, statistics, 1e-3, 1e-3).unwrap()
        };
        let difference = |x: &[f32]| {
            let of = |weight, bias| {
                let mut y = [0.0; 3];
                Dense { weight, bias, activation: Activation::Linear }.forward(x, &mut y);
                y
            };
            let (a, b) = (of(&weight, &bias[..]), of(&rounded, &moved[..]));
            std::array::from_fn::<f32, 3, _>(|at| a[at] - b[at])
        };
        let rows = inputs();
        let squares = rows.chunks_exact(8).flat_map(difference).map(|off| off * off).sum::<f32>() / 600.0;
        let at_mean =
            difference(&Inputs::of(&rows, 200, 8).mean).iter().fold(0.0, |most: f32, off| most.max(off.abs()));
        (squares.sqrt(), at_mean)
    }

    #[test]
    fn rounding_weights_follows_how_the_inputs_move_together() {
        let rows = inputs();
        let measured = Inputs::of(&rows, 200, 8);
        let nearest = Inputs { factor: (0..64).map(|at| f64::from(at % 9 == 0)).collect(), ..measured.clone() };
        let (measured, nearest) = (off(&measured), off(&nearest));
        assert!(measured.0 < 0.6 * nearest.0, "{measured:?}, each to the nearest {nearest:?}");
        let without_bias = Inputs { mean: vec![0.0; 8], ..Inputs::of(&rows, 200, 8) };
        assert!(measured.1 < 1e-3 && off(&without_bias).1 > 3.0 * measured.1, "{measured:?} {:?}", off(&without_bias));
    }

    #[test]
    fn weights_of_a_very_wide_layer_are_rounded_to_the_nearest() {
        let width = MOST_FACTORED + 1;
        let weight: Vec<f32> = (0..width).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.3).collect();
        let layer = Dense { weight: &weight, bias: &[0.1], activation: Activation::Linear };
        let statistics = Inputs::of(&vec![1.0; 2 * width], 2, width);
        let (rounded, _) = rounded(&layer, &statistics, 1e-3, 1e-1).unwrap();
        let most = weight.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most > 0.0 && most < 0.7 / 127.0 * 0.51, "{most}");
    }

    #[test]
    fn a_sum_of_many_large_weights_is_scaled_until_it_fits() {
        let width = 4 * MOST_FACTORED;
        let weight: Vec<f32> = (0..width).map(|at| if at % 2 == 0 { 0.5 } else { -0.49 }).collect();
        let layer = Dense { weight: &weight, bias: &[0.1], activation: Activation::Linear };
        let statistics = Inputs::of(&vec![1.0; 2 * width], 2, width);
        let sums = |rows: &Rows| rows.rows[0].weights.iter().map(|&weight| i64::from(weight).abs()).sum::<i64>();
        let rows = Rows::of(&layer, &statistics, 1e-3, 1e-1).unwrap();
        assert!(32_768 * sums(&rows) < 1 << 31, "{}", sums(&rows));
        let (rounded, _) = rounded(&layer, &statistics, 1e-3, 1e-1).unwrap();
        let most = weight.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 0.5 / 15.0 * 0.51, "{most}");
    }

    #[test]
    fn the_factor_is_a_root_of_the_covariance() {
        let mut matrix = [4.0, 2.0, -2.0, 0.0, 10.0, 5.0, 0.0, 0.0, 11.0];
        cholesky(&mut matrix, 3);
        assert_eq!(
            [matrix[0], matrix[1], matrix[2], matrix[4], matrix[5], matrix[8]],
            [2.0, 1.0, -1.0, 3.0, 2.0, 6.0_f64.sqrt()]
        );
    }
}
