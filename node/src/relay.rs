//! Carrying for others (PROTOCOL.md section 8, "Relay"): a reader that cannot reach a publisher is given
//! what it may read of it by a member that holds a copy and may carry it.
//!
//! Every answer is judged over the publisher's own consent, as far as it was heard here, and only while that
//! is fresh: a revocation that did not reach us stops us within the bound all the same.

use std::collections::BTreeSet;

use talanoa_proto::{
    charter::Charter,
    consent::{ConsentState, Refusal, Request, Verdict, may_relay},
    entry::Declared,
    grant::Action,
    id::{Commitment, DatasetId, MemberId},
    limits,
    wire::{self, Cursor, FeedItem, feed_item::Item},
};

use crate::{
    clock::Trust,
    node::Node,
    store::{
        Held,
        records::ForeignEntry,
        signing::Signing,
        state::{EPOCH, State},
    },
};

/// Whether a reader may have something of `origin` from us now.
pub fn may(node: &Node, origin: MemberId, request: &Request<'_>) -> Verdict {
    match Judge::of(node, origin) {
        Some(judge) => judge.may(request),
        None => Verdict::No(Refusal::NoGrant),
    }
}

/// One publisher's consent as it was heard here, at one moment.
struct Judge {
    relay: MemberId,
    consent: ConsentState,
    /// Nothing is carried after it.
    fresh_until: u64,
    now: u64,
}

impl Judge {
    /// `None`: not a member that this node could carry for, or a moment at which it carries for nobody.
    fn of(node: &Node, origin: MemberId) -> Option<Self> {
        // A node whose directory may be an older copy does not know what was taken back since.
        let settled = matches!(node.store.signing(), Signing::Confirmed | Signing::Unconfirmed);
        if node.clock.trust() != Trust::Accepted || !settled {
            return None;
        }
        let view = node.store.view();
        if view.carrying_suspended {
            return None;
        }
        let mut consent = view.peers.get(&origin)?.trusted.consent().clone();
        // Circles come from the journals of their conveners.
        consent.set_circles(view.consent.circles().clone());
        Some(Self { relay: node.me, consent, fresh_until: fresh_until(&view, origin), now: node.now() })
    }

    fn may(&self, request: &Request<'_>) -> Verdict {
        if self.now >= self.fresh_until {
            return Verdict::No(Refusal::Ended);
        }
        match may_relay(request, self.relay, &self.consent, self.now) {
            Verdict::Yes { grant, until } => Verdict::Yes { grant, until: until.min(self.fresh_until) },
            no => no,
        }
    }
}

/// So long after its publisher was heard, a release of it may be carried.
pub fn fresh_until(view: &State, origin: MemberId) -> u64 {
    let heard = view.peers.get(&origin).map_or(0, |p| p.heard_at);
    heard.saturating_add(fresh_hours(view, origin) * 3600)
}

pub fn fresh_hours(view: &State, origin: MemberId) -> u64 {
    view.charter.as_ref().map_or(limits::RELAY_FRESH_HOURS_MAX, |c| hours(&c.charter, &origin))
}

pub fn hours(charter: &Charter, origin: &MemberId) -> u64 {
    let island = charter.member(origin).is_some_and(|m| m.island);
    if island { limits::RELAY_FRESH_ISLAND_HOURS_MAX } else { limits::RELAY_FRESH_HOURS_MAX }
}

/// What is carried of one publisher, for one reader.
#[derive(Clone, Debug)]
pub struct Carried {
    pub origin: MemberId,
    pub reader: MemberId,
    pub datasets: Vec<DatasetId>,
    pub purpose: String,
}

/// Everything of it that the reader may see now and was not sent on this connection. Each entry comes under
/// the origin's own head, so that the reader needs no trust in us.
pub fn next_items(node: &Node, carried: &Carried, sent: &mut BTreeSet<u64>) -> Vec<FeedItem> {
    let Some(judge) = Judge::of(node, carried.origin) else { return Vec::new() };
    let indexes: Vec<u64> = node.store.index().foreign_entries(&carried.origin).collect();
    let unsent = indexes.into_iter().filter(|index| !sent.contains(index));
    let held = unsent.filter_map(|index| node.store.foreign_entry(&carried.origin, index));
    let mut shown: Vec<Held<ForeignEntry>> = held.filter(|held| sees(node, &judge, carried, held)).collect();
    // A release that is older than the grant comes after it all the same: the reader holds each against one.
    shown.sort_by_key(|held| (held.release().is_some(), held.index));
    let mut items = Vec::new();
    for held in shown {
        let index = held.index;
        sent.insert(index);
        let head = wire::Head { checkpoint: held.record.note.clone(), from_size: 0, consistency: Vec::new() };
        items.push(FeedItem { item: Some(Item::Head(head)) });
        let (salt, envelope, inclusion) = (held.record.salt, held.record.envelope, held.record.inclusion);
        items.push(FeedItem { item: Some(Item::Entry(wire::Entry { index, salt, envelope, inclusion })) });
    }
    if !items.is_empty() {
        let done = Cursor { epoch: EPOCH, step: 0, after: 0 };
        items.push(FeedItem { item: Some(Item::StepDone(done)) });
    }
    items
}

fn sees(node: &Node, judge: &Judge, carried: &Carried, held: &Held<ForeignEntry>) -> bool {
    let (Carried { reader, .. }, Judge { consent, .. }) = (carried, judge);
    let theirs = |id: &_| consent.get(id).is_some_and(|g| consent.reaches(&g.grantee, *reader));
    match &held.declared {
        Declared::Identity(_) | Declared::Endpoint(_) => true,
        Declared::Grant(id, _) => theirs(id),
        Declared::Terms(terms) => {
            let hash = Some(terms.hash());
            let mut naming = consent.grants().filter(|(_, g)| g.obligations.terms_sha256 == hash);
            naming.any(|(id, _)| theirs(id))
        }
        // Also to whom we carried something under it, though it left the circle since.
        Declared::Revocation(_, revocation) => {
            let view = node.store.view();
            revocation.grants.iter().all(|id| theirs(id) || view.carried_under.contains(&(*id, *reader)))
        }
        Declared::Release(release) => {
            let selected = carried.datasets.is_empty() || carried.datasets.contains(&release.dataset);
            let request = Request::new(*reader, release, Action::List, &carried.purpose);
            selected && matches!(judge.may(&request), Verdict::Yes { .. })
        }
        Declared::Withdrawal(withdrawal) => may_list(node, judge, carried, &withdrawal.commitment),
        _ => false,
    }
}

fn may_list(node: &Node, judge: &Judge, carried: &Carried, release: &Commitment) -> bool {
    let held = node.store.foreign_release(release);
    held.is_some_and(|(origin, held)| origin == carried.origin && sees(node, judge, carried, &held))
}
