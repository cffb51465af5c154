//! The page of a draft. Pure: the same object, members and language are the same page on every machine.

use talanoa_proto::{
    circle::Circle,
    entry::Declared,
    grant::{Denial, Grant, Grantee, LiftDenial, Scope},
};

use super::{facts::Facts, key, members::Members, terms, texts};
use crate::clock::rfc3339;

/// Of what officers sign; of anything else there is none.
pub fn page(declared: &Declared, members: &Members<'_>, lang: &str) -> Option<String> {
    match declared {
        Declared::Grant(_, grant) => Some(terms::page(&facts(grant, members), None, texts::of(lang))),
        Declared::Denial(_, denial) => Some(self::denial(denial, members)),
        Declared::LiftDenial(lift) => Some(self::lift(lift)),
        Declared::Circle(_, circle) => Some(self::circle(circle, members)),
        Declared::Application(_, application) => {
            let from = members.party(&application.origin.member);
            Some(key::page(application, &from, |member| members.code(member), texts::of("en")))
        }
        _ => None,
    }
}

/// Only what the grant itself says: who is in a circle and what is published changes from day to day.
fn facts(grant: &Grant, members: &Members<'_>) -> Facts {
    let reached = match &grant.grantee {
        Grantee::Member(member) => vec![members.party(member)],
        Grantee::Circle(_) | Grantee::AllMembers => Vec::new(),
    };
    let datasets = match &grant.scope {
        Scope::Datasets(ids) => ids.iter().map(|id| (id.to_string(), None)).collect(),
        Scope::All | Scope::Themes(_) => Vec::new(),
    };
    Facts {
        grant: grant.clone(),
        id: None,
        from: members.party(&grant.origin.member),
        officers: members.officers(),
        own: false,
        circle: None,
        reached,
        datasets,
        covered: None,
        relay_to: None,
        relay_hours: members.relay_hours(&grant.origin.member),
        stands: None,
    }
}

fn denial(denial: &Denial, members: &Members<'_>) -> String {
    let to = denial.subject.as_ref().map_or_else(|| "everybody".to_owned(), |m| members.code(m));
    let what = denial.dataset.as_ref().map_or("every dataset".to_owned(), ToString::to_string);
    let until = denial.until.map_or("it is lifted".to_owned(), rfc3339);
    format!("Denial: {to} gets nothing of {what} until {until}, whatever was granted.")
}

fn lift(lift: &LiftDenial) -> String {
    let ids: Vec<String> = lift.denials.iter().map(ToString::to_string).collect();
    format!("Lifted: grants that are in force count again against these denials:\n{}", ids.join("\n"))
}

fn circle(circle: &Circle, members: &Members<'_>) -> String {
    let codes: Vec<String> = circle.members.iter().map(|m| members.code(m)).collect();
    format!(
        "Circle {}, from now on: {}.\nWhoever is in it may do what any member grants to this circle.",
        texts::harmless(&format!("{:?}", circle.name)),
        codes.join(", ")
    )
}
