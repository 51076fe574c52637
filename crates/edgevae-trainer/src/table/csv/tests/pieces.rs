//! Found by fuzzing: what is read and what is said must not depend on where the stream was cut into pieces.

use super::*;

/// Hands out at most `.1` bytes at a time.
struct Pieces(&'static [u8], usize);

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(buffer.len());
        self.0.read(&mut buffer[..len])
    }
}

#[test]
fn a_file_in_pieces_of_any_size_gives_the_same_message() {
    let files: [&'static [u8]; 4] = [
        b"row\t\xff\xff:\xff6ion,kl;inf\r\x05\0\0\0aN;inf\r\n(4[14920\n652",
        b"a,b\r1,2\0\r3,4",
        b"a\0,b\r1,2",
        b"a,\"b\r\0\"\n1,2\n",
    ];
    for file in files {
        let read = |step| {
            let rows = blocks(stream(Pieces(file, step)), "t.csv".into(), &ReadOptions::default());
            rows.and_then(|rows| collect(rows, 1)).map(|loaded| loaded.dataset).map_err(|error| error.to_string())
        };
        let whole = read(usize::MAX);
        for step in 1..file.len() {
            assert_eq!(read(step), whole, "{step} bytes at a time");
        }
    }
}
