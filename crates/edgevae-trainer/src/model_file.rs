//! Model files on disk: aligned bytes for the core, and new files from a header and its numbers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use edgevae_core::format::{self, Header};
use edgevae_core::{LoadError, Model};

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

/// Bytes of a model file at an address that is a multiple of 16, as the core wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    words: Vec<u128>,
    len: usize,
}

impl ModelFile {
    /// Copies bytes to an aligned place. It does not check them; [`ModelFile::model`] does.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut words = vec![0_u128; bytes.len().div_ceil(size_of::<u128>())];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    /// Encodes a header and its numbers.
    pub fn encode(header: &Header<'_>, tensors: &[f32]) -> Self {
        let mut out = vec![0; format::max_encoded_len(header, tensors.len())];
        let len = format::encode(header, tensors, &mut out).expect("max_encoded_len bytes are always enough");
        Self::from_bytes(&out[..len])
    }

    /// Reads a file and checks it.
    ///
    /// # Errors
    /// [`ModelFileError`] when it cannot be read or is not a model that this version loads.
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = fs::read(path).map_err(|source| ModelFileError::Read { path: path.to_owned(), source })?;
        let file = Self::from_bytes(&bytes);
        match file.model() {
            Ok(_) => Ok(file),
            Err(source) => Err(ModelFileError::Load { path: path.to_owned(), source }),
        }
    }

    /// The file as it lies on disk.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    /// The checked view that scores.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no model.
    pub fn model(&self) -> Result<Model<'_>, LoadError> {
        Model::from_bytes(self.bytes())
    }
}
