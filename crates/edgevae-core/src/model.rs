//! A checked view of a model file.

use crate::dense::{Dense, keep_rolled};
use crate::error::LoadError;
use crate::format::extras::RANGE;
use crate::format::{
    self, Activation, Calibration, DecoderVariance, Extras, HeadKind, HeadSpec, Header, Missing, Names, Sections,
};
use crate::head::{HAVE_PACKED, HAVE_TENSORS, Head as _, HeadCost, Heads, Needs, Sizes};
use crate::memory::Memory;
use crate::range;
use crate::scaler::standardize;

/// A model file, checked once and then read in place: weights stay where the file is.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    header: Header<'a>,
    extras: &'a [u8],
    tensors: &'a [f32],
    range_limit: f32,
}

impl<'a> Model<'a> {
    /// Checks a model file and returns a view of it.
    ///
    /// Checked are magic, version, length, checksum, that shapes chain and add up to the bytes present, that every
    /// number is finite, that every scale is positive, that each head is compiled in and has parameters that score, and
    /// that the threshold is positive, or only finite where a score may be negative.
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
        let mut model = Self::empty();
        match model.load(bytes).and_then(Sections::without_input).and_then(|()| model.check()) {
            Ok(()) => Ok(model),
            Err(error) => Err(error),
        }
    }

    /// A file's model and its input section, empty if it has none.
    #[cfg(feature = "encoding")]
    pub(crate) fn with_input(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), LoadError> {
        let mut model = Self::empty();
        let sections = model.load(bytes)?;
        model.check()?;
        Ok((model, sections.input))
    }

    #[inline(always)]
    fn empty() -> Self {
        Self { header: Header::empty(), extras: &[], tensors: &[], range_limit: range::LIMIT }
    }

    fn load(&mut self, bytes: &'a [u8]) -> Result<Sections<'a>, LoadError> {
        let mut sections = Sections::default();
        self.tensors = format::decode(bytes, &mut self.header, &mut sections)?;
        self.extras = sections.extras;
        if let Some(limit) = self.extra(RANGE) {
            let limit = limit.try_into().map_or(0.0, f32::from_le_bytes);
            self.range_limit = if limit > 0.0 { limit } else { return Err(LoadError::Malformed) };
        }
        Ok(sections)
    }

    #[inline(always)]
    fn check(&self) -> Result<(), LoadError> {
        self.check_compiled()?;
        self.check_shapes().ok_or(LoadError::Shapes)?;
        self.check_numbers()?;
        self.check_heads()?;
        self.check_threshold()
    }

    /// Every number finite, every scale and the clip positive.
    #[inline(never)]
    fn check_numbers(&self) -> Result<(), LoadError> {
        let numbers = if HAVE_PACKED { self.tensors.len().saturating_sub(self.packed_len()) } else { usize::MAX };
        for (index, value) in self.tensors.get(..numbers).unwrap_or(self.tensors).iter().enumerate() {
            if !value.is_finite() {
                return Err(LoadError::NonFinite { index });
            }
            keep_rolled();
        }
        if self.header.clip.is_nan() || self.header.clip <= 0.0 {
            return Err(LoadError::Malformed);
        }
        for (feature, &reciprocal) in self.reciprocals().iter().enumerate() {
            if reciprocal <= 0.0 {
                return Err(LoadError::Scale { feature });
            }
            keep_rolled();
        }
        Ok(())
    }

    fn check_threshold(&self) -> Result<(), LoadError> {
        let threshold = self.threshold();
        if !threshold.is_finite() || (threshold <= 0.0 && !self.may_be_negative()) {
            return Err(LoadError::Threshold);
        }
        Ok(())
    }

    /// `Some` when layers lead from the inputs through a latent layer back to the inputs, the tensors are as many as
    /// they need, and there is one name for each input.
    #[inline(never)]
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
            keep_rolled();
        }
        needed = needed.checked_add(self.encoder_logvar_len()?)?.checked_add(self.decoder_variance_len()?)?;
        for head in &self.header.heads {
            needed = needed.checked_add(head.words(inputs, self.latent())?)?;
            keep_rolled();
        }
        let encoder = usize::from(self.header.encoder_layers);
        let latent_is_inside = encoder > 0 && encoder < self.header.layers.len();
        let named = format::count_names(self.header.names) == Some(inputs);
        (inputs > 0 && latent_is_inside && width == inputs && needed == self.tensors.len() && named).then_some(())
    }

    /// That this build has every head.
    fn check_compiled(&self) -> Result<(), LoadError> {
        if self.header.heads.len() > 1 && !cfg!(feature = "combination") {
            return Err(LoadError::NotCompiled { feature: "combination" });
        }
        for head in &self.header.heads {
            if !head.kind.is_compiled() {
                return Err(LoadError::NotCompiled { feature: head.kind.name() });
            }
            keep_rolled();
        }
        Ok(())
    }

    /// That every head has the parts of the network that it needs, and numbers that can score.
    #[inline(never)]
    fn check_heads(&self) -> Result<(), LoadError> {
        let heads = &self.header.heads;
        let several = heads.len() > 1;
        let mut sampling = false;
        for (spec, (head, tail)) in heads.iter().zip(self.heads()) {
            // `check_compiled` has found every head.
            let head = head.ok_or(LoadError::Shapes)?;
            let needs = spec.kind.needs();
            let second_sampling = needs.sampled && sampling;
            sampling |= needs.sampled;
            let has_encoder = self.header.encoder_logvar || !needs.logvar;
            let has_footing = if several { tail.is_some_and(|tail| tail.is_sound()) } else { spec.knots == 0 };
            if !(has_encoder && has_footing && head.is_sound()) || second_sampling {
                return Err(LoadError::Head { head: spec.kind.name() });
            }
        }
        if heads.is_empty() { Err(LoadError::Shapes) } else { Ok(()) }
    }

    /// Whether a score may be negative: a lone head's log-likelihood may, all others are distances or averages of them.
    pub fn may_be_negative(&self) -> bool {
        self.header.heads.len() == 1 && self.needs().x_logvar
    }

    /// Whether the score is the reconstruction error and nothing else: then it is not finite where the residual is not.
    pub(crate) fn is_error_alone(&self) -> bool {
        matches!(self.header.heads[..], [HeadSpec { kind: HeadKind::Mse, .. }])
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
        let mut width = 0;
        for layer in self.header.layers.iter().take(self.header.layers.len().saturating_sub(1)) {
            width = width.max(layer.outputs);
            keep_rolled();
        }
        usize::from(width)
    }

    /// Numbers of scratch memory that a [`SliceDetector`](crate::SliceDetector) needs: `IN + 2 * WIDTH` and
    /// [`Model::memory_len`].
    #[expect(clippy::arithmetic_side_effects, reason = "at most 10 * 65,535: no overflow on a 32-bit target")]
    pub fn scratch_len(&self) -> usize {
        self.inputs() + 2 * self.width() + self.memory_len()
    }

    /// Numbers of memory that the heads need beside the network: the `MEMORY` of a [`Detector`](crate::Detector), 0 for
    /// the reconstruction error.
    pub fn memory_len(&self) -> usize {
        Memory::len(self)
    }

    /// Weights, biases and scaler values.
    pub fn parameters(&self) -> usize {
        self.tensors.len()
    }

    /// Multiply-adds of one score, network and heads; scaling is not counted.
    #[expect(clippy::arithmetic_side_effects, reason = "counts of numbers in memory")]
    pub fn multiply_adds(&self) -> usize {
        let heads: usize = self.head_costs().map(|cost| cost.multiply_adds).sum();
        self.network_multiply_adds() + heads
    }

    /// Multiply-adds of one pass of the network, log variances included.
    #[expect(clippy::arithmetic_side_effects, reason = "counts of numbers in memory")]
    pub fn network_multiply_adds(&self) -> usize {
        let encoder: usize = self.encoder().map(|layer| layer.weight.len()).sum();
        encoder + self.encoder_logvar().map_or(0, |layer| layer.weight.len()) + self.decode_multiply_adds()
    }

    #[expect(clippy::arithmetic_side_effects, reason = "counts of numbers in memory")]
    fn decode_multiply_adds(&self) -> usize {
        let layers: usize = self.decoder().map(|layer| layer.weight.len()).sum();
        layers + self.decoder_logvar().map_or(0, |layer| layer.weight.len())
    }

    /// What each head costs.
    pub fn head_costs(&self) -> impl Iterator<Item = HeadCost> {
        let sizes = Sizes { inputs: self.inputs(), latent: self.latent(), decode: self.decode_multiply_adds() };
        self.header.heads.iter().zip(self.heads()).map(move |(spec, (head, _))| HeadCost {
            kind: spec.kind,
            multiply_adds: head.map_or(0, |head| head.multiply_adds(sizes)),
            parameters: spec.words(sizes.inputs, sizes.latent).unwrap_or(0),
        })
    }

    /// A score above it is an anomaly.
    pub fn threshold(&self) -> f32 {
        self.header.threshold
    }

    /// Whether a score is an anomaly's: above the threshold, strictly.
    #[inline]
    pub fn is_anomaly(&self, score: f32) -> bool {
        score > self.threshold()
    }

    /// Scales from the centre of the training rows beyond which a reading is out of range: an anomaly whatever the score.
    #[inline]
    pub fn range_limit(&self) -> f32 {
        self.range_limit
    }

    /// Whether a reading of the sample is out of range; a missing one is not.
    ///
    /// # Shapes
    /// `sample`: `[IN]`, raw units.
    ///
    /// # Panics
    /// Never.
    pub fn is_out_of_range(&self, sample: &[f32]) -> bool {
        let scaler = self.means().iter().zip(self.reciprocals());
        sample
            .iter()
            .zip(scaler)
            .any(|(&raw, (&mean, &reciprocal))| standardize(raw, mean, reciprocal).abs() > self.range_limit)
    }

    /// Where the threshold comes from.
    pub fn calibration(&self) -> Calibration {
        self.header.calibration
    }

    /// Policy for missing readings.
    pub fn missing(&self) -> Missing {
        self.header.missing
    }

    /// The file's header: everything but the numbers.
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// All numbers of the file in order: mean, reciprocal scale and (policy `Mean`) fill value of each feature, weights
    /// and biases of each layer, then what the log variances and the heads take; `docs/FORMAT.md` has it in full.
    pub fn tensors(&self) -> &'a [f32] {
        self.tensors
    }

    /// The bytes of the file's [extra](format::Extra) with this tag; `None` when there is none.
    ///
    /// # Panics
    /// Never.
    pub fn extra(&self, tag: u8) -> Option<&'a [u8]> {
        Extras::new(self.extras).find(tag)
    }

    /// All [extras](format::Extra) of the file, in the order of their tags.
    pub fn extras(&self) -> Extras<'a> {
        Extras::new(self.extras)
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

    #[expect(clippy::arithmetic_side_effects, reason = "at most 2 * 65,535")]
    fn feature_tensor(&self, index: usize) -> &'a [f32] {
        let inputs = self.inputs();
        self.tensors.get(index * inputs..).and_then(|rest| rest.get(..inputs)).unwrap_or(&[])
    }

    /// The dense layers from the scaled input to its reconstruction.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 3 * 65,535")]
    pub fn layers(&self) -> Layers<'_> {
        let scaler = if self.header.missing == Missing::Mean { 3 } else { 2 } * self.inputs();
        Layers {
            layers: self.header.layers.iter(),
            tensors: self.tensors.get(scaler..).unwrap_or(&[]),
            width: self.inputs(),
        }
    }

    /// The layers from the scaled input to `mu`.
    pub fn encoder(&self) -> impl ExactSizeIterator<Item = Dense<'_>> {
        self.layers().take(usize::from(self.header.encoder_layers))
    }

    /// The layers from `z` to its reconstruction.
    pub fn decoder(&self) -> Layers<'_> {
        let mut layers = self.layers();
        layers.by_ref().take(usize::from(self.header.encoder_layers)).for_each(drop);
        layers
    }

    /// The layer that gives the posterior's log variance from the input of the encoder's last layer.
    pub fn encoder_logvar(&self) -> Option<Dense<'_>> {
        let (tensors, outputs) = (self.tensors_after_layers(), self.latent());
        self.header.encoder_logvar.then(|| linear(tensors, outputs, self.encoder_logvar_len()?))?
    }

    /// The layer that gives the log variance of each feature from the input of the decoder's last layer.
    pub fn decoder_logvar(&self) -> Option<Dense<'_>> {
        let per_row = self.header.decoder_variance == DecoderVariance::PerRow;
        per_row.then(|| linear(self.decoder_variance_tensors()?, self.inputs(), self.decoder_variance_len()?))?
    }

    /// Log variance of each feature, `[IN]`; empty unless it is the same for every row.
    pub fn feature_logvar(&self) -> &'a [f32] {
        match self.header.decoder_variance {
            DecoderVariance::PerFeature => {
                self.decoder_variance_tensors().and_then(|rest| rest.get(..self.inputs())).unwrap_or(&[])
            }
            _ => &[],
        }
    }

    /// The heads, `None` in place of one that is not compiled in (which no loaded model has).
    pub fn heads(&self) -> Heads<'_> {
        let before = || self.decoder_variance_tensors()?.get(self.decoder_variance_len()?..);
        let tensors = if HAVE_TENSORS { before().unwrap_or(&[]) } else { &[] };
        let packed_len = if HAVE_PACKED { self.packed_len() } else { 0 };
        let (tensors, packed) = tensors.split_at_checked(tensors.len().saturating_sub(packed_len)).unwrap_or_default();
        Heads::new(&self.header.heads, tensors, packed, self.inputs(), self.latent())
    }

    /// Words of the packed block at the end of the tensors.
    fn packed_len(&self) -> usize {
        let heads = self.header.heads.iter();
        heads.fold(0, |sum: usize, head| sum.saturating_add(head.kind.packed(self.inputs()).unwrap_or(0)))
    }

    /// What the heads together ask of the network.
    pub fn needs(&self) -> Needs {
        self.header.heads.iter().fold(Needs::default(), |needs, head| needs.or(head.kind.needs()))
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths of slices of the tensors")]
    fn tensors_after_layers(&self) -> &'a [f32] {
        let scaler = if self.header.missing == Missing::Mean { 3 } else { 2 } * self.inputs();
        let layers: usize = self.layers().map(|layer| layer.weight.len() + layer.bias.len()).sum();
        self.tensors.get(scaler + layers..).unwrap_or(&[])
    }

    fn decoder_variance_tensors(&self) -> Option<&'a [f32]> {
        self.tensors_after_layers().get(self.encoder_logvar_len()?..)
    }

    /// Numbers of the layer that gives the posterior's log variance.
    fn encoder_logvar_len(&self) -> Option<usize> {
        if !self.header.encoder_logvar {
            return Some(0);
        }
        let before = usize::from(self.header.encoder_layers).checked_sub(2);
        self.width_after(before)?.checked_add(1)?.checked_mul(self.latent())
    }

    /// Numbers of the decoder's variance.
    fn decoder_variance_len(&self) -> Option<usize> {
        match self.header.decoder_variance {
            DecoderVariance::Unit => Some(0),
            DecoderVariance::PerFeature => Some(self.inputs()),
            DecoderVariance::PerRow => {
                let before = self.header.layers.len().checked_sub(2);
                self.width_after(before)?.checked_add(1)?.checked_mul(self.inputs())
            }
        }
    }

    /// Outputs of a layer; `None` stands for the input.
    fn width_after(&self, layer: Option<usize>) -> Option<usize> {
        match layer {
            Some(layer) => self.header.layers.get(layer).map(|layer| usize::from(layer.outputs)),
            None => Some(self.inputs()),
        }
    }
}

/// A dense layer without activation at the front of `tensors`, of which it takes `len` numbers.
fn linear(tensors: &[f32], outputs: usize, len: usize) -> Option<Dense<'_>> {
    let (weight, bias) = tensors.get(..len)?.split_at_checked(len.checked_sub(outputs)?)?;
    Some(Dense { weight, bias, activation: Activation::Linear })
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
    #[expect(clippy::arithmetic_side_effects, reason = "65,535² is below 2^32")]
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
