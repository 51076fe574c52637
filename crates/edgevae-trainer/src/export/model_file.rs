//! Model files on disk: aligned bytes for the core, and new files from a header and its numbers.

use std::io;
use std::path::{Path, PathBuf};

use edgevae_core::format::{Contents, Extra, Extras, Header, extras};
use edgevae_core::{LoadError, Model, QuantizedModel, RawModel, check_arithmetic, signature};

use crate::base::regular;

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
        Self::of(&Contents::new(header, words))
    }

    /// Encodes a header, its numbers and its sections; the extras in the order of their tags.
    pub fn of(contents: &Contents<'_>) -> Self {
        let mut out = vec![0; contents.max_len()];
        let len = contents.encode(&mut out).expect("max_len bytes are always enough, and the tags rise");
        Self::from_bytes(&out[..len])
    }

    /// The file of this float model with an input section; it keeps the model's extras.
    pub fn with_input(model: &Model<'_>, section: &[u8]) -> Self {
        let extras: Vec<Extra<'_>> = model.extras().collect();
        let words = bytemuck::cast_slice(model.tensors());
        Self::of(&Contents { input: section, extras: &extras, ..Contents::new(model.header(), words) })
    }

    /// The same file with `bytes` as its extra of this tag, in place of an earlier one; `None` only removes that.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no model.
    pub fn with_extra(&self, tag: u8, bytes: Option<&[u8]>) -> Result<Self, LoadError> {
        let model = self.any()?;
        let (header, others) = (model.header(), model.extras().filter(|extra| extra.tag != tag));
        let mut extras: Vec<Extra<'_>> = others.chain(bytes.map(|bytes| Extra { tag, bytes })).collect();
        extras.sort_by_key(|extra| extra.tag);
        let (words, input) = match &model {
            AnyModel::Float(model) => (bytemuck::cast_slice(model.tensors()), &[][..]),
            AnyModel::Raw(raw) => (bytemuck::cast_slice(raw.model().tensors()), raw.encoder().section()),
            AnyModel::Int8(model) => (model.words(), &[][..]),
        };
        Ok(Self::of(&Contents { header: &header, input, extras: &extras, words }))
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
    /// [`LoadError`] when the bytes are no model, or this thread flushes subnormal numbers to zero.
    pub fn any(&self) -> Result<AnyModel<'_>, LoadError> {
        check_arithmetic()?;
        match self.model() {
            Ok(model) => Ok(AnyModel::Float(model)),
            Err(LoadError::Quantized) => self.quantized().map(AnyModel::Int8),
            Err(LoadError::NeedsEncoder) => RawModel::from_bytes(self.bytes()).map(AnyModel::Raw),
            Err(error) => Err(error),
        }
    }
}

/// The extras that stay true of a model when its threshold is calibrated again: all but the calibration's own.
pub fn kept_extras(extras: Extras<'_>) -> Vec<Extra<'_>> {
    extras.filter(|extra| extra.tag != extras::CALIBRATION).collect()
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

    /// The file's extras, in the order of their tags.
    pub fn extras(&self) -> Extras<'a> {
        match self {
            Self::Float(model) => model.extras(),
            Self::Raw(model) => model.model().extras(),
            Self::Int8(model) => model.extras(),
        }
    }

    /// The bytes of the extra with this tag; `None` when there is none.
    pub fn extra(&self, tag: u8) -> Option<&'a [u8]> {
        self.extras().find(|extra| extra.tag == tag).map(|extra| extra.bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extra_is_added_replaced_and_removed_in_a_file_of_any_kind() {
        let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../edgevae-core/tests/data");
        for name in ["small-v1.evae", "small-v2.evae", "small-int8-v1.evae"] {
            let plain = ModelFile::open(&core.join(name)).unwrap();
            let with = plain.with_extra(extras::CALIBRATION, Some(b"ten rows")).unwrap();
            let with = with.with_extra(extras::READING, Some(b"newest first")).unwrap();
            let with = with.with_extra(extras::CALIBRATION, Some(b"nine rows")).unwrap();
            let model = with.any().unwrap();
            let tags: Vec<u8> = model.extras().map(|extra| extra.tag).collect();
            assert_eq!(tags, [extras::READING, extras::CALIBRATION], "{name}");
            assert_eq!(model.extra(extras::CALIBRATION), Some(&b"nine rows"[..]), "{name}");
            assert_eq!(kept_extras(model.extras()).len(), 1, "a new threshold has statistics of its own");
            let without =
                with.with_extra(extras::READING, None).unwrap().with_extra(extras::CALIBRATION, None).unwrap();
            assert_eq!(without, plain, "{name}");
        }
    }
}
