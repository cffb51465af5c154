//! Whom a grant reaches, and what: today, and later.

use talanoa_proto::{
    grant::{Grantee, Scope},
    release::Sensitivity,
};

use super::{
    facts::{Facts, Party},
    layout::{Mark, Page},
};

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
        (Grantee::AllMembers, _) => page.term(Mark::Publisher, "who.everyone", &[]),
        _ => {}
    }
    if !matches!(facts.grant.grantee, Grantee::Member(_)) {
        page.say("who.today", &[]);
    }
    for party in &facts.reached {
        let key = if party.denied { "who.denied" } else { "who.member" };
        page.item(key, &[("party", &named(party))]);
    }
    if facts.reached.is_empty() {
        page.item("who.nobody", &[]);
    }
    page.term(Mark::Proof, "who.identity", &[]);
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
            let texts = page.texts;
            let with_class = |(id, class): &(String, Option<Sensitivity>)| match class {
                // Of others we know what they offered, not what there is.
                None if !facts.own => id.clone(),
                None => texts.fill("what.to_come", &[("dataset", id)]),
                Some(class) => {
                    let class = texts.fill(class_key(*class), &[]);
                    texts.fill("what.class", &[("dataset", id), ("class", &class)])
                }
            };
            let names: Vec<String> = facts.datasets.iter().map(with_class).collect();
            let key = if names.len() == 1 { "what.dataset" } else { "what.datasets" };
            page.term(Mark::Publisher, key, &[("dataset", &names.join(", "))]);
        }
    }
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
    let covered = &facts.covered;
    page.say(
        match (facts.own, covered.shown.is_empty()) {
            (true, true) => "what.covered_none",
            (true, false) => "what.covered",
            (false, true) => "what.offered_none",
            (false, false) => "what.offered",
        },
        &[],
    );
    for (name, title, withdrawn) in &covered.shown {
        let key = if *withdrawn { "what.withdrawn" } else { "what.release" };
        page.item(key, &[("ref", name), ("title", title)]);
    }
    if covered.more > 0 || covered.at_least {
        let key = if covered.at_least { "what.at_least" } else { "what.more" };
        page.item(key, &[("count", &covered.more.to_string())]);
    }
}
