//! One bit flips, anywhere in what `fsck` judges, and nobody is told anything wrong.
//!
//! For each sampled bit: `fsck` notices, or every answer is the same as before. Whatever it says, no answer
//! is another than before: a thing may be hidden, never changed. `TALANOA_FLIPS=10000` sets the number.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use talanoa_node::{
    clock::HighWater,
    feed::{self, Reader},
    fsck::fsck,
    get,
    home::Home,
    listing,
    node::Node,
};
use talanoa_proto::{
    charter::PURPOSE_DEFAULT,
    id::MemberId,
    wire::{Cursor, feed_item::Item},
};
use talanoa_tests::{Member, copy_dir, federation, table, talanoa, wait_for};

const LISTINGS: [&str; 6] = ["releases", "catalogue", "grants", "receipts", "audit", "peers"];

/// What a directory answers: rows, files by reference, and what its feed gives to everybody.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    rows: BTreeSet<String>,
    files: BTreeMap<String, String>,
    feed: BTreeSet<(u64, Vec<u8>)>,
}

impl Answers {
    async fn of(home: &Home) -> anyhow::Result<Self> {
        let store = home.open_store()?;
        let code = home.card.identity.code().clone();
        let clock = Arc::new(HighWater::system(store.view().time_mark));
        let node = Arc::new(Node::new(store, home.settings.clone(), code, home.node_key()?, clock));
        let mut answers = Self::default();
        for what in LISTINGS {
            for row in listing::named(&node, what)? {
                if let Some(reference) = row["ref"].as_str() {
                    answers.read(&node, reference).await;
                }
                answers.rows.insert(format!("{what} {row}"));
            }
        }
        let members: Vec<MemberId> = node.store.view().peers.keys().copied().collect();
        for member in members {
            let reader =
                Reader { member, datasets: Vec::new(), purpose: PURPOSE_DEFAULT.into(), application: None };
            let Ok(run) = feed::next_run(&node, &reader, Cursor { epoch: 1, step: 0, after: 0 }, &mut 0)
            else {
                continue;
            };
            for item in run.items {
                if let Some(Item::Entry(entry)) = item.item {
                    answers.feed.insert((entry.index, entry.envelope.to_vec()));
                }
            }
        }
        node.store.close().await;
        Ok(answers)
    }

    async fn read(&mut self, node: &Arc<Node>, reference: &str) {
        let Ok(gotten) = get::get(node, reference.parse().unwrap()).await else { return };
        for (n, file) in gotten.release.distributions.iter().enumerate() {
            let shelf = node.store.shelf();
            let Ok(reading) = shelf.read(&gotten.commitment, n as u32, &file.chunk_root) else { continue };
            let mut hash = Sha256::new();
            let read = reading.for_each(|chunk| {
                hash.update(chunk.bytes());
                Ok(())
            });
            if read.is_ok() {
                self.files.insert(format!("{reference} {}", file.name), hex::encode(hash.finalize()));
            }
        }
    }

    /// Nothing that the sound directory would not have said. Counts in a row may shrink with what is hidden.
    fn is_part_of(&self, sound: &Self) -> Result<(), String> {
        let strange = self.files.iter().find(|(name, sha)| sound.files.get(*name) != Some(*sha));
        if let Some((name, _)) = strange {
            return Err(format!("{name} has other bytes"));
        }
        if let Some((index, _)) = self.feed.difference(&sound.feed).next() {
            return Err(format!("feed entry {index} is another"));
        }
        let explained = |row: &String| sound.rows.iter().any(|known| says_no_more(row, known));
        match self.rows.difference(&sound.rows).find(|row| !is_summary(row) && !explained(row)) {
            Some(row) => Err(format!("a row that was not there: {row}")),
            None => Ok(()),
        }
    }
}

/// The same row with some fields unknown. State and outcome come from other records: a withdrawal or the end
/// of a transfer may be quarantined. Without the charter a reader is shown by the first digits of its id.
fn says_no_more(row: &str, known: &str) -> bool {
    let split = |text: &str| {
        let (what, json) = text.split_once(' ')?;
        Some((
            what.to_owned(),
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).ok()?,
        ))
    };
    let (Some((what, row)), Some((known_what, known))) = (split(row), split(known)) else { return false };
    let by_id = |v: &serde_json::Value| v.as_str().is_some_and(|v| v.len() == 12 && hex::decode(v).is_ok());
    let same = |(field, value): (&String, &serde_json::Value)| {
        value.is_null()
            || known.get(field) == Some(value)
            || field == "state"
            || field == "outcome"
            || field == "reader" && by_id(value)
    };
    what == known_what && row.iter().all(same)
}

/// Rows that sum up other records: with a record quarantined they count less.
fn is_summary(row: &str) -> bool {
    ["peers ", "grants ", "receipts "].iter().any(|what| row.starts_with(what))
}

/// Files that `fsck` judges.
fn judged_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            match &*name {
                "index" | "partial" | "config.toml" | "lock" | "reserve.bin" | "node.sock" => {}
                _ if entry.path().is_dir() => open.push(entry.path()),
                _ => found.push(entry.path().strip_prefix(dir).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// A publisher and a reader with some of everything: tables, a document, a grant, a revocation with purge,
/// a withdrawal, a denial.
fn some_of_everything(root: &Path) -> [Member; 2] {
    let [mut fj, mut spc] = federation(root, ["FJ", "SPC"]);
    fj.serve();
    spc.serve();
    table(&root.join("one.csv"), 40);
    table(&root.join("two.csv"), 3000);
    fs::write(root.join("practice.md"), "# A practice\n\nIn a few words.\n").unwrap();
    for (file, dataset) in [("one.csv", "A"), ("two.csv", "B"), ("one.csv", "GONE"), ("one.csv", "A")] {
        fj.publish(&root.join(file), dataset).ok();
    }
    let practice = root.join("practice.md");
    fj.talanoa(&[
        "publish",
        practice.to_str().unwrap(),
        "--dataset",
        "P",
        "--title",
        "P",
        "--kind",
        "document",
    ])
    .ok();
    ["A", "B", "P"].iter().for_each(|d| drop(fj.grant("SPC", d)));
    let gone = fj.grant("SPC", "GONE");
    spc.talanoa(&["follow", "FJ"]).ok();
    spc.wait_until_held(&["FJ/A@1", "FJ/A@2", "FJ/B@1", "FJ/GONE@1", "FJ/P@1"]);
    fj.talanoa(&["revoke", &gone, "--purge"]).ok();
    fj.talanoa(&["withdraw", "FJ/A@1", "--reason", "a typing error"]).ok();
    wait_for("the receipt", || {
        fj.list("receipts").iter().any(|r| r["direction"] == "received").then_some(())
    });
    fj.judge();
    spc.judge();
    [fj, spc]
}

/// Deterministic, so that a failure is found again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

#[derive(Default)]
struct Tally {
    noticed: u64,
    harmless: u64,
    not_opened: u64,
    served: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_noticed_or_harmless_and_never_believed() {
    let flips: usize = std::env::var("TALANOA_FLIPS").map_or(120, |n| n.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let members = some_of_everything(root.path());
    for member in &members {
        let mut tally = Tally::default();
        let files = judged_files(&member.dir);
        let copy = root.path().join("copy").join(member.code.to_lowercase());
        copy_dir(&member.dir, &copy);
        let sound = Answers::of(&Home::open(&copy).unwrap()).await.unwrap();
        assert!(!sound.rows.is_empty() && !sound.files.is_empty());
        let mut random = Random(20_260_101);
        for n in 0..flips / 2 {
            let file = &files[n % files.len()];
            let bytes = fs::metadata(member.dir.join(file)).unwrap().len() as usize;
            if bytes > 0 {
                let bit = random.below(bytes * 8);
                one_flip(member, &copy, file, bit, n, &sound, &mut tally).await;
            }
        }
        let Tally { noticed, harmless, not_opened, served } = tally;
        println!(
            "{}: {} files, {} flips: {noticed} noticed by fsck ({not_opened} refused to open), {harmless} harmless, \
             {served} also served by a process; 0 wrong values, 0 silent losses",
            member.code,
            files.len(),
            noticed + harmless,
        );
    }
}

async fn one_flip(
    member: &Member,
    copy: &Path,
    file: &Path,
    bit: usize,
    n: usize,
    sound: &Answers,
    tally: &mut Tally,
) {
    fs::remove_dir_all(copy).unwrap();
    copy_dir(&member.dir, copy);
    let mut bytes = fs::read(copy.join(file)).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(copy.join(file), bytes).unwrap();
    let place = format!("{} bit {bit} of {}", member.code, file.display());

    let home = Home::open(copy);
    let noticed = home.as_ref().map_or(true, |home| !fsck(home).is_sound());
    // A process now and then; the rest in this one, which runs the same code.
    if n.is_multiple_of(200) {
        serve(member, copy, sound, &place);
        tally.served += 1;
    }
    let answers = match home {
        Ok(home) => Answers::of(&home).await,
        Err(error) => Err(error),
    };
    match answers {
        Ok(answers) if !noticed => {
            assert_eq!(&answers, sound, "{place}: fsck found nothing, and the answers are others");
            tally.harmless += 1;
        }
        Ok(answers) => {
            answers.is_part_of(sound).unwrap_or_else(|what| panic!("{place}: {what}"));
            tally.noticed += 1;
        }
        Err(error) => {
            assert!(noticed, "{place}: fsck found nothing, and it does not open: {error:#}");
            tally.noticed += 1;
            tally.not_opened += 1;
        }
    }
}

/// `talanoa serve` on the damaged copy: it serves or ends with a sentence; what it lists is part of the truth.
fn serve(member: &Member, copy: &Path, sound: &Answers, place: &str) {
    let mut served = Member::at(&member.code, copy.to_owned(), member.port);
    if served.try_serve(None) {
        let rows = ["releases", "catalogue", "audit"].into_iter().flat_map(|what| {
            let rows = served.list(what);
            rows.into_iter().map(move |row| format!("{what} {row}"))
        });
        let answers = Answers { rows: rows.collect(), ..Answers::default() };
        answers.is_part_of(sound).unwrap_or_else(|what| panic!("{place}: {what}"));
        served.stop();
    }
    let log = served.log();
    assert!(!log.contains("panicked"), "{place}: {log}");
}

/// Damages a file in place and says how.
fn flip_in(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Position in a ledger segment just behind some text that a payload holds.
fn payload_with(dir: &Path, text: &[u8]) -> (PathBuf, usize) {
    let path = dir.join("ledger/00000000.seg");
    let bytes = fs::read(&path).unwrap();
    let at = bytes.windows(text.len()).position(|w| w == text).expect("the text is in the ledger");
    (path, at)
}

#[test]
fn what_rots_is_given_back_by_a_member_that_holds_it() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = some_of_everything(root.path());
    let ledger_before = fs::read(fj.dir.join("ledger/00000000.seg")).unwrap();
    let baseline = |m: &Member| {
        let done = talanoa(&m.dir, &["fsck"]);
        (done.code, done.out)
    };
    // The publisher loses an own entry and a chunk of an own file; the reader is there.
    let (segment, at) = payload_with(&fj.dir, b"practice.md");
    flip_in(&segment, at);
    let big = fs::read_dir(fj.dir.join("shelf")).unwrap().map(|f| f.unwrap().path().join("0"));
    let big = big.max_by_key(|f| fs::metadata(f).unwrap().len()).unwrap();
    flip_in(&big, 70_000);
    assert_eq!(baseline(&fj).0, 1);
    spc.serve();
    let said = fj.talanoa(&["repair"]).ok();
    assert!(said.contains("journal entry") && said.contains("FJ/B@1"), "{said}");
    assert_eq!(said.matches("mended with what SPC gave back").count(), 2, "{said}");
    assert_eq!(fs::read(&segment).unwrap()[..ledger_before.len()], ledger_before, "byte for byte as it was");
    assert_eq!(baseline(&fj).0, 0);
    fj.serve();
    assert_eq!(fj.refs("releases").len(), 5);
    spc.stop();

    // The reader loses an entry that it received and a file.
    let (segment, at) = payload_with(&spc.dir, b"practice.md");
    flip_in(&segment, at);
    let file = fs::read_dir(spc.dir.join("shelf")).unwrap().map(|f| f.unwrap().path().join("0"));
    flip_in(&file.max_by_key(|f| fs::metadata(f).unwrap().len()).unwrap(), 70_000);
    assert_eq!(baseline(&spc).0, 1);
    let said = spc.talanoa(&["repair"]).ok();
    assert!(said.contains("(ForeignEntry)") && said.contains("comes again"), "{said}");
    assert!(said.contains("mended with what FJ gave back"), "{said}");
    spc.serve();
    // The first is withdrawn.
    spc.wait_until_held(&["FJ/A@2", "FJ/B@1", "FJ/P@1"]);
    spc.judge();
    fj.judge();
}

/// The revocation itself rots: what it took back must not come to life again.
#[test]
fn a_revocation_that_cannot_be_read_suspends_all_consent_until_it_is_mended() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = some_of_everything(root.path());
    let (segment, at) = payload_with(&fj.dir, b"talanoa.revocation.v1");
    flip_in(&segment, at);
    fj.serve();
    assert!(fj.log().contains("nothing is given to anybody"), "{}", fj.log());
    assert!(fj.status()["consent"].as_str().unwrap().contains("suspended"));
    spc.serve();
    fj.stop();
    assert!(fj.talanoa(&["repair"]).ok().contains("mended with what SPC gave back"));
    fj.serve();
    assert!(fj.status()["consent"].is_null());
    fj.judge();
    spc.judge();
}

#[test]
fn what_nobody_else_holds_is_named_and_only_a_backup_restores_it() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc] = some_of_everything(root.path());
    fj.serve();
    fs::write(root.path().join("own.md"), "nobody was given this\n").unwrap();
    let own = root.path().join("own.md");
    let own = own.to_str().unwrap();
    fj.talanoa(&["publish", own, "--dataset", "OWN", "--title", "Own", "--kind", "document"]).ok();
    fj.judge();
    let (segment, at) = payload_with(&fj.dir, b"own.md");
    flip_in(&segment, at);
    let refused = fj.talanoa(&["repair"]).refused(1, "not mended");
    assert!(refused.out.contains("no member that was reached holds it"), "{}", refused.out);
    assert!(refused.err.contains("newest copy"), "{}", refused.err);
    // The rest is served all the same, and the loss is not forgotten.
    fj.serve();
    assert_eq!(fj.refs("releases").len(), 5);
    fj.stop();
    assert_eq!(talanoa(&fj.dir, &["fsck"]).code, 1);
    drop(spc);
}
