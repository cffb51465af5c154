use talanoa_proto::{
    grant::{Action, Grant, Grantee, Obligations, Scope},
    id::{FederationId, MemberId, ObjectId},
    object::Origin,
    release::Sensitivity,
};

use super::{
    facts::{Covered, Facts, Party, Shown},
    state::{Answer, Stands},
    terms::{page, today},
    texts,
};
use crate::consent::{
    denied::Denied,
    standing::{Purging, Standing},
};

/// With what must not end the page.
const TERMS: &str = "1. No figure below ten leaves the building.\n-----BEGIN\u{1b}[2J";
const DAY: u64 = 86_400;
/// 2026-11-24.
const BEGIN: u64 = 20_781 * DAY;

fn party(code: &str, name: &str) -> Party {
    Party { code: code.into(), name: name.into(), denied: Denied::Nothing }
}

fn published() -> Covered {
    let shown = vec![
        ("FJ/CHILD_DEATHS@2".to_owned(), "Child deaths by age".to_owned(), Shown::Given),
        ("FJ/CHILD_DEATHS@1".to_owned(), "Child deaths".to_owned(), Shown::Withdrawn),
    ];
    Covered { shown, more: 0, at_least: false }
}

/// A draft: FJ lets SPC read one dataset until the end of 2027.
fn typical() -> Facts {
    let grant = Grant {
        origin: Origin { federation: FederationId([1; 32]), member: MemberId([2; 32]), epoch: 1 },
        grantee: Grantee::Member(MemberId([3; 32])),
        scope: Scope::Datasets(vec!["CHILD_DEATHS".parse().unwrap()]),
        from_number: 1,
        to_number: None,
        actions: vec![Action::Read],
        purposes: vec!["official-statistics".into()],
        not_before: BEGIN + 12 * 3600,
        not_after: 21_184 * DAY,
        effective_after: 0,
        obligations: Obligations::default(),
        supersedes: None,
        officers: vec!["Mere Tuilagi".into()],
        nonce: [4; 16],
    };
    Facts {
        grant,
        id: None,
        from: party("FJ", "Fiji Bureau of Statistics"),
        officers: 1,
        own: false,
        circle: None,
        reached: vec![party("SPC", "Pacific Community")],
        datasets: vec![("CHILD_DEATHS".into(), None)],
        covered: None,
        relay_to: None,
        relay_hours: 24,
        stands: None,
    }
}

/// FJ lets a circle of two carry everything, under terms; it was revoked with purge.
fn unusual() -> Facts {
    let obligations = Obligations {
        retention_after_end_seconds: 30 * DAY,
        purge_within_seconds: 36 * 3600,
        terms_sha256: Some([0xab; 32]),
    };
    let mut facts = typical();
    facts.grant = Grant {
        grantee: Grantee::Circle(ObjectId([5; 32])),
        scope: Scope::All,
        from_number: 2,
        to_number: Some(5),
        actions: vec![Action::List, Action::Aggregate, Action::Relay],
        effective_after: BEGIN + DAY,
        not_after: 21_184 * DAY + 60,
        obligations,
        supersedes: Some(ObjectId([6; 32])),
        officers: Vec::new(),
        ..facts.grant
    };
    let answers = vec![
        Answer::Receipt { code: "SPC".into(), at: BEGIN + 3 * DAY, releases: 2, exceptions: 1 },
        Answer::Awaited { code: "VU".into() },
    ];
    let standing = Standing::Revoked(Some(Purging::Overdue { since: BEGIN + 4 * DAY }));
    Facts {
        id: Some(ObjectId([7; 32])),
        circle: Some(("Melanesia\u{1b}[2J".into(), party("VU", "Vanuatu"))),
        reached: vec![party("SPC", "SPC"), Party { denied: Denied::Everything, ..party("VU", "Vanuatu") }],
        datasets: Vec::new(),
        own: true,
        officers: 2,
        covered: Some(Covered { more: 7, at_least: true, ..published() }),
        relay_to: Some(vec!["NC".into(), "WS".into()]),
        stands: Some(Stands { standing, replaced_by: None, answers }),
        ..facts
    }
}

#[test]
fn a_typical_page_is_the_one_that_people_know() {
    assert_eq!(page(&typical(), None, texts::of("en")) + "\n", include_str!("tests/typical.en.txt"));
    assert_eq!(page(&typical(), None, texts::of("fr")) + "\n", include_str!("tests/typical.fr.txt"));
}

#[test]
fn a_page_with_everything_on_it() {
    assert_eq!(page(&unusual(), Some(TERMS), texts::of("en")) + "\n", include_str!("tests/unusual.en.txt"));
    assert_eq!(page(&unusual(), Some(TERMS), texts::of("fr")) + "\n", include_str!("tests/unusual.fr.txt"));
}

/// What a denial keeps back is not called covered, by whichever denial.
#[test]
fn a_denial_of_the_dataset_is_on_the_page() {
    let standing = Standing::InForce;
    let mut facts = Facts {
        id: Some(ObjectId([7; 32])),
        covered: Some(published()),
        stands: Some(Stands { standing, replaced_by: None, answers: Vec::new() }),
        ..typical()
    };
    let some = Denied::Datasets(["CHILD_DEATHS".parse().unwrap()].into());
    facts.reached[0].denied = some.clone();
    let partly = page(&facts, None, texts::of("en"));
    assert!(
        some.hides(&"CHILD_DEATHS".parse().unwrap()) && partly.contains("of CHILD_DEATHS it gets nothing")
    );
    facts.reached[0].denied = Denied::Everything;
    facts.covered.iter_mut().for_each(|covered| covered.shown[0].2 = Shown::Denied);
    let whole = page(&facts, None, texts::of("en"));
    assert!(whole.contains("nothing is given under it now") && whole.contains("it is not given"), "{whole}");
    assert!(page(&facts, None, texts::of("fr")).contains("sous refus"));
}

#[test]
fn what_a_draft_comes_to_today_stands_below_it() {
    let datasets = vec![("CHILD_DEATHS".into(), Some(Sensitivity::Official)), ("LATER".into(), None)];
    let facts = Facts { id: None, stands: None, datasets, ..unusual() };
    assert_eq!(today(&facts, texts::of("en")) + "\n", include_str!("tests/today.en.txt"));
    assert_eq!(today(&facts, texts::of("fr")) + "\n", include_str!("tests/today.fr.txt"));
}

#[test]
fn every_text_is_found_and_every_fact_has_its_place() {
    for facts in [typical(), unusual()] {
        for lang in ["en", "fr"] {
            let page = page(&facts, None, texts::of(lang));
            let controls = page.chars().filter(|c| c.is_control() && *c != '\n').count();
            assert!(!page.contains(['{', '}']) && controls == 0, "{page}");
            let keys = [
                "page.", "who.", "what.", "may.", "why.", "when.", "after.", "signed.", "words.", "state.",
                "legend.",
            ];
            assert!(
                !keys.iter().any(|key| page.contains(&format!(" {key}"))),
                "a key without a text: {page}"
            );
        }
    }
}
