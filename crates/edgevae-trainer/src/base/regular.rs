//! Whole files into memory.

use std::fs;
use std::io;
use std::path::Path;

/// Reads a regular file. A device may have no end, and a pipe may never begin.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is no regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"));
    }
    fs::read(path)
}

/// As [`read`], a file of text.
///
/// # Errors
/// As [`read`]; [`io::ErrorKind::InvalidData`] for what is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read(path)?);
    text.map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("no UTF-8 text at byte {at}"))
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_without_reading_it() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [dir.path(), &socket, Path::new("/dev/zero")] {
            assert_eq!(read(path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{}", path.display());
        }
        let file = dir.path().join("file");
        fs::write(&file, [b'a', 0xff]).unwrap();
        assert_eq!(read(&file).unwrap(), [b'a', 0xff]);
        assert_eq!(read_text(&file).unwrap_err().to_string(), "no UTF-8 text at byte 1");
    }
}
