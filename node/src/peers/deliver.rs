//! Bringing an entry of our journal to another member, with its proof: receipts, and keys of applications.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use talanoa_client::{PeerError, session::Session};
use talanoa_proto::{
    Code,
    checkpoint::{Checkpoint, SignedNote},
    id::MemberId,
    trusted::{EntryError, TrustedPeer, VerifiedEntry},
    wire,
};
use tokio::time::Instant;
use tonic::Status;

use super::{hello, target_of};
use crate::{
    node::Node,
    problem::Problem,
    store::{
        Batch,
        records::{Evidence, Record},
        state::EPOCH,
    },
};

const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Entries that were not taken, as (member, journal index), and when each is tried again. Each waits for
/// itself: one that is refused must not keep the next from being taken.
#[derive(Debug, Default)]
pub struct Waits(BTreeMap<(MemberId, u64), Wait>);

#[derive(Clone, Debug)]
struct Wait {
    pause: Duration,
    until: Instant,
    cause: String,
}

impl Waits {
    /// Brings what is owed and due; what was acknowledged is put on record.
    pub async fn bring(
        &mut self,
        node: &Node,
        owed: Vec<(MemberId, u64)>,
        delivered: impl Fn(MemberId, u64) -> Record,
    ) {
        self.0.retain(|entry, _| owed.contains(entry));
        for (member, index) in owed {
            if self.0.get(&(member, index)).is_some_and(|wait| Instant::now() < wait.until) {
                continue;
            }
            match entry(node, member, index).await {
                Ok(()) => {
                    self.0.remove(&(member, index));
                    let _ = node.store.commit(Batch::of(delivered(member, index))).await;
                }
                Err(error) => {
                    let error = error.to_string();
                    if self.failed((member, index), &error) {
                        tracing::info!(peer = %member.short(), index, error, "journal entry not delivered yet");
                    } else {
                        tracing::debug!(peer = %member.short(), index, error, "journal entry not delivered yet");
                    }
                }
            }
        }
    }

    /// Waits longer each time. Whether it is worth saying: once per cause, since a member that is away for a
    /// week must not fill our log.
    fn failed(&mut self, entry: (MemberId, u64), cause: &str) -> bool {
        let (pause, is_new) = match self.0.get(&entry) {
            Some(wait) => ((wait.pause * 2).min(PAUSE_MAX), wait.cause != cause),
            None => (PAUSE_MIN, true),
        };
        self.0.insert(entry, Wait { pause, until: Instant::now() + pause, cause: cause.to_owned() });
        is_new
    }

    /// When something is due again.
    pub fn next(&self) -> Instant {
        let due = self.0.values().map(|wait| wait.until).min();
        due.unwrap_or_else(|| Instant::now() + PAUSE_MAX)
    }
}

/// Returns after the member has acknowledged that it is durable there.
async fn entry(node: &Node, member: MemberId, index: u64) -> Result<(), PeerError> {
    let target = target_of(node, member).ok_or(PeerError::Protocol("no address of the member is known"))?;
    let request = request(node, index)?;
    let mut session = Session::dial(&target.address, &node.key, &target.keys).await?;
    session.hello(hello::request(node, Some(member))).await?;
    session.deliver(request).await
}

/// An entry of our journal with head and proof.
pub fn request(node: &Node, index: u64) -> Result<wire::DeliverRequest, PeerError> {
    let held = node.store.own_entry(index).ok_or(PeerError::Protocol("the entry cannot be read"))?;
    let checkpoint = node.store.checkpoint();
    let io = |e| PeerError::Keep(talanoa_client::KeepError::Io(e));
    let inclusion = node.store.inclusion(index, checkpoint.checkpoint().size).map_err(io)?;
    Ok(wire::DeliverRequest {
        head: Some(wire::Head {
            checkpoint: Bytes::copy_from_slice(checkpoint.note_bytes()),
            from_size: 0,
            consistency: Vec::new(),
        }),
        entry: Some(wire::Entry {
            index,
            salt: held.record.salt,
            envelope: held.record.envelope,
            inclusion: inclusion.iter().map(|h| Bytes::copy_from_slice(h)).collect(),
        }),
    })
}

/// The other side: what a caller brings is an entry of its own journal, proven by itself.
pub fn verify(
    node: &Node,
    caller: MemberId,
    request: &wire::DeliverRequest,
) -> Result<VerifiedEntry, Status> {
    let missing = || Status::from(Problem::bad_request("head or entry is missing"));
    let (head, entry) = request.head.as_ref().zip(request.entry.as_ref()).ok_or_else(missing)?;
    // A state of its own: the caller's journal need not be one that we follow.
    let (mut trusted, federation) = {
        let view = node.store.view();
        let peer = view.peers.get(&caller).ok_or_else(Problem::not_found)?;
        (peer.trusted.clone(), view.federation())
    };
    let federation = federation.ok_or_else(Problem::not_ready)?;
    let from_start = TrustedPeer::new(node.me, federation, EPOCH, trusted.identity().clone());
    let refuse = |e: EntryError| Status::from(Problem::new(e.code(), e.to_string()));
    if trusted.advance(head).is_err() {
        trusted = from_start;
        trusted.advance(head).map_err(refuse)?;
    }
    trusted.verify(entry).map_err(refuse)
}

/// Attack: a second history. Whoever showed a head of that size before, with another root, has signed both.
pub async fn compare(node: &Node, caller: MemberId, entry: &VerifiedEntry) -> Result<(), Status> {
    let shown = SignedNote::parse(entry.note()).ok().and_then(|n| Checkpoint::parse(&n.text).ok());
    let held = node.store.view().peers.get(&caller).and_then(|p| p.delivered_under.clone());
    let Some((shown, held)) = shown.zip(held) else { return Ok(()) };
    if shown.size != held.checkpoint.size || shown.root == held.checkpoint.root {
        return Ok(());
    }
    let what =
        format!("{}: two heads of {} entries were signed and shown to us", Code::JournalFork, shown.size);
    let known = node.store.view().peers.get(&caller).is_some_and(|p| p.evidence.contains(&what));
    if !known {
        tracing::error!(peer = %caller.short(), %what, "a peer misbehaved");
        let evidence = Evidence { member: caller.to_bytes(), what: what.clone(), at: node.now() };
        node.store.commit(Batch::of(evidence)).await.map_err(Problem::from)?;
    }
    Err(Problem::new(Code::JournalFork, what).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_for_each_entry() {
        let mut waits = Waits::default();
        let (one, other) = ((MemberId([1; 32]), 7), (MemberId([1; 32]), 8));
        let said: Vec<bool> = ["away", "away", "denied", "denied"].map(|c| waits.failed(one, c)).to_vec();
        assert_eq!(said, [true, false, true, false]);
        assert!(waits.failed(other, "denied"));
        assert_eq!(waits.0[&one].pause, PAUSE_MIN * 8);
    }
}
