//! Golden vectors: bytes, hashes and signatures that must never change. Other implementations may use them.

use std::{fs, path::Path};

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use talanoa_proto::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    chunk::{ChunkEntry, PageWriter},
    entry,
    envelope::{Envelope, pae},
    grant::{Action, Grant, Grantee, Obligations, Scope},
    id::{FederationId, MemberId},
    merkle::{Frontier, leaf_hash},
    object::{Object, Origin},
};

fn vectors() -> Value {
    let key = SigningKey::from_bytes(&[7; 32]);
    let grant = Grant {
        origin: Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 },
        grantee: Grantee::Member(MemberId([3; 32])),
        scope: Scope::Datasets(vec!["CHILD_DEATHS".parse().unwrap()]),
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec!["official-statistics".into()],
        not_before: 1_700_000_000,
        not_after: 1_731_622_400,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: Vec::new(),
        nonce: [9; 16],
    };
    let envelope = Envelope::seal(&grant, &key);
    let commitment = entry::commitment(&[5; 32], &envelope.to_bytes());
    let mut tree = Frontier::default();
    (0..5u8).for_each(|n| drop(tree.append(leaf_hash(&[n; 32]))));
    let origin = format!("talanoa/{}/1", "02".repeat(32));
    let checkpoint = SignedCheckpoint::issue(Checkpoint { origin, size: 5, root: tree.root() }, &key);
    let mut pages = PageWriter::default();
    let chunks = ["first chunk", "second chunk", "third chunk"];
    chunks.iter().for_each(|c| drop(pages.push(ChunkEntry::of(c.as_bytes()))));
    let (page, list) = pages.finish();
    json!({
        "pae": { "type": "http://example.com/HelloWorld", "body": "hello world",
                 "encoded": String::from_utf8(pae("http://example.com/HelloWorld", b"hello world")).unwrap() },
        "key": { "secret": hex::encode([7; 32]), "public": hex::encode(key.verifying_key().as_bytes()) },
        "grant": { "payload_type": Grant::TYPE, "payload": hex::encode(envelope.payload()),
                   "id": envelope.id().to_string(), "envelope": hex::encode(envelope.to_bytes()) },
        "leaf": { "salt": hex::encode([5; 32]), "envelope": "grant", "commitment": commitment.to_string(),
                  "leaf_hash": hex::encode(leaf_hash(&commitment.0)) },
        "tree": { "leaves": "5 leaves of 32 bytes: 00…, 01…, 02…, 03…, 04…", "root": hex::encode(tree.root()) },
        "checkpoint": { "note": String::from_utf8(checkpoint.note_bytes().to_vec()).unwrap() },
        "pages": { "chunks": chunks, "page": hex::encode(page.unwrap()), "list": hex::encode(list.bytes()),
                   "chunk_root": hex::encode(list.root()) },
    })
}

#[test]
fn the_golden_vectors_hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/v1.json");
    let now = vectors();
    if std::env::var_os("TALANOA_REGENERATE").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let golden: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(now, golden);
}
