//! What is not issued: what this node would sign for and not enforce, and what could never give anything.

use talanoa_proto::{
    Code,
    application::Application,
    circle::Circle,
    grant::{Action, Denial, Grant, Grantee, LiftDenial, Scope},
    id::{MemberCode, ObjectId},
    release::Sensitivity,
};

use super::find;
use crate::{clock::rfc3339, problem::Problem, store::state::State};

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

/// One that is over would refuse nothing, and be taken for one that does.
pub fn denial(view: &State, denial: &Denial, now: u64) -> Result<(), Problem> {
    if denial.subject == Some(view.me) {
        return Err(Problem::bad_request("a denial of oneself: the node's own data needs no consent"));
    }
    if denial.until.is_some_and(|until| until <= now) {
        return Err(Problem::bad_request("it would be over before it begins: choose a later --until"));
    }
    Ok(())
}

pub fn lift(view: &State, lift: &LiftDenial) -> Result<(), Problem> {
    let known = |id: &&ObjectId| view.consent.denial(id).is_some();
    if let Some(unknown) = lift.denials.iter().find(|id| !known(id)) {
        let sentence = format!("no denial of ours has the id {}", unknown.short());
        return Err(Problem::new(Code::GrantUnknown, sentence).advise("talanoa grants lists them"));
    }
    if !view.consent.denials().any(|(id, _)| lift.denials.contains(id)) {
        return Err(Problem::bad_request("what it lifts was lifted already"));
    }
    Ok(())
}

/// What is granted to a name must not mean two things.
pub fn circle(view: &State, circle: &Circle) -> Result<(), Problem> {
    let name = circle.name.as_str();
    let taken = |why: &str| {
        let advice = "choose another name, with small letters in it";
        Err(Problem::bad_request(format!("a circle is not called {name:?}: {why}")).advise(advice))
    };
    if name == find::ALL_MEMBERS || name.parse::<MemberCode>().is_ok() {
        return taken("grants would take it for the code of a member, or for all members");
    }
    let circles = view.consent.circles();
    let named = |id: &&ObjectId| circles.stated(id).is_some_and(|(_, stated)| stated == name);
    let own = |id: &&ObjectId| circles.convener(id) == Some(view.me) && Some(**id) != circle.circle;
    match circles.ids().filter(named).find(own) {
        Some(other) => taken(&format!("{} of ours has that name; talanoa circle set", other.short())),
        None => Ok(()),
    }
}

/// Until when a holder must have erased: not before now, and not later than the grant's own bound.
pub fn purge_by(asked: u64, allowed: u64, now: u64) -> Result<u64, Problem> {
    match asked {
        0 => Ok(allowed),
        by if by <= now => Err(Problem::bad_request("that day is over: choose a later --by")),
        by if by > allowed => {
            let bound = rfc3339(allowed);
            Err(Problem::bad_request(format!("the purge must be done by {bound}, and --by ends later"))
                .advise("the grant says how long a purge may take, else it is 7 days: leave --by out, or choose an earlier day"))
        }
        by => Ok(by),
    }
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
