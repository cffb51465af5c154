//! What two nodes tell each other first: heads of journals and of identity chains.
//!
//! A handshake never teaches keys; a chain that a member passes on is taken only where it continues,
//! signature by signature, the one held here.

use bytes::Bytes;
use ed25519_dalek::VerifyingKey;
use talanoa_proto::{
    charter::verify_endpoint,
    checkpoint::{Checkpoint, SignedCheckpoint},
    envelope::Envelope,
    id::MemberId,
    identity::Role,
    wire::{HelloRequest, HelloResponse, IdentityChain, IdentityHead},
};

use crate::{
    clock::Trust,
    consent,
    node::Node,
    store::{
        Batch,
        records::{EndpointLearnt, IdentityLearnt, OwnHeadShown, Record},
        signing::{OwnHead, Signing},
        state::{Caller, EPOCH},
    },
};

pub const PROTOCOL: u32 = 1;
const SOFTWARE: &str = concat!("talanoa/", env!("CARGO_PKG_VERSION"));

/// `to`: whose newest checkpoint we show back to them.
pub fn request(node: &Node, to: Option<MemberId>) -> HelloRequest {
    // Taken once and let go: a view that is taken while another is held can wait for ever behind a writer.
    let federation = node.store.view().federation();
    HelloRequest {
        protocol: PROTOCOL,
        federation_id: federation.map(|f| f.to_bytes()).unwrap_or_default(),
        checkpoint: Bytes::copy_from_slice(node.store.checkpoint().note_bytes()),
        your_checkpoint: held_checkpoint(node, to),
        identities: heads(node),
        endpoint: own_endpoint(node),
        software: SOFTWARE.to_owned(),
        now: trusted_now(node),
    }
}

/// 0 while this machine's clock is not believed here either.
fn trusted_now(node: &Node) -> u64 {
    if node.clock.trust() == Trust::Accepted { node.now() } else { 0 }
}

/// Answers a caller, and takes what a member's node knows better. An application is asked nothing.
pub async fn answer(node: &Node, caller: Caller, hello: HelloRequest) -> HelloResponse {
    if caller.application.is_none() {
        judge_own(node, caller.member, &hello.your_checkpoint).await;
        learn(node, caller.member, &[], &hello.endpoint).await;
        compare_clocks(node, hello.now).await;
    }
    let request = request(node, Some(caller.member));
    HelloResponse {
        protocol: PROTOCOL,
        federation_id: request.federation_id,
        checkpoint: request.checkpoint,
        your_checkpoint: request.your_checkpoint,
        identities: request.identities,
        endpoint: request.endpoint,
        software: request.software,
        newer: newer(node, &hello.identities),
        now: request.now,
    }
}

/// A member whose clock agrees with this machine's ends the suspicion against it.
pub async fn compare_clocks(node: &Node, shown: u64) {
    if node.clock.compare(shown)
        && let Err(problem) = consent::clock_confirmed(node).await
    {
        tracing::warn!(%problem, "time is not on record");
    }
}

/// The largest of its heads that we hold: of its feed, or of a receipt that it brought without being followed.
fn held_checkpoint(node: &Node, of: Option<MemberId>) -> Bytes {
    let view = node.store.view();
    let Some(peer) = of.and_then(|m| view.peers.get(&m)) else { return Bytes::new() };
    let delivered = peer.delivered_under.as_ref().filter(|d| d.checkpoint.size > peer.trusted.known_size());
    match (delivered, peer.trusted.head()) {
        (Some(delivered), _) => delivered.note.clone(),
        (None, head) => head.map(|h| Bytes::copy_from_slice(h.note_bytes())).unwrap_or_default(),
    }
}

fn heads(node: &Node) -> Vec<IdentityHead> {
    let view = node.store.view();
    view.members
        .iter()
        .map(|(id, m)| IdentityHead { member_id: id.to_bytes(), seq: m.identity.seq() })
        .collect()
}

fn own_endpoint(node: &Node) -> Bytes {
    let view = node.store.view();
    let endpoint = view.members.get(&node.me).and_then(|m| m.endpoint.as_ref());
    endpoint.map(|(_, envelope)| envelope.to_bytes()).unwrap_or_default()
}

/// Events that the caller's heads lack.
fn newer(node: &Node, heads: &[IdentityHead]) -> Vec<IdentityChain> {
    let view = node.store.view();
    let mut chains = Vec::new();
    for (id, member) in &view.members {
        let theirs = heads.iter().find(|h| h.member_id == id.0[..]).map(|h| h.seq);
        if let Some(seq) = theirs.filter(|seq| *seq < member.identity.seq()) {
            let events = member.chain.iter().skip(seq as usize + 1).map(Envelope::to_bytes).collect();
            chains.push(IdentityChain { member_id: id.to_bytes(), events });
        }
    }
    chains
}

/// Takes identity events that continue what is held, and a newer endpoint of the peer.
pub async fn learn(node: &Node, peer: MemberId, chains: &[IdentityChain], endpoint: &Bytes) {
    let mut batch = Batch::default();
    for chain in chains {
        let Ok(member) = MemberId::from_slice(&chain.member_id) else { continue };
        let Some(mut identity) = node.store.view().members.get(&member).map(|m| m.identity.clone()) else {
            continue;
        };
        for event in &chain.events {
            let extended = Envelope::parse(event).is_ok_and(|e| identity.extend(&e).is_ok());
            if !extended {
                break;
            }
            batch.records.push(IdentityLearnt { member: member.to_bytes(), event: event.clone() }.into());
        }
    }
    batch.records.extend(newer_endpoint(node, peer, endpoint));
    if !batch.records.is_empty() {
        let _ = node.store.commit(batch).await;
    }
}

fn newer_endpoint(node: &Node, peer: MemberId, endpoint: &Bytes) -> Option<Record> {
    let envelope = Envelope::parse(endpoint).ok()?;
    let view = node.store.view();
    let member = view.members.get(&peer)?;
    let told = verify_endpoint(&member.identity, &envelope).ok()?;
    let newer = member.endpoint.as_ref().is_none_or(|(held, _)| told.seq > held.seq);
    newer.then(|| EndpointLearnt { member: peer.to_bytes(), envelope: endpoint.clone() }.into())
}

/// What a member holds of our own journal. A head that we signed and do not have means that our directory
/// was restored from an older copy, or runs twice: from here on nothing is signed. Returns whether the
/// member holds a head that our journal contains.
pub async fn judge_own(node: &Node, member: MemberId, note: &Bytes) -> bool {
    let Some(shown) = own_head(node, note) else { return false };
    match node.store.contains_head(&shown) {
        Ok(true) => {
            if node.store.signing() == Signing::Unconfirmed {
                node.store.set_signing(Signing::Confirmed);
            }
            return true;
        }
        Ok(false) => {}
        // Unreadable is not unequal.
        Err(error) => {
            tracing::error!(%error, "own journal cannot be read");
            return false;
        }
    }
    let head = OwnHead { member, shown, size: node.store.checkpoint().checkpoint().size };
    if node.store.set_signing(Signing::Stopped(head.clone())) {
        tracing::error!(peer = %member.short(), "{head}: nothing new is signed");
        let record =
            OwnHeadShown { member: member.to_bytes(), note: note.clone(), size: head.size, at: node.now() };
        let _ = node.store.commit(Batch::of(record)).await;
    }
    false
}

/// Valid under any node key that we ever had: an older copy may not know the newest.
fn own_head(node: &Node, note: &Bytes) -> Option<Checkpoint> {
    let own = node.store.checkpoint();
    let view = node.store.view();
    let delegated = view.members.get(&node.me).map(|m| m.identity.keys(Role::Node, (EPOCH, u64::MAX)));
    let mut keys: Vec<VerifyingKey> =
        delegated.iter().flatten().filter_map(|k| VerifyingKey::from_bytes(&k.0).ok()).collect();
    keys.push(node.key.verifying_key());
    let signed = SignedCheckpoint::open(note, &own.checkpoint().origin, &keys).ok()?;
    Some(signed.checkpoint().clone())
}
