//! What people type, found: the first digits of an id, a name, a code.

use talanoa_proto::{
    Code,
    entry::Declared,
    grant::{Grant, Grantee},
    id::{MemberCode, MemberId, ObjectId},
};

use crate::{node::Node, problem::Problem, store::state::State};

/// Digits of an id that people must give at least.
pub const DIGITS_MIN: usize = 8;
/// The word for every member, where a grant says to whom.
pub const ALL_MEMBERS: &str = "all-members";

pub fn grant(view: &State, prefix: &str) -> Result<ObjectId, Problem> {
    one("grant", prefix, view.consent.grants().map(|(id, _)| *id), "talanoa grants lists them")
}

/// One that is in force.
pub fn denial(view: &State, prefix: &str) -> Result<ObjectId, Problem> {
    one("denial", prefix, view.consent.denials().map(|(id, _)| *id), "talanoa grants lists them")
}

/// An own one.
pub fn application(view: &State, prefix: &str) -> Result<ObjectId, Problem> {
    let own = view.applications.iter().filter(|(_, a)| a.origin.member == view.me);
    one("application", prefix, own.map(|(id, _)| *id), "talanoa applications lists them")
}

/// By name, or by the first digits of its id.
pub fn circle(view: &State, typed: &str) -> Result<ObjectId, Problem> {
    let circles = view.consent.circles();
    let named = |id: &&ObjectId| circles.stated(id).is_some_and(|(_, name)| name == typed);
    let by_name: Vec<&ObjectId> = circles.ids().filter(named).collect();
    match by_name.as_slice() {
        [id] => Ok(**id),
        [] => one("circle", typed, circles.ids().copied(), "talanoa circles lists them; follow its convener"),
        _ => Err(Problem::new(Code::GrantUnknown, format!("several circles are called {typed:?}"))
            .advise("give its id instead: talanoa circles")),
    }
}

/// A member's code, a circle, or `all-members`.
pub fn grantee(view: &State, typed: &str) -> Result<Grantee, Problem> {
    if typed == ALL_MEMBERS {
        return Ok(Grantee::AllMembers);
    }
    if let Some(member) = typed.parse::<MemberCode>().ok().and_then(|code| view.by_code(&code)) {
        return Ok(Grantee::Member(member));
    }
    let circles = view.consent.circles();
    let meant = |id: &ObjectId| {
        id.to_string().starts_with(typed) || circles.stated(id).is_some_and(|(_, name)| name == typed)
    };
    if !circles.ids().any(meant) {
        let sentence = format!("{typed:?} is neither a member of this federation nor a circle");
        return Err(Problem::bad_request(sentence).advise("talanoa peers, talanoa circles"));
    }
    circle(view, typed).map(Grantee::Circle)
}

pub fn code(view: &State, member: &MemberId) -> String {
    view.code_of(member).map_or_else(|| member.short(), ToString::to_string)
}

/// The text that a grant asks its reader to accept, given or received.
pub fn terms_of(node: &Node, view: &State, grant: &Grant) -> Option<String> {
    let hash = grant.obligations.terms_sha256?;
    let publisher = grant.origin.member;
    let declared = if publisher == view.me {
        node.store.own_entry(*view.terms.get(&hash)?)?.declared
    } else {
        node.store.foreign_entry(&publisher, *view.peers.get(&publisher)?.terms.get(&hash)?)?.declared
    };
    match declared {
        Declared::Terms(terms) => Some(terms.text),
        _ => None,
    }
}

fn one(
    what: &str,
    prefix: &str,
    ids: impl Iterator<Item = ObjectId>,
    list: &str,
) -> Result<ObjectId, Problem> {
    let mut found = ids.filter(|id| id.to_string().starts_with(prefix));
    let unknown = |sentence: String| {
        Err(Problem::new(Code::GrantUnknown, sentence)
            .advise(format!("{list}; give at least {DIGITS_MIN} digits")))
    };
    match (found.next(), found.next()) {
        (Some(id), None) if prefix.len() >= DIGITS_MIN => Ok(id),
        (Some(_), None) => unknown(format!("too few digits of a {what} id")),
        (Some(_), Some(_)) => unknown(format!("more than one {what} begins with that")),
        _ => unknown(format!("no {what} of ours has that id")),
    }
}
