//! A model's layers, rearranged so that a kernel reads its weights in one straight run.

use edgevae_core::format::Activation;
use edgevae_core::{Dense, Model};

/// One dense layer, its outputs divided into strips.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Applied to each output.
    pub activation: Activation,
    inputs: usize,
    bias: Vec<f32>,
    /// Strip by strip `[IN][outputs of the strip]`.
    weight: Vec<f32>,
}

/// Outputs of the strip that begins where `left` outputs are left: `strip`, and at the end its largest power of two that
/// still fits.
fn strip_outputs(strip: usize, left: usize) -> usize {
    if left >= strip { strip } else { 1 << left.ilog2() }
}

impl Layer {
    pub fn pack(dense: &Dense<'_>, strip: usize) -> Self {
        let (inputs, outputs) = (dense.inputs(), dense.outputs());
        let mut weight = Vec::with_capacity(dense.weight.len());
        let mut first = 0;
        while first < outputs {
            let width = strip_outputs(strip, outputs - first);
            for input in 0..inputs {
                weight.extend((first..first + width).map(|output| dense.weight[output * inputs + input]));
            }
            first += width;
        }
        Self { activation: dense.activation, inputs, bias: dense.bias.to_vec(), weight }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The strips in order: number of outputs, their biases `[outputs]` and weights `[IN][outputs]`.
    #[inline]
    pub fn strips(&self, strip: usize) -> impl Iterator<Item = (usize, (&[f32], &[f32]))> {
        let (mut bias, mut weight) = (&self.bias[..], &self.weight[..]);
        std::iter::from_fn(move || {
            if bias.is_empty() {
                return None;
            }
            let outputs = strip_outputs(strip, bias.len());
            let (biases, weights);
            (biases, bias) = bias.split_at(outputs);
            (weights, weight) = weight.split_at(outputs * self.inputs);
            Some((outputs, (biases, weights)))
        })
    }
}

/// A model's layers, packed for one kernel; log variances only where its heads need them.
#[derive(Clone, Debug)]
pub struct Network {
    /// From the scaled input to `mu`.
    pub encoder: Vec<Layer>,
    /// The posterior's log variance, from the input of the encoder's last layer.
    pub encoder_logvar: Option<Layer>,
    /// From `z` to the reconstruction.
    pub decoder: Vec<Layer>,
    /// Log variance of each feature, from the input of the decoder's last layer.
    pub decoder_logvar: Option<Layer>,
}

impl Network {
    /// Copies the weights of a model into strips of `strip` outputs, a power of two.
    pub fn pack(model: &Model<'_>, strip: usize) -> Self {
        let (pack, needs) = (|dense: Dense<'_>| Layer::pack(&dense, strip), model.needs());
        Self {
            encoder: model.encoder().map(pack).collect(),
            encoder_logvar: model.encoder_logvar().filter(|_| needs.logvar).map(pack),
            decoder: model.decoder().map(pack).collect(),
            decoder_logvar: model.decoder_logvar().filter(|_| needs.x_logvar).map(pack),
        }
    }
}
