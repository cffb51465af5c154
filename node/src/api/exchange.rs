//! Node to node. Order of every call: membership, then shape, then consent.

use std::{pin::Pin, sync::Arc, time::Duration};

use talanoa_proto::{
    Code,
    entry::Declared,
    id::{DatasetId, MemberId},
    limits,
    wire::{
        CatalogueRequest, Cursor, DeliverRequest, DeliverResponse, Entry, FeedItem, FetchRequest,
        FollowRequest, HelloRequest, HelloResponse, RecoverRequest, exchange_server::Exchange,
        feed_item::Item,
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    api::{accept::PeerInfo, places::Places},
    carriage,
    clock::Trust,
    feed::{self, Reader},
    node::Node,
    peers::{self, hello},
    problem::Problem,
    publish, purge,
    relay::{self, Carried},
    repair,
    serve::{self, FetchStream},
    statements,
    store::state::{Caller, EPOCH},
};

pub struct ExchangeService {
    node: Arc<Node>,
    stop: CancellationToken,
    feeds: Arc<Places>,
    fetches: Arc<Places>,
}

/// How often what is carried is looked at when nothing was written.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

type Feed = Pin<Box<dyn Stream<Item = Result<FeedItem, Status>> + Send>>;

impl ExchangeService {
    pub fn new(node: Arc<Node>, stop: CancellationToken) -> Self {
        let feeds = Places::new("feeds", limits::FEEDS_PER_MEMBER_MAX);
        let fetches = Places::new("transfers", limits::FETCHES_PER_MEMBER_MAX);
        Self { node, stop, feeds, fetches }
    }

    /// Whose key the handshake proved, asked again at every call.
    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let key = request.extensions().get::<PeerInfo>().map(|p| p.key).ok_or_else(Problem::not_found)?;
        let admitted = self.node.store.view().admits(&key, self.node.now());
        admitted.ok_or_else(Problem::not_found)
    }

    /// What only a member's node may call: an application gets the same no as a stranger.
    fn member<T>(&self, request: &Request<T>) -> Result<MemberId, Status> {
        let caller = self.caller(request)?;
        if caller.application.is_some() { Err(Problem::not_found()) } else { Ok(caller.member) }
    }

    fn reader(&self, caller: Caller, datasets: &[String], purpose: String) -> Result<Reader, Status> {
        let bad = |what: &str| Status::from(Problem::bad_request(what));
        if datasets.len() > limits::DATASETS_PER_SCOPE_MAX || purpose.len() > limits::NAME_BYTES_MAX {
            return Err(bad("too many datasets, or a purpose that is too long"));
        }
        let parsed: Result<Vec<DatasetId>, _> = datasets.iter().map(|d| d.parse()).collect();
        let datasets = parsed.map_err(|_| bad("a dataset id is malformed"))?;
        let view = self.node.store.view();
        let application = caller.application.and_then(|id| view.applications.get(&id).cloned());
        Ok(Reader { member: caller.member, datasets, purpose, application })
    }

    fn feed(&self, source: Source, known_size: u64, live: bool) -> Result<Feed, Status> {
        let member = source.reader();
        let place = self.feeds.take(member)?;
        let (sender, receiver) = mpsc::channel(16);
        let (node, stop) = (Arc::clone(&self.node), self.stop.clone());
        tokio::spawn(async move {
            let _place = place;
            let pumped = async {
                match source {
                    Source::Own(reader, cursor) => {
                        pump(&node, *reader, cursor, known_size, live, &sender).await
                    }
                    Source::Carried(carried) => pump_carried(&node, &carried, live, &sender).await,
                }
            };
            let outcome = tokio::select! {
                () = stop.cancelled() => Err(Problem::new(Code::Stopping, "the node is stopping").into()),
                outcome = pumped => outcome,
            };
            node.metrics.follower_gone(&member);
            if let Err(status) = outcome {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }
}

/// For the test that shows that its comparison can fail.
fn unguarded() -> bool {
    cfg!(feature = "fault") && std::env::var_os("TALANOA_UNGUARDED").is_some()
}

/// Whose journal a reader asks for.
enum Source {
    Own(Box<Reader>, Cursor),
    /// Another member's, of which we hold what it let us carry.
    Carried(Carried),
}

impl Source {
    fn reader(&self) -> MemberId {
        match self {
            Self::Own(reader, _) => reader.member,
            Self::Carried(carried) => carried.reader,
        }
    }
}

/// `None`: our own journal. An application asks publishers: for it there is nothing that we carry.
fn carried(node: &Node, reader: &Reader, origin: &[u8]) -> Result<Option<Carried>, Status> {
    if origin.is_empty() || origin == node.me.0 {
        return Ok(None);
    }
    let bad = |_| Status::from(Problem::bad_request("origin is not 32 bytes"));
    let origin = MemberId::from_slice(origin).map_err(bad)?;
    if reader.application.is_some() {
        return Err(Problem::not_found());
    }
    let Reader { member, datasets, purpose, .. } = reader.clone();
    Ok(Some(Carried { origin, reader: member, datasets, purpose }))
}

/// The same as [`pump`] for what is carried: each connection is told everything once.
async fn pump_carried(
    node: &Node,
    carried: &Carried,
    live: bool,
    sender: &mpsc::Sender<Result<FeedItem, Status>>,
) -> Result<(), Status> {
    // Until members have said what they hold of our journal, this directory may be an older copy.
    let _ = node.store.may_sign().await;
    let mut changed = node.store.watch();
    let mut sent = std::collections::BTreeSet::new();
    loop {
        changed.mark_unchanged();
        let items = tokio::task::block_in_place(|| relay::next_items(node, carried, &mut sent));
        for item in items {
            if sender.send(Ok(item)).await.is_err() {
                return Ok(());
            }
        }
        if !live {
            return Ok(());
        }
        tokio::select! {
            () = sender.closed() => return Ok(()),
            // Grants of the origin also begin by time, of which this ledger says nothing.
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            outcome = changed.changed() => if outcome.is_err() { return Ok(()) },
        }
    }
}

/// Sends what is there, then what comes, until the reader goes.
async fn pump(
    node: &Node,
    reader: Reader,
    mut cursor: Cursor,
    mut known_size: u64,
    live: bool,
    sender: &mpsc::Sender<Result<FeedItem, Status>>,
) -> Result<(), Status> {
    let mut changed = node.store.watch();
    loop {
        changed.mark_unchanged();
        // While time is not known nothing is given, and nothing may be passed over either.
        while node.clock.trust() == Trust::Accepted {
            let run = tokio::task::block_in_place(|| feed::next_run(node, &reader, cursor, &mut known_size));
            let run = run.map_err(|e| Status::from(Problem::internal(e)))?;
            let moved = run.cursor != cursor;
            for item in run.items {
                if sender.send(Ok(item)).await.is_err() {
                    return Ok(());
                }
            }
            // A reader is not woken for steps that show it nothing; its cursor moves with the next that does.
            let tell = moved && (!run.complete || live || cursor.step == 0);
            cursor = run.cursor;
            if live {
                node.metrics.follower_at(reader.member, cursor.step);
            }
            if tell || (run.complete && !live) {
                let done = FeedItem { item: Some(Item::StepDone(cursor)) };
                if sender.send(Ok(done)).await.is_err() {
                    return Ok(());
                }
            }
            if run.complete {
                break;
            }
        }
        if !live && node.clock.trust() == Trust::Accepted {
            return Ok(());
        }
        tokio::select! {
            () = sender.closed() => return Ok(()),
            outcome = changed.changed() => if outcome.is_err() { return Ok(()) },
        }
    }
}

/// A size that the reader cannot hold of us would make its proof start from nowhere.
fn check_size(node: &Node, known_size: u64) -> Result<(), Status> {
    let own = node.store.checkpoint().checkpoint().size;
    if known_size <= own {
        return Ok(());
    }
    Err(Problem::new(
        Code::JournalFork,
        format!("you hold a head of {known_size} entries, this journal has {own}"),
    )
    .into())
}

#[tonic::async_trait]
impl Exchange for ExchangeService {
    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloResponse>, Status> {
        let caller = self.caller(&request)?;
        let hello = request.into_inner();
        let federation = self.node.store.view().federation().map(|f| f.to_bytes());
        if federation != Some(hello.federation_id.clone()) {
            return Err(Problem::new(Code::CharterInvalid, "another federation").into());
        }
        if hello.protocol != hello::PROTOCOL {
            let message = format!("protocol {} is not spoken here, {} is", hello.protocol, hello::PROTOCOL);
            return Err(Problem::new(Code::ObjectUnsupported, message).into());
        }
        Ok(Response::new(hello::answer(&self.node, caller, hello).await))
    }

    type CatalogueStream = Feed;

    async fn catalogue(&self, request: Request<CatalogueRequest>) -> Result<Response<Feed>, Status> {
        let caller = self.caller(&request)?;
        let request = request.into_inner();
        let reader = self.reader(caller, &request.datasets, request.purpose)?;
        if let Some(carried) = carried(&self.node, &reader, &request.origin)? {
            return Ok(Response::new(self.feed(Source::Carried(carried), 0, false)?));
        }
        check_size(&self.node, request.known_size)?;
        let start = Cursor { epoch: EPOCH, step: 0, after: 0 };
        Ok(Response::new(self.feed(Source::Own(Box::new(reader), start), request.known_size, false)?))
    }

    type FollowStream = Feed;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Feed>, Status> {
        let caller = self.caller(&request)?;
        let request = request.into_inner();
        let reader = self.reader(caller, &request.datasets, request.purpose)?;
        let cursor = request.cursor.ok_or_else(|| Status::from(Problem::bad_request("no cursor")))?;
        if let Some(carried) = carried(&self.node, &reader, &request.origin)? {
            return Ok(Response::new(self.feed(Source::Carried(carried), 0, true)?));
        }
        check_size(&self.node, request.known_size)?;
        let step = self.node.store.view().step;
        if cursor.epoch != EPOCH || cursor.step > step {
            let message = format!(
                "the feed is in epoch {EPOCH} at step {step}: take the Catalogue, then follow from its cursor"
            );
            return Err(Problem::new(Code::CursorOutOfRange, message).into());
        }
        Ok(Response::new(self.feed(Source::Own(Box::new(reader), cursor), request.known_size, true)?))
    }

    type FetchStream = FetchStream;

    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<FetchStream>, Status> {
        let asked = Instant::now();
        let caller = self.caller(&request)?;
        let place = self.fetches.take(caller.member)?;
        let outcome = serve::fetch(Arc::clone(&self.node), caller, place, request.into_inner()).await;
        if outcome.is_err() && !unguarded() {
            // What is hidden is looked up, read and judged; what never existed is not. Both say so equally late.
            sleep_until(asked + Duration::from_millis(limits::REFUSAL_MILLISECONDS_MIN)).await;
        }
        Ok(Response::new(outcome?))
    }

    type RecoverStream = Pin<Box<dyn Stream<Item = Result<Entry, Status>> + Send>>;

    async fn recover(
        &self,
        request: Request<RecoverRequest>,
    ) -> Result<Response<Self::RecoverStream>, Status> {
        let caller = self.member(&request)?;
        let indexes = request.into_inner().indexes;
        if indexes.len() > limits::INDEXES_PER_RECOVER_MAX || !indexes.is_sorted() {
            return Err(Problem::bad_request("too many indexes, or not ascending").into());
        }
        let node = Arc::clone(&self.node);
        let entries = publish::blocking(move || Ok(repair::give_back(&node, caller, &indexes))).await?;
        if !entries.is_empty() {
            tracing::info!(peer = %caller.short(), entries = entries.len(), "given back to their publisher");
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(entries.into_iter().map(Ok)))))
    }

    async fn deliver(&self, request: Request<DeliverRequest>) -> Result<Response<DeliverResponse>, Status> {
        let caller = self.member(&request)?;
        let request = request.into_inner();
        let entry = peers::deliver::verify(&self.node, caller, &request)?;
        peers::deliver::compare(&self.node, caller, &entry).await?;
        match entry.declared() {
            Declared::PurgeReceipt(_, receipt) => {
                purge::receipts::take(&self.node, caller, receipt, request).await?;
            }
            Declared::Carriage(_) => carriage::take(&self.node, caller, &entry, request).await?,
            _ => statements::take(&self.node, caller, &entry, request).await?,
        }
        Ok(Response::new(DeliverResponse {}))
    }
}
