//! The first guard: bytes become UTF-8 text, or the place where they are none is named.
//!
//! Nothing is converted and nothing left out. What stands before the fault is still handed on, so that
//! its own faults are found too.

use std::io::{self, Read};

use super::fault::Fault;

const BLOCK_BYTES: u64 = 64 * 1024;

pub struct Text<R> {
    input: R,
    /// The piece handed out, then the beginning of a character whose rest has not arrived.
    buffer: Vec<u8>,
    piece: usize,
    /// Of the beginning of `buffer` in the file.
    offset: u64,
    fault: Option<Fault>,
}

impl<R: Read> Text<R> {
    pub fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), piece: 0, offset: 0, fault: None }
    }

    pub fn piece(&self) -> &[u8] {
        &self.buffer[..self.piece]
    }

    /// Why the text ended before the file did.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Reads the next piece; an empty one is the end. Blocks are filled, so the first holds the byte order mark.
    pub fn advance(&mut self) -> io::Result<()> {
        self.offset += self.piece as u64;
        self.buffer.drain(..self.piece);
        self.piece = 0;
        if self.fault.is_some() {
            return Ok(());
        }
        let wanted = BLOCK_BYTES - self.buffer.len() as u64;
        let read = self.input.by_ref().take(wanted).read_to_end(&mut self.buffer)?;
        (self.piece, self.fault) = self.examine((read as u64) < wanted);
        Ok(())
    }

    /// How much of the buffer is text, and what is wrong after it.
    fn examine(&self, is_last: bool) -> (usize, Option<Fault>) {
        if self.offset == 0 && (self.buffer.starts_with(b"\xff\xfe") || self.buffer.starts_with(b"\xfe\xff"))
        {
            let message = "the file is UTF-16; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")";
            return (0, Some(Fault::error("encoding.utf16", message).at_byte(0)));
        }
        let (valid, fault) = match std::str::from_utf8(&self.buffer) {
            Ok(text) => (text.len(), None),
            // The end of the block cuts a character: its rest comes with the next.
            Err(error) if error.error_len().is_none() && !is_last => (error.valid_up_to(), None),
            Err(error) => {
                let at = self.offset + error.valid_up_to() as u64;
                let message = format!("not UTF-8 at byte {at}; save the file as UTF-8");
                (error.valid_up_to(), Some(Fault::error("encoding.utf8", message).at_byte(at)))
            }
        };
        match self.buffer[..valid].iter().position(|&b| b == 0) {
            None => (valid, fault),
            Some(n) => {
                let at = self.offset + n as u64;
                let message = format!("a NUL byte at byte {at}: this is no text file");
                (n, Some(Fault::error("encoding.nul", message).at_byte(at)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<u8>, Option<Fault>) {
        let (mut text, mut all) = (Text::new(bytes), Vec::new());
        loop {
            text.advance().unwrap();
            if text.piece().is_empty() {
                return (all, text.take_fault());
            }
            all.extend_from_slice(text.piece());
        }
    }

    #[test]
    fn a_character_cut_by_the_end_of_a_block_stays_whole() {
        for shift in 0..4 {
            let bytes = ("a".repeat(shift) + &"𝛼".repeat(40_000)).into_bytes();
            assert_eq!(read(&bytes), (bytes, None));
        }
    }

    #[test]
    fn the_first_byte_that_is_no_text_is_named_in_any_block() {
        for (length, bad, code) in [
            (0, 0xff, "encoding.utf8"),
            (70_000, 0xe9, "encoding.utf8"),
            (65_535, 0xc3, "encoding.utf8"),
            (70_000, 0, "encoding.nul"),
        ] {
            let bytes = [vec![b'a'; length], vec![bad], b"\n\xff".to_vec()].concat();
            let (text, fault) = read(&bytes);
            let fault = fault.unwrap();
            assert_eq!((text.len(), fault.code, fault.offset), (length, code, Some(length as u64)));
        }
    }

    #[test]
    fn a_character_cut_by_the_end_of_the_file_is_a_fault() {
        assert_eq!(read(b"ab\xc3").1.unwrap().offset, Some(2));
    }
}
