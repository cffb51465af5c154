//! A file that may be wrapped: plain, gzip, or a zip archive of one entry, opened as one bounded stream.
//!
//! One wrapping only, since an archive inside an archive is how small files become endless ones. Every
//! limit is checked while reading, whatever the file declares of itself, so that a bomb stops early.

mod bounded;
mod marks;
mod zipped;

use std::{
    fs::File,
    io::{self, Chain, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use bounded::{Counted, Watched};
pub(crate) use marks::Archive;
use marks::head_of;

/// What a file may ask of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub packed_bytes_max: u64,
    pub expanded_bytes_max: u64,
    /// Expanded bytes for each packed one; tables of real figures stay under 40.
    pub ratio_max: u64,
    /// Below so many expanded bytes the ratio is not looked at: a small file of zeros is no bomb.
    pub ratio_free_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packed_bytes_max: 4 << 30,
            expanded_bytes_max: 16 << 30,
            ratio_max: 200,
            ratio_free_bytes: 1 << 20,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    Plain,
    Gzip,
    Zip,
}

#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("this is not a file")]
    NoFile,
    #[error("{0} bytes, more than the {1} that are taken")]
    Packed(u64, u64),
    #[error("expands to more than {0} bytes")]
    Expanded(u64),
    #[error("expands to more than {0} times its size: a decompression bomb")]
    Ratio(u64),
    #[error("{0}; only plain files, gzip and zip are opened")]
    Unsupported(&'static str),
    #[error("an archive inside an archive: {0}")]
    Nested(&'static str),
    #[error("an Excel workbook; save the sheet as CSV UTF-8")]
    Workbook,
    #[error("the archive's directory takes more than {0} bytes to read")]
    Directory(u64),
    #[error("the archive has {0} files, and one is expected")]
    Entries(usize),
    #[error("the archive's file {0:?} would leave the folder")]
    Path(String),
    #[error("the archive is encrypted")]
    Encrypted,
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The content of a file, without its wrapping. Reading it ends with an error at the first limit.
pub struct Opened<R> {
    wrapping: Wrapping,
    /// Of the only entry of an archive.
    entry: Option<String>,
    content: Chain<Cursor<Vec<u8>>, Watched<Source<R>>>,
}

/// The three ways to the bytes, each counting those that it takes from the file.
pub(crate) enum Source<R> {
    Plain(Counted<R>),
    Gzip(Box<MultiGzDecoder<Counted<R>>>),
    Zip(zipped::Entry<R>),
}

pub fn open(path: &Path, limits: &Limits) -> Result<Opened<File>, ContainerError> {
    open_in(file(path)?, limits)
}

/// A file and nothing else: a pipe cannot be read twice, a device may never end. Asked before it is opened,
/// because opening a pipe waits for somebody who writes.
pub fn file(path: &Path) -> Result<File, ContainerError> {
    match std::fs::metadata(path)?.is_file() {
        true => Ok(File::open(path)?),
        false => Err(ContainerError::NoFile),
    }
}

pub fn open_in<R: Read + Seek>(mut file: R, limits: &Limits) -> Result<Opened<R>, ContainerError> {
    let packed = file.seek(SeekFrom::End(0))?;
    if packed > limits.packed_bytes_max {
        return Err(ContainerError::Packed(packed, limits.packed_bytes_max));
    }
    file.rewind()?;
    let head = head_of(&mut file)?;
    file.rewind()?;
    let (wrapping, entry, source) = match Archive::of(&head) {
        None => (Wrapping::Plain, None, Source::Plain(Counted::new(file))),
        Some(Archive::Gzip) => {
            let decoder = MultiGzDecoder::new(Counted::new(file));
            (Wrapping::Gzip, None, Source::Gzip(Box::new(decoder)))
        }
        Some(Archive::Zip) => {
            let (name, entry) = zipped::open(file, limits)?;
            (Wrapping::Zip, Some(name), Source::Zip(entry))
        }
        Some(Archive::Other(what)) => return Err(ContainerError::Unsupported(what)),
    };
    let mut content = Watched::new(source, *limits);
    let head =
        if wrapping == Wrapping::Plain { Vec::new() } else { head_of(&mut content).map_err(unwrapped)? };
    if let Some(inner) = Archive::of(&head) {
        return Err(ContainerError::Nested(inner.name()));
    }
    Ok(Opened { wrapping, entry, content: Cursor::new(head).chain(content) })
}

impl<R> Opened<R> {
    pub fn wrapping(&self) -> Wrapping {
        self.wrapping
    }

    /// The name inside the archive; a name, never a path to write to.
    pub fn entry(&self) -> Option<&str> {
        self.entry.as_deref()
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

impl<R: Read> Source<R> {
    /// Bytes taken from the file so far.
    fn taken(&self) -> u64 {
        match self {
            Self::Plain(file) => file.bytes(),
            Self::Gzip(decoder) => decoder.get_ref().bytes(),
            Self::Zip(entry) => entry.taken(),
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zip(entry) => entry.read(buffer),
        }
    }
}

/// Readers carry our errors inside of theirs.
fn unwrapped(error: io::Error) -> ContainerError {
    error.downcast().unwrap_or_else(ContainerError::Io)
}

#[cfg(test)]
mod tests;
