//! What must hold of every decoder, whatever bytes it is given: it answers without a panic, and what it
//! takes it gives back byte for byte. The property tests and the fuzz targets share these functions.

use bytes::Bytes;
use ed25519_dalek::{SigningKey, VerifyingKey};
use prost::Message;
use talanoa_proto::{
    application::{Application, EndApplication},
    canonical,
    carriage::Carriage,
    charter::{Card, CharterEvent, CharterFile},
    checkpoint::{Checkpoint, SignedCheckpoint, SignedNote},
    chunk::{ChunkEntry, PageList},
    circle::{Circle, LeaveCircle},
    entry::Declared,
    envelope::Envelope,
    grant::{Denial, Grant, LiftDenial, PurgeReceipt, Revocation, Terms},
    id::{DatasetId, MemberCode, ObjectId, PublicKey, ReleaseRef},
    identity::{Endpoint, Identity, IdentityEvent},
    object::Object,
    release::{Release, Withdrawal},
    wire,
};

/// Every decoder of this file by name, for tables and seeds.
/// A name, and what must hold of any bytes; true where they were taken.
type Target = (&'static str, fn(&[u8]) -> bool);

pub const ALL: &[Target] = &[
    ("envelope", envelope),
    ("object", object),
    ("charter", charter),
    ("note", note),
    ("pages", pages),
    ("text", text),
    ("wire", wire_messages),
];

fn key() -> VerifyingKey {
    SigningKey::from_bytes(&[7; 32]).verifying_key()
}

/// Returns whether the bytes were taken, here and below: a corpus in which nothing is taken tests little.
pub fn envelope(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::parse(bytes) else { return false };
    assert_eq!(envelope.to_bytes(), bytes, "an envelope has one encoding");
    let keys: Vec<PublicKey> = envelope.signers().copied().chain([key().into()]).collect();
    let _ = envelope.verify(&keys, 1);
    assert!(envelope.verify(&[], 1).is_err(), "nobody's signature is enough for nothing");
    let mut twice = envelope.clone();
    assert!(twice.merge(&envelope).is_ok() && twice == envelope, "merging with itself changes nothing");
    let _ = Identity::found(&envelope);
    let _ = Identity::from_chain([&envelope, &envelope]);
    if let Ok(declared) = Declared::of(&envelope) {
        let _ = (declared.origin(), declared.signers(), declared.kind());
    }
    true
}

/// The first byte chooses the kind, the rest is a payload.
pub fn object(bytes: &[u8]) -> bool {
    let Some((kind, payload)) = bytes.split_first() else { return false };
    let payload = Bytes::copy_from_slice(payload);
    match kind % 16 {
        0 => one::<Grant>(&payload),
        1 => one::<Revocation>(&payload),
        2 => one::<Denial>(&payload),
        3 => one::<LiftDenial>(&payload),
        4 => one::<PurgeReceipt>(&payload),
        5 => one::<Release>(&payload),
        6 => one::<Withdrawal>(&payload),
        7 => one::<IdentityEvent>(&payload),
        8 => one::<Endpoint>(&payload),
        9 => one::<Circle>(&payload),
        10 => one::<LeaveCircle>(&payload),
        11 => one::<Terms>(&payload),
        12 => one::<Application>(&payload),
        13 => one::<EndApplication>(&payload),
        14 => one::<Carriage>(&payload),
        _ => one::<CharterEvent>(&payload),
    }
}

fn one<T: Object>(payload: &Bytes) -> bool {
    let Ok(object) = T::decode(payload) else { return false };
    let plain = canonical::decode::<T::Wire>(payload).is_ok_and(|w| T::extensions(&w).is_empty());
    if plain {
        assert_eq!(object.encode(), payload, "an object has one encoding");
    }
    true
}

pub fn charter(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(card) = Card::from_text(&text) {
        assert_eq!(Card::from_text(&card.to_text()).map(|c| c.to_text()), Ok(card.to_text()));
    }
    let file = CharterFile::from_text(&text).or_else(|_| CharterFile::from_bytes(bytes));
    let Ok(file) = file else { return Card::from_text(&text).is_ok() };
    let _ = (file.verify(), file.unsigned(), file.federation());
    let again = CharterFile::from_bytes(&file.to_bytes()).map(|f| f.to_bytes());
    assert_eq!(again, Ok(file.to_bytes()), "a charter file reads back as it was written");
    true
}

pub fn note(bytes: &[u8]) -> bool {
    if let Ok(signed) = SignedCheckpoint::open(bytes, "talanoa/00ff/1", &[key()]) {
        assert_eq!(signed.note_bytes(), bytes);
    }
    let Ok(note) = SignedNote::parse(bytes) else { return false };
    assert_eq!(note.to_bytes(), bytes, "a note has one encoding");
    let _ = note.verify("talanoa/00ff/1", &[key()]);
    if let Ok(checkpoint) = Checkpoint::parse(&note.text) {
        assert_eq!(checkpoint.text(), note.text, "a checkpoint has one encoding");
    }
    true
}

/// The bytes as a page, under a list that names it as a publisher would; and as a list.
pub fn pages(bytes: &[u8]) -> bool {
    let entries = (bytes.len() / 36) as u32;
    let naming = [&entries.to_be_bytes()[..], blake3::hash(bytes).as_bytes()].concat();
    for list in [naming.clone(), [naming, bytes.to_vec()].concat(), bytes.to_vec()] {
        let list = Bytes::from(list);
        assert!(PageList::open(list.clone(), &[0; 32]).is_err(), "a list that is not the one promised");
        let root = *blake3::Hasher::new().update(b"talanoa/pages/v1").update(&list).finalize().as_bytes();
        let Ok(list) = PageList::open(list, &root) else { continue };
        assert_eq!(list.root(), root);
        let Ok(entries) = list.verify_page(0, bytes) else { continue };
        let written: Vec<u8> = entries.iter().flat_map(encoded).collect();
        assert_eq!(written, bytes, "a page has one encoding");
        return true;
    }
    false
}

fn encoded(entry: &ChunkEntry) -> Vec<u8> {
    [&entry.bytes.to_be_bytes()[..], &entry.hash].concat()
}

/// Names that people type: each is shown as it was read.
pub fn text(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let reference = text.parse::<ReleaseRef>();
    if let Ok(reference) = &reference {
        assert_eq!(reference.to_string().parse::<ReleaseRef>().as_ref(), Ok(reference));
    }
    let dataset = text.parse::<DatasetId>().is_ok_and(|d| d.to_string() == text);
    let code = text.parse::<MemberCode>().is_ok_and(|c| c.to_string() == text);
    let id = text.parse::<ObjectId>().is_ok_and(|i| i.to_string() == text.to_ascii_lowercase());
    reference.is_ok() || dataset || code || id
}

/// The first byte chooses a message of the federation port.
pub fn wire_messages(bytes: &[u8]) -> bool {
    let Some((kind, body)) = bytes.split_first() else { return false };
    match kind % 8 {
        0 => message::<wire::HelloRequest>(body),
        1 => message::<wire::HelloResponse>(body),
        2 => message::<wire::CatalogueRequest>(body),
        3 => message::<wire::FollowRequest>(body),
        4 => message::<wire::FeedItem>(body),
        5 => message::<wire::FetchRequest>(body),
        6 => message::<wire::FetchPart>(body),
        _ => message::<wire::DeliverRequest>(body),
    }
}

/// Not every encoding is canonical here; what was read must be written and read again as the same.
fn message<M: Message + Default + PartialEq + std::fmt::Debug>(body: &[u8]) -> bool {
    let Ok(message) = M::decode(body) else { return false };
    assert_eq!(M::decode(message.encode_to_vec().as_slice()), Ok(message));
    true
}
