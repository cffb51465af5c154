//! The ledger against a model: random histories with crashes in between, compared after every reopen.
//!
//! The model is a list. The crash is a power failure at a random durable operation: before it, in the
//! middle of a write, or after a write that never reached the platter. `TALANOA_HISTORIES=10000`.

use std::{collections::BTreeSet, path::PathBuf};

use talanoa_node::store::{
    anchor::JournalHead,
    disk::Disk,
    ledger::{Ledger, Payload, Position, ReadError},
};

const HEAD: JournalHead = JournalHead { epoch: 1, size: 0, root: [0; 32] };

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A record as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    kind: u8,
    payload: Vec<u8>,
}

#[derive(Default)]
struct Model {
    /// Everything handed in since the beginning, in order; what a crash took is cut off at the next open.
    records: Vec<Known>,
    /// So many were acknowledged: they may never be missing again.
    acknowledged: usize,
    /// Erased, or erasing when the power failed.
    erased: BTreeSet<usize>,
    incarnation: u64,
}

struct History {
    dir: tempfile::TempDir,
    random: Random,
    model: Model,
    crashes: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        // In memory where there is such a place: what is tested is the order of writes, not the disk.
        let base = ["/dev/shm", "/tmp"].map(PathBuf::from).into_iter().find(|p| p.is_dir());
        let dir = tempfile::tempdir_in(base.unwrap_or_else(std::env::temp_dir)).unwrap();
        Ledger::create(Disk::default(), &dir.path().join("ledger"), dir.path()).unwrap();
        Self { dir, random: Random(seed), model: Model::default(), crashes: 0 }
    }

    fn disk(&mut self, crash: bool) -> Disk {
        let kind = ["kill", "torn", "lost"][self.random.below(3) as usize];
        let disk = if crash { Disk::crashing(kind, 1 + self.random.below(40)) } else { Disk::default() };
        disk.with_segment_bytes(600)
    }

    /// Opens, perhaps with a power failure on the way; the last try is without.
    fn open(&mut self) -> (Ledger, Vec<Position>) {
        for crash in [self.random.below(3) == 0, false] {
            let disk = self.disk(crash);
            let mut found = Vec::new();
            let dir = self.dir.path().join("ledger");
            let opened = Ledger::open(disk, &dir, self.dir.path(), &mut |visit| {
                let payload = match visit.payload {
                    Payload::Intact(payload) => Some(payload.to_vec()),
                    Payload::Zeroed => None,
                    Payload::Rotten(_) => Some(b"rotten".to_vec()),
                };
                found.push((visit.kind, payload, visit.at));
                Ok(())
            });
            match opened {
                Ok((ledger, _)) => {
                    self.compare(&ledger, &found);
                    return (ledger, found.into_iter().map(|(_, _, at)| at).collect());
                }
                Err(error) => {
                    assert!(crash, "it does not open: {error}");
                    self.crashes += 1;
                }
            }
        }
        unreachable!("the last try has no crash")
    }

    fn compare(&mut self, ledger: &Ledger, found: &[(u8, Option<Vec<u8>>, Position)]) {
        let model = &mut self.model;
        assert!(found.len() >= model.acknowledged, "acknowledged records are missing");
        assert!(found.len() <= model.records.len(), "records that nobody wrote");
        for (n, (kind, payload, at)) in found.iter().enumerate() {
            let known = &model.records[n];
            assert_eq!(*kind, known.kind);
            if model.erased.contains(&n) {
                continue; // intact, zeroed or half way through it: it is erased again below
            }
            assert_eq!(payload.as_ref(), Some(&known.payload), "record {n}");
            assert_eq!(ledger.reader().read(*at).unwrap(), (known.kind, known.payload.clone()));
        }
        model.records.truncate(found.len());
        model.acknowledged = found.len();
        let incarnation = ledger.anchored().incarnation;
        assert!(incarnation > model.incarnation, "an incarnation was used twice");
        model.incarnation = incarnation;
    }

    /// Random operations until the power fails or enough is done.
    fn live(&mut self) {
        let (_, _) = self.open();
        let crash = self.random.below(4) > 0;
        let disk = self.disk(crash);
        let dir = self.dir.path().join("ledger");
        let mut positions = Vec::new();
        let opened = Ledger::open(disk, &dir, self.dir.path(), &mut |visit| {
            positions.push(visit.at);
            Ok(())
        });
        let Ok((mut ledger, _)) = opened else {
            assert!(crash);
            self.crashes += 1;
            return;
        };
        self.model.incarnation = ledger.anchored().incarnation;
        // What an earlier crash left half erased is finished first, as a store does at open.
        for n in self.model.erased.clone() {
            if positions.get(n).is_some_and(|at| ledger.erase(*at).is_err()) {
                self.crashes += 1;
                return;
            }
        }
        for _ in 0..self.random.below(12) {
            if !self.step(&mut ledger, &mut positions) {
                assert!(crash, "a sound disk failed");
                self.crashes += 1;
                return;
            }
        }
    }

    fn step(&mut self, ledger: &mut Ledger, positions: &mut Vec<Position>) -> bool {
        let acknowledged = self.model.acknowledged as u64;
        if acknowledged > 0 && self.random.below(5) == 0 {
            let n = self.random.below(acknowledged) as usize;
            self.model.erased.insert(n);
            let done = ledger.erase(positions[n]).is_ok();
            if done {
                // Erasing anchors first: what was written before it is acknowledged by it.
                self.model.acknowledged = self.model.records.len();
                let empty = self.model.records[n].payload.is_empty();
                let read = ledger.reader().read(positions[n]);
                assert!(empty || matches!(read, Err(ReadError::Erased)), "{read:?}");
            }
            return done;
        }
        let batch: Vec<(u8, Vec<u8>)> = (0..1 + self.random.below(4))
            .map(|_| {
                let payload = (0..self.random.below(200)).map(|_| 1 + self.random.below(255) as u8).collect();
                (1 + self.random.below(20) as u8, payload)
            })
            .collect();
        self.model.records.extend(batch.iter().map(|(kind, p)| Known { kind: *kind, payload: p.clone() }));
        let Ok(written) = ledger.append(&batch) else { return false };
        positions.extend(written.into_iter().map(|(_, at)| at));
        if self.random.below(4) == 0 {
            return true; // not anchored yet
        }
        let done = ledger.anchor(HEAD).is_ok();
        if done {
            self.model.acknowledged = self.model.records.len();
        }
        done
    }
}

#[test]
fn random_histories_with_crashes_end_where_the_model_ends() {
    let histories: u64 = std::env::var("TALANOA_HISTORIES").map_or(10_000, |n| n.parse().unwrap());
    let (mut crashes, mut records, mut reopens) = (0, 0, 0);
    for seed in 0..histories {
        let mut history = History::new(seed);
        let lives = 1 + history.random.below(4);
        (0..lives).for_each(|_| history.live());
        history.open();
        crashes += history.crashes;
        records += history.model.records.len();
        reopens += lives + 1;
    }
    println!(
        "{histories} histories, {crashes} crashes, {reopens} reopens compared, {records} records at the end"
    );
    assert!(crashes > histories / 2);
}
