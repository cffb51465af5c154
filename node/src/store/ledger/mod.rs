//! The ledger: one totally ordered stream of records in segment files, and the only truth.
//!
//! ```text
//!   record = "TLR" kind len payload_hash prev_chain ‖ payload        (72 bytes of header)
//!   payload_hash = SHA-256(kind ‖ payload)     chain = SHA-256(prev_chain ‖ kind ‖ len ‖ payload_hash)
//! ```
//!
//! A payload can be zeroed in place and the chain still verifies: content can be erased, history not.

pub mod open;
pub mod record;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use talanoa_proto::merkle::Hash;

use crate::store::{
    anchor::{Anchor, Anchored, JournalHead},
    disk::{Disk, DiskError, DiskFile},
};
pub use record::{HEADER_BYTES, Header, Payload, Position};

/// A new segment begins when this is reached; a record never spans two.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("disk: {0}")]
    Disk(#[from] DiskError),
    #[error("reading the ledger: {0}")]
    Io(#[from] io::Error),
    #[error(
        "the ledger is damaged in {segment} at byte {offset}, before what was acknowledged: {what}. Nothing was \
         changed. Either it is damaged, or this directory is an older copy than its anchor: put back the newest copy, \
         then run `talanoa fsck`"
    )]
    Damaged { segment: String, offset: u64, what: &'static str },
    #[error("the anchor file is missing or damaged: restore {path} from a backup; without it a torn tail and rot look the same", path = path.display())]
    Anchor { path: PathBuf },
    #[error("a sync failed: what is on the disk is not known. Start the node again, it reads its files anew")]
    Sync,
    #[error("a record of {actual} bytes, at most {max}")]
    TooLarge { actual: usize, max: usize },
    #[error("there is no record at {at:?}")]
    NoRecord { at: Position },
    #[error("the ledger stopped after an earlier failure: start the node again")]
    Poisoned,
    #[error("{0}")]
    Visitor(String),
}

impl LedgerError {
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Disk(e) if e.is_full())
    }

    /// After these the process must end.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Sync | Self::Poisoned)
    }
}

/// The writer. One per directory: the incarnation fences off any other.
#[derive(Debug)]
pub struct Ledger {
    disk: Disk,
    dir: PathBuf,
    anchor: Anchor,
    anchored: Anchored,
    segment: u32,
    file: DiskFile,
    offset: u64,
    records: u64,
    chain: Hash,
    segment_bytes_max: u64,
    poisoned: bool,
}

impl Ledger {
    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn anchored(&self) -> &Anchored {
        &self.anchored
    }

    pub fn reader(&self) -> LedgerReader {
        LedgerReader { dir: self.dir.clone(), files: Arc::default() }
    }

    /// Appends and syncs a batch; returns (record number, position) of each. Nothing is acknowledged
    /// before [`Ledger::anchor`]: a crash here keeps what is whole and cuts what is torn.
    pub fn append(&mut self, batch: &[(u8, Vec<u8>)]) -> Result<Vec<(u64, Position)>, LedgerError> {
        if self.poisoned {
            return Err(LedgerError::Poisoned);
        }
        if let Some((_, payload)) = batch.iter().find(|(_, p)| p.len() > PAYLOAD_BYTES_MAX) {
            return Err(LedgerError::TooLarge { actual: payload.len(), max: PAYLOAD_BYTES_MAX });
        }
        let before = (self.segment, self.file.clone(), self.offset, self.records, self.chain);
        match self.try_append(batch) {
            Err(LedgerError::Disk(e)) if e.is_sync() => {
                self.poisoned = true;
                Err(LedgerError::Sync)
            }
            Err(error) => {
                // A failed write is taken back, so that the next batch finds the ledger as it was.
                (self.segment, self.file, self.offset, self.records, self.chain) = before;
                self.take_back()?;
                Err(error)
            }
            positions => positions,
        }
    }

    fn try_append(&mut self, batch: &[(u8, Vec<u8>)]) -> Result<Vec<(u64, Position)>, LedgerError> {
        let mut positions = Vec::with_capacity(batch.len());
        let mut pending = Vec::new();
        for (kind, payload) in batch {
            let bytes = HEADER_BYTES as u64 + payload.len() as u64;
            if self.offset + pending.len() as u64 + bytes > self.segment_bytes_max && self.offset > 0 {
                self.write(&mut pending)?;
                self.roll()?;
            }
            let header = Header::new(*kind, payload, self.chain);
            let offset = self.offset + pending.len() as u64;
            positions.push((
                self.records,
                Position { segment: self.segment, offset, bytes: payload.len() as u32 },
            ));
            pending.extend_from_slice(&header.encode());
            pending.extend_from_slice(payload);
            self.chain = header.chain();
            self.records += 1;
        }
        self.write(&mut pending)?;
        Ok(positions)
    }

    fn write(&mut self, pending: &mut Vec<u8>) -> Result<(), LedgerError> {
        self.file.write_at(pending, self.offset)?;
        self.file.sync()?;
        self.offset += pending.len() as u64;
        pending.clear();
        Ok(())
    }

    /// The new file's directory entry is durable before any record in it can be anchored.
    fn roll(&mut self) -> Result<(), LedgerError> {
        self.file = self.disk.open(&self.dir.join(segment_name(self.segment + 1)))?;
        self.segment += 1;
        self.offset = 0;
        Ok(())
    }

    /// The segment that a failed batch had begun stays, empty: the next roll uses it.
    fn take_back(&mut self) -> Result<(), LedgerError> {
        let later = self.dir.join(segment_name(self.segment + 1));
        let cut = self
            .file
            .set_len(self.offset)
            .and_then(|()| if later.exists() { self.disk.open(&later)?.set_len(0) } else { Ok(()) });
        if cut.is_err() {
            self.poisoned = true;
        }
        Ok(cut?)
    }

    /// From here on everything appended is acknowledged, and `journal` is the head that may be signed.
    pub fn anchor(&mut self, journal: JournalHead) -> Result<(), LedgerError> {
        if self.poisoned {
            return Err(LedgerError::Poisoned);
        }
        let anchored = Anchored {
            incarnation: self.anchored.incarnation,
            write: self.anchored.write + 1,
            records: self.records,
            segment: self.segment,
            offset: self.offset,
            chain: self.chain,
            journal,
        };
        // Whether it reached the disk is unknown after any failure here: only a fresh start can tell.
        if let Err(error) = self.anchor.write(&anchored) {
            self.poisoned = true;
            tracing::error!(%error, "anchor not written: stopping");
            return Err(LedgerError::Sync);
        }
        self.anchored = anchored;
        Ok(())
    }

    /// Zeroes a payload in place. Its `Erase` record must be anchored: without it this is rot.
    pub fn erase(&mut self, at: Position) -> Result<(), LedgerError> {
        self.reader().header(at).map_err(|_| LedgerError::NoRecord { at })?;
        // In both slots: an anchor that does not cover the record would take the zeros for a torn tail.
        let journal = self.anchored.journal;
        self.anchor(journal)?;
        let file = self.disk.open(&self.dir.join(segment_name(at.segment)))?;
        file.write_at(&vec![0; at.bytes as usize], at.offset + HEADER_BYTES as u64)?;
        file.sync().map_err(|_| {
            self.poisoned = true;
            LedgerError::Sync
        })
    }
}

/// Writes a lost payload back in place. Only bytes that the record's own header names are taken; false
/// when these are not they. A crash in between leaves it rotten, as it was.
pub fn mend(disk: &Disk, dir: &Path, at: Position, payload: &[u8]) -> Result<bool, LedgerError> {
    let reader = LedgerReader { dir: dir.to_owned(), files: Arc::default() };
    let header = reader.header(at).map_err(|_| LedgerError::NoRecord { at })?;
    if payload.len() != at.bytes as usize || !matches!(header.judge(payload), Payload::Intact(_)) {
        return Ok(false);
    }
    let file = disk.open(&dir.join(segment_name(at.segment)))?;
    file.write_at(payload, at.offset + HEADER_BYTES as u64)?;
    file.sync()?;
    Ok(true)
}

pub fn segment_name(segment: u32) -> String {
    format!("{segment:08}.seg")
}

/// Reads by position, beside the writer. Every read checks the payload's hash.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    dir: PathBuf,
    files: Arc<Mutex<HashMap<u32, Arc<std::fs::File>>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("erased")]
    Erased,
    #[error("damaged")]
    Damaged,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl LedgerReader {
    /// Kind and payload of the record at `at`.
    pub fn read(&self, at: Position) -> Result<(u8, Vec<u8>), ReadError> {
        use std::os::unix::fs::FileExt;
        let header = self.header(at)?;
        let mut payload = vec![0; at.bytes as usize];
        let offset = at.offset + HEADER_BYTES as u64;
        self.file(at.segment)?.read_exact_at(&mut payload, offset).map_err(|_| ReadError::Damaged)?;
        match header.judge(&payload) {
            Payload::Intact(_) => Ok((header.kind, payload)),
            Payload::Zeroed => Err(ReadError::Erased),
            Payload::Rotten(_) => Err(ReadError::Damaged),
        }
    }

    fn header(&self, at: Position) -> Result<Header, ReadError> {
        use std::os::unix::fs::FileExt;
        let mut header = [0; HEADER_BYTES];
        self.file(at.segment)?.read_exact_at(&mut header, at.offset).map_err(|_| ReadError::Damaged)?;
        Header::decode(&header).filter(|h| h.bytes == at.bytes).ok_or(ReadError::Damaged)
    }

    fn file(&self, segment: u32) -> io::Result<Arc<std::fs::File>> {
        let mut files = self.files.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(file) = files.get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(std::fs::File::open(self.dir.join(segment_name(segment)))?);
        files.insert(segment, Arc::clone(&file));
        Ok(file)
    }
}

/// Segment files in order.
pub fn segments(dir: &Path) -> io::Result<Vec<u32>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".seg")).and_then(|n| n.parse().ok());
        segments.extend(number.filter(|&n: &u32| *segment_name(n) == *name));
    }
    segments.sort_unstable();
    Ok(segments)
}
