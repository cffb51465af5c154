//! Keys of applications on their way: a member's node brings each, and each end, to the publishers that it
//! names, until they acknowledge; a publisher takes it when it is signed and journaled (PROTOCOL.md section 8).

use std::sync::Arc;

use talanoa_proto::{entry::Declared, id::MemberId, trusted::VerifiedEntry, wire};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    node::Node,
    peers::deliver::Waits,
    problem::Problem,
    store::{
        Batch,
        records::{EntryDelivered, EntryTaken},
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

/// Publishers that a key of ours names, or that we follow where it names none, and that do not know of it yet.
fn owed(node: &Node) -> Vec<(MemberId, u64)> {
    let entries = node.store.view().application_entries.clone();
    let mut owed = Vec::new();
    for (index, known_to) in entries {
        let Some(held) = node.store.own_entry(index) else { continue };
        let view = node.store.view();
        let named: Vec<MemberId> = match &held.declared {
            Declared::Application(_, application) => application.origins.clone(),
            Declared::EndApplication(end) => {
                let ended = end.applications.iter().filter_map(|id| view.applications.get(id));
                ended.flat_map(|a| a.origins.clone()).collect()
            }
            _ => continue,
        };
        let followed = view.peers.iter().filter(|(_, p)| p.follow.is_some()).map(|(m, _)| *m);
        let publishers: Vec<MemberId> = if named.is_empty() { followed.collect() } else { named };
        owed.extend(publishers.into_iter().filter(|m| !known_to.contains(m)).map(|m| (m, index)));
    }
    owed
}

/// The publisher's side.
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
            _ => {
                return Err(Problem::bad_request(
                    "neither a receipt, a statement of carriage nor an application key",
                )
                .into());
            }
        }
    };
    let Some(taken) = EntryTaken::of(caller, request).filter(|_| !known) else { return Ok(()) };
    let narrowing = matches!(entry.declared(), Declared::EndApplication(_));
    let batch = Batch { narrowing, ..Batch::of(taken) };
    node.store.commit(batch).await.map_err(Problem::from)?;
    crate::consent::enforce(node);
    tracing::info!(member = %caller.short(), kind = entry.declared().kind(), "application key taken");
    Ok(())
}
