//! Readers that count: what is taken from the file, and what comes out of it.

use std::io::{self, Read, Seek, SeekFrom};

use super::{ContainerError, Limits, Source};

/// Counts the bytes that are taken.
pub struct Counted<R> {
    input: R,
    bytes: u64,
    bytes_max: u64,
}

impl<R> Counted<R> {
    pub fn new(input: R) -> Self {
        Self::within(input, u64::MAX)
    }

    /// Ends with an error after so many bytes.
    pub fn within(input: R, bytes_max: u64) -> Self {
        Self { input, bytes: 0, bytes_max }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn into_inner(self) -> R {
        self.input
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        if self.bytes > self.bytes_max {
            let passed = ContainerError::Directory(self.bytes_max);
            return Err(io::Error::new(io::ErrorKind::InvalidData, passed));
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}

/// Ends with an error as soon as a limit is passed.
pub struct Watched<S> {
    source: S,
    limits: Limits,
    expanded: u64,
}

impl<S> Watched<S> {
    pub fn new(source: S, limits: Limits) -> Self {
        Self { source, limits, expanded: 0 }
    }
}

impl<R: Read> Read for Watched<Source<R>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.expanded += read as u64;
        let Limits { expanded_bytes_max, ratio_max, ratio_free_bytes, .. } = self.limits;
        let is_bomb =
            self.expanded > ratio_free_bytes && self.expanded > self.source.taken().saturating_mul(ratio_max);
        let passed = if self.expanded > expanded_bytes_max {
            ContainerError::Expanded(expanded_bytes_max)
        } else if is_bomb {
            ContainerError::Ratio(ratio_max)
        } else {
            return Ok(read);
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, passed))
    }
}
