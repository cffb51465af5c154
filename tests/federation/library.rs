//! The client library by itself: an application follows a node with a member's key and keeps a folder.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use talanoa_client::{
    directory::Directory,
    follow::{Target, Watcher, follow},
    verify::{Pins, verify},
};
use talanoa_node::home::Home;
use talanoa_proto::{
    charter::CharterFile,
    id::Commitment,
    wire::{Cursor, HelloRequest},
};
use talanoa_tests::{Member, federation, scan, table, wait_for};
use tokio::sync::Notify;

/// Told when everything that the feed's newest step offered is held.
#[derive(Default)]
struct CaughtUp {
    stepped: AtomicBool,
    done: Notify,
}

impl Watcher for CaughtUp {
    fn stepped(&self, _: &Cursor) {
        self.stepped.store(true, Ordering::SeqCst);
    }

    fn caught_up(&self) {
        if self.stepped.load(Ordering::SeqCst) {
            self.done.notify_one();
        }
    }
}

struct Application {
    spc: Home,
    fj: Home,
    charter: CharterFile,
    folder: std::path::PathBuf,
    address: String,
}

impl Application {
    fn new(root: &std::path::Path, fj: &Member, spc: &Member) -> Self {
        Self {
            spc: Home::open(&spc.dir).unwrap(),
            fj: Home::open(&fj.dir).unwrap(),
            charter: CharterFile::from_text(&fs::read_to_string(root.join("charter.txt")).unwrap()).unwrap(),
            folder: root.join("kept"),
            address: format!("127.0.0.1:{}", fj.port),
        }
    }

    /// Follows until everything that is offered is held, as a process that ends then.
    async fn catch_up(&self) -> Arc<Directory> {
        let directory = Arc::new(
            Directory::open(&self.folder, self.charter.clone(), self.spc.card.identity.id()).unwrap(),
        );
        let peer = &self.fj.card.identity;
        let target = Target::new(peer.id(), &self.address, peer.node_keys_at(self.now()));
        let federation_id = self.charter.federation().to_bytes();
        let hello = HelloRequest { protocol: 1, federation_id, ..HelloRequest::default() };
        let (key, watcher) = (self.spc.node_key().unwrap(), CaughtUp::default());
        let following = follow(&target, &key, hello, Arc::clone(&directory), &watcher);
        tokio::select! {
            ended = following => panic!("{ended:?}"),
            () = watcher.done.notified() => {}
        }
        directory
    }

    fn now(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    }
}

fn commitment(fj: &Member, reference: &str) -> Commitment {
    let rows = fj.list("releases");
    let row = rows.iter().find(|r| r["ref"] == reference).unwrap();
    row["commitment"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_keeps_verified_folders_goes_on_where_it_was_and_purges() {
    let root = tempfile::tempdir().unwrap();
    let [mut fj, spc] = federation(root.path(), ["FJ", "SPC"]);
    fj.serve();
    let file = root.path().join("a.csv");
    let plaintext = table(&file, 3000);
    fj.publish(&file, "A").ok();
    let grant = fj.grant("SPC", "all");
    let application = Application::new(root.path(), &fj, &spc);

    let directory = application.catch_up().await;
    let folder = directory.release_dir(&commitment(&fj, "FJ/A@1")).expect("it is held");
    assert_eq!(fs::read(folder.join("a.csv")).unwrap(), fs::read(&file).unwrap());
    let pins = Pins { federation: Some(application.charter.federation()), member: None };
    assert!(verify(&folder, pins).unwrap().grant.is_some());

    fj.publish(&file, "A").ok();
    // A torn tail, as a crash leaves it, is cut and received again.
    let feed = application.folder.join("FJ/feed");
    let whole = fs::read(&feed).unwrap();
    fs::write(&feed, [&whole[..], b"torn"].concat()).unwrap();
    let directory = application.catch_up().await;
    assert!(directory.release_dir(&commitment(&fj, "FJ/A@2")).is_some());

    fj.talanoa(&["revoke", &grant, "--purge"]).ok();
    application.catch_up().await;
    wait_for("nothing of it is left", || scan(&application.folder, &plaintext).is_empty().then_some(()));
    fj.judge();
}
