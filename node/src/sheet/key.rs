//! The page of an application key: what a program may in the name of its member.

use talanoa_proto::{
    application::Application,
    grant::{Action, Scope},
    id::MemberId,
};

use super::{
    facts::Party,
    layout::{Mark, Page},
    reach::named,
    terms::{when, why},
    texts::Texts,
};

pub fn page(
    application: &Application,
    from: &Party,
    code: impl Fn(&MemberId) -> String,
    texts: &Texts,
) -> String {
    let mut page = Page::new(texts, "application.title");
    page.say("application.name", &[("name", &application.name), ("from", &named(from))]);
    page.term(Mark::Proof, "application.key", &[("key", &hex::encode(application.key.0))]);

    page.section("what.title");
    match &application.scope {
        Scope::All => page.term(Mark::Publisher, "what.all", &[]),
        Scope::Themes(themes) => page.term(Mark::Publisher, "what.themes", &[("themes", &themes.join(", "))]),
        Scope::Datasets(ids) => {
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let key = if names.len() == 1 { "what.dataset" } else { "what.datasets" };
            page.term(Mark::Publisher, key, &[("dataset", &names.join(", "))]);
        }
    }
    if !matches!(application.scope, Scope::Datasets(_)) {
        page.term(Mark::Publisher, "what.class_wide", &[]);
    }
    match application.origins.as_slice() {
        [] => page.term(Mark::Publisher, "application.origins_all", &[]),
        origins => {
            let codes: Vec<String> = origins.iter().map(code).collect();
            page.term(Mark::Publisher, "application.origins", &[("codes", &codes.join(", "))]);
        }
    }

    page.section("may.title");
    let reads = application.actions.contains(&Action::Read);
    page.term(Mark::Publisher, if reads { "may.read" } else { "may.list" }, &[]);
    page.term(Mark::Publisher, "application.bounds", &[("from", &from.code)]);
    why(&mut page, &application.purposes);
    when(&mut page, application.term);
    page.term(Mark::Publisher, "application.end", &[("from", &from.code)]);
    page.legend()
}
