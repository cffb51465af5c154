//! The journal's tree (PROTOCOL.md section 6): RFC 6962 hashing, and a layout for storing it.
//!
//! Stored layout: appending leaf `n` appends its hash and then the hash of every perfect subtree that it
//! completes. The sequence only grows, every position is computed, and any proof reads O(log n) of it.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("index {index} is outside a tree of {size}")]
    Index { index: u64, size: u64 },
    #[error("a tree of {new} cannot extend one of {old}")]
    Sizes { old: u64, new: u64 },
    #[error("proof of {actual} hashes, {expected} expected")]
    Length { expected: usize, actual: usize },
    #[error("root {} computed, {} signed", hex::encode(.actual), hex::encode(.expected))]
    Root { expected: Hash, actual: Hash },
}

pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The right edge of a tree: all that is needed to append and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the perfect subtrees that make up the tree, largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the hashes that the stored sequence grows by, in order.
    pub fn append(&mut self, leaf: Hash) -> Vec<Hash> {
        let mut stored = vec![leaf];
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak per set bit of the size");
            hash = node_hash(&left, &hash);
            stored.push(hash);
        }
        self.peaks.push(hash);
        self.size += 1;
        stored
    }

    pub fn root(&self) -> Hash {
        fold_right(&self.peaks)
    }
}

/// Peaks are joined from the right: the smallest subtrees lie deepest.
fn fold_right(peaks: &[Hash]) -> Hash {
    let mut peaks = peaks.iter().rev();
    let Some(&last) = peaks.next() else { return empty_root() };
    peaks.fold(last, |right, left| node_hash(left, &right))
}

/// Length of the stored sequence of a tree of `size` leaves.
pub fn stored_count(size: u64) -> u64 {
    2 * size - u64::from(size.count_ones())
}

/// Position of the perfect subtree over leaves `n << level ..`, whose hash is stored when its last leaf is.
pub fn stored_position(level: u32, n: u64) -> u64 {
    let last_leaf = ((n + 1) << level) - 1;
    stored_count(last_leaf) + u64::from(level)
}

type Read<'a, E> = &'a mut dyn FnMut(u64) -> Result<Hash, E>;

pub fn root_at<E>(size: u64, read: Read<'_, E>) -> Result<Hash, E> {
    subtree(0, size, read)
}

/// Sibling hashes from the leaf up. `index` must be below `size`; otherwise the proof is empty and proves nothing.
pub fn inclusion_proof<E>(index: u64, size: u64, read: Read<'_, E>) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if index >= size {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(subtree(middle, end, read)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, read)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// RFC 6962 §2.1.2. Empty when `old` is 0, equal to `new`, or beyond it.
pub fn consistency_proof<E>(old: u64, new: u64, read: Read<'_, E>) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut start, mut end, mut known) = (0, new, true);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(subtree(middle, end, read)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, read)?);
            start = middle;
            known = false;
        }
    }
    // The reader computes its own old root itself: only a subtree that is not the whole old tree is named.
    if !known {
        proof.push(subtree(start, end, read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Largest power of two below `n`; `n` is 2 or more.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// Root over leaves `start..end`. In every call here `start` is a multiple of the subtree's size.
fn subtree<E>(start: u64, end: u64, read: Read<'_, E>) -> Result<Hash, E> {
    let mut peaks = Vec::new();
    let mut at = start;
    while at < end {
        let level = 63 - (end - at).leading_zeros();
        peaks.push(read(stored_position(level, at >> level))?);
        at += 1 << level;
    }
    Ok(fold_right(&peaks))
}

/// RFC 9162 §2.1.3.2.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let expected = inclusion_length(index, size);
    if proof.len() != expected {
        return Err(ProofError::Length { expected, actual: proof.len() });
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    same_root(root, hash)
}

fn inclusion_length(index: u64, size: u64) -> usize {
    // Below the level where the paths to `index` and to the last leaf part, every level has a sibling;
    // above it only those where the path turns right.
    let inner = (64 - (index ^ (size - 1)).leading_zeros()) as usize;
    let border = (index.checked_shr(inner as u32).unwrap_or(0)).count_ones() as usize;
    inner + border
}

/// RFC 9162 §2.1.4.2. An old size of 0 is extended by everything.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Sizes { old, new });
    }
    let expected = consistency_length(old, new);
    if proof.len() != expected {
        return Err(ProofError::Length { expected, actual: proof.len() });
    }
    if old == 0 {
        return Ok(());
    }
    // An old tree that is one perfect subtree, or all of the new tree, opens the proof without being sent.
    let (first, rest) = match proof.split_first() {
        Some((first, rest)) if !old.is_power_of_two() => (*first, rest),
        _ => (*old_root, proof),
    };
    let (mut node, mut last) = known_subtree(old, new);
    let (mut old_hash, mut new_hash) = (first, first);
    for hash in rest {
        if node & 1 == 1 || node == last {
            old_hash = node_hash(hash, &old_hash);
            new_hash = node_hash(hash, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    same_root(old_root, old_hash)?;
    same_root(new_root, new_hash)
}

/// The largest perfect subtree that ends with the old tree, and the last node at its level in the new one.
fn known_subtree(old: u64, new: u64) -> (u64, u64) {
    let level = old.trailing_zeros();
    ((old - 1) >> level, (new - 1) >> level)
}

/// From that subtree up it is an inclusion proof; the subtree itself is sent unless it is the old tree.
fn consistency_length(old: u64, new: u64) -> usize {
    if old == 0 || old == new {
        return 0;
    }
    let (node, last) = known_subtree(old, new);
    usize::from(!old.is_power_of_two()) + inclusion_length(node, last + 1)
}

fn same_root(expected: &Hash, actual: Hash) -> Result<(), ProofError> {
    if *expected == actual { Ok(()) } else { Err(ProofError::Root { expected: *expected, actual }) }
}

#[cfg(test)]
mod tests;
