//! Signed heads of a journal (PROTOCOL.md section 6): C2SP `tlog-checkpoint` in a C2SP `signed-note`.
//!
//! Public formats, so that existing witnesses and auditors read them. Ed25519 is deterministic: the same
//! head signed again by the same key has the same bytes, so own heads need not be stored.

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{limits, merkle::Hash};

/// Signature algorithm of a note: Ed25519 over its text.
pub const ED25519: u8 = 0x01;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    #[error("not a checkpoint: {0}")]
    Checkpoint(&'static str),
    #[error("the checkpoint is of journal {actual:?}, expected {expected:?}")]
    Origin { expected: String, actual: String },
    #[error("the note is not signed by any key expected of {0:?}")]
    Unsigned(String),
    #[error("a signature by a known key does not verify")]
    Signature,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, Base64::encode_string(&self.root))
    }

    /// Exactly three lines. The standard permits extension lines and advises against them, because no
    /// tree commits to them; here they are refused.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.split_inclusive('\n');
        let mut line =
            || lines.next().and_then(|l| l.strip_suffix('\n')).ok_or(NoteError::Checkpoint("too short"));
        let (origin, size, root) = (line()?, line()?, line()?);
        let size = size.parse().map_err(|_| NoteError::Checkpoint("size is not a number"))?;
        let mut hash = [0; 32];
        let decoded =
            Base64::decode(root, &mut hash).map_err(|_| NoteError::Checkpoint("root is not base64"))?;
        if decoded.len() != 32 || origin.is_empty() || origin.contains(char::is_control) {
            return Err(NoteError::Checkpoint("root is not 32 bytes, or the origin is empty"));
        }
        let checkpoint = Self { origin: origin.to_owned(), size, root: hash };
        // Leading zeros, a sign, other base64, extension lines: one spelling alone is accepted.
        if checkpoint.text() != text {
            return Err(NoteError::Checkpoint("not spelled canonically"));
        }
        Ok(checkpoint)
    }
}

/// First four bytes of SHA-256 over name, newline, algorithm and key: a hint, never a proof.
pub fn key_id(name: &str, algorithm: u8, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', algorithm]).chain_update(key).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The verifier key as people exchange it: `name+hash+base64`.
pub fn verifier_key(name: &str, key: &VerifyingKey) -> String {
    let id = hex::encode(key_id(name, ED25519, key.as_bytes()));
    format!("{name}+{id}+{}", Base64::encode_string(&[&[ED25519], &key.as_bytes()[..]].concat()))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    pub name: String,
    pub key_id: [u8; 4],
    pub signature: Vec<u8>,
}

/// Text and signature lines. Parsing proves shape, never authenticity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    pub text: String,
    pub signatures: Vec<NoteSignature>,
}

impl SignedNote {
    pub fn sign(text: String, name: &str, key: &SigningKey) -> Self {
        let signature = key.sign(text.as_bytes()).to_vec();
        let key_id = key_id(name, ED25519, key.verifying_key().as_bytes());
        Self { text, signatures: vec![NoteSignature { name: name.to_owned(), key_id, signature }] }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut note = format!("{}\n", self.text);
        for s in &self.signatures {
            let blob = Base64::encode_string(&[&s.key_id[..], &s.signature].concat());
            note.push_str(&format!("\u{2014} {} {blob}\n", s.name));
        }
        note.into_bytes()
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > limits::NOTE_BYTES_MAX {
            return Err(NoteError::Malformed("too long"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::Malformed("control characters"));
        }
        // The signatures follow the last empty line: text may hold empty lines itself.
        let at = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before the signatures"))?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let mut signatures = Vec::new();
        for line in lines.split_inclusive('\n') {
            if signatures.len() == limits::NOTE_SIGNATURES_MAX {
                return Err(NoteError::Malformed("too many signatures"));
            }
            signatures.push(parse_signature(line).ok_or(NoteError::Malformed("a signature line"))?);
        }
        let parsed = Self { text: text.to_owned(), signatures };
        if parsed.signatures.is_empty() || parsed.to_bytes() != bytes {
            return Err(NoteError::Malformed("no signature, or not spelled canonically"));
        }
        Ok(parsed)
    }

    /// Unknown keys are ignored; a known key whose signature fails refuses the note.
    pub fn verify(&self, name: &str, keys: &[VerifyingKey]) -> Result<(), NoteError> {
        let mut signed = false;
        for signature in self.signatures.iter().filter(|s| s.name == name) {
            let id = |key: &&VerifyingKey| key_id(name, ED25519, key.as_bytes()) == signature.key_id;
            let mut known = keys.iter().filter(id).peekable();
            if known.peek().is_none() {
                continue;
            }
            let bytes = Signature::from_slice(&signature.signature).map_err(|_| NoteError::Signature)?;
            // Four bytes collide: every key with this id may be the one that signed.
            if !known.any(|key| key.verify_strict(self.text.as_bytes(), &bytes).is_ok()) {
                return Err(NoteError::Signature);
            }
            signed = true;
        }
        if signed { Ok(()) } else { Err(NoteError::Unsigned(name.to_owned())) }
    }
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, blob) = line.strip_suffix('\n')?.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let blob = Base64::decode_vec(blob).ok()?;
    let (key_id, signature) = blob.split_first_chunk::<4>()?;
    let plain = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
    plain.then(|| NoteSignature { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
}

/// A head that its journal's owner signed. Only [`SignedCheckpoint::open`] and the owner make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Vec<u8>,
}

impl SignedCheckpoint {
    pub fn issue(checkpoint: Checkpoint, key: &SigningKey) -> Self {
        let note = SignedNote::sign(checkpoint.text(), &checkpoint.origin, key).to_bytes();
        Self { checkpoint, note }
    }

    pub fn open(bytes: &[u8], origin: &str, keys: &[VerifyingKey]) -> Result<Self, NoteError> {
        let note = SignedNote::parse(bytes)?;
        note.verify(origin, keys)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != origin {
            return Err(NoteError::Origin { expected: origin.to_owned(), actual: checkpoint.origin });
        }
        Ok(Self { checkpoint, note: bytes.to_vec() })
    }

    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub fn note_bytes(&self) -> &[u8] {
        &self.note
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn signed() -> SignedCheckpoint {
        let checkpoint = Checkpoint { origin: "talanoa/00ff/1".into(), size: 42, root: [9; 32] };
        SignedCheckpoint::issue(checkpoint, &key())
    }

    fn open(bytes: &[u8]) -> Result<SignedCheckpoint, NoteError> {
        SignedCheckpoint::open(bytes, "talanoa/00ff/1", &[key().verifying_key()])
    }

    /// The example key and note that Go's `sumdb/note` package publishes.
    #[test]
    fn the_published_note_verifies() {
        let base64 = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = Base64::decode_vec(base64).unwrap();
        let key = VerifyingKey::from_bytes(key[1..].try_into().unwrap()).unwrap();
        assert_eq!(verifier_key("PeterNeumann", &key), format!("PeterNeumann+c74f20a3+{base64}"));
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = SignedNote::parse(note.as_bytes()).unwrap();
        assert_eq!(note.verify("PeterNeumann", &[key]), Ok(()));
    }

    #[test]
    fn a_checkpoint_reads_back_and_signing_is_deterministic() {
        assert_eq!(open(signed().note_bytes()), Ok(signed()));
        assert_eq!(signed().note_bytes(), signed().note_bytes());
    }

    #[test]
    fn every_single_bit_flip_of_a_signed_checkpoint_is_refused() {
        let bytes = signed().note_bytes().to_vec();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_spellings_of_a_checkpoint_are_refused() {
        let text = signed().checkpoint().text();
        for bad in [
            text.replace("42", "042"),
            text.replace("42", "+42"),
            text.replace("\n42", "\r\n42"),
            format!("{text}extension\n"),
            text.trim_end().to_owned(),
            text.replace('=', ""),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_signature_by_another_key_or_for_another_journal_does_not_count() {
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        let note = signed();
        let unsigned = SignedCheckpoint::open(note.note_bytes(), "talanoa/00ff/1", &[other]);
        assert_eq!(unsigned, Err(NoteError::Unsigned("talanoa/00ff/1".into())));
        assert!(
            SignedCheckpoint::open(note.note_bytes(), "talanoa/00ff/2", &[key().verifying_key()]).is_err()
        );
    }

    fn line(name: &str) -> NoteSignature {
        NoteSignature { name: name.into(), key_id: [1, 2, 3, 4], signature: vec![5; 64] }
    }

    #[test]
    fn signatures_of_others_are_ignored_even_under_our_name() {
        let mut note = SignedNote::parse(signed().note_bytes()).unwrap();
        note.signatures.insert(0, line("witness.example/w1"));
        note.signatures.push(line("talanoa/00ff/1"));
        assert_eq!(open(&note.to_bytes()).unwrap().checkpoint(), signed().checkpoint());
    }

    #[test]
    fn a_known_key_that_fails_refuses_the_note_though_another_known_key_signed() {
        let other = SigningKey::from_bytes(&[8; 32]);
        let keys = [key().verifying_key(), other.verifying_key()];
        let mut note = SignedNote::parse(signed().note_bytes()).unwrap();
        let forged = SignedNote::sign("other text\n".into(), "talanoa/00ff/1", &other);
        note.signatures.extend(forged.signatures);
        let opened = SignedCheckpoint::open(&note.to_bytes(), "talanoa/00ff/1", &keys);
        assert_eq!(opened, Err(NoteError::Signature));
    }

    #[test]
    fn two_keys_that_share_an_id_may_both_sign() {
        // Found by search: under this name the ids of these two keys are both 06118229.
        let [first, second] = [31_996_u64, 79_340].map(|n| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&n.to_be_bytes());
            SigningKey::from_bytes(&seed)
        });
        let keys = [first.verifying_key(), second.verifying_key()];
        let ids = keys.map(|key| key_id("talanoa/00ff/1", ED25519, key.as_bytes()));
        assert_eq!(ids[0], ids[1]);
        for key in [first, second] {
            let note = SignedCheckpoint::issue(signed().checkpoint().clone(), &key);
            assert_eq!(SignedCheckpoint::open(note.note_bytes(), "talanoa/00ff/1", &keys), Ok(note));
        }
    }

    #[test]
    fn a_note_is_read_up_to_its_limits_and_no_further() {
        let signed = |text: String, lines: usize| {
            let mut note = SignedNote::sign(text, "talanoa/00ff/1", &key());
            note.signatures.resize(lines, line("witness.example/w1"));
            note.to_bytes()
        };
        let max = limits::NOTE_SIGNATURES_MAX;
        assert!(SignedNote::parse(&signed("text\n".into(), max)).is_ok());
        assert!(SignedNote::parse(&signed("text\n".into(), max + 1)).is_err());
        let room = limits::NOTE_BYTES_MAX - signed("\n".into(), 1).len();
        assert!(SignedNote::parse(&signed("a".repeat(room) + "\n", 1)).is_ok());
        assert!(SignedNote::parse(&signed("a".repeat(room + 1) + "\n", 1)).is_err());
    }
}
