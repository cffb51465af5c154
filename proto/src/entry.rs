//! Journal entries (PROTOCOL.md section 6): what a member declares, and what of it the tree shows.
//!
//! The leaf is a salted commitment, so the tree can be shown to every member without showing what is in
//! it, and a small number cannot be guessed from its hash. Deleting salt and envelope erases the content
//! while the tree stays provable.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    application::{Application, EndApplication},
    carriage::Carriage,
    circle::{Circle, LeaveCircle},
    envelope::Envelope,
    grant::{Denial, Grant, LiftDenial, PurgeReceipt, Revocation, Terms},
    id::{Commitment, ObjectId},
    identity::{Endpoint, IdentityEvent, Role},
    object::{Object, ObjectError, Origin},
    release::{Release, Withdrawal},
};

pub type Salt = [u8; 32];

pub fn commitment(salt: &Salt, envelope: &[u8]) -> Commitment {
    let mut hash = Sha256::new();
    hash.update(b"talanoa/leaf/v1");
    hash.update(salt);
    hash.update((envelope.len() as u64).to_be_bytes());
    hash.update(envelope);
    Commitment(hash.finalize().into())
}

/// What an entry says. Shape only: who signed it is for [`crate::trusted`] to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    Identity(IdentityEvent),
    Endpoint(Endpoint),
    Release(Box<Release>),
    Withdrawal(Withdrawal),
    Grant(ObjectId, Box<Grant>),
    Revocation(ObjectId, Revocation),
    Denial(ObjectId, Denial),
    LiftDenial(LiftDenial),
    PurgeReceipt(ObjectId, PurgeReceipt),
    Circle(ObjectId, Circle),
    LeaveCircle(LeaveCircle),
    Terms(Terms),
    Application(ObjectId, Application),
    EndApplication(EndApplication),
    Carriage(Carriage),
    /// A kind that this version does not know: a valid leaf that readers skip.
    Unknown(String),
}

/// Whose signatures an entry needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signers {
    Root,
    Role(Role),
    /// Narrowing: the node key, or the consent keys.
    NodeOrConsent,
}

impl Declared {
    pub fn of(envelope: &Envelope) -> Result<Self, ObjectError> {
        let id = envelope.id();
        Ok(match envelope.payload_type() {
            IdentityEvent::TYPE => Self::Identity(envelope.object()?),
            Endpoint::TYPE => Self::Endpoint(envelope.object()?),
            Release::TYPE => Self::Release(Box::new(envelope.object()?)),
            Withdrawal::TYPE => Self::Withdrawal(envelope.object()?),
            Grant::TYPE => Self::Grant(id, Box::new(envelope.object()?)),
            Revocation::TYPE => Self::Revocation(id, envelope.object()?),
            Denial::TYPE => Self::Denial(id, envelope.object()?),
            LiftDenial::TYPE => Self::LiftDenial(envelope.object()?),
            PurgeReceipt::TYPE => Self::PurgeReceipt(id, envelope.object()?),
            Circle::TYPE => Self::Circle(id, envelope.object()?),
            LeaveCircle::TYPE => Self::LeaveCircle(envelope.object()?),
            Terms::TYPE => Self::Terms(envelope.object()?),
            Application::TYPE => Self::Application(id, envelope.object()?),
            EndApplication::TYPE => Self::EndApplication(envelope.object()?),
            Carriage::TYPE => Self::Carriage(envelope.object()?),
            other => Self::Unknown(other.to_owned()),
        })
    }

    pub fn parse(envelope: &Bytes) -> Result<Self, crate::trusted::EntryError> {
        Ok(Self::of(&Envelope::parse(envelope)?)?)
    }

    /// Federation, member and epoch that the object itself names. Identity and endpoint name a member only.
    pub fn origin(&self) -> Option<Origin> {
        match self {
            Self::Release(r) => Some(r.origin),
            Self::Withdrawal(w) => Some(w.origin),
            Self::Grant(_, g) => Some(g.origin),
            Self::Revocation(_, r) => Some(r.origin),
            Self::Denial(_, d) => Some(d.origin),
            Self::LiftDenial(l) => Some(l.origin),
            Self::PurgeReceipt(_, r) => Some(r.origin),
            Self::Circle(_, c) => Some(c.origin),
            Self::LeaveCircle(l) => Some(l.origin),
            Self::Terms(t) => Some(t.origin),
            Self::Application(_, a) => Some(a.origin),
            Self::EndApplication(e) => Some(e.origin),
            Self::Carriage(c) => Some(c.origin),
            Self::Identity(_) | Self::Endpoint(_) | Self::Unknown(_) => None,
        }
    }

    pub fn signers(&self) -> Option<Signers> {
        match self {
            Self::Identity(_) => Some(Signers::Root),
            Self::Release(_)
            | Self::Withdrawal(_)
            | Self::PurgeReceipt(..)
            | Self::Carriage(_)
            | Self::Endpoint(_)
            | Self::Terms(_) => Some(Signers::Role(Role::Node)),
            Self::Grant(..) | Self::LiftDenial(_) | Self::Circle(..) | Self::Application(..) => {
                Some(Signers::Role(Role::Consent))
            }
            Self::Revocation(..) | Self::Denial(..) | Self::LeaveCircle(_) | Self::EndApplication(_) => {
                Some(Signers::NodeOrConsent)
            }
            Self::Unknown(_) => None,
        }
    }

    /// One word for listings and logs.
    pub fn kind(&self) -> &str {
        match self {
            Self::Identity(_) => "identity",
            Self::Endpoint(_) => "endpoint",
            Self::Release(_) => "release",
            Self::Withdrawal(_) => "withdrawal",
            Self::Grant(..) => "grant",
            Self::Revocation(..) => "revocation",
            Self::Denial(..) => "denial",
            Self::LiftDenial(_) => "lift-denial",
            Self::PurgeReceipt(..) => "purge-receipt",
            Self::Circle(..) => "circle",
            Self::LeaveCircle(_) => "leave-circle",
            Self::Terms(_) => "terms",
            Self::Application(..) => "application",
            Self::EndApplication(_) => "end-application",
            Self::Carriage(_) => "carriage",
            Self::Unknown(_) => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_binds_salt_length_and_bytes() {
        let base = commitment(&[1; 32], b"envelope");
        assert_ne!(base, commitment(&[2; 32], b"envelope"));
        assert_ne!(base, commitment(&[1; 32], b"envelopf"));
        assert_ne!(commitment(&[0; 32], b""), commitment(&[0; 32], b"\0"));
    }
}
