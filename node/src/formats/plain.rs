//! The first guard of XML and JSON: UTF-8 text, counted in lines, with an end to how much is held at once.
//!
//! What is no text ends the reading with an error; the fault that names the place waits in
//! [`Plain::take_fault`], because the parsers above only hear that something went wrong.

use std::io::{self, BufRead, Read};

use crate::intake::{Fault, text::Text};

pub struct Plain<R> {
    text: Text<R>,
    /// Bytes of the piece that were consumed.
    at: usize,
    is_begun: bool,
    is_over: bool,
    line: u64,
    /// Bytes that may still be consumed before the next [`Plain::grant`].
    granted: usize,
    fault: Option<Fault>,
}

impl<R: Read> Plain<R> {
    pub fn new(input: R) -> Self {
        Self {
            text: Text::new(input),
            at: 0,
            is_begun: false,
            is_over: false,
            line: 1,
            granted: usize::MAX,
            fault: None,
        }
    }

    /// The line of the next byte.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Why the text ended before the file did.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// What comes next may have so many bytes.
    pub fn grant(&mut self, bytes: usize) {
        self.granted = bytes;
    }

    /// The next byte alone, for a parser that asks for no more; `None` is the end.
    #[inline]
    pub fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = match self.text.piece().get(self.at) {
            Some(byte) if self.granted > 0 => *byte,
            _ => match self.fill_buf()?.first() {
                Some(byte) => *byte,
                None => return Ok(None),
            },
        };
        self.at += 1;
        self.line += u64::from(byte == b'\n');
        self.granted = self.granted.saturating_sub(1);
        Ok(Some(byte))
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.is_over || self.at < self.text.piece().len() {
            return Ok(());
        }
        self.text.advance()?;
        self.at = if !self.is_begun && self.text.piece().starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        self.is_begun = true;
        self.is_over = self.text.piece().is_empty();
        if self.is_over {
            self.fault = self.text.take_fault();
        }
        Ok(())
    }
}

impl<R: Read> BufRead for Plain<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // A piece may be nothing but the byte order mark.
        while !self.is_over && self.at >= self.text.piece().len() {
            self.fill()?;
        }
        if self.is_over && self.fault.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.granted == 0 && !self.is_over {
            let message = "one element, text or value is too long; reading stopped here";
            self.fault = Some(Fault::error("record.bytes", message).at(self.line));
            self.is_over = true;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let rest = self.text.piece().get(self.at..).unwrap_or_default();
        Ok(rest.get(..self.granted).unwrap_or(rest))
    }

    fn consume(&mut self, bytes: usize) {
        let taken = self.text.piece().get(self.at..self.at + bytes).unwrap_or_default();
        self.line += taken.iter().filter(|b| **b == b'\n').count() as u64;
        self.at += bytes;
        self.granted = self.granted.saturating_sub(bytes);
    }
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_text_and_lines_are_counted() {
        let mut plain = Plain::new(b"\xef\xbb\xbfa\nb\n".as_slice());
        let mut text = String::new();
        plain.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), plain.line()), ("a\nb\n", 3));
    }

    #[test]
    fn what_is_no_text_is_named_after_the_reading_ended() {
        for (bytes, code) in [
            (b"<a>\xff".as_slice(), "encoding.utf8"),
            (b"<\0a\0".as_slice(), "encoding.nul"),
            (b"\xff\xfe<\0".as_slice(), "encoding.utf16"),
        ] {
            let mut plain = Plain::new(bytes);
            assert!(plain.read_to_end(&mut Vec::new()).is_err());
            assert_eq!(plain.take_fault().unwrap().code, code);
        }
    }

    #[test]
    fn no_more_is_read_than_was_granted() {
        let mut plain = Plain::new(b"12345".as_slice());
        plain.grant(3);
        assert!(plain.read_to_end(&mut Vec::new()).is_err());
        assert_eq!(plain.take_fault().unwrap().code, "record.bytes");
    }
}
