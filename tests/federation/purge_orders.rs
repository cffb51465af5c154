//! Which copies an order to purge takes back: those that its grants were about, unless another grant lets them
//! stay; and every order gets its answer, in whatever company it arrives.

use std::path::Path;

use talanoa_tests::{Member, copy_dir, federation, next_year, table, wait_for};

/// FJ publishes and grants these to SPC, which holds them.
fn held(root: &Path, datasets: &[&str]) -> ([Member; 2], Vec<String>) {
    let [mut fj, mut spc] = federation(root, ["FJ", "SPC"]);
    let file = root.join("a.csv");
    table(&file, 10);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    let grants = datasets.iter().map(|dataset| {
        fj.publish(&file, dataset).ok();
        fj.grant("SPC", dataset)
    });
    let grants = grants.collect();
    let refs: Vec<String> = datasets.iter().map(|d| format!("FJ/{d}@1")).collect();
    spc.wait_until_held(&refs.iter().map(String::as_str).collect::<Vec<_>>());
    ([fj, spc], grants)
}

/// So many receipts at least, and none that is awaited.
fn wait_until_answered(fj: &Member, receipts: usize) {
    wait_for("all receipts", || {
        let rows = fj.list("receipts");
        (rows.len() >= receipts && rows.iter().all(|r| r["state"] == "taken")).then_some(())
    });
}

#[test]
fn orders_that_arrive_together_are_all_answered_and_take_only_what_they_name() {
    let root = tempfile::tempdir().unwrap();
    let ([fj, mut spc], grants) = held(root.path(), &["A", "B", "C", "KEPT"]);
    let all = fj.grant("SPC", "all");
    spc.stop();
    // Not taken back: only no longer given.
    fj.talanoa(&["revoke", &grants[3]]).ok();
    for grant in grants[..3].iter().chain([&all]) {
        fj.talanoa(&["revoke", grant, "--purge"]).ok();
    }
    let mut fj = fj;
    spc.serve();
    wait_until_answered(&fj, 4);
    // The order of `all` was about KEPT too.
    assert!(spc.held().is_empty(), "{:?}", spc.held());
    // Ordered once more, though nothing is left: answered, or the same order if it is the same second.
    fj.talanoa(&["revoke", &grants[0], "--purge"]).ok();
    wait_until_answered(&fj, 4);
    fj.judge();
    spc.judge();
}

#[test]
fn what_nobody_ordered_erased_stays() {
    let root = tempfile::tempdir().unwrap();
    let ([mut fj, mut spc], grants) = held(root.path(), &["GONE", "KEPT"]);
    fj.talanoa(&["revoke", &grants[1]]).ok();
    fj.talanoa(&["revoke", &grants[0], "--purge"]).ok();
    wait_until_answered(&fj, 1);
    assert_eq!(spc.held(), ["FJ/KEPT@1"], "what was sent before stays with the reader");
    // Until it is ordered after all.
    fj.talanoa(&["revoke", &grants[1], "--purge"]).ok();
    wait_until_answered(&fj, 2);
    assert!(spc.held().is_empty());
    fj.judge();
    spc.judge();
}

/// Nothing but a grant to read that is in force lets a copy stay: not one that another took the place of, not one
/// to list, not one that has not begun.
#[test]
fn other_grants_hold_no_copy_back_unless_they_let_it_be_read_now() {
    let root = tempfile::tempdir().unwrap();
    let ([mut fj, mut spc], grants) = held(root.path(), &["ELSEWHERE", "LATER", "LISTED", "RENEWED"]);
    let until = next_year();
    let grant = |dataset: &str, more: &[&str]| {
        let words = ["grant", "--to", "SPC", "--dataset", dataset, "--until", &until];
        fj.talanoa(&[&words[..], more].concat()).id()
    };
    let renewed = grant("RENEWED", &["--supersedes", &grants[3]]);
    grant("LISTED", &["--action", "list"]);
    grant("LATER", &["--after", &talanoa_tests::day_after(30)]);
    grant("ELSEWHERE", &["--purpose", "research"]);
    for order in [&renewed, &grants[0], &grants[1], &grants[2]] {
        fj.talanoa(&["revoke", order, "--purge"]).ok();
    }
    wait_until_answered(&fj, 4);
    assert_eq!(spc.held(), ["FJ/ELSEWHERE@1"], "to be read for research, and so to be held");
    let out = root.path().join("out");
    spc.talanoa(&["get", "FJ/RENEWED", "--out", out.to_str().unwrap()]).refused(1, "not available");
    fj.judge();
    spc.judge();
}

/// A node that may sign nothing erases all the same; the receipt waits, and the log says so once.
#[test]
fn a_node_that_may_not_sign_erases_and_is_quiet() {
    let root = tempfile::tempdir().unwrap();
    let ([mut fj, mut spc], grants) = held(root.path(), &["A"]);
    let file = root.path().join("a.csv");
    fj.talanoa(&["follow", "SPC"]).ok();
    spc.grant("FJ", "all");
    spc.publish(&file, "OURS").ok();
    fj.wait_until_held(&["SPC/OURS@1"]);
    spc.stop();
    let older = root.path().join("older");
    copy_dir(&spc.dir, &older);
    spc.serve();
    spc.publish(&file, "OURS").ok();
    fj.wait_until_held(&["SPC/OURS@1", "SPC/OURS@2"]);
    spc.kill();
    std::fs::remove_dir_all(&spc.dir).unwrap();
    copy_dir(&older, &spc.dir);
    spc.serve();
    wait_for("it may not sign", || (spc.status()["signing"] == "stopped").then_some(()));
    fj.talanoa(&["revoke", &grants[0], "--purge"]).ok();
    wait_for("the copy is gone", || spc.held().is_empty().then_some(()));
    wait_for("it is said", || spc.log().contains("purge not finished").then_some(()));
    // Each of these wakes whoever purges.
    for port in ["1", "2", "3"] {
        let address = format!("127.0.0.1:{port}");
        spc.talanoa(&["peers", "set", "FJ", "--address", &address]).ok();
    }
    spc.stop();
    assert_eq!(spc.log().matches("purge not finished").count(), 1);
    fj.judge();
    spc.judge();
}
