//! Durable publishes of 1 KiB documents, against the same bytes written and synced in the same pattern.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    sync::{Mutex, mpsc},
    time::Instant,
};

use bytes::Bytes;
use talanoa_tests::{federation, load::Operator};

use crate::{Row, followers::processor_seconds};

const ALONE: usize = 300;
const IN_FLIGHT: usize = 64;
const TOGETHER: usize = 1920;
const DOCUMENT_BYTES: usize = 1024;
/// Of a ledger record with the signed manifest of such a document.
const RECORD_BYTES: usize = 700;

pub async fn rows() -> Vec<Row> {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, mut spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let operator = Operator::connect(&fj.dir).await.unwrap();
    operator.publish("WARM", document(0)).await.unwrap();

    let started = Instant::now();
    for n in 0..ALONE {
        operator.publish("ALONE", document(n)).await.unwrap();
    }
    let alone = ALONE as f64 / started.elapsed().as_secs_f64();

    let (started, before) = (Instant::now(), processor_seconds(fj.pid()));
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..IN_FLIGHT {
        let operator = operator.clone();
        tasks.spawn(async move {
            for n in 0..TOGETHER / IN_FLIGHT {
                // A dataset each: within one, numbers are taken in turn.
                operator.publish(&format!("LANE{lane}"), document(n)).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let together = TOGETHER as f64 / started.elapsed().as_secs_f64();
    let spent = (processor_seconds(fj.pid()) - before) * 1000.0 / TOGETHER as f64;
    fj.judge();
    spc.judge();

    let bare = root.path().join("bare");
    let bare_alone = bare_alone(&bare.join("alone"));
    let bare_together = bare_together(&bare.join("together"));
    let what = "the same bytes, files, renames and `fdatasync`s, no signatures, no hashes";
    vec![
        Row::new(
            "durable publish, 1 KiB, one at a time",
            format!("{alone:.0} /s"),
            format!("{bare_alone:.0} /s: {what}"),
            bare_alone / alone,
        ),
        Row::new(
            format!("durable publish, 1 KiB, {IN_FLIGHT} in flight"),
            format!("{together:.0} /s; {spent:.2} ms of the node's processor time each"),
            format!("{bare_together:.0} /s: {what}, {IN_FLIGHT} threads, appends grouped"),
            bare_together / together,
        ),
    ]
}

fn document(n: usize) -> Bytes {
    (0..DOCUMENT_BYTES).map(|i| (i * 31 + n) as u8).collect::<Vec<_>>().into()
}

fn sync_dir(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

/// A folder with a file and its pages, synced, renamed into place: what a release needs beside the ledger.
fn put_files(base: &Path, name: &str, bytes: &[u8]) {
    let (partial, shelf) = (base.join("partial"), base.join("shelf"));
    let dir = partial.join(name);
    fs::create_dir(&dir).unwrap();
    sync_dir(&partial);
    for (file, bytes) in [("0", bytes), ("0.pages", &bytes[..76])] {
        let file = File::create(dir.join(file)).unwrap();
        sync_dir(&dir);
        file.write_all_at(bytes, 0).unwrap();
        file.sync_data().unwrap();
    }
    fs::rename(&dir, shelf.join(name)).unwrap();
    sync_dir(&shelf);
}

struct Log {
    segment: File,
    anchor: File,
    offset: u64,
}

impl Log {
    fn create(base: &Path) -> Self {
        ["partial", "shelf"].iter().for_each(|d| fs::create_dir_all(base.join(d)).unwrap());
        let create = |name: &str| File::create(base.join(name)).unwrap();
        Self { segment: create("segment"), anchor: create("anchor"), offset: 0 }
    }

    fn append(&mut self, records: usize) {
        let bytes = vec![7; records * RECORD_BYTES];
        self.segment.write_all_at(&bytes, self.offset).unwrap();
        self.segment.sync_data().unwrap();
        self.offset += bytes.len() as u64;
        self.anchor.write_all_at(&[9; 512], self.offset % 2 * 4096).unwrap();
        self.anchor.sync_data().unwrap();
    }
}

fn bare_alone(base: &Path) -> f64 {
    let mut log = Log::create(base);
    let started = Instant::now();
    for n in 0..ALONE {
        put_files(base, &n.to_string(), &document(n));
        log.append(1);
    }
    ALONE as f64 / started.elapsed().as_secs_f64()
}

/// Whatever waits while the log syncs goes into the next append together.
fn bare_together(base: &Path) -> f64 {
    let mut log = Log::create(base);
    let (sender, queue) = mpsc::channel::<mpsc::Sender<()>>();
    let queue = Mutex::new(queue);
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let queue = queue.lock().unwrap();
            while let Ok(first) = queue.recv() {
                let mut group = vec![first];
                group.extend(queue.try_iter());
                log.append(group.len());
                group.iter().for_each(|done| done.send(()).unwrap());
            }
        });
        for lane in 0..IN_FLIGHT {
            let sender = sender.clone();
            scope.spawn(move || {
                for n in 0..TOGETHER / IN_FLIGHT {
                    put_files(base, &format!("{lane}-{n}"), &document(n));
                    let (done, wait) = mpsc::channel();
                    sender.send(done).unwrap();
                    wait.recv().unwrap();
                }
            });
        }
        drop(sender);
    });
    TOGETHER as f64 / started.elapsed().as_secs_f64()
}
