//! One small error enum per operation: numbers instead of strings, so that an error costs a few bytes of flash.

use core::fmt;

use crate::format::HeadKind;

/// Why a byte slice is not a usable model, or why a model does not fit a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes do not begin with the magic `EVAE`: this is some other file, or flash that was never written.
    NotAModel,
    /// The file follows a later format. Update edgevae in the firmware (or export with an older trainer).
    NewerVersion {
        /// Format version in the file.
        found: u8,
        /// Latest format version that this crate reads.
        supported: u8,
    },
    /// The file asks for something that this crate does not know: a kind of head, layer or input, or an entry that
    /// changes what a device must do. Update edgevae in the firmware.
    Newer,
    /// The format version is 0, which no edgevae writes: the bytes were altered. Copy or flash the file again.
    UnknownVersion,
    /// Fewer bytes than the file says it has: an interrupted copy or download.
    Truncated {
        /// Bytes that the file says it has.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// More bytes than the file says it has. For a flash slot that is larger than the model, cut the slice to
    /// [`format::declared_length`](crate::format::declared_length) first.
    TrailingBytes {
        /// Bytes that the file says it has.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// The bytes were altered after the file was written. Copy or flash it again.
    Checksum {
        /// CRC-32 at the end of the file.
        stored: u32,
        /// CRC-32 of the bytes before it.
        computed: u32,
    },
    /// The checksum holds but the header cannot be decoded: written by a faulty tool.
    Malformed,
    /// The weights do not start at a multiple of four bytes. Embed the file with
    /// [`include_model!`](crate::include_model) or copy it to an aligned buffer.
    Misaligned,
    /// The file holds an int8 model: load it with `QuantizedModel`, or use the float model that it was made of.
    Quantized,
    /// The file holds a float model: load it with [`Model`](crate::Model), or make an int8 model of it with
    /// `edgevae quantize`.
    NotQuantized,
    /// The file's model takes encoded rows, and an encoder for raw ones is in it: load it with `RawModel` (features
    /// `encoding` and `window`).
    NeedsEncoder,
    /// The file has no input section: load it with [`Model`](crate::Model).
    NoEncoder,
    /// The input section is damaged, or gives another number of features than the network takes.
    Input,
    /// The model does not fit this detector of raw rows.
    WrongInput {
        /// Raw columns of the model.
        raw: usize,
        /// Features that it makes of a row.
        encoded: usize,
        /// Rows of its windows.
        rows: usize,
    },
    /// The model's head has no integer form.
    NoIntegerForm {
        /// Which head; `None` for several.
        head: Option<HeadKind>,
    },
    /// A sum of this layer could exceed 32 bits, or its scaling is out of bounds.
    Accumulator {
        /// Position of the layer.
        layer: usize,
    },
    /// Layer shapes do not chain from the inputs back to the inputs, or do not add up to the bytes present.
    Shapes,
    /// A weight, a bias or a scaler value is NaN or infinite.
    NonFinite {
        /// Position in the tensor block, counted in numbers.
        index: usize,
    },
    /// A feature's reciprocal scale is zero or negative.
    Scale {
        /// Position of the feature.
        feature: usize,
    },
    /// The file needs a head that was left out of this build: enable the cargo feature of that name.
    NotCompiled {
        /// The head, and the cargo feature of edgevae-core.
        feature: &'static str,
    },
    /// A head lacks a part of the network, or its parameters cannot score.
    Head {
        /// Which head.
        head: &'static str,
    },
    /// The processor treats subnormal numbers as zero, so that scores would have other bits: clear FPSCR.FZ (Arm) or the
    /// bits FTZ and DAZ of MXCSR (x86) before a detector is made.
    FlushToZero,
    /// The threshold is not finite, or not positive where a score cannot be negative; or the integer threshold of an int8
    /// model is not the one that the file shows to people.
    Threshold,
    /// The model does not fit this detector: another number of inputs, a layer wider than its buffers, or heads that
    /// need more memory.
    WrongShape {
        /// Inputs of the model.
        inputs: usize,
        /// Widest layer of the model between input and output.
        width: usize,
        /// Inputs that the detector takes.
        detector_inputs: usize,
        /// Numbers of memory that the model's heads need.
        memory: usize,
        /// Widest layer that the detector has room for.
        detector_width: usize,
        /// Numbers of memory that the detector has for heads.
        detector_memory: usize,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotAModel => f.write_str("not an edgevae model (it does not begin with `EVAE`)"),
            Self::NewerVersion { found, supported } => write!(
                f,
                "format version {found}, written by a newer edgevae (this one reads up to version {supported}); update edgevae"
            ),
            Self::Newer => f.write_str("written by a newer edgevae: update the firmware (on the desk: edgevae)"),
            Self::UnknownVersion => f.write_str(
                "damaged: format version 0, which no edgevae writes; copy the file again or export it again",
            ),
            Self::Truncated { expected, found } => {
                write!(f, "truncated: {found} bytes where {expected} were expected; copy the file again")
            }
            Self::TrailingBytes { expected, found } => {
                write!(f, "{found} bytes where {expected} were expected: something was appended to the file")
            }
            Self::Checksum { stored, computed } => write!(
                f,
                "damaged: checksum {computed:08x} where {stored:08x} was stored; copy the file again or export it again"
            ),
            Self::Malformed => {
                f.write_str("the header cannot be decoded although the checksum holds; export the model again")
            }
            Self::Misaligned => f.write_str("the bytes are not aligned to 4; embed the file with include_model!"),
            Self::Quantized => f.write_str("an int8 model where a float model is expected"),
            Self::NotQuantized => {
                f.write_str("a float model where an int8 model is expected; make one with `edgevae quantize`")
            }
            Self::NeedsEncoder => f.write_str(
                "the model has an encoder for raw rows (categories, missing values or windows); load it with RawModel \
                 (features `encoding` and `window` of edgevae-core), which this program does not",
            ),
            Self::NoEncoder => f.write_str("the model has no encoder for raw rows; load it with Model"),
            Self::Input => f.write_str("the input section cannot encode rows for this network; export the model again"),
            Self::WrongInput { raw, encoded, rows } => {
                write!(f, "the model takes {raw} raw columns as {encoded} features in windows of {rows} rows")
            }
            Self::NoIntegerForm { head: Some(head) } => write!(f, "the head `{}` has no integer form", head.name()),
            Self::NoIntegerForm { head: None } => f.write_str("a combination of heads has no integer form"),
            Self::Accumulator { layer } => {
                write!(f, "sums of layer {layer} could exceed 32 bits; quantize the model again")
            }
            Self::Shapes => f.write_str("layer shapes do not add up; export the model again"),
            Self::NonFinite { index } => {
                write!(f, "number {index} of the tensors is not finite; train the model again")
            }
            Self::Scale { feature } => {
                write!(f, "the scale of feature {feature} is not positive; train the model again")
            }
            Self::NotCompiled { feature } => {
                write!(f, "the model needs the head `{feature}`; enable that feature of edgevae-core")
            }
            Self::Head { head } => {
                write!(f, "the head `{head}` cannot score with what the file holds; train the model again")
            }
            Self::FlushToZero => f.write_str(
                "flush-to-zero is on, which changes scores; clear FPSCR.FZ (Arm) or FTZ and DAZ of MXCSR (x86)",
            ),
            Self::Threshold => f.write_str("the threshold is not a positive finite number, or not the one that the file shows; calibrate the model again"),
            Self::WrongShape { inputs, width, memory, detector_inputs, detector_width, detector_memory } => write!(
                f,
                "the model is a Detector::<{inputs}, {width}, {memory}> (inputs, widest layer, memory of its heads) or \
                 wider; this one is a Detector::<{detector_inputs}, {detector_width}, {detector_memory}>"
            ),
        }
    }
}

impl core::error::Error for LoadError {}

/// Why a sample has no score. A sample without a score is never "normal".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreError {
    /// The sample has another number of values than the model has inputs.
    WrongLength {
        /// Inputs of the model.
        expected: usize,
        /// Values in the sample.
        found: usize,
    },
    /// A value is infinite, or NaN where the model has no fill value for missing readings: check that sensor.
    NonFinite {
        /// Position of the feature.
        index: usize,
    },
    /// Every value is finite but the score is not: some value is so far from the training data that `f32` overflows.
    Overflow,
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::WrongLength { expected, found } => write!(f, "{found} values where the model has {expected} inputs"),
            Self::NonFinite { index } => write!(f, "feature {index} is NaN or infinite"),
            Self::Overflow => f.write_str("the sample is so far from the training data that its score overflows"),
        }
    }
}

impl core::error::Error for ScoreError {}
