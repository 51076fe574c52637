//! What a call came to.

use core::ffi::{CStr, c_char};

use edgevae_core::{LoadError, ScoreError};

/// What a call came to. New codes may be added at the end: treat an unknown one as a fault.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum edgevae_status {
    /// The result was written.
    Ok = 0,
    /// A pointer is null.
    NullPointer = 1,
    /// The bytes do not begin with `EVAE`: another file, or flash that was never written.
    NotAModel = 2,
    /// The file was written by a newer edgevae: update the firmware.
    NewerVersion = 3,
    /// Fewer bytes than the file says it has.
    Truncated = 4,
    /// More bytes than the file says it has.
    TrailingBytes = 5,
    /// The bytes were altered after the file was written.
    Checksum = 6,
    /// The header cannot be decoded although the checksum holds.
    Malformed = 7,
    /// The bytes do not begin at a multiple of 4.
    Misaligned = 8,
    /// Layer shapes do not add up, or a number, a scale, a head or the threshold is out of range.
    Invalid = 9,
    /// The scratch memory is too small for the model.
    WrongShape = 10,
    /// The sample has another number of values than the model has inputs.
    WrongLength = 11,
    /// A value of the sample is NaN or infinite: check the sensors.
    NonFinite = 12,
    /// The sample is so far from the training data that its score overflows.
    Overflow = 13,
    /// The model needs a head that this library was built without: build it with `all-heads`.
    NotCompiled = 14,
    /// A fault that this version of the library has no code of its own for.
    Other = 15,
    /// An int8 model, which this library does not score: use the float model that it was made of.
    Quantized = 16,
    /// A model with an encoder for raw rows (categories, missing values, windows), which this library does not have.
    NeedsEncoder = 17,
}

impl From<LoadError> for edgevae_status {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NotAModel => Self::NotAModel,
            LoadError::NewerVersion { .. } | LoadError::Newer => Self::NewerVersion,
            LoadError::Truncated { .. } => Self::Truncated,
            LoadError::TrailingBytes { .. } => Self::TrailingBytes,
            LoadError::Checksum { .. } => Self::Checksum,
            LoadError::Malformed | LoadError::UnknownVersion => Self::Malformed,
            LoadError::Misaligned => Self::Misaligned,
            LoadError::Shapes
            | LoadError::NonFinite { .. }
            | LoadError::Scale { .. }
            | LoadError::Head { .. }
            | LoadError::Threshold => Self::Invalid,
            LoadError::NotCompiled { .. } => Self::NotCompiled,
            LoadError::Quantized => Self::Quantized,
            LoadError::NeedsEncoder => Self::NeedsEncoder,
            LoadError::WrongShape { .. } => Self::WrongShape,
            _ => Self::Other,
        }
    }
}

impl From<ScoreError> for edgevae_status {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::WrongLength { .. } => Self::WrongLength,
            ScoreError::NonFinite { .. } => Self::NonFinite,
            ScoreError::Overflow => Self::Overflow,
            _ => Self::Other,
        }
    }
}

/// A status in words, for a log; any number is answered.
#[unsafe(no_mangle)]
pub extern "C" fn edgevae_status_text(status: i32) -> *const c_char {
    TEXTS.get(status as usize).copied().unwrap_or(c"unknown status").as_ptr()
}

/// In the order of the codes.
const TEXTS: [&CStr; 18] = [
    c"ok",
    c"a pointer is null",
    c"not an edgevae model",
    c"written by a newer edgevae; update the firmware",
    c"the model is truncated",
    c"bytes after the end of the model",
    c"the model is damaged: its checksum does not hold",
    c"the header of the model cannot be decoded",
    c"the model is not aligned to 4 bytes",
    c"shapes or numbers of the model are invalid",
    c"the scratch memory is too small for the model",
    c"the sample has another number of values than the model has inputs",
    c"a value of the sample is NaN or infinite",
    c"the score of the sample overflows",
    c"the model needs a head that this library was built without",
    c"another fault",
    c"an int8 model, which this library does not score",
    c"a model with an encoder for raw rows, which this library does not have",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_text_and_unknown_ones_are_answered() {
        let text = |status| {
            // SAFETY: the function returns pointers to literals.
            unsafe { CStr::from_ptr(edgevae_status_text(status)) }
        };
        assert_eq!(text(edgevae_status::Checksum as i32), TEXTS[6]);
        assert_eq!(text(edgevae_status::Other as i32), c"another fault");
        assert_eq!((text(18), text(-1)), (c"unknown status", c"unknown status"));
    }
}
