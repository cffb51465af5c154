//! Section 8 of PROTOCOL.md read a second time: lists, loops and ifs, in the order of the text.
//!
//! Slow and plain on purpose. It shares no code with `proto/src`, only the types, so that one mistake is
//! not made on both sides.

pub mod circles;
pub mod steps;

use talanoa_proto::{
    application::Application,
    circle::{Circle, LeaveCircle},
    consent::{Refusal, Request},
    grant::{Action, Denial, Grant, LiftDenial, Revocation, Scope},
    id::{MemberId, ObjectId},
};

use steps::{
    beginning, covers_release, denied, gives, grants_to, in_scope, names, revoked, seen_to_end, superseded_at,
};

/// What a node hears, each with its own id where it has one that matters.
#[derive(Clone, Debug)]
pub enum Event {
    Grant(ObjectId, Grant),
    Revocation(ObjectId, Revocation),
    Denial(ObjectId, Denial),
    Lift(LiftDenial),
    /// A grant that was seen to end by time.
    End(ObjectId),
    Circle(ObjectId, Circle),
    Leave(LeaveCircle),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OracleVerdict {
    Yes { grant: ObjectId, until: u64 },
    No(Refusal),
}

use OracleVerdict::{No, Yes};

/// Steps 1 to 10: each leaves fewer grants, and the step that leaves none is the refusal.
pub fn verdict(world: &[Event], request: &Request<'_>, now: u64) -> OracleVerdict {
    if denied(world, request.reader, Some(request.dataset), now) {
        return No(Refusal::Denied);
    }
    let mut left = grants_to(world, request.reader);
    if left.is_empty() {
        return No(Refusal::NoGrant);
    }
    left.retain(|(_, grant)| covers_release(grant, request));
    if left.is_empty() {
        return No(Refusal::NotCovered);
    }
    left.retain(|(id, _)| !revoked(world, *id));
    if left.is_empty() {
        return No(Refusal::Revoked);
    }
    left.retain(|(id, _)| superseded_at(world, *id).is_none_or(|moment| now < moment));
    if left.is_empty() {
        return No(Refusal::Superseded);
    }
    left.retain(|(_, grant)| now >= beginning(grant));
    if left.is_empty() {
        return No(Refusal::NotYet);
    }
    left.retain(|(id, grant)| now < grant.not_after && !seen_to_end(world, *id));
    if left.is_empty() {
        return No(Refusal::Ended);
    }
    left.retain(|(_, grant)| names(&grant.purposes, request.purpose));
    if left.is_empty() {
        return No(Refusal::Purpose);
    }
    left.retain(|(_, grant)| gives(&grant.actions, request.action));
    if left.is_empty() {
        return No(Refusal::Action);
    }
    the_one(world, &left)
}

/// Step 10.
fn the_one(world: &[Event], left: &[(ObjectId, &Grant)]) -> OracleVerdict {
    let mut best = left[0];
    for (id, grant) in left {
        let (rank, best_rank) = (generality(&grant.scope), generality(&best.1.scope));
        if rank < best_rank || (rank == best_rank && *id < best.0) {
            best = (*id, grant);
        }
    }
    let (grant, Grant { not_after, .. }) = best;
    match superseded_at(world, grant) {
        Some(moment) if moment < *not_after => Yes { grant, until: moment },
        _ => Yes { grant, until: *not_after },
    }
}

fn generality(scope: &Scope) -> u8 {
    match scope {
        Scope::Datasets(_) => 1,
        Scope::Themes(_) => 2,
        Scope::All => 3,
    }
}

/// Under "Relay": both are permitted by the same steps, the reader to LIST or READ, the relay to carry
/// that. The answer is the reader's, and holds as long as both do.
pub fn relay_verdict(world: &[Event], request: &Request<'_>, relay: MemberId, now: u64) -> OracleVerdict {
    if request.action != Action::List && request.action != Action::Read {
        return No(Refusal::Action);
    }
    let (grant, until) = match verdict(world, request, now) {
        Yes { grant, until } => (grant, until),
        No(refusal) => return No(refusal),
    };
    let carrying = Request { reader: relay, action: Action::Relay, ..request.clone() };
    match verdict(world, &carrying, now) {
        Yes { until: carried_until, .. } if carried_until < until => Yes { grant, until: carried_until },
        Yes { .. } => Yes { grant, until },
        No(refusal) => No(refusal),
    }
}

/// Under "Application keys": whether that publisher lets the key in.
pub fn application_admitted(application: &Application, publisher: MemberId, now: u64) -> bool {
    let listed = application.origins.is_empty() || application.origins.contains(&publisher);
    let begun = now >= application.term.not_before && now >= application.term.effective_after;
    listed && begun && now < application.term.not_after
}

/// Under "Application keys": whether what is asked is asked for its member, and lies in the subset.
pub fn application_covers(application: &Application, request: &Request<'_>) -> bool {
    application.origin.member == request.reader
        && in_scope(&application.scope, request)
        && names(&application.purposes, request.purpose)
        && gives(&application.actions, request.action)
}
