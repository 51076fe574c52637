//! The dense layer, which is where a detector spends its time.

use crate::format::Activation;

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

/// What becomes of a layer's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `slot = y`
    Replace,
    /// `slot = slot - y`: the residual, when `slot` holds the target.
    Subtract,
}

impl Write {
    #[inline(always)]
    fn apply(self, slot: &mut f32, y: f32) {
        match self {
            Self::Replace => *slot = y,
            Self::Subtract => *slot -= y,
        }
    }
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

    /// Computes the layer for the inputs `x` and writes its outputs to `y`.
    ///
    /// The sum of one output starts with its bias and takes the products in the order of the inputs, each product
    /// rounded before it is added: this order is part of the contract, it makes scores equal on every target. Four
    /// outputs advance together, so that each input is read once for four rows of weights; that changes no sum.
    ///
    /// # Shapes
    /// `x`: `[IN]`; `y`: at least `[OUT]`, what lies beyond is left alone.
    ///
    /// # Cost
    /// `IN * OUT` multiply-adds, no stack beyond registers.
    ///
    /// # Panics
    /// Never; slices of other lengths than stated leave outputs unwritten.
    pub fn forward(&self, x: &[f32], y: &mut [f32], write: Write) {
        let mut rows = self.weight.chunks_exact(x.len().max(1));
        let mut slots = y.iter_mut();
        let (blocks, rest) = self.bias.as_chunks::<4>();
        for bias in blocks {
            let (Some(row0), Some(row1), Some(row2), Some(row3)) = (rows.next(), rows.next(), rows.next(), rows.next())
            else {
                return;
            };
            let [mut sum0, mut sum1, mut sum2, mut sum3] = *bias;
            for ((((x, w0), w1), w2), w3) in x.iter().zip(row0).zip(row1).zip(row2).zip(row3) {
                sum0 += w0 * x;
                sum1 += w1 * x;
                sum2 += w2 * x;
                sum3 += w3 * x;
            }
            for (sum, slot) in [sum0, sum1, sum2, sum3].into_iter().zip(slots.by_ref()) {
                write.apply(slot, self.activation.apply(sum));
            }
        }
        for ((slot, &bias), row) in slots.zip(rest).zip(rows) {
            write.apply(slot, self.activation.apply(sum_in_order(bias, row, x)));
        }
    }
}

/// `bias + Σ_i w[i] * x[i]`, added in the order of `i`: the definition that every faster form must equal to the bit.
#[inline(always)]
fn sum_in_order(bias: f32, weight: &[f32], x: &[f32]) -> f32 {
    weight.iter().zip(x).fold(bias, |sum, (w, x)| sum + w * x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_equal_the_plain_sums_to_the_bit(
            (inputs, outputs) in (1_usize..9, 1_usize..11),
            values in prop::collection::vec(-4.0_f32..4.0, 8 * 10 + 10 + 8),
        ) {
            let (weight, rest) = values.split_at(inputs * outputs);
            let (bias, rest) = rest.split_at(outputs);
            let x = &rest[..inputs];
            let layer = Dense { weight, bias, activation: Activation::Relu };
            let mut y = [f32::NAN; 10];
            layer.forward(x, &mut y, Write::Replace);
            for output in 0..outputs {
                let plain = sum_in_order(bias[output], &weight[output * inputs..][..inputs], x).max(0.0);
                prop_assert_eq!(y[output].to_bits(), plain.to_bits());
            }
            prop_assert!(y[outputs..].iter().all(|y| y.is_nan()), "nothing is written beyond the outputs");
        }
    }

    #[test]
    fn weights_are_read_row_by_row() {
        // y0 = 0.5 + 1*10 + 2*20 + 3*30, y1 = -1 + 4*10 + 5*20 + 6*30
        let layer =
            Dense { weight: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], bias: &[0.5, -1.0], activation: Activation::Linear };
        let mut y = [0.0; 2];
        layer.forward(&[10.0, 20.0, 30.0], &mut y, Write::Replace);
        assert_eq!(y, [140.5, 319.0]);
        layer.forward(&[10.0, 20.0, 30.0], &mut y, Write::Subtract);
        assert_eq!(y, [0.0, 0.0]);
        assert_eq!((layer.inputs(), layer.outputs()), (3, 2));
    }
}
