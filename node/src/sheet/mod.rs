//! The consent sheet: one page of plain language that an officer reads before she signs, and that anybody can
//! print of a grant later.
//!
//! ```text
//!   node, state ─▶ facts ─▶ page (pure) ◀─ texts, by language
//!   draft, charter ─┘
//! ```
//!
//! Each term says who sees to it: a node, mathematics, or people (PROTOCOL.md section 12).

mod drafted;
mod facts;
mod key;
mod layout;
mod members;
mod reach;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod texts;

use talanoa_proto::{entry::Declared, grant::Grant, id::ObjectId};

pub use members::Members;

use crate::{consent::find, node::Node, problem::Problem, store::state::State};

/// Of a grant that is there, given or received.
pub fn of(node: &Node, prefix: &str, lang: &str) -> Result<String, Problem> {
    let view = node.store.view();
    let received = view.peers.values().flat_map(|p| p.trusted.consent().grants());
    let mut found = received.filter(|(id, _)| id.to_string().starts_with(prefix));
    match (find::grant(&view, prefix), found.next(), found.next()) {
        (Ok(id), None, _) => {
            let grant = view.consent.get(&id).ok_or_else(|| Problem::internal("a grant is gone"))?;
            Ok(of_grant(node, &view, grant, &id, lang))
        }
        (Err(_), Some((id, grant)), None) if prefix.len() >= find::DIGITS_MIN => {
            Ok(of_grant(node, &view, grant, id, lang))
        }
        (Err(problem), None, _) => Err(problem),
        (Err(problem), ..) if prefix.len() < find::DIGITS_MIN => Err(problem),
        _ => Err(Problem::bad_request("several grants begin with these digits: give more")),
    }
}

fn of_grant(node: &Node, view: &State, grant: &Grant, id: &ObjectId, lang: &str) -> String {
    let facts = facts::gather(node, view, grant, Some(id));
    terms::page(&facts, find::terms_of(node, view, grant).as_deref(), texts::of(lang))
}

/// What a draft says, and below it, of a grant, what it comes to today: that is not signed.
pub fn draft(node: &Node, view: &State, declared: &Declared, lang: &str) -> Result<String, Problem> {
    let (charter, me) =
        view.charter.as_ref().zip(view.members.get(&view.me)).ok_or_else(Problem::not_ready)?;
    let page = drafted::page(declared, &Members::new(charter, &me.identity), lang)
        .ok_or_else(|| Problem::internal("a draft of what nobody signs"))?;
    let Declared::Grant(_, grant) = declared else { return Ok(page) };
    let facts = facts::gather(node, view, grant, None);
    Ok(format!("{page}{BREAK}{}", terms::today(&facts, texts::of(lang))))
}

/// Between the page and what the node added.
const BREAK: &str = "\n\n";

/// A text that stands above a draft, as it may be shown: the page made anew of the object itself, and what follows
/// it in the text. `None` when the text does not begin with that page.
pub fn reread(declared: &Declared, members: &Members<'_>, text: &str) -> Option<(String, String)> {
    texts::languages().find_map(|lang| {
        let page = drafted::page(declared, members, lang)?;
        let rest = text.strip_prefix(&page)?;
        let rest = if rest.is_empty() { rest } else { rest.strip_prefix(BREAK)? };
        Some((page, shown(rest)))
    })
}

/// Words of others on a terminal: whatever drives one is made visible.
pub fn shown(text: &str) -> String {
    text.lines().map(texts::harmless).collect::<Vec<_>>().join("\n")
}
