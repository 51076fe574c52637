//! A Parquet file whose pages are held to bounds before they are decoded, because a header of a few bytes can claim
//! gigabytes and a decoder believes it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Largest page in bytes, decompressed. Writers aim at 1 MiB.
const MAX_PAGE: u64 = 128 << 20;

/// A file that hands out no more bytes than it has.
pub struct Bounded {
    file: File,
    length: u64,
    /// Where pages end and the footer begins.
    footer: u64,
}

impl Bounded {
    /// Finds out where the footer of `file` begins.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(mut file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        // The last eight bytes are the footer's length and a magic; a file that is shorter is for the decoder to refuse.
        let mut tail = [0; 8];
        if length >= 8 {
            file.seek(SeekFrom::End(-8))?;
            file.read_exact(&mut tail)?;
        }
        let [a, b, c, d, ..] = tail;
        let footer = length.saturating_sub(8 + u64::from(u32::from_le_bytes([a, b, c, d])));
        Ok(Self { file, length, footer })
    }

    fn at(&self, start: u64) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file)
    }
}

impl Length for Bounded {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Bounded {
    type T = Front;

    fn get_read(&self, start: u64) -> Result<Front> {
        Ok(Front { bytes: BufReader::new(self.at(start)?), is_checked: start >= self.footer })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let left = self.length.saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("expected {length} bytes at byte {start}, found {left}")));
        }
        let mut bytes = vec![0; length];
        self.at(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Bytes that the decoder reads field by field: the header of a page, whose sizes are checked before the first field, or
/// the footer. The end of the file is an error, where the decoder would skip fields that are not there.
pub struct Front {
    bytes: BufReader<File>,
    is_checked: bool,
}

impl Read for Front {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            self.is_checked = true;
            check_sizes(self.bytes.fill_buf()?)
                .map_err(|message| io::Error::new(io::ErrorKind::InvalidData, message))?;
        }
        match self.bytes.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// Checks the sizes in a page header: its first three fields, in Thrift's compact protocol a byte 0x15 (the next field,
/// an `i32`) and a zigzag varint each, are its type, its bytes decompressed and its bytes in the file.
fn check_sizes(header: &[u8]) -> std::result::Result<(), String> {
    let mut bytes = header.iter();
    let mut field = || -> Option<u64> {
        (bytes.next() == Some(&0x15)).then_some(())?;
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = *bytes.next()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (value & 1 == 0).then_some(value >> 1);
            }
        }
        None
    };
    let sizes = (field(), field(), field());
    let (Some(_), Some(decompressed), Some(_)) = sizes else { return Err("a page header is damaged".into()) };
    if decompressed > MAX_PAGE {
        return Err(format!(
            "a page of {decompressed} bytes is longer than the limit of {MAX_PAGE}; write smaller pages"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_sizes;

    #[test]
    fn a_page_header_begins_with_its_type_and_two_sizes() {
        assert_eq!(check_sizes(&[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x01, 0x15, 4, 0]), Ok(()));
        let damaged = Err("a page header is damaged".to_owned());
        // Of another type, negative, cut, longer than 32 bits.
        assert_eq!(check_sizes(&[0x16, 0, 0x15, 4, 0x15, 4, 0]), damaged);
        assert_eq!(check_sizes(&[0x15, 0, 0x15, 5, 0x15, 4, 0]), damaged);
        assert_eq!(check_sizes(&[0x15, 0, 0x15]), damaged);
        assert_eq!(check_sizes(&[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x15, 4]), damaged);
        let long = check_sizes(&[0x15, 0, 0x15, 0x82, 0x80, 0x80, 0x80, 0x01, 0x15, 4, 0]).unwrap_err();
        assert!(long.starts_with("a page of 134217729 bytes is longer than the limit"), "{long}");
    }
}
