//! Our public formats, judged by code that other people wrote.

use base64ct::{Base64, Encoding};
use ed25519_dalek::SigningKey;
use signed_note::{Note, StandardVerifier, VerifierList};
use talanoa_proto::{
    canonical,
    checkpoint::{Checkpoint, SignedCheckpoint, verifier_key},
    envelope::Envelope,
    id::MemberId,
    identity::Endpoint,
    merkle::{self, Frontier, Hash},
    wire,
};

#[test]
fn an_independent_dsse_verifier_accepts_our_envelopes_and_no_altered_one() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let endpoint = Endpoint { member: MemberId([1; 32]), addresses: vec!["a:1".into()], seq: 1 };
    let envelope = Envelope::seal(&endpoint, &key);
    let ours: wire::Envelope = canonical::decode(&envelope.to_bytes()).unwrap();
    let json = |payload: &[u8]| dsse::Envelope {
        payload: Base64::encode_string(payload),
        payload_type: ours.payload_type.clone(),
        signatures: ours
            .signatures
            .iter()
            .map(|s| dsse::Signature { keyid: Some(s.keyid.clone()), sig: Base64::encode_string(&s.sig) })
            .collect(),
    };
    let verifier = dsse::Ed25519Verifier::from_bytes(key.verifying_key().as_bytes()).unwrap();
    assert!(dsse::verify(&json(&ours.payload), &[&verifier], 1).is_ok());
    let mut altered = ours.payload.to_vec();
    altered[0] ^= 1;
    assert!(dsse::verify(&json(&altered), &[&verifier], 1).is_err());
}

#[test]
fn an_independent_note_verifier_accepts_our_checkpoints() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let origin = format!("talanoa/{}/1", "ab".repeat(32));
    let signed = SignedCheckpoint::issue(Checkpoint { origin: origin.clone(), size: 9, root: [4; 32] }, &key);
    let note = Note::from_bytes(signed.note_bytes()).unwrap();
    let verifier = StandardVerifier::new(&verifier_key(&origin, &key.verifying_key())).unwrap();
    let (verified, unknown) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
}

struct Stored(Vec<Hash>);

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|&i| tlog_tiles::Hash(self.0[i as usize])).collect())
    }
}

#[test]
fn an_independent_log_gives_the_same_layout_roots_and_proofs() {
    const SIZE: u64 = 70;
    let mut frontier = Frontier::default();
    let mut stored = Stored(Vec::new());
    let mut roots = vec![frontier.root()];
    for n in 0..SIZE {
        stored.0.extend(frontier.append(merkle::leaf_hash(&n.to_be_bytes())));
        roots.push(frontier.root());
        assert_eq!(merkle::stored_count(n + 1), tlog_tiles::stored_hash_count(n + 1));
        assert_eq!(merkle::stored_position(0, n), tlog_tiles::stored_hash_index(0, n));
    }
    let mut read = |position: u64| Ok::<_, ()>(stored.0[position as usize]);
    let plain = |proof: Vec<tlog_tiles::Hash>| proof.into_iter().map(|h| h.0).collect::<Vec<_>>();
    for size in 1..=SIZE {
        assert_eq!(tlog_tiles::tree_hash(size, &stored).unwrap().0, roots[size as usize]);
        for n in 0..size {
            let ours = merkle::inclusion_proof(n, size, &mut read).unwrap();
            assert_eq!(plain(tlog_tiles::prove_record(size, n, &stored).unwrap()), ours);
        }
        for old in 1..size {
            let ours = merkle::consistency_proof(old, size, &mut read).unwrap();
            let theirs = plain(tlog_tiles::prove_tree(size, old, &stored).unwrap());
            assert_eq!(theirs, ours, "{old} to {size}");
        }
    }
}
