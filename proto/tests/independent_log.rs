//! The journal's formats in depth, against `tlog_tiles` and `signed_note`: both directions, altered notes, and
//! proofs shown for other sizes. A mistake that our prover and our verifier share shows only here.
#![allow(clippy::unwrap_used)] // clippy sees tests only in functions marked so, not in their helpers

use base64ct::{Base64, Encoding};
use ed25519_dalek::SigningKey;
use signed_note::{Note, Signer, StandardSigner, StandardVerifier, VerifierList};
use talanoa_proto::{
    checkpoint::{Checkpoint, ED25519, SignedCheckpoint, SignedNote, key_id, verifier_key},
    merkle::{self, Frontier, Hash},
};
use tlog_tiles::tlog;

const SIZES: u64 = 128;
const ORIGIN: &str = "talanoa/00ff/1";

/// A stored sequence that the other implementation wrote, read by both.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, positions: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(positions.iter().map(|&p| self.0[p as usize]).collect())
    }
}

impl Stored {
    fn of(size: u64) -> Self {
        let mut stored = Self(Vec::new());
        for n in 0..size {
            let grown = tlog::stored_hashes(n, &data(n), &stored).unwrap();
            stored.0.extend(grown);
        }
        stored
    }

    fn read(&self) -> impl FnMut(u64) -> Result<Hash, ()> + '_ {
        |position| self.0.get(position as usize).map(|h| h.0).ok_or(())
    }

    fn root(&self, size: u64) -> tlog::Hash {
        tlog::tree_hash(size, self).unwrap()
    }
}

fn data(n: u64) -> Vec<u8> {
    vec![n as u8; n as usize]
}

fn ours(theirs: &[tlog::Hash]) -> Vec<Hash> {
    theirs.iter().map(|h| h.0).collect()
}

#[test]
fn the_stored_sequence_and_every_root_are_the_same() {
    let theirs = Stored::of(SIZES);
    let (mut frontier, mut stored) = (Frontier::default(), Vec::new());
    assert_eq!(frontier.root(), tlog::EMPTY_HASH.0);
    for n in 0..SIZES {
        stored.extend(frontier.append(merkle::leaf_hash(&data(n))));
        assert_eq!(frontier.root(), theirs.root(n + 1).0);
        assert_eq!(merkle::root_at(n + 1, &mut theirs.read()), Ok(frontier.root()));
        assert_eq!(merkle::stored_count(n + 1), tlog::stored_hash_count(n + 1));
    }
    assert_eq!(stored, ours(&theirs.0));
}

#[test]
fn every_stored_position_is_the_same_also_in_huge_trees() {
    for level in 0..40 {
        for n in (0..300).chain([1 << 20, (1 << 20) - 1, (1 << 22) + 12_345]) {
            let theirs = tlog::stored_hash_index(level, n);
            assert_eq!(merkle::stored_position(level.into(), n), theirs, "level {level}, {n}");
        }
    }
}

#[test]
fn inclusion_proofs_are_the_same_and_each_side_accepts_the_other() {
    let stored = Stored::of(SIZES);
    for size in 1..=SIZES {
        let root = stored.root(size);
        for index in 0..size {
            let theirs = tlog::prove_record(size, index, &stored).unwrap();
            let proof = merkle::inclusion_proof(index, size, &mut stored.read()).unwrap();
            assert_eq!(proof, ours(&theirs), "{index} of {size}");
            let leaf = tlog::record_hash(&data(index));
            assert_eq!(merkle::verify_inclusion(index, size, &leaf.0, &root.0, &ours(&theirs)), Ok(()));
            tlog::check_record(&theirs, size, root, index, leaf).unwrap();
        }
    }
}

#[test]
fn consistency_proofs_are_the_same_and_each_side_accepts_the_other() {
    let stored = Stored::of(SIZES);
    for new in 1..=SIZES {
        for old in 1..=new {
            let theirs = tlog::prove_tree(new, old, &stored).unwrap();
            let proof = merkle::consistency_proof(old, new, &mut stored.read()).unwrap();
            assert_eq!(proof, ours(&theirs), "{old} to {new}");
            let (old_root, new_root) = (stored.root(old), stored.root(new));
            assert_eq!(
                merkle::verify_consistency(old, new, &old_root.0, &new_root.0, &ours(&theirs)),
                Ok(())
            );
            tlog::check_tree(&theirs, new, new_root, old, old_root).unwrap();
        }
    }
}

/// A proof for one pair of sizes, shown for every other pair.
#[test]
fn proofs_shown_for_other_sizes_get_the_same_verdict() {
    const SMALL: u64 = 20;
    let stored = Stored::of(SMALL);
    for (new, old) in (1..=SMALL).flat_map(|new| (1..=new).map(move |old| (new, old))) {
        let proof = tlog::prove_tree(new, old, &stored).unwrap();
        let (old_root, new_root) = (stored.root(old), stored.root(new));
        for (new, old) in (1..=SMALL).flat_map(|new| (1..=new).map(move |old| (new, old))) {
            let theirs = tlog::check_tree(&proof, new, new_root, old, old_root).is_ok();
            let verdict = merkle::verify_consistency(old, new, &old_root.0, &new_root.0, &ours(&proof));
            assert_eq!(verdict.is_ok(), theirs, "{old} to {new}: {verdict:?}");
        }
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size: 20_852_163, root: [0xa5; 32] }
}

/// Our key, told to the other implementation in its own text form.
fn their_signer() -> StandardSigner {
    let id = key_id(ORIGIN, ED25519, key().verifying_key().as_bytes());
    let blob = Base64::encode_string(&[&[ED25519], &key().to_bytes()[..]].concat());
    StandardSigner::new(&format!("PRIVATE+KEY+{ORIGIN}+{}+{blob}", hex::encode(id))).unwrap()
}

fn their_verifiers() -> VerifierList {
    let verifier = StandardVerifier::new(&verifier_key(ORIGIN, &key().verifying_key())).unwrap();
    VerifierList::new(vec![Box::new(verifier)])
}

#[test]
fn key_ids_and_signed_notes_are_the_same_bytes() {
    let signer = their_signer();
    let id = key_id(ORIGIN, ED25519, key().verifying_key().as_bytes());
    assert_eq!(signer.key_id(), u32::from_be_bytes(id));
    let text = "first\n\nafter an empty line: è subito sera\n";
    let mut theirs = Note::new(text.as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    let note = SignedNote::sign(text.to_owned(), ORIGIN, &key());
    assert_eq!(note.to_bytes(), theirs.to_bytes());
    assert_eq!(SignedNote::parse(&theirs.to_bytes()), Ok(note.clone()));
    assert_eq!(note.verify(ORIGIN, &[key().verifying_key()]), Ok(()));
    assert!(Note::from_bytes(&note.to_bytes()).unwrap().verify(&their_verifiers()).is_ok());
}

#[test]
fn checkpoints_are_read_and_written_alike() {
    let theirs = tlog_tiles::Checkpoint::new(ORIGIN, 20_852_163, tlog::Hash([0xa5; 32]), "").unwrap();
    assert_eq!(theirs.to_bytes(), checkpoint().text().into_bytes());
    let mut note = Note::new(&theirs.to_bytes(), &[]).unwrap();
    note.add_sigs(&[&their_signer()]).unwrap();
    let opened = SignedCheckpoint::open(&note.to_bytes(), ORIGIN, &[key().verifying_key()]).unwrap();
    assert_eq!(opened, SignedCheckpoint::issue(checkpoint(), &key()));
}

/// We may refuse more than the standard demands. We never take what the other implementation refuses.
#[test]
fn whatever_altered_note_we_take_the_other_takes_too() {
    let note = SignedNote::sign(checkpoint().text(), ORIGIN, &key()).to_bytes();
    let known = their_verifiers();
    let mut taken = 0;
    let mut compare = |altered: &[u8]| {
        let Ok(parsed) = SignedNote::parse(altered) else { return };
        taken += 1;
        let theirs = Note::from_bytes(altered).expect("we parsed it");
        assert_eq!(theirs.text(), parsed.text.as_bytes());
        let verdict = parsed.verify(ORIGIN, &[key().verifying_key()]);
        assert_eq!(verdict.is_ok(), theirs.verify(&known).is_ok(), "{verdict:?}");
    };
    for at in 0..note.len() {
        for byte in [b'\n', b' ', b'+', b'=', b'0', b'A', note[at] ^ 1, note[at] ^ 0x80] {
            let mut altered = note.clone();
            altered[at] = byte;
            compare(&altered);
            altered = note.clone();
            altered.insert(at, byte);
            compare(&altered);
        }
        compare(&[&note[..at], &note[at + 1..]].concat());
        compare(&note[..at]);
    }
    assert!(taken > 100, "{taken} alterations reached the comparison");
}
