//! Who a member is (PROTOCOL.md section 4): a chain of signed events that starts at its own hash.
//!
//! The chain is linear: `seq` exactly +1 and `prev` the hash of the event before, so nothing can be
//! skipped, replayed or rolled back. Whether an old signature counts is decided by where it stands in
//! the journal, never by the time that its signer wrote.

use bytes::Bytes;

use crate::{
    envelope::{Envelope, EnvelopeError},
    id::{MemberCode, MemberId, ObjectId, PublicKey},
    limits,
    object::{self, Invalid, Object, ObjectError},
    wire,
};

/// A member as its identity chain makes it. Built from verified events only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    id: MemberId,
    genesis: Genesis,
    root: KeySet,
    delegations: Vec<Delegation>,
    events: Vec<ObjectId>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("identity event {actual}, expected {expected}: events are missing or repeated")]
    Sequence { expected: u64, actual: u64 },
    #[error("identity event {seq} does not continue the chain held here")]
    Broken { seq: u64 },
    #[error("identity event {seq} delegates a key that was revoked: make a new key")]
    Revoked { seq: u64 },
    #[error("identity event {seq} of this kind needs votes of the charter, which come with a later version")]
    Unsupported { seq: u64 },
    #[error("an identity chain starts with its genesis and has at most {max} events")]
    Length { max: usize },
}

impl Identity {
    /// The first event: its hash is the member's id.
    pub fn found(envelope: &Envelope) -> Result<Self, IdentityError> {
        let event: IdentityEvent = envelope.object()?;
        let IdentityBody::Genesis(genesis) = event.body else {
            return Err(IdentityError::Sequence { expected: 0, actual: event.seq });
        };
        envelope.verify(&genesis.root.keys, genesis.root.threshold)?;
        let id = envelope.id();
        let root = genesis.root.clone();
        Ok(Self { id: MemberId(id.0), genesis, root, delegations: Vec::new(), events: vec![id] })
    }

    pub fn from_chain<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Result<Self, IdentityError> {
        let mut events = events.into_iter();
        let length = IdentityError::Length { max: limits::IDENTITY_EVENTS_MAX };
        let mut identity = Self::found(events.next().ok_or(length)?)?;
        for event in events {
            identity.extend(event)?;
        }
        Ok(identity)
    }

    pub fn extend(&mut self, envelope: &Envelope) -> Result<(), IdentityError> {
        let event: IdentityEvent = envelope.object()?;
        if event.seq != self.seq() + 1 {
            return Err(IdentityError::Sequence { expected: self.seq() + 1, actual: event.seq });
        }
        if event.seq >= limits::IDENTITY_EVENTS_MAX as u64 {
            return Err(IdentityError::Length { max: limits::IDENTITY_EVENTS_MAX });
        }
        let seq = event.seq;
        if event.prev != Some(self.head()) || event.member != Some(self.id) {
            return Err(IdentityError::Broken { seq });
        }
        envelope.verify(&self.root.keys, self.root.threshold)?;
        match event.body {
            IdentityBody::Genesis(_) => return Err(IdentityError::Broken { seq }),
            IdentityBody::Recover => return Err(IdentityError::Unsupported { seq }),
            IdentityBody::Delegate(delegation) => {
                // A revoked key stays revoked: delegating it anew would revive what its thief signed.
                if self.delegations.iter().any(|d| d.key == delegation.key && d.revoked.is_some()) {
                    return Err(IdentityError::Revoked { seq });
                }
                self.delegations.retain(|d| (d.role, d.key) != (delegation.role, delegation.key));
                self.delegations.push(delegation);
            }
            IdentityBody::RotateRoot(root) => {
                // Old and new set both sign, so neither a thief of the old nor a typing error in the new decides.
                envelope.verify(&root.keys, root.threshold)?;
                self.root = root;
            }
            IdentityBody::RevokeKey { key, cutoff } => {
                for delegation in self.delegations.iter_mut().filter(|d| d.key == key) {
                    delegation.revoked = Some(cutoff);
                }
            }
        }
        self.events.push(envelope.id());
        Ok(())
    }

    pub fn id(&self) -> MemberId {
        self.id
    }

    pub fn code(&self) -> &MemberCode {
        &self.genesis.code
    }

    pub fn name(&self) -> &str {
        &self.genesis.name
    }

    pub fn seq(&self) -> u64 {
        self.events.len() as u64 - 1
    }

    /// Id of the newest event: what the next one must name.
    pub fn head(&self) -> ObjectId {
        *self.events.last().expect("a chain starts with its genesis")
    }

    /// Whether an event is part of this very chain.
    pub fn contains(&self, event: &ObjectId) -> bool {
        self.events.contains(event)
    }

    pub fn root(&self) -> &KeySet {
        &self.root
    }

    /// Keys that were ever given a role and the newest word on each, in the order in which it was given.
    pub fn delegations(&self) -> &[Delegation] {
        &self.delegations
    }

    /// Keys that a TLS peer may show now, in the order in which they were delegated.
    pub fn node_keys_at(&self, now: u64) -> Vec<PublicKey> {
        let current = |d: &&Delegation| {
            d.role == Role::Node && d.revoked.is_none() && (d.not_before..d.not_after).contains(&now)
        };
        self.delegations.iter().filter(current).map(|d| d.key).collect()
    }

    /// When the newest delegation of that role ends: what an operator must be warned of.
    pub fn role_ends_at(&self, role: Role) -> Option<u64> {
        self.delegations.iter().filter(|d| d.role == role && d.revoked.is_none()).map(|d| d.not_after).max()
    }

    /// When one key ends, whatever other keys the role has.
    pub fn key_ends_at(&self, role: Role, key: &PublicKey) -> Option<u64> {
        let delegated = |d: &&Delegation| d.role == role && d.revoked.is_none() && d.key == *key;
        self.delegations.iter().filter(delegated).map(|d| d.not_after).max()
    }

    /// Keys of a role whose signatures count on the journal entry at `at` (epoch, index).
    pub fn keys(&self, role: Role, at: (u32, u64)) -> Vec<PublicKey> {
        let counts = |d: &&Delegation| d.role == role && d.revoked.is_none_or(|cutoff| at < cutoff);
        self.delegations.iter().filter(counts).map(|d| d.key).collect()
    }

    pub fn threshold(&self, role: Role) -> usize {
        self.delegations.iter().rev().find(|d| d.role == role).map_or(1, |d| d.threshold)
    }

    /// Whether an envelope carries the signatures of that role that its place in the journal asks for.
    pub fn verify(&self, role: Role, envelope: &Envelope, at: (u32, u64)) -> Result<(), EnvelopeError> {
        envelope.verify(&self.keys(role, at), self.threshold(role))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Consent,
    Node,
    Witness,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    pub keys: Vec<PublicKey>,
    pub threshold: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    Country,
    Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    pub code: MemberCode,
    pub name: String,
    pub kind: MemberKind,
    pub root: KeySet,
    pub created_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    pub role: Role,
    pub key: PublicKey,
    pub not_before: u64,
    pub not_after: u64,
    pub threshold: usize,
    /// Entries at or after this (epoch, index) do not count.
    revoked: Option<(u32, u64)>,
}

impl Delegation {
    pub fn new(role: Role, key: PublicKey, not_before: u64, not_after: u64) -> Self {
        Self { role, key, not_before, not_after, threshold: 1, revoked: None }
    }

    /// Entries at or after this (epoch, index) do not count.
    pub fn revoked(&self) -> Option<(u32, u64)> {
        self.revoked
    }

    /// So many keys of the role must sign from this event on.
    pub fn with_threshold(self, threshold: usize) -> Self {
        Self { threshold, ..self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityBody {
    Genesis(Genesis),
    Delegate(Delegation),
    RotateRoot(KeySet),
    RevokeKey { key: PublicKey, cutoff: (u32, u64) },
    Recover,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityEvent {
    pub member: Option<MemberId>,
    pub seq: u64,
    pub prev: Option<ObjectId>,
    pub body: IdentityBody,
}

impl IdentityEvent {
    pub fn genesis(genesis: Genesis) -> Self {
        Self { member: None, seq: 0, prev: None, body: IdentityBody::Genesis(genesis) }
    }

    pub fn next(identity: &Identity, body: IdentityBody) -> Self {
        Self { member: Some(identity.id), seq: identity.seq() + 1, prev: Some(identity.head()), body }
    }
}

/// Where a member's node listens. A wrong address only fails: keys are pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub member: MemberId,
    pub addresses: Vec<String>,
    pub seq: u64,
}

// --- translation -------------------------------------------------------------------------------

impl Object for IdentityEvent {
    const TYPE: &'static str = "application/vnd.talanoa.identity.v1+protobuf";
    type Wire = wire::IdentityEvent;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        use wire::identity_event::Body;
        let body = match wire.body.ok_or_else(|| Invalid::new("body", "is missing"))? {
            Body::Genesis(g) => IdentityBody::Genesis(g.try_into()?),
            Body::Delegate(d) => IdentityBody::Delegate(d.try_into()?),
            Body::RotateRoot(r) => IdentityBody::RotateRoot(key_set(r.root)?),
            Body::RevokeKey(r) => IdentityBody::RevokeKey {
                key: PublicKey::from_slice(&r.key)?,
                cutoff: (r.cutoff_epoch, r.cutoff_size),
            },
            Body::Recover(_) => IdentityBody::Recover,
        };
        let genesis = matches!(body, IdentityBody::Genesis(_));
        if genesis != (wire.seq == 0)
            || genesis != wire.prev.is_empty()
            || genesis != wire.member_id.is_empty()
        {
            return Err(Invalid::new(
                "seq",
                "a genesis, and only a genesis, has no member id, number and predecessor",
            ));
        }
        let member = if genesis { None } else { Some(MemberId::from_slice(&wire.member_id)?) };
        let prev = if genesis { None } else { Some(ObjectId::from_slice(&wire.prev)?) };
        Ok(Self { member, seq: wire.seq, prev, body })
    }

    fn to_wire(&self) -> Self::Wire {
        use wire::identity_event::Body;
        let body = match &self.body {
            IdentityBody::Genesis(g) => Body::Genesis(wire::Genesis {
                code: g.code.to_string(),
                name: g.name.clone(),
                kind: match g.kind {
                    MemberKind::Country => wire::MemberKind::Country,
                    MemberKind::Body => wire::MemberKind::Body,
                }
                .into(),
                root: Some(key_set_wire(&g.root)),
                created_at: g.created_at,
            }),
            IdentityBody::Delegate(d) => Body::Delegate(wire::Delegate {
                role: match d.role {
                    Role::Consent => wire::Role::Consent,
                    Role::Node => wire::Role::Node,
                    Role::Witness => wire::Role::Witness,
                }
                .into(),
                key: d.key.to_bytes(),
                not_before: d.not_before,
                not_after: d.not_after,
                threshold: d.threshold as u32,
            }),
            IdentityBody::RotateRoot(root) => {
                Body::RotateRoot(wire::RotateRoot { root: Some(key_set_wire(root)) })
            }
            IdentityBody::RevokeKey { key, cutoff } => Body::RevokeKey(wire::RevokeKey {
                key: key.to_bytes(),
                reason: wire::RevocationReason::Superseded.into(),
                cutoff_epoch: cutoff.0,
                cutoff_size: cutoff.1,
            }),
            IdentityBody::Recover => Body::Recover(wire::Recover { root: None }),
        };
        wire::IdentityEvent {
            member_id: self.member.map(MemberId::to_bytes).unwrap_or_default(),
            seq: self.seq,
            prev: self.prev.map(ObjectId::to_bytes).unwrap_or_default(),
            body: Some(body),
            extensions: Vec::new(),
        }
    }
}

impl TryFrom<wire::Genesis> for Genesis {
    type Error = Invalid;

    fn try_from(wire: wire::Genesis) -> Result<Self, Invalid> {
        let code: MemberCode = wire.code.parse()?;
        let kind = match wire.kind() {
            wire::MemberKind::Country => MemberKind::Country,
            wire::MemberKind::Body => MemberKind::Body,
            wire::MemberKind::Unspecified => return Err(Invalid::new("kind", "is missing or unknown")),
        };
        if kind == MemberKind::Country && !code.is_country() {
            return Err(Invalid::new("code", "a country is named by ISO 3166-1 alpha-2, for example FJ"));
        }
        object::name("name", &wire.name)?;
        let root = key_set(wire.root)?;
        Ok(Self { code, name: wire.name, kind, root, created_at: wire.created_at })
    }
}

impl TryFrom<wire::Delegate> for Delegation {
    type Error = Invalid;

    fn try_from(wire: wire::Delegate) -> Result<Self, Invalid> {
        let role = match wire.role() {
            wire::Role::Consent => Role::Consent,
            wire::Role::Node => Role::Node,
            wire::Role::Witness => Role::Witness,
            wire::Role::Unspecified => return Err(Invalid::new("role", "is missing or unknown")),
        };
        if wire.not_before >= wire.not_after {
            return Err(Invalid::new("not_after", "does not follow not_before"));
        }
        let threshold = threshold(wire.threshold, limits::KEYS_PER_ROLE_MAX)?;
        // One machine holds one node key: several must not be asked to sign one checkpoint.
        if role != Role::Consent && threshold != 1 {
            return Err(Invalid::new("threshold", "only the consent role can need several keys"));
        }
        let key = PublicKey::from_slice(&wire.key)?;
        Ok(Self { threshold, ..Self::new(role, key, wire.not_before, wire.not_after) })
    }
}

fn threshold(value: u32, keys: usize) -> Result<usize, Invalid> {
    match value as usize {
        m if m >= 1 && m <= keys => Ok(m),
        m => Err(Invalid::new("threshold", format!("{m} of {keys} keys"))),
    }
}

fn key_set(wire: Option<wire::KeySet>) -> Result<KeySet, Invalid> {
    let wire = wire.ok_or_else(|| Invalid::new("root", "is missing"))?;
    let keys = object::ids("root", &wire.keys, limits::KEYS_PER_ROLE_MAX, PublicKey::from_slice)?;
    Ok(KeySet { threshold: threshold(wire.threshold, keys.len())?, keys })
}

fn key_set_wire(set: &KeySet) -> wire::KeySet {
    let keys: Vec<Bytes> = set.keys.iter().map(|k| k.to_bytes()).collect();
    wire::KeySet { keys, threshold: set.threshold as u32 }
}

impl Object for Endpoint {
    const TYPE: &'static str = "application/vnd.talanoa.endpoint.v1+protobuf";
    type Wire = wire::Endpoint;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        if wire.addresses.len() > limits::ADDRESSES_MAX {
            return Err(Invalid::new("addresses", "too many"));
        }
        for address in &wire.addresses {
            object::name("addresses", address)?;
        }
        Ok(Self { member: MemberId::from_slice(&wire.member_id)?, addresses: wire.addresses, seq: wire.seq })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Endpoint {
            member_id: self.member.to_bytes(),
            addresses: self.addresses.clone(),
            seq: self.seq,
            extensions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
