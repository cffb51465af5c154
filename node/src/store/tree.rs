//! Node hashes of the journal's tree: one derived file, read by position (PROTOCOL.md section 6).
//!
//! Derived: it may be deleted, and is written again from the ledger at open when it does not match.
//! It is the second of the two paths by which every root is computed before it is signed.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use talanoa_proto::merkle::{self, Frontier, Hash};

#[derive(Debug)]
pub struct Tree {
    file: Arc<File>,
    frontier: Frontier,
}

/// Reads proofs at any size up to the one that was committed, while the tree grows.
#[derive(Clone, Debug)]
pub struct TreeReader(Arc<File>);

impl Tree {
    /// `leaves` are the leaf hashes that the ledger holds, in order.
    pub fn open(path: &Path, leaves: impl Iterator<Item = Hash>) -> std::io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut frontier = Frontier::default();
        let mut writer = Rebuild { file: &file, at: 0, pending: Vec::new() };
        for leaf in leaves {
            for hash in frontier.append(leaf) {
                writer.push(&hash)?;
            }
        }
        writer.flush()?;
        file.set_len(merkle::stored_count(frontier.size()) * 32)?;
        Ok(Self { file: Arc::new(file), frontier })
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn reader(&self) -> TreeReader {
        TreeReader(Arc::clone(&self.file))
    }

    /// Path 1 of the signing pipeline: the root from the frontier in memory.
    pub fn append(&mut self, leaves: &[Hash]) -> std::io::Result<Hash> {
        let mut bytes = Vec::with_capacity(leaves.len() * 64);
        let start = merkle::stored_count(self.frontier.size()) * 32;
        for leaf in leaves {
            bytes.extend(self.frontier.append(*leaf).into_iter().flatten());
        }
        self.file.write_all_at(&bytes, start)?;
        Ok(self.frontier.root())
    }

    /// Puts the tree back to an earlier size: the batch that made it grow was not anchored.
    pub fn cut(&mut self, frontier: Frontier) -> std::io::Result<()> {
        self.frontier = frontier;
        self.file.set_len(merkle::stored_count(self.frontier.size()) * 32)
    }

    pub fn frontier(&self) -> Frontier {
        self.frontier.clone()
    }
}

impl TreeReader {
    fn at(&self, position: u64) -> std::io::Result<Hash> {
        let mut hash = [0; 32];
        self.0.read_exact_at(&mut hash, position * 32)?;
        Ok(hash)
    }

    pub fn leaf(&self, index: u64) -> std::io::Result<Hash> {
        self.at(merkle::stored_position(0, index))
    }

    /// Path 2 of the signing pipeline: the root from what is on disk.
    pub fn root(&self, size: u64) -> std::io::Result<Hash> {
        merkle::root_at(size, &mut |p| self.at(p))
    }

    pub fn inclusion(&self, index: u64, size: u64) -> std::io::Result<Vec<Hash>> {
        merkle::inclusion_proof(index, size, &mut |p| self.at(p))
    }

    pub fn consistency(&self, old: u64, new: u64) -> std::io::Result<Vec<Hash>> {
        merkle::consistency_proof(old, new, &mut |p| self.at(p))
    }
}

/// Compares as it goes and writes only where the file differs, so that an intact tree costs reads alone.
struct Rebuild<'a> {
    file: &'a File,
    at: u64,
    pending: Vec<u8>,
}

impl Rebuild<'_> {
    fn push(&mut self, hash: &Hash) -> std::io::Result<()> {
        self.pending.extend_from_slice(hash);
        if self.pending.len() < 1 << 20 { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let mut held = vec![0; self.pending.len()];
        let same = self.file.read_exact_at(&mut held, self.at).is_ok() && held == self.pending;
        if !same {
            self.file.write_all_at(&self.pending, self.at)?;
        }
        self.at += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}
