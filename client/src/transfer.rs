//! Bringing one file home: a walk through states, each consuming the one before.
//!
//! ```text
//!   Requested ──page list──▶ Listed ──pages──▶ Planned ──chunks──▶ (again Planned, until nothing is missing)
//! ```
//!
//! A page is checked before the chunks that it names are asked for, a chunk before it is kept. There is
//! no record of progress that could lie: to resume, what is on disk is hashed again.

use talanoa_proto::{
    chunk::{self, ChunkEntry, PageList},
    id::Commitment,
    limits,
    release::Distribution,
    wire::{ChunkRanges, ChunkRun, FetchPart, FetchRequest, Range, fetch_part, fetch_request},
};
use tokio::sync::mpsc;

use crate::{
    error::{KeepError, PeerError},
    keeper::Partial,
    session::Session,
};

/// Runs under way between the network and the disk.
const RUNS_IN_FLIGHT: usize = 8;

/// What to bring.
#[derive(Clone, Debug)]
pub struct Order {
    pub release: Commitment,
    pub distribution: u32,
    pub purpose: String,
    pub zstd: bool,
}

/// Brings one distribution into `partial`; returns the plain bytes received. On `Truncated` call again:
/// what arrived is kept.
pub async fn transfer<P: Partial>(
    session: &mut Session,
    order: &Order,
    file: &Distribution,
    partial: P,
) -> Result<u64, PeerError> {
    let requested = Requested::new(file, partial)?;
    let listed = match requested.resume().await? {
        Ok(listed) => listed,
        Err(requested) => {
            let parts = fetch(session, order, fetch_request::Part::Pages(Range::default())).await?;
            requested.receive(parts).await?
        }
    };
    let missing = listed.missing_pages();
    let mut planned = if missing.count == 0 {
        listed.plan().await?
    } else {
        let parts = fetch(session, order, fetch_request::Part::Pages(missing)).await?;
        listed.receive(parts).await?
    };
    let mut received = 0;
    while !planned.missing.is_empty() {
        let ranges = planned.next_ranges();
        let parts = fetch(session, order, fetch_request::Part::Chunks(ChunkRanges { ranges })).await?;
        let (next, bytes) = planned.receive(parts).await?;
        received += bytes;
        planned = next;
    }
    planned.finish()?;
    Ok(received)
}

type Parts = mpsc::Receiver<Result<FetchPart, PeerError>>;

/// The stream, pumped into a channel so that network and disk work at the same time.
async fn fetch(session: &mut Session, order: &Order, part: fetch_request::Part) -> Result<Parts, PeerError> {
    let request = FetchRequest {
        commitment: order.release.to_bytes(),
        distribution: order.distribution,
        purpose: order.purpose.clone(),
        part: Some(part),
        zstd: order.zstd,
    };
    let mut stream = session.fetch(request).await?;
    let (sender, parts) = mpsc::channel(RUNS_IN_FLIGHT);
    tokio::spawn(async move {
        loop {
            let item = match stream.message().await {
                Ok(Some(part)) => Ok(part),
                Ok(None) => return,
                Err(status) => Err(status.into()),
            };
            let last = item.is_err();
            if sender.send(item).await.is_err() || last {
                return;
            }
        }
    });
    Ok(parts)
}

struct Requested<P> {
    chunk_root: [u8; 32],
    bytes: u64,
    partial: P,
}

impl<P: Partial> Requested<P> {
    fn new(file: &Distribution, partial: P) -> Result<Self, PeerError> {
        chunk::check_chunking(&file.chunking)?;
        Ok(Self { chunk_root: file.chunk_root, bytes: file.bytes, partial })
    }

    /// Takes up the page list of an earlier transfer, if a sound one is there.
    async fn resume(mut self) -> Result<Result<Listed<P>, Self>, PeerError> {
        blocking(move || {
            let held = self.partial.read_pages(0, 4)?;
            let Ok(length) = <[u8; 4]>::try_from(held.as_slice()).map(u32::from_be_bytes) else {
                return Ok(Err(self));
            };
            if length as usize > limits::PAGE_LIST_BYTES_MAX {
                return Ok(Err(self));
            }
            let bytes = self.partial.read_pages(4, length as usize)?;
            match PageList::open(bytes.into(), &self.chunk_root) {
                Ok(list) => Ok(Ok(Listed::new(list, self.bytes, self.partial)?)),
                Err(_) => Ok(Err(self)),
            }
        })
        .await
    }

    async fn receive(mut self, mut parts: Parts) -> Result<Listed<P>, PeerError> {
        let Some(fetch_part::Part::PageList(bytes)) = next(&mut parts).await? else {
            return Err(PeerError::Protocol("a page list was asked for, something else came"));
        };
        let list = PageList::open(bytes, &self.chunk_root)?;
        blocking(move || {
            let length = (list.bytes().len() as u32).to_be_bytes();
            self.partial.write_pages(0, &[&length, list.bytes().as_ref()].concat())?;
            Listed::new(list, self.bytes, self.partial)
        })
        .await
    }
}

struct Listed<P> {
    list: PageList,
    bytes: u64,
    partial: P,
    /// Pages below this one are on disk and sound.
    held: usize,
}

impl<P: Partial> Listed<P> {
    fn new(list: PageList, bytes: u64, mut partial: P) -> Result<Self, PeerError> {
        let mut pages = Pages::new(&list);
        let mut held = 0;
        while held < list.len() && pages.read(&mut partial, held).is_ok() {
            held += 1;
        }
        Ok(Self { list, bytes, partial, held })
    }

    fn missing_pages(&self) -> Range {
        Range { first: self.held as u64, count: (self.list.len() - self.held) as u64 }
    }

    async fn receive(mut self, mut parts: Parts) -> Result<Planned<P>, PeerError> {
        while self.held < self.list.len() {
            let Some(fetch_part::Part::Page(bytes)) = next(&mut parts).await? else {
                return Err(PeerError::Protocol("a page was asked for, something else came"));
            };
            self.list.verify_page(self.held, &bytes)?;
            let offset = Pages::new(&self.list).offset(self.held);
            self.partial.write_pages(offset, &bytes)?;
            self.held += 1;
        }
        self.plan().await
    }

    async fn plan(mut self) -> Result<Planned<P>, PeerError> {
        blocking(move || {
            let missing = missing_chunks(&self.list, self.bytes, &mut self.partial)?;
            Ok(Planned { list: self.list, partial: self.partial, missing })
        })
        .await
    }
}

struct Planned<P> {
    list: PageList,
    partial: P,
    missing: Vec<Range>,
}

impl<P: Partial> Planned<P> {
    fn next_ranges(&self) -> Vec<Range> {
        self.missing.iter().take(limits::RANGES_PER_FETCH_MAX).copied().collect()
    }

    /// Takes the chunks of the ranges asked for, in order; returns what is then still missing.
    async fn receive(mut self, mut parts: Parts) -> Result<(Self, u64), PeerError> {
        let ranges = self.next_ranges();
        let (sender, mut runs) = mpsc::channel::<ChunkRun>(RUNS_IN_FLIGHT);
        let writer = tokio::task::spawn_blocking(move || -> Result<(Self, u64), PeerError> {
            let mut chunks = Chunks::new(&self.list);
            let mut expected = ranges.iter().flat_map(|r| r.first..r.first + r.count);
            let mut received = 0;
            while let Some(run) = runs.blocking_recv() {
                received += write_run(run, &mut expected, &mut chunks, &mut self.partial)?;
            }
            if expected.next().is_some() {
                return Err(PeerError::Truncated);
            }
            self.missing.drain(..ranges.len());
            Ok((self, received))
        });
        let mut outcome = Ok(());
        loop {
            match next(&mut parts).await {
                Ok(Some(fetch_part::Part::Run(run))) => {
                    if sender.send(run).await.is_err() {
                        break; // the writer stopped: it says why
                    }
                }
                Ok(None) => break,
                Ok(Some(_)) => {
                    outcome = Err(PeerError::Protocol("chunks were asked for, something else came"))
                }
                Err(error) => outcome = Err(error),
            }
            if outcome.is_err() {
                break;
            }
        }
        drop(sender);
        let written = writer.await.map_err(|e| KeepError::Damaged(e.to_string()))?;
        match (outcome, written) {
            // What was written stays; the cause on the network tells more than "truncated".
            (Err(error), Err(PeerError::Truncated) | Ok(_)) => Err(error),
            (_, written) => written,
        }
    }

    fn finish(mut self) -> Result<(), PeerError> {
        Ok(self.partial.sync()?)
    }
}

/// Checks and writes the chunks of one run; returns its plain bytes.
fn write_run(
    run: ChunkRun,
    expected: &mut impl Iterator<Item = u64>,
    chunks: &mut Chunks<'_>,
    partial: &mut impl Partial,
) -> Result<u64, PeerError> {
    let mut data = plain(run.zstd, run.plain_bytes as usize, run.data)?;
    let (bytes, mut number) = (data.len() as u64, run.first);
    while !data.is_empty() {
        if expected.next() != Some(number) {
            return Err(PeerError::Protocol("a chunk came that was not asked for"));
        }
        let (offset, entry) = chunks.seek(number, partial)?;
        if data.len() < entry.bytes as usize {
            return Err(PeerError::Protocol("a run ends inside a chunk"));
        }
        let chunk = entry.verify(data.split_to(entry.bytes as usize))?;
        partial.write(offset, &chunk)?;
        number += 1;
    }
    Ok(bytes)
}

/// Declared length and ratio are checked before a byte is decompressed: a bomb gets no memory.
fn plain(zstd: bool, plain_bytes: usize, data: bytes::Bytes) -> Result<bytes::Bytes, PeerError> {
    if plain_bytes > limits::RUN_BYTES_MAX || plain_bytes == 0 {
        return Err(PeerError::Protocol("a run of illegal length"));
    }
    if !zstd {
        let declared = data.len() == plain_bytes;
        return declared.then_some(data).ok_or(PeerError::Protocol("a run is not as long as it says"));
    }
    if plain_bytes > data.len() * limits::ZSTD_RATIO_MAX {
        return Err(PeerError::Protocol("a run is compressed beyond the allowed ratio"));
    }
    let plain = zstd::bulk::decompress(&data, plain_bytes)
        .map_err(|_| PeerError::Protocol("a run does not decompress"))?;
    let declared = plain.len() == plain_bytes;
    declared.then(|| plain.into()).ok_or(PeerError::Protocol("a run is not as long as it says"))
}

/// Hashes what is on disk against the pages: what does not match is missing.
fn missing_chunks(list: &PageList, bytes: u64, partial: &mut impl Partial) -> Result<Vec<Range>, PeerError> {
    let mut pages = Pages::new(list);
    let mut missing: Vec<Range> = Vec::new();
    let (mut number, mut offset) = (0, 0);
    for page in 0..list.len() {
        for entry in pages.read(partial, page)? {
            let held = partial.read(offset, entry.bytes as usize)?;
            if entry.verify(held.into()).is_err() {
                match missing.last_mut() {
                    Some(range) if range.first + range.count == number => range.count += 1,
                    _ => missing.push(Range { first: number, count: 1 }),
                }
            }
            number += 1;
            offset += u64::from(entry.bytes);
        }
    }
    if offset != bytes {
        return Err(chunk::ChunkError::Size { expected: bytes, actual: offset }.into());
    }
    Ok(missing)
}

/// Where pages lie in the pages file: a length, the list, then page after page.
struct Pages<'a> {
    list: &'a PageList,
}

impl<'a> Pages<'a> {
    fn new(list: &'a PageList) -> Self {
        Self { list }
    }

    fn offset(&self, page: usize) -> u64 {
        let before = (0..page)
            .filter_map(|n| self.list.page(n))
            .map(|(entries, _)| u64::from(entries) * 36)
            .sum::<u64>();
        4 + self.list.bytes().len() as u64 + before
    }

    fn read(&mut self, partial: &mut impl Partial, page: usize) -> Result<Vec<ChunkEntry>, PeerError> {
        let (entries, _) = self.list.page(page).ok_or(chunk::ChunkError::Page { page })?;
        let bytes = partial.read_pages(self.offset(page), entries as usize * 36)?;
        Ok(self.list.verify_page(page, &bytes)?)
    }
}

/// Finds chunks by number, in ascending order, holding one page at a time.
struct Chunks<'a> {
    pages: Pages<'a>,
    page: usize,
    entries: Vec<ChunkEntry>,
    first: u64,
    offset: u64,
}

impl<'a> Chunks<'a> {
    fn new(list: &'a PageList) -> Self {
        Self { pages: Pages::new(list), page: 0, entries: Vec::new(), first: 0, offset: 0 }
    }

    fn seek(&mut self, number: u64, partial: &mut impl Partial) -> Result<(u64, ChunkEntry), PeerError> {
        while self.entries.is_empty() || number >= self.first + self.entries.len() as u64 {
            self.offset += self.entries.iter().map(|e| u64::from(e.bytes)).sum::<u64>();
            self.first += self.entries.len() as u64;
            self.entries = self.pages.read(partial, self.page)?;
            self.page += 1;
        }
        let within =
            number.checked_sub(self.first).ok_or(PeerError::Protocol("chunks came out of order"))? as usize;
        let offset = self.offset + self.entries[..within].iter().map(|e| u64::from(e.bytes)).sum::<u64>();
        Ok((offset, self.entries[within]))
    }
}

async fn next(parts: &mut Parts) -> Result<Option<fetch_part::Part>, PeerError> {
    match parts.recv().await {
        None => Ok(None),
        Some(part) => part?.part.map(Some).ok_or(PeerError::Protocol("an empty part")),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PeerError> + Send + 'static,
) -> Result<T, PeerError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| KeepError::Damaged(e.to_string()))?
}

#[cfg(test)]
mod tests;
