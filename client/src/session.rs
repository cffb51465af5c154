//! One connection to one peer: dialled, pinned, deadlines set, errors told apart.

use std::{error::Error, sync::Arc, time::Duration};

use ed25519_dalek::SigningKey;
use rustls::ClientConfig;
use talanoa_proto::{
    id::PublicKey,
    limits,
    wire::{
        CatalogueRequest, DeliverRequest, Entry, FeedItem, FetchPart, FetchRequest, FollowRequest,
        HelloRequest, HelloResponse, RecoverRequest, exchange_client::ExchangeClient,
    },
};
use tokio::net::TcpStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

use crate::{
    error::PeerError,
    tls::{self, NodeKey},
};

const CONNECT_SECONDS: u64 = 30;
const HELLO_SECONDS: u64 = 60;

/// An admitted connection. Cloning shares the connection.
#[derive(Clone, Debug)]
pub struct Session {
    client: ExchangeClient<Channel>,
    address: String,
    ours: String,
    theirs: String,
}

impl Session {
    /// Dials and insists on one of `expect`: the node keys that the peer's identity delegates now.
    pub async fn dial(address: &str, key: &SigningKey, expect: &[PublicKey]) -> Result<Self, PeerError> {
        let keys: Vec<NodeKey> = expect.iter().map(|k| k.0).collect();
        let theirs = keys.first().map(tls::fingerprint).unwrap_or_default();
        let ours = tls::fingerprint(&key.verifying_key().to_bytes());
        let config = tls::client_config(key, keys)
            .map_err(|e| PeerError::Unreachable { address: address.to_owned(), cause: e.to_string() })?;
        let channel = connect(address, config).await.map_err(|e| classify(address, &ours, &theirs, e))?;
        let client = ExchangeClient::new(channel)
            .max_decoding_message_size(limits::RESPONSE_BYTES_MAX + 64 * 1024)
            .max_encoding_message_size(limits::REQUEST_BYTES_MAX + 64 * 1024);
        Ok(Self { client, address: address.to_owned(), ours, theirs })
    }

    /// The first call on a connection. In TLS 1.3 the dialler is done before the listener has judged its
    /// key, so a refusal shows up here, as one of several transport errors: all become `NotAdmitted`.
    pub async fn hello(&mut self, request: HelloRequest) -> Result<HelloResponse, PeerError> {
        let mut request = tonic::Request::new(request);
        request.set_timeout(Duration::from_secs(HELLO_SECONDS));
        match self.client.hello(request).await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => match PeerError::from(status) {
                PeerError::Unreachable { .. } => Err(PeerError::NotAdmitted {
                    address: self.address.clone(),
                    ours: self.ours.clone(),
                    theirs: self.theirs.clone(),
                }),
                refused => Err(refused),
            },
        }
    }

    pub async fn follow(&mut self, request: FollowRequest) -> Result<Streaming<FeedItem>, PeerError> {
        Ok(self.client.follow(request).await?.into_inner())
    }

    pub async fn catalogue(&mut self, request: CatalogueRequest) -> Result<Streaming<FeedItem>, PeerError> {
        Ok(self.client.catalogue(request).await?.into_inner())
    }

    pub async fn fetch(&mut self, request: FetchRequest) -> Result<Streaming<FetchPart>, PeerError> {
        Ok(self.client.fetch(request).await?.into_inner())
    }

    /// What the peer holds of our own journal.
    pub async fn recover(&mut self, request: RecoverRequest) -> Result<Vec<Entry>, PeerError> {
        let asked = request.indexes.len();
        let mut stream = self.client.recover(request).await?.into_inner();
        let mut entries = Vec::new();
        while let Some(entry) = stream.message().await? {
            if entries.len() >= asked {
                return Err(PeerError::Protocol("more entries than were asked for"));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    pub async fn deliver(&mut self, request: DeliverRequest) -> Result<(), PeerError> {
        self.client.deliver(request).await?;
        Ok(())
    }
}

/// Frames of 256 KiB and wide windows on the receiving side: without them HTTP/2 halves the throughput,
/// and a long way (1 Gbit/s, 200 ms) would starve.
async fn connect(address: &str, config: Arc<ClientConfig>) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(256 << 10)
        .http2_keep_alive_interval(Duration::from_secs(limits::KEEPALIVE_INTERVAL_SECONDS))
        .keep_alive_timeout(Duration::from_secs(limits::KEEPALIVE_TIMEOUT_SECONDS))
        .keep_alive_while_idle(true)
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS));
    let target = address.to_owned();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (target, config) = (target.clone(), config.clone());
        async move {
            let tcp = TcpStream::connect(&target).await?;
            tcp.set_nodelay(true)?;
            let stream = tls::connect(tcp, config).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    endpoint.connect_with_connector(connector).await
}

/// A refusal inside the handshake (they are not whom we pinned, or they closed on us) is told apart from
/// nobody answering.
fn classify(address: &str, ours: &str, theirs: &str, error: tonic::transport::Error) -> PeerError {
    let address = address.to_owned();
    let mut cause: &(dyn Error + 'static) = &error;
    loop {
        if is_tls(cause) {
            return PeerError::NotAdmitted { address, ours: ours.to_owned(), theirs: theirs.to_owned() };
        }
        match cause.source() {
            Some(next) => cause = next,
            None => return PeerError::Unreachable { address, cause: cause.to_string() },
        }
    }
}

/// An `io::Error` hides what it was made of from `source`.
fn is_tls(cause: &(dyn Error + 'static)) -> bool {
    if cause.is::<tls::TlsError>() || cause.is::<rustls::Error>() {
        return true;
    }
    let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| is_tls(inner))
}
