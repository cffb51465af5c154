//! What the ledger says, folded into memory: the part that decides.
//!
//! The same fold runs at open and after each commit, so a restart cannot change an answer. Titles and
//! files are not here: they are read from ledger and shelf when they are asked for.

mod fold;
mod peers;

use std::collections::{BTreeMap, BTreeSet};

use talanoa_proto::{
    application::Application,
    carriage::Carried,
    charter::{Card, CharterFile, PURPOSE_DEFAULT, verify_endpoint},
    checkpoint::{Checkpoint, SignedNote},
    circle::Circles,
    consent::ConsentState,
    entry::Declared,
    envelope::Envelope,
    grant::{Grantee, PurgeReceipt},
    id::{Commitment, DatasetId, FederationId, MemberCode, MemberId, ObjectId},
    identity::{Endpoint, Identity},
    object::Origin,
    release::Sensitivity,
    trusted::TrustedPeer,
    wire::Cursor,
};

use crate::store::{
    ledger::Position,
    records::{Access, OwnHeadShown, Record},
    signing::OwnHead,
};

pub const EPOCH: u32 = 1;

/// One consistent position of the ledger.
#[derive(Clone, Debug)]
pub struct State {
    pub me: MemberId,
    pub charter: Option<CharterFile>,
    pub members: BTreeMap<MemberId, Member>,
    pub consent: ConsentState,
    /// Journal index of each own grant, and the way back.
    pub grant_entries: BTreeMap<ObjectId, u64>,
    grants_by_entry: BTreeMap<u64, ObjectId>,
    pub datasets: BTreeMap<DatasetId, DatasetHead>,
    /// Own releases withdrawn or corrected, and those of others that we know of.
    pub withdrawn: BTreeMap<Commitment, Option<u64>>,
    /// Grants whose begin or end by time is on record.
    pub edges: BTreeSet<(ObjectId, bool)>,
    /// Feed steps so far.
    pub step: u64,
    /// Own journal entries.
    pub size: u64,
    pub peers: BTreeMap<MemberId, Peer>,
    /// Own revocations with purge: what each holder owes.
    pub orders: BTreeMap<ObjectId, PurgeOrder>,
    pub exports: BTreeMap<Commitment, Vec<u64>>,
    /// A head of ours that a member holds and this journal does not.
    pub own_head_shown: Option<OwnHead>,
    /// A record that may take consent back cannot be read: no grant counts.
    pub consent_suspended: bool,
    /// A record of what others said cannot be read: nothing is carried for them.
    pub carrying_suspended: bool,
    /// Journal indexes of own revocations, denials and liftings: shown to relays.
    pub narrowings: Vec<u64>,
    /// Who received something under each own grant.
    pub readers: BTreeMap<ObjectId, BTreeSet<MemberId>>,
    /// Own terms by their hash, as journal indexes.
    pub terms: BTreeMap<[u8; 32], u64>,
    /// Keys of applications, our own and those that members delivered.
    pub applications: BTreeMap<ObjectId, Application>,
    pub ended_applications: BTreeSet<(MemberId, ObjectId)>,
    /// Own entries that are brought to whom they concern, about applications and of leaving circles, by journal
    /// index, and the members that know of each.
    pub statement_entries: BTreeMap<u64, BTreeSet<MemberId>>,
    /// Grants of others under which we carried something, and to whom.
    pub carried_under: BTreeSet<(ObjectId, MemberId)>,
    /// What we carried and have not stated to its publisher.
    pub carried_unstated: BTreeMap<MemberId, BTreeSet<Carried>>,
    /// Statements of ours by journal index: to whom, and whether it was acknowledged.
    pub carriage_entries: BTreeMap<u64, (MemberId, bool)>,
    /// Where statements about our releases lie, by the relay and the index in its journal: one that arrives twice
    /// at the same moment is written twice and counts once.
    pub carriages_taken: BTreeMap<(MemberId, u64), Position>,
    /// Where each receipt of a holder lies.
    pub receipts_taken: BTreeMap<ObjectId, Position>,
    /// The highest time that the ledger names.
    pub time_mark: u64,
}

/// Who is calling: a member's node, or an application that reads for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub member: MemberId,
    pub application: Option<ObjectId>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub identity: Identity,
    pub chain: Vec<Envelope>,
    pub endpoint: Option<(Endpoint, Envelope)>,
    /// Set by the operator; wins.
    pub address: Option<String>,
}

impl Member {
    /// An endpoint that a key signed which is revoked by now is of no use to anybody.
    pub fn card(&self) -> Card {
        let counts = |(_, envelope): &(Endpoint, Envelope)| verify_endpoint(&self.identity, envelope).is_ok();
        let endpoint = self.endpoint.clone().filter(counts);
        Card { identity: self.identity.clone(), chain: self.chain.clone(), endpoint }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetHead {
    pub number: u64,
    pub commitment: Commitment,
    pub sensitivity: Sensitivity,
}

/// A member as a publisher that we may follow.
#[derive(Clone, Debug)]
pub struct Peer {
    pub trusted: TrustedPeer,
    pub cursor: Cursor,
    pub follow: Option<Follow>,
    /// Offered and not buried, and where the manifest lies; whether the files are here is for the shelf to
    /// say. Kept here and not in the index alone: a purge must find everything.
    pub offered: BTreeMap<Commitment, Offer>,
    /// Journal index of each grant that it gave us.
    pub grant_entries: BTreeMap<ObjectId, u64>,
    pub purges: BTreeMap<ObjectId, Purge>,
    /// Terms that it showed us, by their hash, as indexes of its journal.
    pub terms: BTreeMap<[u8; 32], u64>,
    /// When it was last heard, as far as that is on record.
    pub heard_at: u64,
    /// The largest head under which it brought us an entry: it may not sign another of that size.
    pub delivered_under: Option<ShownHead>,
    pub gaps: u64,
    pub evidence: Vec<String>,
}

/// A head that a member signed and showed to us, without our following its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownHead {
    pub checkpoint: Checkpoint,
    pub note: bytes::Bytes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Follow {
    pub datasets: Vec<DatasetId>,
    pub offers_only: bool,
    /// How often it was asked for.
    pub asked: u64,
    /// Who carries it to us; `None`: its publisher itself.
    pub via: Option<MemberId>,
    /// Empty: the default one.
    pub purpose: String,
}

impl Follow {
    /// For which it is asked for what it offers.
    pub fn purpose(&self) -> &str {
        if self.purpose.is_empty() { PURPOSE_DEFAULT } else { &self.purpose }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// In the origin's journal.
    pub index: u64,
    pub at: Position,
}

/// A purge that we owe, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purge {
    pub grants: Vec<ObjectId>,
    pub purge_by: u64,
    /// What goes in the round under way, once its tombstone is written.
    pub buried: Option<Vec<Grave>>,
    /// Journal index of each of our receipts, and whether it was acknowledged.
    pub receipts: BTreeMap<u64, bool>,
    /// What our receipts say is gone.
    pub stated: BTreeSet<Commitment>,
    /// The last receipt is written.
    pub complete: bool,
}

/// A release that is gone for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grave {
    pub commitment: Commitment,
    /// In the origin's journal.
    pub index: u64,
    pub bytes: u64,
    /// Of its manifest in our ledger.
    pub at: Position,
}

/// A purge that is owed to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeOrder {
    pub grants: Vec<ObjectId>,
    pub purge_by: u64,
    pub ordered_at: u64,
    /// Of a grant that ended by time: only who received something owes an answer.
    pub after_end: bool,
    pub receipts: BTreeMap<MemberId, Vec<TakenReceipt>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenReceipt {
    pub id: ObjectId,
    /// Where it lies: it says nothing of what was delivered after it.
    pub at: Position,
    pub receipt: PurgeReceipt,
}

impl PurgeOrder {
    /// Whether that holder has stated that all is gone.
    pub fn is_answered_by(&self, holder: &MemberId) -> bool {
        self.receipts.get(holder).is_some_and(|r| r.iter().any(|taken| !taken.receipt.more))
    }
}

impl State {
    pub fn new(me: MemberId) -> Self {
        Self {
            me,
            charter: None,
            members: BTreeMap::new(),
            consent: ConsentState::default(),
            grant_entries: BTreeMap::new(),
            grants_by_entry: BTreeMap::new(),
            datasets: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            edges: BTreeSet::new(),
            step: 0,
            size: 0,
            peers: BTreeMap::new(),
            orders: BTreeMap::new(),
            exports: BTreeMap::new(),
            own_head_shown: None,
            consent_suspended: false,
            carrying_suspended: false,
            narrowings: Vec::new(),
            readers: BTreeMap::new(),
            terms: BTreeMap::new(),
            applications: BTreeMap::new(),
            ended_applications: BTreeSet::new(),
            statement_entries: BTreeMap::new(),
            carried_under: BTreeSet::new(),
            carried_unstated: BTreeMap::new(),
            carriage_entries: BTreeMap::new(),
            carriages_taken: BTreeMap::new(),
            receipts_taken: BTreeMap::new(),
            time_mark: 0,
        }
    }

    /// The own grant at that place of the journal, if one is there.
    pub fn grant_at(&self, index: u64) -> Option<ObjectId> {
        self.grants_by_entry.get(&index).copied()
    }

    pub fn federation(&self) -> Option<FederationId> {
        self.charter.as_ref().map(CharterFile::federation)
    }

    pub fn origin(&self) -> Option<Origin> {
        Some(Origin { federation: self.federation()?, member: self.me, epoch: EPOCH })
    }

    pub fn code_of(&self, member: &MemberId) -> Option<&MemberCode> {
        self.members.get(member).map(|m| m.identity.code())
    }

    pub fn by_code(&self, code: &MemberCode) -> Option<MemberId> {
        self.members.iter().find(|(_, m)| m.identity.code() == code).map(|(id, _)| *id)
    }

    /// The member whose node key this is now; nobody else is let in.
    pub fn member_of_key(&self, key: &[u8; 32], now: u64) -> Option<MemberId> {
        let holds = |m: &&Member| m.identity.node_keys_at(now).iter().any(|k| k.0 == *key);
        self.members.values().find(holds).map(|m| m.identity.id())
    }

    /// Admitted: a member of the charter that is not under a denial of everything, or an application of one.
    pub fn admits(&self, key: &[u8; 32], now: u64) -> Option<Caller> {
        let node = || self.member_of_key(key, now).map(|member| Caller { member, application: None });
        let caller = node().or_else(|| self.application_of_key(key, now))?;
        let member = caller.member;
        let admitted = member != self.me && !self.consent.is_denied(member, None, now);
        admitted.then_some(caller)
    }

    fn application_of_key(&self, key: &[u8; 32], now: u64) -> Option<Caller> {
        let live =
            |(id, a): &(&ObjectId, &Application)| a.key.0 == *key && self.is_application_live(id, a, now);
        let (id, application) = self.applications.iter().find(live)?;
        Some(Caller { member: application.origin.member, application: Some(*id) })
    }

    /// Whether a key may be used here now. Its member must still be one of the charter.
    pub fn is_application_live(&self, id: &ObjectId, application: &Application, now: u64) -> bool {
        let member = application.origin.member;
        self.members.contains_key(&member)
            && application.admits(self.me, now)
            && !self.ended_applications.contains(&(member, *id))
    }

    pub fn address_of(&self, member: &MemberId) -> Option<String> {
        let member = self.members.get(member)?;
        let announced = || member.endpoint.as_ref().and_then(|(e, _)| e.addresses.first().cloned());
        member.address.clone().or_else(announced)
    }

    /// Every grant given so far counts as ended, for as long as this process lives.
    pub fn suspend_consent(&mut self) {
        let grants: Vec<ObjectId> = self.consent.grants().map(|(id, _)| *id).collect();
        grants.into_iter().for_each(|id| self.consent.end(id));
        self.consent_suspended = true;
    }

    /// What others narrowed may be unknown: nothing is given on the strength of what they said.
    pub fn suspend_heard(&mut self) {
        self.consent.set_circles(Circles::default());
        self.applications.retain(|_, a| a.origin.member == self.me);
        self.carrying_suspended = true;
    }

    /// Receipts that are written and not yet acknowledged by the origin, as (origin, journal index).
    pub fn receipts_owed(&self) -> Vec<(MemberId, u64)> {
        let owed = |(member, peer): (&MemberId, &Peer)| {
            let member = *member;
            let open = peer.purges.values().flat_map(|p| &p.receipts).filter(|(_, delivered)| !**delivered);
            open.map(|(index, _)| (member, *index)).collect::<Vec<_>>()
        };
        self.peers.iter().flat_map(owed).collect()
    }

    /// Members to whom a purge order of ours goes: named grantees, and whoever received something.
    pub fn holders(&self, order: &PurgeOrder) -> BTreeSet<MemberId> {
        let mut holders = BTreeSet::new();
        for id in &order.grants {
            if let Some(Grantee::Member(member)) = self.consent.get(id).map(|g| &g.grantee)
                && !order.after_end
            {
                holders.insert(*member);
            }
            holders.extend(self.readers.get(id).into_iter().flatten());
        }
        holders
    }

    /// Those of them who have not answered.
    pub fn receipts_awaited(&self, order: &PurgeOrder) -> Vec<MemberId> {
        self.holders(order).into_iter().filter(|holder| !order.is_answered_by(holder)).collect()
    }

    /// Whether an own grant is, or was when something was delivered, one to that member.
    pub fn is_or_was_for(&self, grant: &ObjectId, member: MemberId) -> bool {
        let given = self.consent.get(grant).is_some_and(|g| self.consent.reaches(&g.grantee, member));
        given || self.readers.get(grant).is_some_and(|readers| readers.contains(&member))
    }
}
