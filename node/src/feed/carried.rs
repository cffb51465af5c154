//! What a relay is shown of the consent of others (PROTOCOL.md section 8, "Relay"): enough to judge whether
//! a reader may have what it carries, and to stop when that ends. The consent sheet says so.

use talanoa_proto::{
    grant::{Action, Denial, Grant, Revocation, Scope},
    release::Sensitivity,
};

use super::Reader;
use crate::{node::Node, store::state::State};

/// Grants of ours by which that reader carries, now.
fn carries<'a>(node: &Node, view: &'a State, reader: &Reader) -> impl Iterator<Item = &'a Grant> {
    // An application reads for its member and carries for nobody.
    let carries = reader.application.is_none();
    let live = view.consent.live_grants(reader.member, node.now()).map(|(_, grant)| grant);
    live.filter(move |grant| carries && grant.actions.contains(&Action::Relay))
}

pub fn sees_grant(node: &Node, view: &State, reader: &Reader, grant: &Grant) -> bool {
    carries(node, view, reader).any(|carried| meet(view, &carried.scope, &grant.scope))
}

pub fn sees_revocation(node: &Node, view: &State, reader: &Reader, revocation: &Revocation) -> bool {
    let grants = revocation.grants.iter().filter_map(|id| view.consent.get(id));
    grants.into_iter().any(|grant| sees_grant(node, view, reader, grant))
}

pub fn sees_denial(node: &Node, view: &State, reader: &Reader, denial: &Denial) -> bool {
    let about = denial.dataset.clone().map_or(Scope::All, |dataset| Scope::Datasets(vec![dataset]));
    let whole = denial.dataset.is_none();
    carries(node, view, reader).any(|carried| whole || meet(view, &carried.scope, &about))
}

/// Whether two scopes can reach one dataset. Themes are not followed to manifests here: they may meet.
pub fn meet(view: &State, carried: &Scope, other: &Scope) -> bool {
    let reached =
        |dataset| view.datasets.get(dataset).is_some_and(|head| head.sensitivity < Sensitivity::Restricted);
    match (carried, other) {
        (Scope::Datasets(a), Scope::Datasets(b)) => a.iter().any(|dataset| b.contains(dataset)),
        (_, Scope::Datasets(named)) | (Scope::Datasets(named), _) => named.iter().any(reached),
        _ => true,
    }
}
