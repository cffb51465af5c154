//! What a relay handed on, on its way to the publisher: stated in signed entries of the relay's journal, and
//! brought until it is acknowledged (PROTOCOL.md section 8). A publisher that was away knows its readers so.

use std::sync::Arc;

use talanoa_proto::{
    Code,
    carriage::Carriage,
    consent,
    entry::Declared,
    envelope::Envelope,
    grant::Action,
    id::{Commitment, MemberId},
    limits,
    release::Release,
    trusted::VerifiedEntry,
    wire,
};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    node::{Node, own_entry},
    peers::deliver::Waits,
    problem::Problem,
    store::{
        Batch,
        records::{EntryDelivered, EntryTaken, Record},
    },
};

/// Between statements, so that a reader that catches up does not make an entry of each transfer.
const PAUSE: Duration = Duration::from_secs(60);

/// The relay's side, until `stop`. What is owed is on record from before the first byte of each transfer, so
/// a crash anywhere continues at the next start.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let mut changed = node.store.watch();
    let mut waits = Waits::default();
    let mut next = Instant::now();
    loop {
        let unstated = node.store.view().carried_unstated.values().any(|carried| !carried.is_empty());
        if unstated && Instant::now() >= next {
            next = Instant::now() + PAUSE;
            if let Err(problem) = state(&node).await {
                tracing::error!(%problem, "what was carried is not stated; it is tried again");
            }
        }
        let acknowledged =
            |member: MemberId, index| EntryDelivered { member: member.to_bytes(), index }.into();
        waits.bring(&node, owed(&node), acknowledged).await;
        let due = if unstated { waits.next().min(next) } else { waits.next() };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(due) => {}
            outcome = changed.changed() => if outcome.is_err() { return },
        }
    }
}

/// As many entries as it takes, for each publisher.
async fn state(node: &Node) -> Result<(), Problem> {
    let unstated = node.store.view().carried_unstated.clone();
    let mut records: Vec<Record> = Vec::new();
    for (publisher, carried) in unstated {
        let carried: Vec<_> = carried.into_iter().collect();
        for part in carried.chunks(limits::CARRIED_PER_STATEMENT_MAX) {
            let (origin, declared_at) = (node.origin()?, node.now());
            let carriage = Carriage { origin, publisher, carried: part.to_vec(), declared_at };
            let envelope = Envelope::seal(&carriage, &node.key);
            envelope.object::<Carriage>()?;
            records.push(own_entry(&envelope)?.0.into());
        }
    }
    node.store.commit(Batch { records, ..Batch::default() }).await?;
    Ok(())
}

fn owed(node: &Node) -> Vec<(MemberId, u64)> {
    let view = node.store.view();
    let open = view.carriage_entries.iter().filter(|(_, (_, acknowledged))| !acknowledged);
    open.map(|(index, (publisher, _))| (*publisher, *index)).collect()
}

/// The publisher's side. What a relay handed to the wrong reader is kept too: it is the relay's own word for it.
pub async fn take(
    node: &Node,
    relay: MemberId,
    entry: &VerifiedEntry,
    request: wire::DeliverRequest,
) -> Result<(), Status> {
    let Declared::Carriage(carriage) = entry.declared() else {
        return Err(Problem::bad_request("not a statement of carriage").into());
    };
    check(node, relay, carriage).map_err(|what| Problem::new(Code::ReceiptInvalid, what))?;
    let Some(taken) = EntryTaken::of(relay, request) else { return Ok(()) };
    if node.store.view().carriages_taken.contains_key(&(relay, taken.index)) {
        return Ok(()); // taken before, and the acknowledgement was lost
    }
    node.store.commit(Batch::of(taken)).await.map_err(Problem::from)?;
    tracing::info!(relay = %relay.short(), transfers = carriage.carried.len(), "statement of carriage taken");
    Ok(())
}

/// Whether it speaks of our releases, and of what that member was once allowed to carry.
fn check(node: &Node, relay: MemberId, carriage: &Carriage) -> Result<(), &'static str> {
    if carriage.publisher != node.me {
        return Err("the statement is about another publisher's releases");
    }
    let release = |c: &Commitment| node.store.own_release(c).and_then(|held| held.release().cloned());
    let releases: Option<Vec<Release>> = carriage.carried.iter().map(|c| release(&c.release)).collect();
    let releases = releases.ok_or("the statement names a release that was never published here")?;
    let view = node.store.view();
    if carriage.carried.iter().any(|c| view.consent.get(&c.grant).is_none()) {
        return Err("the statement names a grant that is none of ours");
    }
    let may_carry = |release: &Release| {
        let mut grants = view.consent.grants().filter(|(_, g)| g.actions.contains(&Action::Relay));
        grants.any(|(id, g)| {
            let (dataset, themes) = (&release.dataset, &release.description.themes);
            view.is_or_was_for(id, relay) && consent::covers(&g.scope, dataset, themes, release.sensitivity)
        })
    };
    if !releases.iter().all(may_carry) {
        return Err("the statement names a release that this member was never given to carry");
    }
    Ok(())
}

/// Statements that were taken: the relay, the index in its journal, and what it says.
pub fn stated(node: &Node) -> impl Iterator<Item = (MemberId, u64, Carriage)> + '_ {
    let taken = node.store.view().carriages_taken.clone();
    taken.into_iter().filter_map(|((relay, index), at)| {
        let Record::EntryTaken(taken) = node.store.record(at)? else { return None };
        let Declared::Carriage(carriage) = Declared::parse(&taken.envelope).ok()? else { return None };
        Some((relay, index, carriage))
    })
}
