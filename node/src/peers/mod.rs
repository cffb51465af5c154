//! Following other nodes: one task per line to a member, started and stopped as the ledger says.
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
    grant::Action,
    id::MemberId,
    wire::{Cursor, HelloResponse},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    node::{Link, Node},
    store::{Batch, records::OriginHeard, state::Follow},
};
use keeper::NodeKeeper;

/// How often it is written down that a publisher was heard.
const HEARD_SECONDS: u64 = 3600;

/// What a line to a member's journal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Road {
    /// As the operator asked: from the publisher, or through a relay.
    Asked,
    /// From the publisher, beside a relay or after `unfollow`, while something of it is here: what it takes back
    /// must be heard, whoever carried it and whether or not more is wanted.
    TakingBack,
}

/// What a follower task was started with; when it changes the task is started anew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    follow: Follow,
    address: String,
}

/// Keeps the lines that are wanted until `stop`.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    tokio::spawn(confirm::run(Arc::clone(&node), stop.clone()));
    let mut running: BTreeMap<(MemberId, Road), (Plan, CancellationToken, JoinHandle<()>)> = BTreeMap::new();
    let mut changed = node.store.watch();
    loop {
        let plans = plans(&node);
        running.retain(|line, (plan, token, _)| {
            let keep = plans.get(line) == Some(plan);
            if !keep {
                token.cancel();
            }
            keep
        });
        for (line, plan) in plans {
            running.entry(line).or_insert_with(|| {
                let token = stop.child_token();
                let task = tokio::spawn(follow_one(Arc::clone(&node), line, plan.clone(), token.clone()));
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

fn plans(node: &Node) -> BTreeMap<(MemberId, Road), Plan> {
    let view = node.store.view();
    let address = |member: &MemberId| view.address_of(member).unwrap_or_default();
    let mut plans = BTreeMap::new();
    for (member, peer) in &view.peers {
        if let Some(follow) = peer.follow.clone() {
            let address = address(&follow.via.unwrap_or(*member));
            plans.insert((*member, Road::Asked), Plan { follow, address });
        }
        let carried = peer.follow.as_ref().is_some_and(|f| f.via.is_some());
        if carried || peer.follow.is_none() && !peer.offered.is_empty() {
            let follow = Follow { offers_only: true, ..Follow::default() };
            plans.insert((*member, Road::TakingBack), Plan { follow, address: address(member) });
        }
    }
    plans
}

async fn follow_one(node: Arc<Node>, (member, road): (MemberId, Road), plan: Plan, stop: CancellationToken) {
    let keeper = Arc::new(NodeKeeper::new(Arc::clone(&node)));
    let dialled = plan.follow.via.unwrap_or(member);
    let watcher = LinkWatcher { node: Arc::clone(&node), member, dialled, road };
    let target = || Some((target(&node, member, &plan)?, hello::request(&node, Some(dialled))));
    let failed = |error: &PeerError| watcher.lost(Some(error));
    tokio::select! {
        () = stop.cancelled() => {}
        () = follow_forever(target, &node.key, keeper, &watcher, failed) => {}
    }
    watcher.lost(None);
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
        purpose: plan.follow.purpose().to_owned(),
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
    road: Road,
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

/// Every publisher whose own line is up.
pub async fn heard_all(node: &Node) {
    let connected: Vec<MemberId> = {
        let links = node.links.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        links.iter().filter(|(_, l)| l.origin_connected).map(|(m, _)| *m).collect()
    };
    for member in connected {
        heard(node, member).await;
    }
}

impl LinkWatcher {
    fn is_direct(&self) -> bool {
        self.dialled == self.member
    }

    fn note(&self, change: impl FnOnce(&mut Link)) {
        let now = self.node.now();
        self.node.link(self.member, |link| {
            if self.is_direct() {
                (link.origin_connected, link.origin_contact) = (true, Some(now));
            }
            if self.road == Road::Asked {
                (link.connected, link.last_contact) = (true, Some(now));
                change(link);
            }
        });
    }

    /// The line ended; `None`: because nobody wants it any more.
    fn lost(&self, error: Option<&PeerError>) {
        let code = self.node.store.view().code_of(&self.member).map(ToString::to_string).unwrap_or_default();
        self.node.link(self.member, |link| {
            if self.is_direct() {
                link.origin_connected = false;
            }
            if self.road == Road::TakingBack {
                return; // that the publisher is away is why somebody else carries
            }
            (link.connected, link.caught_up) = (false, false);
            let Some(text) = error.map(ToString::to_string) else { return };
            // Once per cause: an island that is offline for a week must not fill its own log.
            if link.last_error.as_deref() != Some(&text) {
                tracing::warn!(peer = %code, error = %text, "following");
            }
            link.last_error = Some(text);
        });
    }
}

impl Watcher for LinkWatcher {
    fn connected(&self, hello: &HelloResponse) {
        self.note(|link| link.last_error = None);
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
        if self.is_direct() {
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
