//! Altered bytes, wherever they lie or come from: refused, named, and nothing else is lost.

use std::fs;

use talanoa_tests::{federation, table, talanoa, wait_for};

#[test]
fn a_folder_with_any_altered_added_or_missing_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.publish(&file, "A").ok();
    let out = root.path().join("out");
    let folder = out.to_str().unwrap();
    fj.talanoa(&["get", "FJ/A", "--out", folder]).ok();
    fj.talanoa(&["get", "FJ/A", "--out", folder]).refused(1, "exists already");
    let verify = || talanoa(root.path(), &["verify", folder]);
    verify().ok();

    for (name, word) in [("a.csv", "altered"), ("provenance.json", "")] {
        let sound = fs::read(out.join(name)).unwrap();
        // Positions spread over the whole file: content, and in the provenance every kind of proof.
        for at in (10..sound.len()).step_by(sound.len() / 60) {
            let mut altered = sound.clone();
            altered[at] = if altered[at] == b'b' { b'c' } else { b'b' };
            fs::write(out.join(name), altered).unwrap();
            let done = verify();
            // Words for people are not signed; whatever else changes is noticed.
            let people = String::from_utf8_lossy(&sound[at.saturating_sub(60)..at]).contains("reference");
            assert!(
                done.code == 1 || people || name == "provenance.json" && is_file_list(&sound, at),
                "{name} {at}"
            );
            assert!(done.code == 0 || done.err.contains(word), "{}", done.err);
        }
        fs::write(out.join(name), sound).unwrap();
    }
    fs::write(out.join("extra.txt"), "x").unwrap();
    verify().refused(1, "not part of the release");
    fs::remove_file(out.join("extra.txt")).unwrap();
    fs::rename(out.join("a.csv"), root.path().join("moved")).unwrap();
    verify().refused(1, "missing");
    std::os::unix::fs::symlink(root.path().join("moved"), out.join("a.csv")).unwrap();
    verify().refused(1, "not a plain file");
    fj.judge();
    spc.judge();
}

/// The list of files at the end repeats for people what the signed release says.
fn is_file_list(provenance: &[u8], at: usize) -> bool {
    let text = String::from_utf8_lossy(provenance);
    text.find("\"files\"").is_some_and(|files| at > files)
}

#[test]
fn a_publisher_whose_disk_rots_serves_nothing_wrong_and_fsck_names_the_file() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    let file = root.path().join("a.csv");
    table(&file, 2000);
    fj.publish(&file, "ROTTEN").ok();
    fj.publish(&file, "SOUND").ok();
    let rows = fj.list("releases");
    let rotten = rows.iter().find(|r| r["ref"] == "FJ/ROTTEN@1").unwrap();
    let shelf = fj.dir.join("shelf").join(rotten["commitment"].as_str().unwrap()).join("0");
    let sound = fs::read(&shelf).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    fs::write(&shelf, flipped).unwrap();

    fj.grant("SPC", "all");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/SOUND@1"]);
    wait_for("the publisher's log says whose fault it is", || {
        fj.log().contains("a release cannot be served").then_some(())
    });
    assert_eq!(spc.held(), ["FJ/SOUND@1"]);
    fj.stop();
    fj.talanoa(&["fsck"]).refused(1, "damaged");
    fs::write(&shelf, sound).unwrap();
    fj.serve();
    spc.wait_until_held(&["FJ/ROTTEN@1", "FJ/SOUND@1"]);
    fj.judge();
    spc.judge();
}

#[test]
fn rot_in_the_ledger_is_named_and_never_cut() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let file = root.path().join("a.csv");
    table(&file, 20);
    fj.publish(&file, "A").ok();
    fj.publish(&file, "B").ok();
    fj.stop();
    let segment = fj.dir.join("ledger/00000000.seg");
    let sound = fs::read(&segment).unwrap();
    let mut silent = 0;
    for at in (0..sound.len()).step_by(sound.len() / 50) {
        let mut flipped = sound.clone();
        flipped[at] ^= 4;
        fs::write(&segment, &flipped).unwrap();
        silent += usize::from(fj.talanoa(&["fsck"]).code == 0);
        assert_eq!(fs::read(&segment).unwrap().len(), sound.len(), "never cut");
    }
    assert_eq!(silent, 0, "every flip is noticed");
    fs::write(&segment, &sound[..sound.len() - 10]).unwrap();
    fj.talanoa(&["fsck"]).refused(1, "damaged");
    fj.talanoa(&["serve"]).refused(1, "damaged");
    fs::write(&segment, &sound).unwrap();
    fs::rename(fj.dir.join("anchor"), root.path().join("anchor")).unwrap();
    fj.talanoa(&["serve"]).refused(1, "anchor");
    fs::rename(root.path().join("anchor"), fj.dir.join("anchor")).unwrap();
    fj.serve();
    assert_eq!(fj.refs("releases"), ["FJ/A@1", "FJ/B@1"]);
    fj.judge();
    spc.judge();
}
