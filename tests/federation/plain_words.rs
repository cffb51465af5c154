//! What officers are told is so, and what cannot be meant is refused: no word says more than it does.

use std::{fs, path::Path};

use talanoa_tests::{Done, Member, day_after, federation, next_year, table, wait_for};

fn line(member: &Member, line: &str) -> Done {
    member.talanoa(&line.split(' ').collect::<Vec<_>>())
}

fn publish(member: &Member, root: &Path, dataset: &str, more: &[&str]) {
    let file = root.join(format!("{dataset}.csv"));
    table(&file, 20);
    let mut words = vec!["publish", file.to_str().unwrap(), "--dataset", dataset, "--title", "A title"];
    words.extend(more);
    member.talanoa(&words).ok();
}

#[test]
fn what_cannot_be_meant_is_refused_and_leaves_no_entry() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc, mut vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    [&mut fj, &mut vu].into_iter().for_each(Member::serve);
    let key = fj.dir.join("keys/consent.key").display().to_string();
    let until = next_year();
    let id = fj.decide(&format!("grant --to SPC --dataset A --until {until} --purge-days 3"));
    fj.decide("circle new Pacific --member SPC");
    vu.decide("circle new Pacific --member FJ");
    fj.talanoa(&["follow", "VU"]).ok();
    wait_for("Fiji knows the other circle", || (fj.list("circles").len() == 2).then_some(()));
    let terms = root.path().join("empty.txt");
    fs::write(&terms, " \n").unwrap();
    let (terms, before) = (terms.display(), fj.status()["journal"].clone());
    let (today, late) = (day_after(0), day_after(30));
    for (words, code, why) in [
        (format!("revoke {id} --purge --by 2020-01-01"), 1, "over"),
        (format!("revoke {id} --purge --by {late}"), 1, "ends later"),
        (format!("deny --to SPC --until 2020-01-01 --key {key}"), 1, "over before it begins"),
        ("deny --to FJ".into(), 1, "oneself"),
        (format!("deny --to FJ --key {key}"), 1, "oneself"),
        (format!("grant --to SPC --dataset A --until {until} --terms {terms}"), 2, "empty"),
        (format!("grant --to SPC --dataset A --until {until} --supersedes "), 2, "--supersedes"),
        (format!("grant --to SPC --dataset A --until {until} --to-number 0"), 2, "--to-number"),
        (format!("grant --to SPC --dataset A --until {until} --purge-days 213503982300000"), 2, "36500"),
        (format!("grant --to Pacific --dataset A --until {until}"), 1, "several circles"),
        ("circle new Pacific --member SPC".into(), 1, "has that name"),
        ("circle new SPC --member SPC".into(), 1, "code of a member"),
        ("circle new NZ --member SPC".into(), 1, "code of a member"),
        ("circle new all-members --member SPC".into(), 1, "all members"),
    ] {
        line(&fj, &words).refused(code, why);
    }
    assert_eq!(fj.status()["journal"], before);
    line(&fj, &format!("revoke {id} --purge --by {today}")).ok();
    [fj, spc, vu].iter_mut().for_each(Member::judge);
}

#[test]
fn in_force_is_said_of_what_is() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    publish(&fj, root.path(), "A", &[]);
    let (after, until) = (day_after(2), day_after(300));
    let said = |done: Done, word: &str| {
        assert!(done.code == 0 && done.err.contains(word), "{word:?} is not in {:?}", done.err);
        done.id()
    };
    let later = line(&fj, &format!("grant --to SPC --dataset B --after {after} --until {until}"));
    said(later, "begins on");
    let grant = said(line(&fj, &format!("grant --to SPC --dataset A --until {until}")), "is in force");

    // A denial of the dataset, by a draft that is submitted twice, and once more when it was lifted.
    let draft = root.path().join("denial.txt").display().to_string();
    let key = fj.dir.join("keys/consent.key").display().to_string();
    line(&fj, &format!("deny --to SPC --dataset A --draft {draft}")).ok();
    line(&fj, &format!("sign {draft} --key {key}")).ok();
    let denial = said(fj.talanoa(&["submit", &draft]), "in force until it is lifted");
    let state = |id: &str| {
        let rows = fj.list("grants");
        rows.iter().find(|r| r["id"] == id).map(|r| r["state"].to_string()).unwrap_or_default()
    };
    assert!(state(&grant).contains("denied: it gives nothing"), "{}", state(&grant));
    let sheet = fj.talanoa(&["grants", "show", &grant]).ok();
    assert!(sheet.contains("a denial stands") && sheet.contains("it is not given"), "{sheet}");
    let second = line(&fj, &format!("grant --to SPC --dataset A --until {until}"));
    said(second, "denied: it gives nothing");
    let before = fj.status()["journal"].clone();
    fj.talanoa(&["submit", &draft]).refused(1, "submitted already");
    assert_eq!(fj.status()["journal"], before);
    said(fj.talanoa(&["lift", &denial]), "is lifted");
    fj.talanoa(&["submit", &draft]).refused(1, "submitted already");
    assert_eq!(state(&grant), "\"in force\"");

    // While the clock is not believed nothing is given, and that is said.
    fj.stop();
    fj.clock_offset_seconds = 100 * 86_400;
    fj.serve();
    let suspect = line(&fj, &format!("grant --to SPC --dataset A --until {until}"));
    said(suspect, "clock is not believed");
    [fj, spc].iter_mut().for_each(Member::judge);
}

/// A reason that is another dataset's misleads who has to ask for a new grant.
#[test]
fn a_refusal_names_the_grant_that_covered_it_or_none() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    publish(&fj, root.path(), "A", &[]);
    publish(&fj, root.path(), "D", &["--class", "restricted"]);
    let grant = fj.grant("SPC", "A");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    spc.wait_until_held(&[]);
    let out = root.path().join("out").display().to_string();
    let of_other = spc.talanoa(&["get", "FJ/D", "--out", &out]).refused(1, "not available to you");
    assert!(!of_other.err.contains("your grant"), "{}", of_other.err);
    spc.talanoa(&["get", "FJ/A", "--out", &out])
        .refused(1, &format!("your grant {} was revoked", &grant[..12]));
    [fj, spc].iter_mut().for_each(Member::judge);
}
