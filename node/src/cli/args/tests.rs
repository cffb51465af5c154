use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_manual_is_understood() {
    for line in [
        "demo",
        "demo --dir x --once",
        "card",
        "serve",
        "fsck",
        "reindex",
        "config check",
        "init --member FJ --name Fiji --listen 127.0.0.1:1 --observer --root-out r",
        "charter draft --out c a b",
        "charter draft --out c --island FJ --island VU --purpose audit --theme oceans a b",
        "charter show c",
        "charter sign c --out s",
        "charter merge c s t",
        "charter adopt c",
        "publish a.csv b.csv --dataset A --title T --title fr=Titre --kind alert --licence CC0-1.0 --theme equity --strict --dry-run",
        "map a.csv",
        "map a.csv.gz --out a.toml",
        "inspect a.xml --structure dsd.xml --json",
        "withdraw FJ/A@1 --reason wrong",
        "grant --to SPC --dataset all --action list --purpose research --until 2027-01-01 --key k",
        "grant --to SPC --dataset A --until 2027-01-01 --draft d",
        "grant --to all-members --theme equity --theme health --action read --action relay --until 2027-01-01 --key a --key b",
        "grant --to Melanesia --dataset A --dataset B --from-number 2 --to-number 3 --after 2026-12-31 --until 2027-01-01 --retention-days 30 --purge-days 3 --terms t.txt --supersedes 3f2a99c0 --officer Ana --lang fr",
        "grants show 3f2a99c0 --lang fr",
        "grants --member SPC --dataset A --csv",
        "deny --to everybody --dataset A --until 2027-01-01 --key k",
        "lift 3f2a99c0 --draft d",
        "merge d e f",
        "circle new Melanesia --member FJ --member VU --key k",
        "circle set Melanesia --member FJ",
        "circle leave Melanesia",
        "application add Dashboard --key-out k --dataset all --origin FJ --until 2027-01-01",
        "application end 3f2a99c0",
        "delegate --role consent --key-out k --threshold 2 --until 2027-01-01 --root r",
        "clock confirm",
        "holders --csv",
        "circles",
        "applications --json",
        "audit --member SPC --from 2026-01-01 --until 2026-12-31 --yearly",
        "follow FJ --via SPC --purpose research",
        "publish a.csv --dataset A --title T --class official --lower-class",
        "withdraw FJ/A@1 --reason wrong --corrected-by 2",
        "sign d --key k",
        "submit d",
        "revoke 3f2a99c0 --purge --by 2027-01-01",
        "deny --to SPC --dataset A",
        "follow FJ --dataset A --dataset B --offers-only",
        "unfollow FJ",
        "get FJ/A@2 --out o",
        "get FJ/A --out o",
        "get FJ/A --out o --format sdmx-csv",
        "verify o --federation 0000000000000000000000000000000000000000000000000000000000000000",
        "releases --json",
        "catalogue",
        "grants",
        "receipts",
        "audit",
        "peers --json",
        "status",
        "peers set FJ --address h:1",
        "peers import card",
    ] {
        let words = std::iter::once("talanoa").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_ok(), "{line}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        "grant --to SPC --dataset a --until 2027-01-01",
        "grant --to SPC --until 2027-01-01",
        "grant --to SPC --dataset A --theme equity --until 2027-01-01",
        "audit --json --csv",
        "application add D --dataset A --until 2027-01-01",
        "publish a --dataset A --title T --lower-class",
        "grant --to SPC --dataset A --until tomorrow",
        "grant --to SPC --dataset A --until 2027-02-30",
        "publish a --dataset A",
        "publish --dataset A --title T",
        "get FJ --out o",
        "withdraw FJ/A@1",
        "follow fj",
        "revoke x --by 2027-01-01",
        "verify d --member 12",
        "grant --to SPC --dataset A --until 2027-01-01 --key k --draft d",
        // What would say more than was typed: from the first, for ever, nothing replaced, no day.
        "grant --to SPC --dataset A --until 2027-01-01 --from-number 0",
        "grant --to SPC --dataset A --until 2027-01-01 --to-number 0",
        "grant --to SPC --dataset A --until 2027-01-01 --supersedes ",
        "grant --to SPC --dataset A --until 2027-01-01 --retention-days 0",
        "grant --to SPC --dataset A --until 2027-01-01 --purge-days 0",
        "grant --to SPC --dataset A --until 2027-01-01 --retention-days 999999999999999999",
        "grant --to SPC --dataset A --until 2027-01-01 --purge-days 213503982300000",
        "withdraw FJ/A@1 --reason wrong --corrected-by 0",
        "init --member FJ --name ",
        "init --member FJ --name Fiji --listen foo",
        "peers set FJ --address foo",
        "deny --to SPC --until 1969-12-31 --key k",
    ] {
        let words = std::iter::once("talanoa").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}

#[test]
fn a_day_named_is_a_day_included() {
    assert_eq!(end_of_day("1970-01-01"), Ok(86_400));
    assert_eq!(lang_text("fr=Décès"), Ok(("fr".into(), "Décès".into())));
    assert_eq!(lang_text("Rate = deaths"), Ok(("en".into(), "Rate = deaths".into())));
    assert!(lang_text("fr= ").is_err());
}
