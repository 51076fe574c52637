//! Model files on disk: aligned bytes for the core, and new files from a header and its numbers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use edgevae_core::format::{self, Header};
use edgevae_core::{LoadError, Model, signature};

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The file cannot be read.
    #[error("{path}: {source}; expected a model file written by `edgevae train`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The core refuses its bytes.
    #[error("{path}: {source}", path = path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What the core said.
        source: LoadError,
    },
}

/// Bytes at an address that is a multiple of 16, as the core wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedBytes {
    words: Vec<u128>,
    len: usize,
}

impl AlignedBytes {
    /// Copies bytes to an aligned place.
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0_u128; bytes.len().div_ceil(size_of::<u128>())];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

/// A model file without its signature, if it had one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    bytes: AlignedBytes,
    signed: bool,
}

impl ModelFile {
    /// Copies an unsigned file to an aligned place. It does not check it; [`ModelFile::model`] does.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: AlignedBytes::new(bytes), signed: false }
    }

    /// Encodes a header and its numbers.
    pub fn encode(header: &Header<'_>, tensors: &[f32]) -> Self {
        let mut out = vec![0; format::max_encoded_len(header, tensors.len())];
        let len = format::encode(header, tensors, &mut out).expect("max_encoded_len bytes are always enough");
        Self::from_bytes(&out[..len])
    }

    /// Reads a file and checks it. A signature is taken off and not checked: that takes a key, and is `edgevae verify`'s.
    ///
    /// # Errors
    /// [`ModelFileError`] when it cannot be read or is not a model that this version loads.
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = fs::read(path).map_err(|source| ModelFileError::Read { path: path.to_owned(), source })?;
        let (file, signature) = signature::split(&bytes).unwrap_or((&bytes, None));
        let file = Self { signed: signature.is_some(), ..Self::from_bytes(file) };
        match file.model() {
            Ok(_) => Ok(file),
            Err(source) => Err(ModelFileError::Load { path: path.to_owned(), source }),
        }
    }

    /// The file as it lies on disk, without a signature.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Whether the file that was opened had a signature; by whom is not known.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// The checked view that scores.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no model.
    pub fn model(&self) -> Result<Model<'_>, LoadError> {
        Model::from_bytes(self.bytes())
    }
}
