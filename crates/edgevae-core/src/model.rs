//! A checked view of a model file.

use crate::dense::Dense;
use crate::error::LoadError;
use crate::format::{self, Calibration, Header, Missing, Names, ScoreKind};

/// A model file, checked once and then read in place: weights stay where the file is.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    header: Header<'a>,
    tensors: &'a [f32],
}

impl<'a> Model<'a> {
    /// Checks a model file and returns a view of it.
    ///
    /// Checked are magic, version, length, checksum, that shapes chain and add up to the bytes present, that every
    /// number is finite, and that every scale and the threshold are positive.
    ///
    /// # Errors
    /// A [`LoadError`] that says which of those failed; the bytes are then not to be used.
    ///
    /// # Cost
    /// One pass over the bytes for the checksum and one over the numbers; no weights are copied.
    ///
    /// # Panics
    /// Never, whatever the bytes.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let (header, tensors) = format::decode(bytes)?;
        let model = Self { header, tensors };
        model.check_shapes().ok_or(LoadError::Shapes)?;
        if let Some(index) = tensors.iter().position(|value| !value.is_finite()) {
            return Err(LoadError::NonFinite { index });
        }
        if let Some(feature) = model.reciprocals().iter().position(|&reciprocal| reciprocal <= 0.0) {
            return Err(LoadError::Scale { feature });
        }
        if !(model.header.threshold.is_finite() && model.header.threshold > 0.0) {
            return Err(LoadError::Threshold);
        }
        Ok(model)
    }

    /// `Some` when layers lead from the inputs through a latent layer back to the inputs, the tensors are as many as
    /// they need, and there is one name for each input.
    fn check_shapes(&self) -> Option<()> {
        let inputs = self.inputs();
        let scaler_tensors = if self.header.missing == Missing::Mean { 3 } else { 2 };
        let mut needed = inputs.checked_mul(scaler_tensors)?;
        let mut width = inputs;
        for layer in &self.header.layers {
            let outputs = usize::from(layer.outputs);
            needed = outputs.checked_mul(width.checked_add(1)?)?.checked_add(needed)?;
            width = outputs;
            if outputs == 0 {
                return None;
            }
        }
        let encoder = usize::from(self.header.encoder_layers);
        let latent_is_inside = encoder > 0 && encoder < self.header.layers.len();
        let mut names = self.feature_names();
        let named = names.by_ref().take(inputs).count() == inputs && names.remaining() == 0;
        (inputs > 0 && latent_is_inside && width == inputs && needed == self.tensors.len() && named).then_some(())
    }

    /// Number of features.
    pub fn inputs(&self) -> usize {
        usize::from(self.header.inputs)
    }

    /// Number of latents.
    pub fn latent(&self) -> usize {
        let layer = usize::from(self.header.encoder_layers).checked_sub(1).and_then(|at| self.header.layers.get(at));
        layer.map_or(0, |layer| usize::from(layer.outputs))
    }

    /// Widest layer between input and output: the `WIDTH` that a [`Detector`](crate::Detector) needs at least.
    pub fn width(&self) -> usize {
        let inner = self.header.layers.split_last().map_or(&[][..], |(_, inner)| inner);
        inner.iter().map(|layer| usize::from(layer.outputs)).max().unwrap_or(0)
    }

    /// Numbers of scratch memory that a [`SliceDetector`](crate::SliceDetector) needs: `IN + 2 * WIDTH`.
    pub fn scratch_len(&self) -> usize {
        // At most 3 * 65,535: no overflow on a 32-bit target.
        self.inputs() + 2 * self.width()
    }

    /// Weights, biases and scaler values.
    pub fn parameters(&self) -> usize {
        self.tensors.len()
    }

    /// Multiply-adds of one score, scaling and squared error not counted.
    pub fn multiply_adds(&self) -> usize {
        self.layers().map(|layer| layer.weight.len()).sum()
    }

    /// A score above it is an anomaly.
    pub fn threshold(&self) -> f32 {
        self.header.threshold
    }

    /// Where the threshold comes from.
    pub fn calibration(&self) -> Calibration {
        self.header.calibration
    }

    /// What the score is.
    pub fn score_kind(&self) -> ScoreKind {
        self.header.score
    }

    /// Policy for missing readings.
    pub fn missing(&self) -> Missing {
        self.header.missing
    }

    /// The file's header: everything but the numbers.
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// All numbers of the file in order: mean, reciprocal scale and (policy `Mean`) fill value of each feature, then
    /// weights and biases of each layer.
    pub fn tensors(&self) -> &'a [f32] {
        self.tensors
    }

    /// Feature names in the order of a sample.
    pub fn feature_names(&self) -> Names<'a> {
        Names::new(self.header.names)
    }

    /// Mean of each feature over the training rows, raw units, `[IN]`.
    pub fn means(&self) -> &'a [f32] {
        self.feature_tensor(0)
    }

    /// Reciprocal of each feature's standard deviation over the training rows, `[IN]`.
    pub fn reciprocals(&self) -> &'a [f32] {
        self.feature_tensor(1)
    }

    /// What replaces a missing reading, raw units, `[IN]`; empty unless the policy is [`Missing::Mean`].
    pub fn fills(&self) -> &'a [f32] {
        if self.header.missing == Missing::Mean { self.feature_tensor(2) } else { &[] }
    }

    fn feature_tensor(&self, index: usize) -> &'a [f32] {
        let inputs = self.inputs();
        self.tensors.get(index * inputs..).and_then(|rest| rest.get(..inputs)).unwrap_or(&[])
    }

    /// The dense layers from the scaled input to its reconstruction.
    pub fn layers(&self) -> Layers<'_> {
        let scaler = if self.header.missing == Missing::Mean { 3 } else { 2 } * self.inputs();
        Layers {
            layers: self.header.layers.iter(),
            tensors: self.tensors.get(scaler..).unwrap_or(&[]),
            width: self.inputs(),
        }
    }
}

/// Iterator over a model's dense layers.
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    layers: core::slice::Iter<'a, format::Layer>,
    tensors: &'a [f32],
    width: usize,
}

impl<'a> Iterator for Layers<'a> {
    type Item = Dense<'a>;

    #[inline]
    fn next(&mut self) -> Option<Dense<'a>> {
        let layer = self.layers.next()?;
        let outputs = usize::from(layer.outputs);
        let (weight, rest) = self.tensors.split_at_checked(outputs * self.width)?;
        let (bias, rest) = rest.split_at_checked(outputs)?;
        (self.tensors, self.width) = (rest, outputs);
        Some(Dense { weight, bias, activation: layer.activation })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.layers.size_hint()
    }
}

impl ExactSizeIterator for Layers<'_> {}
