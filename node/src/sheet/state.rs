//! How a grant stands, and what its holders said about deleting.

use talanoa_proto::{
    grant::Grant,
    id::{MemberId, ObjectId},
};

use super::{facts::Party, layout::Page, texts::date};
use crate::{
    consent::{
        denied::Denied,
        find,
        standing::{self, Purging, Standing},
    },
    store::state::{PurgeOrder, State},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    pub standing: Standing,
    /// The grant that took its place.
    pub replaced_by: Option<String>,
    pub answers: Vec<Answer>,
}

/// Of one holder, to an order of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Receipt { code: String, at: u64, releases: usize, exceptions: usize },
    Awaited { code: String },
}

pub fn of(view: &State, id: &ObjectId, grant: &Grant, now: u64) -> Option<Stands> {
    let own = view.consent.get(id).is_some();
    let peer = view.peers.get(&grant.origin.member);
    let (standing, consent) = match peer {
        _ if own => (standing::own(view, id, grant, now), &view.consent),
        Some(peer) => (standing::received(peer, id, grant, now), peer.trusted.consent()),
        None => return None,
    };
    let mut later = consent.grants().filter(|(_, g)| g.supersedes == Some(*id));
    let orders = view.orders.values().filter(|o| own && o.grants.contains(id));
    Some(Stands {
        standing,
        replaced_by: later.next().map(|(id, _)| id.short()),
        answers: orders.flat_map(|order| answers(view, order)).collect(),
    })
}

fn answers(view: &State, order: &PurgeOrder) -> Vec<Answer> {
    let answer = |holder: &MemberId| {
        let code = find::code(view, holder);
        let receipts = order.receipts.get(holder).into_iter().flatten().map(|taken| &taken.receipt);
        let counts =
            |(n, x), r: &talanoa_proto::grant::PurgeReceipt| (n + r.releases.len(), x + r.exceptions.len());
        let (releases, exceptions) = receipts.clone().fold((0, 0), counts);
        match receipts.map(|r| r.completed_at).max().filter(|_| order.is_answered_by(holder)) {
            Some(at) => Answer::Receipt { code, at, releases, exceptions },
            None => Answer::Awaited { code },
        }
    };
    view.holders(order).iter().map(answer).collect()
}

pub fn write(page: &mut Page<'_>, stands: &Stands, reached: &[Party]) {
    page.section("state.title");
    let denied = !reached.is_empty() && reached.iter().all(|p| p.denied == Denied::Everything);
    match stands.standing {
        Standing::InForce if denied => page.say("state.denied", &[]),
        Standing::InForce => page.say("state.in_force", &[]),
        Standing::NotYet { begins } => page.say("state.not_yet", &[("date", &date(begins))]),
        Standing::Superseded { since } => match &stands.replaced_by {
            Some(id) => page.say("state.superseded", &[("date", &date(since)), ("id", id)]),
            None => page.say("state.superseded_unknown", &[("date", &date(since))]),
        },
        Standing::Ended { at, purge } => {
            page.say("state.ended", &[("date", &date(at))]);
            purging(page, purge, stands);
        }
        Standing::Revoked(purge) => {
            page.say(if purge.is_some() { "state.revoked_purge" } else { "state.revoked" }, &[]);
            purging(page, purge, stands);
        }
        Standing::Suspended => page.say("state.suspended", &[]),
    }
}

fn purging(page: &mut Page<'_>, purge: Option<Purging>, stands: &Stands) {
    match purge {
        None => return,
        Some(Purging::Confirmed) => page.say("state.confirmed", &[]),
        Some(Purging::Pending { until }) => page.say("state.pending", &[("date", &date(until))]),
        Some(Purging::Overdue { since }) => page.say("state.overdue", &[("date", &date(since))]),
        Some(Purging::UnderWay) => page.say("state.under_way", &[]),
        Some(Purging::ReceiptUnderWay) => page.say("state.receipt_under_way", &[]),
        Some(Purging::ReceiptDelivered) => page.say("state.receipt_delivered", &[]),
    }
    for answer in &stands.answers {
        match answer {
            Answer::Awaited { code } => page.item("state.awaited", &[("code", code)]),
            Answer::Receipt { code, at, releases, exceptions } => {
                let (releases, exceptions) = (releases.to_string(), exceptions.to_string());
                let values = [
                    ("code", &**code),
                    ("date", &date(*at)),
                    ("releases", &releases),
                    ("exceptions", &exceptions),
                ];
                page.item("state.receipt", &values);
            }
        }
    }
}
