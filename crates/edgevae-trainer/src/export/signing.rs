//! Keys and signatures of model files: Ed25519, keys as PEM files that other tools read and write.
//!
//! The signature is of the model file as it is, so `openssl pkeyutl -verify -rawin` checks it too; where it stands in a
//! signed file is [`edgevae_core::signature`]'s business.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use edgevae_core::{PublicKey, signature};

use crate::base::regular;

/// Why a key cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system has no random numbers.
    #[error("no random numbers for a key: {0}")]
    Random(String),
    /// There is a key already, and it may have signed models in the field.
    #[error("{path} exists and a key is never replaced; name another --out", path = .0.display())]
    Exists(PathBuf),
    /// The file cannot be read.
    #[error("{path}: {source}; expected a key file written by `edgevae keygen`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds no secret key.
    #[error(
        "{path}: no Ed25519 secret key; expected PKCS#8 PEM (`BEGIN PRIVATE KEY`) as `edgevae keygen` writes it",
        path = .0.display()
    )]
    NoSecret(PathBuf),
    /// It holds no key at all.
    #[error(
        "{path}: no Ed25519 key; expected PEM (`BEGIN PUBLIC KEY` or `BEGIN PRIVATE KEY`) or 64 hexadecimal digits",
        path = .0.display()
    )]
    NoPublic(PathBuf),
}

/// A key that signs.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a PKCS#8 PEM file, as `edgevae keygen` and `openssl genpkey -algorithm ed25519` write it.
    ///
    /// # Errors
    /// [`KeyError::Read`] or [`KeyError::NoSecret`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(&read(path)?);
        key.map(Self).map_err(|_| KeyError::NoSecret(path.to_owned()))
    }

    /// The key as a PKCS#8 PEM file.
    pub fn to_pem(&self) -> String {
        self.0.to_pkcs8_pem(LineEnding::LF).expect("a key of 32 bytes always encodes").to_string()
    }

    /// Its public half.
    pub fn public(&self) -> Public {
        Public(self.0.verifying_key())
    }

    /// A model file with its signature behind it.
    pub fn sign(&self, model_file: &[u8]) -> Vec<u8> {
        [model_file, &signature::MAGIC, &self.0.sign(model_file).to_bytes()].concat()
    }
}

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public(VerifyingKey);

impl Public {
    /// Reads a public key: PEM, 64 hexadecimal digits, or the file of the secret key.
    ///
    /// # Errors
    /// [`KeyError::Read`] or [`KeyError::NoPublic`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = read(path)?;
        let pem = VerifyingKey::from_public_key_pem(&text).ok();
        let secret = || SigningKey::from_pkcs8_pem(&text).ok().map(|key| key.verifying_key());
        let hex = || VerifyingKey::from_bytes(&from_hex(text.trim())?).ok();
        pem.or_else(secret).or_else(hex).map(Self).ok_or_else(|| KeyError::NoPublic(path.to_owned()))
    }

    /// The key as a PEM file.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("a key of 32 bytes always encodes")
    }

    /// The key as 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.to_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    /// The key as a line of Rust for the firmware.
    pub fn to_rust(&self) -> String {
        let mut text = String::from("const PUBLIC_KEY: [u8; 32] = [");
        for (index, byte) in self.0.to_bytes().iter().enumerate() {
            let space = if index % 16 == 0 { "\n    " } else { " " };
            write!(text, "{space}0x{byte:02x},").expect("a string takes all");
        }
        text + "\n];"
    }

    /// The key as the core takes it.
    ///
    /// # Errors
    /// [`edgevae_core::SignatureError::Key`] for a key with which anybody could sign.
    pub fn to_core(&self) -> Result<PublicKey, edgevae_core::SignatureError> {
        PublicKey::from_bytes(&self.0.to_bytes())
    }
}

fn read(path: &Path) -> Result<String, KeyError> {
    regular::read_text(path).map_err(|source| KeyError::Read { path: path.to_owned(), source })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 2 * bytes.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Test 1 of RFC 8032, section 7.1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn a_key_has_one_public_half_however_it_is_written() {
        let key = SecretKey(SigningKey::from_bytes(&from_hex(SEED).unwrap()));
        assert_eq!(key.public().to_hex(), PUBLIC);
        let dir = tempfile::tempdir().unwrap();
        for text in [key.to_pem(), key.public().to_pem(), format!("{PUBLIC}\n"), PUBLIC.to_uppercase()] {
            let path = dir.path().join("key");
            fs::write(&path, &text).unwrap();
            assert_eq!(Public::read(&path).unwrap(), key.public(), "{text}");
        }
        assert!(key.public().to_rust().starts_with("const PUBLIC_KEY: [u8; 32] = [\n    0xd7, 0x5a,"));
    }

    #[test]
    fn two_keys_are_never_the_same() {
        assert_ne!(SecretKey::generate().unwrap().to_pem(), SecretKey::generate().unwrap().to_pem());
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let public = SecretKey::generate().unwrap().public();
        for text in ["", "-----BEGIN PRIVATE KEY-----\n", &PUBLIC[1..], &format!("{PUBLIC}00"), "EVAE"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Public::read(&path), Err(KeyError::NoPublic(_))), "{text}");
            assert!(matches!(SecretKey::read(&path), Err(KeyError::NoSecret(_))), "{text}");
        }
        fs::write(&path, public.to_pem()).unwrap();
        assert!(matches!(SecretKey::read(&path), Err(KeyError::NoSecret(_))), "a public key does not sign");
        assert!(matches!(Public::read(&dir.path().join("none")), Err(KeyError::Read { .. })));
    }
}
