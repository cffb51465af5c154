//! The one thread that writes: groups what waits, appends, checks, anchors, and only then answers.
//!
//! ```text
//!   append + sync ─▶ root by two ways ─▶ anchor + sync ─▶ sign ─▶ fold ─▶ answer
//!                 │                    │                 └ from here it is true
//!                 │                    └ a faulty memory or disk signs nothing
//!                 └ a crash here keeps whole records and cuts a torn one; nobody was told
//! ```

use std::{
    fs::File,
    sync::{Weak, atomic::Ordering},
};

use ed25519_dalek::SigningKey;
use talanoa_proto::{
    entry::Declared,
    merkle::{Hash, leaf_hash},
};
use tokio::sync::{mpsc, oneshot};

use crate::store::{
    Batch, Committed, Inner, StoreError,
    anchor::JournalHead,
    disk::Reserve,
    index::Changes,
    ledger::{Ledger, LedgerReader, Position},
    open,
    records::Record,
    signing::Signing,
    state::EPOCH,
    tree::Tree,
};

/// Jobs written by one sync.
const GROUP_MAX: usize = 512;

#[derive(Debug)]
pub enum Job {
    Commit(Commit),
    /// Finish what came before, let go of the directory, answer.
    Close(oneshot::Sender<()>),
}

#[derive(Debug)]
pub struct Commit {
    pub batch: Batch,
    pub done: oneshot::Sender<Result<Committed, StoreError>>,
}

pub struct Sequencer {
    inner: Weak<Inner>,
    ledger: Ledger,
    reader: LedgerReader,
    tree: Tree,
    key: SigningKey,
    reserve: Reserve,
    /// The disk was full, and the reserve may be spent.
    full: bool,
    /// Held as long as the thread lives: one writer per directory.
    _lock: File,
}

impl Sequencer {
    pub fn start(
        inner: Weak<Inner>,
        ledger: Ledger,
        tree: Tree,
        key: SigningKey,
        reserve: Reserve,
        queue: mpsc::Receiver<Job>,
        lock: File,
    ) {
        let reader = ledger.reader();
        reserve.fill();
        let sequencer = Self { inner, ledger, reader, tree, key, reserve, full: false, _lock: lock };
        let spawned =
            std::thread::Builder::new().name("sequencer".into()).spawn(move || sequencer.run(queue));
        if let Err(error) = spawned {
            tracing::error!(%error, "the writing thread did not start: nothing can be committed");
        }
    }

    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut closing = None;
        while let (Some(first), None) = (queue.blocking_recv(), &closing) {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Commit(commit) => group.push(commit),
                    Job::Close(done) => {
                        closing = Some(done);
                        break;
                    }
                }
                next = if group.len() < GROUP_MAX { queue.try_recv().ok() } else { None };
            }
            if !group.is_empty() && !self.commit(group) || closing.is_some() {
                break;
            }
        }
        drop(queue);
        drop(self);
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    /// False when the process must end.
    fn commit(&mut self, group: Vec<Commit>) -> bool {
        // While the reserve is spent, only what narrows is written: the next revocation needs the room.
        let group = if self.full && !self.reserve.fill() { refuse_widening(group) } else { group };
        let group = self.refuse_signing(group);
        self.full &= !self.reserve.is_filled();
        if group.is_empty() {
            return true;
        }
        match self.write(&group) {
            Ok(positions) => self.publish(group, positions),
            Err(StoreError::Ledger(error)) if error.is_full() => {
                self.full = true;
                let narrowing = refuse_widening(group);
                if narrowing.is_empty() {
                    return true;
                }
                let _ = self.reserve.free();
                match self.write(&narrowing) {
                    Ok(positions) => self.publish(narrowing, positions),
                    Err(error) => self.fail(narrowing, error),
                }
            }
            Err(error) => self.fail(group, error),
        }
    }

    /// Asked here too: a member may have spoken while the commit was on its way.
    fn refuse_signing(&self, group: Vec<Commit>) -> Vec<Commit> {
        let Some(Signing::Stopped(head)) = self.inner.upgrade().map(|i| i.signing.borrow().clone()) else {
            return group;
        };
        let (signs, others): (Vec<Commit>, Vec<Commit>) = group.into_iter().partition(|j| j.batch.signs());
        signs.into_iter().for_each(|job| answer(job, Err(StoreError::RolledBack(head.clone()))));
        others
    }

    fn fail(&mut self, group: Vec<Commit>, error: StoreError) -> bool {
        let full = matches!(&error, StoreError::Ledger(e) if e.is_full());
        let fatal = !full && !matches!(&error, StoreError::Ledger(e) if !e.is_fatal());
        tracing::error!(%error, fatal, "commit failed");
        for job in group {
            answer(
                job,
                Err(if full {
                    StoreError::Full
                } else {
                    StoreError::Ledger(crate::store::LedgerError::Poisoned)
                }),
            );
        }
        if fatal && let Some(inner) = self.inner.upgrade() {
            inner.failed.cancel();
        }
        !fatal
    }

    /// Everything up to and including the anchor.
    fn write(&mut self, group: &[Commit]) -> Result<Vec<(u64, Position)>, StoreError> {
        let records = || group.iter().flat_map(|job| &job.batch.records);
        let batch: Vec<(u8, Vec<u8>)> = records().map(|r| (r.kind(), r.encode())).collect();
        let positions = self.ledger.append(&batch)?;
        let own: Vec<Position> = records()
            .zip(&positions)
            .filter(|(record, _)| matches!(record, Record::OwnEntry(_)))
            .map(|(_, (_, at))| *at)
            .collect();
        let root = if own.is_empty() { self.ledger.anchored().journal.root } else { self.grow(&own)? };
        self.ledger.anchor(JournalHead { epoch: EPOCH, size: self.tree.size(), root })?;
        for job in group {
            for at in &job.batch.erase {
                self.ledger.erase(*at)?;
            }
        }
        Ok(positions)
    }

    /// Path 1: the frontier in memory, from records as they were handed in and written. Path 2: what is
    /// read back from ledger and tree. A bit that flips between the two is caught before it is signed.
    fn grow(&mut self, own: &[Position]) -> Result<Hash, StoreError> {
        let mut leaves = Vec::with_capacity(own.len());
        for at in own {
            let (kind, payload) = self.reader.read(*at).map_err(|_| StoreError::Roots)?;
            let commitment =
                Record::decode(kind, &payload).ok().and_then(|r| r.commitment()).ok_or(StoreError::Roots)?;
            leaves.push(leaf_hash(&commitment.0));
        }
        let first = self.tree.size();
        let root = self.tree.append(&leaves)?;
        let reader = self.tree.reader();
        for (n, leaf) in leaves.iter().enumerate() {
            if reader.leaf(first + n as u64)? != *leaf {
                return Err(StoreError::Roots);
            }
        }
        if reader.root(self.tree.size())? != root {
            return Err(StoreError::Roots);
        }
        Ok(root)
    }

    /// It is true: fold it, sign the head, answer.
    fn publish(&mut self, group: Vec<Commit>, positions: Vec<(u64, Position)>) -> bool {
        let Some(inner) = self.inner.upgrade() else { return false };
        let mut indexes = Vec::with_capacity(group.len());
        let (mut changes, mut widened) = (Changes::default(), false);
        {
            let mut state = inner.state.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            let mut positions = positions.iter();
            for job in &group {
                let mut first = None;
                for (record, (number, at)) in job.batch.records.iter().zip(positions.by_ref()) {
                    let declared = record.declared();
                    state.fold(record, *at, declared.as_ref());
                    if matches!(record, Record::OwnEntry(_)) {
                        first = first.or(Some(state.size - 1));
                    }
                    widened |= changes_permission(record, declared.as_ref());
                    changes.add(*number, *at, record, declared.as_ref(), &state, &inner.index);
                }
                indexes.push(first);
            }
            if let Err(error) = inner.index.apply(changes, self.ledger.records()) {
                // It finds and never decides: what it lacks is hidden until it is rebuilt.
                tracing::error!(%error, "index not updated");
            }
            let checkpoint = open::checkpoint(state.me, self.ledger.anchored().journal, &self.key);
            *inner.checkpoint.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = checkpoint;
            if widened {
                inner.generation.fetch_add(1, Ordering::AcqRel);
            }
        }
        inner.changed.send_replace(self.ledger.records());
        for (job, index) in group.into_iter().zip(indexes) {
            answer(job, Ok(Committed { index }));
        }
        true
    }
}

/// Whether a running stream must ask again.
fn changes_permission(record: &Record, declared: Option<&Declared>) -> bool {
    match record {
        Record::CharterAdopted(_)
        | Record::IdentityLearnt(_)
        | Record::GrantEdge(_)
        | Record::EntryTaken(_)
        | Record::ClockMark(_) => true,
        // Who is in a circle; and what a relay holds of its origins' consent.
        Record::ForeignEntry(_) => !matches!(declared, Some(Declared::Release(_))),
        Record::OwnEntry(_) => !matches!(declared, Some(Declared::Release(_) | Declared::PurgeReceipt(..))),
        _ => false,
    }
}

fn answer(job: Commit, outcome: Result<Committed, StoreError>) {
    // Whoever asked may be gone; what was committed stays committed.
    let _ = job.done.send(outcome);
}

/// Answers what may not use the last of the room; returns what may.
fn refuse_widening(group: Vec<Commit>) -> Vec<Commit> {
    let (narrowing, others): (Vec<Commit>, Vec<Commit>) = group.into_iter().partition(|j| j.batch.narrowing);
    others.into_iter().for_each(|job| answer(job, Err(StoreError::Full)));
    narrowing
}
