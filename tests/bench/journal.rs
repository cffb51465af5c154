//! How long a journal of many entries takes to open, to be judged, and to prove from.

use std::{io::Read, time::Instant};

use sha2::{Digest, Sha256};
use talanoa_node::{fsck::fsck, home::Home, node::own_entry, store::Batch};
use talanoa_proto::{
    entry,
    envelope::Envelope,
    id::Commitment,
    object::Origin,
    release::{Description, Distribution, Release, ReleaseKind, Sensitivity},
};
use talanoa_tests::{federation, load::resident_mib};

use crate::{Row, feed};

const PROOFS: u64 = 10_000;

pub async fn rows() -> Vec<Row> {
    let most: u64 = std::env::var("TALANOA_BENCH_ENTRIES").map_or(1_000_000, |n| n.parse().unwrap());
    let mut rows = Vec::new();
    let mut before: Option<f64> = None;
    for entries in [10_000, 100_000, 1_000_000].into_iter().filter(|n| *n <= most) {
        let root = tempfile::tempdir().unwrap();
        let [mut fj, _spc] = federation(root.path(), ["FJ", "SPC"]);
        let home = Home::open(&fj.dir).unwrap();
        fill(&home, entries).await;
        let bytes = ledger_bytes(&home);
        let hashed = read_and_hash(&home);

        let started = Instant::now();
        let store = home.open_store().unwrap();
        let opened = started.elapsed().as_secs_f64();
        let size = store.view().size;
        let started = Instant::now();
        for n in 0..PROOFS {
            store.inclusion(n * (size - 1) / PROOFS, size).unwrap();
        }
        let proof = started.elapsed().as_secs_f64() / PROOFS as f64 * 1e6;
        let started = Instant::now();
        for n in 0..PROOFS {
            store.own_entry(n * (size - 1) / PROOFS).unwrap();
        }
        let lookup = started.elapsed().as_secs_f64() / PROOFS as f64 * 1e6;
        store.close().await;
        drop(store);
        fj.serve();
        let memory = resident_mib(fj.pid());
        fj.stop();

        let started = Instant::now();
        let report = fsck(&home);
        let judged = started.elapsed().as_secs_f64();
        // The entries name files that were never made: only the shelf has something to say.
        assert!(report.faults.iter().all(|f| f.starts_with("shelf/")), "{:?}", report.faults.first());
        let name = format!("journal of {entries} entries ({} MB of ledger)", bytes / 1_000_000);
        let growth = before.map_or(String::new(), |b| format!(", {:.1} × the one before", opened / b));
        rows.push(Row::new(
            format!("{name}: open, clean"),
            format!("{opened:.2} s{growth}; {memory:.0} MiB when it serves"),
            format!("{hashed:.3} s: the ledger's bytes read and hashed once"),
            opened / hashed,
        ));
        let signatures = feed::verified_signatures(entries);
        rows.push(Row::new(
            format!("{name}: fsck"),
            format!("{judged:.2} s"),
            format!("{signatures:.2} s: as many Ed25519 signatures verified, one thread"),
            judged / signatures,
        ));
        rows.push(Row::new(
            format!("{name}: inclusion proof"),
            format!("{proof:.1} µs"),
            format!("{lookup:.1} µs: one entry found, read, hash-checked and parsed"),
            proof / lookup,
        ));
        before = Some(opened);
    }
    rows
}

/// Releases of one dataset, through `commit`; their files are never made.
pub async fn fill(home: &Home, entries: u64) {
    let store = home.open_store().unwrap();
    let (key, origin) = (home.node_key().unwrap(), store.view().origin().unwrap());
    let mut previous = None;
    let mut batch = Batch::default();
    for number in 1..=entries {
        let envelope = Envelope::seal(&release(origin, number, previous), &key);
        let (entry, salt) = own_entry(&envelope).unwrap();
        previous = Some(entry::commitment(&salt, &entry.envelope));
        batch.records.push(entry.into());
        if batch.records.len() == 2000 || number == entries {
            store.commit(std::mem::take(&mut batch)).await.unwrap();
        }
    }
    store.close().await;
}

fn release(origin: Origin, number: u64, previous: Option<Commitment>) -> Release {
    Release {
        origin,
        dataset: "LOAD".parse().unwrap(),
        number,
        kind: ReleaseKind::Document,
        previous,
        published_at: 1,
        description: Description {
            titles: vec![("en".into(), "A document of some length".into())],
            ..Description::default()
        },
        distributions: vec![Distribution {
            name: "document.pdf".into(),
            media_type: "application/pdf".into(),
            bytes: 1024,
            sha256: [1; 32],
            chunking: "fastcdc2020/16k".into(),
            chunk_root: [2; 32],
            rows: 0,
            columns: 0,
            observations: 0,
        }],
        quality: Vec::new(),
        sensitivity: Sensitivity::Official,
        relations: Vec::new(),
        structure: String::new(),
    }
}

fn segments(home: &Home) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(home.layout().ledger()).unwrap().map(|f| f.unwrap().path()).collect()
}

fn ledger_bytes(home: &Home) -> u64 {
    segments(home).iter().map(|f| f.metadata().unwrap().len()).sum()
}

fn read_and_hash(home: &Home) -> f64 {
    let started = Instant::now();
    for segment in segments(home) {
        let (mut hash, mut file) = (Sha256::new(), std::fs::File::open(segment).unwrap());
        let mut buffer = vec![0; 1 << 20];
        while let n @ 1.. = file.read(&mut buffer).unwrap() {
            hash.update(&buffer[..n]);
        }
        assert_ne!(hash.finalize()[..], [0; 32]);
    }
    started.elapsed().as_secs_f64()
}
