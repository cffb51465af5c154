//! Taking back to the end: a revocation with purge becomes a tombstone, an erasure, a receipt, a delivery.
//!
//! ```text
//!   revocation heard ─▶ tombstone (durable) ─▶ shelf, payloads erased ─▶ receipt journaled ─▶ delivered
//! ```
//!
//! Each step is on record, so a crash anywhere continues at the next start; erasing twice is erasing once.

pub mod receipts;

use std::sync::Arc;

use bytes::Bytes;
use talanoa_proto::{
    entry::Declared,
    envelope::Envelope,
    grant::{PurgeException, PurgeReceipt},
    id::{Commitment, MemberId, ObjectId},
    limits,
};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    node::{Node, own_entry},
    peers::deliver::Waits,
    problem::Problem,
    store::{
        Batch,
        records::{Buried, Erase, ReceiptDelivered, RetentionEnded, Tombstone},
        state::{Grave, Offer, Purge},
    },
};

/// Before what failed is tried again, when nothing else happens.
const PAUSE: Duration = Duration::from_secs(60);

/// Grants that others gave us and that ended by time: after the retention that they allow, copies go as if
/// they had been revoked with purge. From the record on, a crash continues it at the next start.
pub async fn retention(node: &Node, now: u64) {
    let due: Vec<RetentionEnded> = {
        let view = node.store.view();
        let peers = view.peers.iter().filter(|(_, peer)| !peer.offered.is_empty());
        peers
            .flat_map(|(member, peer)| {
                let consent = peer.trusted.consent();
                let over = consent.grants().filter(move |(id, g)| {
                    let keep = g.obligations.retention_after_end_seconds;
                    let open = consent.revocation_of(id).is_none() && !peer.purges.contains_key(*id);
                    keep != 0 && open && now >= g.not_after.saturating_add(keep)
                });
                over.filter(|(_, g)| peer.trusted.is_for_us(&g.grantee)).map(|(id, g)| RetentionEnded {
                    member: member.to_bytes(),
                    grant: id.to_bytes(),
                    purge_by: g
                        .purge_by(g.not_after.saturating_add(g.obligations.retention_after_end_seconds)),
                })
            })
            .collect()
    };
    if due.is_empty() {
        return;
    }
    let records = due.into_iter().map(Into::into).collect();
    let _ = node.store.commit(Batch { records, narrowing: true, ..Batch::default() }).await;
}

/// Does what is owed, whenever the ledger says that something is, until `stop`.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let mut changed = node.store.watch();
    let mut waits = Waits::default();
    let mut told = String::new();
    loop {
        let failed = purge_all(&node).await.err().map(|problem| problem.to_string()).unwrap_or_default();
        if !failed.is_empty() && failed != told {
            tracing::error!(problem = %failed, "purge not finished; it is tried again");
        }
        told = failed;
        let owed = node.store.view().receipts_owed();
        waits.bring(&node, owed, |_, index| ReceiptDelivered { index, at: node.now() }.into()).await;
        let due = if told.is_empty() { waits.next() } else { waits.next().min(Instant::now() + PAUSE) };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(due) => {}
            outcome = changed.changed() => if outcome.is_err() { return },
        }
    }
}

/// Each to its end; one that fails does not hold up what others order.
async fn purge_all(node: &Node) -> Result<(), Problem> {
    let open: Vec<(MemberId, ObjectId)> = {
        let view = node.store.view();
        let peers = view.peers.iter();
        let open = |(_, p): &(&ObjectId, &Purge)| !p.complete;
        peers.flat_map(|(m, p)| p.purges.iter().filter(open).map(|(id, _)| (*m, *id))).collect()
    };
    let mut outcome = Ok(());
    for (member, revocation) in open {
        outcome = purge_to_the_end(node, member, revocation).await.and(outcome);
    }
    outcome
}

async fn purge_to_the_end(node: &Node, member: MemberId, revocation: ObjectId) -> Result<(), Problem> {
    loop {
        let purge = {
            let view = node.store.view();
            let purge = view.peers.get(&member).and_then(|p| p.purges.get(&revocation));
            purge.filter(|p| !p.complete).cloned()
        };
        match purge {
            Some(purge) => purge_round(node, member, revocation, purge).await?,
            None => return Ok(()),
        }
    }
}

/// As much as one receipt can name; the next round takes what is left.
async fn purge_round(
    node: &Node,
    member: MemberId,
    revocation: ObjectId,
    purge: Purge,
) -> Result<(), Problem> {
    let origin = node.origin()?;
    let buried = match purge.buried {
        Some(buried) => buried,
        None => bury(node, member, revocation, &purge.grants).await?,
    };
    // Files first: should the disk fail here, the manifest still says what was to go.
    for grave in &buried {
        node.store.shelf().erase(&grave.commitment)?;
    }
    erase_payloads(node, &buried).await?;
    let exceptions = exceptions(node, &buried);
    let more = !taken_back(node, member, &purge.grants).is_empty();
    let receipt = PurgeReceipt {
        origin,
        grantor: member,
        revocation,
        grants: purge.grants,
        releases: buried.iter().map(|g| (g.commitment, g.bytes)).collect(),
        exceptions,
        completed_at: node.now(),
        more,
    };
    let (entry, _) = own_entry(&Envelope::seal(&receipt, &node.key))?;
    node.store.commit(Batch { narrowing: true, ..Batch::of(entry) }).await?;
    tracing::info!(revocation = %revocation.short(), releases = buried.len(), "purged; the receipt is journaled");
    Ok(())
}

/// Offers of that member that these grants were about and that none in force lets us hold. Read from the ledger
/// by what the state holds: an index that lost something must not leave it on the disk.
fn taken_back(node: &Node, member: MemberId, grants: &[ObjectId]) -> Vec<(Commitment, Offer)> {
    let offered = node.store.view().peers.get(&member).map(|p| p.offered.clone()).unwrap_or_default();
    let now = node.now();
    let stays = |offer: &Offer| {
        let Some(Declared::Release(release)) = node.store.record(offer.at).and_then(|r| r.declared()) else {
            return false; // of a manifest that cannot be read nobody knows what it was given under
        };
        let view = node.store.view();
        let trusted = view.peers.get(&member).map(|p| &p.trusted);
        trusted.is_some_and(|t| !t.was_given(&release, grants) || t.lets_hold(&release, now))
    };
    offered.into_iter().filter(|(_, offer)| !stays(offer)).collect()
}

/// Names what goes, durably, before anything goes. From here on no road leads back for it.
async fn bury(
    node: &Node,
    member: MemberId,
    revocation: ObjectId,
    grants: &[ObjectId],
) -> Result<Vec<Grave>, Problem> {
    let goes = taken_back(node, member, grants).into_iter().take(limits::RELEASES_PER_RECEIPT_MAX);
    let buried: Vec<Grave> = goes
        .map(|(commitment, Offer { index, at })| Grave {
            commitment,
            index,
            bytes: node.store.shelf().bytes(&commitment),
            at,
        })
        .collect();
    let grave = |g: &Grave| Buried {
        commitment: g.commitment.to_bytes(),
        index: g.index,
        bytes: g.bytes,
        position: Bytes::copy_from_slice(&g.at.to_bytes()),
    };
    let tombstone = Tombstone {
        member: member.to_bytes(),
        revocation: revocation.to_bytes(),
        grants: grants.iter().map(|g| g.to_bytes()).collect(),
        releases: buried.iter().map(grave).collect(),
    };
    node.store.commit(Batch { narrowing: true, ..Batch::of(tombstone) }).await?;
    Ok(buried)
}

/// Manifests carry titles and names: they are zeroed in the ledger, under `Erase` records.
async fn erase_payloads(node: &Node, buried: &[Grave]) -> Result<(), Problem> {
    let mut batch = Batch { narrowing: true, ..Batch::default() };
    // Not again and again, when what comes after it fails.
    for grave in buried.iter().filter(|g| !node.store.is_erased(g.at)) {
        let position = Bytes::copy_from_slice(&grave.at.to_bytes());
        batch.records.push(Erase { position, reason: "purge".into() }.into());
        batch.erase.push(grave.at);
    }
    if !batch.records.is_empty() {
        node.store.commit(batch).await?;
    }
    Ok(())
}

fn exceptions(node: &Node, buried: &[Grave]) -> Vec<PurgeException> {
    let view = node.store.view();
    let mut exceptions: Vec<PurgeException> = Vec::new();
    for Grave { commitment, .. } in buried {
        // One for each release, the newest: so that any receipt has room for all of its own.
        if let Some(&at) = view.exports.get(commitment).and_then(|times| times.iter().max()) {
            exceptions.push(PurgeException { commitment: *commitment, at, reason: "exported".into() });
        }
    }
    exceptions.sort();
    exceptions
}
