//! What may be believed of a peer next (PROTOCOL.md section 6): a state machine without I/O.
//!
//! A reader checks, in this order: signature → key status → origin → consistency → inclusion → release
//! chain → consent. Bytes come in, a verdict comes out; the caller makes the new state durable before
//! anything under it is shown to anybody.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    Code,
    checkpoint::{NoteError, SignedCheckpoint},
    consent::{self, ConsentState},
    entry::{self, Declared, Salt, Signers},
    envelope::{Envelope, EnvelopeError},
    grant::{Action, Grant, Grantee, Revocation},
    id::{Commitment, DatasetId, FederationId, MemberId, ObjectId, PublicKey},
    identity::{Identity, IdentityError, Role},
    limits,
    merkle::{self, Hash, ProofError},
    object::ObjectError,
    release::{Continuity, Release},
    wire,
};

/// A peer's journal as one reader knows it.
#[derive(Clone, Debug)]
pub struct TrustedPeer {
    reader: MemberId,
    federation: FederationId,
    epoch: u32,
    identity: Identity,
    head: Option<SignedCheckpoint>,
    consent: ConsentState,
    chains: BTreeMap<DatasetId, (u64, Commitment)>,
}

/// An entry whose signatures, origin and place in the tree hold. Only [`TrustedPeer::verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedEntry {
    index: u64,
    salt: Salt,
    envelope: Bytes,
    commitment: Commitment,
    declared: Declared,
    inclusion: Vec<Hash>,
    size: u64,
    note: Bytes,
}

/// What taking in an entry showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing that was not expected.
    Sound,
    /// Releases between are missing: stored, shown, alarmed.
    Withheld { dataset: DatasetId, missing_from: u64, seen: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("journal proof does not hold: {0}")]
    Proof(#[from] ProofError),
    #[error("the object belongs to another member, federation or epoch than the journal it came in")]
    Origin,
    #[error("the peer shows a journal of {shown} entries after one of {held}: it was rolled back")]
    Rollback { held: u64, shown: u64 },
    #[error("the peer signed two different journals of {size} entries: both heads are kept as evidence")]
    Fork { size: u64, held: Bytes, shown: Bytes },
    #[error("an entry came before any head")]
    NoHead,
    #[error("malformed {0}")]
    Malformed(&'static str),
    #[error("release {number} of {dataset} contradicts the one seen before")]
    Contradiction { dataset: DatasetId, number: u64 },
    #[error("a release was offered that no grant held here covers")]
    NotGranted,
}

impl EntryError {
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(EnvelopeError::TooLarge { .. }) => Code::LimitExceeded,
            Self::Envelope(EnvelopeError::TooFew { .. } | EnvelopeError::Wrong(_)) => Code::SignatureInvalid,
            Self::Object(ObjectError::UnknownCriticalExtension(_)) => Code::ObjectUnsupported,
            Self::Envelope(_) | Self::Object(_) | Self::Malformed(_) | Self::NoHead => Code::ObjectInvalid,
            Self::Identity(_) => Code::IdentityInvalid,
            Self::Note(_) => Code::SignatureInvalid,
            Self::Proof(_) => Code::JournalProof,
            Self::Origin => Code::OriginMismatch,
            Self::Rollback { .. } | Self::Fork { .. } => Code::JournalFork,
            Self::Contradiction { .. } => Code::ReleaseInvalid,
            Self::NotGranted => Code::PeerMisbehaved,
        }
    }
}

impl TrustedPeer {
    pub fn new(reader: MemberId, federation: FederationId, epoch: u32, identity: Identity) -> Self {
        let (head, consent, chains) = (None, ConsentState::default(), BTreeMap::new());
        Self { reader, federation, epoch, identity, head, consent, chains }
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn federation(&self) -> FederationId {
        self.federation
    }

    pub fn head(&self) -> Option<&SignedCheckpoint> {
        self.head.as_ref()
    }

    /// Size of the newest head held; 0 before the first.
    pub fn known_size(&self) -> u64 {
        self.head.as_ref().map_or(0, |h| h.checkpoint().size)
    }

    pub fn consent(&self) -> &ConsentState {
        &self.consent
    }

    pub fn origin(&self) -> String {
        journal_origin(&self.identity.id(), self.epoch)
    }

    /// Puts back a head that was accepted and made durable before: for folding a state at start. Its
    /// signature is checked again; its consistency was then.
    pub fn restore_head(&mut self, note: &[u8]) {
        if let Ok(head) = SignedCheckpoint::open(note, &self.origin(), &self.node_keys()) {
            self.head = Some(head);
        }
    }

    /// Takes a newer head, or refuses it. One root per size, and each extends the one before.
    pub fn advance(&mut self, head: &wire::Head) -> Result<(), EntryError> {
        let keys = self.node_keys();
        let shown = SignedCheckpoint::open(&head.checkpoint, &self.origin(), &keys)?;
        let Some(held) = &self.head else {
            self.head = Some(shown);
            return Ok(());
        };
        let (old, new) = (held.checkpoint(), shown.checkpoint());
        if new.size < old.size {
            return Err(EntryError::Rollback { held: old.size, shown: new.size });
        }
        let bytes = |s: &SignedCheckpoint| Bytes::copy_from_slice(s.note_bytes());
        if new.size == old.size && new.root != old.root {
            return Err(EntryError::Fork { size: new.size, held: bytes(held), shown: bytes(&shown) });
        }
        if head.from_size != old.size && new.size != old.size {
            return Err(EntryError::Malformed("head: its proof starts from another size than ours"));
        }
        let proof = if new.size == old.size { Vec::new() } else { hashes(&head.consistency)? };
        merkle::verify_consistency(old.size, new.size, &old.root, &new.root, &proof)?;
        self.head = Some(shown);
        Ok(())
    }

    /// A head that another member carried: signed by the journal's owner, and not one of two roots for the
    /// size held. Whether it extends what is held here is seen when the owner itself is met again.
    pub fn carried_head(&self, note: &[u8]) -> Result<SignedCheckpoint, EntryError> {
        let shown = SignedCheckpoint::open(note, &self.origin(), &self.node_keys())?;
        if let Some(held) = &self.head
            && held.checkpoint().size == shown.checkpoint().size
            && held.checkpoint().root != shown.checkpoint().root
        {
            let bytes = |s: &SignedCheckpoint| Bytes::copy_from_slice(s.note_bytes());
            let size = held.checkpoint().size;
            return Err(EntryError::Fork { size, held: bytes(held), shown: bytes(&shown) });
        }
        Ok(shown)
    }

    /// Everything that can be checked of one entry by itself, against the newest head.
    pub fn verify(&self, wire: &wire::Entry) -> Result<VerifiedEntry, EntryError> {
        self.verify_under(self.head.as_ref().ok_or(EntryError::NoHead)?, wire)
    }

    /// The same against a head of its own, which [`TrustedPeer::carried_head`] opened.
    pub fn verify_under(
        &self,
        signed: &SignedCheckpoint,
        wire: &wire::Entry,
    ) -> Result<VerifiedEntry, EntryError> {
        let head = signed.checkpoint();
        let (declared, commitment) = self.verify_object(wire)?;
        let salt: Salt = wire.salt.as_ref().try_into().map_err(|_| EntryError::Malformed("salt"))?;
        let inclusion = hashes(&wire.inclusion)?;
        let leaf = merkle::leaf_hash(&commitment.0);
        merkle::verify_inclusion(wire.index, head.size, &leaf, &head.root, &inclusion)?;
        let envelope = wire.envelope.clone();
        Ok(VerifiedEntry {
            index: wire.index,
            salt,
            envelope,
            commitment,
            declared,
            inclusion,
            size: head.size,
            note: Bytes::copy_from_slice(signed.note_bytes()),
        })
    }

    /// Signatures, key status and origin, without the tree: for a journal's own owner, who has the tree.
    pub fn verify_object(&self, wire: &wire::Entry) -> Result<(Declared, Commitment), EntryError> {
        let salt: Salt = wire.salt.as_ref().try_into().map_err(|_| EntryError::Malformed("salt"))?;
        let envelope = Envelope::parse(&wire.envelope)?;
        let declared = Declared::of(&envelope)?;
        self.verify_signers(&envelope, &declared, wire.index)?;
        self.verify_origin(&declared)?;
        Ok((declared, entry::commitment(&salt, &wire.envelope)))
    }

    /// What can only be checked against what came before; folds the entry into the state.
    pub fn accept(&mut self, entry: &VerifiedEntry) -> Result<Finding, EntryError> {
        self.fold(&entry.envelope, &entry.declared, entry.commitment)
    }

    /// Puts back an entry that was accepted and made durable before, in the order of then. Its verdict
    /// was given then; this is for folding a state at start, never for the wire.
    pub fn restore(&mut self, envelope: &Bytes, declared: &Declared, commitment: Commitment) {
        let _ = self.fold(envelope, declared, commitment);
    }

    fn fold(
        &mut self,
        envelope: &Bytes,
        declared: &Declared,
        own: Commitment,
    ) -> Result<Finding, EntryError> {
        match declared {
            Declared::Identity(_) => {
                let envelope = Envelope::parse(envelope)?;
                if !self.identity.contains(&envelope.id()) {
                    self.identity.extend(&envelope)?;
                }
            }
            Declared::Grant(id, grant) => self.consent.grant(*id, (**grant).clone()),
            Declared::Revocation(id, revocation) => self.consent.revoke(*id, revocation),
            Declared::Denial(id, denial) => self.consent.deny(*id, denial.clone()),
            Declared::LiftDenial(lift) => self.consent.lift(lift),
            Declared::Release(release) => return self.accept_release(release, own),
            _ => {}
        }
        Ok(Finding::Sound)
    }

    pub fn extend_identity(&mut self, event: &Envelope) -> Result<(), IdentityError> {
        self.identity.extend(event)
    }

    /// The grant under which this reader has a release: one to read before one to list, one in force before
    /// others, the most specific before others. Times are the publisher's to enforce: a reader whose clock is
    /// wrong must not refuse what it was given.
    pub fn grant_for(&self, release: &Release, now: u64) -> Option<ObjectId> {
        let rank = |(id, g): &(&ObjectId, &Grant)| {
            let reads = g.actions.contains(&Action::Read);
            (!reads, !self.consent.is_in_force(id, g, now), consent::generality(&g.scope), **id)
        };
        self.grants_for(release).min_by_key(rank).map(|(id, _)| *id)
    }

    /// Neither revoked nor known to have ended.
    fn grants_for(&self, release: &Release) -> impl Iterator<Item = (&ObjectId, &Grant)> {
        let is_over = |id: &ObjectId| self.consent.revocation_of(id).is_some() || self.consent.is_ended(id);
        let live = self.consent.grants().filter(move |(id, _)| !is_over(id));
        live.filter(|(_, g)| self.is_for_us(&g.grantee) && consent::is_about(g, release))
    }

    /// Whether a copy may be kept when others of its grants are taken back.
    pub fn lets_hold(&self, release: &Release, now: u64) -> bool {
        self.consent.lets_hold(release, now, |_, g| self.is_for_us(&g.grantee))
    }

    /// Whether one of these grants, which may be over, was about a release.
    pub fn was_given(&self, release: &Release, grants: &[ObjectId]) -> bool {
        let mut known = grants.iter().filter_map(|id| self.consent.get(id));
        known.any(|g| self.is_for_us(&g.grantee) && consent::is_about(g, release))
    }

    /// A duty to erase came with the end of a grant: it covers nothing here any more.
    pub fn end_grant(&mut self, grant: ObjectId) {
        self.consent.end(grant);
    }

    /// Whether a revocation takes back something that was given to this reader. A relay is shown others too.
    /// A grant that is not known here may have been: then it does.
    pub fn concerns_us(&self, revocation: &Revocation) -> bool {
        let ours = |id: &ObjectId| {
            let grant = self.consent.get(id);
            grant.is_none_or(|g| self.is_for_us(&g.grantee))
        };
        revocation.grants.iter().any(ours)
    }

    /// Who is in a circle is the publisher's to enforce, as times are: it showed us the grant.
    pub fn is_for_us(&self, grantee: &Grantee) -> bool {
        match grantee {
            Grantee::Member(member) => *member == self.reader,
            Grantee::Circle(_) | Grantee::AllMembers => true,
        }
    }

    fn accept_release(&mut self, release: &Release, own: Commitment) -> Result<Finding, EntryError> {
        let (dataset, number) = (release.dataset.clone(), release.number);
        let continuity = release.continuity(own, self.chains.get(&dataset).copied());
        if continuity == Continuity::Contradicts {
            return Err(EntryError::Contradiction { dataset, number });
        }
        if self.grants_for(release).next().is_none() {
            return Err(EntryError::NotGranted);
        }
        if continuity != Continuity::Known {
            self.chains.insert(dataset.clone(), (number, own));
        }
        match continuity {
            Continuity::Gap { missing_from } => Ok(Finding::Withheld { dataset, missing_from, seen: number }),
            _ => Ok(Finding::Sound),
        }
    }

    fn verify_signers(&self, envelope: &Envelope, declared: &Declared, index: u64) -> Result<(), EntryError> {
        let at = (self.epoch, index);
        match declared.signers() {
            None => {}
            Some(Signers::Root) => self.verify_identity_event(envelope)?,
            Some(Signers::Role(role)) => self.identity.verify(role, envelope, at)?,
            Some(Signers::NodeOrConsent) => {
                let by_node = self.identity.verify(Role::Node, envelope, at);
                by_node.or_else(|_| self.identity.verify(Role::Consent, envelope, at))?;
            }
        }
        Ok(())
    }

    /// An event is one of the chain held here, or continues it; anything else is a second chain.
    fn verify_identity_event(&self, envelope: &Envelope) -> Result<(), EntryError> {
        if !self.identity.contains(&envelope.id()) {
            self.identity.clone().extend(envelope)?;
        }
        Ok(())
    }

    fn verify_origin(&self, declared: &Declared) -> Result<(), EntryError> {
        let expected = (self.federation, self.identity.id(), self.epoch);
        let named = match declared {
            Declared::Identity(event) => event.member.is_none_or(|m| m == expected.1),
            Declared::Endpoint(endpoint) => endpoint.member == expected.1,
            other => other.origin().is_none_or(|o| (o.federation, o.member, o.epoch) == expected),
        };
        if named { Ok(()) } else { Err(EntryError::Origin) }
    }

    fn node_keys(&self) -> Vec<ed25519_dalek::VerifyingKey> {
        let keys = self.identity.keys(Role::Node, (self.epoch, u64::MAX));
        keys.iter().filter_map(|PublicKey(k)| ed25519_dalek::VerifyingKey::from_bytes(k).ok()).collect()
    }
}

impl VerifiedEntry {
    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// As received.
    pub fn envelope(&self) -> &Bytes {
        &self.envelope
    }

    pub fn commitment(&self) -> Commitment {
        self.commitment
    }

    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Proof that the entry is in the journal of [`VerifiedEntry::size`] entries.
    pub fn inclusion(&self) -> &[Hash] {
        &self.inclusion
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The signed head under which it was proven.
    pub fn note(&self) -> &Bytes {
        &self.note
    }
}

/// The name of a member's journal, first line of its checkpoints.
pub fn journal_origin(member: &MemberId, epoch: u32) -> String {
    format!("talanoa/{member}/{epoch}")
}

fn hashes(raw: &[Bytes]) -> Result<Vec<Hash>, EntryError> {
    if raw.len() > limits::PROOF_HASHES_MAX {
        return Err(EntryError::Malformed("proof: too many hashes"));
    }
    raw.iter().map(|h| h.as_ref().try_into().map_err(|_| EntryError::Malformed("proof"))).collect()
}

#[cfg(test)]
mod tests;
