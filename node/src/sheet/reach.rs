//! Whom a grant reaches, and what: today, and later.

use talanoa_proto::{
    grant::{Grantee, Scope},
    release::Sensitivity,
};

use super::{
    facts::{Facts, Party, Shown},
    layout::{Mark, Page},
};
use crate::consent::denied::Denied;

pub fn named(party: &Party) -> String {
    if party.name.is_empty() || party.name == party.code {
        party.code.clone()
    } else {
        format!("{} ({})", party.code, party.name)
    }
}

pub fn who(page: &mut Page<'_>, facts: &Facts) {
    page.section("who.title");
    match (&facts.grant.grantee, &facts.circle) {
        (Grantee::Circle(_), Some((name, convener))) => {
            let values = [("name", &**name), ("convener", &named(convener))];
            page.term(Mark::Publisher, "who.circle", &values);
        }
        // Of a draft: its name is the convener's to change.
        (Grantee::Circle(id), None) => {
            page.term(Mark::Publisher, "who.circle_id", &[("id", &id.to_string())])
        }
        (Grantee::AllMembers, _) => page.term(Mark::Publisher, "who.everyone", &[]),
        _ => {}
    }
    if matches!(facts.grant.grantee, Grantee::Member(_)) {
        reached(page, facts);
    } else if facts.id.is_some() {
        page.say("who.today", &[]);
        reached(page, facts);
    }
    page.term(Mark::Proof, "who.identity", &[]);
}

fn reached(page: &mut Page<'_>, facts: &Facts) {
    for party in &facts.reached {
        let party_name = named(party);
        match &party.denied {
            Denied::Nothing => page.item("who.member", &[("party", &party_name)]),
            Denied::Everything => page.item("who.denied", &[("party", &party_name)]),
            Denied::Datasets(ids) => {
                let ids: Vec<&str> = ids.iter().map(|d| d.as_str()).collect();
                page.item("who.denied_datasets", &[("party", &party_name), ("datasets", &ids.join(", "))]);
            }
        }
    }
    if facts.reached.is_empty() {
        page.item("who.nobody", &[]);
    }
}

/// What a draft comes to today.
pub fn today(page: &mut Page<'_>, facts: &Facts) {
    page.section("who.title");
    if let Some((name, convener)) = &facts.circle {
        page.item("today.circle", &[("name", name), ("convener", &named(convener))]);
    }
    reached(page, facts);
    page.section("what.title");
    if !facts.datasets.is_empty() {
        page.item("what.datasets", &[("dataset", &classed(page, facts))]);
    }
    covered(page, facts);
}

pub fn what(page: &mut Page<'_>, facts: &Facts) {
    page.section("what.title");
    scope(page, facts);
    let (from, to) = (facts.grant.from_number, facts.grant.to_number);
    let key = match (from, to) {
        (1, None) => "what.numbers_all",
        (_, None) => "what.numbers_from",
        (from, Some(to)) if from == to => "what.numbers_one",
        _ => "what.numbers_range",
    };
    let to = to.unwrap_or_default().to_string();
    page.term(Mark::Publisher, key, &[("from", &from.to_string()), ("to", &to)]);
    let class = match (&facts.grant.scope, &facts.grant.grantee) {
        (Scope::Datasets(_), Grantee::Member(_)) => "what.class_member",
        (Scope::Datasets(_), _) => "what.class_group",
        _ => "what.class_wide",
    };
    page.term(Mark::Publisher, class, &[]);
    covered(page, facts);
}

fn scope(page: &mut Page<'_>, facts: &Facts) {
    match &facts.grant.scope {
        Scope::All => page.term(Mark::Publisher, "what.all", &[]),
        Scope::Themes(themes) => page.term(Mark::Publisher, "what.themes", &[("themes", &themes.join(", "))]),
        Scope::Datasets(_) => {
            let key = if facts.datasets.len() == 1 { "what.dataset" } else { "what.datasets" };
            page.term(Mark::Publisher, key, &[("dataset", &classed(page, facts))]);
        }
    }
}

fn classed(page: &Page<'_>, facts: &Facts) -> String {
    let texts = page.texts;
    let with_class = |(id, class): &(String, Option<Sensitivity>)| match class {
        // Of others we know what they offered, not what there is; a draft says what is signed.
        None if !facts.own => id.clone(),
        None => texts.fill("what.to_come", &[("dataset", id)]),
        Some(class) => {
            let class = texts.fill(class_key(*class), &[]);
            texts.fill("what.class", &[("dataset", id), ("class", &class)])
        }
    };
    facts.datasets.iter().map(with_class).collect::<Vec<_>>().join(", ")
}

fn class_key(class: Sensitivity) -> &'static str {
    match class {
        Sensitivity::Open => "class.open",
        Sensitivity::Official => "class.official",
        Sensitivity::Restricted => "class.restricted",
        Sensitivity::Sensitive => "class.sensitive",
    }
}

fn covered(page: &mut Page<'_>, facts: &Facts) {
    let Some(covered) = &facts.covered else { return };
    page.say(
        match (facts.own, covered.shown.is_empty()) {
            (true, true) => "what.covered_none",
            (true, false) => "what.covered",
            (false, true) => "what.offered_none",
            (false, false) => "what.offered",
        },
        &[],
    );
    for (name, title, shown) in &covered.shown {
        let key = match shown {
            Shown::Given => "what.release",
            Shown::Withdrawn => "what.withdrawn",
            Shown::Denied => "what.denied",
        };
        page.item(key, &[("ref", name), ("title", title)]);
    }
    if covered.more > 0 || covered.at_least {
        let key = if covered.at_least { "what.at_least" } else { "what.more" };
        page.item(key, &[("count", &covered.more.to_string())]);
    }
}
