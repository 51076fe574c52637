//! What the bytes of a model file can be loaded as.

use crate::error::LoadError;
use crate::model::Model;

/// A model, or a detector, which must also be large enough for the model that the file holds.
///
/// [`Slots::open`](crate::slots::Slots::open) tries the newest file first and, where that does not load as the type that
/// is asked for, the other one.
pub trait Load<'a>: Sized {
    /// Loads a file that stays where it is.
    ///
    /// # Errors
    /// A [`LoadError`] when the bytes are not a usable model, or not one that fits.
    ///
    /// # Panics
    /// Never, whatever the bytes.
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError>;
}

impl<'a> Load<'a> for Model<'a> {
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::from_bytes(bytes)
    }
}

#[cfg(feature = "encoding")]
impl<'a> Load<'a> for crate::RawModel<'a> {
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::from_bytes(bytes)
    }
}

#[cfg(feature = "int8")]
impl<'a> Load<'a> for crate::QuantizedModel<'a> {
    fn load(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::from_bytes(bytes)
    }
}
