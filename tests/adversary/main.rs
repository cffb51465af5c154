//! A node under attack: honest readers are served, memory stays bounded, the log is not flooded.
//!
//! ```text
//! TALANOA_ATTACK_SECONDS=60 cargo test --release -p talanoa-tests --test adversary -- --nocapture
//! ```
//!
//! prints one line per attack, and judges the time of delivery; without the variable each attack lasts for
//! some deliveries only and time is not judged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by ending")]
#![allow(clippy::disallowed_types, reason = "what is measured here is time")]

mod attacks;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use talanoa_node::home::Home;
use talanoa_proto::charter::CharterFile;
use talanoa_tests::{
    Member, federation,
    load::{LoadReader, Operator, quantile, resident_mib},
};

use attacks::Attack;
use talanoa_tests::http2::Victim;

const DELIVERIES_MIN: usize = 20;
const GROWTH_MIB_MAX: f64 = 64.0;
const P99_RATIO_MAX: f64 = 2.0;
/// Lines that the log may grow by under any attack: each cause once, and a summary now and then.
const LOG_LINES_MAX: usize = 60;

struct Scene {
    fj: Member,
    operator: Operator,
    reader: LoadReader,
    victim: Victim,
    _root: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let [mut fj, spc, ws] = federation(root.path(), ["FJ", "SPC", "WS"]);
        fj.serve();
        fj.grant("SPC", "all");
        fj.grant("WS", "all");
        let operator = Operator::connect(&fj.dir).await.unwrap();
        operator.publish("LOAD", Bytes::from_static(b"first")).await.unwrap();
        let [home, honest, malicious] = [&fj, &spc, &ws].map(|m| Home::open(&m.dir).unwrap());
        let charter = root.path().join("charter.txt");
        let address = format!("127.0.0.1:{}", fj.port);
        let mut reader = LoadReader::connect(&charter, &honest, &home, &address).await.unwrap();
        reader.next_release().await.unwrap();
        let charter = CharterFile::from_text(&std::fs::read_to_string(charter).unwrap()).unwrap();
        let victim = Victim {
            address: address.parse().unwrap(),
            key: home.node_key().unwrap().verifying_key().to_bytes(),
            member: malicious.node_key().unwrap(),
            federation: charter.federation().to_bytes(),
        };
        Self { fj, operator, reader, victim, _root: root }
    }

    /// Milliseconds from the call to publish until the honest reader has verified entry and file.
    async fn deliveries(&mut self, at_least: Duration) -> Vec<f64> {
        let begun = Instant::now();
        let mut samples = Vec::new();
        while begun.elapsed() < at_least || samples.len() < DELIVERIES_MIN {
            let bytes: Vec<u8> = (0..1024).map(|n: usize| (n + samples.len()) as u8).collect();
            let started = Instant::now();
            let published = self.operator.publish("LOAD", bytes.into());
            let received = async {
                let (commitment, release) = self.reader.next_release().await?;
                self.reader.fetch(commitment, &release).await?;
                Ok::<_, talanoa_client::PeerError>(commitment)
            };
            let (published, received) = tokio::join!(published, received);
            assert_eq!(published.unwrap(), received.unwrap());
            samples.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        samples
    }
}

async fn withstand(name: &str, attack: Attack) {
    let seconds: Option<u64> = std::env::var("TALANOA_ATTACK_SECONDS").ok().map(|s| s.parse().unwrap());
    let lasting = Duration::from_secs(seconds.unwrap_or(1));
    let mut scene = Scene::new().await;
    let mut quiet = scene.deliveries(lasting / 2).await;
    let (memory, lines) = (resident_mib(scene.fj.pid()), scene.fj.log().lines().count());
    let rounds = Arc::new(AtomicU64::new(0));
    let attacking = tokio::spawn(attack(scene.victim.clone(), Arc::clone(&rounds)));
    let mut attacked = scene.deliveries(lasting).await;
    let growth = resident_mib(scene.fj.pid()) - memory;
    attacking.abort();
    let _ = attacking.await;

    let rounds = rounds.load(Ordering::Relaxed);
    let [before, under] = [&mut quiet, &mut attacked].map(|s| (quantile(s, 0.5), quantile(s, 0.99)));
    let ratio = under.1 / before.1;
    println!(
        "| {name} | {:.1} / {:.1} | {:.1} / {:.1} | {ratio:.2} | {growth:.1} | {rounds} |",
        before.0, before.1, under.0, under.1
    );
    assert!(rounds > 0, "{name}: the attack did not take place");
    assert!(scene.fj.is_running(), "{name}: the node ended: {}", scene.fj.log());
    let log = scene.fj.log();
    // Every publication is a line of its own.
    let said = log.lines().skip(lines).filter(|l| !l.contains("published")).count();
    assert!(said <= LOG_LINES_MAX, "{name}: {said} lines in the log: {log}");
    assert!(!log.contains("panicked"), "{name}: {log}");
    assert!(growth <= GROWTH_MIB_MAX, "{name}: {growth} MiB more");
    assert!(seconds.is_none() || ratio <= P99_RATIO_MAX, "{name}: p99 {ratio} times the quiet one");
    scene.fj.judge();
}

/// One after the other: together they would measure each other.
#[test]
fn honest_readers_are_served_under_every_attack() {
    println!(
        "| attack | quiet median / p99, ms | attacked median / p99, ms | p99 ratio | memory growth, MiB | rounds |"
    );
    println!("|---|---|---|---|---|---|");
    let only = std::env::var("TALANOA_ATTACK").unwrap_or_default();
    for (name, attack) in attacks::ALL.iter().filter(|(name, _)| name.contains(&only)) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(withstand(name, *attack));
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}
