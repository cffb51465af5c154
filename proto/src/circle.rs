//! Circles (PROTOCOL.md section 8): named groups of members to which consent can be given.
//!
//! The convener states the whole circle each time, with the consent key, since adding a member widens
//! who may read. Leaving is narrowing: the member alone states it, in its own journal.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{
    grant,
    id::{MemberId, ObjectId},
    limits,
    object::{self, Invalid, Object, Origin},
    wire,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// Of the convener.
    pub origin: Origin,
    /// Id of the first statement; `None` in the first itself.
    pub circle: Option<ObjectId>,
    /// 0 in the first; higher replaces lower.
    pub seq: u64,
    pub name: String,
    /// Sorted, unique.
    pub members: Vec<MemberId>,
    pub declared_at: u64,
    pub nonce: [u8; 16],
}

/// `origin.member` is no longer of the circle, as far as statements up to `seq` go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveCircle {
    pub origin: Origin,
    pub circle: ObjectId,
    pub seq: u64,
    pub declared_at: u64,
}

impl Circle {
    /// The circle that a statement is about: `id` is the statement's own.
    pub fn of(&self, id: ObjectId) -> ObjectId {
        self.circle.unwrap_or(id)
    }
}

/// Who is in which circle, folded from the journals of conveners and members. Every order of arrival ends
/// in the same state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circles {
    /// Who made the first statement: later ones count from its journal alone.
    conveners: BTreeMap<ObjectId, MemberId>,
    newest: BTreeMap<(ObjectId, MemberId), Newest>,
    left: BTreeMap<(ObjectId, MemberId), u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Newest {
    seq: u64,
    name: String,
    members: BTreeSet<MemberId>,
}

impl Circles {
    /// `id` is the statement's own; that its origin signed it was verified before.
    pub fn state(&mut self, id: ObjectId, circle: &Circle) {
        let convener = circle.origin.member;
        if circle.circle.is_none() {
            self.conveners.insert(id, convener);
        }
        let members = || circle.members.iter().copied().collect::<BTreeSet<_>>();
        let newest = self.newest.entry((circle.of(id), convener)).or_insert_with(|| Newest {
            seq: circle.seq,
            name: circle.name.clone(),
            members: members(),
        });
        if circle.seq > newest.seq {
            *newest = Newest { seq: circle.seq, name: circle.name.clone(), members: members() };
        } else if circle.seq == newest.seq {
            // Two statements with one number: a broken promise of the convener. Narrowing wins.
            newest.members.retain(|m| circle.members.contains(m));
            newest.name = newest.name.clone().min(circle.name.clone());
        }
    }

    pub fn leave(&mut self, leave: &LeaveCircle) {
        let left = self.left.entry((leave.circle, leave.origin.member)).or_default();
        *left = (*left).max(leave.seq);
    }

    /// Whether that is on record already.
    pub fn has_left(&self, leave: &LeaveCircle) -> bool {
        self.left.get(&(leave.circle, leave.origin.member)).is_some_and(|seq| *seq >= leave.seq)
    }

    pub fn contains(&self, circle: &ObjectId, member: MemberId) -> bool {
        self.newest(circle).is_some_and(|newest| {
            let left = self.left.get(&(*circle, member)).is_some_and(|seq| *seq >= newest.seq);
            newest.members.contains(&member) && !left
        })
    }

    pub fn members(&self, circle: &ObjectId) -> impl Iterator<Item = MemberId> {
        let named = self.newest(circle).into_iter().flat_map(|n| n.members.iter().copied());
        let circle = *circle;
        named.filter(move |m| self.contains(&circle, *m))
    }

    pub fn convener(&self, circle: &ObjectId) -> Option<MemberId> {
        self.conveners.get(circle).copied()
    }

    /// Number and name of the newest statement.
    pub fn stated(&self, circle: &ObjectId) -> Option<(u64, &str)> {
        self.newest(circle).map(|n| (n.seq, n.name.as_str()))
    }

    /// Circles whose first statement is known.
    pub fn ids(&self) -> impl Iterator<Item = &ObjectId> {
        self.conveners.keys()
    }

    fn newest(&self, circle: &ObjectId) -> Option<&Newest> {
        self.newest.get(&(*circle, self.convener(circle)?))
    }
}

// --- translation -------------------------------------------------------------------------------

impl Object for Circle {
    const TYPE: &'static str = "application/vnd.talanoa.circle.v1+protobuf";
    type Wire = wire::Circle;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        object::name("name", &wire.name)?;
        let circle = if wire.circle.is_empty() { None } else { Some(ObjectId::from_slice(&wire.circle)?) };
        if circle.is_none() != (wire.seq == 0) {
            return Err(Invalid::new("seq", "the first statement, and no other, has number 0 and no circle"));
        }
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            circle,
            seq: wire.seq,
            name: wire.name,
            members: object::ids(
                "members",
                &wire.members,
                limits::CHARTER_MEMBERS_MAX,
                MemberId::from_slice,
            )?,
            declared_at: wire.declared_at,
            nonce: grant::nonce(&wire.nonce)?,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Circle {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            circle: self.circle.map(ObjectId::to_bytes).unwrap_or_default(),
            seq: self.seq,
            name: self.name.clone(),
            members: self.members.iter().map(|m| m.to_bytes()).collect(),
            declared_at: self.declared_at,
            nonce: Bytes::copy_from_slice(&self.nonce),
            extensions: Vec::new(),
        }
    }
}

impl Object for LeaveCircle {
    const TYPE: &'static str = "application/vnd.talanoa.leave-circle.v1+protobuf";
    type Wire = wire::LeaveCircle;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        Ok(Self {
            origin: Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?,
            circle: ObjectId::from_slice(&wire.circle)?,
            seq: wire.seq,
            declared_at: wire.declared_at,
        })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::LeaveCircle {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            circle: self.circle.to_bytes(),
            seq: self.seq,
            declared_at: self.declared_at,
            extensions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::FederationId;

    fn circle() -> Circle {
        Circle {
            origin: Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 },
            circle: None,
            seq: 0,
            name: "Melanesia".into(),
            members: vec![MemberId([3; 32]), MemberId([4; 32])],
            declared_at: 7,
            nonce: [5; 16],
        }
    }

    #[test]
    fn a_circle_and_a_leaving_read_back_as_written() {
        assert_eq!(Circle::decode(&circle().encode()), Ok(circle()));
        let leave =
            LeaveCircle { origin: circle().origin, circle: ObjectId([9; 32]), seq: 3, declared_at: 1 };
        assert_eq!(LeaveCircle::decode(&leave.encode()), Ok(leave));
    }

    fn folded(order: &[usize]) -> Circles {
        let id = ObjectId([8; 32]);
        let first = (id, circle());
        let second = Circle { circle: Some(id), seq: 1, members: vec![MemberId([3; 32])], ..circle() };
        let stranger = Origin { member: MemberId([9; 32]), ..circle().origin };
        let forged = Circle { origin: stranger, seq: 7, members: vec![MemberId([9; 32])], ..second.clone() };
        let statements = [first, (ObjectId([10; 32]), second), (ObjectId([11; 32]), forged)];
        let mut circles = Circles::default();
        order.iter().filter_map(|n| statements.get(*n)).for_each(|(id, c)| circles.state(*id, c));
        circles
    }

    #[test]
    fn the_newest_statement_of_the_convener_counts_in_every_order() {
        let expected = folded(&[0, 1, 2]);
        let id = ObjectId([8; 32]);
        assert_eq!(expected.members(&id).collect::<Vec<_>>(), [MemberId([3; 32])]);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(folded(&order), expected);
        }
        assert!(!folded(&[1, 2]).contains(&id, MemberId([3; 32])), "without the first nobody is in it");
    }

    #[test]
    fn who_left_is_out_until_stated_again() {
        let mut circles = folded(&[0]);
        let (id, member) = (ObjectId([8; 32]), MemberId([3; 32]));
        let origin = Origin { member, ..circle().origin };
        circles.leave(&LeaveCircle { origin, circle: id, seq: 0, declared_at: 1 });
        assert!(!circles.contains(&id, member) && circles.contains(&id, MemberId([4; 32])));
        let again = Circle { circle: Some(id), seq: 1, ..circle() };
        circles.state(ObjectId([12; 32]), &again);
        assert!(circles.contains(&id, member));
    }

    #[test]
    fn only_the_first_statement_has_no_circle_to_name() {
        for wrong in [
            Circle { seq: 1, ..circle() },
            Circle { circle: Some(ObjectId([9; 32])), ..circle() },
            Circle { members: Vec::new(), ..circle() },
            Circle { members: vec![MemberId([4; 32]), MemberId([3; 32])], ..circle() },
        ] {
            assert!(Circle::decode(&wrong.encode()).is_err(), "{wrong:?}");
        }
    }
}
