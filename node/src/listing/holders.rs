//! The register of holders: which member has which of our releases, under which grant, until when.
//!
//! Derived anew each time from access records, grants, revocations and receipts. What a relay handed on is
//! here as soon as it has stated it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use talanoa_proto::{
    consent::{Request, Verdict, begins, may},
    entry::Declared,
    grant::{Action, Grant, PurgeReceipt},
    id::{Commitment, MemberId, ObjectId},
    release::Release,
};

use super::{
    Filter, application_name,
    audit::{Read, reads},
    code, reference,
};
use crate::{
    clock::rfc3339,
    node::Node,
    store::state::{PurgeOrder, State},
};

type Holder = (MemberId, Option<ObjectId>);

pub fn list(node: &Node, filter: &Filter) -> Vec<Value> {
    let mut held: BTreeMap<(Commitment, Holder), Vec<Read>> = BTreeMap::new();
    for read in reads(node).filter(|r| r.origin.is_none() && filter.wants_member(&[r.reader])) {
        held.entry((read.release, (read.reader, read.application))).or_default().push(read);
    }
    let revoked = revocations(node);
    let mut rows: Vec<_> =
        held.iter().filter_map(|((_, (_, app)), reads)| row(node, filter, &revoked, *app, reads)).collect();
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// When each own grant was revoked first.
pub fn revocations(node: &Node) -> BTreeMap<ObjectId, u64> {
    let entries = node.store.view().narrowings.clone();
    let mut revoked = BTreeMap::new();
    for held in entries.into_iter().filter_map(|index| node.store.own_entry(index)) {
        if let Declared::Revocation(_, revocation) = &held.declared {
            for grant in &revocation.grants {
                revoked.entry(*grant).or_insert(revocation.declared_at);
            }
        }
    }
    revoked
}

type Sorted = ((String, u64, String), Value);

fn row(
    node: &Node,
    filter: &Filter,
    revoked: &BTreeMap<ObjectId, u64>,
    application: Option<ObjectId>,
    reads: &[Read],
) -> Option<Sorted> {
    let (first, last) = (reads.first()?, reads.last()?);
    let held = node.store.own_release(&first.release)?;
    let release = held.release()?;
    if !filter.wants_dataset(Some(&release.dataset)) || !filter.wants_time(first.started) {
        return None;
    }
    let view = node.store.view();
    let now = node.now();
    let live = reads.iter().rev().find_map(|read| live(&view, release, read, now));
    let (grant, until) =
        live.unwrap_or_else(|| (last.grant, view.consent.get(&last.grant).map_or(0, |g| g.not_after)));
    let register = Register { view: &view, revoked, release: &first.release, reads, now };
    let state = match live {
        _ if register.is_contradicted() => "contradicted".into(),
        Some(_) => "held".into(),
        None => register.state(last),
    };
    // Unknown where the end of a transfer is not on record: it was at most all of it.
    let bytes = reads.iter().map(|r| r.end.as_ref().map(|(bytes, _)| *bytes)).sum::<Option<u64>>();
    let member = code(&view, &first.reader);
    let row = json!({
        "ref": reference(node.code.as_str(), release),
        "member": member,
        "application": application.map(|id| application_name(&view, &id)),
        "grant": grant.to_string(),
        "until": rfc3339(until),
        "received": rfc3339(first.started),
        "bytes": bytes,
        "state": state,
    });
    Some(((release.dataset.to_string(), release.number, member), row))
}

/// A grant that lets the holder have it now, whichever it came under.
fn live(view: &State, release: &Release, read: &Read, now: u64) -> Option<(ObjectId, u64)> {
    let request = Request::new(read.reader, release, Action::Read, &read.purpose);
    match may(&request, &view.consent, now) {
        Verdict::Yes { grant, until } => Some((grant, until)),
        Verdict::No(_) => None,
    }
}

/// One release at one holder, with everything that is on record about it.
struct Register<'a> {
    view: &'a State,
    revoked: &'a BTreeMap<ObjectId, u64>,
    release: &'a Commitment,
    reads: &'a [Read],
    now: u64,
}

impl<'a> Register<'a> {
    /// Its receipts that name this release.
    fn receipts(&self) -> impl Iterator<Item = (&'a PurgeOrder, &'a PurgeReceipt)> + use<'a> {
        let (view, release) = (self.view, self.release);
        let holder = self.reads.first().map(|r| r.reader);
        view.orders.values().flat_map(move |order| {
            let taken = holder.and_then(|holder| order.receipts.get(&holder)).into_iter().flatten();
            let receipts = taken.map(|taken| &taken.receipt);
            let named = receipts.filter(move |r| r.releases.iter().any(|(c, _)| c == release));
            named.map(move |receipt| (order, receipt))
        })
    }

    /// It said that this release was gone and took it afterwards, without a grant that was in force then.
    fn is_contradicted(&self) -> bool {
        self.receipts().any(|(_, receipt)| {
            self.reads.iter().any(|r| r.started > receipt.completed_at && !self.was_live(&r.grant, r.started))
        })
    }

    fn was_live(&self, id: &ObjectId, at: u64) -> bool {
        let within = |grant: &Grant| begins(grant) <= at && at <= grant.not_after;
        let taken_back = [self.revoked.get(id).copied(), self.view.consent.superseded_at(id)];
        self.view.consent.get(id).is_some_and(within) && taken_back.iter().flatten().all(|t| at <= *t)
    }

    /// Of one that nothing covers any more.
    fn state(&self, last: &Read) -> String {
        // A receipt counts for what came before it, or before the order that it answers.
        let counts = |(order, receipt): &(&PurgeOrder, &PurgeReceipt)| {
            last.started <= order.ordered_at.max(receipt.completed_at)
        };
        if let Some(at) = self.receipts().filter(counts).map(|(_, r)| r.completed_at).max() {
            return format!("purged, receipt of {}", rfc3339(at));
        }
        let asked = |o: &&PurgeOrder| self.reads.iter().any(|r| o.grants.contains(&r.grant));
        let orders = self.view.orders.values().filter(asked);
        let open = orders.filter(|o| !o.is_answered_by(&last.reader)).map(|o| o.purge_by).max();
        match open {
            Some(by) if self.now <= by => format!("purge pending until {}", rfc3339(by)),
            Some(by) => format!("purge overdue since {}", rfc3339(by)),
            None if self.revoked.contains_key(&last.grant) => "revoked, no purge asked".into(),
            None if self.was_live(&last.grant, self.now) => "held".into(), // under a denial
            None => "ended".into(),
        }
    }
}
