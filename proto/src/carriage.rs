//! Statements of carriage (PROTOCOL.md section 8): a relay tells a publisher to whom it handed what.
//!
//! Without them a publisher that was away could not say who holds its releases. A statement is the relay's
//! signed word, as a receipt is a holder's.

use bytes::Bytes;

use crate::{
    grant,
    id::{Commitment, MemberId, ObjectId},
    limits,
    object::{self, Invalid, Object, Origin},
    wire,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carriage {
    /// The relay.
    pub origin: Origin,
    /// Whose releases they are.
    pub publisher: MemberId,
    /// Sorted, unique, 1 or more.
    pub carried: Vec<Carried>,
    pub declared_at: u64,
}

/// One transfer that began; it was at most all of the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carried {
    pub started: u64,
    pub reader: MemberId,
    pub release: Commitment,
    /// Of the publisher, to the reader.
    pub grant: ObjectId,
    pub purpose: String,
    /// The reader's application key, where one asked.
    pub application: Option<ObjectId>,
}

impl Carried {
    fn from_wire(wire: wire::Carried) -> Result<Self, Invalid> {
        grant::check_purposes(std::slice::from_ref(&wire.purpose))?;
        let application = Some(&wire.application).filter(|id| !id.is_empty());
        Ok(Self {
            started: wire.started,
            reader: MemberId::from_slice(&wire.reader)?,
            release: Commitment::from_slice(&wire.commitment)?,
            grant: ObjectId::from_slice(&wire.grant)?,
            purpose: wire.purpose,
            application: application.map(|id| ObjectId::from_slice(id)).transpose()?,
        })
    }

    fn to_wire(&self) -> wire::Carried {
        wire::Carried {
            started: self.started,
            reader: self.reader.to_bytes(),
            commitment: self.release.to_bytes(),
            grant: self.grant.to_bytes(),
            purpose: self.purpose.clone(),
            application: self.application.map_or_else(Bytes::new, ObjectId::to_bytes),
        }
    }
}

impl Object for Carriage {
    const TYPE: &'static str = "application/vnd.talanoa.carriage.v1+protobuf";
    type Wire = wire::Carriage;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        if wire.carried.is_empty() {
            return Err(Invalid::new("carried", "is empty"));
        }
        let carried = wire.carried.into_iter().map(Carried::from_wire).collect::<Result<Vec<_>, _>>()?;
        object::sorted_set("carried", &carried, limits::CARRIED_PER_STATEMENT_MAX)?;
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            publisher: MemberId::from_slice(&wire.publisher)?,
            carried,
            declared_at: wire.declared_at,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Carriage {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            publisher: self.publisher.to_bytes(),
            carried: self.carried.iter().map(Carried::to_wire).collect(),
            declared_at: self.declared_at,
            extensions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::FederationId;

    fn carried(started: u64) -> Carried {
        Carried {
            started,
            reader: MemberId([3; 32]),
            release: Commitment([4; 32]),
            grant: ObjectId([5; 32]),
            purpose: "official-statistics".into(),
            application: None,
        }
    }

    fn carriage(carried: Vec<Carried>) -> Carriage {
        let origin = Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 };
        Carriage { origin, publisher: MemberId([9; 32]), carried, declared_at: 7 }
    }

    #[test]
    fn it_reads_back_as_written() {
        let with_key = Carried { application: Some(ObjectId([6; 32])), ..carried(2) };
        let whole = carriage(vec![carried(1), with_key]);
        assert_eq!(Carriage::decode(&whole.encode()), Ok(whole));
    }

    #[test]
    fn it_says_each_transfer_once_in_order_and_something_at_all() {
        for wrong in [vec![], vec![carried(2), carried(1)], vec![carried(1), carried(1)]] {
            assert!(Carriage::decode(&carriage(wrong).encode()).is_err());
        }
        let many = (0..=limits::CARRIED_PER_STATEMENT_MAX as u64).map(carried).collect();
        assert!(Carriage::decode(&carriage(many).encode()).is_err());
        let most = (1..=limits::CARRIED_PER_STATEMENT_MAX as u64).map(carried).collect();
        let most = carriage(most).encode();
        assert!(most.len() < limits::ENVELOPE_BYTES_MAX && Carriage::decode(&most).is_ok());
    }
}
