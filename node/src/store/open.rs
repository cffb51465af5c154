//! Opening a directory: lock, walk the ledger, fold the state, check the tree, catch up the index.

use std::{
    collections::BTreeSet,
    fs::File,
    io::ErrorKind,
    path::PathBuf,
    sync::{Arc, RwLock, atomic::AtomicU64},
};

use ed25519_dalek::SigningKey;
use talanoa_proto::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    entry::Declared,
    id::MemberId,
    merkle,
    object::Object,
    release::Release,
    trusted::journal_origin,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::store::{
    Inner, Store, StoreError,
    anchor::JournalHead,
    disk::{Disk, DiskError, Reserve},
    index::{Changes, Index},
    ledger::{Ledger, LedgerError, Payload, Position, open::Visit},
    records::{EntryTaken, ForeignEntry, OwnEntry, Record},
    sequencer::Sequencer,
    shelf::Shelf,
    signing::Signing,
    state::{EPOCH, State},
    tree::Opening,
};

/// Where things lie in a node's directory.
#[derive(Clone, Debug)]
pub struct Layout {
    pub dir: PathBuf,
    pub anchor_dir: PathBuf,
}

impl Layout {
    pub fn new(dir: impl Into<PathBuf>, anchor_dir: Option<PathBuf>) -> Self {
        let dir = dir.into();
        Self { anchor_dir: anchor_dir.unwrap_or_else(|| dir.clone()), dir }
    }

    pub fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    pub fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    pub fn reserve(&self) -> PathBuf {
        self.dir.join("reserve.bin")
    }

    /// One process at a time. The lock is the kernel's: it ends with the process, however it ends.
    pub fn lock(&self) -> Result<File, StoreError> {
        if !self.dir.is_dir() {
            return Err(StoreError::NotADirectory(self.dir.display().to_string()));
        }
        let path = self.dir.join("lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|source| DiskError { operation: "lock", path, source })?;
        file.try_lock().map_err(|_| StoreError::Locked)?;
        Ok(file)
    }

    /// For whoever changes nothing, on a disk that may be read-only. A node that runs has made its lock before
    /// anything else: without one there is nobody to wait for.
    pub fn lock_to_read(&self) -> Result<Option<File>, StoreError> {
        let path = self.dir.join("lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DiskError { operation: "lock", path, source }.into()),
        };
        file.try_lock().map_err(|_| StoreError::Locked)?;
        Ok(Some(file))
    }
}

impl Store {
    /// Makes the files of an empty node.
    pub fn create(layout: &Layout, disk: &Disk) -> Result<(), StoreError> {
        Ledger::create(disk.clone(), &layout.ledger(), &layout.anchor_dir)?;
        Shelf::open(disk.clone(), &layout.dir)?;
        Ok(())
    }

    /// Opens for writing. `key` signs the journal's heads.
    pub fn open(layout: &Layout, disk: Disk, me: MemberId, key: SigningKey) -> Result<Self, StoreError> {
        let lock = layout.lock()?;
        if !layout.ledger().is_dir() {
            return Err(StoreError::NotADirectory(layout.dir.display().to_string()));
        }
        let shelf = Shelf::open(disk.clone(), &layout.dir)?;
        let index = Index::open(&layout.index())?;
        let mut fold = Fold::new(me, &index, Opening::begin(&layout.tree())?, shelf.releases()?)?;
        let (mut ledger, opened) =
            Ledger::open(disk.clone(), &layout.ledger(), &layout.anchor_dir, &mut |visit| fold.visit(visit))?;
        if let Some((segment, offset)) = opened.cut {
            tracing::warn!(segment, offset, "cut a torn tail that was never acknowledged");
        }
        let Fold {
            mut state,
            tree,
            applier,
            unnamed,
            erasures,
            zeroed,
            rotten,
            consent_unknown,
            heard_unknown,
        } = fold;
        if consent_unknown {
            tracing::error!(
                "an entry that may take consent back cannot be read: nothing is given to anybody. Stop the node, run \
                 talanoa repair"
            );
            state.suspend_consent();
        }
        // What a purge erased, or was erasing, is known to have been a release.
        if heard_unknown.iter().any(|at| !erasures.contains(at)) {
            tracing::error!(
                "an entry of another member cannot be read: until talanoa repair nothing is carried for others, no \
                 circle has members here, and no application of others is let in"
            );
            state.suspend_heard();
        }
        // A record that is to be erased may be half way through it; any other is rot.
        for (record, at) in rotten.iter().filter(|(_, at)| !erasures.contains(at)) {
            tracing::error!(record, ?at, "ledger record is damaged and quarantined: run talanoa fsck");
        }
        applier.finish(ledger.records())?;
        let tree = tree.finish()?;

        let anchored = *ledger.anchored();
        let reader = tree.reader();
        if tree.size() < anchored.journal.size || reader.root(anchored.journal.size)? != anchored.journal.root
        {
            return Err(StoreError::Journal);
        }
        let head = JournalHead { epoch: EPOCH, size: tree.size(), root: reader.root(tree.size())? };
        ledger.anchor(head)?;
        // A crash came between the Erase record and the zeroing: it is finished here.
        for at in erasures.into_iter().filter(|at| !zeroed.contains(at)) {
            ledger.erase(at)?;
        }
        // While a record cannot be read, a folder that nobody names may be the one that it names.
        if rotten.is_empty() {
            unnamed.iter().try_for_each(|folder| shelf.put_aside(folder))?;
        }
        shelf.clear_staging()?;

        let checkpoint = checkpoint(me, head, &key);
        let signing = state.own_head_shown.clone().map_or(Signing::Unconfirmed, Signing::Stopped);
        let (jobs, queue) = mpsc::channel(1024);
        let inner = Arc::new(Inner {
            state: RwLock::new(state),
            checkpoint: RwLock::new(checkpoint),
            generation: AtomicU64::new(1),
            changed: watch::channel(ledger.records()).0,
            signing: watch::channel(signing).0,
            jobs,
            failed: CancellationToken::new(),
            index,
            reader: ledger.reader(),
            tree: reader,
            shelf,
        });
        let reserve = Reserve::new(disk, layout.reserve());
        Sequencer::start(Arc::downgrade(&inner), ledger, tree, key, reserve, queue, lock);
        Ok(Self { inner })
    }

    /// Builds the index anew from the ledger.
    pub fn reindex(layout: &Layout, disk: Disk, me: MemberId, key: SigningKey) -> Result<u64, StoreError> {
        {
            let _lock = layout.lock()?;
            disk.remove_dir(&layout.index())?;
        }
        let store = Self::open(layout, disk, me, key)?;
        store.inner.index.flush()?;
        Ok(store.inner.index.applied())
    }
}

pub(super) fn checkpoint(me: MemberId, head: JournalHead, key: &SigningKey) -> SignedCheckpoint {
    let origin = journal_origin(&me, head.epoch);
    SignedCheckpoint::issue(Checkpoint { origin, size: head.size, root: head.root }, key)
}

/// Everything that one walk of the ledger builds.
struct Fold<'a> {
    state: State,
    tree: Opening,
    applier: Applier<'a>,
    /// Shelf folders that no record has named so far.
    unnamed: BTreeSet<String>,
    erasures: Vec<Position>,
    zeroed: BTreeSet<Position>,
    rotten: Vec<(u64, Position)>,
    /// An own entry that cannot be read may have been a revocation or a denial.
    consent_unknown: bool,
    /// What cannot be read of others may have been a revocation, a leaving, or the end of a key.
    heard_unknown: Vec<Position>,
}

impl<'a> Fold<'a> {
    fn new(me: MemberId, index: &'a Index, tree: Opening, folders: Vec<String>) -> Result<Self, StoreError> {
        Ok(Self {
            state: State::new(me),
            tree,
            applier: Applier { index, from: index.applied(), changes: Changes::default(), pending: 0 },
            unnamed: folders.into_iter().collect(),
            erasures: Vec::new(),
            zeroed: BTreeSet::new(),
            rotten: Vec::new(),
            consent_unknown: false,
            heard_unknown: Vec::new(),
        })
    }

    fn visit(&mut self, visit: Visit<'_>) -> Result<(), LedgerError> {
        let payload = match visit.payload {
            Payload::Intact(payload) => payload,
            Payload::Zeroed => {
                self.zeroed.insert(visit.at);
                return self.damaged(visit.kind, visit.at, &[]);
            }
            Payload::Rotten(left) => {
                self.rotten.push((visit.number, visit.at));
                return self.damaged(visit.kind, visit.at, left);
            }
        };
        let record = Record::decode(visit.kind, payload).map_err(|e| LedgerError::Visitor(e.to_string()))?;
        let declared = record.declared();
        if let Record::OwnEntry(_) = &record {
            self.tree.push(record.commitment().map(|c| merkle::leaf_hash(&c.0)))?;
        }
        if let Record::Erase(erase) = &record {
            self.erasures.extend(Position::from_bytes(&erase.position));
        }
        if let (Some(Declared::Release(_)), Some(release)) = (&declared, record.commitment()) {
            self.unnamed.remove(&release.to_string());
        }
        self.state.fold(&record, visit.at, declared.as_ref());
        let added = self.applier.add(visit.number, visit.at, &record, declared.as_ref(), &self.state);
        added.map_err(|e| LedgerError::Visitor(e.to_string()))
    }

    /// An own entry that rotted still has its leaf in the tree file; the journal stays whole.
    fn damaged(&mut self, kind: u8, at: Position, left: &[u8]) -> Result<(), LedgerError> {
        // What still names itself a release took no consent back: rot does not write such words.
        let release = Release::TYPE.as_bytes();
        let may_narrow = !left.windows(release.len()).any(|w| w == release);
        let heard: [Record; 2] = [ForeignEntry::default().into(), EntryTaken::default().into()];
        if heard.iter().any(|r| r.kind() == kind) {
            self.heard_unknown.extend(may_narrow.then_some(at));
        }
        if kind == Record::OwnEntry(OwnEntry::default()).kind() {
            self.consent_unknown |= may_narrow;
            self.tree.push(None)?;
            self.state.size += 1;
            self.state.step += 1;
        }
        Ok(())
    }
}

/// Brings the index up to the ledger, in bounded steps.
struct Applier<'a> {
    index: &'a Index,
    from: u64,
    changes: Changes,
    pending: u64,
}

const APPLY_EVERY: u64 = 1024;

impl Applier<'_> {
    fn add(
        &mut self,
        number: u64,
        at: Position,
        record: &Record,
        declared: Option<&Declared>,
        state: &State,
    ) -> Result<(), StoreError> {
        if number < self.from {
            return Ok(());
        }
        // A withdrawal looks up who received the release: what came before it must be applied.
        if self.pending >= APPLY_EVERY || matches!(declared, Some(Declared::Withdrawal(_))) {
            self.index.apply(std::mem::take(&mut self.changes), number)?;
            self.pending = 0;
        }
        self.changes.add(number, at, record, declared, state, self.index);
        self.pending += 1;
        Ok(())
    }

    fn finish(self, records: u64) -> Result<(), StoreError> {
        if self.from > records {
            // An index that is ahead belongs to another ledger, a restored one for example.
            tracing::warn!("index is ahead of the ledger: run talanoa reindex");
            return Err(StoreError::Index("it is ahead of the ledger".into()));
        }
        self.index.apply(self.changes, records)
    }
}
