//! Killed at every durable operation, one after the other, until a run ends untouched.
//!
//! For N = 1, 2, …: the node is killed just before its N-th durable operation. Then `fsck` must find it
//! sound as it lies, it must start, everything that was acknowledged must hold, and the scenario must
//! complete. Half a write that the power cut left is the other fault of every run;
//! `TALANOA_FAULTS=kill,torn,lost,eio,enospc` names more: a write that the power cut took, an input/output
//! error, a full disk.

use std::{fs, path::Path};

use talanoa_tests::{Done, Member, copy_dir, federation, scan, table, talanoa, talanoa_with, wait_for};

/// Directories of two members, made once and copied for every N.
pub struct Stage {
    root: tempfile::TempDir,
    codes: [&'static str; 2],
    ports: [u16; 2],
    segment_bytes: Option<u64>,
}

impl Stage {
    pub fn new(prepare: impl FnOnce(&mut Member, &mut Member, &Path)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let model = root.path().join("model");
        fs::create_dir(&model).unwrap();
        let [mut fj, mut spc] = federation(&model, ["FJ", "SPC"]);
        table(&root.path().join("one.csv"), 50);
        table(&root.path().join("two.csv"), 3000);
        prepare(&mut fj, &mut spc, root.path());
        fj.judge();
        spc.judge();
        let ports = [fj.port, spc.port];
        Self { root, codes: ["FJ", "SPC"], ports, segment_bytes: None }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    /// Fresh copies of both, not running.
    fn members(&self, n: u64) -> [Member; 2] {
        let run = self.root.path().join(format!("run-{n}"));
        let model = self.root.path().join("model");
        [0, 1].map(|i| {
            let dir = run.join(self.codes[i].to_lowercase());
            copy_dir(&model.join(self.codes[i].to_lowercase()), &dir);
            let mut member = Member::at(self.codes[i], dir, self.ports[i]);
            member.segment_bytes = self.segment_bytes;
            member
        })
    }

    fn clear(&self, n: u64) {
        let _ = fs::remove_dir_all(self.root.path().join(format!("run-{n}")));
    }
}

/// Runs `act` with the victim failing at each operation in turn; `holds` is asked after a restart without
/// faults. `act` returns what was acknowledged to it.
pub fn every_point<A>(
    name: &str,
    stage: &Stage,
    victim: usize,
    act: impl Fn(&mut [Member; 2]) -> A,
    holds: impl Fn(&mut [Member; 2], &A),
) {
    for fault in faults().split(',') {
        let mut n = 0;
        loop {
            n += 1;
            let mut members = stage.members(n);
            let other = 1 - victim;
            members[other].serve();
            let served = members[victim].try_serve(Some(&format!("{fault}@{n}")));
            let acknowledged = served.then(|| act(&mut members));
            let alive = served && members[victim].is_running();
            // As it lies, before anything has a chance to mend it.
            if alive {
                members[victim].stop();
            } else {
                members[victim].kill();
            }
            let untouched = alive && !members[victim].is_disturbed_by_fault();
            let judged = talanoa(&members[victim].dir, &["fsck"]);
            assert_eq!(judged.code, 0, "{name} {fault}@{n}: {}{}", judged.out, judged.err);
            members[victim].serve();
            if let Some(acknowledged) = &acknowledged {
                holds(&mut members, acknowledged);
            }
            same_without_index(&mut members[victim]);
            members.iter_mut().for_each(Member::judge);
            drop(members);
            stage.clear(n);
            if untouched {
                println!("{name}: {} points of {fault}, then untouched", n - 1);
                break;
            }
        }
    }
}

fn faults() -> String {
    std::env::var("TALANOA_FAULTS").unwrap_or_else(|_| "kill,torn".into())
}

/// The same for a command that works on the directory of a stopped node.
fn every_point_of_a_command(
    name: &str,
    stage: &Stage,
    victim: usize,
    words: &[&str],
    mut ready: impl FnMut(&mut [Member; 2]),
    holds: impl Fn(&mut [Member; 2]),
) {
    for fault in faults().split(',') {
        let mut n = 0;
        loop {
            n += 1;
            let mut members = stage.members(n);
            ready(&mut members);
            let done = talanoa_with(&members[victim].dir, words, Some(&format!("{fault}@{n}")));
            let untouched = done.code == 0 && !done.err.contains("TALANOA_FAULT came");
            // Again without a fault: what was begun is finished.
            talanoa(&members[victim].dir, words).ok();
            let judged = talanoa(&members[victim].dir, &["fsck"]);
            assert_eq!(judged.code, 0, "{name} {fault}@{n}: {}{}", judged.out, judged.err);
            members[victim].serve();
            holds(&mut members);
            members.iter_mut().for_each(Member::judge);
            drop(members);
            stage.clear(n);
            if untouched {
                println!("{name}: {} points of {fault}, then untouched", n - 1);
                break;
            }
        }
    }
}

/// Deleting the index changes no answer.
fn same_without_index(member: &mut Member) {
    let answers = |m: &Member| ["releases", "catalogue", "grants", "audit"].map(|what| m.list(what));
    // What is under way changes answers by itself.
    wait_for("receipts are delivered", || (member.status()["receipts_owed"] == 0).then_some(()));
    let before = answers(member);
    member.stop();
    fs::remove_dir_all(member.dir.join("index")).unwrap();
    member.serve();
    assert_eq!(answers(member), before);
}

pub fn acknowledged(done: Done) -> Option<String> {
    (done.code == 0).then(|| done.out.split_whitespace().next().unwrap_or_default().to_owned())
}

#[test]
fn publish_survives_a_kill_at_every_point() {
    let stage = Stage::new(|_, _, _| {});
    let file = stage.file("one.csv");
    every_point(
        "publish",
        &stage,
        0,
        |[fj, _]| [fj.publish(&file, "A"), fj.publish(&file, "A")].map(acknowledged),
        |[fj, _], told| {
            let refs = fj.refs("releases");
            for reference in told.iter().flatten() {
                assert!(refs.contains(reference), "{reference} was acknowledged: {refs:?}");
            }
            let next = fj.publish(&file, "A").id();
            assert_eq!(next, format!("FJ/A@{}", refs.len() + 1), "numbers have no gap");
        },
    );
}

#[test]
fn a_grant_survives_a_kill_at_every_point() {
    let stage = Stage::new(|fj, _, root| {
        fj.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
    });
    let until = talanoa_tests::next_year();
    every_point(
        "grant",
        &stage,
        0,
        |[fj, spc]| {
            spc.talanoa(&["follow", "FJ"]).ok();
            acknowledged(fj.talanoa(&["grant", "--to", "SPC", "--dataset", "A", "--until", &until]))
        },
        |[fj, spc], told| {
            if let Some(id) = told {
                assert!(fj.list("grants").iter().any(|g| g["id"] == id.as_str()));
            } else {
                fj.grant("SPC", "A");
            }
            spc.wait_until_held(&["FJ/A@1"]);
        },
    );
}

#[test]
fn following_survives_a_kill_of_the_reader_at_every_point() {
    let stage = Stage::new(|fj, _, root| {
        fj.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
        fj.publish(&root.join("two.csv"), "B").ok();
        fj.grant("SPC", "all");
    });
    every_point(
        "follow",
        &stage,
        1,
        |[_, spc]| {
            let told = acknowledged(spc.talanoa(&["follow", "FJ"]));
            wait_for("SPC holds all or was killed", || {
                let held = talanoa(&spc.dir, &["catalogue", "--json"]).out.matches("\"held\"").count();
                (held == 2 || spc.is_disturbed()).then_some(())
            });
            told
        },
        |[_, spc], told| {
            if told.is_none() {
                spc.talanoa(&["follow", "FJ"]).ok();
            }
            spc.wait_until_held(&["FJ/A@1", "FJ/B@1"]);
        },
    );
}

fn held_and_granted() -> Stage {
    Stage::new(|fj, spc, root| {
        fj.serve();
        spc.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
        fj.grant("SPC", "all");
        spc.talanoa(&["follow", "FJ"]).ok();
        spc.wait_until_held(&["FJ/A@1"]);
    })
}

fn purge_completes(stage: &Stage, [fj, spc]: &mut [Member; 2]) {
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    wait_for("its acknowledgement", || (spc.status()["receipts_owed"] == 0).then_some(()));
    assert!(spc.list("catalogue").is_empty());
    let seed = fs::read_to_string(stage.file("one.csv")).unwrap();
    let needle = seed.lines().nth(1).unwrap().rsplit(',').next().unwrap().as_bytes().to_vec();
    assert!(scan(&spc.dir, &needle).is_empty());
}

fn grant_id(fj: &Member) -> String {
    fj.list("grants")[0]["id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_revocation_survives_a_kill_of_the_publisher_at_every_point() {
    let stage = held_and_granted();
    every_point(
        "revoke",
        &stage,
        0,
        |[fj, _]| {
            let listing = fj.talanoa(&["grants", "--json"]).out;
            let id = listing
                .split("\"id\":\"")
                .nth(1)
                .map(|t| t[..64].to_owned())
                .unwrap_or_else(|| "0".repeat(64));
            let told = acknowledged(fj.talanoa(&["revoke", &id, "--purge"]));
            if told.is_some() {
                wait_for("the receipt is taken or the publisher was killed", || {
                    let taken = talanoa(&fj.dir, &["receipts", "--json"]).out.contains("\"received\"");
                    (taken || fj.is_disturbed()).then_some(())
                });
            }
            told
        },
        |members, told| {
            let state = members[0].list("grants")[0]["state"].as_str().unwrap_or_default().to_owned();
            assert!(told.is_none() || state.starts_with("revoked"), "acknowledged, and now {state}");
            if !state.starts_with("revoked") {
                let id = grant_id(&members[0]);
                members[0].talanoa(&["revoke", &id, "--purge"]).ok();
            }
            purge_completes(&stage, members);
        },
    );
}

#[test]
fn a_purge_survives_a_kill_of_the_holder_at_every_point() {
    let stage = held_and_granted();
    every_point(
        "purge",
        &stage,
        1,
        |[fj, spc]| {
            let id = grant_id(fj);
            fj.talanoa(&["revoke", &id, "--purge"]).ok();
            wait_for("the receipt is taken or the holder was killed", || {
                let taken = talanoa(&fj.dir, &["receipts", "--json"]).out.contains("\"received\"");
                (taken || spc.is_disturbed()).then_some(())
            });
        },
        |members, ()| purge_completes(&stage, members),
    );
}

/// A process was killed in the middle of everything; the next start is disturbed again and again.
#[test]
fn a_start_after_a_crash_survives_a_kill_at_every_point() {
    let stage = Stage::new(|fj, spc, root| {
        fj.serve();
        spc.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
        fj.grant("SPC", "all");
        spc.talanoa(&["follow", "FJ"]).ok();
        spc.wait_until_held(&["FJ/A@1"]);
    });
    // A torn tail, a publication that ended between shelf and journal, one that had only begun.
    let fj = stage.root.path().join("model/fj");
    let segment = fj.join("ledger/00000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let tail = bytes[..300].to_vec();
    bytes.extend_from_slice(&tail);
    fs::write(&segment, bytes).unwrap();
    for folder in [format!("shelf/{}", "ab".repeat(32)), "partial/incoming-0123".into()] {
        fs::create_dir_all(fj.join(&folder)).unwrap();
        fs::write(fj.join(folder).join("0"), "unfinished").unwrap();
    }
    fs::remove_dir_all(fj.join("index")).unwrap();
    every_point(
        "start after a crash",
        &stage,
        0,
        |_| (),
        |[fj, spc], ()| {
            assert_eq!(fj.refs("releases"), ["FJ/A@1"]);
            assert!(!fj.dir.join("partial/incoming-0123").exists());
            spc.wait_until_held(&["FJ/A@1"]);
        },
    );
}

#[test]
fn ends_of_segments_survive_a_kill_at_every_point() {
    let mut stage = Stage::new(|_, _, _| {});
    // One record each: nearly every commit begins a new one.
    stage.segment_bytes = Some(600);
    let file = stage.file("one.csv");
    every_point(
        "segment roll",
        &stage,
        0,
        |[fj, _]| [fj.publish(&file, "A"), fj.publish(&file, "A"), fj.publish(&file, "A")].map(acknowledged),
        |[fj, _], told| {
            let refs = fj.refs("releases");
            assert!(told.iter().flatten().all(|reference| refs.contains(reference)), "{told:?}: {refs:?}");
            fj.publish(&file, "A").ok();
            assert!(fj.dir.join("ledger/00000001.seg").exists(), "no segment ended");
        },
    );
}

#[test]
fn a_fetch_survives_a_kill_of_the_reader_at_every_point() {
    let stage = Stage::new(|fj, spc, root| {
        fj.serve();
        spc.serve();
        fj.publish(&root.join("two.csv"), "B").ok();
        fj.grant("SPC", "all");
        spc.talanoa(&["follow", "FJ", "--offers-only"]).ok();
        wait_for("the offer", || (spc.refs("catalogue") == ["FJ/B@1"]).then_some(()));
    });
    let bytes = fs::read(stage.file("two.csv")).unwrap();
    let out = stage.root.path().join("out");
    let get = |spc: &Member| {
        let _ = fs::remove_dir_all(&out);
        spc.talanoa(&["get", "FJ/B@1", "--out", out.to_str().unwrap()])
    };
    every_point(
        "fetch",
        &stage,
        1,
        |[_, spc]| acknowledged(get(spc)),
        |[_, spc], _| {
            get(spc).ok();
            assert_eq!(fs::read(out.join("two.csv")).unwrap(), bytes);
        },
    );
}

/// The origin's disk was full when the receipt came: it is owed, and delivered when there is room again.
#[test]
fn the_delivery_of_a_receipt_survives_a_kill_of_the_holder_at_every_point() {
    let stage = Stage::new(|fj, spc, root| {
        fj.serve();
        spc.serve();
        fj.publish(&root.join("one.csv"), "A").ok();
        fj.grant("SPC", "all");
        spc.talanoa(&["follow", "FJ"]).ok();
        spc.wait_until_held(&["FJ/A@1"]);
        let id = grant_id(fj);
        fj.stop();
        // A disk that is full at a sync ends the process, which is right and not what is wanted here.
        let full = (100..).find(|n| {
            assert!(fj.try_serve(Some(&format!("enospc@{n}"))));
            // Uses up what may still be written before the disk is full.
            let mut tries = std::iter::repeat_with(|| fj.publish(&root.join("one.csv"), "B"));
            let refused = tries.find(|done| done.code != 0);
            // Said by a node that lives on; one that is ending may still run for a moment.
            let lives_on = refused.is_some_and(|done| done.err.contains("storage.full"));
            if !lives_on {
                fj.kill();
            }
            lives_on
        });
        assert!(full.is_some());
        fj.talanoa(&["revoke", &id, "--purge"]).ok();
        wait_for("a receipt that is owed", || (spc.status()["receipts_owed"] == 1).then_some(()));
    });
    every_point(
        "receipt delivery",
        &stage,
        1,
        |[fj, spc]| {
            wait_for("the receipt is taken or the holder was killed", || {
                let taken = talanoa(&fj.dir, &["receipts", "--json"]).out.contains("\"received\"");
                (taken || spc.is_disturbed()).then_some(())
            });
        },
        |members, ()| purge_completes(&stage, members),
    );
}

#[test]
fn reindexing_survives_a_kill_at_every_point() {
    let stage = held_and_granted();
    every_point_of_a_command(
        "reindex",
        &stage,
        0,
        &["reindex"],
        |_| {},
        |[fj, spc]| {
            assert_eq!(fj.refs("releases"), ["FJ/A@1"]);
            spc.serve();
            spc.wait_until_held(&["FJ/A@1"]);
        },
    );
}

#[test]
fn a_repair_survives_a_kill_at_every_point() {
    let stage = held_and_granted();
    let fj = stage.root.path().join("model/fj");
    let segment = fj.join("ledger/00000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(7).position(|w| w == b"one.csv").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let folder = fs::read_dir(fj.join("shelf")).unwrap().next().unwrap().unwrap().path();
    let mut file = fs::read(folder.join("0")).unwrap();
    file[9] ^= 1;
    fs::write(folder.join("0"), file).unwrap();
    every_point_of_a_command(
        "repair",
        &stage,
        0,
        &["repair"],
        |[_, spc]| spc.serve(),
        |[fj, _]| assert_eq!(fj.refs("releases"), ["FJ/A@1"]),
    );
}
