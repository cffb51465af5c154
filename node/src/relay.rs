//! Carrying for others (PROTOCOL.md section 8, "Relay"): a reader that cannot reach a publisher is given
//! what it may read of it by a member that holds a copy and may carry it.
//!
//! Every answer is judged over the publisher's own consent, as far as it was heard here, and only while that
//! is fresh: a revocation that did not reach us stops us within the bound all the same.

use std::collections::BTreeSet;

use talanoa_proto::{
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
        state::{EPOCH, State},
    },
};

/// Whether a reader may have something of `origin` from us now.
pub fn may(node: &Node, origin: MemberId, request: &Request<'_>) -> Verdict {
    let (view, now) = (node.store.view(), node.now());
    let fresh_until = fresh_until(&view, origin);
    if node.clock.trust() != Trust::Accepted || now >= fresh_until {
        return Verdict::No(Refusal::Ended);
    }
    match consent_of(&view, origin).map(|consent| may_relay(request, node.me, &consent, now)) {
        Some(Verdict::Yes { grant, until }) => Verdict::Yes { grant, until: until.min(fresh_until) },
        Some(no) => no,
        None => Verdict::No(Refusal::NoGrant),
    }
}

/// So long after its publisher was heard, a release of it may be carried.
pub fn fresh_until(view: &State, origin: MemberId) -> u64 {
    let heard = view.peers.get(&origin).map_or(0, |p| p.heard_at);
    heard.saturating_add(fresh_hours(view, origin) * 3600)
}

pub fn fresh_hours(view: &State, origin: MemberId) -> u64 {
    let island = view.charter.as_ref().and_then(|c| c.charter.member(&origin)).is_some_and(|m| m.island);
    if island { limits::RELAY_FRESH_ISLAND_HOURS_MAX } else { limits::RELAY_FRESH_HOURS_MAX }
}

/// What the origin said of consent, with the circles that this node has heard of.
fn consent_of(view: &State, origin: MemberId) -> Option<ConsentState> {
    let mut consent = view.peers.get(&origin)?.trusted.consent().clone();
    consent.set_circles(view.consent.circles().clone());
    Some(consent)
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
    let mut items = Vec::new();
    for index in candidates(node, carried.origin) {
        if sent.contains(&index) {
            continue;
        }
        let Some(held) = node.store.foreign_entry(&carried.origin, index) else { continue };
        if !sees(node, carried, &held) {
            continue;
        }
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

/// Indexes of the origin's journal, ascending: a grant comes before what it covers.
fn candidates(node: &Node, origin: MemberId) -> Vec<u64> {
    node.store.index().foreign_entries(&origin).collect()
}

fn sees(node: &Node, carried: &Carried, held: &Held<ForeignEntry>) -> bool {
    let Carried { origin, reader, .. } = carried;
    let view = node.store.view();
    let Some(consent) = consent_of(&view, *origin) else { return false };
    drop(view);
    let theirs = |id: &_| consent.get(id).is_some_and(|g| consent.reaches(&g.grantee, *reader));
    match &held.declared {
        Declared::Identity(_) | Declared::Endpoint(_) => true,
        Declared::Grant(id, _) => theirs(id),
        Declared::Terms(terms) => {
            let hash = Some(terms.hash());
            let mut naming = consent.grants().filter(|(_, g)| g.obligations.terms_sha256 == hash);
            naming.any(|(id, _)| theirs(id))
        }
        Declared::Revocation(_, revocation) => revocation.grants.iter().all(theirs),
        Declared::Release(release) => {
            let selected = carried.datasets.is_empty() || carried.datasets.contains(&release.dataset);
            let request = Request::new(*reader, release, Action::List, &carried.purpose);
            selected && matches!(may(node, *origin, &request), Verdict::Yes { .. })
        }
        Declared::Withdrawal(withdrawal) => may_list(node, carried, &withdrawal.commitment),
        _ => false,
    }
}

fn may_list(node: &Node, carried: &Carried, release: &Commitment) -> bool {
    let held = node.store.foreign_release(release);
    held.is_some_and(|(origin, held)| origin == carried.origin && sees(node, carried, &held))
}
