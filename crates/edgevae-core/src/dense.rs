//! The dense layer, which is where a detector spends its time.

use core::hint::black_box;
use core::slice::ChunksExact;

use crate::format::Activation;
use crate::soft;

/// A core without a floating-point unit, where multiplication and addition are function calls.
///
/// Stable Rust does not show RISC-V's `f`, but it shows `zicsr`, which `f` implies and which RV32IMC and RV32IMAC lack.
const SOFT_FLOAT: bool = cfg!(any(
    all(target_arch = "arm", not(target_abi = "eabihf")),
    all(target_arch = "riscv32", not(any(target_feature = "f", target_feature = "zicsr"))),
));

/// A view of one dense layer: `y = activation(W x + b)`.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a> {
    /// `[OUT][IN]`, row-major.
    pub weight: &'a [f32],
    /// `[OUT]`.
    pub bias: &'a [f32],
    /// Applied to each output.
    pub activation: Activation,
}

impl Dense<'_> {
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.weight.len().checked_div(self.bias.len()).unwrap_or(0)
    }

    /// The layer's first `outputs` outputs and the others, for a result buffer of that length. `inputs` is what
    /// [`Dense::inputs`] would divide for.
    #[allow(clippy::arithmetic_side_effects, reason = "65,535² is below 2^32")]
    pub(crate) fn split_at(self, outputs: usize, inputs: usize) -> (Self, Self) {
        let (bias, other_bias) = self.bias.split_at_checked(outputs).unwrap_or((self.bias, &[]));
        let (weight, other_weight) = self.weight.split_at_checked(outputs * inputs).unwrap_or((self.weight, &[]));
        (Self { weight, bias, ..self }, Self { weight: other_weight, bias: other_bias, ..self })
    }

    /// Computes the layer for the inputs `x` and writes its outputs to `y`.
    ///
    /// The sum of one output starts with its bias and takes the products in the order of the inputs, each product
    /// rounded before it is added: this order is part of the contract, it makes scores equal on every target.
    ///
    /// # Shapes
    /// `x`: `[IN]`; `y`: at least `[OUT]`, what lies beyond is left alone.
    ///
    /// # Cost
    /// `IN * OUT` multiply-adds, 2.4 instructions each on a Cortex-M4F. With a floating-point unit the same for every
    /// `x`; without one a product with zero costs a fifth of another, and ReLU makes many zeros.
    ///
    /// # Panics
    /// Never; slices of other lengths than stated leave outputs without meaning.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let Some(y) = y.get_mut(..self.outputs()) else { return };
        if SOFT_FLOAT {
            self.add_by_rows(x, y);
        } else {
            self.add_by_columns(x, y);
        }
        if self.activation == Activation::Relu {
            // Written only where it changes: cheaper than a selection, which goes through the floating-point unit.
            for y in y {
                if Activation::is_cut(*y) {
                    *y = 0.0;
                }
            }
        }
    }

    /// `y = W x + b`, one row after the other.
    fn add_by_rows(&self, x: &[f32], y: &mut [f32]) {
        for ((y, &bias), row) in y.iter_mut().zip(self.bias).zip(self.weight.chunks_exact(x.len().max(1))) {
            *y = sum_in_order(bias, row, x);
        }
    }

    /// `y = W x + b`, a block of columns after the other: the inputs of a block stay in registers while all rows pass, so
    /// that a multiply-add is one load and one or two instructions more. Every sum still takes its products in order.
    fn add_by_columns(&self, x: &[f32], y: &mut [f32]) {
        let (eights, last) = y.as_chunks_mut::<8>();
        let (bias_eights, last_bias) = self.bias.as_chunks::<8>();
        for (sums, bias) in eights.iter_mut().zip(bias_eights) {
            // As a copy of bytes: instructions that move several registers at once.
            sums.copy_from_slice(bias);
            keep_rolled();
        }
        for (sum, bias) in last.iter_mut().zip(last_bias) {
            *sum = *bias;
            keep_rolled();
        }
        let rows = self.weight.chunks_exact(x.len().max(1).saturating_mul(2));
        let (pairs, odd) = y.as_chunks_mut::<2>();
        if let [sum] = odd {
            *sum = sum_in_order(*sum, rows.remainder(), x);
        }
        // 16 inputs are what 32 registers hold beside two sums and the weights on their way.
        let mut columns = Columns { rows, inputs: x.len(), first: 0 };
        let (blocks, x) = x.as_chunks::<16>();
        blocks.iter().for_each(|x| columns.add(x, pairs));
        let (blocks, x) = x.as_chunks::<8>();
        blocks.iter().for_each(|x| columns.add(x, pairs));
        let (blocks, x) = x.as_chunks::<2>();
        blocks.iter().for_each(|x| columns.add(x, pairs));
        let (blocks, _) = x.as_chunks::<1>();
        blocks.iter().for_each(|x| columns.add(x, pairs));
    }
}

/// Columns of a weight matrix, from the left to the right.
struct Columns<'a> {
    /// Two rows an item.
    rows: ChunksExact<'a, f32>,
    inputs: usize,
    /// The column that comes next.
    first: usize,
}

impl Columns<'_> {
    /// Adds the products of the next columns to the sums of all rows.
    #[allow(clippy::arithmetic_side_effects, reason = "lengths of slices in memory")]
    #[inline(always)]
    fn add<const COLUMNS: usize>(&mut self, x: &[f32; COLUMNS], sums: &mut [[f32; 2]]) {
        let x = *x;
        let columns = self.first..self.first + COLUMNS;
        self.first = columns.end;
        for (sums, rows) in sums.iter_mut().zip(self.rows.clone()) {
            let Some((row0, row1)) = rows.split_at_checked(self.inputs) else { break };
            let (Some(row0), Some(row1)) = (row0.get(columns.clone()), row1.get(columns.clone())) else { break };
            let [mut sum0, mut sum1] = *sums;
            for ((w0, w1), x) in row0.iter().zip(row1).zip(&x) {
                sum0 += w0 * x;
                sum1 += w1 * x;
            }
            *sums = [sum0, sum1];
            if COLUMNS < 16 {
                keep_rolled();
            }
        }
    }
}

/// Keeps LLVM from unrolling the loop that it stands in, or from making a call of `memcpy` of it: either would double the
/// code of the loop and save next to nothing.
#[inline(always)]
pub fn keep_rolled() {
    black_box(());
}

/// `bias + Σ_i w[i] * x[i]`, added in the order of `i`: the definition that every faster form must equal to the bit.
#[inline(always)]
fn sum_in_order(bias: f32, weight: &[f32], x: &[f32]) -> f32 {
    if SOFT_FLOAT {
        return soft::sum_in_order(bias, weight, x);
    }
    let mut sum = bias;
    for (w, x) in weight.iter().zip(x) {
        sum += w * x;
        keep_rolled();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_of_columns_equal_the_plain_sums_to_the_bit(
            (inputs, outputs) in (1_usize..40, 1_usize..11),
            values in prop::collection::vec(-4.0_f32..4.0, 39 * 10 + 10 + 39),
        ) {
            let (weight, rest) = values.split_at(inputs * outputs);
            let (bias, rest) = rest.split_at(outputs);
            let x = &rest[..inputs];
            let layer = Dense { weight, bias, activation: Activation::Relu };
            let mut y = [f32::NAN; 12];
            layer.forward(x, &mut y);
            for output in 0..outputs {
                let row = &weight[output * inputs..][..inputs];
                let plain = row.iter().zip(x).fold(bias[output], |sum, (w, x)| sum + w * x).max(0.0);
                prop_assert_eq!(y[output].to_bits(), plain.to_bits());
            }
            prop_assert!(y[outputs..].iter().all(|y| y.is_nan()), "nothing is written beyond the outputs");
            let mut by_rows = [f32::NAN; 12];
            Dense { activation: Activation::Linear, ..layer }.forward(x, &mut y);
            layer.add_by_rows(x, &mut by_rows[..outputs]);
            prop_assert_eq!(y[..outputs].iter().map(|y| y.to_bits()).collect::<std::vec::Vec<_>>(),
                by_rows[..outputs].iter().map(|y| y.to_bits()).collect::<std::vec::Vec<_>>());
        }
    }

    #[test]
    fn weights_are_read_row_by_row() {
        // y0 = 0.5 + 1*10 + 2*20 + 3*30, y1 = -1 + 4*10 + 5*20 + 6*30
        let layer =
            Dense { weight: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], bias: &[0.5, -1.0], activation: Activation::Linear };
        let mut y = [0.0; 2];
        layer.forward(&[10.0, 20.0, 30.0], &mut y);
        assert_eq!(y, [140.5, 319.0]);
        assert_eq!((layer.inputs(), layer.outputs()), (3, 2));
    }

    #[test]
    fn a_layer_splits_into_outputs_and_outputs() {
        let layer = Dense {
            weight: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            bias: &[10.0, 20.0, 30.0],
            activation: Activation::Linear,
        };
        let (first, others) = layer.split_at(2, 2);
        assert_eq!((first.weight, first.bias), (&[1.0, 2.0, 3.0, 4.0][..], &[10.0, 20.0][..]));
        assert_eq!((others.weight, others.bias), (&[5.0, 6.0][..], &[30.0][..]));
        assert_eq!((layer.split_at(3, 2).0.outputs(), layer.split_at(4, 2).0.outputs()), (3, 3));
    }
}
