//! The main job, from the first command to the last, as the README's tour tells it.

use std::fs;

use talanoa_tests::{federation, table, talanoa, wait_for};

#[test]
fn a_release_crosses_a_border_and_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    assert_eq!(fj.talanoa(&["status"]).code, 4, "not running yet");
    fj.serve();
    spc.serve();
    let status = fj.status();
    for field in ["member", "member_id", "federation", "listen"] {
        assert!(status[field].is_string(), "{field}");
    }

    let file = root.path().join("deaths.csv");
    table(&file, 500);
    assert_eq!(fj.publish(&file, "CHILD_DEATHS").id(), "FJ/CHILD_DEATHS@1");
    spc.talanoa(&["follow", "FJ"]).ok();
    wait_for("SPC hears from FJ", || spc.list("peers")[0]["journal"].as_u64().filter(|&size| size > 0));
    assert!(spc.list("catalogue").is_empty(), "nothing without consent");
    let out = root.path().join("out");
    let out = out.to_str().unwrap();
    spc.talanoa(&["get", "FJ/CHILD_DEATHS", "--out", out]).refused(1, "not available to you");

    let grant = fj.grant("SPC", "CHILD_DEATHS");
    spc.wait_until_held(&["FJ/CHILD_DEATHS@1"]);
    table(&file, 600);
    fj.publish(&file, "CHILD_DEATHS").ok();
    fj.publish(&file, "NOT_GRANTED").ok();
    spc.wait_until_held(&["FJ/CHILD_DEATHS@1", "FJ/CHILD_DEATHS@2"]);

    spc.talanoa(&["get", "FJ/CHILD_DEATHS", "--out", out]).ok();
    assert_eq!(fs::read(format!("{out}/deaths.csv")).unwrap(), fs::read(&file).unwrap(), "byte for byte");
    let nowhere = root.path().join("nowhere");
    let federation = status["federation"].as_str().unwrap();
    let unpinned = talanoa(&nowhere, &["verify", out]).ok();
    assert!(unpinned.starts_with("identity not checked"), "{unpinned}");
    talanoa(&nowhere, &["verify", out, "--federation", federation]).ok();
    talanoa(&nowhere, &["verify", out, "--member", status["member_id"].as_str().unwrap()]).ok();
    talanoa(&nowhere, &["verify", out, "--federation", &"0".repeat(64)]).refused(1, "wrong federation");

    let audit = wait_for("both transfers are on record as complete", || {
        let audit = fj.list("audit");
        (audit.iter().filter(|a| a["outcome"] == "complete").count() == 2).then_some(audit)
    });
    assert!(audit.iter().all(|a| a["reader"] == "SPC" && a["grant"].as_str() == audit[0]["grant"].as_str()));

    fj.talanoa(&["withdraw", "FJ/CHILD_DEATHS@1", "--reason", "wrong column"]).ok();
    wait_for("SPC is told of the withdrawal", || {
        spc.list("catalogue")
            .iter()
            .any(|r| r["ref"] == "FJ/CHILD_DEATHS@1" && r["state"] == "withdrawn")
            .then_some(())
    });

    fj.talanoa(&["revoke", &grant, "--purge", "--reason", "end of the test"]).ok();
    wait_for("the receipt comes back", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    assert!(spc.list("catalogue").is_empty());
    let receipt = &fj.list("receipts")[0];
    assert_eq!(
        (receipt["releases"].as_u64(), receipt["exceptions"].as_u64()),
        (Some(2), Some(1)),
        "the export is counted"
    );
    // Which copy it is, of which grant, and the signed statement itself, on both sides.
    let kept = &receipt["not_erased"][0];
    assert!(kept["release"].as_str().unwrap().starts_with("FJ/CHILD_DEATHS@"), "{kept}");
    assert_eq!((&receipt["grants"][0], &kept["reason"]), (&grant.as_str().into(), &"exported".into()));
    assert!(fj.talanoa(&["receipts"]).ok().contains("exported"));
    let id = receipt["id"].as_str().unwrap();
    let signed = fj.talanoa(&["export", &id[..8]]).ok();
    assert!(signed.contains("purge-receipt"), "{signed}");
    assert_eq!(signed, spc.talanoa(&["export", id]).ok());
    fj.judge();
    spc.judge();
}

#[test]
fn a_new_consent_after_a_purge_brings_the_same_release_again() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 10);
    fj.publish(&file, "A").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    let grant = fj.grant("SPC", "all");
    spc.wait_until_held(&["FJ/A@1"]);
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    fj.grant("SPC", "A");
    spc.wait_until_held(&["FJ/A@1"]);
    fj.judge();
    spc.judge();
}

#[test]
fn a_peer_that_was_away_catches_up_and_a_large_file_is_resumed() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    fj.grant("SPC", "all");
    spc.kill();
    let file = root.path().join("large.csv");
    table(&file, 400_000);
    fj.publish(&file, "LARGE").ok();
    spc.serve();
    // Killed somewhere in the middle, once the transfer has begun.
    let partial = spc.dir.join("partial");
    wait_for("the transfer begins or is over", || {
        let begun = fs::read_dir(&partial).is_ok_and(|mut d| d.next().is_some());
        (begun || !spc.held().is_empty()).then_some(())
    });
    spc.kill();
    spc.serve();
    spc.wait_until_held(&["FJ/LARGE@1"]);
    fj.kill();
    assert_eq!(spc.held(), ["FJ/LARGE@1"], "what is held is held with the publisher gone");
    fj.serve();
    fj.judge();
    spc.judge();
}

#[test]
fn two_officers_can_sign_on_another_machine() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let draft = root.path().join("draft.txt");
    let (draft_path, key) = (draft.to_str().unwrap(), fj.dir.join("keys/consent.key"));
    let until = talanoa_tests::next_year();
    fj.talanoa(&["grant", "--to", "SPC", "--dataset", "all", "--until", &until, "--draft", draft_path]).ok();
    assert!(fs::read_to_string(&draft).unwrap().contains("SPC"), "people can read what they sign");
    fj.talanoa(&["submit", draft_path]).refused(1, "signature.invalid");
    let node_key = fj.dir.join("keys/node.key");
    talanoa(root.path(), &["sign", draft_path, "--key", node_key.to_str().unwrap()])
        .refused(1, "is no consent key of FJ");
    talanoa(root.path(), &["sign", draft_path, "--key", key.to_str().unwrap()]).ok();
    spc.talanoa(&["submit", draft_path]).refused(1, "another member");
    fj.talanoa(&["submit", draft_path]).ok();
    fj.talanoa(&["submit", draft_path]).refused(1, "already");
    assert_eq!(fj.list("grants")[0]["state"], "in force");
    fj.judge();
    spc.judge();
}
