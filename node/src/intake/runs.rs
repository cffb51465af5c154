//! Sorted runs of digests in one nameless file, merged at the end: keys of a file of any size in little memory.
//!
//! The file has no name from the moment it is made, so nothing remains of it, whatever ends the process.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
};

const ENTRY_BYTES: usize = 24;
/// Read at once of each run.
const READ_ENTRIES: usize = 2048;

type Entry = ([u8; 16], u64);

pub struct Runs {
    dir: PathBuf,
    file: Option<File>,
    /// Where each begins and ends, in entries.
    runs: Vec<(u64, u64)>,
}

impl Runs {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, file: None, runs: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn write(&mut self, entries: impl Iterator<Item = Entry>) -> io::Result<()> {
        let mut sorted: Vec<Entry> = entries.collect();
        sorted.sort_unstable();
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&self.dir)?);
        }
        let Some(file) = &self.file else { return Ok(()) };
        // Behind what is there: the file is only written here, and read at places.
        let mut out = BufWriter::with_capacity(256 * 1024, file);
        for (digest, line) in &sorted {
            out.write_all(digest)?;
            out.write_all(&line.to_be_bytes())?;
        }
        out.flush()?;
        let begin = self.runs.last().map_or(0, |(_, end)| *end);
        self.runs.push((begin, begin + sorted.len() as u64));
        Ok(())
    }

    /// `tell(first, line)` for each later line of a digest, in the order of the digests.
    pub fn merge(self, mut tell: impl FnMut(u64, u64)) -> io::Result<()> {
        let Some(file) = self.file else { return Ok(()) };
        let mut readers: Vec<Reader> = self.runs.iter().map(|run| Reader::new(*run)).collect();
        let mut next: BinaryHeap<Reverse<(Entry, usize)>> = BinaryHeap::new();
        for (n, reader) in readers.iter_mut().enumerate() {
            next.extend(reader.next(&file)?.map(|entry| Reverse((entry, n))));
        }
        let mut first: Option<Entry> = None;
        while let Some(Reverse(((digest, line), n))) = next.pop() {
            match first {
                Some((known, first)) if known == digest => tell(first, line),
                _ => first = Some((digest, line)),
            }
            next.extend(readers[n].next(&file)?.map(|entry| Reverse((entry, n))));
        }
        Ok(())
    }
}

struct Reader {
    at: u64,
    end: u64,
    bytes: Vec<u8>,
    used: usize,
}

impl Reader {
    fn new((at, end): (u64, u64)) -> Self {
        Self { at, end, bytes: Vec::new(), used: 0 }
    }

    fn next(&mut self, file: &File) -> io::Result<Option<Entry>> {
        if self.used == self.bytes.len() {
            let entries = (self.end - self.at).min(READ_ENTRIES as u64);
            if entries == 0 {
                return Ok(None);
            }
            self.bytes.resize(entries as usize * ENTRY_BYTES, 0);
            file.read_exact_at(&mut self.bytes, self.at * ENTRY_BYTES as u64)?;
            self.at += entries;
            self.used = 0;
        }
        let entry = &self.bytes[self.used..self.used + ENTRY_BYTES];
        self.used += ENTRY_BYTES;
        let (mut digest, mut line) = ([0; 16], [0; 8]);
        digest.copy_from_slice(&entry[..16]);
        line.copy_from_slice(&entry[16..]);
        Ok(Some((digest, u64::from_be_bytes(line))))
    }
}
