//! The consent sheet: one page of plain language that officers read before they sign.

use talanoa_proto::{
    application::Application,
    grant::{Grant, Scope},
    id::ObjectId,
};

use crate::{
    clock::rfc3339,
    consent::{action_name, find},
    node::Node,
    problem::Problem,
    store::state::State,
};

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
        (Err(problem), _, _) => Err(problem),
        (Ok(_), _, _) => Err(Problem::bad_request("several grants begin with these digits: give more")),
    }
}

pub fn page(
    _node: &Node,
    view: &State,
    grant: &Grant,
    _id: Option<&ObjectId>,
    _lang: &str,
) -> Result<String, Problem> {
    let what = match &grant.scope {
        Scope::All => {
            "every dataset, later ones too, except those classed restricted or sensitive".to_owned()
        }
        Scope::Datasets(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Scope::Themes(themes) => themes.join(", "),
    };
    let actions: Vec<&str> = grant.actions.iter().map(|a| action_name(*a)).collect();
    let to = crate::consent::draft::reached(view, &grant.grantee);
    let to: Vec<String> = to.iter().map(|m| find::code(view, m)).collect();
    Ok(format!(
        "Who:   {}\nWhat:  {what}\nMay:   {}\nWhy:   {}\nUntil: {} (exclusive)",
        to.join(", "),
        actions.join(", "),
        grant.purposes.join(", "),
        rfc3339(grant.not_after)
    ))
}

pub fn application(_view: &State, application: &Application) -> String {
    format!("Application {:?} until {}", application.name, rfc3339(application.term.not_after))
}
