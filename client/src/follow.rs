//! CORRIDOR: how a release crosses a border, seen from the reader.
//!
//! ```text
//!   dial ─▶ hello ─▶ ┬ listen:  feed ─▶ verify ─▶ remember (durable) ─▶ next step
//!                    └ collect: wanted ─▶ transfer ─▶ shelf
//! ```
//!
//! The two run side by side, so that a revocation is heard while a large file is under way. A crash at
//! any point loses nothing: the step is received again from the cursor, the file is resumed by chunk.

use std::{sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use talanoa_proto::{
    Code,
    charter::PURPOSE_DEFAULT,
    envelope::Envelope,
    id::{DatasetId, MemberId, PublicKey},
    trusted::TrustedPeer,
    wire::{
        CatalogueRequest, Cursor, FeedItem, FollowRequest, HelloRequest, HelloResponse, IdentityChain,
        feed_item::Item,
    },
};
use tokio::sync::Notify;
use tonic::Streaming;
use tracing::{info, warn};

use crate::{
    error::PeerError,
    keeper::{Keeper, Step, Wanted},
    session::Session,
    transfer::{Order, transfer},
};

/// Whom to follow, and how.
#[derive(Clone, Debug)]
pub struct Target {
    pub member: MemberId,
    /// Another member carries it to us: address and keys are that one's.
    pub carried: bool,
    pub address: String,
    /// Node keys that the identity of whoever is dialled delegates now.
    pub keys: Vec<PublicKey>,
    /// Empty: everything that is granted.
    pub datasets: Vec<DatasetId>,
    pub purpose: String,
    pub zstd: bool,
    /// Learn what is offered, fetch nothing until asked.
    pub offers_only: bool,
}

impl Target {
    pub fn new(member: MemberId, address: impl Into<String>, keys: Vec<PublicKey>) -> Self {
        let (datasets, purpose) = (Vec::new(), PURPOSE_DEFAULT.to_owned());
        let (carried, zstd, offers_only) = (false, true, false);
        Self { member, carried, address: address.into(), keys, datasets, purpose, zstd, offers_only }
    }
}

/// Told of what happens, for people to see. Nothing depends on it.
pub trait Watcher: Send + Sync {
    fn connected(&self, _hello: &HelloResponse) {}
    fn stepped(&self, _cursor: &Cursor) {}
    fn kept(&self, _release: &Wanted, _received_bytes: u64) {}
    /// After this moment the reader holds everything that was offered so far.
    fn caught_up(&self) {}
}

impl Watcher for () {}

/// Follows one peer over one connection until it ends; the caller decides when to dial again.
pub async fn follow<K: Keeper>(
    target: &Target,
    key: &SigningKey,
    hello: HelloRequest,
    keeper: Arc<K>,
    watcher: &dyn Watcher,
) -> Result<(), PeerError> {
    let mut session = Session::dial(&target.address, key, &target.keys).await?;
    let response = session.hello(hello).await?;
    watcher.connected(&response);

    let (mut trusted, cursor) = keeper.recall(target.member).await?;
    for chain in response.newer.iter().filter(|c| c.member_id == target.member.to_bytes()) {
        learn_identity(&mut trusted, chain);
    }
    let news = Notify::new();
    news.notify_one(); // what an earlier connection left is wanted still

    let feed = open_feed(&mut session, target, cursor, trusted.known_size()).await?;
    tokio::select! {
        outcome = listen(target, feed, trusted, &*keeper, &news, watcher) => outcome,
        outcome = collect(target, session.clone(), &*keeper, &news, watcher) => outcome,
    }
}

/// A cursor that the peer no longer knows (it was restored, or began a new epoch) is answered by its
/// catalogue: a snapshot that ends with a cursor from which to follow on the next connection.
async fn open_feed(
    session: &mut Session,
    target: &Target,
    cursor: Cursor,
    known_size: u64,
) -> Result<Streaming<FeedItem>, PeerError> {
    let datasets: Vec<String> = target.datasets.iter().map(ToString::to_string).collect();
    let purpose = target.purpose.clone();
    let origin = if target.carried { target.member.to_bytes() } else { bytes::Bytes::new() };
    let follow = FollowRequest {
        cursor: Some(cursor),
        datasets: datasets.clone(),
        purpose: purpose.clone(),
        known_size,
        origin,
    };
    match session.follow(follow).await {
        Err(PeerError::Refused { code: Code::CursorOutOfRange, message }) => {
            info!(%message, "taking the catalogue");
            let request = CatalogueRequest { datasets, purpose, known_size, ..CatalogueRequest::default() };
            session.catalogue(request).await
        }
        outcome => outcome,
    }
}

/// The feed: each step is verified as a whole, made durable, and only then believed.
///
/// What is carried comes entry by entry, each under a head of its publisher's: it is proven by itself, and moves
/// neither our head of that journal nor our cursor in it.
async fn listen<K: Keeper>(
    target: &Target,
    mut feed: Streaming<FeedItem>,
    mut trusted: TrustedPeer,
    keeper: &K,
    news: &Notify,
    watcher: &dyn Watcher,
) -> Result<(), PeerError> {
    let (peer, mut step, mut carried) = (target.member, Step::default(), None);
    while let Some(item) = feed.message().await? {
        match item.item.ok_or(PeerError::Protocol("an empty feed item"))? {
            Item::Head(head) if target.carried => {
                if !step.entries.is_empty() {
                    keeper.commit(peer, std::mem::take(&mut step)).await?; // one head a step
                }
                step.head = head.checkpoint.to_vec();
                let opened = trusted.carried_head(&head.checkpoint).map_err(PeerError::from);
                carried = Some(opened.or_else_evidence(keeper, peer).await?);
            }
            Item::Head(head) => {
                trusted.advance(&head).map_err(PeerError::from).or_else_evidence(keeper, peer).await?;
                step.head = head.checkpoint.to_vec();
            }
            Item::Entry(entry) => {
                let verified = match &carried {
                    Some(head) => trusted.verify_under(head, &entry),
                    None => trusted.verify(&entry),
                };
                let verified = verified.map_err(PeerError::from).or_else_evidence(keeper, peer).await?;
                let finding =
                    trusted.accept(&verified).map_err(PeerError::from).or_else_evidence(keeper, peer).await?;
                step.entries.push((verified, finding));
            }
            // A carried step is done when the next begins, or here; it has no cursor.
            Item::StepDone(cursor) => {
                step.cursor = Some(cursor).filter(|_| !target.carried);
                // Crash before this line: the step comes again. After it: it is remembered for good.
                keeper.commit(peer, std::mem::take(&mut step)).await?;
                watcher.stepped(&cursor);
                news.notify_one();
            }
        }
    }
    Err(PeerError::Truncated)
}

/// The files: one after the other, each resumed where an earlier transfer ended.
async fn collect<K: Keeper>(
    target: &Target,
    mut session: Session,
    keeper: &K,
    news: &Notify,
    watcher: &dyn Watcher,
) -> Result<(), PeerError> {
    loop {
        news.notified().await;
        if target.offers_only {
            continue;
        }
        for wanted in keeper.wanted(target.member).await? {
            match fetch_release(&mut session, target, keeper, &wanted).await {
                Ok(received_bytes) => watcher.kept(&wanted, received_bytes),
                // The grant ended while we were asking: the feed says so, or has said so already.
                Err(PeerError::Refused { code, .. }) => {
                    info!(release = %wanted.commitment.short(), %code, "not given")
                }
                // A peer whose file is damaged still serves the others.
                Err(error @ PeerError::Corrupt(_)) => {
                    warn!(release = %wanted.commitment.short(), %error, "refused")
                }
                Err(error) => return Err(error),
            }
        }
        if keeper.wanted(target.member).await?.is_empty() {
            watcher.caught_up();
        }
    }
}

/// Every file of one release, then the release as a whole onto the shelf. Returns the bytes received.
pub async fn fetch_release<K: Keeper>(
    session: &mut Session,
    target: &Target,
    keeper: &K,
    wanted: &Wanted,
) -> Result<u64, PeerError> {
    let mut received = 0;
    for (n, file) in wanted.release.distributions.iter().enumerate() {
        let distribution = n as u32;
        if keeper.holds(&wanted.commitment, distribution) {
            continue;
        }
        let partial = keeper.partial(&wanted.commitment, distribution, file.bytes)?;
        let order = Order {
            release: wanted.commitment,
            distribution,
            purpose: target.purpose.clone(),
            zstd: target.zstd,
        };
        received += transfer(session, &order, file, partial).await?;
    }
    keeper.keep(&wanted.commitment, wanted.release.distributions.len() as u32)?;
    Ok(received)
}

/// Calls `follow` again and again, with growing pauses, until `stop` says so. A peer that misbehaved is
/// given longer than one that was not reached.
pub async fn follow_forever<K: Keeper>(
    mut target: impl FnMut() -> Option<(Target, HelloRequest)>,
    key: &SigningKey,
    keeper: Arc<K>,
    watcher: &dyn Watcher,
    mut failed: impl FnMut(&PeerError),
) {
    let mut pause = Pause::default();
    while let Some((target, hello)) = target() {
        let outcome = follow(&target, key, hello, Arc::clone(&keeper), watcher).await;
        if let Err(error) = outcome {
            failed(&error);
            tokio::time::sleep(pause.after(&error)).await;
        }
    }
}

#[derive(Default)]
struct Pause {
    failures: u32,
}

impl Pause {
    fn after(&mut self, error: &PeerError) -> Duration {
        self.failures = if matches!(error, PeerError::Truncated) { 1 } else { self.failures + 1 };
        let exponent = self.failures.min(if error.is_misbehaviour() { 10 } else { 7 });
        Duration::from_millis(250) * 2u32.pow(exponent - 1)
    }
}

/// A chain that does not continue ours is ignored here; the feed's own check refuses what it signed.
fn learn_identity(trusted: &mut TrustedPeer, chain: &IdentityChain) {
    for event in &chain.events {
        let extended = Envelope::parse(event).is_ok_and(|event| trusted.extend_identity(&event).is_ok());
        if !extended {
            return;
        }
    }
}

/// Whoever misbehaves leaves evidence before the connection is dropped.
trait OrEvidence<T> {
    async fn or_else_evidence<K: Keeper>(self, keeper: &K, peer: MemberId) -> Result<T, PeerError>;
}

impl<T> OrEvidence<T> for Result<T, PeerError> {
    async fn or_else_evidence<K: Keeper>(self, keeper: &K, peer: MemberId) -> Result<T, PeerError> {
        if let Err(error) = &self {
            keeper.evidence(peer, format!("{}: {error}", error.code())).await;
        }
        self
    }
}
