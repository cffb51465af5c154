//! After a purge nothing is left, and the scan that says so can find what is left.

use std::{fs, sync::Arc, time::Duration};

use talanoa_node::{
    app::App,
    clock::SystemClock,
    consent,
    home::Home,
    keys,
    node::own_entry,
    store::{Batch, records::Followed},
};
use talanoa_proto::{envelope::Envelope, identity::MemberKind, limits, wire};
use talanoa_tests::{federation, free_ports, scan, table, wait_for};

use crate::feed_work::{charter, found, release};

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

/// What a purge erased must not end the judge's reading: what stands behind it is judged too.
#[tokio::test(flavor = "multi_thread")]
async fn fsck_judges_what_stands_behind_an_erased_record() {
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
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    spc.judge();
    fj.judge();

    let store = Home::open(&spc.dir).unwrap().open_store().unwrap();
    let origin = store.view().origin().unwrap();
    let forged = Envelope::seal(&release(origin, "FORGED"), &keys::generate().unwrap());
    store.commit(Batch::of(own_entry(&forged).unwrap().0)).await.unwrap();
    store.close().await;
    let judged = spc.talanoa(&["fsck"]).refused(1, "damaged");
    assert!(judged.out.contains("entry 5: 0 valid signatures"), "{}", judged.out);
}

/// One receipt names only so many releases: the rest follows in further ones, and the last is judged over all.
#[tokio::test(flavor = "multi_thread")]
async fn a_purge_of_more_than_one_receipt_can_name_takes_several_rounds() {
    let root = tempfile::tempdir().unwrap();
    let [fj_port, spc_port] = free_ports();
    let homes = [
        found(root.path(), "FJ", MemberKind::Country, fj_port),
        found(root.path(), "SPC", MemberKind::Body, spc_port),
    ];
    let charter = charter(&homes);
    let mut apps = Vec::new();
    for home in &homes {
        home.adopt(&charter).await.unwrap();
        apps.push(App::start(home, Arc::new(SystemClock::new())).await.unwrap());
    }
    let (fj, spc) = (Arc::clone(&apps[0].node), Arc::clone(&apps[1].node));
    let count = limits::RELEASES_PER_RECEIPT_MAX + 1;
    let mut batch = Batch::default();
    for n in 0..count {
        let envelope = Envelope::seal(&release(fj.origin().unwrap(), &format!("D{n}")), &fj.key);
        batch.records.push(own_entry(&envelope).unwrap().0.into());
    }
    fj.store.commit(batch).await.unwrap();
    let record = Followed { member: fj.me.to_bytes(), offers_only: true, ..Followed::default() };
    spc.store.commit(Batch::of(record)).await.unwrap();
    let grant = wire::DraftGrant {
        to: spc.code.to_string(),
        datasets: vec!["all".into()],
        not_after: fj.now() + 86_400,
        ..wire::DraftGrant::default()
    };
    let what = Some(wire::draft_request::What::Grant(grant));
    let request = wire::DraftRequest { what, ..wire::DraftRequest::default() };
    let mut grant = consent::draft::draft(&fj, request).unwrap().envelope;
    grant.add_signature(&keys::load(&homes[0].key_path("consent")).unwrap());
    let (id, _) = consent::submit(&fj, grant, String::new()).await.unwrap();
    let offered = || spc.store.view().peers[&fj.me].offered.len();
    until(|| offered() == count).await;

    let revoked = consent::revoke(&fj, &id.to_string(), true, 0, String::new()).await.unwrap();
    until(|| fj.store.view().orders[&revoked.revocation].is_answered_by(&spc.me)).await;
    assert_eq!(offered(), 0);
    let named: Vec<usize> = fj.store.view().orders[&revoked.revocation].receipts[&spc.me]
        .iter()
        .map(|taken| taken.receipt.releases.len())
        .collect();
    assert_eq!(named, [limits::RELEASES_PER_RECEIPT_MAX, 1]);
    for app in apps {
        app.stop().await;
    }
    let report = talanoa_node::fsck::fsck(&homes[1]);
    assert!(report.is_sound(), "{:?}", report.faults);
}

async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes to hold");
}
