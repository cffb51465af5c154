//! The ledger and the shelf as a follower's memory: verified things in, nothing else.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use talanoa_client::{
    KeepError,
    keeper::{Memory, Shelf, Step, Wanted},
};
use talanoa_proto::{
    entry::Declared,
    grant::Action,
    id::{Commitment, MemberId},
    trusted::{Finding, TrustedPeer},
    wire::Cursor,
};

use crate::{
    node::Node,
    store::{
        Batch, StoreError,
        records::{Evidence, ForeignEntry, PeerCursor, PeerHead},
        shelf::PartialFile,
        state::Peer,
    },
};

pub struct NodeKeeper {
    node: Arc<Node>,
}

impl NodeKeeper {
    pub fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    fn peer<T>(&self, member: MemberId, read: impl FnOnce(&Peer) -> T) -> Result<T, KeepError> {
        let view = self.node.store.view();
        let peer = view
            .peers
            .get(&member)
            .ok_or_else(|| KeepError::Refused("no member of our federation".into()))?;
        Ok(read(peer))
    }
}

fn keep_error(error: StoreError) -> KeepError {
    KeepError::Refused(error.to_string())
}

fn disk_error(error: crate::store::disk::DiskError) -> KeepError {
    KeepError::Io(std::io::Error::new(error.source.kind(), error.to_string()))
}

impl Memory for NodeKeeper {
    async fn recall(&self, member: MemberId) -> Result<(TrustedPeer, Cursor), KeepError> {
        self.peer(member, |peer| (peer.trusted.clone(), peer.cursor))
    }

    /// One batch: entries, head and cursor are durable together or not at all.
    async fn commit(&self, member: MemberId, step: Step) -> Result<(), KeepError> {
        let (id, note) = (member.to_bytes(), Bytes::from(step.head));
        let mut batch = Batch::default();
        let mut taken = BTreeSet::new();
        let is_followed = self.peer(member, |p| p.follow.is_some())?;
        for (entry, finding) in &step.entries {
            // Received before, or twice in this step: one record each, so that erasing one erases all.
            // Read, not only found: what rotted here is taken again.
            let known = self.node.store.foreign_entry(&member, entry.index()).is_some();
            // Unfollowed: what is taken back is heard, what is new is not kept.
            let is_unwanted = !is_followed && matches!(entry.declared(), Declared::Release(_));
            if is_unwanted || known || !taken.insert(entry.index()) {
                continue;
            }
            let record = ForeignEntry {
                member: id.clone(),
                index: entry.index(),
                salt: Bytes::copy_from_slice(entry.salt()),
                envelope: entry.envelope().clone(),
                inclusion: entry.inclusion().iter().map(|h| Bytes::copy_from_slice(h)).collect(),
                note: entry.note().clone(),
            };
            batch.records.push(record.into());
            if let Finding::Withheld { dataset, missing_from, seen } = finding {
                let what =
                    format!("journal.withheld: {dataset} {missing_from} to {} before {seen}", seen - 1);
                tracing::warn!(peer = %member.short(), %what);
                batch.records.push(Evidence { member: id.clone(), what, at: self.node.now() }.into());
            }
        }
        // What another member carried does not move our head of the journal.
        if !note.is_empty() && step.cursor.is_some() {
            batch.records.push(PeerHead { member: id.clone(), note }.into());
        }
        if let Some(c) = step.cursor
            && self.peer(member, |p| p.cursor)? != c
        {
            batch
                .records
                .push(PeerCursor { member: id, epoch: c.epoch, step: c.step, after: c.after }.into());
        }
        if !batch.records.is_empty() {
            self.node.store.commit(batch).await.map_err(keep_error)?;
        }
        Ok(())
    }

    async fn wanted(&self, member: MemberId) -> Result<Vec<Wanted>, KeepError> {
        let (offered, selected) =
            self.peer(member, |p| (p.offered.clone(), p.follow.clone().unwrap_or_default().datasets))?;
        let shelf = self.node.store.shelf();
        let (now, mut wanted) = (self.node.now(), Vec::new());
        for (commitment, _) in offered.into_iter().filter(|(c, _)| !shelf.holds(c)) {
            let Some((_, held)) = self.node.store.foreign_release(&commitment) else { continue };
            let Some(release) = held.release().cloned() else { continue };
            if !selected.is_empty() && !selected.contains(&release.dataset) {
                continue;
            }
            let grant = self.peer(member, |p| {
                let reads =
                    |id: &_| p.trusted.consent().get(id).is_some_and(|g| g.actions.contains(&Action::Read));
                p.trusted.grant_for(&release, now).filter(reads)
            })?;
            wanted.extend(grant.map(|grant| Wanted { commitment, release, grant }));
        }
        Ok(wanted)
    }

    async fn evidence(&self, member: MemberId, what: String) {
        let known = self.peer(member, |p| p.evidence.last() == Some(&what)).unwrap_or(false);
        if known {
            return; // said once, not at every attempt
        }
        tracing::error!(peer = %member.short(), %what, "a peer misbehaved");
        let evidence = Evidence { member: member.to_bytes(), what, at: self.node.now() };
        let _ = self.node.store.commit(Batch::of(evidence)).await;
    }
}

impl Shelf for NodeKeeper {
    type Partial = PartialFile;

    fn holds(&self, release: &Commitment, _: u32) -> bool {
        self.node.store.shelf().holds(release)
    }

    fn partial(&self, release: &Commitment, distribution: u32, _: u64) -> Result<PartialFile, KeepError> {
        self.node.store.shelf().partial(release, distribution).map_err(disk_error)
    }

    fn keep(&self, release: &Commitment, _: u32) -> Result<(), KeepError> {
        // A purge may have come while the last file was under way: what is buried does not come back.
        let (member, _) =
            self.node.store.foreign_release(release).ok_or_else(|| KeepError::Refused("purged".into()))?;
        if !self.peer(member, |p| p.offered.contains_key(release))? {
            self.node.store.shelf().erase(release).map_err(disk_error)?;
            return Err(KeepError::Refused("purged while it was under way".into()));
        }
        self.node.store.shelf().keep(release).map_err(disk_error)?;
        tracing::info!(release = %release.short(), "kept");
        Ok(())
    }
}
