//! What every signed payload has in common (PROTOCOL.md section 3): a type, an origin, extensions.

use bytes::Bytes;
use prost::Message;

use crate::{
    canonical::{self, NotCanonical},
    id::{FederationId, InvalidId, MemberId},
    limits, wire,
};

/// A payload that members sign: the domain type, its one wire type and its one payload type.
pub trait Object: Sized {
    /// `application/vnd.talanoa.<object>.v1+protobuf`
    const TYPE: &'static str;
    type Wire: Message + Default;

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid>;
    fn to_wire(&self) -> Self::Wire;
    fn extensions(wire: &Self::Wire) -> &[wire::Extension];

    fn encode(&self) -> Bytes {
        self.to_wire().encode_to_vec().into()
    }

    /// Shape only: says nothing of who signed it.
    fn decode(payload: &Bytes) -> Result<Self, ObjectError> {
        let wire = canonical::decode::<Self::Wire>(payload)?;
        check_extensions(Self::extensions(&wire))?;
        Ok(Self::from_wire(wire)?)
    }
}

/// Whose journal an object belongs to. A verifier compares all three with the journal it came from,
/// so that an object of one member, federation or epoch is worth nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub federation: FederationId,
    pub member: MemberId,
    pub epoch: u32,
}

impl Origin {
    pub fn from_wire(federation_id: &[u8], member_id: &[u8], epoch: u32) -> Result<Self, Invalid> {
        if epoch == 0 {
            return Err(Invalid::new("epoch", "must be 1 or more"));
        }
        Ok(Self {
            federation: FederationId::from_slice(federation_id)?,
            member: MemberId::from_slice(member_id)?,
            epoch,
        })
    }
}

/// A field whose value is illegal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    pub field: &'static str,
    pub problem: String,
}

impl Invalid {
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

impl From<InvalidId> for Invalid {
    fn from(id: InvalidId) -> Self {
        Self::new("id", id.to_string())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    #[error("illegal value in {0}")]
    Invalid(#[from] Invalid),
    #[error("payload type is {actual:?}, expected {expected:?}")]
    Type { expected: &'static str, actual: String },
    #[error("critical extension {0:?} is not known here: upgrade this software before accepting it")]
    UnknownCriticalExtension(String),
}

/// This version knows no extension, so each critical one is refused; the others stay in the signed bytes.
fn check_extensions(extensions: &[wire::Extension]) -> Result<(), ObjectError> {
    if extensions.len() > limits::EXTENSIONS_MAX {
        return Err(Invalid::new("extensions", "too many").into());
    }
    if !extensions.is_sorted_by(|a, b| a.name < b.name) {
        return Err(Invalid::new("extensions", "not sorted by name, or a name twice").into());
    }
    for extension in extensions {
        if extension.name.is_empty() || extension.name.len() > limits::NAME_BYTES_MAX {
            return Err(Invalid::new("extensions", "illegal name").into());
        }
        if extension.value.len() > limits::EXTENSION_BYTES_MAX {
            return Err(Invalid::new("extensions", "value too long").into());
        }
        if extension.critical {
            return Err(ObjectError::UnknownCriticalExtension(extension.name.clone()));
        }
    }
    Ok(())
}

// Small checks that every translation shares.

pub(crate) fn sorted_set<T: Ord>(field: &'static str, items: &[T], max: usize) -> Result<(), Invalid> {
    if items.len() > max {
        return Err(Invalid::new(field, format!("{} items, at most {max}", items.len())));
    }
    if !items.is_sorted_by(|a, b| a < b) {
        return Err(Invalid::new(field, "not sorted, or an item twice"));
    }
    Ok(())
}

/// One line or a paragraph for people: bounded, and free of control characters (a peer's text
/// must not drive an operator's terminal).
pub(crate) fn text(field: &'static str, text: &str, bytes_max: usize) -> Result<(), Invalid> {
    if text.len() > bytes_max {
        return Err(Invalid::new(field, format!("{} bytes, at most {bytes_max}", text.len())));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Invalid::new(field, "contains control characters"));
    }
    Ok(())
}

pub(crate) fn name(field: &'static str, value: &str) -> Result<(), Invalid> {
    if value.is_empty() {
        return Err(Invalid::new(field, "is empty"));
    }
    text(field, value, limits::NAME_BYTES_MAX)
}

pub(crate) fn ids<T: Ord>(
    field: &'static str,
    raw: &[Bytes],
    max: usize,
    parse: fn(&[u8]) -> Result<T, InvalidId>,
) -> Result<Vec<T>, Invalid> {
    if raw.is_empty() {
        return Err(Invalid::new(field, "is empty"));
    }
    let ids = raw.iter().map(|b| parse(b)).collect::<Result<Vec<T>, _>>()?;
    sorted_set(field, &ids, max)?;
    Ok(ids)
}
