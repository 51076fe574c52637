//! The int8 model's file: the float model's header, the words of the network, and a threshold.

use edgevae_core::format::{CalibrationSet, Contents, DecoderVariance, HeadKind, Header, Numbers};
use edgevae_core::quant::{PREFIX, to_float_score};
use edgevae_core::{Model, QuantizedModel};

use super::layer::Inputs;
use super::network::Whitening;
use super::{QuantizeError, Units, input, layer};
use crate::calibrate::threshold::{self, Calibration};
use crate::export::model_file::{ModelFile, kept_extras};
use crate::export::{self, TOOL};

/// The words of an int8 file: a threshold of 0, the score's unit, inputs, layers, head.
pub(super) fn words(model: &Model<'_>, units: &Units, inputs: &[Inputs]) -> Result<Vec<i32>, QuantizeError> {
    let unit = match units.head {
        Some(head) => head * head,
        None => units.input * units.input / model.inputs() as f64,
    };
    let mut words = vec![0, 0, (unit as f32).to_bits() as i32];
    for (&mean, &reciprocal) in model.means().iter().zip(model.reciprocals()) {
        words.extend(input::input(mean, reciprocal, units.input).to_words());
    }
    let outputs = units.layers.iter().chain([&units.input]);
    let mut unit = units.input;
    for (at, (dense, &output)) in model.layers().zip(outputs).enumerate() {
        layer::push_layer(&mut words, &dense, &inputs[at], unit, output)
            .map_err(|source| QuantizeError::Layer { layer: at + 1, source })?;
        unit = output;
    }
    if let (Some(whitening), Some(head)) = (Whitening::of(model), units.head) {
        let decoder = usize::from(model.header().encoder_layers);
        let (inputs, latents) = (&inputs[decoder], units.layers[decoder - 1]);
        layer::push_layer(&mut words, &whitening.dense(), inputs, latents, head)
            .map_err(|source| QuantizeError::Layer { layer: units.layers.len() + 2, source })?;
    }
    Ok(words)
}

/// The file of these words with a threshold that flags nothing but readings out of range.
pub(super) fn uncalibrated(model: &Model<'_>, words: &[i32]) -> Result<ModelFile, QuantizeError> {
    calibrated(model, words, &threshold::at_threshold(&[], f32::MAX)?, CalibrationSet::ByHand)
}

/// The file of these words with a threshold and where it comes from; names, heads and seed are the float model's.
pub(super) fn calibrated(
    model: &Model<'_>,
    words: &[i32],
    calibration: &Calibration,
    set: CalibrationSet,
) -> Result<ModelFile, QuantizeError> {
    let header = Header {
        numbers: Numbers::Int8,
        tool: TOOL.as_bytes(),
        encoder_logvar: false,
        decoder_variance: DecoderVariance::Unit,
        threshold: calibration.threshold,
        calibration: export::record(calibration, set),
        ..model.header().clone()
    };
    let extras = kept_extras(model.extras());
    with_threshold(Contents { extras: &extras, ..Contents::new(&header, words) })
}

/// The same int8 model with another threshold.
///
/// # Errors
/// [`QuantizeError::Load`] when the core refuses the file.
pub fn recalibrated(
    model: &QuantizedModel<'_>,
    calibration: &Calibration,
    set: CalibrationSet,
) -> Result<ModelFile, QuantizeError> {
    let header = Header {
        threshold: calibration.threshold,
        calibration: export::record(calibration, set),
        tool: TOOL.as_bytes(),
        ..model.header()
    };
    let extras = kept_extras(model.extras());
    with_threshold(Contents { extras: &extras, ..Contents::new(&header, model.words()) })
}

/// Encodes a file whose integer threshold agrees with the header's: the largest score that is rendered at or below it.
fn with_threshold(contents: Contents<'_>) -> Result<ModelFile, QuantizeError> {
    let Contents { header, words, .. } = contents;
    let unit = f32::from_bits(words[PREFIX - 1].cast_unsigned());
    let head = header.heads.first().map_or(HeadKind::Mse, |head| head.kind);
    // Scores as floats never fall as scores rise, so halving finds the last one that is not above the threshold.
    let (mut below, mut above) = (0_u64, u64::MAX);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if to_float_score(middle, unit, head) <= header.threshold { below = middle } else { above = middle }
    }
    let mut words = words.to_vec();
    (words[0], words[1]) = (below as u32 as i32, (below >> 32) as u32 as i32);
    let file = ModelFile::of(&Contents { words: &words, ..contents });
    file.quantized()?;
    Ok(file)
}
