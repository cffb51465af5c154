//! Consent that ends in the middle of things: of a large transfer, and behind the back of an old backup.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use talanoa_node::home::Home;
use talanoa_proto::{charter::PURPOSE_DEFAULT, wire};
use talanoa_tests::{Member, copy_dir, federation, load::LoadReader, scan, table, wait_for};

const LARGE_BYTES: usize = 500_000_000;
const AFTER_BYTES_MAX: u64 = 1 << 20;

/// Bytes that no compression makes smaller and that are found nowhere by chance; returns 64 of them.
fn random_file(path: &Path) -> Vec<u8> {
    let mut seed = [0; 32];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut seed).unwrap();
    let mut stream = blake3::Hasher::new().update(&seed).finalize_xof();
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let (mut block, mut needle) = (vec![0; 1 << 20], Vec::new());
    for _ in 0..LARGE_BYTES.div_ceil(block.len()) {
        stream.fill(&mut block);
        if needle.is_empty() {
            needle = block[1000..1064].to_vec();
        }
        file.write_all(&block).unwrap();
    }
    file.flush().unwrap();
    needle
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_stops_a_running_transfer_within_a_mebibyte_and_nothing_stays() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, ws] = federation(root.path(), ["FJ", "SPC", "WS"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("large.bin");
    let needle = random_file(&file);
    let path = file.to_str().unwrap();
    fj.talanoa(&["publish", path, "--dataset", "LARGE", "--title", "Large", "--kind", "document"]).ok();
    let [to_spc, to_ws] = ["SPC", "WS"].map(|to| fj.grant(to, "LARGE"));

    // Samoa reads by hand and counts what reaches it.
    let [home, reader] = [&fj, &ws].map(|m| Home::open(&m.dir).unwrap());
    let charter = root.path().join("charter.txt");
    let address = format!("127.0.0.1:{}", fj.port);
    let mut reading = LoadReader::connect(&charter, &reader, &home, &address).await.unwrap();
    let (commitment, _) = reading.next_release().await.unwrap();
    let chunks = wire::ChunkRanges { ranges: vec![wire::Range { first: 0, count: 1 << 40 }] };
    let request = wire::FetchRequest {
        commitment: commitment.to_bytes(),
        purpose: PURPOSE_DEFAULT.into(),
        part: Some(wire::fetch_request::Part::Chunks(chunks)),
        ..wire::FetchRequest::default()
    };
    let mut parts = reading.session().fetch(request).await.unwrap();
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let counting = tokio::spawn(async move {
        loop {
            match parts.message().await {
                Ok(Some(part)) => {
                    if let Some(wire::fetch_part::Part::Run(run)) = part.part {
                        counter.fetch_add(run.data.len() as u64, Ordering::SeqCst);
                    }
                }
                Ok(None) => return "complete".to_owned(),
                Err(status) => return status.message().to_owned(),
            }
        }
    });
    let fj = tokio::task::spawn_blocking(move || fj).await.unwrap();
    let at_ack = {
        let received = Arc::clone(&received);
        wait_for("the transfer runs", || (received.load(Ordering::SeqCst) > 20_000_000).then_some(()));
        fj.talanoa(&["revoke", &to_ws, "--purge"]).ok();
        received.load(Ordering::SeqCst)
    };
    assert_eq!(counting.await.unwrap(), "not available", "it ended as every no does");
    let after = received.load(Ordering::SeqCst) - at_ack;
    println!("{at_ack} bytes had come when the revocation was acknowledged, {after} came after it");
    assert!(after <= AFTER_BYTES_MAX, "{after} bytes after the acknowledgement");
    assert!(at_ack < LARGE_BYTES as u64, "the transfer was over before it was taken back");

    // SPC's node is in the middle of the same; after its receipt nothing of it is on its disk.
    spc.talanoa(&["follow", "FJ"]).ok();
    let partial = spc.dir.join("partial");
    wait_for("SPC receives", || {
        let begun = fs::read_dir(&partial).is_ok_and(|mut d| d.next().is_some());
        (begun || !spc.held().is_empty()).then_some(())
    });
    let mut fj = fj;
    fj.talanoa(&["revoke", &to_spc, "--purge"]).ok();
    wait_for("SPC's receipt", || {
        let rows = fj.list("receipts");
        rows.iter().any(|r| r["direction"] == "received" && r["member"] == "SPC").then_some(())
    });
    assert_eq!(scan(&spc.dir, &needle), Vec::<std::path::PathBuf>::new());
    let planted = spc.dir.join("planted");
    fs::write(&planted, [b"before", needle.as_slice(), b"after"].concat()).unwrap();
    assert_eq!(scan(&spc.dir, &needle), std::slice::from_ref(&planted));
    fs::remove_file(planted).unwrap();
    // Both tell the same story.
    let given = fj.list("grants").into_iter().find(|g| g["id"] == to_spc.as_str()).unwrap();
    assert_eq!(given["state"], "revoked, purge confirmed");
    let taken = spc.list("grants").into_iter().find(|g| g["id"] == to_spc.as_str()).unwrap();
    wait_for("SPC knows that its receipt arrived", || {
        let taken = spc.list("grants").into_iter().find(|g| g["id"] == to_spc.as_str())?;
        (taken["state"] == "revoked, purged, receipt delivered").then_some(())
    });
    assert!(taken["state"].as_str().unwrap().starts_with("revoked, purged"), "{taken}");
    fj.judge();
    spc.judge();
}

#[test]
fn a_backup_from_before_a_purge_brings_nothing_back() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc, mut vu] = federation(root.path(), ["FJ", "SPC", "VU"]);
    for member in [&mut fj, &mut spc, &mut vu] {
        member.serve();
    }
    let file = root.path().join("a.csv");
    let needle = table(&file, 200);
    fj.publish(&file, "A").ok();
    let until = talanoa_tests::next_year();
    let grant =
        fj.decide(&format!("grant --to SPC --dataset A --action read --action relay --until {until}"));
    fj.decide(&format!("grant --to VU --dataset A --until {until}"));
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    wait_for("SPC is shown both grants", || (spc.list("grants").len() == 2).then_some(()));
    spc.stop();
    let backup = root.path().join("backup");
    copy_dir(&spc.dir, &backup);
    spc.serve();
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    spc.stop();
    fs::remove_dir_all(&spc.dir).unwrap();
    copy_dir(&backup, &spc.dir);
    assert!(!scan(&spc.dir, &needle).is_empty(), "the backup has it");

    // Its publisher is reached: the revocation comes again, and is carried out again.
    spc.serve();
    wait_for("it is gone again", || spc.list("catalogue").is_empty().then_some(()));
    wait_for("and erased", || scan(&spc.dir, &needle).is_empty().then_some(()));
    vu.talanoa(&["follow", "FJ", "--via", "SPC"]).ok();
    wait_for("Vanuatu hears from SPC", || {
        let rows = vu.list("peers");
        // Of what Fiji itself offers it, SPC can bring nothing: it need not come up to date.
        rows.iter().any(|p| p["member"] == "FJ" && !p["last_contact"].is_null()).then_some(())
    });
    assert!(vu.held().is_empty(), "what was purged is carried to nobody");
    [fj, spc, vu].iter_mut().for_each(Member::judge);
}

#[test]
fn a_restored_reader_says_that_it_has_not_heard_its_publisher() {
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
    let get = |spc: &Member, name: &str| {
        spc.talanoa(&["get", "FJ/A", "--out", root.path().join(name).to_str().unwrap()])
    };
    assert!(!get(&spc, "heard").err.contains("was not heard"));
    assert!(spc.status()["not_heard_since_start"].is_null());
    spc.stop();
    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    fj.stop();

    // What is here may have been purged, or not: nobody can tell.
    spc.serve();
    let told = get(&spc, "unheard");
    assert!(told.err.contains("FJ was not heard since this node started"), "{}", told.err);
    told.ok();
    assert!(spc.status()["not_heard_since_start"].as_str().unwrap().starts_with("FJ: "));
    fj.serve();
    wait_for("it is gone", || spc.list("catalogue").is_empty().then_some(()));
    assert!(spc.status()["not_heard_since_start"].is_null());
    [fj, spc].iter_mut().for_each(Member::judge);
}

#[test]
fn copies_go_when_the_retention_after_the_end_is_over() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    let needle = table(&file, 50);
    fj.publish(&file, "A").ok();
    let until = talanoa_tests::day_after(1);
    let line = format!("grant --to SPC --dataset A --retention-days 2 --purge-days 1 --until {until}");
    fj.decide(&line);
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1"]);
    for days in [3, 6] {
        for member in [&mut fj, &mut spc] {
            member.stop();
            member.clock_offset_seconds = days * 86_400;
            member.serve();
        }
        if days == 3 {
            assert_eq!(spc.held(), ["FJ/A@1"], "the grant is over, the retention is not");
        }
    }
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    assert!(scan(&spc.dir, &needle).is_empty());
    [fj, spc].iter_mut().for_each(Member::judge);
}
