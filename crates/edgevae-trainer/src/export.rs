//! From a fitted network, a scaler and a calibration to a model file.

use edgevae_core::format::{self, Activation, CalibrationSet, Header, Layer, MAX_LAYERS, Missing, ScoreKind};

use crate::model_file::ModelFile;
use crate::scaler::Scaler;
use crate::threshold::Calibration;
use crate::vae::DenseLayer;

/// Written into every model file.
pub const TOOL: &str = concat!("edgevae ", env!("CARGO_PKG_VERSION"));

/// Everything that a model file is made of.
#[derive(Debug)]
pub struct Export<'a> {
    /// Feature names in column order.
    pub names: &'a [String],
    /// Statistics of the training rows.
    pub scaler: &'a Scaler,
    /// What becomes of missing readings.
    pub missing: Missing,
    /// Layers from the scaled input to `mu`.
    pub encoder: &'a [DenseLayer],
    /// Layers from `z` to `x_hat`.
    pub decoder: &'a [DenseLayer],
    /// Seed of the run.
    pub seed: u64,
}

impl Export<'_> {
    /// The file, with a threshold and where it comes from.
    ///
    /// # Shapes
    /// `names`, `scaler` and the first layer's inputs: IN; the last layer's outputs: IN. Layers: at most
    /// [`MAX_LAYERS`]; each at most 65,535 wide (checked with the options).
    pub fn model_file(&self, calibration: &Calibration, set: CalibrationSet) -> ModelFile {
        let names = encode_names(self.names);
        let layers: heapless::Vec<_, MAX_LAYERS> = self.encoder.iter().chain(self.decoder).map(layer).collect();
        let header = Header {
            tool: TOOL,
            seed: self.seed,
            inputs: self.names.len() as u16,
            encoder_layers: self.encoder.len() as u8,
            layers,
            missing: self.missing,
            score: ScoreKind::Mse,
            threshold: calibration.threshold,
            calibration: record(calibration, set),
            names: &names,
        };
        ModelFile::encode(&header, &self.tensors())
    }

    fn tensors(&self) -> Vec<f32> {
        let means = self.scaler.means();
        let mut tensors = [&means[..], &self.scaler.reciprocals()].concat();
        if self.missing == Missing::Mean {
            tensors.extend(means);
        }
        for layer in self.encoder.iter().chain(self.decoder) {
            tensors.extend_from_slice(&layer.weight);
            tensors.extend_from_slice(&layer.bias);
        }
        tensors
    }
}

/// The same model with another threshold: weights, scaler and names stay as they are.
pub fn recalibrated(model: &edgevae_core::Model<'_>, calibration: &Calibration, set: CalibrationSet) -> ModelFile {
    let threshold = calibration.threshold;
    let header = Header { threshold, calibration: record(calibration, set), tool: TOOL, ..model.header().clone() };
    ModelFile::encode(&header, model.tensors())
}

fn record(calibration: &Calibration, set: CalibrationSet) -> format::Calibration {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (rows, exceedances) = (count(calibration.rows), count(calibration.exceedances));
    format::Calibration { set, rows, exceedances, quantile: calibration.quantile }
}

fn layer(dense: &DenseLayer) -> Layer {
    let activation = if dense.relu { Activation::Relu } else { Activation::Linear };
    Layer { outputs: dense.outputs as u16, activation }
}

/// Names as the format wants them: postcard strings, one after the other.
fn encode_names(names: &[String]) -> Vec<u8> {
    let encoded = names.iter().flat_map(|name| postcard::to_stdvec(name).expect("a string always encodes"));
    encoded.collect()
}
