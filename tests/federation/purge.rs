//! After a purge nothing is left, and the scan that says so can find what is left.

use std::fs;

use talanoa_tests::{federation, scan, table, wait_for};

#[test]
fn after_a_purge_no_file_of_the_reader_holds_a_byte_of_it() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("secret.csv");
    let plaintext = table(&file, 2000);
    let title = format!("title {}", String::from_utf8_lossy(&plaintext));
    let words = ["publish", file.to_str().unwrap(), "--dataset", "SECRET", "--title", &title];
    fj.talanoa(&words).ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    let grant = fj.grant("SPC", "SECRET");
    spc.wait_until_held(&["FJ/SECRET@1"]);
    assert!(scan(&spc.dir, &plaintext).len() >= 2, "found on the shelf and, as a title, in the ledger");

    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    assert_eq!(scan(&spc.dir, &plaintext), Vec::<std::path::PathBuf>::new());
    assert!(!spc.log().contains(&*String::from_utf8_lossy(&plaintext)), "nor does the log");

    // The scan can fail: a planted copy is found by it.
    let planted = spc.dir.join("partial").join("planted");
    fs::copy(&file, &planted).unwrap();
    assert_eq!(scan(&spc.dir, &plaintext), std::slice::from_ref(&planted));
    fs::remove_file(planted).unwrap();
    spc.judge();
    assert_eq!(scan(&spc.dir, &plaintext), Vec::<std::path::PathBuf>::new(), "nor after the end");
    fj.judge();
}

#[test]
fn a_receipt_is_delivered_when_the_origin_is_back() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 10);
    fj.publish(&file, "A").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    let grant = fj.grant("SPC", "A");
    spc.wait_until_held(&["FJ/A@1"]);
    spc.kill();
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    assert!(fj.list("receipts")[0]["state"].as_str().unwrap().starts_with("due by"));
    spc.serve();
    wait_for("the reader has purged", || spc.list("receipts").first().cloned());
    fj.kill();
    spc.kill();
    fj.serve();
    spc.serve();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    fj.judge();
    spc.judge();
}
