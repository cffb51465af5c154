//! CORRIDOR: what a reader is given, and on whose word.
//!
//! ```text
//!   who calls ─▶ shape ─▶ may (Permitted) ─▶ access on record (durable) ─▶ chunks ─▶ outcome on record
//! ```
//!
//! A verdict holds until consent changes or the grant ends; every message of a running stream compares
//! one number before it is handed out. Each no looks the same, whatever the cause.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use talanoa_proto::{
    consent::{Request, Verdict},
    grant::Action,
    id::{Commitment, MemberId, ObjectId},
    limits,
    release::{Distribution, Release},
    wire::{ChunkRun, FetchPart, FetchRequest, Range, fetch_part, fetch_request},
};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use crate::{
    api::places::Place,
    keys,
    node::Node,
    problem::Problem,
    relay,
    store::{
        Batch,
        records::{Access, AccessEnded},
        shelf::{Reading, ShelfError},
        state::{Caller, State},
    },
};

/// A release that one reader may read now. Only [`Permitted::ask`] makes one.
#[derive(Clone, Debug)]
pub struct Permitted {
    reader: Caller,
    commitment: Commitment,
    release: Arc<Release>,
    purpose: String,
    source: Source,
    until: u64,
    generation: u64,
}

/// On whose word something is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Our own, under this grant.
    Own(ObjectId),
    /// Carried for its publisher, under this grant of its.
    Carried(MemberId, ObjectId),
    /// The reader is the one who released it, and is given back what is its own.
    Returned,
}

impl Permitted {
    pub fn ask(node: &Node, reader: Caller, commitment: Commitment, purpose: &str) -> Option<Self> {
        // Read before the question: a change in between is noticed at the first message.
        let generation = node.store.generation();
        let (release, source, until) = match node.store.own_release(&commitment) {
            Some(held) => {
                let release = held.release()?;
                let view = node.store.view();
                let request = Request::new(reader.member, release, Action::Read, purpose);
                let (grant, until) = yes(node.may(&request, &view))?;
                let until = within_application(&view, reader, &request, until)?;
                (Arc::new(release.clone()), Source::Own(grant), until)
            }
            None => Self::held_of_others(node, reader, &commitment, purpose)?,
        };
        let purpose = purpose.to_owned();
        Some(Self { reader, commitment, release, purpose, source, until, generation })
    }

    fn held_of_others(
        node: &Node,
        reader: Caller,
        commitment: &Commitment,
        purpose: &str,
    ) -> Option<(Arc<Release>, Source, u64)> {
        let (origin, held) = node.store.foreign_release(commitment)?;
        let release = Arc::new(held.release()?.clone());
        if reader.application.is_some() {
            return None; // an application asks publishers
        }
        if origin == reader.member {
            return Some((release, Source::Returned, u64::MAX));
        }
        let request = Request::new(reader.member, &release, Action::Read, purpose);
        let (grant, until) = yes(relay::may(node, origin, &request))?;
        Some((release, Source::Carried(origin, grant), until))
    }

    /// One comparison while nothing changed; the whole question again when something did.
    fn still_holds(&mut self, node: &Node) -> bool {
        if self.generation == node.store.generation() && node.now() < self.until {
            return true;
        }
        match Self::ask(node, self.reader, self.commitment, &self.purpose) {
            Some(again) => {
                *self = again;
                true
            }
            None => false,
        }
    }

    fn distribution(&self, n: u32) -> Option<&Distribution> {
        self.release.distributions.get(n as usize)
    }
}

fn yes(verdict: Verdict) -> Option<(ObjectId, u64)> {
    match verdict {
        Verdict::Yes { grant, until } => Some((grant, until)),
        Verdict::No(_) => None,
    }
}

/// An application may no more than its member, and of that no more than its key names.
fn within_application(view: &State, reader: Caller, request: &Request<'_>, until: u64) -> Option<u64> {
    let Some(id) = reader.application else { return Some(until) };
    let application = view.applications.get(&id)?;
    application.covers(request).then(|| until.min(application.term.not_after))
}

/// Answers a `Fetch`.
pub async fn fetch(
    node: Arc<Node>,
    reader: Caller,
    place: Place,
    request: FetchRequest,
) -> Result<FetchStream, Status> {
    // Shape first, and from the request alone: a shape error must not tell what exists.
    let bad = |what: &str| Status::from(Problem::bad_request(what));
    let commitment =
        Commitment::from_slice(&request.commitment).map_err(|_| bad("commitment is not 32 bytes"))?;
    let part = request.part.ok_or_else(|| bad("neither pages nor chunks were asked for"))?;
    if let fetch_request::Part::Chunks(chunks) = &part {
        check_ranges(&chunks.ranges).map_err(bad)?;
    }
    let permitted =
        Permitted::ask(&node, reader, commitment, &request.purpose).ok_or_else(Problem::not_found)?;
    let n = request.distribution;
    let chunk_root = permitted.distribution(n).ok_or_else(Problem::not_found)?.chunk_root;
    let reading = node.store.shelf().read(&commitment, n, &chunk_root).map_err(missing)?;

    let sent = Arc::new(AtomicU64::new(0));
    let is_data = matches!(part, fetch_request::Part::Chunks(_));
    let record = if is_data { begin_access(&node, &permitted, n).await? } else { None };
    let (sender, receiver) = mpsc::channel(2);
    let (zstd, counter) = (request.zstd, Arc::clone(&sent));
    tokio::task::spawn_blocking(move || {
        let outcome = match part {
            fetch_request::Part::Pages(range) => send_pages(&reading, range, &sender),
            fetch_request::Part::Chunks(chunks) => {
                send_chunks(&reading, &chunks.ranges, zstd, &counter, &sender)
            }
        };
        if let Err(error) = outcome {
            let _ = sender.blocking_send(Err(missing(error)));
        }
    });
    Ok(FetchStream { node, permitted, receiver, record, sent, ended: None, _place: place })
}

/// What is damaged here is not given, and says so in the log of whose fault it is.
fn missing(error: ShelfError) -> Status {
    match error {
        ShelfError::Missing => Problem::not_found(),
        other => {
            tracing::error!(error = %other, "a release cannot be served");
            Problem::new(talanoa_proto::Code::StorageDamaged, "the publisher's copy is damaged").into()
        }
    }
}

fn check_ranges(ranges: &[Range]) -> Result<(), &'static str> {
    if ranges.is_empty() || ranges.len() > limits::RANGES_PER_FETCH_MAX {
        return Err("no ranges, or too many");
    }
    let mut next = 0;
    for range in ranges {
        if range.count == 0 || range.first < next {
            return Err("ranges are not ascending");
        }
        next = range.first.checked_add(range.count).ok_or("a range ends beyond all files")?;
    }
    Ok(())
}

/// Durable before the first byte: what is not on record did not leave. What is its reader's own needs none.
async fn begin_access(
    node: &Node,
    permitted: &Permitted,
    distribution: u32,
) -> Result<Option<Bytes>, Status> {
    let (grant, origin) = match permitted.source {
        Source::Own(grant) => (grant, Bytes::new()),
        Source::Carried(origin, grant) => (grant, origin.to_bytes()),
        Source::Returned => return Ok(None),
    };
    let transfer: [u8; 16] = keys::random().map_err(Problem::from)?;
    let transfer = Bytes::copy_from_slice(&transfer);
    let access = Access {
        reader: permitted.reader.member.to_bytes(),
        release: permitted.commitment.to_bytes(),
        grant: grant.to_bytes(),
        purpose: permitted.purpose.clone(),
        started: node.now(),
        distribution,
        transfer: transfer.clone(),
        application: permitted.reader.application.map(ObjectId::to_bytes).unwrap_or_default(),
        origin,
    };
    node.store.commit(Batch::of(access)).await.map_err(Problem::from)?;
    Ok(Some(transfer))
}

type Sender = mpsc::Sender<Result<FetchPart, Status>>;

fn part(part: fetch_part::Part) -> Result<FetchPart, Status> {
    Ok(FetchPart { part: Some(part) })
}

fn send_pages(reading: &Reading, range: Range, sender: &Sender) -> Result<(), ShelfError> {
    if range.count == 0 {
        let _ = sender.blocking_send(part(fetch_part::Part::PageList(reading.list().bytes().clone())));
        return Ok(());
    }
    let last = range.first.saturating_add(range.count).min(reading.list().len() as u64);
    for n in range.first..last {
        let page = reading.page_bytes(n as usize)?;
        if sender.blocking_send(part(fetch_part::Part::Page(page))).is_err() {
            break;
        }
    }
    Ok(())
}

/// Walks the pages once and sends what falls into the ranges, chunk by chunk, in runs.
fn send_chunks(
    reading: &Reading,
    ranges: &[Range],
    zstd: bool,
    sent: &AtomicU64,
    sender: &Sender,
) -> Result<(), ShelfError> {
    let mut ranges = ranges.iter().copied();
    let mut range = ranges.next();
    let (mut number, mut offset) = (0, 0);
    let mut run = RunWriter { first: 0, next: 0, data: BytesMut::new(), zstd, sent, sender };
    for page in 0..reading.list().len() {
        for entry in reading.page(page)? {
            let Some(wanted) = range else {
                run.flush();
                return Ok(());
            };
            if number >= wanted.first {
                let chunk = reading.chunk(&entry, offset)?;
                if !run.push(number, chunk.bytes()) {
                    return Ok(());
                }
                if number + 1 == wanted.first + wanted.count {
                    range = ranges.next();
                }
            }
            number += 1;
            offset += u64::from(entry.bytes);
        }
    }
    run.flush();
    Ok(())
}

/// Consecutive chunks, end to end, up to the size of one message.
struct RunWriter<'a> {
    first: u64,
    /// Number that would continue the run.
    next: u64,
    data: BytesMut,
    zstd: bool,
    sent: &'a AtomicU64,
    sender: &'a Sender,
}

impl RunWriter<'_> {
    /// False when the reader has gone.
    fn push(&mut self, number: u64, chunk: &Bytes) -> bool {
        let chunks_held = !self.data.is_empty();
        let full = self.data.len() + chunk.len() > limits::RUN_BYTES_MAX;
        // A gap in the ranges ends a run: its chunks are consecutive.
        let gap = chunks_held && self.next != number;
        if (full || gap) && chunks_held && !self.flush() {
            return false;
        }
        if self.data.is_empty() {
            self.first = number;
        }
        self.data.extend_from_slice(chunk);
        self.next = number + 1;
        true
    }

    fn flush(&mut self) -> bool {
        if self.data.is_empty() {
            return true;
        }
        let plain = self.data.split().freeze();
        let plain_bytes = plain.len();
        let compressed = self.zstd.then(|| zstd::bulk::compress(&plain, 1).ok()).flatten();
        // Kept only where it helps, and never beyond the ratio that a reader accepts.
        let useful = |c: &Vec<u8>| c.len() < plain_bytes && plain_bytes <= c.len() * limits::ZSTD_RATIO_MAX;
        let (zstd, data) = match compressed.filter(useful) {
            Some(data) => (true, data.into()),
            None => (false, plain),
        };
        self.sent.fetch_add(plain_bytes as u64, Ordering::Relaxed);
        let run = ChunkRun { first: self.first, plain_bytes: plain_bytes as u32, zstd, data };
        self.sender.blocking_send(part(fetch_part::Part::Run(run))).is_ok()
    }
}

/// The stream that a reader pulls: the last place where a message can still be held back.
pub struct FetchStream {
    node: Arc<Node>,
    permitted: Permitted,
    receiver: mpsc::Receiver<Result<FetchPart, Status>>,
    record: Option<Bytes>,
    sent: Arc<AtomicU64>,
    ended: Option<&'static str>,
    _place: Place,
}

impl Stream for FetchStream {
    type Item = Result<FetchPart, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        let item = std::task::ready!(self.receiver.poll_recv(cx));
        let this = &mut *self;
        if item.is_some() && !this.permitted.still_holds(&this.node) {
            this.ended = Some("consent ended");
            return Poll::Ready(Some(Err(Problem::not_found())));
        }
        match &item {
            None => this.ended = Some("complete"),
            Some(Err(_)) => this.ended = Some("damaged here"),
            Some(Ok(_)) => {}
        }
        Poll::Ready(item)
    }
}

/// The outcome follows; a crash may lose it, and the access then reads "at most all of it".
impl Drop for FetchStream {
    fn drop(&mut self) {
        let sent = self.sent.load(Ordering::Relaxed);
        self.node.metrics.sent_bytes.fetch_add(sent, Ordering::Relaxed);
        let Some(transfer) = self.record.take() else { return };
        let outcome = self.ended.unwrap_or("cut off").to_owned();
        let end = AccessEnded { transfer, bytes: sent, outcome, at: self.node.now() };
        let node = Arc::clone(&self.node);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = node.store.commit(Batch::of(end)).await;
            });
        }
    }
}
