//! Composition: builds the rooms in the order of the data, binds, spawns, and drains with a promise.
//!
//! The promise of shutdown: everything that was acknowledged is on disk and under a signed head; streams
//! are ended, transfers are resumed by chunk. A second signal ends at once.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use talanoa_client::tls::{self, Admission, NodeKey};
use talanoa_proto::{
    limits,
    wire::{exchange_server::ExchangeServer, operator_server::OperatorServer},
};
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::{
    api::{accept, exchange::ExchangeService, operator::OperatorService},
    carriage,
    clock::{Clock, HighWater, Trust, rfc3339},
    consent, endpoint,
    home::Home,
    keyring, metrics,
    node::Node,
    peers, purge, statements,
    store::{
        Batch, Store,
        disk::Disk,
        records::{ClockMark, GrantEdge},
    },
};

/// Time is written down so often.
const MARK_SECONDS: u64 = 600;

/// A running node. Dropping it without [`App::stop`] leaves its tasks to the runtime's end.
pub struct App {
    pub node: Arc<Node>,
    pub listen: SocketAddr,
    stop: CancellationToken,
    tasks: tokio::task::JoinSet<Result<()>>,
    socket: PathBuf,
}

/// The live directory as the door's list: asked at every handshake.
#[derive(Debug)]
struct Directory(Store, Arc<HighWater>);

impl Admission for Directory {
    fn admits(&self, key: &NodeKey) -> bool {
        self.0.view().admits(key, self.1.now()).is_some()
    }
}

impl App {
    pub async fn start(home: &Home, clock: Arc<dyn Clock>) -> Result<Self> {
        let key = home.node_key()?;
        let layout = home.layout();
        let me = home.card.identity.id();
        let (disk, signer) = (Disk::from_env(), key.clone());
        let store = tokio::task::spawn_blocking(move || Store::open(&layout, disk, me, signer)).await??;
        let clock = Arc::new(HighWater::new(clock, store.view().time_mark));
        let card = home.card_in(&store);
        keyring::check_node_key(&card.identity, &key, clock.now())?;
        home.save_card(&card)?;

        let listen = home.settings.listen;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let listen = listener.local_addr()?;
        let metrics = match home.settings.metrics_listen {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.with_context(|| format!("cannot listen on {address} (metrics_listen)"))?)
            }
            None => None,
        };
        let socket = home.socket();
        let operator = bind_socket(&socket)?;

        if clock.trust() == Trust::Suspect {
            tracing::error!(
                machine = %rfc3339(clock.wall()),
                record = %rfc3339(clock.now()),
                "the machine's clock is not believed: nothing is given until a member's clock agrees with it, or: talanoa clock confirm"
            );
        }
        let admission = Arc::new(Directory(store.clone(), Arc::clone(&clock)));
        let config = tls::server_config(&key, admission)?;
        let code = home.card.identity.code().clone();
        let node = Arc::new(Node::new(store, home.settings.clone(), code, key, clock));
        peers::confirm::hold(&node);
        let stop = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();

        tasks.spawn(serve_exchange(Arc::clone(&node), listener, config, stop.clone()));
        tasks.spawn(serve_operator(Arc::clone(&node), operator, home.key_warning(), stop.clone()));
        if let Some(listener) = metrics {
            tasks.spawn(serve_metrics(Arc::clone(&node), listener, stop.clone()));
        }
        tasks.spawn(unit(peers::run(Arc::clone(&node), stop.clone())));
        tasks.spawn(unit(purge::run(Arc::clone(&node), stop.clone())));
        tasks.spawn(unit(statements::run(Arc::clone(&node), stop.clone())));
        tasks.spawn(unit(carriage::run(Arc::clone(&node), stop.clone())));
        tokio::spawn(endpoint::run(Arc::clone(&node), home.dir.clone(), stop.clone()));
        tasks.spawn(unit(keep_time(Arc::clone(&node), stop.clone())));
        Ok(Self { node, listen, stop, tasks, socket })
    }

    /// Until `signal`, or until a task or the ledger fails.
    pub async fn run(mut self, signal: impl Future<Output = ()>) -> Result<()> {
        let failed = self.node.store.failed().clone();
        let outcome = tokio::select! {
            () = signal => Ok(()),
            () = failed.cancelled() => Err(anyhow::anyhow!("the disk failed: start the node again, it reads its files anew")),
            ended = self.tasks.join_next() => match ended {
                Some(Ok(Err(error))) => Err(error),
                _ => Err(anyhow::anyhow!("a task ended unexpectedly")),
            },
        };
        self.stop().await;
        outcome
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        self.node.connections.close_unless(|_| false);
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(10), drained).await;
        self.node.store.close().await;
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn unit(task: impl Future<Output = ()>) -> Result<()> {
    task.await;
    Ok(())
}

/// The file's permissions are the authority. A socket without a listener is left over from a crash.
fn bind_socket(path: &PathBuf) -> Result<UnixListener> {
    if path.as_os_str().len() > 100 {
        bail!(
            "{} is too long for a Unix socket (about 100 characters): choose a shorter --dir",
            path.display()
        );
    }
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| path.display().to_string())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve_exchange(
    node: Arc<Node>,
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    stop: CancellationToken,
) -> Result<()> {
    // Says only that this port serves: who may ask has shown a key already.
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<ExchangeServer<ExchangeService>>().await;
    let incoming = accept::incoming(listener, config, Arc::clone(&node.connections), stop.clone());
    let service = ExchangeServer::new(ExchangeService::new(node, stop.clone()))
        .max_decoding_message_size(limits::REQUEST_BYTES_MAX + 64 * 1024)
        .max_encoding_message_size(limits::RESPONSE_BYTES_MAX + 64 * 1024);
    Server::builder()
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_frame_size(256 * 1024)
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .http2_keepalive_interval(Some(Duration::from_secs(limits::KEEPALIVE_INTERVAL_SECONDS)))
        .http2_keepalive_timeout(Some(Duration::from_secs(limits::KEEPALIVE_TIMEOUT_SECONDS)))
        .add_service(health_service)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
        .context("federation port")
}

async fn serve_metrics(node: Arc<Node>, listener: TcpListener, stop: CancellationToken) -> Result<()> {
    metrics::serve(node, listener, stop).await.context("metrics")
}

async fn serve_operator(
    node: Arc<Node>,
    listener: UnixListener,
    warning: Option<String>,
    stop: CancellationToken,
) -> Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<OperatorServer<OperatorService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(talanoa_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("reflection")?;
    let service = OperatorServer::new(OperatorService { node, warning });
    Server::builder()
        .add_service(health_service)
        .add_service(reflection)
        .add_service(service)
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop.cancelled_owned())
        .await
        .context("operator socket")
}

/// So that the next start knows how late it was.
async fn mark_time(node: &Node, now: u64) {
    let marked = node.store.view().time_mark;
    // A node that has nothing to give yet keeps its ledger as it is.
    let due = now >= marked + MARK_SECONDS && node.store.view().charter.is_some();
    if due && let Err(error) = node.store.commit(Batch::of(ClockMark { at: now })).await {
        tracing::warn!(%error, "time is not on record");
    }
}

/// Writes a record when a grant begins or ends by time, so that followers hear of it, and closes the
/// connections of those whose key or admission ended by time.
async fn keep_time(node: Arc<Node>, stop: CancellationToken) {
    let mut changed = node.store.watch();
    loop {
        if node.clock.trust() == Trust::Suspect {
            tokio::select! {
                () = stop.cancelled() => return,
                outcome = changed.changed() => if outcome.is_err() { return },
            }
            continue;
        }
        let now = node.now();
        mark_time(&node, now).await;
        peers::heard_all(&node).await;
        purge::retention(&node, now).await;
        let (due, next) = {
            let view = node.store.view();
            let open = |(_, id, ended): &(u64, _, bool)| !view.edges.contains(&(*id, *ended));
            let (due, ahead): (Vec<_>, Vec<_>) =
                view.consent.edges().filter(open).partition(|(at, _, _)| *at <= now);
            (due, ahead.into_iter().map(|(at, _, _)| at).min())
        };
        if !due.is_empty() {
            let edge = |(_, id, ended): &(u64, talanoa_proto::id::ObjectId, bool)| {
                GrantEdge { grant: id.to_bytes(), ended: *ended, at: now }.into()
            };
            let batch =
                Batch { records: due.iter().map(edge).collect(), narrowing: true, ..Batch::default() };
            if node.store.commit(batch).await.is_err() {
                return;
            }
        }
        consent::enforce(&node);
        let wait = next.map_or(60, |at| at.saturating_sub(now).clamp(1, 60));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(wait)) => {}
            outcome = changed.changed() => if outcome.is_err() { return },
        }
    }
}
