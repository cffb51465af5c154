//! One line per year and dataset of ours: what a minister reads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use talanoa_proto::{
    grant::{Grant, Scope},
    id::{DatasetId, MemberId, ObjectId},
};

use super::{Filter, application_name, audit::reads, codes, holders::revocations, joined, reaches, receipts};
use crate::{node::Node, store::state::State};

#[derive(Clone, Debug, Default)]
struct Line {
    readers: BTreeSet<MemberId>,
    applications: BTreeSet<ObjectId>,
    transfers: u64,
    /// As far as the end of each transfer is on record.
    bytes: u64,
    grants: u64,
    revocations: u64,
    receipts: u64,
    overdue: u64,
}

type Lines = BTreeMap<(i32, DatasetId), Line>;

pub fn list(node: &Node, filter: &Filter) -> Vec<Value> {
    let mut lines = Lines::new();
    add_reads(node, filter, &mut lines);
    let revoked = revocations(node);
    let view = node.store.view();
    add_grants(node, &view, filter, &revoked, &mut lines);
    add_receipts(node, &view, filter, &mut lines);
    let wanted = lines.iter().filter(|((_, dataset), _)| filter.wants_dataset(Some(dataset)));
    wanted.map(|((year, dataset), line)| row(&view, *year, dataset, line)).collect()
}

fn row(view: &State, year: i32, dataset: &DatasetId, line: &Line) -> Value {
    json!({
        "year": year,
        "dataset": dataset.to_string(),
        "readers": codes(view, &line.readers),
        "applications": joined(line.applications.iter().map(|id| application_name(view, id))),
        "transfers": line.transfers,
        "bytes": line.bytes,
        "grants": line.grants,
        "revocations": line.revocations,
        "receipts": line.receipts,
        "overdue": line.overdue,
    })
}

fn add_reads(node: &Node, filter: &Filter, lines: &mut Lines) {
    let wanted = |r: &super::audit::Read| filter.wants_member(&[r.reader]) && filter.wants_time(r.started);
    for read in reads(node).filter(|r| r.origin.is_none() && wanted(r)) {
        let Some(held) = node.store.own_release(&read.release) else { continue };
        let Some(release) = held.release() else { continue };
        let line = lines.entry((year(read.started), release.dataset.clone())).or_default();
        line.readers.insert(read.reader);
        line.applications.extend(read.application);
        line.transfers += 1;
        line.bytes += read.end.map_or(0, |(bytes, _)| bytes);
    }
}

/// Each grant counts in the year in which it was given, and in that in which it was taken back.
fn add_grants(
    node: &Node,
    view: &State,
    filter: &Filter,
    revoked: &BTreeMap<ObjectId, u64>,
    lines: &mut Lines,
) {
    let concerned = |g: &Grant| filter.member.is_none_or(|m| view.consent.reaches(&g.grantee, m));
    for (id, grant) in view.consent.grants().filter(|(_, g)| concerned(g)) {
        for dataset in datasets(node, view, &grant.scope) {
            if filter.wants_time(grant.not_before) {
                lines.entry((year(grant.not_before), dataset.clone())).or_default().grants += 1;
            }
            if let Some(at) = revoked.get(id).filter(|at| filter.wants_time(**at)) {
                lines.entry((year(*at), dataset)).or_default().revocations += 1;
            }
        }
    }
}

/// Receipts in the year of the purge that they state; those that are missing in the year in which they were due.
fn add_receipts(node: &Node, view: &State, filter: &Filter, lines: &mut Lines) {
    let now = node.now();
    for order in view.orders.values() {
        let taken = order.receipts.iter().filter(|(holder, _)| filter.wants_member(&[**holder]));
        let receipts = taken.flat_map(|(_, receipts)| receipts).map(|taken| &taken.receipt);
        for receipt in receipts.filter(|r| filter.wants_time(r.completed_at)) {
            let about = |d: &&DatasetId| receipts::concerns(node, view, receipt, d);
            for dataset in view.datasets.keys().filter(about) {
                let key = (year(receipt.completed_at), dataset.clone());
                lines.entry(key).or_default().receipts += 1;
            }
        }
        if now <= order.purge_by || !filter.wants_time(order.purge_by) {
            continue;
        }
        let awaited = view.receipts_awaited(order).into_iter().filter(|m| filter.wants_member(&[*m])).count();
        let about = |d: &&DatasetId| receipts::grants_reach(node, view, &view.consent, &order.grants, d);
        for dataset in view.datasets.keys().filter(about).filter(|_| awaited > 0) {
            let line = lines.entry((year(order.purge_by), dataset.clone())).or_default();
            line.overdue += awaited as u64;
        }
    }
}

/// Named ones also before anything is published.
fn datasets(node: &Node, view: &State, scope: &Scope) -> Vec<DatasetId> {
    match scope {
        Scope::Datasets(ids) => ids.clone(),
        scope => view.datasets.keys().filter(|d| reaches(node, view, view.me, scope, d)).cloned().collect(),
    }
}

fn year(seconds: u64) -> i32 {
    let time = i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    time.map_or(0, |t| t.year())
}
