//! Between the file and the parser: encoding and size are checked before anything is buffered.
//!
//! Stops a line without an end, a quote that never closes and bytes that are no text, each with the place
//! where it began, while memory stays bounded.

use std::io::{self, Read};

use super::fault::Fault;

/// One record; a longer one is no table that anybody wrote.
const RECORD_BYTES_MAX: u64 = 1 << 20;

pub struct Guard<R> {
    input: R,
    /// Bytes seen so far, byte order mark included.
    offset: u64,
    line: u64,
    record_bytes: u64,
    /// Line in which the open quote began.
    quoted_since: Option<u64>,
    /// The beginning of a character whose rest has not arrived.
    partial: Vec<u8>,
    started: bool,
    ready: Vec<u8>,
    pub fault: Option<Fault>,
}

impl<R: Read> Guard<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            offset: 0,
            line: 1,
            record_bytes: 0,
            quoted_since: None,
            partial: Vec::new(),
            started: false,
            ready: Vec::new(),
            fault: None,
        }
    }

    pub fn bytes(&self) -> u64 {
        self.offset
    }

    fn refuse(&mut self, fault: Fault) -> io::Error {
        self.fault = Some(fault);
        io::Error::other("refused")
    }

    /// Encoding, quotes and lengths of one block; returns what the parser may see.
    fn admit(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.partial);
        let begin = self.offset - bytes.len() as u64;
        bytes.extend_from_slice(block);
        self.offset += block.len() as u64;
        let mut start = 0;
        if !self.started {
            if block.is_empty() {
                return Ok(bytes);
            }
            if bytes.len() < 3 {
                self.partial = bytes;
                return Ok(Vec::new());
            }
            self.started = true;
            if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                let message = "the file is UTF-16; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")";
                return Err(self.refuse(Fault::error("encoding.utf16", message)));
            }
            start = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        }
        let text = &bytes[start..];
        let valid = match std::str::from_utf8(text) {
            Ok(_) => text.len(),
            // The end of the block cuts a character: its rest comes with the next.
            Err(e) if e.error_len().is_none() && !block.is_empty() => e.valid_up_to(),
            Err(e) => {
                let at = begin + (start + e.valid_up_to()) as u64;
                let message = format!("not UTF-8 at byte {at}; save the file as UTF-8");
                return Err(self.refuse(Fault::error("encoding.utf8", message)));
            }
        };
        self.partial = text[valid..].to_vec();
        let text = text[..valid].to_vec();
        self.measure(&text, begin + start as u64)?;
        Ok(text)
    }

    fn measure(&mut self, text: &[u8], begin: u64) -> io::Result<()> {
        for (n, &byte) in text.iter().enumerate() {
            self.record_bytes += 1;
            match byte {
                b'"' => self.quoted_since = if self.quoted_since.is_some() { None } else { Some(self.line) },
                b'\n' => {
                    self.line += 1;
                    if self.quoted_since.is_none() {
                        self.record_bytes = 0;
                    }
                }
                0 => {
                    let message = format!("a NUL byte at byte {}: this is no text file", begin + n as u64);
                    return Err(self.refuse(Fault::error("encoding.nul", message).at(self.line)));
                }
                _ => {}
            }
            if self.record_bytes > RECORD_BYTES_MAX {
                let fault = match self.quoted_since {
                    Some(row) => Fault::error("csv.quote", "a quote is opened and not closed").at(row),
                    None => Fault::error("csv.record", format!("longer than {RECORD_BYTES_MAX} bytes"))
                        .at(self.line),
                };
                return Err(self.refuse(fault));
            }
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(row) = self.quoted_since {
            return Err(self.refuse(Fault::error("csv.quote", "a quote is opened and not closed").at(row)));
        }
        Ok(())
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let mut block = vec![0; 64 * 1024];
            let n = self.input.read(&mut block)?;
            if n == 0 {
                if !self.started && !self.partial.is_empty() {
                    // Shorter than a byte order mark.
                    self.started = true;
                }
                self.ready = self.admit(&[])?;
                self.end()?;
                if self.ready.is_empty() {
                    return Ok(0);
                }
                break;
            }
            self.ready = self.admit(&block[..n])?;
        }
        let n = buffer.len().min(self.ready.len());
        buffer[..n].copy_from_slice(&self.ready[..n]);
        self.ready.drain(..n);
        Ok(n)
    }
}
