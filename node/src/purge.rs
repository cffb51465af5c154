//! Taking back to the end: a revocation with purge becomes a tombstone, an erasure, a receipt, a delivery.
//!
//! ```text
//!   revocation heard ─▶ tombstone (durable) ─▶ shelf, payloads erased ─▶ receipt journaled ─▶ delivered
//! ```
//!
//! Each step is on record, so a crash anywhere continues at the next start; erasing twice is erasing once.

use std::sync::Arc;

use bytes::Bytes;
use talanoa_proto::{
    Code, consent,
    entry::Declared,
    envelope::Envelope,
    grant::{Action, PurgeException, PurgeReceipt},
    id::{Commitment, MemberId, ObjectId},
    limits, wire,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    node::{Node, own_entry},
    peers::deliver::Waits,
    problem::Problem,
    serve::Permitted,
    store::{
        Batch,
        records::{Buried, Erase, ReceiptDelivered, ReceiptTaken, RetentionEnded, Tombstone},
        state::{Caller, Grave, Offer, Purge},
    },
};

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
    loop {
        if let Err(problem) = purge_all(&node).await {
            tracing::error!(%problem, "purge not finished; it is tried again");
        }
        let owed = node.store.view().receipts_owed();
        waits.bring(&node, owed, |_, index| ReceiptDelivered { index, at: node.now() }.into()).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(waits.next()) => {}
            outcome = changed.changed() => if outcome.is_err() { return },
        }
    }
}

async fn purge_all(node: &Node) -> Result<(), Problem> {
    loop {
        let open: Option<(MemberId, ObjectId, Purge)> = {
            let view = node.store.view();
            view.peers.iter().find_map(|(member, peer)| {
                let open = peer.purges.iter().find(|(_, p)| !p.complete);
                open.map(|(id, purge)| (*member, *id, purge.clone()))
            })
        };
        match open {
            Some((member, revocation, purge)) => purge_round(node, member, revocation, purge).await?,
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
    let receipt = PurgeReceipt {
        origin,
        grantor: member,
        revocation,
        grants: purge.grants,
        releases: buried.iter().map(|g| (g.commitment, g.bytes)).collect(),
        exceptions,
        completed_at: node.now(),
        more: !uncovered(node, member).is_empty(),
    };
    let (entry, _) = own_entry(&Envelope::seal(&receipt, &node.key))?;
    node.store.commit(Batch { narrowing: true, ..Batch::of(entry) }).await?;
    tracing::info!(revocation = %revocation.short(), releases = buried.len(), "purged; the receipt is journaled");
    Ok(())
}

/// Offers of that member that no live grant covers any more. Read from the ledger by what the state holds:
/// an index that lost something must not leave it on the disk.
fn uncovered(node: &Node, member: MemberId) -> Vec<(Commitment, Offer)> {
    let offered = node.store.view().peers.get(&member).map(|p| p.offered.clone()).unwrap_or_default();
    let covered = |offer: &Offer| {
        let Some(Declared::Release(release)) = node.store.record(offer.at).and_then(|r| r.declared()) else {
            return false; // a manifest that cannot be read keeps nothing
        };
        node.store.view().peers.get(&member).is_some_and(|p| p.trusted.grant_for(&release).is_some())
    };
    offered.into_iter().filter(|(_, offer)| !covered(offer)).collect()
}

/// Names what goes, durably, before anything goes. From here on no road leads back for it.
async fn bury(
    node: &Node,
    member: MemberId,
    revocation: ObjectId,
    grants: &[ObjectId],
) -> Result<Vec<Grave>, Problem> {
    let uncovered = uncovered(node, member).into_iter().take(limits::RELEASES_PER_RECEIPT_MAX);
    let buried: Vec<Grave> = uncovered
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
    for grave in buried {
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

/// The origin's side: a receipt is taken when it is signed, journaled, and about what we ordered.
pub async fn take(
    node: &Node,
    caller: MemberId,
    receipt: &PurgeReceipt,
    request: wire::DeliverRequest,
) -> Result<(), Status> {
    let bad = |what: &str| Status::from(Problem::new(Code::ReceiptInvalid, what));
    let (head, entry) = request.head.zip(request.entry).ok_or_else(|| bad("head or entry is missing"))?;
    check_receipt(node, caller, receipt).map_err(bad)?;
    let id = Envelope::parse(&entry.envelope).map_err(Problem::from)?.id();
    let known = node.store.view().orders.get(&receipt.revocation).is_some_and(|order| {
        order.receipts.get(&caller).is_some_and(|taken| taken.iter().any(|(taken, _)| *taken == id))
    });
    if known {
        return Ok(()); // delivered before, and the acknowledgement was lost
    }
    let taken = ReceiptTaken {
        member: caller.to_bytes(),
        index: entry.index,
        salt: entry.salt,
        envelope: entry.envelope,
        inclusion: entry.inclusion,
        note: head.checkpoint,
        at: node.now(),
    };
    node.store.commit(Batch::of(taken)).await.map_err(Problem::from)?;
    tracing::info!(holder = %caller.short(), revocation = %receipt.revocation.short(), "purge receipt taken");
    Ok(())
}

/// Names neither too little nor anything that was never given.
fn check_receipt(node: &Node, caller: MemberId, receipt: &PurgeReceipt) -> Result<(), &'static str> {
    let view = node.store.view();
    let order = view.orders.get(&receipt.revocation).ok_or("no such revocation was declared here")?;
    if receipt.grantor != node.me || receipt.grants != order.grants {
        return Err("the receipt is for other grants");
    }
    if !order.grants.iter().any(|id| view.is_or_was_for(id, caller)) {
        return Err("the revoked grants were not given to this member");
    }
    // Also of later orders: a copy that another grant still covered when this receipt was written may have
    // gone under one of them since. Never of earlier ones: what was delivered again must be erased again.
    let since = view.orders.values().filter(|o| o.ordered_at >= order.ordered_at);
    let taken = since.filter_map(|o| o.receipts.get(&caller)).flatten();
    let earlier = taken.flat_map(|(_, receipt)| &receipt.releases);
    let mut named: Vec<Commitment> = earlier.map(|(c, _)| *c).collect();
    drop(view);
    named.extend(receipt.releases.iter().map(|(c, _)| *c));
    if named.iter().any(|c| node.store.own_release(c).is_none()) {
        return Err("the receipt names a release that was never published here");
    }
    for (commitment, _) in receipt.releases.iter().filter(|(_, bytes)| *bytes > 0) {
        if !node.store.index().has_access(commitment, &caller) && !may_have_been_carried(node, commitment) {
            return Err("the receipt names files that were never delivered to this member");
        }
    }
    // Judged with the last receipt, over all of them.
    if !receipt.more && delivered_under(node, caller, &order_grants(receipt)).any(|c| !named.contains(&c)) {
        return Err("the receipt leaves out a release that was delivered under the revoked grant");
    }
    Ok(())
}

/// Whether some member could bring it to others for us: then a holder has files that we did not deliver.
fn may_have_been_carried(node: &Node, commitment: &Commitment) -> bool {
    let Some(held) = node.store.own_release(commitment) else { return false };
    let Some(release) = held.release() else { return false };
    let view = node.store.view();
    let mut relays = view.consent.grants().filter(|(_, g)| g.actions.contains(&Action::Relay));
    relays.any(|(_, g)| {
        consent::covers(&g.scope, &release.dataset, &release.description.themes, release.sensitivity)
    })
}

fn order_grants(receipt: &PurgeReceipt) -> Vec<Bytes> {
    receipt.grants.iter().map(|g| g.to_bytes()).collect()
}

/// Releases that the holder received under those grants and may not read under another one now.
fn delivered_under<'a>(
    node: &'a Node,
    holder: MemberId,
    grants: &'a [Bytes],
) -> impl Iterator<Item = Commitment> + 'a {
    let accesses = node.store.index().accesses_by_time().filter_map(|at| node.store.access(at));
    accesses
        .filter(move |a| a.reader == holder.0[..] && grants.contains(&a.grant))
        .filter_map(|a| Some((Commitment::from_slice(&a.release).ok()?, a.purpose)))
        .filter(move |(c, purpose)| {
            Permitted::ask(node, Caller { member: holder, application: None }, *c, purpose).is_none()
        })
        .map(|(c, _)| c)
}
