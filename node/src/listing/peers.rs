//! Who is in the federation, how each is reached, and how this node itself is.

use serde_json::{Value, json};
use talanoa_proto::identity::Role;

use super::{code, codes, joined};
use crate::{
    clock::{Trust, rfc3339},
    node::Node,
    store::state::{Peer, State},
};

pub fn list(node: &Node) -> Vec<Value> {
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
        // Each that is valid, the newest first: while one replaces the other either may be shown.
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
            "fingerprint": joined(keys.iter().rev().map(|k| talanoa_client::tls::fingerprint(&k.0))),
            "last_contact": link.last_contact.map(rfc3339),
            "via": peer.follow.as_ref().and_then(|f| f.via).map(|via| code(&view, &via)),
            "origin_contact": link.origin_contact.map(rfc3339),
            "last_error": link.last_error,
            "evidence": peer.evidence.last(),
            "id": member.to_string(),
        }));
    }
    rows
}

/// What officers elsewhere need in order to know what they sign: the charter, and our own identity as it is now.
/// Nothing before there is a charter.
pub fn membership(node: &Node) -> Vec<Value> {
    let view = node.store.view();
    let (Some(charter), Some(me)) = (&view.charter, view.members.get(&node.me)) else { return Vec::new() };
    let card = json!({ "charter": charter.to_text(), "card": me.card().to_text(), "journal": view.size });
    vec![card]
}

/// Members who gave us something, or are followed, and were not heard since the start, themselves or by way of
/// another: what they took back meanwhile is not known here.
fn unheard(node: &Node, view: &State) -> Option<String> {
    let links = node.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let heard =
        |member| links.get(member).is_some_and(|l| l.last_contact.is_some() || l.origin_contact.is_some());
    let gave = |peer: &Peer| peer.follow.is_some() || !peer.offered.is_empty();
    let silent = view.peers.iter().filter(|(member, peer)| gave(peer) && !heard(member));
    let codes = codes(view, silent.map(|(member, _)| member));
    (!codes.is_empty())
        .then(|| format!("{codes}: what they took back since this node was last connected is not known"))
}

/// One object; `ready` decides the exit code of `talanoa status`.
pub fn status(node: &Node, warning: Option<String>) -> Value {
    let view = node.store.view();
    let me = view.members.get(&node.me);
    let ends = |role| node.key_ends_at(&view, role).map(rfc3339);
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
        "clock": match node.clock.trust() {
            Trust::Accepted => "accepted",
            Trust::Suspect => "suspect",
        },
        "time": rfc3339(node.now()),
        "machine_time": rfc3339(node.clock.wall()),
        "consent": view.consent_suspended.then_some("suspended: an own entry is damaged, talanoa repair"),
        "datasets": view.datasets.len(),
        "not_heard_since_start": unheard(node, &view),
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
