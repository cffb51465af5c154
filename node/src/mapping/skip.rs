//! Titles and notes above a header: whole lines that are left out, whatever is in them.

use std::io::{self, Read};

pub struct SkipLines<R> {
    input: R,
    left: u64,
    after_cr: bool,
}

impl<R: Read> SkipLines<R> {
    pub fn new(input: R, lines: u64) -> Self {
        Self { input, left: lines, after_cr: false }
    }

    /// How many of these bytes belong to lines that are left out. `\r\n` is one end of a line.
    fn skipped(&mut self, bytes: &[u8]) -> usize {
        for (n, byte) in bytes.iter().enumerate() {
            let ends_pair = *byte == b'\n' && self.after_cr;
            if self.left == 0 && !ends_pair {
                self.after_cr = false;
                return n;
            }
            self.left -= u64::from(*byte == b'\r' || *byte == b'\n' && !ends_pair);
            self.after_cr = *byte == b'\r';
        }
        bytes.len()
    }
}

impl<R: Read> Read for SkipLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.input.read(buffer)?;
            if read == 0 || self.left == 0 && !self.after_cr {
                return Ok(read);
            }
            let skipped = self.skipped(buffer.get(..read).unwrap_or_default());
            buffer.copy_within(skipped..read, 0);
            if skipped < read {
                return Ok(read - skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_in_three_ways() {
        for (text, lines, rest) in [
            ("a\nb\nc", 1, "b\nc"),
            ("a\r\nb", 1, "b"),
            ("a\rb", 1, "b"),
            ("\n\n\r\n\rx", 4, "x"),
            ("a\r\n\nb", 1, "\nb"),
            ("a", 3, ""),
            ("a\n", 0, "a\n"),
        ] {
            let mut left = String::new();
            SkipLines::new(text.as_bytes(), lines).read_to_string(&mut left).unwrap();
            assert_eq!(left, rest, "{text:?}");
        }
    }

    /// Hands out a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = buffer.len().min(self.1);
            self.0.read(&mut buffer[..n])
        }
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_make_the_same_text(text in "[a\r\n]{0,30}", lines in 0u64..5, size in 1usize..4) {
            let (mut whole, mut pieces) = (String::new(), String::new());
            SkipLines::new(text.as_bytes(), lines).read_to_string(&mut whole).unwrap();
            SkipLines::new(Trickle(text.as_bytes(), size), lines).read_to_string(&mut pieces).unwrap();
            prop_assert_eq!(whole, pieces);
        }
    }
}
