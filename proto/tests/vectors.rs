//! The golden vectors, read by the treaty alone, and judged by independent implementations of the public
//! formats.

#![allow(clippy::unwrap_used, reason = "a vector that cannot be read is the failure")]

use serde_json::Value;
use talanoa_proto::{
    checkpoint::SignedCheckpoint,
    chunk::PageList,
    entry,
    envelope::{Envelope, pae},
    grant::Grant,
    id::PublicKey,
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/v1.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn a_stranger_can_verify_the_signed_grant() {
    let v = vectors();
    let envelope = Envelope::parse(&bytes(&v["grant"]["envelope"])).unwrap();
    let key: PublicKey = v["key"]["public"].as_str().unwrap().parse().unwrap();
    envelope.verify(&[key], 1).unwrap();
    assert_eq!(envelope.id().to_string(), v["grant"]["id"].as_str().unwrap());
    assert!(envelope.object::<Grant>().is_ok());
    let salt: [u8; 32] = bytes(&v["leaf"]["salt"]).try_into().unwrap();
    let commitment = entry::commitment(&salt, &bytes(&v["grant"]["envelope"]));
    assert_eq!(commitment.to_string(), v["leaf"]["commitment"].as_str().unwrap());
}

#[test]
fn page_lists_are_what_their_root_says() {
    let v = vectors();
    let root: [u8; 32] = bytes(&v["pages"]["chunk_root"]).try_into().unwrap();
    let list = PageList::open(bytes(&v["pages"]["list"]).into(), &root).unwrap();
    let entries = list.verify_page(0, &bytes(&v["pages"]["page"])).unwrap();
    for (entry, chunk) in entries.iter().zip(v["pages"]["chunks"].as_array().unwrap()) {
        assert!(entry.verify(chunk.as_str().unwrap().to_owned().into()).is_ok());
    }
}

#[test]
fn the_envelope_is_dsse_for_an_independent_implementation() {
    let v = vectors();
    let (payload_type, body) = (v["pae"]["type"].as_str().unwrap(), v["pae"]["body"].as_str().unwrap());
    assert_eq!(pae(payload_type, body.as_bytes()), v["pae"]["encoded"].as_str().unwrap().as_bytes());
    assert_eq!(dsse::pae(payload_type, body.as_bytes()), v["pae"]["encoded"].as_str().unwrap().as_bytes());
}

#[test]
fn checkpoints_read_back() {
    let v = vectors();
    let note = v["checkpoint"]["note"].as_str().unwrap();
    let key =
        ed25519_dalek::VerifyingKey::from_bytes(&bytes(&v["key"]["public"]).try_into().unwrap()).unwrap();
    let origin = note.lines().next().unwrap();
    assert_eq!(SignedCheckpoint::open(note.as_bytes(), origin, &[key]).unwrap().checkpoint().size, 5);
}
