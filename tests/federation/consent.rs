//! Consent as officers give it: to circles and to all, with ranges, terms and successors, by two signatures,
//! and taken back.

use std::fs;

use talanoa_tests::{Member, federation, next_year, table, wait_for};

fn publish(member: &Member, root: &std::path::Path, dataset: &str, more: &[&str]) {
    let file = root.join(format!("{dataset}.csv"));
    table(&file, 20);
    let mut words = vec!["publish", file.to_str().unwrap(), "--dataset", dataset, "--title", "A title"];
    words.extend(more);
    member.talanoa(&words).ok();
}

#[test]
fn a_circle_is_granted_to_as_one_and_its_members_come_and_go() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu, mut ws] = federation(root.path(), ["FJ", "SPC", "VU", "WS"]);
    for member in [&mut fj, &mut spc, &mut vu, &mut ws] {
        member.serve();
    }
    publish(&fj, root.path(), "A", &[]);
    // SPC convenes; Fiji, Vanuatu and Samoa hear of it by following.
    spc.decide("circle new Pacific --member VU --member WS");
    for member in [&fj, &vu, &ws] {
        member.talanoa(&["follow", "SPC"]).ok();
        wait_for("the circle is known", || {
            (!member.talanoa(&["grants", "--json"]).out.is_empty()).then_some(())
        });
    }
    let until = next_year();
    let grant = wait_for("Fiji knows the circle", || {
        let done = fj.talanoa(&["grant", "--to", "Pacific", "--dataset", "A", "--until", &until]);
        (done.code == 0).then(|| done.id())
    });
    for member in [&vu, &ws] {
        member.talanoa(&["follow", "FJ"]).ok();
        member.wait_until_held(&["FJ/A@1"]);
    }
    // Samoa leaves; Fiji, which gave to the circle, is told and gives it nothing more.
    ws.talanoa(&["circle", "leave", "Pacific"]).ok();
    ws.talanoa(&["circle", "leave", "Pacific"]).refused(1, "not in that circle");
    wait_for("Fiji hears of it", || {
        publish(&fj, root.path(), "A", &[]);
        let newest = fj.refs("releases").len();
        vu.wait_until_held(
            &(1..=newest)
                .map(|n| format!("FJ/A@{n}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
        (ws.held().len() < newest).then_some(())
    });
    // Taken back with purge: whoever received something answers, also who left.
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_for("both receipts", || {
        let receipts = fj.list("receipts");
        let from: Vec<&str> = receipts
            .iter()
            .filter(|r| r["direction"] == "received")
            .filter_map(|r| r["member"].as_str())
            .collect();
        (from.contains(&"VU") && from.contains(&"WS")).then_some(())
    });
    vu.wait_until_held(&[]);
    ws.wait_until_held(&[]);
    [fj, spc, vu, ws].iter_mut().for_each(Member::judge);
}

#[test]
fn ranges_themes_classes_terms_and_successors_hold_between_processes() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    for _ in 0..3 {
        publish(&fj, root.path(), "A", &[]);
    }
    publish(&fj, root.path(), "B", &["--theme", "equity"]);
    publish(&fj, root.path(), "C", &["--theme", "equity", "--class", "restricted"]);
    publish(&fj, root.path(), "D", &["--class", "sensitive"]);
    let until = next_year();
    let first =
        fj.decide(&format!("grant --to SPC --dataset A --from-number 2 --to-number 2 --until {until}"));
    spc.wait_until_held(&["FJ/A@2"]);
    fj.decide(&format!("grant --to all-members --theme equity --until {until}"));
    spc.wait_until_held(&["FJ/A@2", "FJ/B@1"]);

    // What could never give anything, or names what nobody knows, is not signed.
    for (line, why) in [
        (format!("grant --to all-members --dataset D --until {until}"), "sensitive"),
        (format!("grant --to SPC --dataset D --action relay --until {until}"), "never relayed"),
        (format!("grant --to SPC --theme astrology --until {until}"), "not in the charter"),
        (format!("grant --to SPC --dataset A --purpose fun --until {until}"), "not in the charter"),
        (format!("grant --to Nowhere --dataset A --until {until}"), "neither a member"),
        (format!("grant --to FJ --dataset A --until {until}"), "oneself"),
        ("grant --to SPC --dataset A --until 2001-01-01".into(), "ended before"),
        ("grant --to SPC --dataset A --until 2099-01-01".into(), "at most 731 days"),
        (format!("grant --to SPC --dataset A --supersedes 00000000 --until {until}"), "no grant"),
    ] {
        fj.talanoa(&line.split(' ').collect::<Vec<_>>()).refused(1, why);
    }
    let file = root.path().join("D.csv");
    let lower = ["publish", file.to_str().unwrap(), "--dataset", "D", "--title", "T", "--class", "open"];
    fj.talanoa(&lower).refused(1, "--lower-class");

    // A successor with terms: the first grant ends, the text comes with every copy.
    let terms = root.path().join("terms.txt");
    fs::write(&terms, "No figure below ten leaves the building.\n").unwrap();
    let second = fj.decide(&format!(
        "grant --to SPC --dataset A --from-number 3 --supersedes {first} --terms {} --until {until}",
        terms.display()
    ));
    wait_for("the third is held", || spc.held().contains(&"FJ/A@3".to_owned()).then_some(()));
    for member in [&fj, &spc] {
        let sheet = member.talanoa(&["grants", "show", &second]).ok();
        assert!(sheet.contains("\n  No figure below ten leaves the building.\n"), "{sheet}");
    }
    let out = root.path().join("out");
    spc.talanoa(&["get", "FJ/A@3", "--out", out.to_str().unwrap()]).ok();
    let proof = fs::read_to_string(out.join("provenance.json")).unwrap();
    assert!(proof.contains("No figure below ten"), "{proof}");
    // A file for people too, which is checked with the rest.
    let beside = out.join("provenance.terms.txt");
    assert_eq!(fs::read(&beside).unwrap(), fs::read(&terms).unwrap());
    spc.talanoa(&["verify", out.to_str().unwrap()]).ok();
    fs::write(&beside, "Do as you like.\n").unwrap();
    spc.talanoa(&["verify", out.to_str().unwrap()]).refused(1, "provenance.terms.txt: altered");
    fs::remove_file(&beside).unwrap();
    spc.talanoa(&["verify", out.to_str().unwrap()]).ok();
    fs::write(out.join("provenance.json"), proof.replace("below ten", "below two")).unwrap();
    spc.talanoa(&["verify", out.to_str().unwrap()]).refused(1, "terms");
    [fj, spc].iter_mut().for_each(Member::judge);
}

#[test]
fn two_officers_sign_a_draft_and_one_alone_cannot() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let until = next_year();
    let [second, draft, copy] = ["second.key", "draft.txt", "copy.txt"].map(|f| root.path().join(f));
    let [second, draft, copy] = [&second, &draft, &copy].map(|p| p.to_str().unwrap());
    fj.decide(&format!("delegate --role consent --key-out {second} --threshold 2 --until {until}"));
    let grant = format!("grant --to SPC --dataset A --until {until}");
    fj.talanoa(&grant.split(' ').collect::<Vec<_>>()).refused(1, "signature.invalid");
    fj.talanoa(&format!("{grant} --draft {draft}").split(' ').collect::<Vec<_>>()).ok();
    fs::copy(draft, copy).unwrap();
    let first = fj.dir.join("keys/consent.key");
    fj.talanoa(&["sign", draft, "--key", first.to_str().unwrap()]).ok();
    fj.talanoa(&["submit", draft]).refused(1, "signature.invalid");
    fj.talanoa(&["sign", copy, "--key", second]).ok();
    fj.talanoa(&["merge", draft, copy]).ok();
    let id = fj.talanoa(&["submit", draft]).id();
    fj.talanoa(&["submit", draft]).refused(1, "already");
    assert!(fj.list("grants").iter().any(|g| g["id"] == id.as_str()));

    // SPC learns of the second key from the journal, and takes what it signed.
    publish(&fj, root.path(), "A", &[]);
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    // Taking back needs nobody.
    fj.talanoa(&["revoke", &id]).ok();
    [fj, spc].iter_mut().for_each(Member::judge);
}

#[test]
fn a_denial_wins_and_only_the_consent_key_lifts_it() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    publish(&fj, root.path(), "A", &[]);
    fj.grant("SPC", "all");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    let key = fj.dir.join("keys/consent.key");
    let denial = fj.decide(&format!("deny --to SPC --dataset B --key {}", key.display()));
    publish(&fj, root.path(), "B", &[]);
    publish(&fj, root.path(), "A", &[]);
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2"]);
    let node_key = fj.dir.join("keys/node.key");
    fj.talanoa(&["lift", &denial, "--key", node_key.to_str().unwrap()]).refused(1, "is no consent key of FJ");
    fj.talanoa(&["lift", &denial]).ok();
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2", "FJ/B@1"]);
    fj.talanoa(&["lift", &denial]).refused(1, "no denial");
    [fj, spc].iter_mut().for_each(Member::judge);
}
