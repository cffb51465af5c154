//! Consent given and received, and denials.

use serde_json::{Value, json};
use talanoa_proto::{
    consent::{ConsentState, begins},
    grant::{Denial, Grant, Grantee},
    id::{MemberId, ObjectId},
};

use super::{Filter, code, joined, reaches, scope_text};
use crate::{
    clock::rfc3339,
    consent::{
        action_name, denied,
        standing::{self, Standing},
    },
    node::Node,
    store::state::State,
};

const DAY_SECONDS: u64 = 86_400;

pub fn list(node: &Node, filter: &Filter) -> Vec<Value> {
    let view = node.store.view();
    let now = node.now();
    let mut rows = Vec::new();
    let mut take = |direction, from: &MemberId, id: &ObjectId, grant: &Grant, state: String| {
        if wants(node, &view, filter, grant) {
            rows.push(row(&view, direction, &code(&view, from), id, grant, state));
        }
    };
    for (id, grant) in view.consent.grants() {
        let standing = standing::own(&view, id, grant, now);
        let remark = denied::remark(node, &view, grant).filter(|_| standing == Standing::InForce);
        take("given", &view.me, id, grant, remark.map_or_else(|| standing.to_string(), str::to_owned));
    }
    for (member, peer) in &view.peers {
        for (id, grant) in peer.trusted.consent().grants() {
            take("received", member, id, grant, standing::received(peer, id, grant, now).to_string());
        }
    }
    let denials = view.consent.denials().filter(|(_, denial)| wants_denial(&view, filter, denial));
    rows.extend(denials.map(|(id, denial)| denial_row(&view, id, denial, now)));
    rows
}

fn wants(node: &Node, view: &State, filter: &Filter, grant: &Grant) -> bool {
    let publisher = grant.origin.member;
    let dataset = |d| reaches(node, view, publisher, &grant.scope, d);
    concerns(&view.consent, filter, grant)
        && filter.dataset.as_ref().is_none_or(dataset)
        && filter.overlaps(begins(grant), grant.not_after)
}

/// Whether the member asked for gave it, or it reaches that member.
fn concerns(consent: &ConsentState, filter: &Filter, grant: &Grant) -> bool {
    filter.member.is_none_or(|m| m == grant.origin.member || consent.reaches(&grant.grantee, m))
}

fn wants_denial(view: &State, filter: &Filter, denial: &Denial) -> bool {
    filter.member.is_none_or(|m| m == view.me || denial.subject.is_none_or(|s| s == m))
        && filter.dataset.as_ref().is_none_or(|d| denial.dataset.as_ref().is_none_or(|own| own == d))
        && filter.overlaps(denial.declared_at, denial.until.unwrap_or(u64::MAX))
}

fn row(view: &State, direction: &str, from: &str, id: &ObjectId, grant: &Grant, state: String) -> Value {
    json!({
        "id": id.to_string(),
        "direction": direction,
        "from": from,
        "to": to(view, &grant.grantee),
        "datasets": scope_text(&grant.scope),
        "numbers": numbers(grant),
        "actions": joined(grant.actions.iter().map(|a| action_name(*a))),
        "purposes": grant.purposes.join(", "),
        "obligations": obligations(grant),
        "until": rfc3339(grant.not_after),
        "state": state,
    })
}

fn to(view: &State, grantee: &Grantee) -> String {
    match grantee {
        Grantee::Member(member) => code(view, member),
        Grantee::Circle(circle) => {
            let stated = view.consent.circles().stated(circle);
            format!("circle {}", stated.map_or_else(|| circle.short(), |(_, name)| name.to_owned()))
        }
        Grantee::AllMembers => "every member".into(),
    }
}

fn numbers(grant: &Grant) -> String {
    match (grant.from_number, grant.to_number) {
        (1, None) => "all".into(),
        (from, None) => format!("from {from}"),
        (from, Some(to)) if from == to => from.to_string(),
        (from, Some(to)) => format!("{from} to {to}"),
    }
}

/// What falls on the holder; a purge within seven days always does.
fn obligations(grant: &Grant) -> String {
    let duties = &grant.obligations;
    let mut said = vec![format!("purge within {}", span(grant.purge_by(0)))];
    if duties.retention_after_end_seconds != 0 {
        said.push(format!("erase {} after the end", span(duties.retention_after_end_seconds)));
    }
    if let Some(hash) = duties.terms_sha256 {
        said.push(format!("terms {}", hex::encode(&hash[..6])));
    }
    said.join("; ")
}

fn span(seconds: u64) -> String {
    if seconds.is_multiple_of(DAY_SECONDS) {
        format!("{} d", seconds / DAY_SECONDS)
    } else {
        format!("{seconds} s")
    }
}

fn denial_row(view: &State, id: &ObjectId, denial: &Denial, now: u64) -> Value {
    json!({
        "id": id.to_string(),
        "direction": "denial",
        "from": code(view, &view.me),
        "to": denial.subject.map_or_else(|| "every member".into(), |m| code(view, &m)),
        "datasets": denial.dataset.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
        "numbers": "all",
        "actions": "none",
        "purposes": "",
        "obligations": "",
        "until": denial.until.map(rfc3339),
        "state": if denial.until.is_some_and(|t| t <= now) { "ended" } else { "in force" },
    })
}
