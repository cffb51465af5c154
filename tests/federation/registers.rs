//! What a member can say of its own data at any time: who holds what, who read what, and what was agreed.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use talanoa_node::{
    app::App,
    clock::SystemClock,
    consent, keys, listing,
    node::{Node, own_entry},
    store::{
        Batch,
        records::{Access, Followed},
    },
};
use talanoa_proto::{
    envelope::Envelope,
    grant::Revocation,
    id::{Commitment, ObjectId},
    identity::MemberKind,
    wire,
};
use talanoa_tests::{Member, federation, free_ports, next_year, table, wait_for};

use crate::feed_work::{charter, found, release};

fn ask(member: &Member, words: &[&str]) -> Vec<Value> {
    let words = [words, &["--json"]].concat();
    serde_json::from_str(&member.talanoa(&words).ok()).unwrap()
}

/// These columns of each row.
fn columns(rows: &[Value], names: &[&str]) -> Vec<String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    rows.iter().map(|r| names.iter().map(|n| text(&r[*n])).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_grant_a_reading_and_a_purge_leave_their_lines_in_every_register() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    for member in [&mut fj, &mut spc, &mut vu] {
        member.serve();
    }
    let file = root.path().join("a.csv");
    table(&file, 100);
    fj.publish(&file, "A").ok();
    fj.publish(&file, "B").ok();
    spc.talanoa(&["follow", "FJ"]).ok();
    vu.talanoa(&["follow", "FJ"]).ok();
    fj.talanoa(&["circle", "new", "Melanesia", "--member", "SPC", "--member", "VU"]).ok();
    let single = fj.grant("SPC", "A");
    let circle = fj.grant("Melanesia", "B");
    spc.wait_until_held(&["FJ/A@1", "FJ/B@1"]);
    vu.wait_until_held(&["FJ/B@1"]);

    let circles =
        |m: &Member| columns(&m.list("circles"), &["name", "convener", "members", "seq", "you_are_in"]);
    assert_eq!(circles(&fj), ["Melanesia FJ SPC, VU 0 false"]);
    assert_eq!(circles(&vu), ["Melanesia FJ SPC, VU 0 true"]);
    assert_eq!(fj.status()["clock"], "accepted");
    assert_eq!(columns(&fj.list("releases"), &["ref", "class"]), ["FJ/A@1 official", "FJ/B@1 official"]);

    let holders = |words: &[&str]| {
        let words = [&["holders"], words].concat();
        columns(&ask(&fj, &words), &["ref", "member", "state"])
    };
    assert_eq!(holders(&[]), ["FJ/A@1 SPC held", "FJ/B@1 SPC held", "FJ/B@1 VU held"]);
    assert_eq!(holders(&["--member", "VU"]), ["FJ/B@1 VU held"]);
    assert_eq!(holders(&["--dataset", "A"]), ["FJ/A@1 SPC held"]);
    filters(&fj);

    fj.talanoa(&["revoke", &single, "--purge"]).ok();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    fj.talanoa(&["revoke", &circle]).ok();
    let states = holders(&[]);
    assert!(states[0].starts_with("FJ/A@1 SPC purged, receipt of 20"), "{states:?}");
    let rest = ["FJ/B@1 SPC revoked, no purge asked", "FJ/B@1 VU revoked, no purge asked"];
    assert_eq!(states[1..], rest);
    assert_eq!(ask(&fj, &["receipts", "--dataset", "B"]), Vec::<Value>::new());
    assert_eq!(ask(&fj, &["receipts", "--dataset", "A", "--member", "SPC"]).len(), 1);
    assert_eq!(ask(&spc, &["receipts", "--dataset", "A"]).len(), 1, "given, and named by its grant");
    yearly(&fj);
    pages(&fj, &spc, &single);
    [fj, spc, vu].iter_mut().for_each(Member::judge);
}

fn filters(fj: &Member) {
    let audit = |words: &[&str]| {
        let mut rows =
            columns(&ask(fj, &[&["audit"], words].concat()), &["ref", "reader", "application", "origin"]);
        rows.sort();
        rows
    };
    let all = ["FJ/A@1 SPC null null", "FJ/B@1 SPC null null", "FJ/B@1 VU null null"];
    assert_eq!(audit(&[]), all);
    assert_eq!(audit(&["--member", "VU"]), all[2..]);
    assert_eq!(audit(&["--dataset", "A"]), all[..1]);
    assert_eq!(audit(&["--from", "2026-01-01", "--until", &next_year()]), all);
    assert_eq!(audit(&["--until", "2020-12-31"]), Vec::<String>::new());
    fj.talanoa(&["audit", "--member", "XX"]).refused(1, "not a member");
    let grants = |words: &[&str]| {
        columns(&ask(fj, &[&["grants"], words].concat()), &["to", "datasets", "numbers", "state"])
    };
    assert_eq!(grants(&["--member", "VU"]), ["circle Melanesia B all in force"]);
    assert_eq!(grants(&["--dataset", "A"]), ["SPC A all in force"]);
    assert_eq!(ask(fj, &["circles", "--dataset", "A"]).len(), 0);
    assert_eq!(ask(fj, &["circles", "--dataset", "B", "--member", "VU"]).len(), 1);
}

fn yearly(fj: &Member) {
    let counts = ["dataset", "readers", "transfers", "grants", "revocations", "receipts", "overdue"];
    let rows = ask(fj, &["audit", "--yearly"]);
    assert_eq!(columns(&rows, &counts), ["A SPC 1 1 1 1 0", "B SPC, VU 2 1 1 0 0"]);
    assert_eq!(columns(&ask(fj, &["audit", "--yearly", "--member", "VU"]), &counts), ["B VU 1 1 1 0 0"]);
    let csv = fj.talanoa(&["audit", "--yearly", "--csv"]).ok();
    let head = "year,dataset,readers,applications,transfers,bytes,grants,revocations,receipts,overdue";
    assert_eq!(csv.lines().next(), Some(head));
    assert!(csv.contains(",B,\"SPC, VU\",,2,"), "{csv}");
    assert_eq!(fj.talanoa(&["holders", "--csv"]).ok().lines().count(), 4);
}

fn pages(fj: &Member, spc: &Member, grant: &str) {
    let english = fj.talanoa(&["grants", "show", grant]).ok();
    for part in [grant, "Revoked with purge.", "SPC: receipt of 20", "FJ/A@1  A title", "[contractual]"] {
        assert!(english.contains(part), "{part}: {english}");
    }
    let french = fj.talanoa(&["grants", "show", &grant[..12], "--lang", "fr"]).ok();
    for part in ["FICHE DE CONSENTEMENT", "Révoquée avec purge.", "Le jeu de données A", "[contractuel]"] {
        assert!(french.contains(part), "{part}: {french}");
    }
    let received = spc.talanoa(&["grants", "show", grant]).ok();
    assert!(
        received.contains("received from FJ") && received.contains("This node erased its copies"),
        "{received}"
    );
}

#[test]
fn grants_that_wait_or_are_replaced_and_keys_of_applications_say_so() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    let until = next_year();
    let old = fj.grant("SPC", "A");
    let words = ["grant", "--to", "SPC", "--dataset", "A", "--until", &until, "--supersedes", &old];
    fj.talanoa(&words).ok();
    let later = format!("{}-01-31", &until[..4]);
    let mut words = vec!["grant", "--to", "SPC", "--dataset", "B", "--until", &until, "--after", &later];
    words.extend(["--from-number", "2", "--to-number", "5", "--retention-days", "30"]);
    fj.talanoa(&words).ok();
    let mut rows = columns(&fj.list("grants"), &["datasets", "numbers", "obligations", "state"]);
    rows.sort();
    assert_eq!(rows[0], "A all purge within 7 d in force");
    assert!(rows[1].starts_with("A all purge within 7 d superseded since 20"), "{rows:?}");
    assert_eq!(rows[2], "B 2 to 5 purge within 7 d; erase 30 d after the end not yet");

    let key = root.path().join("key");
    let mut words = vec!["application", "add", "Dashboard", "--key-out", key.to_str().unwrap()];
    words.extend(["--dataset", "A", "--until", &until]);
    let id = spc.talanoa(&words).id();
    let keys = |words: &[&str]| {
        columns(&ask(&spc, &[&["applications"], words].concat()), &["name", "member", "origins", "state"])
    };
    assert_eq!(keys(&[]), ["Dashboard SPC all in force"]);
    assert_eq!(keys(&["--dataset", "A", "--member", "FJ"]), ["Dashboard SPC all in force"]);
    assert_eq!(keys(&["--dataset", "B"]), Vec::<String>::new());
    spc.talanoa(&["application", "end", &id]).ok();
    assert_eq!(keys(&[]), ["Dashboard SPC all taken back"]);
    fj.judge();
    spc.judge();
}

/// The states that take time, or a holder that lies, in one process.
#[tokio::test(flavor = "multi_thread")]
async fn the_register_of_holders_knows_who_is_late_and_who_contradicts_itself() {
    let root = tempfile::tempdir().unwrap();
    let [fj_port, spc_port] = free_ports();
    let homes = [
        found(root.path(), "FJ", MemberKind::Country, fj_port),
        found(root.path(), "SPC", MemberKind::Body, spc_port),
    ];
    let charter = charter(&homes);
    for home in &homes {
        home.adopt(&charter).await.unwrap();
    }
    let fj_app = App::start(&homes[0], Arc::new(SystemClock::new())).await.unwrap();
    let fj = Arc::clone(&fj_app.node);
    let entry = own_entry(&Envelope::seal(&release(fj.origin().unwrap(), "A"), &fj.key)).unwrap().0;
    fj.store.commit(Batch::of(entry)).await.unwrap();
    let spc = homes[1].card.identity.id();
    let commitment = listing::named(&fj, "releases").unwrap()[0]["commitment"].as_str().unwrap().to_owned();
    let access = |grant: ObjectId, started| Access {
        reader: spc.to_bytes(),
        release: commitment.parse::<Commitment>().unwrap().to_bytes(),
        grant: grant.to_bytes(),
        purpose: "official-statistics".into(),
        started,
        transfer: vec![7; 16].into(),
        ..Access::default()
    };
    let state = || listing::named(&fj, "holders").unwrap()[0]["state"].as_str().unwrap().to_owned();

    let first = grant(&fj, &homes[0].key_path("consent")).await;
    fj.store.commit(Batch::of(access(first, fj.now()))).await.unwrap();
    assert_eq!(state(), "held");
    // No command orders what is over already: time has passed.
    let overdue = Revocation {
        origin: fj.origin().unwrap(),
        grants: vec![first],
        purge: true,
        purge_by: 60,
        reason: String::new(),
        declared_at: fj.now(),
    };
    fj.store.commit(Batch::of(own_entry(&Envelope::seal(&overdue, &fj.key)).unwrap().0)).await.unwrap();
    assert_eq!(state(), "purge overdue since 1970-01-01T00:01:00Z");
    consent::revoke(&fj, &first.to_string(), true, fj.now() + 3600, String::new()).await.unwrap();
    assert!(state().starts_with("purge pending until 20"), "{}", state());

    // Another grant: it is held again, until that is revoked and the holder says that all is gone.
    let second = grant(&fj, &homes[0].key_path("consent")).await;
    assert_eq!(state(), "held");
    let spc_app = App::start(&homes[1], Arc::new(SystemClock::new())).await.unwrap();
    let record = Followed { member: fj.me.to_bytes(), offers_only: true, ..Followed::default() };
    spc_app.node.store.commit(Batch::of(record)).await.unwrap();
    until(|| spc_app.node.store.view().peers[&fj.me].offered.len() == 1).await;
    let revoked = consent::revoke(&fj, &second.to_string(), true, 0, String::new()).await.unwrap();
    until(|| fj.store.view().orders[&revoked.revocation].is_answered_by(&spc)).await;
    assert!(state().starts_with("purged, receipt of 20"), "{}", state());
    fj.store.commit(Batch::of(access(second, fj.now() + 60))).await.unwrap();
    assert_eq!(state(), "contradicted");
    spc_app.stop().await;
    fj_app.stop().await;
}

async fn grant(node: &Node, consent_key: &std::path::Path) -> ObjectId {
    let grant = wire::DraftGrant {
        to: "SPC".into(),
        datasets: vec!["A".into()],
        not_after: node.now() + 86_400,
        ..wire::DraftGrant::default()
    };
    let what = Some(wire::draft_request::What::Grant(grant));
    let request = wire::DraftRequest { what, ..wire::DraftRequest::default() };
    let mut envelope = consent::draft::draft(node, request).unwrap().envelope;
    envelope.add_signature(&keys::load(consent_key).unwrap());
    consent::submit(node, envelope, String::new()).await.unwrap().0
}

async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes to hold");
}
