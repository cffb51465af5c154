//! The cellar: ledger, anchor, tree, shelves and index. The only room that knows any of them.
//!
//! `commit` is the only way to change anything, and returns after it is durable. `view` is one consistent
//! position. `watch` is a hint to look, never the data. No path and no sled type leaves this room.

pub mod anchor;
pub mod disk;
pub mod index;
pub mod ledger;
mod open;
pub mod records;
pub mod scrub;
mod sequencer;
pub mod shelf;
pub mod signing;
pub mod state;
pub mod tree;
pub mod view;

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, Ordering},
};

use talanoa_proto::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    entry::{self, Declared, Salt},
    id::{Commitment, MemberId},
    merkle::{self, Hash},
    release::Release,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use disk::DiskError;
use index::Index;
use ledger::{LedgerError, LedgerReader, Position};
pub use open::Layout;
use records::{Access, ForeignEntry, OwnEntry, Record};
use shelf::Shelf;
use signing::{OwnHead, Signing};
use state::State;
use tree::TreeReader;
use view::View;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("disk: {0}")]
    Disk(#[from] DiskError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("index: {0}. It is rebuilt from the ledger: stop the node and run `talanoa reindex`")]
    Index(String),
    #[error("another process uses this directory: stop it first, or choose another --dir")]
    Locked,
    #[error("{0} is not a node's directory: talanoa init --dir {0}")]
    NotADirectory(String),
    #[error(
        "the two ways of computing the journal's root differ: memory or disk is faulty. Nothing was signed; run `talanoa fsck`"
    )]
    Roots,
    #[error("the journal in the ledger is not the one that was signed: run `talanoa fsck`")]
    Journal,
    #[error("the disk is full: publishing stops, revoking still works. Free some space")]
    Full,
    #[error("{0}. Nothing new is signed; what is here is served as before")]
    RolledBack(OwnHead),
    #[error("the node is stopping")]
    Stopping,
}

impl StoreError {
    fn index(error: impl std::fmt::Display) -> Self {
        Self::Index(error.to_string())
    }
}

/// Records that become true together.
#[derive(Debug, Default)]
pub struct Batch {
    pub records: Vec<Record>,
    /// Payloads to be zeroed once the batch, with their `Erase` records, is acknowledged.
    pub erase: Vec<Position>,
    /// Narrowing: may use the reserve when the disk is full.
    pub narrowing: bool,
}

impl Batch {
    /// Whether the journal grows, so that a new head is signed.
    fn signs(&self) -> bool {
        self.records.iter().any(|r| matches!(r, Record::OwnEntry(_)))
    }

    pub fn of(record: impl Into<Record>) -> Self {
        Self { records: vec![record.into()], ..Self::default() }
    }
}

/// What an acknowledgement says.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Journal index of the batch's first own entry.
    pub index: Option<u64>,
}

/// Cloning shares the store.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: RwLock<State>,
    checkpoint: RwLock<SignedCheckpoint>,
    /// Grows with every consent, charter or identity change: what a running stream compares.
    generation: AtomicU64,
    changed: watch::Sender<u64>,
    signing: watch::Sender<Signing>,
    jobs: mpsc::Sender<sequencer::Job>,
    failed: CancellationToken,
    index: Index,
    reader: LedgerReader,
    tree: TreeReader,
    shelf: Shelf,
}

/// An own or foreign entry as the ledger holds it, decoded and checked against the place it was asked for.
#[derive(Clone, Debug)]
pub struct Held<R> {
    pub record: R,
    pub declared: Declared,
    pub commitment: Commitment,
    pub index: u64,
}

impl<R> Held<R> {
    pub fn release(&self) -> Option<&Release> {
        match &self.declared {
            Declared::Release(release) => Some(release),
            _ => None,
        }
    }
}

impl Store {
    /// Returns after the batch is on disk. On error nothing of it is acknowledged.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        if batch.signs() {
            self.may_sign().await?;
        }
        let (done, outcome) = oneshot::channel();
        let job = sequencer::Job::Commit(sequencer::Commit { batch, done });
        self.inner.jobs.send(job).await.map_err(|_| StoreError::Stopping)?;
        outcome.await.map_err(|_| StoreError::Stopping)?
    }

    /// One consistent position; hold it briefly and never across an await.
    pub fn view(&self) -> View<'_> {
        View::of(&self.inner.state)
    }

    pub fn checkpoint(&self) -> SignedCheckpoint {
        self.inner.checkpoint.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Waits while members are being asked what they hold of our journal.
    pub async fn may_sign(&self) -> Result<(), StoreError> {
        let mut signing = self.inner.signing.subscribe();
        let settled = signing.wait_for(|s| *s != Signing::Waiting).await.map_err(|_| StoreError::Stopping)?;
        match &*settled {
            Signing::Stopped(head) => Err(StoreError::RolledBack(head.clone())),
            _ => Ok(()),
        }
    }

    pub fn signing(&self) -> Signing {
        self.inner.signing.borrow().clone()
    }

    /// What members said. Once stopped it stays so: only another directory mends it. Returns whether it
    /// changed: of several members that say the same at once, one is the first.
    pub fn set_signing(&self, told: Signing) -> bool {
        self.inner.signing.send_if_modified(|signing| {
            let changes = !matches!(signing, Signing::Stopped(_)) && *signing != told;
            if changes {
                *signing = told;
            }
            changes
        })
    }

    /// Whether our journal contains a head that was shown to us as ours.
    pub fn contains_head(&self, shown: &Checkpoint) -> std::io::Result<bool> {
        let size = self.checkpoint().checkpoint().size;
        Ok(shown.size <= size && self.inner.tree.root(shown.size)? == shown.root)
    }

    /// Number of ledger records. A hint to look, never the data.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Lets go of the directory: everything under way is finished, the writing thread ends, the lock falls.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.inner.jobs.send(sequencer::Job::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    pub fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::Acquire)
    }

    /// Cancelled when the ledger can no longer be trusted to be written: the process must end.
    pub fn failed(&self) -> &CancellationToken {
        &self.inner.failed
    }

    pub fn index(&self) -> &Index {
        &self.inner.index
    }

    pub fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    pub fn inclusion(&self, index: u64, size: u64) -> std::io::Result<Vec<Hash>> {
        self.inner.tree.inclusion(index, size)
    }

    pub fn consistency(&self, old: u64, new: u64) -> std::io::Result<Vec<Hash>> {
        self.inner.tree.consistency(old, new)
    }

    /// Re-reads an own entry. What the index pointed at must be the leaf that the tree holds there.
    pub fn own_entry(&self, index: u64) -> Option<Held<OwnEntry>> {
        let Record::OwnEntry(record) = self.record(self.inner.index.own_entry(index)?)? else { return None };
        let held = held(record.salt.clone(), record.envelope.clone(), index, record)?;
        let leaf = self.inner.tree.leaf(index).ok()?;
        (leaf == merkle::leaf_hash(&held.commitment.0)).then_some(held)
    }

    pub fn own_release(&self, commitment: &Commitment) -> Option<Held<OwnEntry>> {
        let held = self.own_entry(self.inner.index.own_release(commitment)?)?;
        (held.commitment == *commitment && held.release().is_some()).then_some(held)
    }

    pub fn foreign_entry(&self, member: &MemberId, index: u64) -> Option<Held<ForeignEntry>> {
        let (held, _) = self.foreign_entry_at(member, index)?;
        Some(held)
    }

    /// With its place in the ledger, for erasing it.
    pub fn foreign_entry_at(&self, member: &MemberId, index: u64) -> Option<(Held<ForeignEntry>, Position)> {
        let at = self.inner.index.foreign_entry(member, index)?;
        let Record::ForeignEntry(record) = self.record(at)? else { return None };
        if record.member != member.0[..] || record.index != index {
            return None;
        }
        Some((held(record.salt.clone(), record.envelope.clone(), index, record)?, at))
    }

    pub fn foreign_release(&self, commitment: &Commitment) -> Option<(MemberId, Held<ForeignEntry>)> {
        let (member, index) = self.inner.index.foreign_release(commitment)?;
        let held = self.foreign_entry(&member, index)?;
        (held.commitment == *commitment && held.release().is_some()).then_some((member, held))
    }

    pub fn access(&self, at: Position) -> Option<Access> {
        match self.record(at)? {
            Record::Access(access) => Some(access),
            _ => None,
        }
    }

    pub fn record(&self, at: Position) -> Option<Record> {
        let (kind, payload) = self.inner.reader.read(at).ok()?;
        Record::decode(kind, &payload).ok()
    }

    /// Whether a record's payload is gone from the disk, under an `Erase`.
    pub fn is_erased(&self, at: Position) -> bool {
        matches!(self.inner.reader.read(at), Err(ledger::ReadError::Erased))
    }
}

fn held<R>(salt: bytes::Bytes, envelope: bytes::Bytes, index: u64, record: R) -> Option<Held<R>> {
    let salt: Salt = salt.as_ref().try_into().ok()?;
    let commitment = entry::commitment(&salt, &envelope);
    Some(Held { record, declared: Declared::parse(&envelope).ok()?, commitment, index })
}
