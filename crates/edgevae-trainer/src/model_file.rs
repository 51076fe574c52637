//! Model files on disk: aligned bytes for the core, and new files from a header and its numbers.

use std::io;
use std::path::{Path, PathBuf};

use edgevae_core::format::{self, Header};
use edgevae_core::{LoadError, Model, QuantizedModel, RawModel, signature};

use crate::regular;

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
        Self::encode_words(header, bytemuck::cast_slice(tensors))
    }

    /// Encodes a header and the numbers of an int8 model.
    pub fn encode_words(header: &Header<'_>, words: &[i32]) -> Self {
        let mut out = vec![0; format::max_encoded_len(header, words.len())];
        let len = format::encode_words(header, words, &mut out).expect("max_encoded_len bytes are always enough");
        Self::from_bytes(&out[..len])
    }

    /// The file of this float model with an input section.
    pub fn with_input(model: &Model<'_>, section: &[u8]) -> Self {
        let (header, tensors) = (model.header(), model.tensors());
        // The section and its length.
        let mut out = vec![0; format::max_encoded_len(header, tensors.len()) + section.len() + 5];
        let len =
            format::encode_with_input(header, section, tensors, &mut out).expect("as many bytes are always enough");
        Self::from_bytes(&out[..len])
    }

    /// Reads a file and checks it. A signature is taken off and not checked: that takes a key, and is `edgevae verify`'s.
    ///
    /// # Errors
    /// [`ModelFileError`] when it cannot be read or is not a model that this version loads.
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = regular::read(path).map_err(|source| ModelFileError::Read { path: path.to_owned(), source })?;
        let (file, signature) = signature::split(&bytes).unwrap_or((&bytes, None));
        let file = Self { signed: signature.is_some(), ..Self::from_bytes(file) };
        match file.any() {
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

    /// The checked view of a float model.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no float model.
    pub fn model(&self) -> Result<Model<'_>, LoadError> {
        Model::from_bytes(self.bytes())
    }

    /// The checked view of an int8 model.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no int8 model.
    pub fn quantized(&self) -> Result<QuantizedModel<'_>, LoadError> {
        QuantizedModel::from_bytes(self.bytes())
    }

    /// The checked view of a model of any kind.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no model.
    pub fn any(&self) -> Result<AnyModel<'_>, LoadError> {
        match self.model() {
            Ok(model) => Ok(AnyModel::Float(model)),
            Err(LoadError::Quantized) => self.quantized().map(AnyModel::Int8),
            Err(LoadError::NeedsEncoder) => RawModel::from_bytes(self.bytes()).map(AnyModel::Raw),
            Err(error) => Err(error),
        }
    }
}

/// A model of any kind.
#[derive(Clone, Debug)]
pub enum AnyModel<'a> {
    /// A float model.
    Float(Model<'a>),
    /// A float model with an encoder for raw rows.
    Raw(RawModel<'a>),
    /// An int8 model.
    Int8(QuantizedModel<'a>),
}

impl<'a> AnyModel<'a> {
    /// The file's header: everything but the numbers.
    pub fn header(&self) -> Header<'a> {
        match self {
            Self::Float(model) => model.header().clone(),
            Self::Raw(model) => model.model().header().clone(),
            Self::Int8(model) => model.header(),
        }
    }

    /// Whether a score may be negative; those of int8 models are distances.
    pub fn may_be_negative(&self) -> bool {
        match self {
            Self::Float(model) => model.may_be_negative(),
            Self::Raw(model) => model.model().may_be_negative(),
            Self::Int8(_) => false,
        }
    }

    /// Names of the columns that a sample is read from, in its order.
    pub fn columns(&self) -> Vec<&'a str> {
        match self {
            Self::Float(model) => model.feature_names().collect(),
            Self::Raw(model) => model.encoder().columns().map(|column| column.name).collect(),
            Self::Int8(model) => model.feature_names().collect(),
        }
    }
}
