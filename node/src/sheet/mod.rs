//! The consent sheet: one page of plain language that an officer reads before she signs, and that anybody can
//! print of a grant later.
//!
//! ```text
//!   node, state ─▶ facts ─▶ page (pure) ◀─ texts, by language
//! ```
//!
//! Each term says who sees to it: a node, mathematics, or people (PROTOCOL.md section 12).

mod facts;
mod key;
mod layout;
mod reach;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod texts;

use talanoa_proto::{
    application::Application,
    grant::Grant,
    id::{MemberId, ObjectId},
};

use crate::{consent::find, node::Node, problem::Problem, store::state::State};

/// Of a grant that is there, given or received.
pub fn of(node: &Node, prefix: &str, lang: &str) -> Result<String, Problem> {
    let view = node.store.view();
    let received = view.peers.values().flat_map(|p| p.trusted.consent().grants());
    let mut found = received.filter(|(id, _)| id.to_string().starts_with(prefix));
    match (find::grant(&view, prefix), found.next(), found.next()) {
        (Ok(id), None, _) => {
            let grant = view.consent.get(&id).ok_or_else(|| Problem::internal("a grant is gone"))?;
            page(node, &view, grant, Some(&id), lang)
        }
        (Err(_), Some((id, grant)), None) if prefix.len() >= 8 => page(node, &view, grant, Some(id), lang),
        (Err(problem), None, _) => Err(problem),
        (Err(problem), ..) if prefix.len() < 8 => Err(problem),
        _ => Err(Problem::bad_request("several grants begin with these digits: give more")),
    }
}

/// `id` is absent while it is a draft.
pub fn page(
    node: &Node,
    view: &State,
    grant: &Grant,
    id: Option<&ObjectId>,
    lang: &str,
) -> Result<String, Problem> {
    let facts = facts::gather(node, view, grant, id);
    Ok(terms::page(&facts, texts::of(lang)))
}

pub fn application(view: &State, application: &Application) -> String {
    let code = |member: &MemberId| find::code(view, member);
    key::page(application, &facts::party(view, application.origin.member), code, texts::of("en"))
}
