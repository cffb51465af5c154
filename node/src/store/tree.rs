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

/// A tree while the ledger is read: compares with the file as it goes and writes only where it differs,
/// so that an intact tree costs reads alone.
#[derive(Debug)]
pub struct Opening {
    file: File,
    frontier: Frontier,
    at: u64,
    pending: Vec<u8>,
}

impl Opening {
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, frontier: Frontier::default(), at: 0, pending: Vec::new() })
    }

    /// `None`: the entry is damaged in the ledger, and the leaf that this file holds is all that is left of it.
    pub fn push(&mut self, leaf: Option<Hash>) -> std::io::Result<()> {
        let leaf = match leaf {
            Some(leaf) => leaf,
            None => {
                let mut held = [0; 32];
                let position = merkle::stored_position(0, self.frontier.size());
                self.file.read_exact_at(&mut held, position * 32)?;
                held
            }
        };
        self.pending.extend(self.frontier.append(leaf).into_iter().flatten());
        if self.pending.len() < 1 << 20 { Ok(()) } else { self.flush() }
    }

    pub fn finish(mut self) -> std::io::Result<Tree> {
        self.flush()?;
        self.file.set_len(merkle::stored_count(self.frontier.size()) * 32)?;
        Ok(Tree { file: Arc::new(self.file), frontier: self.frontier })
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

impl Tree {
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
