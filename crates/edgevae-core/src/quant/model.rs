//! A checked view of an int8 model file.

use super::dense::QuantizedDense;
use super::input::Input;
use crate::dense::keep_rolled;
use crate::error::LoadError;
use crate::format::{self, Activation, DecoderVariance, HeadKind, HeadSpec, Header, Missing, Names, Numbers};

/// Words before the inputs: the threshold, low half first, and the bits of the score's unit.
pub const PREFIX: usize = 3;

/// Whether this build has that head.
const MAHALANOBIS: bool = cfg!(feature = "mahalanobis");

/// An int8 model file, checked once and then read in place.
#[derive(Clone, Debug)]
pub struct QuantizedModel<'a> {
    header: Header<'a>,
    words: &'a [i32],
}

impl<'a> QuantizedModel<'a> {
    /// Checks a model file and returns a view of it.
    ///
    /// Checked are magic, version, length, checksum, that the numbers are int8 ones, that the head has an integer form,
    /// that shapes chain and add up to the bytes present, and that no sum of any sample can overflow.
    ///
    /// # Errors
    /// A [`LoadError`] that says which of those failed; the bytes are then not to be used.
    ///
    /// # Cost
    /// One pass over the bytes for the checksum and one over the weights; none are copied.
    ///
    /// # Panics
    /// Never, whatever the bytes.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        // In the place of the result: a model by value would be copied on its way there.
        let mut result = Ok(Self { header: Header::empty(), words: &[] });
        if let Ok(model) = &mut result
            && let Err(error) = model.load(bytes)
        {
            result = Err(error);
        }
        result
    }

    #[inline(never)]
    fn load(&mut self, bytes: &'a [u8]) -> Result<(), LoadError> {
        self.words = format::decode_words(bytes, &mut self.header)?;
        if self.header.numbers != Numbers::Int8 {
            return Err(LoadError::NotQuantized);
        }
        self.check_head()?;
        self.check_shapes().ok_or(LoadError::Shapes)?;
        if !is_positive(self.header.threshold.to_bits()) || !is_positive(self.unit_bits()) {
            return Err(LoadError::Threshold);
        }
        for (feature, input) in self.inputs_of().enumerate() {
            if !input.is_sound() {
                return Err(LoadError::Scale { feature });
            }
        }
        for (layer, dense) in self.layers().enumerate() {
            if !dense.is_sound() {
                return Err(LoadError::Accumulator { layer });
            }
        }
        match self.whitening() {
            Some(dense) if !dense.is_sound() => Err(LoadError::Accumulator { layer: self.header.layers.len() }),
            _ => Ok(()),
        }
    }

    /// That there is one head, one with an integer form.
    fn check_head(&self) -> Result<(), LoadError> {
        match self.header.heads.as_slice() {
            [HeadSpec { kind: HeadKind::Mse, knots: 0 }] => Ok(()),
            [HeadSpec { kind: HeadKind::Mahalanobis, knots: 0 }] if MAHALANOBIS => Ok(()),
            [HeadSpec { kind: HeadKind::Mahalanobis, knots: 0 }] => {
                Err(LoadError::NotCompiled { feature: HeadKind::Mahalanobis.name() })
            }
            [head] => Err(LoadError::NoIntegerForm { head: head.kind.name() }),
            [] => Err(LoadError::Shapes),
            [..] => Err(LoadError::NoIntegerForm { head: "combination" }),
        }
    }

    /// `Some` when layers lead from the inputs through a latent layer back to the inputs, the words are as many as they
    /// need, and there is one name for each input.
    fn check_shapes(&self) -> Option<()> {
        let Header { encoder_logvar, decoder_variance, encoder_layers, clip, ref layers, .. } = self.header;
        let inputs = self.inputs();
        let mut needed = inputs.checked_mul(2)?.checked_add(PREFIX)?;
        let mut width = inputs;
        for layer in layers {
            let outputs = usize::from(layer.outputs);
            needed = needed.checked_add(super::layer_words(width, outputs)?)?;
            width = outputs;
            if outputs == 0 {
                return None;
            }
        }
        if self.head() == HeadKind::Mahalanobis {
            needed = needed.checked_add(super::layer_words(self.latent(), self.latent())?)?;
        }
        let latent_is_inside = encoder_layers > 0 && usize::from(encoder_layers) < layers.len();
        let plain = !encoder_logvar && decoder_variance == DecoderVariance::Unit && clip == f32::INFINITY;
        let mut names = self.feature_names();
        let named = names.by_ref().take(inputs).count() == inputs && names.remaining() == 0;
        let fits = inputs > 0 && width == inputs && needed == self.words.len();
        (latent_is_inside && plain && named && fits).then_some(())
    }

    /// The file's header: everything but the numbers.
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// Everything after the header, as 32-bit words; `docs/FORMAT.md` has their order.
    pub fn words(&self) -> &'a [i32] {
        self.words
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

    /// Widest layer between input and output: the `WIDTH` that a [`QuantizedDetector`](super::QuantizedDetector) needs at
    /// least.
    pub fn width(&self) -> usize {
        let mut width = 0;
        for layer in self.header.layers.iter().take(self.header.layers.len().saturating_sub(1)) {
            width = width.max(layer.outputs);
            keep_rolled();
        }
        usize::from(width)
    }

    /// 32-bit words of scratch memory that a [`SliceQuantizedDetector`](super::SliceQuantizedDetector) needs: half a word
    /// for each of `IN` and twice `WIDTH`, each rounded up.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 1.5 * 65,535")]
    pub fn scratch_len(&self) -> usize {
        self.inputs().div_ceil(2) + 2 * self.width().div_ceil(2)
    }

    /// Multiply-adds of one score without padding; scaling of inputs and outputs is not counted.
    #[expect(clippy::arithmetic_side_effects, reason = "counts of numbers in memory")]
    pub fn multiply_adds(&self) -> usize {
        let layers = self.layers().chain(self.whitening());
        let network: usize = layers.map(|layer| layer.inputs() * layer.outputs()).sum();
        network + if self.head() == HeadKind::Mse { self.inputs() } else { self.latent() }
    }

    /// What makes the score.
    pub fn head(&self) -> HeadKind {
        self.header.heads.first().map_or(HeadKind::Mse, |head| head.kind)
    }

    /// Policy for missing readings; with [`Missing::Mean`] NaN becomes the mean.
    pub fn missing(&self) -> Missing {
        self.header.missing
    }

    /// Feature names in the order of a sample.
    pub fn feature_names(&self) -> Names<'a> {
        Names::new(self.header.names)
    }

    /// An integer score above it is an anomaly.
    pub fn threshold(&self) -> u64 {
        let half = |at: usize| u64::from(self.words.get(at).map_or(0, |&word| word.cast_unsigned()));
        half(1) << 32 | half(0)
    }

    /// The integer score `score` in the unit of the float model's score, for reports: `score * unit`, for the Mahalanobis
    /// distance `sqrt(score * unit)`. It never falls as `score` rises.
    ///
    /// # Cost
    /// The only floating-point arithmetic of this module; a build that does not call it has none.
    pub fn rendered(&self, score: u64) -> f32 {
        let value = score as f32 * f32::from_bits(self.unit_bits());
        if self.head() == HeadKind::Mahalanobis { libm::sqrtf(value) } else { value }
    }

    fn unit_bits(&self) -> u32 {
        self.words.get(PREFIX - 1).map_or(0, |&word| word.cast_unsigned())
    }

    /// How each feature's reading becomes an activation, in the order of a sample.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 2 * 65,535")]
    pub fn inputs_of(&self) -> impl Iterator<Item = Input> + use<'a> {
        let words = self.words.get(PREFIX..).and_then(|rest| rest.get(..2 * self.inputs())).unwrap_or(&[]);
        words.as_chunks().0.iter().map(|&words| Input::from_words(words))
    }

    /// The dense layers from the input to its reconstruction.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 2 * 65,535 and 3")]
    pub fn layers(&self) -> QuantizedLayers<'_> {
        QuantizedLayers {
            layers: self.header.layers.iter(),
            words: self.words.get(PREFIX + 2 * self.inputs()..).unwrap_or(&[]),
            width: self.inputs(),
        }
    }

    /// The layer whose outputs' squares add up to the squared Mahalanobis distance of `mu`, where that is the score.
    pub fn whitening(&self) -> Option<QuantizedDense<'_>> {
        if !MAHALANOBIS || self.head() != HeadKind::Mahalanobis {
            return None;
        }
        let latent = self.latent();
        let from = self.words.len().checked_sub(super::layer_words(latent, latent)?)?;
        QuantizedDense::split(self.words.get(from..)?, latent, latent, false).map(|(layer, _)| layer)
    }
}

/// Whether these are the bits of a positive finite `f32`; no floating-point comparison, which cores without a unit would
/// have to link.
fn is_positive(bits: u32) -> bool {
    bits > 0 && bits < f32::INFINITY.to_bits()
}

/// Iterator over an int8 model's dense layers.
#[derive(Clone, Debug)]
pub struct QuantizedLayers<'a> {
    layers: core::slice::Iter<'a, format::Layer>,
    words: &'a [i32],
    width: usize,
}

impl<'a> Iterator for QuantizedLayers<'a> {
    type Item = QuantizedDense<'a>;

    #[inline]
    fn next(&mut self) -> Option<QuantizedDense<'a>> {
        let layer = self.layers.next()?;
        let outputs = usize::from(layer.outputs);
        let relu = layer.activation == Activation::Relu;
        let (dense, rest) = QuantizedDense::split(self.words, self.width, outputs, relu)?;
        (self.words, self.width) = (rest, outputs);
        Some(dense)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.layers.size_hint()
    }
}

impl ExactSizeIterator for QuantizedLayers<'_> {}
