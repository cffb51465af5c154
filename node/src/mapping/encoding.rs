//! Bytes in a declared encoding become UTF-8 on the way to the reader of records.
//!
//! UTF-8 is handed on unchanged, since the reader checks it and names the place of a fault. A byte order
//! mark wins over the declaration. Nothing is replaced: what cannot be decoded ends the reading.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::Deserialize;

use crate::intake::Fault;

const BLOCK_BYTES: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// With a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1: each byte is the character of its number.
    #[serde(rename = "latin1")]
    Latin1,
}

impl Encoding {
    /// As the mapping file names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "latin1",
        }
    }

    /// What the first bytes of a file say of themselves.
    pub fn of_mark(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Self::Utf16),
            [0xef, 0xbb, 0xbf, ..] => Some(Self::Utf8),
            _ => None,
        }
    }
}

/// Inside an `io::Error`, so that it passes through readers that know nothing of it.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Undecodable(pub Fault);

enum Way {
    Unread,
    Unchanged,
    Latin1,
    Decoder(Box<Decoder>),
}

pub struct Decoded<R> {
    input: R,
    declared: Encoding,
    way: Way,
    /// Read and not decoded yet; its first byte stands at `offset` in the file.
    raw: Vec<u8>,
    offset: u64,
    text: Vec<u8>,
    handed: usize,
    is_over: bool,
}

impl<R: Read> Decoded<R> {
    pub fn new(input: R, declared: Encoding) -> Self {
        Self {
            input,
            declared,
            way: Way::Unread,
            raw: Vec::new(),
            offset: 0,
            text: Vec::new(),
            handed: 0,
            is_over: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let wanted = BLOCK_BYTES.saturating_sub(self.raw.len());
        let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.raw)?;
        self.is_over = read < wanted;
        if let Way::Unread = self.way {
            self.way = self.choose()?;
        }
        self.text.clear();
        self.handed = 0;
        match &mut self.way {
            Way::Unread | Way::Unchanged => std::mem::swap(&mut self.text, &mut self.raw),
            Way::Latin1 => {
                let text: String = self.raw.drain(..).map(char::from).collect();
                self.text.extend_from_slice(text.as_bytes());
            }
            Way::Decoder(decoder) => {
                // Room for all of it, so that nothing is left over when the input is.
                let room = decoder.max_utf8_buffer_length_without_replacement(self.raw.len());
                self.text.resize(room.unwrap_or_default(), 0);
                let (result, read, written) =
                    decoder.decode_to_utf8_without_replacement(&self.raw, &mut self.text, self.is_over);
                self.offset += read as u64;
                self.text.truncate(written);
                self.raw.drain(..read.min(self.raw.len()));
                if let DecoderResult::Malformed(..) = result {
                    return Err(undecodable(format!("half a character before byte {}", self.offset)));
                }
            }
        }
        Ok(())
    }

    fn choose(&mut self) -> io::Result<Way> {
        let marked = Encoding::of_mark(&self.raw);
        Ok(match marked.unwrap_or(self.declared) {
            Encoding::Utf8 => Way::Unchanged,
            Encoding::Windows1252 => Way::Decoder(Box::new(WINDOWS_1252.new_decoder_without_bom_handling())),
            Encoding::Latin1 => Way::Latin1,
            Encoding::Utf16 if marked.is_none() => {
                return Err(undecodable("declared as UTF-16, but without a byte order mark".to_owned()));
            }
            Encoding::Utf16 => {
                let little = self.raw.first() == Some(&0xff);
                self.raw.drain(..2.min(self.raw.len()));
                self.offset = 2;
                let encoding = if little { UTF_16LE } else { UTF_16BE };
                Way::Decoder(Box::new(encoding.new_decoder_without_bom_handling()))
            }
        })
    }
}

fn undecodable(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Undecodable(Fault::error("encoding.utf16", message)))
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.handed >= self.text.len() {
            if self.is_over {
                return Ok(0);
            }
            self.fill()?;
        }
        let mut rest = self.text.get(self.handed..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.handed += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8], declared: Encoding) -> Result<String, String> {
        let mut text = Vec::new();
        Decoded::new(bytes, declared).read_to_end(&mut text).map_err(|e| e.to_string())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn declared_encodings_become_utf8() {
        assert_eq!(decoded(b"C\xf4te \x92", Encoding::Windows1252).unwrap(), "Côte ’");
        assert_eq!(decoded(b"C\xf4te \x92", Encoding::Latin1).unwrap(), "Côte \u{92}");
        assert_eq!(decoded("Côte".as_bytes(), Encoding::Utf8).unwrap(), "Côte");
        assert_eq!(decoded(b"", Encoding::Windows1252).unwrap(), "");
    }

    #[test]
    fn a_mark_wins_over_the_declaration() {
        let text = "geo,𝛼,Côte\n".repeat(10_000);
        for big in [false, true] {
            for declared in [Encoding::Utf16, Encoding::Utf8, Encoding::Latin1] {
                assert!(decoded(&utf16(&text, big), declared).unwrap() == text);
            }
        }
        assert_eq!(decoded("\u{feff}Côte".as_bytes(), Encoding::Windows1252).unwrap(), "\u{feff}Côte");
    }

    #[test]
    fn broken_utf16_is_refused() {
        assert!(decoded(b"a,b\n", Encoding::Utf16).unwrap_err().contains("byte order mark"));
        assert_eq!(
            decoded(b"\xff\xfea\0\x3d\xd8", Encoding::Utf16).unwrap_err(),
            "half a character before byte 6"
        );
        assert!(decoded(b"\xff\xfea\0b", Encoding::Utf16).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), mark in 0usize..3) {
            let marks: [&[u8]; 3] = [b"", b"\xff\xfe", b"\xfe\xff"];
            let bytes = [marks[mark], &bytes].concat();
            for declared in [Encoding::Utf8, Encoding::Utf16, Encoding::Windows1252, Encoding::Latin1] {
                let _ = decoded(&bytes, declared);
            }
        }
    }
}
