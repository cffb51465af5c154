//! The bytes by which archives are known, whatever they are called.

use std::io::{self, Read};

/// Enough to tell what a file is: the mark of a tar archive stands at byte 257.
const HEAD_BYTES: u64 = 512;

/// What a file is by its first bytes, if it is an archive.
#[derive(Clone, Copy)]
pub enum Archive {
    Gzip,
    Zip,
    Other(&'static str),
}

impl Archive {
    pub fn of(head: &[u8]) -> Option<Self> {
        let others: [(&[u8], &str); 6] = [
            (b"BZh", "a bzip2 file"),
            (b"\xfd7zXZ\0", "an xz file"),
            (b"\x28\xb5\x2f\xfd", "a zstd file"),
            (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
            (b"Rar!\x1a\x07", "a rar archive"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file"),
        ];
        if head.starts_with(b"\x1f\x8b") {
            return Some(Self::Gzip);
        }
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Some(Self::Zip);
        }
        if head.get(257..262) == Some(b"ustar") {
            return Some(Self::Other("a tar archive"));
        }
        // A table may well begin with the letters BZh; then no digit and no block mark follows.
        let is = |mark: &[u8]| head.starts_with(mark) && (mark != b"BZh" || head.get(4..7) == Some(b"1AY"));
        others.into_iter().find(|(mark, _)| is(mark)).map(|(_, name)| Self::Other(name))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "a gzip file",
            Self::Zip => "a zip archive",
            Self::Other(name) => name,
        }
    }
}

pub fn head_of(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}
