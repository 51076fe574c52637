//! The extras of a model file: tagged entries that later versions add without a new format.

use super::reader::Reader;
use crate::error::LoadError;

/// Tag: how data files are read on the desk.
pub const READING: u8 = 1;
/// Tag: statistics of the calibration rows.
pub const CALIBRATION: u8 = 2;
/// Tags from here on change what a device must do. A device that does not know one refuses the file.
pub const DEVICE_TAGS: u8 = 128;

/// The tags from [`DEVICE_TAGS`] on that this crate knows.
const KNOWN: [u8; 0] = [];

/// An entry of a model file beyond header, input section and numbers.
///
/// A reader skips a tag below [`DEVICE_TAGS`] that it does not know: the entry is information for the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extra<'a> {
    /// What the bytes are.
    pub tag: u8,
    /// As the tag says.
    pub bytes: &'a [u8],
}

/// Iterator over a file's extras, in the order of their tags.
#[derive(Clone, Debug)]
pub struct Extras<'a>(Reader<'a>);

impl<'a> Extras<'a> {
    pub(crate) fn new(section: &'a [u8]) -> Self {
        Self(Reader(section))
    }

    /// The bytes of the entry with this tag.
    pub(crate) fn find(mut self, tag: u8) -> Option<&'a [u8]> {
        self.find_map(|extra| (extra.tag == tag).then_some(extra.bytes))
    }
}

impl<'a> Iterator for Extras<'a> {
    type Item = Extra<'a>;

    fn next(&mut self) -> Option<Extra<'a>> {
        Some(Extra { tag: self.0.byte()?, bytes: self.0.bytes()? })
    }
}

/// That a section has entries and nothing else, in the order of their tags, and none that this device cannot obey.
///
/// # Errors
/// [`LoadError::Malformed`], [`LoadError::Newer`].
#[inline(never)]
pub(crate) fn check(section: &[u8]) -> Result<(), LoadError> {
    let mut reader = Reader(section);
    let mut least = 0_u16;
    loop {
        let tag = reader.byte().filter(|&tag| u16::from(tag) >= least);
        let (Some(tag), Some(_)) = (tag, reader.bytes()) else { return Err(LoadError::Malformed) };
        if tag >= DEVICE_TAGS && !KNOWN.contains(&tag) {
            return Err(LoadError::Newer);
        }
        least = u16::from(tag).saturating_add(1);
        if reader.0.is_empty() {
            return Ok(());
        }
    }
}
