//! The anchor: how far the ledger is acknowledged, in a file of its own.
//!
//! It tells a torn tail, which is cut, from rot, which is never cut. Two slots are written in turn, so a
//! write that tears leaves the other; it may lie on another disk (`anchor_dir`).

use std::path::Path;

use sha2::{Digest, Sha256};
use talanoa_proto::merkle::Hash;

use crate::store::disk::{Disk, DiskError, DiskFile};

pub const FILE_NAME: &str = "anchor";
const MAGIC: &[u8; 8] = b"TLANCHR1";
const SLOT_BYTES: usize = 512;
/// Apart from each other, so that one sector or page gone bad takes one slot.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// What is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// +1 at each open: a second process with an older one may not write.
    pub incarnation: u64,
    /// Counts anchor writes.
    pub write: u64,
    /// Ledger records.
    pub records: u64,
    pub segment: u32,
    /// End of the last acknowledged record in that segment.
    pub offset: u64,
    pub chain: Hash,
    pub journal: JournalHead,
}

/// The one root per size that this node signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHead {
    pub epoch: u32,
    pub size: u64,
    pub root: Hash,
}

#[derive(Debug)]
pub struct Anchor {
    file: DiskFile,
}

impl Anchor {
    pub fn open(disk: &Disk, dir: &Path) -> Result<Self, DiskError> {
        Ok(Self { file: disk.open(&dir.join(FILE_NAME))? })
    }

    pub fn write(&self, anchored: &Anchored) -> Result<(), DiskError> {
        let slot = SLOT_OFFSETS[(anchored.write % 2) as usize];
        self.file.write_at(&encode(anchored), slot)?;
        self.file.sync()
    }
}

/// Both slots, as they are on disk: `None` where a slot is empty or damaged.
pub fn read(dir: &Path) -> std::io::Result<[Option<Anchored>; 2]> {
    let bytes = match std::fs::read(dir.join(FILE_NAME)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        outcome => outcome?,
    };
    Ok(SLOT_OFFSETS.map(|at| bytes.get(at as usize..at as usize + SLOT_BYTES).and_then(decode)))
}

/// The newer of the sound slots.
pub fn newest(slots: [Option<Anchored>; 2]) -> Option<Anchored> {
    slots.into_iter().flatten().max_by_key(|a| a.write)
}

/// A file that holds something, and no sound slot.
pub fn is_damaged(dir: &Path) -> bool {
    let bytes = std::fs::metadata(dir.join(FILE_NAME)).map_or(0, |m| m.len());
    bytes > 0 && read(dir).is_ok_and(|slots| newest(slots).is_none())
}

fn encode(a: &Anchored) -> [u8; SLOT_BYTES] {
    let mut body = Vec::with_capacity(SLOT_BYTES);
    body.extend_from_slice(MAGIC);
    for number in [a.incarnation, a.write, a.records, u64::from(a.segment), a.offset] {
        body.extend_from_slice(&number.to_be_bytes());
    }
    body.extend_from_slice(&a.chain);
    body.extend_from_slice(&u64::from(a.journal.epoch).to_be_bytes());
    body.extend_from_slice(&a.journal.size.to_be_bytes());
    body.extend_from_slice(&a.journal.root);
    body.resize(SLOT_BYTES - 32, 0);
    let mut slot = [0; SLOT_BYTES];
    slot[..SLOT_BYTES - 32].copy_from_slice(&body);
    slot[SLOT_BYTES - 32..].copy_from_slice(&Sha256::digest(&body));
    slot
}

fn decode(slot: &[u8]) -> Option<Anchored> {
    let (body, sum) = slot.split_at_checked(SLOT_BYTES - 32)?;
    if Sha256::digest(body)[..] != *sum || !body.starts_with(MAGIC) {
        return None;
    }
    let number = |at: usize| body.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
    let hash = |at: usize| body.get(at..at + 32)?.try_into().ok();
    Some(Anchored {
        incarnation: number(8)?,
        write: number(16)?,
        records: number(24)?,
        segment: number(32)?.try_into().ok()?,
        offset: number(40)?,
        chain: hash(48)?,
        journal: JournalHead { epoch: number(80)?.try_into().ok()?, size: number(88)?, root: hash(96)? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchored(write: u64) -> Anchored {
        let journal = JournalHead { epoch: 1, size: write * 2, root: [3; 32] };
        Anchored {
            incarnation: 1,
            write,
            records: write,
            segment: 0,
            offset: 72 * write,
            chain: [2; 32],
            journal,
        }
    }

    #[test]
    fn a_torn_write_leaves_the_slot_before() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = Anchor::open(&Disk::default(), dir.path()).unwrap();
        (1..=5).for_each(|n| anchor.write(&anchored(n)).unwrap());
        assert_eq!(newest(read(dir.path()).unwrap()), Some(anchored(5)));
        let path = dir.path().join(FILE_NAME);
        let sound = std::fs::read(&path).unwrap();
        for at in 0..SLOT_BYTES {
            let mut torn = sound.clone();
            torn[SLOT_OFFSETS[1] as usize + at] ^= 1;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(newest(read(dir.path()).unwrap()), Some(anchored(4)), "byte {at}");
        }
    }
}
