//! A JSON array of objects as JSON lines.

use std::io::{self, Read};

/// Hands out the elements of an array as lines: the brackets around them become blanks, the commas between them line ends.
pub(super) struct ArrayLines<R> {
    input: R,
    /// Open brackets and braces.
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl<R: Read> ArrayLines<R> {
    pub fn new(input: R) -> Self {
        Self { input, depth: 0, in_text: false, escaped: false }
    }

    fn mapped(&mut self, byte: u8) -> u8 {
        if self.in_text {
            let closes = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_text = !closes;
            return byte;
        }
        match byte {
            b'"' => self.in_text = true,
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth == 1 {
                    return b' ';
                }
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return b' ';
                }
            }
            b',' if self.depth == 1 => return b'\n',
            b'\n' | b'\r' => return b' ',
            _ => {}
        }
        byte
    }
}

impl<R: Read> Read for ArrayLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        for byte in &mut buffer[..read] {
            *byte = self.mapped(*byte);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_becomes_a_line_whatever_its_texts_hold() {
        let text = "[\n  {\"a\": 1, \"b\": \"x, ]\\\" y\"},\n  {\"a\": [1,\n2]}\n]\n";
        let mut lines = String::new();
        ArrayLines::new(text.as_bytes()).read_to_string(&mut lines).unwrap();
        let lines: Vec<&str> = lines.lines().map(str::trim).collect();
        assert_eq!(lines, [r#"{"a": 1, "b": "x, ]\" y"}"#, r#"{"a": [1, 2]}"#]);
    }
}
