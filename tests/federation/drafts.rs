//! What an officer reads is what she signs, on whatever machine and whoever carried the file there.

use std::{fs, path::Path};

use talanoa_tests::{Done, Member, federation, next_year, talanoa};

/// A draft of a grant to SPC, and one to Vanuatu.
fn drafts(root: &Path, fj: &Member) -> [String; 2] {
    let terms = root.join("terms.txt");
    fs::write(&terms, "No figure below ten.").unwrap();
    ["SPC", "VU"].map(|to| {
        let path = root.join(to).to_str().unwrap().to_owned();
        let until = next_year();
        let words = ["grant", "--to", to, "--dataset", "A", "--until", &until, "--draft", &path, "--terms"];
        fj.talanoa(&[&words[..], &[terms.to_str().unwrap()]].concat()).ok();
        path
    })
}

/// On a machine that has no node.
fn sign(root: &Path, draft: &str, key: &Path) -> Done {
    talanoa(&root.join("nowhere"), &["sign", draft, "--key", key.to_str().unwrap()])
}

#[test]
fn a_draft_whose_text_says_something_else_is_not_signed() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc, vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    fj.serve();
    let [draft, other] = drafts(root.path(), &fj);
    let [sound, of_vanuatu] = [&draft, &other].map(|path| fs::read_to_string(path).unwrap());
    let key = fj.dir.join("keys/consent.key");

    let block = |text: &str| text.split_once("-----BEGIN TALANOA DRAFT").unwrap().1.to_owned();
    let page = |text: &str| text.split_once("-----BEGIN TALANOA DRAFT").unwrap().0.to_owned();
    for (what, changed) in [
        ("a word", sound.replacen("may not hand copies", "may hand copies", 1)),
        ("a date", sound.replacen("-06-30, that day", "-06-29, that day", 1)),
        ("a line more", sound.replacen("\nWhy\n", "\n  It ends tomorrow.\n\nWhy\n", 1)),
        ("a line below", sound.replacen("\n\nTODAY", "\nVoid.\n\nTODAY", 1)),
        ("a terminal", sound.replacen("CONSENT SHEET", "CONSENT SHEET\u{1b}[2J", 1)),
        ("the object", page(&sound) + "-----BEGIN TALANOA DRAFT" + &block(&of_vanuatu)),
    ] {
        assert_ne!(changed, sound, "{what}");
        fs::write(&draft, &changed).unwrap();
        let told = sign(root.path(), &draft, &key).refused(1, "does not say what its object says");
        assert!(!told.err.contains('\u{1b}'), "{what}: {}", told.err);
        assert_eq!(fs::read_to_string(&draft).unwrap(), changed, "{what}: nothing is signed");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Member::init(elsewhere.path(), "WS", 1);
    talanoa_tests::charter(elsewhere.path(), &[&stranger]);
    let its = fs::read_to_string(elsewhere.path().join("charter.txt")).unwrap();
    let begin = "-----BEGIN TALANOA CHARTER";
    let foreign = format!(
        "{}{begin}{}{}",
        sound.split_once(begin).unwrap().0,
        its.split_once(begin).unwrap().1,
        fj.talanoa(&["card"]).ok()
    );
    fs::write(&draft, foreign).unwrap();
    sign(root.path(), &draft, &key).refused(1, "another federation");

    fs::write(&draft, sound.replace("\n", "\r\n")).unwrap();
    sign(root.path(), &draft, &vu.dir.join("keys/consent.key")).refused(1, "is no consent key of FJ");
    let told = sign(root.path(), &draft, &key);
    assert!(!told.err.contains('\u{1b}') && told.err.contains("No figure below ten."), "{}", told.err);
    let (read, signed) = (told.err.find("CONSENT SHEET"), told.err.find("signed with key"));
    assert!(read.unwrap() < signed.unwrap(), "first the page: {}", told.err);
    told.ok();
    fj.talanoa(&["submit", &draft]).ok();
    [fj, spc, vu].iter_mut().for_each(Member::judge);
}

#[test]
fn every_kind_of_draft_is_read_again_where_there_is_no_node() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let key = fj.dir.join("keys/consent.key");
    let until = next_year();
    let circle = fj.decide("circle new Melanesia --member SPC");
    let denial = fj.decide(&format!("deny --to SPC --key {}", key.to_str().unwrap()));
    let out = root.path().join("program.key");
    let application =
        format!("application add rates --key-out {} --dataset all --until {until}", out.display());
    let lines = [
        (format!("grant --to {circle} --theme child-mortality --until {until} --lang fr"), "cercle"),
        (format!("grant --to all-members --dataset all --action relay --until {until}"), "Every member"),
        (format!("deny --to SPC --until {until}"), "SPC gets nothing"),
        (format!("lift {denial}"), denial.as_str()),
        ("circle new \"Polynesia\" --member SPC".to_owned(), "Polynesia"),
        (application, "rates"),
    ];
    for (n, (line, word)) in lines.iter().enumerate() {
        let draft = root.path().join(format!("{n}.txt")).to_str().unwrap().to_owned();
        fj.talanoa(&format!("{line} --draft {draft}").split(' ').collect::<Vec<_>>()).ok();
        let told = sign(root.path(), &draft, &key);
        assert!(told.err.contains(word), "{line}: {}", told.err);
        told.ok();
        fj.talanoa(&["submit", &draft]).ok();
    }
    [&mut fj, &mut spc].into_iter().for_each(Member::judge);
}
