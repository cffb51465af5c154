//! The golden vectors, as a follower meets them.

use serde_json::Value;
use talanoa_client::proto::{entry, envelope::Envelope};

#[test]
fn the_signed_grant_of_the_vectors_has_the_named_commitment() {
    let v: Value = serde_json::from_str(include_str!("../../tests/vectors/v1.json")).unwrap();
    let envelope = hex::decode(v["grant"]["envelope"].as_str().unwrap()).unwrap();
    assert_eq!(Envelope::parse(&envelope).unwrap().to_bytes(), envelope);
    let named = v["leaf"]["commitment"].as_str().unwrap();
    assert_eq!(entry::commitment(&[5; 32], &envelope).to_string(), named);
}
