//! What is not issued: what this node would sign for and not enforce, and what could never give anything.

use talanoa_proto::{
    Code,
    application::Application,
    grant::{Action, Grant, Grantee, Scope},
    release::Sensitivity,
};

use crate::{problem::Problem, store::state::State};

/// Asked before the shape is: a date that was mistyped deserves a sentence of its own.
pub fn lasts(not_after: u64, effective_after: u64, now: u64) -> Result<(), Problem> {
    if not_after > now.max(effective_after) {
        return Ok(());
    }
    Err(Problem::bad_request("it would have ended before it begins: choose a later --until"))
}

pub fn grant(view: &State, grant: &Grant, now: u64) -> Result<(), Problem> {
    grantee(view, &grant.grantee)?;
    words(view, &grant.purposes, &grant.scope)?;
    lasts(grant.not_after, grant.effective_after, now)?;
    if let Some(earlier) = grant.supersedes
        && view.consent.get(&earlier).is_none()
    {
        return Err(Problem::new(Code::GrantUnknown, "the grant to be replaced is none of ours"));
    }
    classes(view, grant)
}

/// The member's own rights are what other members gave: a key beyond them opens nothing, so it is not refused.
pub fn application(view: &State, application: &Application, now: u64) -> Result<(), Problem> {
    words(view, &application.purposes, &application.scope)?;
    lasts(application.term.not_after, 0, now)?;
    let taken = |key| view.members.values().any(|m| m.identity.node_keys_at(now).contains(key));
    let known = view.applications.values().any(|a| a.key == application.key);
    if taken(&application.key) || known {
        return Err(Problem::bad_request("that key is in use already: an application has one of its own"));
    }
    Ok(())
}

pub fn grantee(view: &State, grantee: &Grantee) -> Result<(), Problem> {
    match grantee {
        Grantee::Member(to) if *to == view.me => {
            Err(Problem::bad_request("a grant to oneself: the node's own data needs no consent"))
        }
        Grantee::Member(to) if !view.members.contains_key(to) => {
            Err(Problem::bad_request("the grantee is not a member of this federation"))
        }
        Grantee::Circle(circle) if view.consent.circles().convener(circle).is_none() => {
            Err(Problem::bad_request("that circle is not known here: follow its convener first"))
        }
        _ => Ok(()),
    }
}

/// What is asked for is asked for a purpose of the charter. Empty: the default one.
pub fn purpose(view: &State, purpose: &str) -> Result<(), Problem> {
    if purpose.is_empty() { Ok(()) } else { words(view, &[purpose.to_owned()], &Scope::All) }
}

fn words(view: &State, purposes: &[String], scope: &Scope) -> Result<(), Problem> {
    let Some(file) = &view.charter else { return Err(Problem::not_ready()) };
    let charter = &file.charter;
    let themes: &[String] = if let Scope::Themes(themes) = scope { themes } else { &[] };
    for (what, used, known) in [("purpose", purposes, &charter.purposes), ("theme", themes, &charter.themes)]
    {
        if let Some(unknown) = used.iter().find(|word| !known.contains(word)) {
            let problem =
                Problem::new(Code::GrantUnsupported, format!("{what} {unknown:?} is not in the charter"));
            return Err(problem.advise(format!("known {what}s: {}", known.join(", "))));
        }
    }
    Ok(())
}

/// What is sensitive goes to members named one by one, and is never carried.
fn classes(view: &State, grant: &Grant) -> Result<(), Problem> {
    let Scope::Datasets(datasets) = &grant.scope else { return Ok(()) };
    let class = |d| view.datasets.get(d).map(|head| head.sensitivity);
    let Some(dataset) = datasets.iter().find(|d| class(*d) == Some(Sensitivity::Sensitive)) else {
        return Ok(());
    };
    if !matches!(grant.grantee, Grantee::Member(_)) {
        return Err(Problem::bad_request(format!(
            "{dataset} is classed sensitive: it goes to members named one by one, not to a circle or to all"
        )));
    }
    if grant.actions.contains(&Action::Relay) {
        return Err(Problem::bad_request(format!("{dataset} is classed sensitive: it is never relayed")));
    }
    Ok(())
}
