//! What two nodes tell each other first: heads of journals and of identity chains.
//!
//! A handshake never teaches keys; a chain that a member passes on is taken only where it continues,
//! signature by signature, the one held here.

use bytes::Bytes;
use talanoa_proto::{
    charter::verify_endpoint,
    envelope::Envelope,
    id::MemberId,
    wire::{HelloRequest, HelloResponse, IdentityChain, IdentityHead},
};

use crate::{
    node::Node,
    store::{
        Batch,
        records::{EndpointLearnt, Evidence, IdentityLearnt, Record},
    },
};

pub const PROTOCOL: u32 = 1;
const SOFTWARE: &str = concat!("talanoa/", env!("CARGO_PKG_VERSION"));

/// `to`: whose newest checkpoint we show back to them.
pub fn request(node: &Node, to: Option<MemberId>) -> HelloRequest {
    let view = node.store.view();
    HelloRequest {
        protocol: PROTOCOL,
        federation_id: view.federation().map(|f| f.to_bytes()).unwrap_or_default(),
        checkpoint: Bytes::copy_from_slice(node.store.checkpoint().note_bytes()),
        your_checkpoint: held_checkpoint(node, to),
        identities: heads(node),
        endpoint: own_endpoint(node),
        software: SOFTWARE.to_owned(),
    }
}

/// Answers a caller that is a member, and takes what it knows better.
pub async fn answer(node: &Node, caller: MemberId, hello: HelloRequest) -> HelloResponse {
    judge_own(node, caller, &hello.your_checkpoint).await;
    learn(node, caller, &[], &hello.endpoint).await;
    let request = request(node, Some(caller));
    HelloResponse {
        protocol: PROTOCOL,
        federation_id: request.federation_id,
        checkpoint: request.checkpoint,
        your_checkpoint: request.your_checkpoint,
        identities: request.identities,
        endpoint: request.endpoint,
        software: request.software,
        newer: newer(node, &hello.identities),
    }
}

fn held_checkpoint(node: &Node, of: Option<MemberId>) -> Bytes {
    let view = node.store.view();
    let head = of.and_then(|m| view.peers.get(&m)).and_then(|p| p.trusted.head());
    head.map(|h| Bytes::copy_from_slice(h.note_bytes())).unwrap_or_default()
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

/// A peer that holds a valid head of ours, beyond our own or another of the same size, knows a journal
/// that we signed and no longer have: our directory was restored from an older copy.
async fn judge_own(node: &Node, caller: MemberId, note: &Bytes) {
    if note.is_empty() {
        return;
    }
    let own = node.store.checkpoint();
    let (ours, key) = (own.checkpoint().clone(), node.key.verifying_key());
    let Ok(theirs) = talanoa_proto::checkpoint::SignedCheckpoint::open(note, &ours.origin, &[key]) else {
        return;
    };
    let shown = theirs.checkpoint();
    let forked = shown.size > ours.size || shown.size == ours.size && shown.root != ours.root;
    if forked {
        let what = format!(
            "journal.fork: {caller} holds our head of {} entries, we have {}: this directory is an older copy",
            shown.size, ours.size
        );
        tracing::error!(%what, "own journal was rolled back");
        let evidence = Evidence { member: caller.to_bytes(), what, at: node.now() };
        let _ = node.store.commit(Batch::of(evidence)).await;
    }
}
