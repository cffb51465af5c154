//! An older copy of a directory, put back: never a second root for a size while a member can say so.
//!
//! `TALANOA_RESTORES=200` sets the number of random points of the drill.

use std::{collections::BTreeMap, fs, path::Path};

use talanoa_tests::{Member, copy_dir, federation, table, wait_for};

/// A publisher followed by SPC, with a grant on everything; both serve.
fn followed(root: &Path) -> [Member; 2] {
    let [mut fj, mut spc] = federation(root, ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    fj.grant("SPC", "all");
    spc.talanoa(&["follow", "FJ"]).ok();
    [fj, spc]
}

fn publish_and_wait(fj: &Member, spc: &Member, file: &Path, n: usize) {
    fj.publish(file, "A").ok();
    let newest = format!("FJ/A@{n}");
    wait_for("SPC holds it", || spc.held().contains(&newest).then_some(()));
}

/// On a busy machine it may be unconfirmed for a while, before a member that is there has answered.
fn wait_until_signing(member: &Member, state: &str) {
    wait_for(state, || (member.status()["signing"] == state).then_some(()));
}

fn replace(member: &mut Member, copy: &Path) {
    member.kill();
    fs::remove_dir_all(&member.dir).unwrap();
    copy_dir(copy, &member.dir);
}

#[test]
fn an_older_copy_signs_nothing_while_a_member_knows_better() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.csv");
    table(&file, 20);
    let [mut fj, mut spc] = followed(root.path());
    publish_and_wait(&fj, &spc, &file, 1);
    let (older, newest) = (root.path().join("older"), root.path().join("newest"));
    fj.stop();
    copy_dir(&fj.dir, &older);
    fj.serve();
    wait_until_signing(&fj, "confirmed");
    publish_and_wait(&fj, &spc, &file, 2);
    fj.stop();
    copy_dir(&fj.dir, &newest);

    replace(&mut fj, &older);
    fj.serve();
    wait_until_signing(&fj, "stopped");
    let refused = fj.publish(&file, "A").refused(1, "journal.rolled_back");
    assert!(refused.err.contains("older copy"), "{}", refused.err);
    let grant = fj.list("grants")[0]["id"].as_str().unwrap().to_owned();
    fj.talanoa(&["revoke", &grant]).refused(1, "journal.rolled_back");
    assert_eq!(fj.log().matches("nothing new is signed").count(), 1, "said once");
    assert_eq!(fj.refs("releases"), ["FJ/A@1"], "it goes on serving what it has");

    // It does not forget, also when nobody is there to remind it.
    spc.stop();
    fj.stop();
    fj.serve();
    wait_until_signing(&fj, "stopped");
    fj.publish(&file, "A").refused(1, "journal.rolled_back");
    fj.judge();

    // The newest copy put back: all is as it was.
    replace(&mut fj, &newest);
    spc.serve();
    fj.serve();
    wait_until_signing(&fj, "confirmed");
    publish_and_wait(&fj, &spc, &file, 3);
    fj.judge();
    spc.judge();
}

#[test]
fn alone_it_signs_unconfirmed_and_says_so_and_stops_when_a_member_returns() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.csv");
    table(&file, 20);
    let [mut fj, mut spc] = followed(root.path());
    fj.stop();
    let older = root.path().join("older");
    copy_dir(&fj.dir, &older);
    fj.serve();
    publish_and_wait(&fj, &spc, &file, 1);
    spc.stop();
    replace(&mut fj, &older);
    fj.serve();
    wait_until_signing(&fj, "unconfirmed");
    assert!(fj.log().contains("signing unconfirmed"));
    fj.publish(&file, "A").ok();
    fj.publish(&file, "A").ok();
    // Larger than what SPC holds, and another history: told by the root at that size.
    spc.serve();
    wait_for("FJ is told", || (fj.status()["signing"] == "stopped").then_some(()));
    fj.publish(&file, "A").refused(1, "two copies of this node have signed");
    fj.judge();
    spc.judge();
}

#[test]
fn with_its_anchor_on_another_disk_an_older_copy_does_not_start() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.csv");
    table(&file, 20);
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    let anchors = root.path().join("anchors");
    fs::create_dir(&anchors).unwrap();
    fs::rename(fj.dir.join("anchor"), anchors.join("anchor")).unwrap();
    let config = fs::read_to_string(fj.dir.join("config.toml")).unwrap();
    let line = format!("anchor_dir = {:?}\n", anchors.to_str().unwrap());
    fs::write(fj.dir.join("config.toml"), line + &config).unwrap();
    fj.serve();
    fj.stop();
    let older = root.path().join("older");
    copy_dir(&fj.dir, &older);
    fj.serve();
    fj.publish(&file, "A").ok();
    fj.stop();
    let newest = root.path().join("newest");
    copy_dir(&fj.dir, &newest);
    replace(&mut fj, &older);
    assert!(!fj.try_serve(None), "an older copy started");
    assert!(fj.log().contains("older copy"), "{}", fj.log());
    replace(&mut fj, &newest);
    fj.serve();
    fj.judge();
    spc.judge();
}

/// Copies taken at any moment of a running publisher's life, anchor, ledger and shelf in the order of a careful backup;
/// each is put back while SPC is there. Whatever it signs then must be what it signed before.
#[test]
fn restores_at_random_points_lead_to_no_second_root() {
    let points: usize = std::env::var("TALANOA_RESTORES").map_or(6, |n| n.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.csv");
    table(&file, 5);
    let [mut fj, mut spc] = followed(root.path());
    let copies = root.path().join("copies");
    take_copies(&fj, &file, &copies, points);
    // Beyond every copy, and seen by SPC: a copy of everything would have the right to sign.
    let published = fj.refs("releases").len();
    publish_and_wait(&fj, &spc, &file, published + 1);
    publish_and_wait(&fj, &spc, &file, published + 2);
    let size = fj.status()["journal"].as_u64().unwrap();
    let history: BTreeMap<u64, String> = history(&fj, size);
    fj.kill();

    let (mut stopped, mut refused) = (0, 0);
    for n in 0..points {
        replace(&mut fj, &copies.join(n.to_string()));
        if !fj.try_serve(None) {
            refused += 1;
            continue;
        }
        wait_until_signing(&fj, "stopped");
        fj.publish(&file, "A").refused(1, "journal.rolled_back");
        let status = fj.status();
        let (size, root) = (status["journal"].as_u64().unwrap(), status["root"].as_str().unwrap());
        assert_eq!(history[&size], root, "copy {n} signed a second root for {size} entries");
        stopped += 1;
        fj.judge();
    }
    println!("{points} restores: {stopped} stopped signing, {refused} did not start, 0 second roots");
    assert!(stopped > points / 2);
    assert!(!spc.log().contains("a peer misbehaved"), "SPC has evidence: {}", spc.log());
    spc.judge();
}

/// Publishes while another thread copies; returns when there are enough copies.
fn take_copies(fj: &Member, file: &Path, copies: &Path, points: usize) {
    fs::create_dir_all(copies).unwrap();
    let dir = fj.dir.clone();
    let goal = copies.to_owned();
    let copier = std::thread::spawn(move || {
        for n in 0..points {
            let to = goal.join(n.to_string());
            fs::create_dir_all(&to).unwrap();
            fs::copy(dir.join("anchor"), to.join("anchor")).unwrap();
            // A shelf only gains here: copied after the ledger it has every file that the ledger names.
            talanoa_tests::copy_live(&dir.join("ledger"), &to.join("ledger"), &[]);
            talanoa_tests::copy_live(&dir, &to, &["anchor", "ledger", "index", "partial"]);
        }
    });
    while !copier.is_finished() {
        fj.publish(file, "A").ok();
    }
    copier.join().unwrap();
}

/// Root of every size, from the tree on disk.
fn history(fj: &Member, size: u64) -> BTreeMap<u64, String> {
    let bytes = fs::read(fj.dir.join("tree")).unwrap();
    let hashes: Vec<[u8; 32]> = bytes.chunks_exact(32).map(|h| h.try_into().unwrap()).collect();
    let mut read = |position: u64| hashes.get(position as usize).copied().ok_or(());
    (0..=size).map(|n| (n, hex::encode(talanoa_proto::merkle::root_at(n, &mut read).unwrap()))).collect()
}
