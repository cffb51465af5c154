//! The only entry of a zip archive. The directory is read by the `zip` crate; the content is read here, so
//! that it is a stream of its own, with the length and the checksum that the directory declares.

use std::io::{self, Read, Seek, SeekFrom, Take};

use flate2::{Crc, read::DeflateDecoder};
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::{ContainerError, Limits, bounded::Counted, unwrapped};

/// Read while the directory is looked for and kept in memory; that of one file is a hundred bytes.
const DIRECTORY_BYTES_MAX: u64 = 4 << 20;

pub struct Entry<R> {
    content: Content<R>,
    crc: Crc,
    expected: u32,
    left: u64,
}

enum Content<R> {
    Stored(Take<Counted<R>>),
    Deflated(Box<DeflateDecoder<Take<Counted<R>>>>),
}

/// The entry's name, and its content.
pub fn open<R: Read + Seek>(file: R, limits: &Limits) -> Result<(String, Entry<R>), ContainerError> {
    let mut archive = ZipArchive::new(Counted::within(file, DIRECTORY_BYTES_MAX)).map_err(damaged)?;
    let place = only_file(&mut archive)?;
    let entry = archive.by_index_raw(place).map_err(damaged)?;
    // As it is written there: the crate's own names are mended already.
    let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
    // A link would stand for another file of the machine that unpacks it.
    if !stays_inside(&name) || entry.is_symlink() {
        return Err(ContainerError::Path(name));
    }
    if entry.encrypted() {
        return Err(ContainerError::Encrypted);
    }
    if entry.size() > limits.expanded_bytes_max {
        return Err(ContainerError::Expanded(limits.expanded_bytes_max));
    }
    let (method, packed, left, expected) =
        (entry.compression(), entry.compressed_size(), entry.size(), entry.crc32());
    let start =
        entry.data_start().ok_or_else(|| ContainerError::Damaged("the entry has no content".into()))?;
    drop(entry);
    let mut file = archive.into_inner().into_inner();
    file.seek(SeekFrom::Start(start))?;
    let packed = Counted::new(file).take(packed);
    let content = match method {
        CompressionMethod::Stored => Content::Stored(packed),
        CompressionMethod::Deflated => Content::Deflated(Box::new(DeflateDecoder::new(packed))),
        _ => return Err(ContainerError::Unsupported("a zip archive of another compression than deflate")),
    };
    Ok((name, Entry { content, crc: Crc::new(), expected, left }))
}

/// Folders do not count, and neither does what macOS adds about each file.
fn only_file<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<usize, ContainerError> {
    let is_noise = |name: &[u8]| name.ends_with(b"/") || name.starts_with(b"__MACOSX/");
    let mut files = archive.file_names_raw().enumerate().filter(|(_, name)| !is_noise(name));
    match (files.next(), files.count()) {
        (Some((place, _)), 0) => Ok(place),
        (Some(_), _) if archive.index_for_name("[Content_Types].xml").is_some() => {
            Err(ContainerError::Workbook)
        }
        (first, more) => Err(ContainerError::Entries(more + usize::from(first.is_some()))),
    }
}

fn stays_inside(name: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.split('/').all(is_plain) && !name.contains(['\\', ':', '\0'])
}

fn damaged(error: ZipError) -> ContainerError {
    match error {
        ZipError::Io(error) => unwrapped(error),
        other => ContainerError::Damaged(other.to_string()),
    }
}

impl<R: Read> Entry<R> {
    pub fn taken(&self) -> u64 {
        match &self.content {
            Content::Stored(packed) => packed.get_ref().bytes(),
            Content::Deflated(decoder) => decoder.get_ref().get_ref().bytes(),
        }
    }
}

impl<R: Read> Read for Entry<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.content {
            Content::Stored(packed) => packed.read(buffer)?,
            Content::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.crc.update(buffer.get(..read).unwrap_or_default());
        let fault = match self.left.checked_sub(read as u64) {
            None => "more content than it declares",
            Some(left) if read == 0 && !buffer.is_empty() && left > 0 => "less content than it declares",
            Some(0) if read == 0 && !buffer.is_empty() && self.crc.sum() != self.expected => {
                "the checksum differs"
            }
            Some(left) => {
                self.left = left;
                return Ok(read);
            }
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, ContainerError::Damaged(fault.into())))
    }
}
