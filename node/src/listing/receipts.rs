//! Both sides: what we deleted and said so, and what others say that they deleted. Statements, not proofs.

use serde_json::{Value, json};
use talanoa_proto::{
    consent::ConsentState,
    entry::Declared,
    grant::{PurgeException, PurgeReceipt},
    id::{DatasetId, MemberId, ObjectId},
};

use super::{Filter, code, reaches, reference};
use crate::{
    clock::rfc3339,
    node::Node,
    store::state::{PurgeOrder, State, TakenReceipt},
};

pub fn list(node: &Node, filter: &Filter) -> Vec<Value> {
    let mut rows = given(node, filter);
    let orders = node.store.view().orders.clone();
    for (revocation, order) in orders {
        for (holder, taken) in &order.receipts {
            let wanted = taken.iter().filter(|t| wants(node, filter, *holder, &t.receipt, true));
            for TakenReceipt { id, receipt, .. } in wanted {
                let state = if receipt.more { "taken, more to come" } else { "taken" };
                rows.push(row(node, id, "received", holder, receipt, state));
            }
        }
        rows.extend(awaited(node, filter, &revocation, &order));
    }
    rows
}

/// By their index in our journal.
fn given(node: &Node, filter: &Filter) -> Vec<Value> {
    let own: Vec<(MemberId, u64, bool)> = {
        let view = node.store.view();
        let receipts = view.peers.iter().flat_map(|(m, p)| p.purges.values().map(move |purge| (m, purge)));
        receipts.flat_map(|(m, p)| p.receipts.iter().map(|(index, done)| (*m, *index, *done))).collect()
    };
    let row = |(member, index, delivered): (MemberId, u64, bool)| {
        let held = node.store.own_entry(index)?;
        let Declared::PurgeReceipt(id, receipt) = &held.declared else { return None };
        let state = if delivered { "delivered" } else { "to be delivered" };
        wants(node, filter, member, receipt, false).then(|| row(node, id, "given", &member, receipt, state))
    };
    own.into_iter().filter_map(row).collect()
}

fn awaited(node: &Node, filter: &Filter, revocation: &ObjectId, order: &PurgeOrder) -> Vec<Value> {
    let view = node.store.view();
    let (overdue, by) = (node.now() > order.purge_by, rfc3339(order.purge_by));
    let dataset = |d| grants_reach(node, &view, &view.consent, &order.grants, d);
    if !filter.wants_time(order.ordered_at) || !filter.dataset.as_ref().is_none_or(dataset) {
        return Vec::new();
    }
    let awaited = view.receipts_awaited(order).into_iter().filter(|m| filter.wants_member(&[*m]));
    awaited
        .map(|holder| {
            json!({
                "id": Value::Null,
                "direction": "awaited",
                "member": code(&view, &holder),
                "revocation": revocation.to_string(),
                "grants": strings(&order.grants),
                "releases": Value::Null,
                "bytes": Value::Null,
                "exceptions": Value::Null,
                "not_erased": [],
                "completed": Value::Null,
                "state": if overdue { format!("overdue since {by}") } else { format!("due by {by}") },
            })
        })
        .collect()
}

fn wants(node: &Node, filter: &Filter, other: MemberId, receipt: &PurgeReceipt, ours: bool) -> bool {
    let dataset = |d| {
        let view = node.store.view();
        if ours {
            return concerns(node, &view, receipt, d);
        }
        // What we erased has no name here any more: the grants say what it was about.
        let consent = view.peers.get(&other).map(|p| p.trusted.consent());
        consent.is_some_and(|consent| grants_reach(node, &view, consent, &receipt.grants, d))
    };
    filter.wants_member(&[other])
        && filter.wants_time(receipt.completed_at)
        && filter.dataset.as_ref().is_none_or(dataset)
}

/// Whether a receipt taken here is about a dataset of ours: it names a release of it, or nothing at all and
/// the grants reach it.
pub fn concerns(node: &Node, view: &State, receipt: &PurgeReceipt, dataset: &DatasetId) -> bool {
    let mut named = receipt.releases.iter().filter_map(|(c, _)| node.store.own_release(c));
    if receipt.releases.is_empty() {
        return grants_reach(node, view, &view.consent, &receipt.grants, dataset);
    }
    named.any(|held| held.release().is_some_and(|r| r.dataset == *dataset))
}

pub fn grants_reach(
    node: &Node,
    view: &State,
    consent: &ConsentState,
    grants: &[ObjectId],
    dataset: &DatasetId,
) -> bool {
    let mut grants = grants.iter().filter_map(|id| consent.get(id));
    grants.any(|grant| reaches(node, view, grant.origin.member, &grant.scope, dataset))
}

fn row(
    node: &Node,
    id: &ObjectId,
    direction: &str,
    member: &MemberId,
    receipt: &PurgeReceipt,
    state: &str,
) -> Value {
    json!({
        "id": id.to_string(),
        "direction": direction,
        "member": code(&node.store.view(), member),
        "revocation": receipt.revocation.to_string(),
        "grants": strings(&receipt.grants),
        "releases": receipt.releases.len(),
        "bytes": receipt.releases.iter().fold(0, |sum: u64, (_, b)| sum.saturating_add(*b)),
        "exceptions": receipt.exceptions.len(),
        "not_erased": receipt.exceptions.iter().map(|e| exception(node, e)).collect::<Vec<_>>(),
        "completed": rfc3339(receipt.completed_at),
        "state": state,
    })
}

fn strings(ids: &[ObjectId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// A copy that people of the holder took out of its node. Ours has a name; of one that was erased here no more
/// is left than its commitment.
fn exception(node: &Node, exception: &PurgeException) -> Value {
    let own = node.store.own_release(&exception.commitment);
    let named = own.as_ref().and_then(|held| held.release()).map(|r| reference(node.code.as_str(), r));
    json!({
        "release": named.unwrap_or_else(|| exception.commitment.to_string()),
        "at": rfc3339(exception.at),
        "reason": exception.reason,
    })
}
