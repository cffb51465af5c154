//! What people ask a node: each listing is an array of objects, the same for eyes and for programs.

mod audit;
mod filter;
mod grants;
mod groups;
mod holders;
mod peers;
mod receipts;
mod releases;
mod yearly;

use serde_json::Value;
use talanoa_proto::{
    grant::Scope,
    id::{DatasetId, MemberId, ObjectId},
    release::Release,
    wire::ListRequest,
};

use crate::{consent::find::code, node::Node, problem::Problem, store::state::State};
use filter::Filter;
pub use peers::status;
pub use releases::{newest, title};

pub fn list(node: &Node, request: &ListRequest) -> Result<Vec<Value>, Problem> {
    let filter = Filter::new(node, request)?;
    match request.what.as_str() {
        "releases" => Ok(releases::own(node, &filter)),
        "catalogue" => Ok(releases::offered(node, &filter)),
        "grants" => Ok(grants::list(node, &filter)),
        "holders" => Ok(holders::list(node, &filter)),
        "circles" => Ok(groups::circles(node, &filter)),
        "applications" => Ok(groups::applications(node, &filter)),
        "receipts" => Ok(receipts::list(node, &filter)),
        "audit" => Ok(audit::list(node, &filter)),
        "audit-yearly" => Ok(yearly::list(node, &filter)),
        "peers" => Ok(peers::list(node)),
        "membership" => Ok(peers::membership(node)),
        other => Err(Problem::bad_request(format!("no listing is called {other:?}"))),
    }
}

/// A listing as it stands, nothing left out.
pub fn named(node: &Node, what: &str) -> Result<Vec<Value>, Problem> {
    list(node, &ListRequest { what: what.to_owned(), ..ListRequest::default() })
}

fn scope_text(scope: &Scope) -> String {
    match scope {
        Scope::All => "all".to_owned(),
        Scope::Datasets(ids) => joined(ids),
        Scope::Themes(themes) => format!("themes {}", themes.join(", ")),
    }
}

fn joined(items: impl IntoIterator<Item: ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// As people look for them.
fn codes<'a>(view: &State, members: impl IntoIterator<Item = &'a MemberId>) -> String {
    let mut codes: Vec<String> = members.into_iter().map(|m| code(view, m)).collect();
    codes.sort();
    codes.join(", ")
}

/// The name of an application, as far as this node was told.
fn application_name(view: &State, id: &ObjectId) -> String {
    view.applications.get(id).map_or_else(|| id.to_string(), |a| a.name.clone())
}

fn reference(code: &str, release: &Release) -> String {
    format!("{code}/{}@{}", release.dataset, release.number)
}

/// Whether a scope reaches a dataset of that member, as its newest release stands. Of one that is not there
/// yet, nothing is restricted.
pub fn reaches(node: &Node, view: &State, publisher: MemberId, scope: &Scope, dataset: &DatasetId) -> bool {
    use talanoa_proto::{consent::covers, release::Sensitivity};
    match newest(node, view, publisher, dataset) {
        Some(r) => covers(scope, dataset, &r.description.themes, r.sensitivity),
        None => covers(scope, dataset, &[], Sensitivity::Official),
    }
}
