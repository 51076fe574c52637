//! The one definition that every kernel is an instance of.

/// Defines `ROWS`, `STRIP` and `forward` for one kind of vector.
///
/// `vector` holds `lanes` numbers; a block has `vectors` of them for each feature, `strip` outputs advance together.
/// With `vectors * strip` sums, `vectors` inputs and a weight and a product in flight a tile must fit the registers.
/// `relu` is `if y < 0 { 0 } else { y }` in each lane, NaN kept. A macro and no generic function, because a function that
/// is generic over its vector cannot say which instruction set its operations need.
macro_rules! strips {
    (
        $(#[$set:meta])*
        vector: $vector:ty, lanes: $lanes:literal, vectors: $vectors:literal, strip: $strip:literal,
        splat: $splat:expr, multiply: $multiply:expr, add: $add:expr, subtract: $subtract:expr, relu: $relu:expr $(,)?
    ) => {
        use crate::score::kernel::Write;
        use crate::score::network::Layer;
        use edgevae_core::format::Activation;

        /// Rows of a block.
        pub const ROWS: usize = $lanes * $vectors;
        /// Outputs that advance together.
        pub const STRIP: usize = $strip;
        const _: () = assert!(STRIP == 4, "`forward` takes what a strip of 4 leaves");

        /// One feature of a block's rows.
        type Feature = [$vector; $vectors];

        /// Sums of `OUTPUTS` outputs for all rows: `bias[o] + Σ_i weight[i][o] * x[i]`, in the order of `i`.
        $(#[$set])*
        #[inline]
        fn sums<const OUTPUTS: usize>(bias: &[f32], weight: &[f32], x: &[Feature]) -> [Feature; OUTPUTS] {
            let mut sums = [[$splat(0.0); $vectors]; OUTPUTS];
            for (sums, &bias) in sums.iter_mut().zip(bias) {
                *sums = [$splat(bias); $vectors];
            }
            for (weight, x) in weight.as_chunks::<OUTPUTS>().0.iter().zip(x) {
                for (sums, &weight) in sums.iter_mut().zip(weight) {
                    let weight = $splat(weight);
                    for (sum, &x) in sums.iter_mut().zip(x) {
                        *sum = $add(*sum, $multiply(weight, x));
                    }
                }
            }
            sums
        }

        /// A strip of a layer: writes its outputs, or subtracts them where `y` holds the layer's target.
        $(#[$set])*
        #[inline]
        fn strip<const OUTPUTS: usize>(
            layer: &Layer,
            (bias, weight): (&[f32], &[f32]),
            x: &[Feature],
            y: &mut [Feature],
            write: Write,
        ) {
            let sums = sums::<OUTPUTS>(bias, weight, x);
            for (slots, sums) in y.iter_mut().zip(sums) {
                for (slot, sum) in slots.iter_mut().zip(sums) {
                    let output = match layer.activation {
                        Activation::Relu => $relu(sum),
                        Activation::Linear => sum,
                    };
                    *slot = match write {
                            Write::Replace => output,
                            Write::Subtract => $subtract(*slot, output),
                        };
                }
            }
        }

        /// See [`Kernel::forward`](crate::score::kernel::Kernel::forward).
        $(#[$set])*
        pub fn forward(layer: &Layer, x: &[f32], y: &mut [f32], write: Write) {
            let x = bytemuck::cast_slice::<f32, Feature>(x);
            let mut y = bytemuck::cast_slice_mut::<f32, Feature>(y);
            for (outputs, bias_and_weight) in layer.strips(STRIP) {
                let slots;
                (slots, y) = y.split_at_mut(outputs);
                if outputs == STRIP {
                    strip::<STRIP>(layer, bias_and_weight, x, slots, write);
                    continue;
                }
                match outputs {
                    2 => strip::<2>(layer, bias_and_weight, x, slots, write),
                    _ => strip::<1>(layer, bias_and_weight, x, slots, write),
                }
            }
        }
    };
}
