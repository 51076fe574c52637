//! A checked view of an int8 model file.

use super::dense::QuantizedDense;
use super::input::Input;
use crate::dense::keep_rolled;
use crate::error::LoadError;
use crate::format::{
    self, Activation, DecoderVariance, HeadKind, HeadSpec, Header, MAX_LAYERS, Missing, Names, Numbers,
};

/// Words before the inputs: the threshold, low half first, and the bits of the score's unit.
pub const PREFIX: usize = 3;

/// Whether this build has that head.
const MAHALANOBIS: bool = cfg!(feature = "mahalanobis");

/// An int8 model file, checked once and then read in place.
///
/// It holds what scoring reads and no more: a value of up to 64 bytes is moved by a few instructions, a larger one by a
/// call of `memcpy`, which many a firmware would have for this alone.
#[derive(Clone, Debug)]
pub struct QuantizedModel<'a> {
    bytes: &'a [u8],
    words: &'a [i32],
    /// Outputs of each layer, then zeros.
    outputs: [u16; MAX_LAYERS],
    /// Bit `l`: ReLU follows layer `l`.
    relus: u16,
    inputs: u16,
    layers: u8,
    encoder_layers: u8,
    missing: Missing,
    is_distance: bool,
}

// A bit for each layer.
const _: () = assert!(MAX_LAYERS <= 16);

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
        let mut header = Header::empty();
        let mut sections = format::Sections::default();
        let words = format::decode_words(bytes, &mut header, &mut sections)?;
        sections.without_input()?;
        if header.numbers != Numbers::Int8 {
            return Err(LoadError::NotQuantized);
        }
        let is_distance = head(&header)? == HeadKind::Mahalanobis;
        check_shapes(&header, words).ok_or(LoadError::Shapes)?;
        let mut model = Self {
            bytes,
            words,
            outputs: [0; MAX_LAYERS],
            relus: 0,
            inputs: header.inputs,
            layers: 0,
            encoder_layers: header.encoder_layers,
            missing: header.missing,
            is_distance,
        };
        for (slot, layer) in model.outputs.iter_mut().zip(&header.layers) {
            *slot = layer.outputs;
            model.relus |= u16::from(layer.activation == Activation::Relu) << model.layers;
            model.layers = model.layers.saturating_add(1);
            keep_rolled();
        }
        if !is_threshold(words, header.threshold.to_bits(), is_distance) {
            return Err(LoadError::Threshold);
        }
        model.check_numbers()?;
        Ok(model)
    }

    /// That inputs and sums are within the bounds of the format.
    #[inline(never)]
    fn check_numbers(&self) -> Result<(), LoadError> {
        for (feature, input) in self.inputs_of().enumerate() {
            if !input.is_sound() {
                return Err(LoadError::Scale { feature });
            }
        }
        for (layer, dense) in self.layers().chain(self.whitening()).enumerate() {
            if !dense.is_sound() {
                return Err(LoadError::Accumulator { layer });
            }
        }
        Ok(())
    }

    /// The file's header: everything but the numbers. It is decoded anew.
    pub fn header(&self) -> Header<'a> {
        format::header(self.bytes)
    }

    /// The bytes of the file's [extra](format::Extra) with this tag; `None` when there is none. The file is decoded anew.
    ///
    /// # Panics
    /// Never.
    pub fn extra(&self, tag: u8) -> Option<&'a [u8]> {
        self.extras().find(tag)
    }

    /// All [extras](format::Extra) of the file, in the order of their tags.
    pub fn extras(&self) -> format::Extras<'a> {
        format::Extras::new(format::sections(self.bytes).extras)
    }

    /// Everything after the header, as 32-bit words; `docs/FORMAT.md` has their order.
    pub fn words(&self) -> &'a [i32] {
        self.words
    }

    /// Number of features.
    pub fn inputs(&self) -> usize {
        usize::from(self.inputs)
    }

    /// Layers that lead from the input to the latents; the others lead back.
    pub fn encoder_layers(&self) -> usize {
        usize::from(self.encoder_layers)
    }

    /// Number of latents.
    pub fn latent(&self) -> usize {
        let layer = self.encoder_layers().checked_sub(1).and_then(|at| self.outputs.get(at));
        layer.map_or(0, |&outputs| usize::from(outputs))
    }

    /// Widest layer between input and output: the `WIDTH` that a [`QuantizedDetector`](super::QuantizedDetector) needs at
    /// least.
    pub fn width(&self) -> usize {
        let mut width = 0;
        for &outputs in self.outputs.iter().take(usize::from(self.layers.saturating_sub(1))) {
            width = width.max(outputs);
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
        network + if self.is_distance { self.latent() } else { self.inputs() }
    }

    /// What makes the score.
    pub fn head(&self) -> HeadKind {
        if self.is_distance { HeadKind::Mahalanobis } else { HeadKind::Mse }
    }

    /// Policy for missing readings; with [`Missing::Mean`] NaN becomes the mean.
    pub fn missing(&self) -> Missing {
        self.missing
    }

    /// Feature names in the order of a sample.
    pub fn feature_names(&self) -> Names<'a> {
        Names::new(self.header().names)
    }

    /// An integer score above it is an anomaly.
    pub fn threshold(&self) -> u64 {
        let half = |at: usize| u64::from(self.words.get(at).map_or(0, |&word| word.cast_unsigned()));
        half(1) << 32 | half(0)
    }

    /// Whether an integer score is an anomaly's: above the threshold, strictly.
    #[inline]
    pub fn is_anomaly(&self, score: u64) -> bool {
        score > self.threshold()
    }

    /// The integer score `score` in the unit of the float model's score, for reports; see [`to_float_score`].
    ///
    /// # Cost
    /// The only floating-point arithmetic behind the reading of inputs; a build that does not call it has none.
    pub fn rendered(&self, score: u64) -> f32 {
        to_float_score(score, f32::from_bits(self.unit_bits()), self.head())
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
            outputs: self.outputs.iter().take(self.layers.into()),
            relus: self.relus,
            words: self.words.get(PREFIX + 2 * self.inputs()..).unwrap_or(&[]),
            width: self.inputs(),
        }
    }

    /// The layer whose outputs' squares add up to the squared Mahalanobis distance of `mu`, where that is the score.
    pub fn whitening(&self) -> Option<QuantizedDense<'_>> {
        if !MAHALANOBIS || !self.is_distance {
            return None;
        }
        let latent = self.latent();
        let from = self.words.len().checked_sub(super::layer_words(latent, latent)?)?;
        QuantizedDense::split(self.words.get(from..)?, latent, latent, false).map(|(layer, _)| layer)
    }
}

/// An integer score in the unit of the float model's score: `score * unit`, for the Mahalanobis distance
/// `sqrt(score * unit)`. It never falls as `score` rises.
#[must_use]
pub fn to_float_score(score: u64, unit: f32, head: HeadKind) -> f32 {
    let value = score as f32 * unit;
    if head == HeadKind::Mahalanobis { libm::sqrtf(value) } else { value }
}

/// The head, when there is one and it has an integer form.
fn head(header: &Header<'_>) -> Result<HeadKind, LoadError> {
    match header.heads.as_slice() {
        [HeadSpec { kind: HeadKind::Mse, knots: 0 }] => Ok(HeadKind::Mse),
        [HeadSpec { kind: HeadKind::Mahalanobis, knots: 0 }] if MAHALANOBIS => Ok(HeadKind::Mahalanobis),
        [HeadSpec { kind: HeadKind::Mahalanobis, knots: 0 }] => Err(LoadError::NotCompiled { feature: "mahalanobis" }),
        [head] => Err(LoadError::NoIntegerForm { head: Some(head.kind) }),
        [] => Err(LoadError::Shapes),
        [..] => Err(LoadError::NoIntegerForm { head: None }),
    }
}

/// `Some` when layers lead from the inputs through a latent layer back to the inputs, the words are as many as they need,
/// and there is one name for each input.
fn check_shapes(header: &Header<'_>, words: &[i32]) -> Option<()> {
    let Header { encoder_logvar, decoder_variance, encoder_layers, clip, names, ref layers, ref heads, .. } = *header;
    let inputs = usize::from(header.inputs);
    let mut needed = inputs.checked_mul(2)?.checked_add(PREFIX)?;
    let mut width = inputs;
    let mut latent = None;
    for (at, layer) in layers.iter().enumerate() {
        // The latent layer is not the last one.
        if at == usize::from(encoder_layers) && at > 0 {
            latent = Some(width);
        }
        let outputs = usize::from(layer.outputs);
        needed = needed.checked_add(super::layer_words(width, outputs)?)?;
        width = outputs;
        if outputs == 0 {
            return None;
        }
    }
    let latent = latent?;
    if MAHALANOBIS && heads.first()?.kind == HeadKind::Mahalanobis {
        needed = needed.checked_add(super::layer_words(latent, latent)?)?;
    }
    let plain =
        !encoder_logvar && decoder_variance == DecoderVariance::Unit && clip.to_bits() == f32::INFINITY.to_bits();
    let fits = inputs > 0 && width == inputs && needed == words.len();
    (plain && fits && format::count_names(names) == Some(inputs)).then_some(())
}

/// Whether these are the bits of a positive finite `f32`; no floating-point comparison, which cores without a unit would
/// have to link.
fn is_positive(bits: u32) -> bool {
    bits > 0 && bits < f32::INFINITY.to_bits()
}

/// Whether threshold and unit are positive and agree with the threshold that is `shown` to people, to within 1 in 2^14:
/// `threshold * unit` is at most `shown`, squared for a distance, and `(threshold + 1) * unit` is no less.
///
/// In integers, as all of scoring: cores without floating-point unit would have to link its routines.
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "ranks are below 2^26")]
fn is_threshold(words: &[i32], shown: u32, is_distance: bool) -> bool {
    let Some(&[low, high, unit]) = words.first_chunk() else { return false };
    let (unit, threshold) =
        (unit.cast_unsigned(), u64::from(high.cast_unsigned()) << 32 | u64::from(low.cast_unsigned()));
    if !is_positive(shown) || !is_positive(unit) {
        return false;
    }
    const SLACK: i32 = 4;
    let expected = if MAHALANOBIS && is_distance {
        // The factor stands for `mantissa * 2^(exponent - 150)`.
        let square = rank(u64::from(shown & 0x007f_ffff | 0x0080_0000), shown);
        square + (shown >> 23 << 16).cast_signed() - (150 << 16)
    } else {
        (shown >> 7).cast_signed()
    };
    let is_at_most = threshold == 0 || rank(threshold, unit) <= expected + SLACK;
    // A threshold that no score of a model reaches agrees with any above it.
    let next = threshold.saturating_add(1);
    is_at_most && (high == -1 || rank(next, unit) + SLACK >= expected)
}

/// A number that rises with `score * unit`, 2^16 for each power of two; `unit` the bits of a positive `f32`, `score` above 0.
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "powers of 8 bits; a product of 32 bits each in 64")]
fn rank(score: u64, unit: u32) -> i32 {
    let shift = score.leading_zeros() & 63;
    let product = ((score << shift) >> 32) * u64::from(unit << 8 | 1 << 31);
    // 63 or 64 bits: the highest one is the carry.
    let product = (product >> 32) as u32;
    let carry = product >> 31;
    // The highest bit of the fraction's own place counts as one power.
    let fraction = product << (1 - carry) >> 15;
    ((((unit >> 23) + 62 - shift + carry) << 16) + fraction).cast_signed()
}

/// Iterator over an int8 model's dense layers.
#[derive(Clone, Debug)]
pub struct QuantizedLayers<'a> {
    outputs: core::iter::Take<core::slice::Iter<'a, u16>>,
    /// Bit 0: ReLU follows the next layer.
    relus: u16,
    words: &'a [i32],
    width: usize,
}

impl<'a> Iterator for QuantizedLayers<'a> {
    type Item = QuantizedDense<'a>;

    #[inline]
    fn next(&mut self) -> Option<QuantizedDense<'a>> {
        let outputs = usize::from(*self.outputs.next()?);
        let (dense, rest) = QuantizedDense::split(self.words, self.width, outputs, self.relus & 1 != 0)?;
        (self.words, self.width, self.relus) = (rest, outputs, self.relus >> 1);
        Some(dense)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.outputs.size_hint()
    }
}

impl ExactSizeIterator for QuantizedLayers<'_> {}
