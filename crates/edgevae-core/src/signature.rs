//! A signed model: the file as it is, and behind it a trailer of 68 bytes.
//!
//! The trailer is the magic `EVSG` and an Ed25519 signature (RFC 8032) of every byte of the file before it. A reader
//! that knows nothing of signatures refuses a signed file for its trailing bytes; a reader that asks for one refuses a
//! file without. With the feature `signature`, [`Model::from_signed_bytes`](crate::Model::from_signed_bytes) checks it.

use crate::error::LoadError;
use crate::format;

/// First four bytes of the trailer.
pub const MAGIC: [u8; 4] = *b"EVSG";
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_LEN: usize = 64;
/// Bytes that a signature adds to a model file.
pub const TRAILER_LEN: usize = MAGIC.len() + SIGNATURE_LEN;

/// Takes the signature off a model file, without checking either.
///
/// Returns the model file and its signature; `None` for an unsigned file. Bytes behind the file that are no trailer stay
/// with the file, so that [`Model::from_bytes`](crate::Model::from_bytes) refuses them.
///
/// # Errors
/// Those of [`format::declared_length`].
///
/// # Panics
/// Never.
pub fn split(bytes: &[u8]) -> Result<(&[u8], Option<&[u8; SIGNATURE_LEN]>), LoadError> {
    let length = format::declared_length(bytes)?;
    let signed = bytes.split_at_checked(length).and_then(|(file, trailer)| {
        let signature = trailer.strip_prefix(&MAGIC)?;
        Some((file, signature.try_into().ok()?))
    });
    Ok(signed.map_or((bytes, None), |(file, signature)| (file, Some(signature))))
}

#[cfg(feature = "signature")]
pub use verify::{PublicKey, SignatureError};

#[cfg(feature = "signature")]
mod verify {
    use core::fmt;

    use ed25519_dalek::{Signature, VerifyingKey};

    use super::split;
    use crate::error::LoadError;
    use crate::model::Model;

    /// Why a file is not a model signed with the expected key. The bytes are then not to be used.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum SignatureError {
        /// There is no signature. Sign the file with `edgevae sign`.
        Unsigned,
        /// The signature is not that of this file with this key: another key signed it, or it was altered since.
        Wrong,
        /// The 32 bytes are no public key.
        Key,
        /// What was signed is not a usable model.
        Load(LoadError),
    }

    impl fmt::Display for SignatureError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Unsigned => f.write_str("not signed; sign it with `edgevae sign`"),
                Self::Wrong => f.write_str(
                    "the signature does not belong to this file and key: signed with another key, or altered since",
                ),
                Self::Key => f.write_str("not an Ed25519 public key"),
                Self::Load(error) => error.fmt(f),
            }
        }
    }

    impl core::error::Error for SignatureError {}

    /// The public half of a signing key; it belongs in the firmware.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PublicKey(VerifyingKey);

    impl PublicKey {
        /// Takes the 32 bytes that `edgevae keygen` prints.
        ///
        /// # Errors
        /// [`SignatureError::Key`] when they are no point of the curve, or one that lets anybody sign.
        pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
            match VerifyingKey::from_bytes(bytes) {
                Ok(key) if !key.is_weak() => Ok(Self(key)),
                _ => Err(SignatureError::Key),
            }
        }
    }

    impl<'a> Model<'a> {
        /// Checks the signature of a signed model file, then the file itself, and returns a view of it.
        ///
        /// Nothing but the length field is read before the signature holds.
        ///
        /// # Errors
        /// [`SignatureError`]: an unsigned, wrongly signed or altered file is refused.
        ///
        /// # Cost
        /// Two passes over the bytes for SHA-512 and one for the checksum; a curve operation of some milliseconds to some hundred
        /// milliseconds by processor; about 2 KiB of stack.
        ///
        /// # Source
        /// Ed25519: RFC 8032; the strict check of the `ed25519-dalek` crate, which refuses keys and signatures of small order.
        ///
        /// # Examples
        /// ```
        /// use edgevae_core::{Model, SignatureError, PublicKey};
        ///
        /// static MODEL: &[u8] = edgevae_core::include_model!("../tests/data/small-v1.evae");
        /// # const KEY: [u8; 32] = *b"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
        /// let key = PublicKey::from_bytes(&KEY)?;                // printed by `edgevae keygen`
        /// let refused = Model::from_signed_bytes(MODEL, &key).unwrap_err();
        /// assert_eq!(refused, SignatureError::Unsigned);
        /// # Ok::<(), SignatureError>(())
        /// ```
        pub fn from_signed_bytes(bytes: &'a [u8], key: &PublicKey) -> Result<Self, SignatureError> {
            Model::from_bytes(verified(bytes, key)?).map_err(SignatureError::Load)
        }
    }

    #[cfg(feature = "encoding")]
    impl<'a> crate::RawModel<'a> {
        /// As [`Model::from_signed_bytes`], of a file with an input section.
        ///
        /// # Errors
        /// [`SignatureError`].
        pub fn from_signed_bytes(bytes: &'a [u8], key: &PublicKey) -> Result<Self, SignatureError> {
            Self::from_bytes(verified(bytes, key)?).map_err(SignatureError::Load)
        }
    }

    #[cfg(feature = "int8")]
    impl<'a> crate::QuantizedModel<'a> {
        /// As [`Model::from_signed_bytes`], of an int8 file.
        ///
        /// # Errors
        /// [`SignatureError`].
        pub fn from_signed_bytes(bytes: &'a [u8], key: &PublicKey) -> Result<Self, SignatureError> {
            Self::from_bytes(verified(bytes, key)?).map_err(SignatureError::Load)
        }
    }

    /// The file that was signed with this key.
    fn verified<'a>(bytes: &'a [u8], key: &PublicKey) -> Result<&'a [u8], SignatureError> {
        let (file, signature) = split(bytes).map_err(SignatureError::Load)?;
        let signature = Signature::from_bytes(signature.ok_or(SignatureError::Unsigned)?);
        key.0.verify_strict(file, &signature).map_err(|_| SignatureError::Wrong)?;
        Ok(file)
    }
}
