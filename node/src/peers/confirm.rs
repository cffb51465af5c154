//! Before the first new signature after a start: does any member hold a head of ours that we do not?
//!
//! Every member is asked, not only the first that answers: the one that answers first may have seen less.
//! An island alone with its node is not held up for longer than half a minute.

use std::{sync::Arc, time::Duration};

use talanoa_client::session::Session;
use talanoa_proto::id::MemberId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    node::Node,
    peers::{self, hello},
    store::signing::Signing,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Members asked at once.
const ASKED_AT_ONCE: usize = 8;

/// Before anybody can ask this node to sign. Alone, or without a charter, there is nobody to wait for.
pub fn hold(node: &Node) {
    if !node.store.view().peers.is_empty() {
        node.store.set_signing(Signing::Waiting);
    }
}

/// Sets what may be signed from now on; returns when that is settled.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    if node.store.signing() != Signing::Waiting {
        return;
    }
    let members: Vec<MemberId> = node.store.view().peers.keys().copied().collect();
    let confirmed = tokio::select! {
        () = stop.cancelled() => return,
        confirmed = ask_all(&node, members) => confirmed,
    };
    if confirmed {
        tracing::info!("own journal confirmed by a member");
        node.store.set_signing(Signing::Confirmed);
    } else {
        // Where nobody was ever given anything, nobody can be expected to hold one.
        if node.store.view().consent.grants().next().is_some() {
            tracing::warn!("no member that answered holds a head of our journal: signing unconfirmed");
        }
        node.store.set_signing(Signing::Unconfirmed);
    }
}

/// A Hello to every member, for those who would not find us any more.
pub async fn call_all(node: &Arc<Node>) {
    let members: Vec<MemberId> = node.store.view().peers.keys().copied().collect();
    ask_all(node, members).await;
}

async fn ask_all(node: &Arc<Node>, members: Vec<MemberId>) -> bool {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let (mut waiting, mut asked, mut confirmed) = (members.into_iter(), JoinSet::new(), false);
    loop {
        while asked.len() < ASKED_AT_ONCE
            && let Some(member) = waiting.next()
        {
            asked.spawn(ask(Arc::clone(node), member));
        }
        match tokio::time::timeout_at(deadline, asked.join_next()).await {
            Ok(Some(answer)) => confirmed |= answer.unwrap_or(false),
            Ok(None) | Err(_) => return confirmed,
        }
    }
}

/// Whether that member holds a head that our journal contains. One that holds more stops the signing.
async fn ask(node: Arc<Node>, member: MemberId) -> bool {
    let Some(target) = peers::target_of(&node, member) else { return false };
    let Ok(mut session) = Session::dial(&target.address, &node.key, &target.keys).await else { return false };
    match session.hello(hello::request(&node, Some(member))).await {
        Ok(answer) => hello::judge_own(&node, member, &answer.your_checkpoint).await,
        Err(_) => false,
    }
}
