//! What people ask a node: each listing is an array of objects, the same for eyes and for programs.

use serde_json::{Value, json};
use talanoa_proto::{
    entry::Declared,
    grant::{Grant, Grantee, Scope},
    id::{MemberId, ObjectId},
    identity::Role,
    release::{Release, ReleaseKind},
    wire::ListRequest,
};

use crate::{
    clock::rfc3339,
    consent::action_name,
    node::Node,
    problem::Problem,
    store::{
        records::Record,
        state::{Peer, State},
    },
};

pub fn list(node: &Node, request: &ListRequest) -> Result<Vec<Value>, Problem> {
    match request.what.as_str() {
        "releases" => Ok(releases(node)),
        "catalogue" => Ok(catalogue(node)),
        "grants" => Ok(grants(node)),
        "receipts" => Ok(receipts(node)),
        "audit" => Ok(audit(node)),
        "peers" => Ok(peers(node)),
        other => Err(Problem::bad_request(format!("no listing is called {other:?}"))),
    }
}

/// A listing as it stands, nothing left out.
pub fn named(node: &Node, what: &str) -> Result<Vec<Value>, Problem> {
    list(node, &ListRequest { what: what.to_owned(), ..ListRequest::default() })
}

fn code(view: &State, member: &MemberId) -> String {
    view.code_of(member).map_or_else(|| member.short(), ToString::to_string)
}

fn title(release: &Release) -> &str {
    let titles = &release.description.titles;
    titles.iter().find(|(lang, _)| lang == "en").or(titles.first()).map_or("", |(_, text)| text)
}

fn kind(release: &Release) -> &'static str {
    match release.kind {
        ReleaseKind::Table => "table",
        ReleaseKind::Document => "document",
        ReleaseKind::Practice => "practice",
        ReleaseKind::Alert => "alert",
    }
}

fn period(release: &Release) -> String {
    let d = &release.description;
    if d.period_first == d.period_last {
        d.period_first.clone()
    } else {
        format!("{} to {}", d.period_first, d.period_last)
    }
}

fn release_row(member: &str, release: &Release) -> Value {
    json!({
        "ref": format!("{member}/{}@{}", release.dataset, release.number),
        "title": title(release),
        "kind": kind(release),
        "files": release.distributions.len(),
        "bytes": release.bytes(),
        "observations": release.distributions.iter().map(|d| d.observations).sum::<u64>(),
        "period": period(release),
        "published": rfc3339(release.published_at),
    })
}

fn with(mut row: Value, fields: &[(&str, Value)]) -> Value {
    if let Some(object) = row.as_object_mut() {
        for (name, value) in fields {
            object.insert((*name).to_owned(), value.clone());
        }
    }
    row
}

fn state_of_release(view: &State, commitment: &talanoa_proto::id::Commitment) -> Option<String> {
    match view.withdrawn.get(commitment)? {
        None => Some("withdrawn".into()),
        Some(number) => Some(format!("corrected by {number}")),
    }
}

fn releases(node: &Node) -> Vec<Value> {
    let datasets: Vec<_> = node.store.view().datasets.keys().cloned().collect();
    let indexes = datasets.iter().flat_map(|d| node.store.index().own_numbers(d));
    let held = indexes.filter_map(|index| node.store.own_entry(index));
    held.filter_map(|held| {
        let row = release_row(node.code.as_str(), held.release()?);
        let state =
            state_of_release(&node.store.view(), &held.commitment).unwrap_or_else(|| "published".into());
        Some(with(
            row,
            &[
                ("state", state.into()),
                ("entry", held.index.into()),
                ("commitment", held.commitment.to_string().into()),
            ],
        ))
    })
    .collect()
}

/// What other members offer us, and what of it is here.
fn catalogue(node: &Node) -> Vec<Value> {
    let members: Vec<(MemberId, String)> = {
        let view = node.store.view();
        view.peers.keys().map(|m| (*m, code(&view, m))).collect()
    };
    let mut rows = Vec::new();
    for (member, code) in members {
        for index in node.store.index().foreign_releases(&member) {
            let Some(held) = node.store.foreign_entry(&member, index) else { continue };
            let Some(release) = held.release() else { continue };
            let view = node.store.view();
            let live = view.peers.get(&member).and_then(|p| p.trusted.grant_for(release));
            let here = if node.store.shelf().holds(&held.commitment) { "held" } else { "offered" };
            let state = state_of_release(&view, &held.commitment).unwrap_or_else(|| here.to_owned());
            let grant = live.map(|id| id.to_string());
            let fields = [
                ("state", state.into()),
                ("grant", grant.into()),
                ("entry", index.into()),
                ("commitment", held.commitment.to_string().into()),
            ];
            rows.push(with(release_row(&code, release), &fields));
        }
    }
    rows
}

fn grants(node: &Node) -> Vec<Value> {
    let view = node.store.view();
    let now = node.now();
    let mut rows = Vec::new();
    for (id, grant) in view.consent.grants() {
        let state = own_grant_state(&view, id, grant, now);
        rows.push(grant_row(&view, "given", &code(&view, &view.me), id, grant, state));
    }
    for (member, peer) in &view.peers {
        for (id, grant) in peer.trusted.consent().grants() {
            let state = received_grant_state(peer, id, grant, now);
            rows.push(grant_row(&view, "received", &code(&view, member), id, grant, state));
        }
    }
    for (id, denial) in view.consent.denials() {
        rows.push(json!({
            "id": id.to_string(),
            "direction": "denial",
            "from": code(&view, &view.me),
            "to": denial.subject.map(|m| code(&view, &m)).unwrap_or_else(|| "every member".into()),
            "datasets": denial.dataset.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            "actions": "none",
            "purposes": "",
            "until": denial.until.map(rfc3339),
            "state": if denial.until.is_some_and(|t| t <= now) { "ended" } else { "in force" },
        }));
    }
    rows
}

fn grant_row(
    view: &State,
    direction: &str,
    from: &str,
    id: &ObjectId,
    grant: &Grant,
    state: String,
) -> Value {
    json!({
        "id": id.to_string(),
        "direction": direction,
        "from": from,
        "to": match &grant.grantee {
            Grantee::Member(member) => code(view, member),
            Grantee::Circle(circle) => format!("circle {}", circle.short()),
            Grantee::AllMembers => "every member".into(),
        },
        "datasets": match &grant.scope {
            Scope::All => "all".to_owned(),
            Scope::Datasets(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Scope::Themes(themes) => format!("themes {}", themes.join(", ")),
        },
        "actions": grant.actions.iter().map(|a| action_name(*a)).collect::<Vec<_>>().join(", "),
        "purposes": grant.purposes.join(", "),
        "until": rfc3339(grant.not_after),
        "state": state,
    })
}

fn own_grant_state(view: &State, id: &ObjectId, grant: &Grant, now: u64) -> String {
    if view.consent.revocation_of(id).is_none() {
        return by_time(grant, now);
    }
    let mut orders = view.orders.iter().filter(|(_, o)| o.grants.contains(id));
    let Some((_, order)) = orders.next_back() else { return "revoked".into() };
    match (view.receipts_awaited(order).is_empty(), now > order.purge_by) {
        (true, _) => "revoked, purge confirmed".into(),
        (false, false) => format!("revoked, purge pending until {}", rfc3339(order.purge_by)),
        (false, true) => format!("revoked, purge overdue since {}", rfc3339(order.purge_by)),
    }
}

fn received_grant_state(peer: &Peer, id: &ObjectId, grant: &Grant, now: u64) -> String {
    if peer.trusted.consent().revocation_of(id).is_none() {
        return by_time(grant, now);
    }
    match peer.purges.values().find(|p| p.grants.contains(id)) {
        None => "revoked".into(),
        Some(p) if p.complete && p.receipts.values().all(|done| *done) => {
            "revoked, purged, receipt delivered".into()
        }
        Some(p) if p.complete => "revoked, purged, receipt under way".into(),
        Some(_) => "revoked, purge under way".into(),
    }
}

fn by_time(grant: &Grant, now: u64) -> String {
    if now < grant.not_before {
        "not yet".into()
    } else if now >= grant.not_after {
        "ended".into()
    } else {
        "in force".into()
    }
}

/// Both sides: what we deleted and said so, and what others say that they deleted. Statements, not proofs.
fn receipts(node: &Node) -> Vec<Value> {
    let mut rows = Vec::new();
    let (own, orders) = {
        let view = node.store.view();
        let own: Vec<(MemberId, u64, bool)> = view
            .peers
            .iter()
            .flat_map(|(m, p)| {
                p.purges.values().flat_map(|purge| &purge.receipts).map(|(index, done)| (*m, *index, *done))
            })
            .collect();
        (own, view.orders.clone())
    };
    for (member, index, delivered) in own {
        let Some(held) = node.store.own_entry(index) else { continue };
        let Declared::PurgeReceipt(id, receipt) = &held.declared else { continue };
        let state = if delivered { "delivered" } else { "to be delivered" };
        rows.push(receipt_row(node, id, "given", &member, receipt, state.into()));
    }
    for (revocation, order) in orders {
        for (holder, taken) in &order.receipts {
            for (id, receipt) in taken {
                let state = if receipt.more { "taken, more to come" } else { "taken" };
                rows.push(receipt_row(node, id, "received", holder, receipt, state.into()));
            }
        }
        let view = node.store.view();
        for holder in view.receipts_awaited(&order) {
            let overdue = node.now() > order.purge_by;
            rows.push(json!({
                "id": Value::Null,
                "direction": "awaited",
                "member": code(&view, &holder),
                "revocation": revocation.to_string(),
                "releases": Value::Null,
                "bytes": Value::Null,
                "exceptions": Value::Null,
                "completed": Value::Null,
                "state": if overdue { format!("overdue since {}", rfc3339(order.purge_by)) } else { format!("due by {}", rfc3339(order.purge_by)) },
            }));
        }
    }
    rows
}

fn receipt_row(
    node: &Node,
    id: &ObjectId,
    direction: &str,
    member: &MemberId,
    receipt: &talanoa_proto::grant::PurgeReceipt,
    state: String,
) -> Value {
    json!({
        "id": id.to_string(),
        "direction": direction,
        "member": code(&node.store.view(), member),
        "revocation": receipt.revocation.to_string(),
        "releases": receipt.releases.len(),
        "bytes": receipt.releases.iter().map(|(_, b)| b).sum::<u64>(),
        "exceptions": receipt.exceptions.len(),
        "completed": rfc3339(receipt.completed_at),
        "state": state,
    })
}

/// Who read what of ours, under which grant.
fn audit(node: &Node) -> Vec<Value> {
    let mut rows = Vec::new();
    for access in node.store.index().accesses_by_time().filter_map(|at| node.store.access(at)) {
        let release = talanoa_proto::id::Commitment::from_slice(&access.release).ok();
        let held = release.and_then(|c| node.store.own_release(&c));
        let name = held
            .as_ref()
            .and_then(|h| h.release())
            .map(|r| format!("{}/{}@{}", node.code, r.dataset, r.number));
        let end = node.store.index().access_end(&access.transfer).and_then(|at| node.store.record(at));
        let (bytes, outcome) = match end {
            Some(Record::AccessEnded(end)) => (json!(end.bytes), end.outcome),
            // The end was lost, or has not come: said as what it is.
            _ => (Value::Null, "at most all of it".to_owned()),
        };
        let reader = MemberId::from_slice(&access.reader).ok().map(|m| code(&node.store.view(), &m));
        rows.push(json!({
            "ref": name,
            "reader": reader,
            "started": rfc3339(access.started),
            "bytes": bytes,
            "outcome": outcome,
            "purpose": access.purpose,
            "grant": hex::encode(&access.grant),
        }));
    }
    rows
}

fn peers(node: &Node) -> Vec<Value> {
    let view = node.store.view();
    let links = node.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    let mut rows = Vec::new();
    for (member, peer) in &view.peers {
        let link = links.get(member).cloned().unwrap_or_default();
        let observer =
            view.charter.as_ref().and_then(|c| c.charter.member(member)).is_some_and(|m| m.observer);
        let state = match (&peer.follow, link.connected, link.caught_up) {
            (None, _, _) => "not followed",
            (Some(_), true, true) => "up to date",
            (Some(_), true, false) => "catching up",
            (Some(_), false, _) => "not reached",
        };
        let keys = view.members.get(member).map(|m| m.identity.node_keys_at(node.now())).unwrap_or_default();
        rows.push(json!({
            "member": code(&view, member),
            "name": view.members.get(member).map(|m| m.identity.name().to_owned()),
            "role": if observer { "observer" } else { "member" },
            "address": view.address_of(member),
            "state": state,
            "offers": peer.offered.len(),
            "journal": peer.trusted.known_size(),
            "denied": view.consent.is_denied(*member, None, node.now()),
            "fingerprint": keys.first().map(|k| talanoa_client::tls::fingerprint(&k.0)),
            "last_contact": link.last_contact.map(rfc3339),
            "last_error": link.last_error,
            "evidence": peer.evidence.last(),
            "id": member.to_string(),
        }));
    }
    rows
}

/// One object; `ready` decides the exit code of `talanoa status`.
pub fn status(node: &Node, warning: Option<String>) -> Value {
    let view = node.store.view();
    let me = view.members.get(&node.me);
    let ends = |role| me.and_then(|m| m.identity.role_ends_at(role)).map(rfc3339);
    let checkpoint = node.store.checkpoint();
    json!({
        "member": node.code.as_str(),
        "member_id": node.me.to_string(),
        "name": me.map(|m| m.identity.name()),
        "federation": view.federation().map(|f| f.to_string()),
        "federation_name": view.charter.as_ref().map(|c| c.charter.name.clone()),
        "listen": node.settings.listen.to_string(),
        "ready": view.charter.is_some(),
        "journal": checkpoint.checkpoint().size,
        "root": hex::encode(checkpoint.checkpoint().root),
        "signing": node.store.signing().name(),
        "consent": view.consent_suspended.then_some("suspended: an own entry is damaged, talanoa repair"),
        "datasets": view.datasets.len(),
        "following": view.peers.values().filter(|p| p.follow.is_some()).count(),
        "node_key": talanoa_client::tls::fingerprint(&node.key.verifying_key().to_bytes()),
        "node_key_ends": ends(Role::Node),
        "consent_key_ends": ends(Role::Consent),
        "receipts_owed": view.receipts_owed().len(),
        "feed_visited": node.feed_visited.load(std::sync::atomic::Ordering::Relaxed),
        "started": rfc3339(node.started_at),
        "software": env!("CARGO_PKG_VERSION"),
        "warning": warning,
    })
}
