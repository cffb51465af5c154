//! Following other nodes: one task per followed member, started and stopped as the ledger says.
//!
//! The exchange itself is the client library's corridor; here is what a node adds: a ledger for a
//! memory, a shelf for files, and `Hello` in both directions.

pub mod confirm;
pub mod deliver;
pub mod hello;
pub mod keeper;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use talanoa_client::{
    PeerError,
    follow::{Target, Watcher, follow_forever},
    keeper::Wanted,
};
use talanoa_proto::{
    charter::PURPOSE_DEFAULT,
    grant::Action,
    id::MemberId,
    wire::{Cursor, HelloResponse},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    node::Node,
    store::{Batch, records::OriginHeard, state::Follow},
};
use keeper::NodeKeeper;

/// How often it is written down that a publisher was heard.
const HEARD_SECONDS: u64 = 3600;

/// What a follower task was started with; when it changes the task is started anew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    follow: Follow,
    address: String,
}

/// Keeps one follower per followed member until `stop`.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    tokio::spawn(confirm::run(Arc::clone(&node), stop.clone()));
    let mut running: BTreeMap<MemberId, (Plan, CancellationToken, JoinHandle<()>)> = BTreeMap::new();
    let mut changed = node.store.watch();
    loop {
        let plans = plans(&node);
        running.retain(|member, (plan, token, _)| {
            let keep = plans.get(member) == Some(plan);
            if !keep {
                token.cancel();
            }
            keep
        });
        for (member, plan) in plans {
            running.entry(member).or_insert_with(|| {
                let token = stop.child_token();
                let task = tokio::spawn(follow_one(Arc::clone(&node), member, plan.clone(), token.clone()));
                (plan, token, task)
            });
        }
        tokio::select! {
            () = stop.cancelled() => break,
            outcome = changed.changed() => if outcome.is_err() { break },
        }
    }
    for (_, (_, token, task)) in running {
        token.cancel();
        let _ = task.await;
    }
}

fn plans(node: &Node) -> BTreeMap<MemberId, Plan> {
    let view = node.store.view();
    let plan = |(member, peer): (&MemberId, &crate::store::state::Peer)| {
        let follow = peer.follow.clone()?;
        let dialled = follow.via.unwrap_or(*member);
        Some((*member, Plan { follow, address: view.address_of(&dialled).unwrap_or_default() }))
    };
    view.peers.iter().filter_map(plan).collect()
}

async fn follow_one(node: Arc<Node>, member: MemberId, plan: Plan, stop: CancellationToken) {
    let keeper = Arc::new(NodeKeeper::new(Arc::clone(&node)));
    let dialled = plan.follow.via.unwrap_or(member);
    let watcher = LinkWatcher { node: Arc::clone(&node), member, dialled };
    let target = || Some((target(&node, member, &plan)?, hello::request(&node, Some(dialled))));
    let failed = |error: &PeerError| {
        let code = node.store.view().code_of(&member).map(ToString::to_string).unwrap_or_default();
        let text = error.to_string();
        node.link(member, |link| {
            // Once per cause: an island that is offline for a week must not fill its own log.
            if link.last_error.as_deref() != Some(&text) {
                tracing::warn!(peer = %code, error = %text, "following");
            }
            link.connected = false;
            link.caught_up = false;
            link.last_error = Some(text);
        });
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = follow_forever(target, &node.key, keeper, &watcher, failed) => {}
    }
    node.link(member, |link| link.connected = false);
}

/// The member itself, whoever carries its releases to us.
pub fn target_of(node: &Node, member: MemberId) -> Option<Target> {
    let plan = {
        let view = node.store.view();
        let follow = view.peers.get(&member)?.follow.clone().unwrap_or_default();
        Plan { follow: Follow { via: None, ..follow }, address: view.address_of(&member)? }
    };
    target(node, member, &plan)
}

/// Where its releases come from, and who that is.
pub fn source_of(node: &Node, member: MemberId) -> Option<(Target, MemberId)> {
    let (plan, dialled) = {
        let view = node.store.view();
        let follow = view.peers.get(&member)?.follow.clone().unwrap_or_default();
        let dialled = follow.via.unwrap_or(member);
        (Plan { follow, address: view.address_of(&dialled)? }, dialled)
    };
    Some((target(node, member, &plan)?, dialled))
}

fn target(node: &Node, member: MemberId, plan: &Plan) -> Option<Target> {
    let dialled = plan.follow.via.unwrap_or(member);
    let keys = node.store.view().members.get(&dialled)?.identity.node_keys_at(node.now());
    Some(Target {
        member,
        carried: plan.follow.via.is_some(),
        address: plan.address.clone(),
        keys,
        datasets: plan.follow.datasets.clone(),
        purpose: PURPOSE_DEFAULT.to_owned(),
        zstd: node.settings.compress,
        offers_only: plan.follow.offers_only,
    })
}

/// Shows people how a link is doing, and learns what the peer knows of others.
struct LinkWatcher {
    node: Arc<Node>,
    /// Whose journal it is, and who is at the other end of the line.
    member: MemberId,
    dialled: MemberId,
}

/// A publisher that lets us carry was heard itself: on record, so that a restart does not forget. As often
/// as is needed to stay well within the bound, while the line is up.
pub async fn heard(node: &Node, member: MemberId) {
    let now = node.now();
    let due = {
        let view = node.store.view();
        view.peers.get(&member).is_some_and(|peer| {
            let carries = peer.trusted.consent().live_grants(node.me, now);
            let mut carries = carries.filter(|(_, g)| g.actions.contains(&Action::Relay));
            carries.next().is_some() && now >= peer.heard_at + HEARD_SECONDS
        })
    };
    if due {
        let _ = node.store.commit(Batch::of(OriginHeard { member: member.to_bytes(), at: now })).await;
    }
}

/// Every publisher whose line is up and that is followed without a relay.
pub async fn heard_all(node: &Node) {
    let connected: Vec<MemberId> = {
        let links = node.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        links.iter().filter(|(_, l)| l.connected).map(|(m, _)| *m).collect()
    };
    for member in connected {
        let via = node.store.view().peers.get(&member).and_then(|p| p.follow.clone()).and_then(|f| f.via);
        if via.is_none() {
            heard(node, member).await;
        }
    }
}

impl LinkWatcher {
    fn note(&self, change: impl FnOnce(&mut crate::node::Link)) {
        let now = self.node.now();
        self.node.link(self.member, |link| {
            link.last_contact = Some(now);
            change(link);
        });
    }
}

impl Watcher for LinkWatcher {
    fn connected(&self, hello: &HelloResponse) {
        self.note(|link| {
            link.connected = true;
            link.last_error = None;
        });
        let (node, hello, member) = (Arc::clone(&self.node), hello.clone(), self.dialled);
        tokio::spawn(async move {
            hello::judge_own(&node, member, &hello.your_checkpoint).await;
            hello::learn(&node, member, &hello.newer, &hello.endpoint).await;
            hello::compare_clocks(&node, hello.now).await;
            heard(&node, member).await;
        });
    }

    fn stepped(&self, _: &Cursor) {
        self.note(|_| {});
        let (node, member) = (Arc::clone(&self.node), self.member);
        if self.dialled == member {
            tokio::spawn(async move { heard(&node, member).await });
        }
    }

    fn kept(&self, _: &Wanted, received_bytes: u64) {
        self.node.metrics.received_bytes.fetch_add(received_bytes, Ordering::Relaxed);
    }

    fn caught_up(&self) {
        self.note(|link| link.caught_up = true);
    }
}
