//! The other side of a purge: what a holder says is gone, judged by what was delivered to it.

use std::collections::BTreeMap;

use talanoa_proto::{
    Code, consent,
    envelope::Envelope,
    grant::{Action, PurgeReceipt},
    id::{Commitment, MemberId, ObjectId},
    release::Release,
    wire,
};
use tonic::Status;

use crate::{
    node::Node,
    problem::Problem,
    store::{
        Batch,
        ledger::Position,
        records::ReceiptTaken,
        state::{PurgeOrder, State},
    },
};

/// A receipt is taken when it is signed, journaled, and about what we ordered.
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
        order.receipts.get(&caller).is_some_and(|taken| taken.iter().any(|t| t.id == id))
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
    let order = {
        let view = node.store.view();
        let order = view.orders.get(&receipt.revocation).ok_or("no such revocation was declared here")?;
        if receipt.grantor != node.me || receipt.grants != order.grants {
            return Err("the receipt is for other grants");
        }
        if !order.grants.iter().any(|id| view.is_or_was_for(id, caller)) {
            return Err("the revoked grants were not given to this member");
        }
        order.clone()
    };
    for (commitment, bytes) in &receipt.releases {
        if node.store.own_release(commitment).is_none() {
            return Err("the receipt names a release that was never published here");
        }
        let has_files = *bytes > 0;
        if has_files
            && !node.store.index().has_access(commitment, &caller)
            && !may_have_been_carried(node, commitment)
        {
            return Err("the receipt names files that were never delivered to this member");
        }
    }
    // Judged with the last receipt, over all of them.
    let names = |commitment: &Commitment| receipt.releases.iter().any(|(named, _)| named == commitment);
    if !receipt.more && owed(node, caller, &order).iter().any(|commitment| !names(commitment)) {
        return Err("the receipt leaves out a release that was delivered under the revoked grant");
    }
    Ok(())
}

/// Releases that were delivered to the holder, that the revoked grants were about, that no grant in force lets
/// it hold, and that none of its receipts names since the last delivery: what was delivered again must be
/// erased again. A receipt for another order counts: it says that the copy is gone.
fn owed(node: &Node, holder: MemberId, order: &PurgeOrder) -> Vec<Commitment> {
    let mut delivered: BTreeMap<Commitment, Position> = BTreeMap::new();
    for at in node.store.index().accesses_by_time() {
        let access = node.store.access(at).filter(|a| a.reader == holder.0[..] && a.origin.is_empty());
        if let Some(commitment) = access.and_then(|a| Commitment::from_slice(&a.release).ok()) {
            let last = delivered.entry(commitment).or_insert(at);
            *last = (*last).max(at);
        }
    }
    let now = node.now();
    // Read before the state is looked at: a view is not held over the disk.
    let release = |c: &Commitment| node.store.own_release(c).and_then(|held| held.release().cloned());
    let delivered: Vec<(Commitment, Release, Position)> =
        delivered.into_iter().filter_map(|(c, at)| Some((c, release(&c)?, at))).collect();
    let view = node.store.view();
    let owed = delivered.into_iter().filter(|(commitment, release, at)| {
        was_about(&view, &order.grants, holder, release)
            && !view.consent.lets_hold(release, now, |id, _| view.is_or_was_for(id, holder))
            && !is_named_since(&view, holder, commitment, *at)
    });
    owed.map(|(commitment, _, _)| commitment).collect()
}

fn was_about(view: &State, grants: &[ObjectId], holder: MemberId, release: &Release) -> bool {
    let about = |id: &ObjectId| view.consent.get(id).is_some_and(|g| consent::is_about(g, release));
    grants.iter().any(|id| view.is_or_was_for(id, holder) && about(id))
}

/// By the order of our own ledger: no clock of theirs is asked.
fn is_named_since(view: &State, holder: MemberId, release: &Commitment, delivered: Position) -> bool {
    let receipts = view.orders.values().filter_map(|o| o.receipts.get(&holder)).flatten();
    let mut since = receipts.filter(|taken| taken.at > delivered);
    since.any(|taken| taken.receipt.releases.iter().any(|(named, _)| named == release))
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
