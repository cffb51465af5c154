//! What a holder says is gone.

use super::*;

/// A holder's signed statement that it deleted. Evidence of a claim, not a proof of deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeReceipt {
    pub origin: Origin,
    pub grantor: MemberId,
    pub revocation: ObjectId,
    pub grants: Vec<ObjectId>,
    /// (release, bytes erased), sorted by release.
    pub releases: Vec<(Commitment, u64)>,
    pub exceptions: Vec<PurgeException>,
    pub completed_at: u64,
    /// Further receipts for this revocation follow: one names only so many releases.
    pub more: bool,
}

/// A copy that the holder's node knows of and could not erase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PurgeException {
    pub commitment: Commitment,
    pub at: u64,
    pub reason: String,
}

impl Object for PurgeReceipt {
    const TYPE: &'static str = "application/vnd.talanoa.purge-receipt.v1+protobuf";
    type Wire = wire::PurgeReceipt;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        let mut releases = Vec::new();
        for purged in &wire.releases {
            releases.push((Commitment::from_slice(&purged.commitment)?, purged.bytes));
        }
        let commitments: Vec<Commitment> = releases.iter().map(|(c, _)| *c).collect();
        object::sorted_set("releases", &commitments, limits::RELEASES_PER_RECEIPT_MAX)?;
        let mut exceptions = Vec::new();
        for e in wire.exceptions {
            object::name("exceptions", &e.reason)?;
            let commitment = Commitment::from_slice(&e.commitment)?;
            exceptions.push(PurgeException { commitment, at: e.at, reason: e.reason });
        }
        object::sorted_set("exceptions", &exceptions, limits::RELEASES_PER_RECEIPT_MAX)?;
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            grantor: MemberId::from_slice(&wire.origin)?,
            revocation: ObjectId::from_slice(&wire.revocation)?,
            grants: object_ids("grants", &wire.grants)?,
            releases,
            exceptions,
            completed_at: wire.completed_at,
            more: wire.more,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        let purged =
            |(c, bytes): &(Commitment, u64)| wire::Purged { commitment: c.to_bytes(), bytes: *bytes };
        let exception = |e: &PurgeException| wire::PurgeException {
            commitment: e.commitment.to_bytes(),
            reason: e.reason.clone(),
            at: e.at,
        };
        wire::PurgeReceipt {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            origin: self.grantor.to_bytes(),
            revocation: self.revocation.to_bytes(),
            grants: ids_wire(&self.grants),
            releases: self.releases.iter().map(purged).collect(),
            exceptions: self.exceptions.iter().map(exception).collect(),
            completed_at: self.completed_at,
            more: self.more,
            extensions: Vec::new(),
        }
    }
}
