//! How a grant stands now, for people: listings and sheets say the same. What decides is `proto::consent::may`.

use std::fmt;

use talanoa_proto::{
    consent::{ConsentState, begins},
    grant::Grant,
    id::ObjectId,
};

use crate::{
    clock::rfc3339,
    store::state::{Peer, PurgeOrder, State},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    InForce,
    NotYet {
        begins: u64,
    },
    Superseded {
        since: u64,
    },
    Ended {
        at: u64,
        purge: Option<Purging>,
    },
    Revoked(Option<Purging>),
    /// An own entry that may take it back cannot be read.
    Suspended,
}

/// The first three are owed to us, the others by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purging {
    Confirmed,
    Pending { until: u64 },
    Overdue { since: u64 },
    UnderWay,
    ReceiptUnderWay,
    ReceiptDelivered,
}

/// Of a grant that this node gave.
pub fn own(view: &State, id: &ObjectId, grant: &Grant, now: u64) -> Standing {
    let mut orders = view.orders.values().filter(|o| o.grants.contains(id));
    let purge = orders.next_back().and_then(|order| purging(view, order, now));
    match by_time(&view.consent, id, grant, now) {
        _ if view.consent.revocation_of(id).is_some() => Standing::Revoked(purge),
        _ if view.consent_suspended => Standing::Suspended,
        Standing::Ended { at, .. } => Standing::Ended { at, purge },
        standing => standing,
    }
}

/// Of a grant that `peer` gave.
pub fn received(peer: &Peer, id: &ObjectId, grant: &Grant, now: u64) -> Standing {
    let purge = peer.purges.values().find(|p| p.grants.contains(id)).map(|purge| {
        match (purge.complete, purge.receipts.values().all(|delivered| *delivered)) {
            (true, true) => Purging::ReceiptDelivered,
            (true, false) => Purging::ReceiptUnderWay,
            (false, _) => Purging::UnderWay,
        }
    });
    match by_time(peer.trusted.consent(), id, grant, now) {
        _ if peer.trusted.consent().revocation_of(id).is_some() => Standing::Revoked(purge),
        Standing::Ended { at, .. } => Standing::Ended { at, purge },
        standing => standing,
    }
}

/// In the order of the rule: replaced, not yet, ended.
fn by_time(consent: &ConsentState, id: &ObjectId, grant: &Grant, now: u64) -> Standing {
    match consent.superseded_at(id) {
        Some(since) if since <= now => Standing::Superseded { since },
        _ if now < begins(grant) => Standing::NotYet { begins: begins(grant) },
        _ if now >= grant.not_after || consent.is_ended(id) => {
            Standing::Ended { at: grant.not_after, purge: None }
        }
        _ => Standing::InForce,
    }
}

/// After an end by time only who received something owes an answer: without readers there is no purge.
fn purging(view: &State, order: &PurgeOrder, now: u64) -> Option<Purging> {
    if order.after_end && view.holders(order).is_empty() {
        return None;
    }
    Some(match (view.receipts_awaited(order).is_empty(), now > order.purge_by) {
        (true, _) => Purging::Confirmed,
        (false, false) => Purging::Pending { until: order.purge_by },
        (false, true) => Purging::Overdue { since: order.purge_by },
    })
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |f: &mut fmt::Formatter<'_>, what: &str, purge: &Option<Purging>| match purge {
            Some(purge) => write!(f, "{what}, {purge}"),
            None => f.write_str(what),
        };
        match self {
            Self::InForce => f.write_str("in force"),
            Self::NotYet { .. } => f.write_str("not yet"),
            Self::Superseded { since } => write!(f, "superseded since {}", rfc3339(*since)),
            Self::Ended { purge, .. } => with(f, "ended", purge),
            Self::Revoked(purge) => with(f, "revoked", purge),
            Self::Suspended => f.write_str("suspended, an own entry is damaged"),
        }
    }
}

impl fmt::Display for Purging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed => f.write_str("purge confirmed"),
            Self::Pending { until } => write!(f, "purge pending until {}", rfc3339(*until)),
            Self::Overdue { since } => write!(f, "purge overdue since {}", rfc3339(*since)),
            Self::UnderWay => f.write_str("purge under way"),
            Self::ReceiptUnderWay => f.write_str("purged, receipt under way"),
            Self::ReceiptDelivered => f.write_str("purged, receipt delivered"),
        }
    }
}
