//! What people and disks do wrong: a clear error each, and nothing lost.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use talanoa_tests::{Member, charter, federation, table, talanoa, wait_for};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn alone(root: &Path) -> Member {
    let [port] = talanoa_tests::free_ports();
    let member = Member::init(root, "FJ", port);
    charter(root, &[&member]);
    member
}

#[test]
fn every_fixture_gets_its_answer() {
    let root = tempfile::tempdir().unwrap();
    let mut fj = alone(root.path());
    fj.serve();
    for (file, word) in [
        ("latin1.csv", "encoding.utf8: not UTF-8 at byte 22"),
        ("utf16.csv", "encoding.utf16"),
        ("unterminated_quote.csv", "csv.quote in row 3"),
        ("header_only.csv", "table.empty"),
        ("empty.csv", "file.empty"),
        ("ragged.csv", "csv.columns in row 4: 3 cells, the header has 2"),
        ("inf.csv", "value.infinite in row 2"),
    ] {
        fj.publish(&fixture(file), "A").refused(1, word);
    }
    assert!(fj.list("releases").is_empty(), "nothing is half published");
    for (n, file) in
        ["good.csv", "good_sdmx.csv", "bom.csv", "duplicate_key.csv", "formula.csv"].iter().enumerate()
    {
        assert_eq!(fj.publish(&fixture(file), "A").id(), format!("FJ/A@{}", n + 1));
    }
    let file = fixture("duplicate_key.csv");
    let words = ["publish", file.to_str().unwrap(), "--dataset", "A", "--title", "T", "--strict"];
    fj.talanoa(&words).refused(1, "key.duplicate in row 3");
    let dry = ["publish", file.to_str().unwrap(), "--dataset", "A", "--title", "T", "--dry-run"];
    let done = fj.talanoa(&dry);
    assert!(done.err.contains("nothing was published") && done.err.contains("key.duplicate"), "{}", done.err);
    assert_eq!(fj.list("releases").len(), 5);
    let document =
        ["publish", file.to_str().unwrap(), "--dataset", "D", "--title", "T", "--kind", "practice"];
    assert_eq!(fj.talanoa(&document).id(), "FJ/D@1");
    fj.judge();
}

#[test]
fn what_cannot_be_published_is_refused_with_a_reason() {
    let root = tempfile::tempdir().unwrap();
    let mut fj = alone(root.path());
    fj.serve();
    let good = fixture("good.csv");
    fj.publish(Path::new("/nowhere/a.csv"), "A").refused(1, "/nowhere/a.csv");
    fj.publish(root.path(), "A").refused(1, "is not a file");
    let pipe = root.path().join("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fj.publish(&pipe, "A").refused(1, "is not a file");
    let made = |name: &str, bytes: &[u8]| {
        let path = root.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    fj.publish(&made("a.csv", b"%PDF-1.4\ntext\n"), "A").refused(1, "the file is a PDF document");
    fj.publish(&made("b.csv", b"\x1f\x8b\x08\0\0"), "A").refused(1, "a gzip file: unpack it");
    let infinite = made("c.csv", b"REF_AREA,TIME_PERIOD,OBS_VALUE\nFJ,2018,INF\n");
    fj.publish(&infinite, "A").refused(1, "value.infinite in row 2");
    let long = made("long.toml", "# a line\n".repeat(500_000).as_bytes());
    let words = ["publish", good.to_str().unwrap(), "--mapping", long.to_str().unwrap()];
    fj.talanoa(&[&words[..], &["--dataset", "A", "--title", "T"]].concat()).refused(1, "longer than 4194304");
    fj.publish(&good, "lower").refused(2, "dataset id");
    let hidden = root.path().join(".hidden");
    fs::copy(&good, &hidden).unwrap();
    fj.publish(&hidden, "A").refused(1, "file name");
    let theme = ["publish", good.to_str().unwrap(), "--dataset", "A", "--title", "T", "--theme", "nonsense"];
    fj.talanoa(&theme).refused(1, "child-mortality");
    let twice = ["publish", good.to_str().unwrap(), good.to_str().unwrap(), "--dataset", "A", "--title", "T"];
    fj.talanoa(&twice).refused(1, "same name");
    fj.talanoa(&["withdraw", "FJ/A@1", "--reason", "x"]).refused(1, "never published");
    fj.talanoa(&["get", "VU/A", "--out", "x"]).refused(1, "not a member");
    fj.talanoa(&["grant", "--to", "VU", "--dataset", "A", "--until", "2099-01-01"])
        .refused(1, "neither a member");
    fj.talanoa(&["grant", "--to", "FJ", "--dataset", "A", "--until", "2099-01-01"]).refused(1, "oneself");
    fj.talanoa(&["revoke", "0123456789"]).refused(1, "grant.unknown");
    fj.talanoa(&["follow", "FJ"]).refused(1, "itself");
    fj.talanoa(&["peers", "set", "FJ", "--address", "nowhere"]).refused(2, "host:port");
    fj.judge();
}

#[test]
fn grants_that_cannot_be_enforced_are_not_given() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let grant = |words: &[&str]| {
        let base = ["grant", "--to", "SPC", "--dataset", "A"];
        fj.talanoa(&[&base, words].concat())
    };
    grant(&["--until", "2001-01-01"]).refused(1, "ended before it begins");
    grant(&["--until", "2099-01-01"]).refused(1, "at most 731 days");
    grant(&["--until", &talanoa_tests::next_year(), "--purpose", "marketing"]).refused(1, "known purposes");
    assert!(fj.list("grants").is_empty());
    fj.judge();
    spc.judge();
}

#[test]
fn a_directory_has_one_node_and_offline_commands_wait_for_it() {
    let root = tempfile::tempdir().unwrap();
    let mut fj = alone(root.path());
    fj.serve();
    fj.talanoa(&["serve"]).refused(1, "another process uses this directory");
    fj.talanoa(&["fsck"]).refused(1, "another process uses this directory");
    fj.talanoa(&["reindex"]).refused(1, "another process uses this directory");
    assert!(fj.is_running());
    fj.stop();
    for words in [&["status"][..], &["releases"], &["publish", "x", "--dataset", "A", "--title", "T"]] {
        fj.talanoa(words).refused(4, "not running: talanoa serve");
    }
    fj.talanoa(&["reindex"]).ok();
    fj.judge();
}

#[test]
fn configuration_and_keys_are_checked_before_anything_starts() {
    let root = tempfile::tempdir().unwrap();
    let fj = alone(root.path());
    fj.talanoa(&["config", "check"]).ok();
    let config = fj.dir.join("config.toml");
    let sound = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{sound}lisen = 1\n")).unwrap();
    fj.talanoa(&["serve"]).refused(1, "lisen");
    fj.talanoa(&["config", "check"]).refused(1, "to mend");
    fs::write(&config, sound).unwrap();
    let key = fj.dir.join("keys/node.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fj.talanoa(&["serve"]).refused(1, "chmod 600");
    fj.talanoa(&["fsck"]).refused(1, "damaged");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    talanoa(&root.path().join("nowhere"), &["serve"]).refused(1, "talanoa init");
    talanoa(&fj.dir, &["init", "--member", "FJ", "--name", "again"]).refused(1, "already holds a node");
    talanoa(&root.path().join("x"), &["init", "--member", "SPC", "--name", "body"]).refused(2, "--observer");
    fj.talanoa(&["fsck"]).ok();
}

#[test]
fn a_charter_counts_when_all_have_signed_it() {
    let root = tempfile::tempdir().unwrap();
    let [a, b] = talanoa_tests::free_ports();
    let (fj, vu) = (Member::init(root.path(), "FJ", a), Member::init(root.path(), "VU", b));
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    for member in [&fj, &vu] {
        fs::write(path(&member.code), member.talanoa(&["card"]).ok()).unwrap();
    }
    let charter = path("charter");
    fj.talanoa(&["charter", "draft", "--out", &charter, &path("FJ"), &path("VU")]).ok();
    fj.talanoa(&["charter", "draft", "--out", &path("twice"), &path("FJ"), &path("FJ")])
        .refused(1, "no charter");
    fj.talanoa(&["charter", "adopt", &charter]).refused(1, "not yet signed by FJ");
    fj.talanoa(&["charter", "sign", &charter]).ok();
    fj.talanoa(&["charter", "adopt", &charter]).refused(1, "not yet signed by VU");
    vu.talanoa(&["charter", "sign", &charter, "--out", &path("sig")]).ok();
    let shown = fj.talanoa(&["charter", "show", &charter]).ok();
    assert!(shown.contains("not signed"), "{shown}");
    // One letter of the file altered: it is another charter, or none.
    let sound = fs::read_to_string(&charter).unwrap();
    let at = sound.find("BEGIN").unwrap() + 200;
    let mut altered = sound.clone().into_bytes();
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    fs::write(path("altered"), altered).unwrap();
    assert_eq!(fj.talanoa(&["charter", "adopt", &path("altered")]).code, 1);
    fj.talanoa(&["charter", "merge", &charter, &path("sig")]).ok();
    fj.talanoa(&["charter", "adopt", &charter]).ok();
    fj.talanoa(&["charter", "adopt", &charter]).refused(1, "already belongs");
    let stranger = Member::init(root.path(), "WS", 1);
    stranger.talanoa(&["charter", "adopt", &charter]).refused(1, "not in that charter");
}

#[test]
fn on_a_full_disk_publishing_stops_and_revoking_works() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let grant = fj.grant("SPC", "A");
    fj.publish(&fixture("good.csv"), "A").ok();
    fj.stop();
    // From this operation on the disk has no room; the number lies beyond what starting needs.
    assert!(fj.try_serve(Some("enospc@45")));
    let mut full = false;
    for _ in 0..40 {
        let done = fj.publish(&fixture("good.csv"), "A");
        if done.code != 0 {
            assert!(done.err.contains("storage.full"), "{}", done.err);
            full = true;
            break;
        }
    }
    assert!(full, "the disk never filled");
    let before = fj.refs("releases");
    fj.publish(&fixture("good.csv"), "A").refused(1, "storage.full");
    fj.talanoa(&["revoke", &grant]).ok();
    assert_eq!(fj.list("grants")[0]["state"], "revoked");
    assert!(fj.is_running(), "reading goes on");
    assert_eq!(fj.refs("releases"), before);
    fj.stop();
    fj.serve();
    assert_eq!(fj.list("grants")[0]["state"], "revoked");
    fj.publish(&fixture("good.csv"), "A").ok();
    fj.judge();
    spc.judge();
}

/// The index finds and never decides: with every answer of it wrong, nothing forbidden is delivered.
#[test]
fn a_corrupted_index_under_a_running_follow_delivers_nothing_forbidden() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let file = root.path().join("t.csv");
    let secret = table(&file, 50);
    for n in 0..5 {
        fj.publish(&file, &format!("SECRET{n}")).ok();
    }
    let open = root.path().join("open.csv");
    table(&open, 50);
    fj.publish(&open, "OPEN").ok();
    fj.grant("SPC", "OPEN");
    fj.stop();
    scramble(&fj);
    fj.serve();
    spc.serve();
    spc.talanoa(&["follow", "FJ"]).ok();
    // Something must flow for the absence of the rest to mean anything: the journal's head at least.
    wait_for("SPC hears from FJ", || spc.list("peers")[0]["last_contact"].as_str().map(str::to_owned));
    fj.publish(&open, "OPEN").ok();
    let refs = spc.refs("catalogue");
    assert!(refs.iter().all(|r| r.starts_with("FJ/OPEN@")), "{refs:?}");
    assert!(talanoa_tests::scan(&spc.dir, &secret).is_empty(), "no forbidden byte arrived");
    fj.stop();
    fj.talanoa(&["reindex"]).ok();
    fj.serve();
    // What a wrong index hid is sent to whoever asks again.
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/OPEN@1", "FJ/OPEN@2"]);
    assert!(talanoa_tests::scan(&spc.dir, &secret).is_empty());
    fj.judge();
    spc.judge();
}

/// Every pointer of the index to an own entry, release or step is turned to another one.
fn scramble(member: &Member) {
    talanoa_node::store::index::scramble(&member.dir.join("index"));
}
