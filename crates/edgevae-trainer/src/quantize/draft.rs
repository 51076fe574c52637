//! The int8 network of a float one: its ranges, its weights rounded for them, fine-tuned where asked for.

use edgevae_core::Model;
use edgevae_core::format::{CalibrationSet, HeadKind};
use ndarray::ArrayView2;
use serde::Serialize;

use super::file::{self, words};
use super::layer::Inputs;
use super::network::{network, with_layers};
use super::ranges::{Choice, Range};
use super::{LEAST_ROWS, QuantizeError, qat, ranges};
use crate::calibrate::threshold::Calibration;
use crate::export::model_file::ModelFile;

/// What one unit of each activation stands for, in the float model's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// Of the scaled input, its reconstruction and the residual.
    pub input: f64,
    /// Of each layer's outputs but the last one's.
    pub layers: Vec<f64>,
    /// Of the whitened latents, where the Mahalanobis distance is the score.
    pub head: Option<f64>,
}

/// An int8 model without a threshold.
#[derive(Debug)]
pub struct Draft<'m> {
    model: &'m Model<'m>,
    pub(super) words: Vec<i32>,
    /// The range of each activation and why it was chosen.
    pub ranges: Vec<Range>,
    /// Calibration rows whose scores decided.
    pub searched: usize,
    /// Score error on them: root of the mean squared relative difference to the float scores. After fine-tuning, with the
    /// weights that were kept.
    pub score_error: f64,
    /// What fine-tuning did, if there was any.
    pub tuned: Option<Tuned>,
}

/// How a network is fine-tuned for rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Passes over the calibration rows; 0: weights are rounded as they are.
    pub epochs: usize,
    /// Determines the order of the rows and how they are displaced.
    pub seed: u64,
}

/// What fine-tuning did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuned {
    /// Passes over the calibration rows.
    pub epochs: usize,
    /// The epoch whose weights have the least score error; 0: those before.
    pub kept_epoch: usize,
    /// Score error of rounding alone: root of the mean squared relative difference to the float scores.
    pub score_error_before: f64,
    /// The same with the weights that were kept.
    pub score_error: f64,
}

/// Chooses ranges from calibration rows and quantizes a model.
///
/// # Shapes
/// `rows`: `[ROWS, IN]` in raw units, representative of normal operation; `indices`: `[ROWS]`, places in the data set
/// counted from 0, for messages.
///
/// # Errors
/// [`QuantizeError`].
pub fn quantize<'m>(
    model: &'m Model<'m>,
    rows: ArrayView2<'_, f32>,
    indices: &[usize],
    tuning: Tuning,
) -> Result<Draft<'m>, QuantizeError> {
    if rows.nrows() < LEAST_ROWS {
        return Err(QuantizeError::TooFewRows(rows.nrows()));
    }
    let kinds: Vec<HeadKind> = model.header().heads.iter().map(|head| head.kind).collect();
    check(&kinds, model.header().clip)?;
    check_fills(model)?;
    let file = network(model);
    let network = file.model()?;
    let Choice { units, inputs, ranges, score_error, rows: searched } =
        ranges::choose((model, &network), rows, indices)?;
    let words = words(&network, &units, &inputs)?;
    let mut draft = Draft { model, words, ranges, searched, score_error, tuned: None };
    if tuning.epochs > 0 {
        draft.tune((&network, &units, &inputs), rows, indices, tuning)?;
    }
    Ok(draft)
}

/// Whether a model with these heads, whose scaled readings are held within `±clip`, has an int8 form.
///
/// # Errors
/// [`QuantizeError::NoIntegerForm`], [`QuantizeError::Clipped`].
pub fn check(heads: &[HeadKind], clip: f32) -> Result<(), QuantizeError> {
    let refuse = |name, why| Err(QuantizeError::NoIntegerForm(name, why));
    match *heads {
        _ if clip.is_finite() => Err(QuantizeError::Clipped(clip)),
        [HeadKind::Mse | HeadKind::Mahalanobis] => Ok(()),
        [kind @ (HeadKind::Nll | HeadKind::Elbo)] => {
            refuse(kind.name(), "it divides by variances that are exponentials of network outputs")
        }
        [kind @ HeadKind::ReconstructionProbability { .. }] => {
            refuse(kind.name(), "it averages exponentials over draws of the latents")
        }
        [kind] => {
            refuse(kind.name(), "its parameters are kept in floating point, and no integer form of them is built")
        }
        _ => refuse("combined` or `density", "its parts are brought to one footing in floating point"),
    }
}

/// In integers a missing reading becomes the mean, 0, and nothing else.
fn check_fills(model: &Model<'_>) -> Result<(), QuantizeError> {
    let differs = |at: &usize| model.fills()[*at] != model.means()[*at];
    let at = (0..model.fills().len()).find(differs);
    at.map_or(Ok(()), |at| {
        let column = model.feature_names().nth(at).unwrap_or_default().to_owned();
        Err(QuantizeError::Fill { column, fill: model.fills()[at], mean: model.means()[at] })
    })
}

impl Draft<'_> {
    /// Fine-tunes the weights for the units and keeps those of the epoch with the least score error, if that is less than
    /// the error of rounding alone.
    fn tune(
        &mut self,
        (network, units, inputs): (&Model<'_>, &Units, &[Inputs]),
        rows: ArrayView2<'_, f32>,
        indices: &[usize],
        tuning: Tuning,
    ) -> Result<(), QuantizeError> {
        let model = self.model;
        let sample = ranges::Sample::new(model, rows, indices, tuning.epochs + 1)?;
        let before = sample.score_error(model, &self.words)?;
        let mut tuned = Tuned { epochs: tuning.epochs, kept_epoch: 0, score_error_before: before, score_error: before };
        let mut epoch = 0;
        qat::tune((network, units, inputs), rows, (tuning.epochs, tuning.seed), &mut |parameters| {
            epoch += 1;
            let file = with_layers(network, parameters);
            let words = words(&file.model()?, units, inputs)?;
            let score_error = sample.score_error(model, &words)?;
            if score_error < tuned.score_error {
                self.words = words;
                (tuned.kept_epoch, tuned.score_error) = (epoch, score_error);
            }
            Ok(())
        })?;
        (self.searched, self.score_error) = (sample.len(), tuned.score_error);
        self.tuned = Some(tuned);
        Ok(())
    }

    /// The file with a threshold that flags nothing but readings out of range; its scores calibrate.
    ///
    /// # Errors
    /// [`QuantizeError::Load`] when the core refuses it.
    pub fn uncalibrated(&self) -> Result<ModelFile, QuantizeError> {
        file::uncalibrated(self.model, &self.words)
    }

    /// The file with a threshold and where it comes from.
    ///
    /// # Errors
    /// [`QuantizeError::Load`] when the core refuses it.
    pub fn calibrated(&self, calibration: &Calibration, set: CalibrationSet) -> Result<ModelFile, QuantizeError> {
        file::calibrated(self.model, &self.words, calibration, set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::qat::tests::{IN, coarse, rows};
    use edgevae_core::format::{Header, Missing};

    #[test]
    fn a_fill_that_is_not_the_mean_is_refused() {
        let file = coarse(HeadKind::Mse);
        let model = file.model().unwrap();
        let header = Header { missing: Missing::Mean, ..model.header().clone() };
        for fill in [0.0, 2.0] {
            let mut tensors = model.tensors().to_vec();
            let fills = [0.0, 0.0, fill, 0.0, 0.0, 0.0];
            tensors.splice(2 * IN..2 * IN, fills);
            let file = ModelFile::encode(&header, &tensors);
            let indices: Vec<usize> = (0..100).collect();
            let model = file.model().unwrap();
            let said = quantize(&model, rows(100, 2, 2.0).view(), &indices, Tuning::default()).map(|_| ());
            match said.map_err(|error| error.to_string()) {
                Ok(()) => assert_eq!(fill, 0.0),
                Err(error) => assert!(fill == 2.0 && error.contains("column \"c\" is 2 to the model"), "{error}"),
            }
        }
    }
}
