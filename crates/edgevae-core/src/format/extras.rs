//! The extras of a model file: tagged entries that later versions add without a new format.

use super::reader::Reader;
use crate::dense::keep_rolled;

/// Tag: how data files are read on the desk.
pub const READING: u8 = 1;
/// Tag: statistics of the calibration rows.
pub const CALIBRATION: u8 = 2;
/// Tag: the limit of the range of readings, an `f32` in scales; see [`LIMIT`](crate::range::LIMIT).
pub const RANGE: u8 = 129;
/// Tags from here on change what a device must do. A device that does not know one refuses the file.
pub const DEVICE_TAGS: u8 = 128;

/// The tags from [`DEVICE_TAGS`] on that this crate knows.
const KNOWN: [u8; 1] = [RANGE];

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
        Self(Reader::new(section))
    }

    /// The bytes of the entry with this tag.
    pub(crate) fn find(mut self, tag: u8) -> Option<&'a [u8]> {
        self.find_map(|extra| (extra.tag == tag).then_some(extra.bytes))
    }
}

impl<'a> Iterator for Extras<'a> {
    type Item = Extra<'a>;

    fn next(&mut self) -> Option<Extra<'a>> {
        Some(Extra { tag: self.0.byte()?, bytes: self.0.slice()? })
    }
}

/// That a section has entries and nothing else, in the order of their tags, and none that this device cannot obey, which
/// `file` is then told.
#[inline(never)]
pub(crate) fn check(section: &[u8], file: &mut Reader<'_>) -> Option<()> {
    let mut reader = Reader::new(section);
    let mut least = 0;
    loop {
        let tag = reader.byte()?;
        reader.slice()?;
        file.newer = tag >= DEVICE_TAGS && !KNOWN.contains(&tag);
        if u32::from(tag) < least || file.newer {
            return None;
        }
        least = u32::from(tag).saturating_add(1);
        if reader.bytes.is_empty() {
            return Some(());
        }
        keep_rolled();
    }
}
