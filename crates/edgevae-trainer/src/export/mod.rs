//! From a fitted network, a scaler and a calibration to a model file.

pub mod model_file;
pub mod remembered;
pub mod signing;

use edgevae_core::format::extras::RANGE;
use edgevae_core::format::{
    self, Activation, CalibrationSet, Contents, DecoderVariance, Extra, Header, Layer, MAX_LAYERS, Missing, Numbers,
};
use edgevae_core::head::Needs;
use edgevae_core::range;

use crate::calibrate::threshold::Calibration;
use crate::export::model_file::{ModelFile, kept_extras};
use crate::fit::vae::{DenseLayer, Vae};
use crate::heads::FittedHead;
use crate::prepare::scaler::Scaler;

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
    /// The network.
    pub network: &'a Vae,
    /// Seed of the run.
    pub seed: u64,
    /// Largest magnitude of the training rows in scales; see [`Scaler::reach`].
    pub reach: f32,
}

impl Export<'_> {
    /// The file, with its heads, a threshold and where it comes from. Log variances that no head asks for stay out.
    ///
    /// # Shapes
    /// `names`, `scaler` and the first layer's inputs: IN; the last layer's outputs: IN. Layers: at most
    /// [`MAX_LAYERS`]; each at most 65,535 wide (checked with the options).
    pub fn model_file(&self, heads: &[FittedHead], calibration: &Calibration, set: CalibrationSet) -> ModelFile {
        let names = encode_names(self.names);
        let needs = heads.iter().fold(Needs::default(), |needs, head| needs.or(head.kind.needs()));
        let (encoder, decoder) = (self.network.encoder_layers(), self.network.reconstruction_layers());
        let layers: heapless::Vec<_, MAX_LAYERS> = encoder.iter().chain(&decoder).map(layer).collect();

        let means = self.scaler.means();
        let mut tensors = [&means[..], &self.scaler.reciprocals()].concat();
        if self.missing == Missing::Mean {
            tensors.extend(means);
        }
        encoder.iter().chain(&decoder).for_each(|layer| push_layer(&mut tensors, layer));
        if needs.logvar {
            push_layer(&mut tensors, &self.network.encoder_logvar_layer());
        }
        let decoder_variance = if needs.x_logvar { self.push_variance(&mut tensors) } else { DecoderVariance::Unit };
        for head in heads {
            tensors.extend(&head.parameters);
            tensors.extend(&head.tail);
        }
        tensors.extend(heads.iter().flat_map(|head| &head.packed).map(|&word| f32::from_bits(word)));
        let header = Header {
            numbers: Numbers::Float32,
            tool: TOOL.as_bytes(),
            seed: self.seed,
            inputs: self.names.len() as u16,
            encoder_layers: encoder.len() as u8,
            layers,
            missing: self.missing,
            clip: self.scaler.clip.unwrap_or(f32::INFINITY),
            encoder_logvar: needs.logvar,
            decoder_variance,
            heads: heads.iter().map(FittedHead::spec).collect(),
            threshold: calibration.threshold,
            calibration: record(calibration, set),
            names: &names,
        };
        let limit = self.range_limit().map(f32::to_le_bytes);
        let extras: Vec<Extra<'_>> = limit.iter().map(|limit| Extra { tag: RANGE, bytes: limit }).collect();
        ModelFile::of(&Contents { extras: &extras, ..Contents::new(&header, bytemuck::cast_slice(&tensors)) })
    }

    /// The limit of the range of readings, where half of the one that a device takes by itself is within reach of the
    /// training rows: twice their reach.
    fn range_limit(&self) -> Option<f32> {
        let limit = 2.0 * self.reach;
        (limit > range::LIMIT).then_some(limit.min(f32::MAX))
    }

    /// Adds what the decoder says of its variance.
    fn push_variance(&self, tensors: &mut Vec<f32>) -> DecoderVariance {
        if let Some(layer) = self.network.decoder_logvar_layer() {
            push_layer(tensors, &layer);
            return DecoderVariance::PerRow;
        }
        match self.network.feature_logvar() {
            Some(logvar) => {
                tensors.extend(logvar);
                DecoderVariance::PerFeature
            }
            None => DecoderVariance::Unit,
        }
    }
}

fn push_layer(tensors: &mut Vec<f32>, layer: &DenseLayer) {
    tensors.extend_from_slice(&layer.weight);
    tensors.extend_from_slice(&layer.bias);
}

/// The same model with another threshold: weights, scaler, names and [extras](kept_extras) stay as they are.
pub fn recalibrated(model: &edgevae_core::Model<'_>, calibration: &Calibration, set: CalibrationSet) -> ModelFile {
    let threshold = calibration.threshold;
    let header =
        Header { threshold, calibration: record(calibration, set), tool: TOOL.as_bytes(), ..model.header().clone() };
    let extras = kept_extras(model.extras());
    ModelFile::of(&Contents { extras: &extras, ..Contents::new(&header, bytemuck::cast_slice(model.tensors())) })
}

pub(crate) fn record(calibration: &Calibration, set: CalibrationSet) -> format::Calibration {
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
