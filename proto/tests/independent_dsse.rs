//! Our envelopes, judged by a DSSE verifier that other people wrote.

use base64ct::{Base64, Encoding};
use ed25519_dalek::SigningKey;
use talanoa_proto::{canonical, envelope::Envelope, id::MemberId, identity::Endpoint, wire};

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
