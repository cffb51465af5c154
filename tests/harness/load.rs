//! An operator and a reader inside the test process, for load: no process per call, every proof checked.

use std::{collections::BTreeSet, path::Path};

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use talanoa_client::{
    KeepError, PeerError,
    keeper::Partial,
    session::Session,
    transfer::{Order, transfer},
};
use talanoa_node::home::Home;
use talanoa_proto::{
    charter::{CharterFile, PURPOSE_DEFAULT},
    chunk::VerifiedChunk,
    entry::Declared,
    envelope::Envelope,
    id::{Commitment, MemberId},
    release::Release,
    trusted::TrustedPeer,
    wire::{
        self, Cursor, FeedItem, FollowRequest, HelloRequest, feed_item::Item,
        operator_client::OperatorClient, publish_part::Part,
    },
};
use tokio::net::UnixStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

/// A node's operator socket. Clones share the connection.
#[derive(Clone)]
pub struct Operator {
    client: OperatorClient<Channel>,
}

impl Operator {
    pub async fn connect(dir: &Path) -> anyhow::Result<Self> {
        let socket = dir.join("node.sock");
        let connector = tower::service_fn(move |_: http::Uri| {
            let socket = socket.clone();
            async move { std::io::Result::Ok(hyper_util::rt::TokioIo::new(UnixStream::connect(socket).await?)) }
        });
        let channel = Endpoint::from_static("http://node.socket").connect_with_connector(connector).await?;
        Ok(Self { client: OperatorClient::new(channel) })
    }

    /// Publishes one document; returns after it is durable.
    pub async fn publish(&self, dataset: &str, bytes: Bytes) -> anyhow::Result<Commitment> {
        let request = wire::PublishRequest {
            dataset: dataset.to_owned(),
            titles: vec![wire::Text { lang: "en".into(), text: "Load".into() }],
            kind: wire::ReleaseKind::Document.into(),
            ..wire::PublishRequest::default()
        };
        let parts = [Part::Request(request), Part::File("a.txt".into())];
        let data: Vec<Part> = (0..bytes.len())
            .step_by(256 * 1024)
            .map(|at| Part::Data(bytes.slice(at..bytes.len().min(at + 256 * 1024))))
            .collect();
        let parts = parts.into_iter().chain(data).map(|part| wire::PublishPart { part: Some(part) });
        let mut client = self.client.clone();
        let published = client.publish(tokio_stream::iter(parts.collect::<Vec<_>>())).await?.into_inner();
        Ok(Commitment::from_slice(&published.commitment)?)
    }
}

impl Operator {
    /// A grant on one dataset until next year, drafted by the node and signed here.
    pub async fn sign_grant(&self, to: &str, dataset: &str, consent: &SigningKey) -> anyhow::Result<Bytes> {
        let grant = wire::DraftGrant {
            to: to.to_owned(),
            datasets: vec![dataset.to_owned()],
            not_after: now() + 300 * 86_400,
            ..wire::DraftGrant::default()
        };
        let what = Some(wire::draft_request::What::Grant(grant));
        let request = wire::DraftRequest { what, ..wire::DraftRequest::default() };
        let draft = self.client.clone().draft_consent(request).await?.into_inner();
        let mut envelope = Envelope::parse(&draft.envelope)?;
        envelope.add_signature(consent);
        Ok(envelope.to_bytes())
    }

    pub async fn submit(&self, envelope: Bytes) -> anyhow::Result<()> {
        self.client.clone().submit(wire::SubmitRequest { envelope, ..Default::default() }).await?;
        Ok(())
    }
}

/// A member that follows one publisher over one connection and believes nothing.
pub struct LoadReader {
    session: Session,
    feed: Streaming<FeedItem>,
    trusted: TrustedPeer,
    /// A feed may show a release more than once.
    seen: BTreeSet<Commitment>,
}

impl LoadReader {
    /// `charter`: the file that both adopted; `me`: a directory whose node key is used and that does not run.
    pub async fn connect(charter: &Path, me: &Home, publisher: &Home, address: &str) -> anyhow::Result<Self> {
        Self::connect_as(charter, &me.node_key()?, me.card.identity.id(), publisher, address).await
    }

    /// With a key of one's own, for example that of an application.
    pub async fn connect_as(
        charter: &Path,
        key: &SigningKey,
        me: MemberId,
        publisher: &Home,
        address: &str,
    ) -> anyhow::Result<Self> {
        let charter = CharterFile::from_text(&std::fs::read_to_string(charter)?)?;
        let identity = publisher.card.identity.clone();
        let keys = identity.node_keys_at(now());
        let mut session = Session::dial(address, key, &keys).await?;
        let federation_id = charter.federation().to_bytes();
        session.hello(HelloRequest { protocol: 1, federation_id, ..HelloRequest::default() }).await?;
        let request = FollowRequest {
            cursor: Some(Cursor { epoch: 1, step: 0, after: 0 }),
            datasets: Vec::new(),
            purpose: PURPOSE_DEFAULT.to_owned(),
            ..FollowRequest::default()
        };
        let feed = session.follow(request).await?;
        let trusted = TrustedPeer::new(me, charter.federation(), 1, identity);
        Ok(Self { session, feed, trusted, seen: BTreeSet::new() })
    }

    /// The next release that the feed gives, verified.
    pub async fn next_release(&mut self) -> Result<(Commitment, Release), PeerError> {
        loop {
            let item = self.feed.message().await?.ok_or(PeerError::Truncated)?;
            match item.item.ok_or(PeerError::Protocol("an empty item"))? {
                Item::Head(head) => self.trusted.advance(&head)?,
                Item::Entry(entry) => {
                    let verified = self.trusted.verify(&entry)?;
                    self.trusted.accept(&verified)?;
                    if let Declared::Release(release) = verified.declared()
                        && self.seen.insert(verified.commitment())
                    {
                        return Ok((verified.commitment(), (**release).clone()));
                    }
                }
                Item::StepDone(_) => {}
            }
        }
    }

    /// For calls that an honest reader does not make.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The first file of a release, every page and chunk checked.
    pub async fn fetch(&mut self, commitment: Commitment, release: &Release) -> Result<u64, PeerError> {
        let purpose = PURPOSE_DEFAULT.to_owned();
        let order = Order { release: commitment, distribution: 0, purpose, zstd: false };
        transfer(&mut self.session, &order, &release.distributions[0], InMemory::default()).await
    }
}

/// A file that arrives in memory.
#[derive(Default)]
struct InMemory {
    data: Vec<u8>,
    pages: Vec<u8>,
}

fn read(bytes: &[u8], offset: u64, count: usize) -> Vec<u8> {
    bytes.iter().skip(offset as usize).take(count).copied().collect()
}

fn write(held: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if held.len() < end {
        held.resize(end, 0);
    }
    held[offset as usize..end].copy_from_slice(bytes);
}

impl Partial for InMemory {
    fn read_pages(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        Ok(read(&self.pages, offset, bytes))
    }

    fn write_pages(&mut self, offset: u64, bytes: &[u8]) -> Result<(), KeepError> {
        write(&mut self.pages, offset, bytes);
        Ok(())
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        Ok(read(&self.data, offset, bytes))
    }

    fn write(&mut self, offset: u64, chunk: &VerifiedChunk) -> Result<(), KeepError> {
        write(&mut self.data, offset, chunk.bytes());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), KeepError> {
        Ok(())
    }
}

pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Value below which `share` of the samples lie.
pub fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = ((samples.len() as f64 * share).ceil() as usize).clamp(1, samples.len().max(1));
    samples.get(at - 1).copied().unwrap_or(f64::NAN)
}

/// Resident memory of a process in MiB.
pub fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
