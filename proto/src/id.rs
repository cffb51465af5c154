//! Names of things, each its own type: an id of one kind is never taken for another.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::limits;

/// A name that does not have the form of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct InvalidId {
    pub expected: &'static str,
    pub value: String,
}

fn invalid(expected: &'static str, value: impl Into<String>) -> InvalidId {
    InvalidId { expected, value: value.into().chars().take(80).collect() }
}

macro_rules! id32 {
    ($(#[doc = $doc:literal])+ $name:ident, $expected:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            pub fn from_slice(bytes: &[u8]) -> Result<Self, InvalidId> {
                bytes.try_into().map(Self).map_err(|_| invalid($expected, hex::encode(bytes)))
            }

            pub fn of(payload: &[u8]) -> Self {
                Self(Sha256::digest(payload).into())
            }

            /// First 12 hex digits: enough for people, never for decisions.
            pub fn short(&self) -> String {
                hex::encode(&self.0[..6])
            }

            pub fn to_bytes(self) -> bytes::Bytes {
                bytes::Bytes::copy_from_slice(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| invalid($expected, text))?;
                Ok(Self(bytes))
            }
        }
    };
}

id32! {
    /// SHA-256 of a member's identity genesis: survives every change of keys.
    MemberId, "a member id (64 hex digits)"
}
id32! {
    /// SHA-256 of the charter genesis.
    FederationId, "a federation id (64 hex digits)"
}
id32! {
    /// Salted commitment to a journal entry: what the tree holds, and the name of a release.
    Commitment, "a commitment (64 hex digits)"
}
id32! {
    /// SHA-256 of the payload of a grant, revocation, denial …
    ObjectId, "an object id (64 hex digits)"
}
id32! {
    /// Ed25519 public key.
    PublicKey, "an Ed25519 public key (64 hex digits)"
}

impl From<ed25519_dalek::VerifyingKey> for PublicKey {
    fn from(key: ed25519_dalek::VerifyingKey) -> Self {
        Self(key.to_bytes())
    }
}

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident, $expected:literal, $legal:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let legal: fn(&str) -> bool = $legal;
                if legal(text) { Ok(Self(text.to_owned())) } else { Err(invalid($expected, text)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// `FJ` for a country (ISO 3166-1 alpha-2), a registered short code such as `SPC` for a body.
    MemberCode, "a member code (2 capital letters for a country, 2 to 16 capitals or digits for a body)",
    |s| (2..=16).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_uppercase())
        && s.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
name! {
    /// Dataset id, unique per member: an SDMX id in capitals.
    DatasetId, "a dataset id (a capital letter, then capitals, digits or _, 64 at most)",
    |s| (1..=limits::DATASET_BYTES_MAX).contains(&s.len())
        && s.starts_with(|c: char| c.is_ascii_uppercase())
        && s.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

impl MemberCode {
    pub fn is_country(&self) -> bool {
        self.0.len() == 2 && self.0.bytes().all(|b| b.is_ascii_uppercase())
    }
}

/// `FJ/CHILD_DEATHS@3`, or `FJ/CHILD_DEATHS` for its newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRef {
    pub member: MemberCode,
    pub dataset: DatasetId,
    pub number: Option<u64>,
}

impl FromStr for ReleaseRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || invalid("a release reference (FJ/CHILD_DEATHS@3)", text);
        let (member, rest) = text.split_once('/').ok_or_else(wrong)?;
        let (dataset, number) = match rest.split_once('@') {
            None => (rest, None),
            Some((dataset, digits)) => {
                let number: u64 = digits.parse().map_err(|_| wrong())?;
                if number == 0 || number.to_string() != digits {
                    return Err(wrong());
                }
                (dataset, Some(number))
            }
        };
        Ok(Self { member: member.parse()?, dataset: dataset.parse()?, number })
    }
}

impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.member, self.dataset)?;
        self.number.map_or(Ok(()), |number| write!(f, "@{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_as_written() {
        for text in ["FJ/CHILD_DEATHS", "FJ/CHILD_DEATHS@3", "SPC/A@18446744073709551615"] {
            assert_eq!(text.parse::<ReleaseRef>().unwrap().to_string(), text);
        }
        for text in ["FJ", "FJ/", "fj/A", "FJ/a", "FJ/A@0", "FJ/A@01", "FJ/A@", "FJ/A@-1", "FJ/../A", "/A"] {
            assert!(text.parse::<ReleaseRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_dataset_id_has_a_greatest_length() {
        let longest = "A".repeat(limits::DATASET_BYTES_MAX);
        assert!(longest.parse::<DatasetId>().is_ok());
        assert!((longest + "A").parse::<DatasetId>().is_err());
    }
}
