//! One record: a header that chains, and a payload that can be erased.

use sha2::{Digest, Sha256};
use talanoa_proto::merkle::Hash;

pub const HEADER_BYTES: usize = 72;
const MAGIC: &[u8; 3] = b"TLR";

/// Where a record lies. `bytes` is its payload's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub segment: u32,
    pub offset: u64,
    pub bytes: u32,
}

impl Position {
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.segment.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.offset.to_be_bytes());
        bytes[12..].copy_from_slice(&self.bytes.to_be_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 16] = bytes.try_into().ok()?;
        let (segment, rest) = bytes.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        Some(Self {
            segment: u32::from_be_bytes(*segment),
            offset: u64::from_be_bytes(*offset),
            bytes: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: u8,
    pub bytes: u32,
    pub payload_hash: Hash,
    pub prev_chain: Hash,
}

/// What became of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    Intact(&'a [u8]),
    /// All zeros: erased, if an `Erase` record says so.
    Zeroed,
    /// What is left of it; to be believed in nothing.
    Rotten(&'a [u8]),
}

impl Header {
    pub fn new(kind: u8, payload: &[u8], prev_chain: Hash) -> Self {
        Self { kind, bytes: payload.len() as u32, payload_hash: payload_hash(kind, payload), prev_chain }
    }

    pub fn chain(&self) -> Hash {
        let mut hash = Sha256::new();
        hash.update(self.prev_chain);
        hash.update([self.kind]);
        hash.update(self.bytes.to_be_bytes());
        hash.update(self.payload_hash);
        hash.finalize().into()
    }

    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..3].copy_from_slice(MAGIC);
        header[3] = self.kind;
        header[4..8].copy_from_slice(&self.bytes.to_be_bytes());
        header[8..40].copy_from_slice(&self.payload_hash);
        header[40..].copy_from_slice(&self.prev_chain);
        header
    }

    pub fn decode(header: &[u8]) -> Option<Self> {
        let (magic, rest) = header.split_first_chunk::<3>()?;
        let (kind, rest) = rest.split_first()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (payload_hash, rest) = rest.split_first_chunk()?;
        let prev_chain = rest.try_into().ok()?;
        let bytes = u32::from_be_bytes(*bytes);
        (magic == MAGIC).then_some(Self { kind: *kind, bytes, payload_hash: *payload_hash, prev_chain })
    }

    pub fn judge<'a>(&self, payload: &'a [u8]) -> Payload<'a> {
        if payload_hash(self.kind, payload) == self.payload_hash {
            Payload::Intact(payload)
        } else if payload.iter().all(|&b| b == 0) {
            Payload::Zeroed
        } else {
            Payload::Rotten(payload)
        }
    }
}

/// The kind is hashed too: in the last record nothing else would protect it.
fn payload_hash(kind: u8, payload: &[u8]) -> Hash {
    Sha256::new().chain_update([kind]).chain_update(payload).finalize().into()
}
