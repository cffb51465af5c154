//! What narrows consent, and the one thing that widens it again: the lifting of a denial.

use super::*;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub origin: Origin,
    pub grants: Vec<ObjectId>,
    pub purge: bool,
    pub purge_by: u64,
    pub reason: String,
    pub declared_at: u64,
}

/// Always wins, whatever was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub origin: Origin,
    /// `None`: every member.
    pub subject: Option<MemberId>,
    /// `None`: every dataset.
    pub dataset: Option<DatasetId>,
    /// `None`: until lifted.
    pub until: Option<u64>,
    pub declared_at: u64,
    pub nonce: [u8; 16],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiftDenial {
    pub origin: Origin,
    pub denials: Vec<ObjectId>,
    pub declared_at: u64,
}

impl Object for Revocation {
    const TYPE: &'static str = "application/vnd.talanoa.revocation.v1+protobuf";
    type Wire = wire::Revocation;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        object::text("reason", &wire.reason, limits::TEXT_BYTES_MAX)?;
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            grants: object_ids("grants", &wire.grants)?,
            purge: wire.purge,
            purge_by: wire.purge_by,
            reason: wire.reason,
            declared_at: wire.declared_at,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Revocation {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            grants: ids_wire(&self.grants),
            purge: self.purge,
            purge_by: self.purge_by,
            reason: self.reason.clone(),
            declared_at: self.declared_at,
            extensions: Vec::new(),
        }
    }
}

impl Object for Denial {
    const TYPE: &'static str = "application/vnd.talanoa.denial.v1+protobuf";
    type Wire = wire::Denial;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        let subject = if wire.subject.is_empty() { None } else { Some(MemberId::from_slice(&wire.subject)?) };
        let dataset = if wire.dataset.is_empty() { None } else { Some(wire.dataset.parse()?) };
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            subject,
            dataset,
            until: Some(wire.until).filter(|&t| t != 0),
            declared_at: wire.declared_at,
            nonce: nonce(&wire.nonce)?,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Denial {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            subject: self.subject.map(MemberId::to_bytes).unwrap_or_default(),
            dataset: self.dataset.as_ref().map(ToString::to_string).unwrap_or_default(),
            until: self.until.unwrap_or_default(),
            declared_at: self.declared_at,
            nonce: Bytes::copy_from_slice(&self.nonce),
            extensions: Vec::new(),
        }
    }
}

impl Object for LiftDenial {
    const TYPE: &'static str = "application/vnd.talanoa.lift-denial.v1+protobuf";
    type Wire = wire::LiftDenial;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            denials: object_ids("denials", &wire.denials)?,
            declared_at: wire.declared_at,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::LiftDenial {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            denials: ids_wire(&self.denials),
            declared_at: self.declared_at,
            extensions: Vec::new(),
        }
    }
}
