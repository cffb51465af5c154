//! What a grant says, term by term. Pure: the same facts in the same language are the same page.

use talanoa_proto::grant::{Action, Grant, Term};

use super::{
    facts::Facts,
    layout::{Mark, Page},
    reach::{self, named, what, who},
    state,
    texts::{Texts, date},
};

const DAY_SECONDS: u64 = 86_400;

pub fn page(facts: &Facts, terms: Option<&str>, texts: &Texts) -> String {
    let (grant, from) = (&facts.grant, &facts.from.code);
    let mut page = Page::new(texts, "page.title");
    let named = named(&facts.from);
    match facts.id.map(|id| id.to_string()) {
        None => page.say("page.draft", &[("from", &named)]),
        Some(id) if facts.own => page.say("page.given", &[("id", &id), ("from", &named)]),
        Some(id) => page.say("page.received", &[("id", &id), ("from", &named)]),
    }
    if let Some(stands) = &facts.stands {
        state::write(&mut page, stands, &facts.reached);
    }
    who(&mut page, facts);
    what(&mut page, facts);
    may(&mut page, facts);
    why(&mut page, &grant.purposes);
    when(&mut page, grant.term());
    page.term(Mark::Publisher, "when.revocable", &[("from", from)]);
    after(&mut page, grant);
    signed(&mut page, facts);
    if let Some(text) = terms {
        page.section("words.title");
        page.quote(text);
    }
    page.legend()
}

/// What a draft comes to as things stand: not part of what is signed.
pub fn today(facts: &Facts, texts: &Texts) -> String {
    let mut page = Page::new(texts, "today.title");
    reach::today(&mut page, facts);
    if let Some(codes) = facts.relay_to.as_ref().filter(|_| facts.grant.actions.contains(&Action::Relay)) {
        page.section("may.title");
        relay_today(&mut page, codes);
    }
    page.end()
}

fn relay_today(page: &mut Page<'_>, codes: &[String]) {
    match codes {
        [] => page.item("may.relay_nobody", &[]),
        codes => page.item("may.relay_today", &[("codes", &codes.join(", "))]),
    }
}

fn may(page: &mut Page<'_>, facts: &Facts) {
    page.section("may.title");
    let gives = |action| facts.grant.actions.contains(&action);
    // Reading includes listing.
    if gives(Action::Read) {
        page.term(Mark::Publisher, "may.read", &[]);
    } else if gives(Action::List) {
        page.term(Mark::Publisher, "may.list", &[]);
    }
    if gives(Action::Aggregate) {
        page.term(Mark::Publisher, "may.aggregate", &[]);
    }
    if gives(Action::Relay) {
        page.term(Mark::Reader, "may.relay", &[("from", &facts.from.code)]);
        if let Some(codes) = &facts.relay_to {
            relay_today(page, codes);
        }
        let values = [("from", &*facts.from.code), ("hours", &facts.relay_hours.to_string())];
        page.term(Mark::Reader, "may.relay_fresh", &values);
    } else {
        page.term(Mark::Reader, "may.relay_never", &[]);
    }
    page.term(Mark::Contract, "may.people", &[]);
}

pub fn why(page: &mut Page<'_>, purposes: &[String]) {
    page.section("why.title");
    page.term(Mark::Publisher, "why.purposes", &[("purposes", &purposes.join(", "))]);
    page.term(Mark::Contract, "why.use", &[]);
}

/// A last day is given as the midnight that ends it.
pub fn when(page: &mut Page<'_>, term: Term) {
    page.section("when.title");
    if term.effective_after > term.not_before {
        page.term(Mark::Publisher, "when.effective", &[("date", &date(term.effective_after))]);
    } else {
        page.term(Mark::Publisher, "when.from", &[("date", &date(term.not_before))]);
    }
    match term.not_after % DAY_SECONDS {
        0 => page.term(
            Mark::Publisher,
            "when.until_day",
            &[("date", &date(term.not_after.saturating_sub(DAY_SECONDS)))],
        ),
        _ => page.term(Mark::Publisher, "when.until", &[("date", &date(term.not_after))]),
    }
}

fn after(page: &mut Page<'_>, grant: &Grant) {
    page.section("after.title");
    match grant.obligations.retention_after_end_seconds {
        0 => page.say("after.no_retention", &[]),
        seconds => page.term(Mark::Reader, "after.retention", &[("span", &page.span(seconds))]),
    }
    page.term(Mark::Reader, "after.purge", &[("span", &page.span(grant.purge_by(0)))]);
    page.term(Mark::Contract, "after.exported", &[]);
    if let Some(hash) = grant.obligations.terms_sha256 {
        page.term(Mark::Reader, "after.terms", &[("hash", &hex::encode(hash))]);
        page.term(Mark::Contract, "after.terms_kept", &[]);
    }
}

fn signed(page: &mut Page<'_>, facts: &Facts) {
    page.section("signed.title");
    let (from, count) = (&facts.from.code, facts.officers.to_string());
    match facts.officers {
        1 => page.term(Mark::Proof, "signed.key", &[("from", from)]),
        _ => page.term(Mark::Proof, "signed.keys", &[("from", from), ("count", &count)]),
    }
    match facts.grant.officers.as_slice() {
        [] => page.say("signed.no_officers", &[]),
        officers => page.term(Mark::Contract, "signed.officers", &[("names", &officers.join(", "))]),
    }
    if let Some(earlier) = facts.grant.supersedes {
        page.term(Mark::Publisher, "signed.supersedes", &[("id", &earlier.short())]);
    }
}
