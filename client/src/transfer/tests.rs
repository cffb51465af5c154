use std::sync::{Arc, Mutex};

use bytes::Bytes;
use talanoa_proto::chunk::{ChunkError, FASTCDC_16K, PageWriter, VerifiedChunk};

use super::*;

/// A file on its way, in memory; clones share it, so that a second transfer finds what the first left.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<[Vec<u8>; 2]>>);

impl Memory {
    fn read_from(&self, which: usize, offset: u64, bytes: usize) -> Vec<u8> {
        let content = &self.0.lock().unwrap()[which];
        let start = (offset as usize).min(content.len());
        content[start..content.len().min(start + bytes)].to_vec()
    }

    fn write_to(&self, which: usize, offset: u64, bytes: &[u8]) {
        let content = &mut self.0.lock().unwrap()[which];
        let end = offset as usize + bytes.len();
        content.resize(content.len().max(end), 0);
        content[offset as usize..end].copy_from_slice(bytes);
    }

    fn data(&self) -> Vec<u8> {
        self.0.lock().unwrap()[0].clone()
    }
}

impl Partial for Memory {
    fn read_pages(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        Ok(self.read_from(1, offset, bytes))
    }
    fn write_pages(&mut self, offset: u64, bytes: &[u8]) -> Result<(), KeepError> {
        self.write_to(1, offset, bytes);
        Ok(())
    }
    fn read(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        Ok(self.read_from(0, offset, bytes))
    }
    fn write(&mut self, offset: u64, chunk: &VerifiedChunk) -> Result<(), KeepError> {
        self.write_to(0, offset, chunk.bytes());
        Ok(())
    }
    fn sync(&mut self) -> Result<(), KeepError> {
        Ok(())
    }
}

/// A published file of many chunks, and what a publisher would send of it.
struct Published {
    chunks: Vec<Bytes>,
    pages: Vec<Bytes>,
    list: Bytes,
    file: Distribution,
}

fn published(chunks: usize) -> Published {
    let chunks: Vec<Bytes> =
        (0..chunks).map(|n| format!("chunk number {n}").repeat(1 + n % 5).into()).collect();
    let mut writer = PageWriter::default();
    let mut pages: Vec<Bytes> = Vec::new();
    for chunk in &chunks {
        pages.extend(writer.push(ChunkEntry::of(chunk)).map(Bytes::from));
    }
    let bytes = writer.bytes;
    let (last, list) = writer.finish();
    pages.extend(last.map(Bytes::from));
    let file = Distribution {
        name: "a".into(),
        media_type: "text/plain".into(),
        bytes,
        sha256: [0; 32],
        chunking: FASTCDC_16K.into(),
        chunk_root: list.root(),
        rows: 0,
        columns: 0,
        observations: 0,
    };
    Published { chunks, pages, list: list.bytes().clone(), file }
}

impl Published {
    fn run(&self, first: usize, count: usize) -> ChunkRun {
        let data: Bytes = self.chunks[first..first + count].concat().into();
        ChunkRun { first: first as u64, plain_bytes: data.len() as u32, zstd: false, data }
    }
}

fn parts(items: Vec<fetch_part::Part>) -> Parts {
    let (sender, parts) = mpsc::channel(items.len().max(1));
    for item in items {
        sender.try_send(Ok(FetchPart { part: Some(item) })).unwrap();
    }
    parts
}

async fn planned(published: &Published, memory: &Memory) -> Planned<Memory> {
    let requested = Requested::new(&published.file, memory.clone()).unwrap();
    let listed = match requested.resume().await.unwrap() {
        Ok(listed) => listed,
        Err(requested) => {
            requested.receive(parts(vec![fetch_part::Part::PageList(published.list.clone())])).await.unwrap()
        }
    };
    let held = listed.held;
    let pages = published.pages[held..].iter().cloned().map(fetch_part::Part::Page).collect();
    listed.receive(parts(pages)).await.unwrap()
}

async fn outcome(published: &Published, runs: Vec<ChunkRun>) -> Result<(Memory, Vec<Range>), PeerError> {
    let memory = Memory::default();
    let planned = planned(published, &memory).await;
    let (planned, _) = planned.receive(parts(runs.into_iter().map(fetch_part::Part::Run).collect())).await?;
    Ok((memory, planned.missing))
}

#[tokio::test]
async fn a_file_arrives_whole() {
    let p = published(500);
    let (memory, missing) = outcome(&p, vec![p.run(0, 200), p.run(200, 300)]).await.unwrap();
    assert!(missing.is_empty());
    assert_eq!(memory.data(), p.chunks.concat());
}

#[tokio::test]
async fn what_arrived_before_a_cut_is_kept_and_only_the_rest_is_asked_for() {
    let p = published(500);
    let memory = Memory::default();
    let first = planned(&p, &memory).await;
    let cut = first.receive(parts(vec![fetch_part::Part::Run(p.run(0, 123))])).await;
    assert!(matches!(cut, Err(PeerError::Truncated)));
    let second = planned(&p, &memory).await;
    assert_eq!(second.missing, [Range { first: 123, count: 377 }]);
    // A bit that rotted in between is asked for again: what is on disk is hashed, not believed.
    memory.0.lock().unwrap()[0][5] ^= 1;
    let third = planned(&p, &memory).await;
    assert_eq!(third.missing, [Range { first: 0, count: 1 }, Range { first: 123, count: 377 }]);
    let runs = vec![fetch_part::Part::Run(p.run(0, 1)), fetch_part::Part::Run(p.run(123, 377))];
    let (done, _) = third.receive(parts(runs)).await.unwrap();
    assert!(done.missing.is_empty());
    assert_eq!(memory.data(), p.chunks.concat());
}

#[tokio::test]
async fn an_altered_list_page_or_chunk_is_refused_and_not_kept() {
    let p = published(100);
    let flip = |bytes: &Bytes| {
        let mut altered = bytes.to_vec();
        altered[3] ^= 1;
        Bytes::from(altered)
    };
    let requested = Requested::new(&p.file, Memory::default()).unwrap();
    let list = requested.receive(parts(vec![fetch_part::Part::PageList(flip(&p.list))])).await;
    assert!(matches!(list.err(), Some(PeerError::Corrupt(ChunkError::PageList))));

    let memory = Memory::default();
    let requested = Requested::new(&p.file, memory.clone()).unwrap();
    let listed = requested.receive(parts(vec![fetch_part::Part::PageList(p.list.clone())])).await.unwrap();
    let page = listed.receive(parts(vec![fetch_part::Part::Page(flip(&p.pages[0]))])).await;
    assert!(matches!(page.err(), Some(PeerError::Corrupt(ChunkError::Page { page: 0 }))));

    let mut run = p.run(0, 100);
    run.data = flip(&run.data);
    assert!(matches!(outcome(&p, vec![run]).await, Err(PeerError::Corrupt(ChunkError::Chunk))));
}

#[tokio::test]
async fn runs_that_were_not_asked_for_or_lie_about_themselves_are_refused() {
    let p = published(100);
    let sound = p.run(0, 100);
    let bomb = zstd::bulk::compress(&vec![0; 200_000], 1).unwrap();
    for (what, run) in [
        ("out of order", p.run(1, 99)),
        ("cut inside a chunk", ChunkRun { plain_bytes: 3, data: sound.data.slice(..3), ..sound.clone() }),
        ("another length", ChunkRun { plain_bytes: sound.plain_bytes + 1, ..sound.clone() }),
        ("no bytes", ChunkRun { plain_bytes: 0, data: Bytes::new(), ..sound.clone() }),
        ("too long", ChunkRun { plain_bytes: limits::RUN_BYTES_MAX as u32 + 1, zstd: true, ..sound.clone() }),
        ("a bomb", ChunkRun { plain_bytes: 200_000, zstd: true, data: bomb.into(), ..sound.clone() }),
        ("not zstd", ChunkRun { zstd: true, ..sound.clone() }),
    ] {
        let refused = outcome(&p, vec![run]).await.err();
        assert!(matches!(refused, Some(PeerError::Protocol(_))), "{what}: {refused:?}");
    }
    let twice = outcome(&p, vec![sound.clone(), sound]).await;
    assert!(matches!(twice.err(), Some(PeerError::Protocol(_))), "more than was asked for");
}

#[tokio::test]
async fn a_manifest_that_does_not_fit_its_chunks_is_refused() {
    let mut p = published(100);
    p.file.bytes += 1;
    let requested = Requested::new(&p.file, Memory::default()).unwrap();
    let listed = requested.receive(parts(vec![fetch_part::Part::PageList(p.list.clone())])).await.unwrap();
    let pages = p.pages.iter().cloned().map(fetch_part::Part::Page).collect();
    let refused = listed.receive(parts(pages)).await.err();
    assert!(matches!(refused, Some(PeerError::Corrupt(ChunkError::Size { .. }))));
    p.file.chunking = "fixed/4k".into();
    let unknown = Requested::new(&p.file, Memory::default()).err();
    assert!(matches!(unknown, Some(PeerError::Corrupt(ChunkError::Unknown(_)))));
}

#[tokio::test]
async fn compressed_runs_are_read() {
    let p = published(8);
    let plain = p.run(0, 8);
    let data: Bytes = zstd::bulk::compress(&plain.data, 1).unwrap().into();
    let (memory, _) = outcome(&p, vec![ChunkRun { zstd: true, data, ..plain }]).await.unwrap();
    assert_eq!(memory.data(), p.chunks.concat());
}
