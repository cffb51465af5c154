//! What proves a release, as one JSON file beside its files.
//!
//! It carries everything that a stranger needs in order to check the files with no network and no trust
//! in whoever handed them over: charter, identity chain, release, grant, proofs and checkpoints.

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use talanoa_proto::{merkle::Hash, wire};

pub const FILE_NAME: &str = "provenance.json";
/// The terms of the grant as a text, for people: what [`FILE_NAME`] says of them, laid beside it.
pub const TERMS_FILE: &str = "provenance.terms.txt";
/// A folder beside the signed files for what was made from them; it proves nothing and is not judged.
pub const DERIVED_FOLDER: &str = "derived";
pub const FORMAT: &str = "talanoa-provenance/1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    pub format: String,
    /// For people; what counts is in the signed release.
    pub reference: String,
    pub charter: Blob,
    /// The origin's identity chain, in order.
    pub identity: Vec<Blob>,
    pub release: Proven,
    /// Absent for a release of one's own.
    pub grant: Option<Proven>,
    /// The text that the grant asks its reader to accept, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    pub files: Vec<File>,
}

impl Provenance {
    /// What [`TERMS_FILE`] holds; nothing where a signed file has taken that name.
    pub fn terms_beside(&self) -> Option<&str> {
        let taken = self.files.iter().any(|file| file.name == TERMS_FILE);
        self.terms.as_deref().filter(|_| !taken)
    }
}

/// A journal entry with its place in the tree, and the signed head of that tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    pub index: u64,
    pub salt: Blob,
    pub envelope: Blob,
    pub inclusion: Vec<Blob>,
    pub checkpoint: Blob,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Bytes as base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Blob(pub Bytes);

impl TryFrom<String> for Blob {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = Base64::decode_vec(&text).map_err(|_| "not base64".to_owned())?;
        Ok(Self(bytes.into()))
    }
}

impl From<Blob> for String {
    fn from(blob: Blob) -> Self {
        Base64::encode_string(&blob.0)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl Proven {
    pub fn new(index: u64, salt: &[u8], envelope: &[u8], inclusion: &[Hash], checkpoint: &[u8]) -> Self {
        Self {
            index,
            salt: salt.into(),
            envelope: envelope.into(),
            inclusion: inclusion.iter().map(|h| h.as_slice().into()).collect(),
            checkpoint: checkpoint.into(),
        }
    }

    /// As it came over the wire.
    pub fn entry(&self) -> wire::Entry {
        wire::Entry {
            index: self.index,
            salt: self.salt.0.clone(),
            envelope: self.envelope.0.clone(),
            inclusion: self.inclusion.iter().map(|b| b.0.clone()).collect(),
        }
    }

    pub fn head(&self) -> wire::Head {
        wire::Head { checkpoint: self.checkpoint.0.clone(), from_size: 0, consistency: Vec::new() }
    }
}
