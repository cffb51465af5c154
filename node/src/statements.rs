//! Statements of a member on their way to whom they concern: keys of applications, their ends, leaving a circle.
//!
//! A member's node brings each until it is acknowledged; the other takes it when it is signed and journaled
//! (PROTOCOL.md section 9). Who follows the member's journal hears of it there too.

use std::{collections::BTreeSet, sync::Arc};

use talanoa_proto::{entry::Declared, grant::Grantee, id::MemberId, trusted::VerifiedEntry, wire};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    node::Node,
    peers::deliver::Waits,
    problem::Problem,
    store::{
        Batch,
        records::{EntryDelivered, EntryTaken},
        state::{Peer, State},
    },
};

/// Delivers what is owed, whenever the ledger says that something is, until `stop`.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let mut changed = node.store.watch();
    let mut waits = Waits::default();
    loop {
        let delivered = |member: MemberId, index| EntryDelivered { member: member.to_bytes(), index }.into();
        waits.bring(&node, owed(&node), delivered).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(waits.next()) => {}
            outcome = changed.changed() => if outcome.is_err() { return },
        }
    }
}

/// Members that do not know of an entry yet, and the entry's journal index.
fn owed(node: &Node) -> Vec<(MemberId, u64)> {
    let entries = node.store.view().statement_entries.clone();
    let mut owed = Vec::new();
    for (index, known_to) in entries {
        let Some(held) = node.store.own_entry(index) else { continue };
        let view = node.store.view();
        let concerned = concerned(&view, &held.declared);
        let unaware = concerned.into_iter().filter(|m| *m != view.me && !known_to.contains(m));
        owed.extend(unaware.map(|m| (m, index)));
    }
    owed
}

/// Of a key: the publishers that it names, or those that we follow where it names none. Of leaving a circle: its
/// convener, and whoever gave us something as one of it.
fn concerned(view: &State, declared: &Declared) -> BTreeSet<MemberId> {
    let named: BTreeSet<MemberId> = match declared {
        Declared::Application(_, application) => application.origins.iter().copied().collect(),
        Declared::EndApplication(end) => {
            let ended = end.applications.iter().filter_map(|id| view.applications.get(id));
            ended.flat_map(|a| a.origins.iter().copied()).collect()
        }
        Declared::LeaveCircle(leave) => {
            let to_circle = Grantee::Circle(leave.circle);
            let gave = |p: &Peer| p.trusted.consent().grants().any(|(_, g)| g.grantee == to_circle);
            let publishers = view.peers.iter().filter(|(_, p)| gave(p)).map(|(m, _)| *m);
            return publishers.chain(view.consent.circles().convener(&leave.circle)).collect();
        }
        _ => return BTreeSet::new(),
    };
    let followed = || view.peers.iter().filter(|(_, p)| p.follow.is_some()).map(|(m, _)| *m).collect();
    if named.is_empty() { followed() } else { named }
}

/// The other side.
pub async fn take(
    node: &Node,
    caller: MemberId,
    entry: &VerifiedEntry,
    request: wire::DeliverRequest,
) -> Result<(), Status> {
    let known = {
        let view = node.store.view();
        match entry.declared() {
            Declared::Application(id, _) => view.applications.contains_key(id),
            Declared::EndApplication(end) => {
                end.applications.iter().all(|id| view.ended_applications.contains(&(caller, *id)))
            }
            Declared::LeaveCircle(leave) => view.consent.circles().has_left(leave),
            other => {
                let what = format!("an entry of kind {} is not brought, it is followed", other.kind());
                return Err(Problem::bad_request(what).into());
            }
        }
    };
    let Some(taken) = EntryTaken::of(caller, request).filter(|_| !known) else { return Ok(()) };
    let narrowing = matches!(entry.declared(), Declared::EndApplication(_) | Declared::LeaveCircle(_));
    let batch = Batch { narrowing, ..Batch::of(taken) };
    node.store.commit(batch).await.map_err(Problem::from)?;
    crate::consent::enforce(node);
    tracing::info!(member = %caller.short(), kind = entry.declared().kind(), "statement taken");
    Ok(())
}
