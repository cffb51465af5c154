//! Circles, and the keys of applications.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use talanoa_proto::{
    application::Application,
    entry::Declared,
    grant::Grantee,
    id::{MemberId, ObjectId},
};

use super::{Filter, code, codes, joined, reaches, scope_text};
use crate::{clock::rfc3339, consent::action_name, node::Node, store::state::State};

pub fn circles(node: &Node, filter: &Filter) -> Vec<Value> {
    let view = node.store.view();
    let circles = view.consent.circles();
    let row = |id: &ObjectId| {
        let convener = circles.convener(id)?;
        let (seq, name) = circles.stated(id)?;
        let members: Vec<MemberId> = circles.members(id).collect();
        let concerned: Vec<MemberId> = members.iter().copied().chain([convener]).collect();
        let wanted = filter.wants_member(&concerned) && is_granted(node, &view, filter, id);
        wanted.then(|| {
            json!({
                "name": name,
                "id": id.to_string(),
                "convener": code(&view, &convener),
                "members": codes(&view, &members),
                "seq": seq,
                "you_are_in": members.contains(&view.me),
            })
        })
    };
    circles.ids().filter_map(row).collect()
}

/// A circle has to do with a dataset through the grants that name both.
fn is_granted(node: &Node, view: &State, filter: &Filter, circle: &ObjectId) -> bool {
    let Some(dataset) = &filter.dataset else { return true };
    let received = view.peers.values().flat_map(|p| p.trusted.consent().grants());
    view.consent.grants().chain(received).any(|(_, grant)| {
        grant.grantee == Grantee::Circle(*circle)
            && reaches(node, view, grant.origin.member, &grant.scope, dataset)
    })
}

pub fn applications(node: &Node, filter: &Filter) -> Vec<Value> {
    let view = node.store.view();
    let known = known_to(node, &view);
    let wanted = view.applications.iter().filter(|(_, a)| wants(node, &view, filter, a));
    let told = |id: &ObjectId| {
        let (_, members) = known.iter().find(|(known, _)| known == id)?;
        Some(codes(&view, members))
    };
    wanted.map(|(id, a)| row(&view, id, a, told(id), node.now())).collect()
}

fn wants(node: &Node, view: &State, filter: &Filter, application: &Application) -> bool {
    let (owner, origins, term) = (application.origin.member, &application.origins, application.term);
    let concerned = |m: MemberId| m == owner || origins.is_empty() || origins.contains(&m);
    // Whichever publisher it is at: a dataset has the same name there.
    let publishers: Vec<MemberId> =
        if origins.is_empty() { view.members.keys().copied().collect() } else { origins.clone() };
    let dataset = |d| publishers.iter().any(|p| reaches(node, view, *p, &application.scope, d));
    filter.member.is_none_or(concerned)
        && filter.dataset.as_ref().is_none_or(dataset)
        && filter.overlaps(term.not_before.max(term.effective_after), term.not_after)
}

fn row(view: &State, id: &ObjectId, a: &Application, known_to: Option<String>, now: u64) -> Value {
    let origins = || codes(view, &a.origins);
    json!({
        "name": a.name,
        "id": id.to_string(),
        "member": code(view, &a.origin.member),
        "origins": if a.origins.is_empty() { "all".into() } else { origins() },
        "datasets": scope_text(&a.scope),
        "actions": joined(a.actions.iter().map(|a| action_name(*a))),
        "purposes": a.purposes.join(", "),
        "until": rfc3339(a.term.not_after),
        "state": state(view, id, a, now),
        "known_to": known_to,
    })
}

fn state(view: &State, id: &ObjectId, application: &Application, now: u64) -> &'static str {
    let term = application.term;
    if view.ended_applications.contains(&(application.origin.member, *id)) {
        "taken back"
    } else if now >= term.not_after {
        "ended"
    } else if !term.holds(now) {
        "not yet"
    } else {
        "in force"
    }
}

/// Publishers that acknowledged an own key.
fn known_to(node: &Node, view: &State) -> Vec<(ObjectId, BTreeSet<MemberId>)> {
    let declared =
        |(index, members): (&u64, &BTreeSet<MemberId>)| match node.store.own_entry(*index)?.declared {
            Declared::Application(id, _) => Some((id, members.clone())),
            _ => None,
        };
    view.statement_entries.iter().filter_map(declared).collect()
}
