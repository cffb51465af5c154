//! From consent to the reader: the first delivery after a grant, and catching up with much at once.

use std::time::Instant;

use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use talanoa_node::{home::Home, keys};
use talanoa_tests::{
    federation,
    load::{LoadReader, Operator, quantile},
};

use crate::{Row, journal};

const GRANTS: usize = 200;
const RELEASES: u64 = 10_000;

pub async fn grant_rows() -> Vec<Row> {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let operator = Operator::connect(&fj.dir).await.unwrap();
    let [publisher, reader] = [&fj, &spc].map(|m| Home::open(&m.dir).unwrap());
    let address = format!("127.0.0.1:{}", fj.port);
    let charter = root.path().join("charter.txt");
    let mut follower = LoadReader::connect(&charter, &reader, &publisher, &address).await.unwrap();
    let consent = keys::load(&publisher.key_path("consent")).unwrap();
    let (mut delivered, mut durable) = (Vec::new(), Vec::new());
    for n in 0..GRANTS {
        let dataset = format!("D{n}");
        let commitment = operator.publish(&dataset, Bytes::from(vec![n as u8; 1024])).await.unwrap();
        let signed = operator.sign_grant("SPC", &dataset, &consent).await.unwrap();
        let started = Instant::now();
        let submitting = operator.submit(signed);
        let receiving = async {
            let (found, release) = follower.next_release().await.unwrap();
            follower.fetch(found, &release).await.unwrap();
            found
        };
        let (submitted, found) = tokio::join!(submitting, receiving);
        submitted.unwrap();
        assert_eq!(found, commitment);
        delivered.push(started.elapsed().as_secs_f64() * 1000.0);
        durable.push(durable_append(root.path()));
    }
    fj.judge();
    spc.judge();
    let [ours, bare] = [&mut delivered, &mut durable].map(|s| (quantile(s, 0.5), quantile(s, 0.99)));
    let row = |name: &str, ours: f64, bare: f64| {
        Row::new(
            format!("grant to first delivery, 1 KiB, {name} of {GRANTS}"),
            format!("{ours:.1} ms"),
            format!("{bare:.1} ms: two durable appends (grant, access), two syncs each"),
            ours / bare,
        )
    };
    vec![row("median", ours.0, bare.0), row("p99", ours.1, bare.1)]
}

/// What the disk alone takes for the records that a delivery needs: written, synced, anchored.
fn durable_append(dir: &std::path::Path) -> f64 {
    use std::os::unix::fs::FileExt;
    let open = |name: &str| {
        std::fs::File::options().write(true).create(true).truncate(false).open(dir.join(name)).unwrap()
    };
    let (segment, anchor) = (open("bare-segment"), open("bare-anchor"));
    let started = Instant::now();
    for n in 0..2 {
        segment.write_all_at(&[1; 400], n * 400).unwrap();
        segment.sync_data().unwrap();
        anchor.write_all_at(&[2; 512], n % 2 * 4096).unwrap();
        anchor.sync_data().unwrap();
    }
    started.elapsed().as_secs_f64() * 1000.0
}

pub async fn catch_up_rows() -> Vec<Row> {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    let [publisher, reader] = [&fj, &spc].map(|m| Home::open(&m.dir).unwrap());
    journal::fill(&publisher, RELEASES).await;
    fj.serve();
    fj.grant("SPC", "all");
    let address = format!("127.0.0.1:{}", fj.port);
    let charter = root.path().join("charter.txt");
    let mut follower = LoadReader::connect(&charter, &reader, &publisher, &address).await.unwrap();
    let started = Instant::now();
    for _ in 0..RELEASES {
        follower.next_release().await.unwrap();
    }
    let seconds = started.elapsed().as_secs_f64();
    drop(follower);
    fj.stop();
    spc.judge();
    let bare = verified_signatures(RELEASES);
    vec![Row::new(
        "catch-up of 10,000 releases, every proof checked",
        format!("{seconds:.2} s, {:.0} /s", RELEASES as f64 / seconds),
        format!("{bare:.2} s: 10,000 Ed25519 signatures verified, one thread"),
        seconds / bare,
    )]
}

/// Seconds.
pub fn verified_signatures(count: u64) -> f64 {
    let key = SigningKey::from_bytes(&[3; 32]);
    let message = [5; 600];
    let (signature, public) = (key.sign(&message), key.verifying_key());
    let started = Instant::now();
    assert!((0..count).all(|_| public.verify_strict(&message, &signature).is_ok()));
    started.elapsed().as_secs_f64()
}
