//! What the ledger says, folded into memory: the part that decides.
//!
//! The same fold runs at open and after each commit, so a restart cannot change an answer. Titles and
//! files are not here: they are read from ledger and shelf when they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use talanoa_proto::{
    application::Application,
    carriage::{Carriage, Carried},
    charter::{CharterFile, verify_endpoint},
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
    /// Own entries about applications, by journal index, and the publishers that know of each.
    pub application_entries: BTreeMap<u64, BTreeSet<MemberId>>,
    /// What we carried and have not stated to its publisher.
    pub carried_unstated: BTreeMap<MemberId, BTreeSet<Carried>>,
    /// Statements of ours by journal index: to whom, and whether it was acknowledged.
    pub carriage_entries: BTreeMap<u64, (MemberId, bool)>,
    /// Where statements of relays about our releases lie.
    pub carriages_taken: Vec<Position>,
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
    pub gaps: u64,
    pub evidence: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Follow {
    pub datasets: Vec<DatasetId>,
    pub offers_only: bool,
    /// How often it was asked for.
    pub asked: u64,
    /// Who carries it to us; `None`: its publisher itself.
    pub via: Option<MemberId>,
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
    pub receipts: BTreeMap<MemberId, Vec<(ObjectId, PurgeReceipt)>>,
}

impl PurgeOrder {
    /// Whether that holder has stated that all is gone.
    pub fn is_answered_by(&self, holder: &MemberId) -> bool {
        self.receipts.get(holder).is_some_and(|r| r.iter().any(|(_, receipt)| !receipt.more))
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
            application_entries: BTreeMap::new(),
            carried_unstated: BTreeMap::new(),
            carriage_entries: BTreeMap::new(),
            carriages_taken: Vec::new(),
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

    /// Folds one record in. `declared` is the content of an own, foreign or received entry.
    pub fn fold(&mut self, record: &Record, at: Position, declared: Option<&Declared>) {
        match record {
            Record::OwnEntry(own) => {
                self.size += 1;
                self.step += 1;
                if let (Some(declared), Some(commitment)) = (declared, record.commitment()) {
                    self.fold_own(declared, commitment, &own.envelope);
                }
            }
            Record::ForeignEntry(foreign) => {
                if let (Some(declared), Some(commitment)) = (declared, record.commitment()) {
                    let offer = Offer { index: foreign.index, at };
                    self.fold_foreign(&foreign.member, offer, declared, commitment, &foreign.envelope);
                }
            }
            Record::GrantEdge(edge) => {
                self.step += 1;
                self.mark_time(edge.at);
                if let Ok(id) = ObjectId::from_slice(&edge.grant) {
                    self.edges.insert((id, edge.ended));
                    if edge.ended {
                        self.consent.end(id);
                        self.owe_after_end(id);
                    }
                }
            }
            Record::ClockMark(mark) => self.mark_time(mark.at),
            Record::Access(access) => {
                self.mark_time(access.started);
                if let (Some(reader), Ok(grant)) = (id(&access.reader), ObjectId::from_slice(&access.grant)) {
                    match id(&access.origin) {
                        None => {
                            self.readers.entry(grant).or_default().insert(reader);
                        }
                        Some(origin) => self.fold_carried(origin, reader, grant, access),
                    }
                }
            }
            Record::EntryTaken(taken) => {
                if let (Some(declared), Some(member)) = (declared, id(&taken.member)) {
                    match declared {
                        Declared::Carriage(carriage) => self.fold_carriage_taken(carriage, at),
                        other => self.fold_application(other, member),
                    }
                }
            }
            Record::EntryDelivered(delivered) => {
                if let Some((_, acknowledged)) = self.carriage_entries.get_mut(&delivered.index) {
                    *acknowledged = true;
                } else if let Some(member) = id(&delivered.member) {
                    self.application_entries.entry(delivered.index).or_default().insert(member);
                }
            }
            Record::ReceiptTaken(taken) => {
                if let (Some(Declared::PurgeReceipt(receipt_id, receipt)), Some(member)) =
                    (declared, id(&taken.member))
                    && let Some(order) = self.orders.get_mut(&receipt.revocation)
                {
                    order.receipts.entry(member).or_default().push((*receipt_id, receipt.clone()));
                }
            }
            Record::Exported(export) => {
                if let Ok(release) = Commitment::from_slice(&export.release) {
                    self.exports.entry(release).or_default().push(export.at);
                }
            }
            Record::OwnHeadShown(shown) => self.own_head_shown = own_head(shown),
            other => self.fold_peer(other),
        }
    }

    fn fold_own(&mut self, declared: &Declared, commitment: Commitment, envelope: &bytes::Bytes) {
        match declared {
            Declared::Release(r) => {
                let head = DatasetHead { number: r.number, commitment, sensitivity: r.sensitivity };
                self.datasets.insert(r.dataset.clone(), head);
            }
            Declared::Withdrawal(w) => {
                self.withdrawn.insert(w.commitment, w.corrected_by);
            }
            Declared::Grant(id, grant) => {
                self.consent.grant(*id, (**grant).clone());
                self.grant_entries.insert(*id, self.size - 1);
                self.grants_by_entry.insert(self.size - 1, *id);
            }
            Declared::Terms(terms) => {
                self.terms.insert(terms.hash(), self.size - 1);
            }
            Declared::Circle(id, circle) => self.consent.circle(*id, circle),
            Declared::LeaveCircle(leave) => self.consent.leave(leave),
            Declared::Application(..) | Declared::EndApplication(_) => {
                self.application_entries.entry(self.size - 1).or_default();
                self.fold_application(declared, self.me);
            }
            Declared::Carriage(carriage) => {
                self.carriage_entries.insert(self.size - 1, (carriage.publisher, false));
                if let Some(unstated) = self.carried_unstated.get_mut(&carriage.publisher) {
                    unstated.retain(|carried| carriage.carried.binary_search(carried).is_err());
                }
            }
            Declared::Revocation(id, r) => {
                self.narrowings.push(self.size - 1);
                self.consent.revoke(*id, r);
                if r.purge {
                    let (grants, receipts) = (r.grants.clone(), BTreeMap::new());
                    let (purge_by, ordered_at) = (r.purge_by, r.declared_at);
                    let order = PurgeOrder { grants, purge_by, ordered_at, after_end: false, receipts };
                    self.orders.insert(*id, order);
                }
            }
            Declared::Denial(id, denial) => {
                self.narrowings.push(self.size - 1);
                self.consent.deny(*id, denial.clone());
            }
            Declared::LiftDenial(lift) => {
                self.narrowings.push(self.size - 1);
                self.consent.lift(lift);
            }
            Declared::PurgeReceipt(_, receipt) => {
                let index = self.size - 1;
                if let Some(purge) =
                    self.peers.get_mut(&receipt.grantor).and_then(|p| p.purges.get_mut(&receipt.revocation))
                {
                    purge.receipts.insert(index, false);
                    purge.stated.extend(purge.buried.take().unwrap_or_default().iter().map(|g| g.commitment));
                    purge.complete = !receipt.more;
                }
            }
            Declared::Identity(_) => {
                if let Ok(event) = Envelope::parse(envelope) {
                    self.learn_identity(self.me, event);
                }
            }
            Declared::Endpoint(_) => self.learn_endpoint(self.me, envelope),
            Declared::Unknown(_) => {}
        }
    }

    fn fold_foreign(
        &mut self,
        member: &[u8],
        offer: Offer,
        declared: &Declared,
        own: Commitment,
        envelope: &bytes::Bytes,
    ) {
        let Some(member) = id(member) else { return };
        match declared {
            Declared::Identity(_) => {
                if let Ok(event) = Envelope::parse(envelope) {
                    self.learn_identity(member, event);
                }
            }
            Declared::Endpoint(_) => self.learn_endpoint(member, envelope),
            Declared::Withdrawal(w) => {
                self.withdrawn.insert(w.commitment, w.corrected_by);
            }
            // Who is in a circle can change what we show: a feed step.
            Declared::Circle(id, circle) => {
                self.step += 1;
                self.consent.circle(*id, circle);
            }
            Declared::LeaveCircle(leave) => {
                self.step += 1;
                self.consent.leave(leave);
            }
            _ => {}
        }
        let Some(peer) = self.peers.get_mut(&member) else { return };
        peer.trusted.restore(envelope, declared, own);
        match declared {
            Declared::Release(_) => {
                peer.offered.insert(own, offer);
            }
            Declared::Grant(id, _) => {
                peer.grant_entries.insert(*id, offer.index);
            }
            Declared::Terms(terms) => {
                peer.terms.insert(terms.hash(), offer.index);
            }
            // A relay is shown revocations that are not its own to carry out.
            Declared::Revocation(id, r) if r.purge && peer.trusted.concerns_us(r) => {
                let purge = Purge { grants: r.grants.clone(), purge_by: r.purge_by, ..Purge::default() };
                peer.purges.entry(*id).or_insert(purge);
            }
            _ => {}
        }
    }

    fn fold_peer(&mut self, record: &Record) {
        match record {
            Record::CharterAdopted(adopted) => {
                if let Ok(file) = CharterFile::from_bytes(&adopted.file) {
                    self.adopt(file);
                }
            }
            Record::IdentityLearnt(learnt) => {
                if let (Some(member), Ok(event)) = (id(&learnt.member), Envelope::parse(&learnt.event)) {
                    self.learn_identity(member, event);
                }
            }
            Record::EndpointLearnt(learnt) => {
                if let Some(member) = id(&learnt.member) {
                    self.learn_endpoint(member, &learnt.envelope);
                }
            }
            Record::AddressSet(set) => {
                if let Some(member) = id(&set.member).and_then(|m| self.members.get_mut(&m)) {
                    member.address = Some(set.address.clone()).filter(|a| !a.is_empty());
                }
            }
            Record::PeerHead(head) => {
                if let Some(peer) = id(&head.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.trusted.restore_head(&head.note);
                }
            }
            Record::PeerCursor(cursor) => {
                if let Some(peer) = id(&cursor.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.cursor = Cursor { epoch: cursor.epoch, step: cursor.step, after: cursor.after };
                }
            }
            Record::Followed(followed) => {
                let datasets = followed.datasets.iter().filter_map(|d| d.parse().ok()).collect();
                if let Some(peer) = id(&followed.member).and_then(|m| self.peers.get_mut(&m)) {
                    // Asked again: from the beginning. What was passed over, by a narrower selection or by a
                    // publisher whose index was damaged, is sent again; what is held is known by its commitment.
                    let asked = peer.follow.as_ref().map_or(0, |f| f.asked) + 1;
                    let via = id(&followed.via);
                    let follow = Follow { datasets, offers_only: followed.offers_only, asked, via };
                    peer.cursor = Cursor { epoch: EPOCH, step: 0, after: 0 };
                    peer.follow = Some(follow);
                }
            }
            Record::Unfollowed(unfollowed) => {
                if let Some(peer) = id(&unfollowed.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.follow = None;
                }
            }
            Record::Tombstone(tombstone) => {
                let peer = id(&tombstone.member).and_then(|m| self.peers.get_mut(&m));
                let (Some(peer), Ok(revocation)) = (peer, ObjectId::from_slice(&tombstone.revocation)) else {
                    return;
                };
                let mut buried = Vec::new();
                for b in &tombstone.releases {
                    let (Ok(commitment), Some(at)) =
                        (Commitment::from_slice(&b.commitment), Position::from_bytes(&b.position))
                    else {
                        continue;
                    };
                    peer.offered.remove(&commitment);
                    buried.push(Grave { commitment, index: b.index, bytes: b.bytes, at });
                }
                peer.purges.entry(revocation).or_default().buried = Some(buried);
            }
            Record::ReceiptDelivered(delivered) => {
                let purges = self.peers.values_mut().flat_map(|p| p.purges.values_mut());
                for receipt in purges.filter_map(|p| p.receipts.get_mut(&delivered.index)) {
                    *receipt = true;
                }
            }
            Record::OriginHeard(heard) => {
                if let Some(peer) = id(&heard.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.heard_at = peer.heard_at.max(heard.at);
                }
            }
            Record::RetentionEnded(ended) => {
                let peer = id(&ended.member).and_then(|m| self.peers.get_mut(&m));
                if let (Some(peer), Ok(grant)) = (peer, ObjectId::from_slice(&ended.grant)) {
                    peer.trusted.end_grant(grant);
                    let purge = Purge { grants: vec![grant], purge_by: ended.purge_by, ..Purge::default() };
                    peer.purges.entry(grant).or_insert(purge);
                }
            }
            Record::Evidence(evidence) => {
                if let Some(peer) = id(&evidence.member).and_then(|m| self.peers.get_mut(&m)) {
                    peer.gaps += u64::from(evidence.what.starts_with("journal.withheld"));
                    peer.evidence.push(evidence.what.clone());
                    peer.evidence.drain(..peer.evidence.len().saturating_sub(16));
                }
            }
            _ => {}
        }
    }

    fn adopt(&mut self, file: CharterFile) {
        self.step += 1;
        let federation = file.federation();
        for card in &file.cards {
            let (identity, chain) = (card.identity.clone(), card.chain.clone());
            let id = identity.id();
            if id != self.me {
                let peer = Peer {
                    trusted: TrustedPeer::new(self.me, federation, EPOCH, identity.clone()),
                    cursor: Cursor { epoch: EPOCH, step: 0, after: 0 },
                    follow: None,
                    offered: BTreeMap::new(),
                    grant_entries: BTreeMap::new(),
                    purges: BTreeMap::new(),
                    terms: BTreeMap::new(),
                    heard_at: 0,
                    gaps: 0,
                    evidence: Vec::new(),
                };
                self.peers.insert(id, peer);
            }
            let endpoint = card.endpoint.clone();
            self.members.insert(id, Member { identity, chain, endpoint, address: None });
        }
        self.charter = Some(file);
    }

    /// An event that does not continue the chain held here changes nothing.
    fn learn_identity(&mut self, member: MemberId, event: Envelope) {
        let Some(known) = self.members.get_mut(&member) else { return };
        if known.identity.contains(&event.id()) || known.identity.extend(&event).is_err() {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&member) {
            let _ = peer.trusted.extend_identity(&event);
        }
        known.chain.push(event);
    }

    fn learn_endpoint(&mut self, member: MemberId, envelope: &bytes::Bytes) {
        let Some(known) = self.members.get_mut(&member) else { return };
        let Ok(envelope) = Envelope::parse(envelope) else { return };
        let Ok(endpoint) = verify_endpoint(&known.identity, &envelope) else { return };
        if known.endpoint.as_ref().is_none_or(|(held, _)| endpoint.seq > held.seq) {
            known.endpoint = Some((endpoint, envelope));
        }
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

    /// Copies may stay for a while after a grant has ended by time; then a receipt is owed to us.
    fn owe_after_end(&mut self, id: ObjectId) {
        let Some(grant) = self.consent.get(&id) else { return };
        let retention = grant.obligations.retention_after_end_seconds;
        if retention == 0 || self.consent.revocation_of(&id).is_some() {
            return;
        }
        let order = PurgeOrder {
            grants: vec![id],
            purge_by: grant.purge_by(grant.not_after.saturating_add(retention)),
            ordered_at: grant.not_after,
            receipts: BTreeMap::new(),
            after_end: true,
        };
        self.orders.entry(id).or_insert(order);
    }

    fn fold_application(&mut self, declared: &Declared, member: MemberId) {
        match declared {
            Declared::Application(id, application) => {
                self.applications.insert(*id, application.clone());
            }
            Declared::EndApplication(end) => {
                self.ended_applications.extend(end.applications.iter().map(|id| (member, *id)));
            }
            _ => {}
        }
    }

    /// What this node handed on is owed to its publisher as a statement.
    fn fold_carried(&mut self, origin: MemberId, reader: MemberId, grant: ObjectId, access: &Access) {
        if let Ok(release) = Commitment::from_slice(&access.release) {
            let application = ObjectId::from_slice(&access.application).ok();
            let (started, purpose) = (access.started, access.purpose.clone());
            let carried = Carried { started, reader, release, grant, purpose, application };
            self.carried_unstated.entry(origin).or_default().insert(carried);
        }
    }

    fn fold_carriage_taken(&mut self, carriage: &Carriage, at: Position) {
        self.carriages_taken.push(at);
        for carried in &carriage.carried {
            self.readers.entry(carried.grant).or_default().insert(carried.reader);
        }
    }

    fn mark_time(&mut self, at: u64) {
        self.time_mark = self.time_mark.max(at);
    }
}

/// Its signature was checked before it was written.
fn own_head(record: &OwnHeadShown) -> Option<OwnHead> {
    let note = SignedNote::parse(&record.note).ok()?;
    Some(OwnHead {
        member: id(&record.member)?,
        shown: Checkpoint::parse(&note.text).ok()?,
        size: record.size,
    })
}

fn id(bytes: &[u8]) -> Option<MemberId> {
    MemberId::from_slice(bytes).ok()
}
