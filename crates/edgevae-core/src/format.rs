//! The bytes of a `.evae` file. No other module knows them; `docs/FORMAT.md` describes them for other readers.
//!
//! One postcard value: magic, version, length, [`Header`], a pad that aligns what follows, the tensors (little-endian
//! `f32`), and at the end a CRC-32 over all bytes before it. Plain postcard would read a 40x36 layer as 41x35, accept
//! trailing bytes and miss flipped bits, so a reader checks length and checksum before it believes any field.

pub mod extras;
#[cfg(feature = "encoding")]
pub mod input;
mod reader;
mod utf8;
mod write;

use heapless::Vec;
use serde::{Deserialize, Serialize};

pub use self::extras::{Extra, Extras};
use self::reader::Reader;
use self::utf8::is_utf8;
pub use self::write::{Contents, EncodeError, encode, encode_words, max_encoded_len};
use crate::crc::checksum;
use crate::error::LoadError;

/// First four bytes of every model file.
pub const MAGIC: [u8; 4] = *b"EVAE";
/// The format version of a file that has neither an input section nor extras.
pub const VERSION: u8 = 1;
/// The format version of a file with an input section, which says how raw readings become the model's features.
pub const VERSION_WITH_INPUT: u8 = 2;
/// The format version of a file with [extras](Extra); it may have an input section, too.
pub const VERSION_WITH_EXTRAS: u8 = 3;
/// The latest version that this crate reads.
pub const LATEST: u8 = VERSION_WITH_EXTRAS;
/// The tensors start at a multiple of this many bytes from the start of the file.
pub const TENSOR_ALIGN: usize = 16;
/// Dense layers of a model, encoder and decoder together.
pub const MAX_LAYERS: usize = 16;
/// Heads of a model.
pub const MAX_HEADS: usize = 6;

const LENGTH_AT: usize = MAGIC.len() + 1;
const HEADER_AT: usize = LENGTH_AT + 4;
pub(crate) const CRC_LEN: usize = 4;

/// What a dense layer applies to its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `y`
    Linear,
    /// `max(y, 0)`, with NaN kept
    Relu,
}

/// One dense layer; its inputs are the outputs of the layer before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Number of outputs.
    pub outputs: u16,
    /// Applied to each output.
    pub activation: Activation,
}

/// What becomes of a missing reading (NaN in a sample, an empty cell in a CSV file).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// It is an error.
    Error,
    /// Training left such rows out; in a sample it is an error.
    Drop,
    /// It is replaced by the feature's mean over the training rows, stored in the file.
    Mean,
}

/// Where the variance of the decoder's Gaussian comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecoderVariance {
    /// It is 1 for every feature; also the choice of a file none of whose heads asks for it.
    Unit,
    /// One log variance for each feature, the same for every sample: a tensor `[IN]`.
    PerFeature,
    /// A dense layer beside the last one gives the log variances of each sample.
    PerRow,
}

/// What makes a score of the network's representation of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadKind {
    /// Squared error averaged over features; see [`Mse`](crate::head::mse::Mse).
    Mse,
    /// Negative log-likelihood; see [`Nll`](crate::head::nll::Nll).
    Nll,
    /// Negative evidence lower bound; see [`Elbo`](crate::head::elbo::Elbo).
    Elbo,
    /// Mahalanobis distance of `mu`; see [`Mahalanobis`](crate::head::mahalanobis::Mahalanobis).
    Mahalanobis,
    /// Negative log-likelihood over draws of `z`; see
    /// [`ReconstructionProbability`](crate::head::reconstruction_probability::ReconstructionProbability).
    ReconstructionProbability {
        /// Rows of its noise table.
        draws: u8,
    },
    /// Mahalanobis distance of residual and `mu` together; see
    /// [`JointMahalanobis`](crate::head::joint_mahalanobis::JointMahalanobis).
    JointMahalanobis {
        /// Whether it takes the covariance in full, or variances only.
        full: bool,
    },
    /// Distance to the nearest stored rows; see [`Neighbours`](crate::head::neighbours::Neighbours).
    Neighbours {
        /// Stored rows.
        rows: u16,
        /// How many of the nearest count.
        nearest: u8,
    },
    /// Rarity of each feature's value by itself; see [`Histogram`](crate::head::histogram::Histogram).
    Histogram {
        /// Bins of each feature.
        bins: u8,
    },
    /// How soon random splits isolate the row; see [`Isolation`](crate::head::isolation::Isolation).
    Isolation {
        /// Number of trees.
        trees: u8,
        /// Splits from the root of a tree to a leaf.
        depth: u8,
    },
}

impl HeadKind {
    /// The head's name on the command line, in reports and among the cargo features of this crate.
    #[inline(never)]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Nll => "nll",
            Self::Elbo => "elbo",
            Self::Mahalanobis => "mahalanobis",
            Self::ReconstructionProbability { .. } => "reconstruction-probability",
            Self::JointMahalanobis { .. } => "joint-mahalanobis",
            Self::Neighbours { .. } => "neighbours",
            Self::Histogram { .. } => "histogram",
            Self::Isolation { .. } => "isolation",
        }
    }
}

/// One head: its kind, and the size of the table that brings it to one footing with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadSpec {
    /// What it computes.
    pub kind: HeadKind,
    /// Knots of its [`Tail`](crate::head::tail::Tail); 0 for a head that stands alone, whose score is used as it is.
    pub knots: u8,
}

/// The rows whose scores gave the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CalibrationSet {
    /// Rows labelled normal in the test split.
    TestNormals,
    /// A share of the training data kept out of the fit.
    Holdout,
    /// The training rows themselves, when nothing could be kept out.
    TrainingRows,
    /// A file given to `edgevae calibrate`.
    File,
    /// None: the threshold was given by hand.
    ByHand,
}

/// Where the threshold comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Which rows.
    pub set: CalibrationSet,
    /// How many of them.
    pub rows: u32,
    /// How many of them score above the threshold.
    pub exceedances: u32,
    /// Quantile of their scores (linear interpolation, Hyndman and Fan's type 7); `None` for a threshold by hand.
    pub quantile: Option<f64>,
}

/// What the numbers after the header are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbers {
    /// The tensors of a float model.
    Float32,
    /// Weights of 8 bits and what integer scoring needs; see [`quant`](crate::quant).
    Int8,
}

/// Everything in a model file but its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// What follows the header.
    pub numbers: Numbers,
    /// Name and version of the tool that wrote the file, UTF-8.
    pub tool: &'a [u8],
    /// Seed of the run that trained it.
    pub seed: u64,
    /// Number of features.
    pub inputs: u16,
    /// Layers from the input to the latent mean `mu`; the others lead from there to `x_hat`.
    pub encoder_layers: u8,
    /// All layers on the scoring path, in order.
    pub layers: Vec<Layer, MAX_LAYERS>,
    /// Policy for missing readings.
    pub missing: Missing,
    /// Scaled features are held in `[-clip, clip]`; infinity: they are taken as they are.
    pub clip: f32,
    /// Whether the encoder's log variance is stored: a dense layer beside the one that gives `mu`.
    pub encoder_logvar: bool,
    /// Where the decoder's variance comes from.
    pub decoder_variance: DecoderVariance,
    /// What makes the score; several heads are averaged on the footing of their tails.
    pub heads: Vec<HeadSpec, MAX_HEADS>,
    /// A score above it is an anomaly.
    pub threshold: f32,
    /// Where the threshold comes from.
    pub calibration: Calibration,
    /// Feature names: each a postcard string (length, UTF-8 bytes), one after the other.
    pub names: &'a [u8],
}

impl Header<'_> {
    /// What [`decode`] starts from. A function and no constant: a constant would be copied from flash, unused layers and
    /// all.
    #[inline(always)]
    pub(crate) fn empty() -> Self {
        Self {
            numbers: Numbers::Float32,
            tool: &[],
            seed: 0,
            inputs: 0,
            encoder_layers: 0,
            layers: Vec::new(),
            missing: Missing::Error,
            clip: f32::INFINITY,
            encoder_logvar: false,
            decoder_variance: DecoderVariance::Unit,
            heads: Vec::new(),
            threshold: 0.0,
            calibration: Calibration { set: CalibrationSet::ByHand, rows: 0, exceedances: 0, quantile: None },
            names: &[],
        }
    }
}

/// Length in bytes that a model file gives for itself, from its first nine bytes.
///
/// # Errors
/// [`LoadError::NotAModel`], [`LoadError::NewerVersion`], [`LoadError::UnknownVersion`], or [`LoadError::Truncated`] when not even those bytes are there.
pub fn declared_length(bytes: &[u8]) -> Result<usize, LoadError> {
    let found = bytes.len();
    if bytes.iter().zip(&MAGIC).any(|(found, expected)| found != expected) {
        return Err(LoadError::NotAModel);
    }
    match bytes.get(LENGTH_AT - 1) {
        Some(&(VERSION..=LATEST)) | None => {}
        Some(0) => return Err(LoadError::UnknownVersion),
        Some(&found) => return Err(LoadError::NewerVersion { found, supported: LATEST }),
    }
    let field = bytes.get(LENGTH_AT..).and_then(|rest| rest.first_chunk());
    let field = field.ok_or(LoadError::Truncated { expected: HEADER_AT, found })?;
    usize::try_from(u32::from_le_bytes(*field)).map_err(|_| LoadError::Truncated { expected: usize::MAX, found })
}

/// Checks length and checksum of a float model's file, reads `header` and `sections` (empty before) and returns the
/// tensors, which stay where they are.
///
/// # Errors
/// Every [`LoadError`] up to [`LoadError::Misaligned`], and [`LoadError::Quantized`]; shapes and numbers are for the
/// caller to check.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    header: &mut Header<'a>,
    sections: &mut Sections<'a>,
) -> Result<&'a [f32], LoadError> {
    let words = decode_words(bytes, header, sections)?;
    match header.numbers {
        Numbers::Float32 => Ok(bytemuck::cast_slice(words)),
        Numbers::Int8 => Err(LoadError::Quantized),
    }
}

/// The header of a file that was decoded before.
#[cfg(feature = "int8")]
pub(crate) fn header(bytes: &[u8]) -> Header<'_> {
    let mut header = Header::empty();
    let read = bytes.get(HEADER_AT..).and_then(|bytes| Reader::new(bytes).header(&mut header));
    debug_assert!(read.is_some(), "the file was decoded before");
    header
}

/// The sections of a file that was decoded before.
#[cfg(feature = "int8")]
pub(crate) fn sections(bytes: &[u8]) -> Sections<'_> {
    let body = bytes.split_last_chunk::<CRC_LEN>().and_then(|(body, _)| body.get(HEADER_AT..));
    let (mut reader, mut sections) = (Reader::new(body.unwrap_or(&[])), Sections::default());
    let read = reader.header(&mut Header::empty()).and_then(|()| sections.read(&mut reader, version(bytes)));
    debug_assert!(read.is_some(), "the file was decoded before");
    sections
}

fn version(bytes: &[u8]) -> u8 {
    bytes.get(LENGTH_AT - 1).copied().unwrap_or(VERSION)
}

/// What lies between a file's header and its tensors; empty where the file has none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sections<'a> {
    /// How raw readings become features.
    pub input: &'a [u8],
    /// [`Extra`] entries, one after the other.
    pub extras: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Reads what follows the header in a file of `version`, and returns the tensors.
    #[inline(always)]
    fn read(&mut self, reader: &mut Reader<'a>, version: u8) -> Option<&'a [u8]> {
        if version >= VERSION_WITH_INPUT {
            self.input = reader.slice()?;
            if version >= VERSION_WITH_EXTRAS {
                self.extras = reader.slice()?;
                extras::check(self.extras, reader)?;
            } else if self.input.is_empty() {
                // An input section has at least one column.
                return None;
            }
        }
        let (pad, tensors) = (reader.slice()?, reader.slice()?);
        let is_pad = pad.len() < TENSOR_ALIGN && pad.iter().all(|&byte| byte == 0);
        (is_pad && reader.bytes.is_empty()).then_some(tensors)
    }

    /// That the file takes encoded rows.
    pub fn without_input(self) -> Result<(), LoadError> {
        if self.input.is_empty() { Ok(()) } else { Err(LoadError::NeedsEncoder) }
    }
}

/// As [`decode`], whatever [`Numbers`] the file holds and whatever its sections.
///
/// # Errors
/// Every [`LoadError`] up to [`LoadError::Misaligned`].
#[inline(never)]
pub(crate) fn decode_words<'a>(
    bytes: &'a [u8],
    header: &mut Header<'a>,
    sections: &mut Sections<'a>,
) -> Result<&'a [i32], LoadError> {
    let (expected, found) = (declared_length(bytes)?, bytes.len());
    if found < expected {
        return Err(LoadError::Truncated { expected, found });
    }
    if found > expected {
        return Err(LoadError::TrailingBytes { expected, found });
    }
    let (body, stored) = bytes.split_last_chunk().ok_or(LoadError::Malformed)?;
    let (stored, computed) = (u32::from_le_bytes(*stored), checksum(body));
    if stored != computed {
        return Err(LoadError::Checksum { stored, computed });
    }
    let mut reader = Reader::new(body.get(HEADER_AT..).unwrap_or(&[]));
    let tensors = reader.header(header).and_then(|()| sections.read(&mut reader, version(bytes)));
    let Some(tensors) = tensors.filter(|_| is_utf8(header.tool)) else {
        return Err(if reader.newer { LoadError::Newer } else { LoadError::Malformed });
    };
    bytemuck::try_cast_slice(tensors).map_err(|error| match error {
        bytemuck::PodCastError::TargetAlignmentGreaterAndInputNotAligned => LoadError::Misaligned,
        _ => LoadError::Shapes,
    })
}

/// How many strings there are in [`Header::names`]; `None` for bytes that are no strings.
pub(crate) fn count_names(names: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(names);
    let mut count = 0_usize;
    while !reader.bytes.is_empty() {
        count = count.checked_add(1)?;
        if !is_utf8(reader.slice()?) {
            return None;
        }
    }
    Some(count)
}

/// The strings of [`Header::names`]; ends early at bytes that are no string.
#[derive(Clone, Debug)]
pub struct Names<'a>(&'a [u8]);

impl<'a> Names<'a> {
    pub(crate) fn new(names: &'a [u8]) -> Self {
        Self(names)
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut reader = Reader::new(self.0);
        let name = reader.str()?;
        self.0 = reader.bytes;
        Some(name)
    }
}

// The x87 unit rounds sums to 80 bits: other scores than those of the desk.
#[cfg(all(target_arch = "x86", not(target_feature = "sse2")))]
compile_error!(
    "edgevae-core needs SSE2 on x86: the x87 unit gives other bits; build for i686 or with -C target-feature=+sse2"
);

// The tensors are read in place as the machine's own numbers.
#[cfg(target_endian = "big")]
compile_error!("edgevae-core reads little-endian tensors in place and has no path for big-endian targets");
