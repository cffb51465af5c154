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
mod tests {
    use super::*;

    const SIZES: u64 = 130;

    struct Log {
        stored: Vec<Hash>,
        leaves: Vec<Hash>,
        roots: Vec<Hash>,
    }

    fn log(size: u64) -> Log {
        let mut frontier = Frontier::default();
        let mut log = Log { stored: Vec::new(), leaves: Vec::new(), roots: vec![frontier.root()] };
        for n in 0..size {
            let leaf = leaf_hash(&n.to_be_bytes());
            log.leaves.push(leaf);
            log.stored.extend(frontier.append(leaf));
            log.roots.push(frontier.root());
        }
        log
    }

    impl Log {
        fn read(&self) -> impl FnMut(u64) -> Result<Hash, ()> + '_ {
            |position| self.stored.get(position as usize).copied().ok_or(())
        }
    }

    /// RFC 6962 §2.1, word for word.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&definition(left), &definition(right))
            }
        }
    }

    #[test]
    fn the_published_tree_has_the_published_roots() {
        let data = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        for (leaf, root) in data.iter().zip(roots) {
            frontier.append(leaf_hash(&hex::decode(leaf).unwrap()));
            assert_eq!(hex::encode(frontier.root()), root);
        }
    }

    #[test]
    fn frontier_stored_layout_and_definition_agree() {
        let log = log(SIZES);
        for size in 0..=SIZES {
            let root = log.roots[size as usize];
            assert_eq!(root, definition(&log.leaves[..size as usize]));
            assert_eq!(root_at(size, &mut log.read()), Ok(root));
        }
        assert_eq!(log.stored.len() as u64, stored_count(SIZES));
        for (n, leaf) in log.leaves.iter().enumerate() {
            assert_eq!(log.stored[stored_position(0, n as u64) as usize], *leaf);
        }
    }

    #[test]
    fn every_inclusion_proof_holds_and_no_altered_one_does() {
        let log = log(SIZES);
        for size in 1..=SIZES {
            let root = log.roots[size as usize];
            for index in 0..size {
                let leaf = &log.leaves[index as usize];
                let proof = inclusion_proof(index, size, &mut log.read()).unwrap();
                assert_eq!(verify_inclusion(index, size, leaf, &root, &proof), Ok(()), "{index} of {size}");
                let mut longer = proof.clone();
                longer.push([0; 32]);
                assert!(verify_inclusion(index, size, leaf, &root, &longer).is_err());
                for wrong in (0..=size).filter(|&wrong| wrong != index) {
                    assert!(verify_inclusion(wrong, size, leaf, &root, &proof).is_err());
                }
                for n in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[n][0] ^= 1;
                    assert!(verify_inclusion(index, size, leaf, &root, &altered).is_err());
                    assert!(verify_inclusion(index, size, leaf, &root, &proof[..n]).is_err());
                }
            }
        }
    }

    #[test]
    fn every_consistency_proof_holds_and_no_altered_one_does() {
        let log = log(SIZES);
        for new in 0..=SIZES {
            for old in 0..=new {
                let (old_root, new_root) = (&log.roots[old as usize], &log.roots[new as usize]);
                let proof = consistency_proof(old, new, &mut log.read()).unwrap();
                assert_eq!(
                    verify_consistency(old, new, old_root, new_root, &proof),
                    Ok(()),
                    "{old} to {new}"
                );
                let mut longer = proof.clone();
                longer.push([0; 32]);
                assert!(verify_consistency(old, new, old_root, new_root, &longer).is_err());
                for n in 0..proof.len() {
                    let mut altered = proof.clone();
                    altered[n][0] ^= 1;
                    assert!(verify_consistency(old, new, old_root, new_root, &altered).is_err());
                    assert!(verify_consistency(old, new, old_root, new_root, &proof[..n]).is_err());
                }
                if old > 0 && old < new {
                    assert!(verify_consistency(old, new, &[7; 32], new_root, &proof).is_err());
                    assert!(verify_consistency(old, new, old_root, &[7; 32], &proof).is_err());
                }
            }
        }
        assert!(verify_consistency(2, 1, &log.roots[2], &log.roots[1], &[]).is_err());
    }

    #[test]
    fn a_proof_of_wrong_length_is_told_the_right_one() {
        let log = log(SIZES);
        for new in 1..=SIZES {
            for old in 1..new {
                let expected = consistency_proof(old, new, &mut log.read()).unwrap().len();
                for actual in (0..12).filter(|&n| n != expected) {
                    let (old_root, new_root) = (&log.roots[old as usize], &log.roots[new as usize]);
                    let verdict = verify_consistency(old, new, old_root, new_root, &vec![[0; 32]; actual]);
                    assert_eq!(verdict, Err(ProofError::Length { expected, actual }), "{old} to {new}");
                }
            }
        }
    }

    #[test]
    fn the_largest_sizes_are_judged_without_overflow() {
        let (end, zero) = (u64::MAX, [0; 32]);
        for proof in [vec![], vec![zero; 63], vec![zero; 64], vec![zero; 65], vec![zero; 66]] {
            for at in [0, 1, 1 << 63, (1 << 63) - 1, end - 1] {
                assert!(verify_inclusion(at, end, &zero, &zero, &proof).is_err());
                assert!(at == 0 || verify_consistency(at, end, &zero, &zero, &proof).is_err());
            }
        }
    }
}
