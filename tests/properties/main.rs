//! Property tests of every decoder and verifier: arbitrary bytes, altered seeds, and scripts.
//!
//! The same functions are fuzz targets (`tests/fuzz`), with the same seeds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by ending")]

mod decoders;
mod formats;
mod scripts;
mod seeds;
mod storage;

use std::cell::Cell;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

type Target = (&'static str, fn(&[u8]) -> bool);

fn targets() -> impl Iterator<Item = Target> {
    decoders::ALL.iter().chain(scripts::ALL).chain(storage::ALL).chain(formats::ALL).copied()
}

/// A seed with some bytes changed, removed, doubled or appended, or bytes out of nothing.
fn altered(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..5u8), 0..6);
    let alter = (prop::sample::select(seeds), edits).prop_map(|(mut bytes, edits)| {
        for (at, value, kind) in edits {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] ^= value,
                1 => bytes.insert(at, value),
                2 => bytes.truncate(at),
                3 => bytes.extend_from_within(at..),
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    });
    prop_oneof![3 => alter, 1 => prop::collection::vec(any::<u8>(), 0..2048)]
}

#[test]
fn every_decoder_answers_whatever_it_is_given() {
    for (name, target) in targets() {
        let cases = if matches!(name, "segment" | "table" | "identity" | "derived") { 400 } else { 2000 };
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let taken = Cell::new(0);
        let outcome = runner.run(&altered(seeds::read(name)), |bytes| {
            taken.set(taken.get() + u32::from(target(&bytes)));
            Ok(())
        });
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
        let taken = taken.get();
        println!("{name}: {cases} cases, {taken} taken");
        assert!(taken > 0, "{name}: nothing was taken, so nothing behind the first door was tested");
    }
}

#[test]
fn every_seed_is_taken() {
    if std::env::var_os("TALANOA_REGENERATE").is_some() {
        seeds::write();
    }
    for (name, target) in targets() {
        let seeds = seeds::read(name);
        assert!(!seeds.is_empty(), "{name} has no seed");
        assert!(seeds.iter().all(|seed| target(seed)), "a seed of {name} is refused");
    }
}

/// Every fuzz target of the list has its file, and no file is without its target.
#[test]
fn targets_and_fuzz_targets_are_the_same() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets")).unwrap();
    let mut files: Vec<String> =
        files.map(|f| f.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let mut names: Vec<String> = targets().map(|(name, _)| name.to_owned()).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

/// All pairs (m, n) ≤ 512: each honest proof holds; one altered in any hash, cut, or longer does not.
#[test]
fn proofs_hold_for_all_pairs_up_to_512() {
    use talanoa_proto::merkle::{self, Frontier};
    const SIZES: u64 = 512;
    let mut frontier = Frontier::default();
    let (mut stored, mut roots) = (Vec::new(), vec![frontier.root()]);
    for n in 0..SIZES {
        stored.extend(frontier.append(merkle::leaf_hash(&n.to_be_bytes())));
        roots.push(frontier.root());
    }
    let mut read = |position: u64| stored.get(position as usize).copied().ok_or(());
    for new in 1..=SIZES {
        for old in 0..=new {
            let (old_root, new_root) = (roots[old as usize], roots[new as usize]);
            let proof = merkle::consistency_proof(old, new, &mut read).unwrap();
            let verify = |proof: &[_]| merkle::verify_consistency(old, new, &old_root, &new_root, proof);
            assert_eq!(verify(&proof), Ok(()), "{old} to {new}");
            refuses_altered(&proof, &verify);
            if old < new {
                let leaf = merkle::leaf_hash(&old.to_be_bytes());
                let proof = merkle::inclusion_proof(old, new, &mut read).unwrap();
                let verify = |proof: &[_]| merkle::verify_inclusion(old, new, &leaf, &new_root, proof);
                assert_eq!(verify(&proof), Ok(()), "{old} in {new}");
                refuses_altered(&proof, &verify);
            }
        }
    }
}

fn refuses_altered<E>(proof: &[[u8; 32]], verify: &impl Fn(&[[u8; 32]]) -> Result<(), E>) {
    let mut longer = proof.to_vec();
    longer.push([0; 32]);
    assert!(verify(&longer).is_err());
    // One hash of each proof is altered, by its place in turn: all places come up among 131,000 pairs.
    if let Some(n) = proof.first().map(|first| usize::from(first[0]) % proof.len()) {
        let mut altered = proof.to_vec();
        altered[n][31] ^= 1;
        assert!(verify(&altered).is_err());
        assert!(verify(&proof[..n]).is_err());
    }
}
