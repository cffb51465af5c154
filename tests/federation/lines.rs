//! Whoever holds something hears what is taken back: also who is carried to, and who no longer follows.

use std::fs;

use talanoa_tests::{Member, copy_dir, federation, next_year, table, wait_for};

fn wait_until_purged(fj: &Member, holder: &Member) {
    wait_for("the receipt", || {
        let rows = fj.list("receipts");
        let is_taken = |r: &serde_json::Value| r["member"] == holder.code.as_str() && r["state"] == "taken";
        (rows.iter().any(is_taken) && holder.held().is_empty()).then_some(())
    });
}

#[test]
fn a_reader_behind_a_relay_hears_the_publisher_itself_when_it_can() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    for member in [&mut fj, &mut spc, &mut vu] {
        member.serve();
    }
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.publish(&file, "A").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    let until = next_year();
    let carries =
        fj.decide(&format!("grant --to SPC --dataset A --action read --action relay --until {until}"));
    let reads = fj.decide(&format!("grant --to VU --dataset A --until {until}"));
    spc.wait_until_held(&["FJ/A@1"]);
    vu.talanoa(&["follow", "FJ", "--via", "SPC"]).ok();
    vu.wait_until_held(&["FJ/A@1"]);
    wait_for("both lines are shown", || {
        let peers = vu.list("peers");
        let fj = peers.iter().find(|p| p["member"] == "FJ")?;
        (fj["via"] == "SPC" && !fj["origin_contact"].is_null()).then_some(())
    });
    // The relay is the first to go: nobody else would tell Vanuatu.
    fj.talanoa(&["revoke", &carries]).ok();
    spc.stop();
    fj.talanoa(&["revoke", &reads, "--purge"]).ok();
    wait_until_purged(&fj, &vu);
    for member in [&mut fj, &mut spc, &mut vu] {
        member.judge();
    }
}

#[test]
fn who_no_longer_follows_hears_what_is_taken_back_and_takes_nothing_new() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.publish(&file, "A").ok();
    let grant = fj.grant("SPC", "A");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    spc.talanoa(&["unfollow", "FJ"]).ok();
    spc.stop();
    spc.serve();
    fj.publish(&file, "A").ok();
    fj.publish(&file, "B").ok();
    fj.grant("SPC", "B");
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_until_purged(&fj, &spc);
    assert!(spc.refs("catalogue").is_empty(), "{:?}", spc.refs("catalogue"));
    // Asked again, it comes from the beginning.
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/B@1"]);
    fj.judge();
    spc.judge();
}

/// Fiji does not follow SPC, but took its receipt: an older copy of SPC is told so before it signs again.
#[test]
fn a_holder_that_nobody_follows_signs_no_second_head_under_a_receipt() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.publish(&file, "A").ok();
    let grant = fj.grant("SPC", "A");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    spc.stop();
    let older = root.path().join("older");
    copy_dir(&spc.dir, &older);
    spc.serve();
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_until_purged(&fj, &spc);
    spc.kill();
    fs::remove_dir_all(&spc.dir).unwrap();
    copy_dir(&older, &spc.dir);
    spc.serve();
    wait_for("it may not sign", || (spc.status()["signing"] == "stopped").then_some(()));
    wait_for("the copy is gone all the same", || spc.held().is_empty().then_some(()));
    assert_eq!(fj.list("receipts").len(), 1);
    fj.judge();
    spc.judge();
}

#[test]
fn what_is_given_for_a_purpose_is_asked_for_it() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.publish(&file, "A").ok();
    fj.decide(&format!("grant --to SPC --dataset A --purpose research --until {}", next_year()));
    spc.talanoa(&["follow", "FJ", "--purpose", "curiosity"]).refused(1, "not in the charter");
    spc.talanoa(&["follow", "FJ", "--purpose", "research"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    assert!(fj.list("audit").iter().all(|a| a["purpose"] == "research"), "{:?}", fj.list("audit"));
    fj.judge();
    spc.judge();
}
