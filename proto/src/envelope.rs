//! Signed bytes (PROTOCOL.md section 3): the DSSE envelope.
//!
//! What is verified is the bytes received, and what is stored is the bytes received; nothing is ever
//! encoded again in order to verify it. A signature on one type of object is worth nothing on another.

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use prost::Message;

use crate::{
    canonical::{self, NotCanonical},
    id::{ObjectId, PublicKey},
    limits,
    object::{Object, ObjectError},
    wire,
};

/// A canonical envelope. Parsing proves shape, never authenticity: see [`Envelope::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Bytes,
    signatures: Vec<(PublicKey, [u8; 64])>, // sorted by key, one per key
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("envelope of {actual} bytes, at most {max}")]
    TooLarge { actual: usize, max: usize },
    #[error("envelope is {0}")]
    NotCanonical(#[from] NotCanonical),
    #[error("envelope signatures must be 64 bytes each, sorted by key id, one per key, at most {max}")]
    Signatures { max: usize },
    #[error("{valid} valid signatures by keys that may sign this, {needed} needed")]
    TooFew { valid: usize, needed: usize },
    #[error("the signature by key {0} does not verify: the object was altered, or signed for something else")]
    Wrong(PublicKey),
    #[error("this is another object: signatures of one cannot be merged into the other")]
    OtherObject,
}

impl Envelope {
    pub fn unsigned<T: Object>(object: &T) -> Self {
        Self { payload_type: T::TYPE.to_owned(), payload: object.encode(), signatures: Vec::new() }
    }

    pub fn seal<T: Object>(object: &T, key: &SigningKey) -> Self {
        let mut envelope = Self::unsigned(object);
        envelope.add_signature(key);
        envelope
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > limits::ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge { actual: bytes.len(), max: limits::ENVELOPE_BYTES_MAX });
        }
        let wire: wire::Envelope = canonical::decode(&Bytes::copy_from_slice(bytes))?;
        let wrong = EnvelopeError::Signatures { max: limits::ENVELOPE_SIGNATURES_MAX };
        let mut signatures = Vec::with_capacity(wire.signatures.len().min(limits::ENVELOPE_SIGNATURES_MAX));
        for s in &wire.signatures {
            let key: PublicKey = s.keyid.parse().map_err(|_| wrong.clone())?;
            let signature = s.sig.as_ref().try_into().map_err(|_| wrong.clone())?;
            // hex is read in either case; only the lower one is canonical
            if key.to_string() != s.keyid || signatures.len() == limits::ENVELOPE_SIGNATURES_MAX {
                return Err(wrong);
            }
            signatures.push((key, signature));
        }
        if !signatures.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(wrong);
        }
        Ok(Self { payload_type: wire.payload_type, payload: wire.payload, signatures })
    }

    pub fn to_bytes(&self) -> Bytes {
        let signature = |(key, sig): &(PublicKey, [u8; 64])| wire::Signature {
            sig: Bytes::copy_from_slice(sig),
            keyid: key.to_string(),
        };
        let wire = wire::Envelope {
            payload: self.payload.clone(),
            payload_type: self.payload_type.clone(),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        wire.encode_to_vec().into()
    }

    /// The JSON form of the DSSE standard, for verifiers that know nothing of Talanoa.
    pub fn to_dsse_json(&self) -> String {
        let signature = |(key, sig): &(PublicKey, [u8; 64])| {
            format!(r#"{{"keyid":"{key}","sig":"{}"}}"#, Base64::encode_string(sig))
        };
        let signatures: Vec<String> = self.signatures.iter().map(signature).collect();
        // A type that this implementation does not know may hold anything.
        let kind: String = self.payload_type.chars().flat_map(json_escaped).collect();
        format!(
            r#"{{"payload":"{}","payloadType":"{kind}","signatures":[{}]}}"#,
            Base64::encode_string(&self.payload),
            signatures.join(",")
        )
    }

    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// SHA-256 of the payload: the object's id, whoever signed it.
    pub fn id(&self) -> ObjectId {
        ObjectId::of(&self.payload)
    }

    pub fn signers(&self) -> impl Iterator<Item = &PublicKey> {
        self.signatures.iter().map(|(key, _)| key)
    }

    /// The payload as its domain type. Proves shape, not authenticity.
    pub fn object<T: Object>(&self) -> Result<T, ObjectError> {
        if self.payload_type != T::TYPE {
            return Err(ObjectError::Type { expected: T::TYPE, actual: self.payload_type.clone() });
        }
        T::decode(&self.payload)
    }

    pub fn add_signature(&mut self, key: &SigningKey) {
        let signature = key.sign(&pae(&self.payload_type, &self.payload)).to_bytes();
        self.insert(key.verifying_key().into(), signature);
    }

    /// Takes over the signatures of another envelope of the same object.
    pub fn merge(&mut self, other: &Envelope) -> Result<(), EnvelopeError> {
        if (&self.payload_type, &self.payload) != (&other.payload_type, &other.payload) {
            return Err(EnvelopeError::OtherObject);
        }
        for (key, signature) in &other.signatures {
            self.insert(*key, *signature);
        }
        Ok(())
    }

    fn insert(&mut self, key: PublicKey, signature: [u8; 64]) {
        match self.signatures.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(at) => self.signatures[at].1 = signature,
            Err(at) => self.signatures.insert(at, (key, signature)),
        }
    }

    /// Whether `threshold` distinct keys out of `keys` signed. Counted by public key: neither a
    /// signature given twice nor one key under two names counts twice. Unknown keys are ignored; a
    /// known key whose signature fails refuses the whole envelope.
    pub fn verify(&self, keys: &[PublicKey], threshold: usize) -> Result<(), EnvelopeError> {
        let message = pae(&self.payload_type, &self.payload);
        let mut valid = 0;
        for (key, signature) in &self.signatures {
            if !keys.contains(key) {
                continue;
            }
            verify_strict(key, &message, signature).ok_or(EnvelopeError::Wrong(*key))?;
            valid += 1;
        }
        // A threshold of zero would accept anything.
        let needed = threshold.max(1);
        if valid < needed { Err(EnvelopeError::TooFew { valid, needed }) } else { Ok(()) }
    }
}

/// Strict verification refuses small-order keys and non-canonical encodings, so all nodes agree.
fn verify_strict(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> Option<()> {
    let key = VerifyingKey::from_bytes(&key.0).ok()?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).ok()
}

fn json_escaped(c: char) -> Vec<char> {
    match c {
        '"' | '\\' => vec!['\\', c],
        c if c < ' ' => format!("\\u{:04x}", u32::from(c)).chars().collect(),
        c => vec![c],
    }
}

/// DSSE pre-authentication encoding: `"DSSEv1" SP len(type) SP type SP len(body) SP body`.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn envelope() -> Envelope {
        let payload_type = "application/vnd.talanoa.test.v1+protobuf".to_owned();
        Envelope { payload_type, payload: Bytes::from_static(b"hello"), signatures: Vec::new() }
    }

    fn keys(n: &[u8]) -> Vec<PublicKey> {
        n.iter().map(|&n| key(n).verifying_key().into()).collect()
    }

    #[test]
    fn the_published_dsse_vector_holds() {
        let encoded = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn a_threshold_counts_keys_and_not_signatures() {
        let mut e = envelope();
        e.add_signature(&key(1));
        e.add_signature(&key(1));
        assert_eq!(e.verify(&keys(&[1, 2]), 2), Err(EnvelopeError::TooFew { valid: 1, needed: 2 }));
        assert_eq!(e.verify(&keys(&[1, 1]), 2), Err(EnvelopeError::TooFew { valid: 1, needed: 2 }));
        e.add_signature(&key(2));
        assert_eq!(e.verify(&keys(&[1, 2]), 2), Ok(()));
        assert_eq!(e.verify(&keys(&[3]), 0), Err(EnvelopeError::TooFew { valid: 0, needed: 1 }));
    }

    #[test]
    fn a_signature_is_bound_to_its_type() {
        let mut e = envelope();
        e.add_signature(&key(1));
        let mut other = e.clone();
        other.payload_type = "application/vnd.talanoa.other.v1+protobuf".into();
        assert_eq!(other.verify(&keys(&[1]), 1), Err(EnvelopeError::Wrong(keys(&[1])[0])));
    }

    #[test]
    fn every_single_bit_flip_of_an_envelope_is_refused() {
        let mut e = envelope();
        e.add_signature(&key(1));
        let bytes = e.to_bytes();
        assert_eq!(Envelope::parse(&bytes).unwrap(), e);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let accepted = Envelope::parse(&flipped).is_ok_and(|e| e.verify(&keys(&[1]), 1).is_ok());
            assert!(!accepted, "bit {bit}");
        }
    }

    #[test]
    fn unsorted_doubled_or_upper_case_key_ids_are_refused() {
        let mut e = envelope();
        e.add_signature(&key(1));
        e.add_signature(&key(2));
        let wire: wire::Envelope = canonical::decode(&e.to_bytes()).unwrap();
        let mut swapped = wire.clone();
        swapped.signatures.reverse();
        let mut doubled = wire.clone();
        doubled.signatures[1] = doubled.signatures[0].clone();
        let mut upper = wire;
        upper.signatures[0].keyid = upper.signatures[0].keyid.to_uppercase();
        for bad in [swapped, doubled, upper] {
            assert!(Envelope::parse(&bad.encode_to_vec()).is_err());
        }
    }

    #[test]
    fn an_envelope_has_a_greatest_size() {
        let sized = |payload: usize| {
            let wire = wire::Envelope { payload: vec![1; payload].into(), ..Default::default() };
            Envelope::parse(&wire.encode_to_vec())
        };
        // 1 byte of tag and 3 of length
        assert!(sized(limits::ENVELOPE_BYTES_MAX - 4).is_ok());
        assert!(matches!(sized(limits::ENVELOPE_BYTES_MAX - 3), Err(EnvelopeError::TooLarge { .. })));
    }
}
