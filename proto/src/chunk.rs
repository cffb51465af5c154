//! Files as lists of chunks (PROTOCOL.md section 7): the law of what a chunk list is.
//!
//! A manifest names one 32-byte root. The root names pages, a page names chunks, and each is checked
//! before what it names is asked for: no byte that is not the published one is ever kept, and a reader
//! that holds an older release needs only the pages and chunks that differ.

use bytes::Bytes;

use crate::limits;

/// FastCDC (2020) with a minimum of 4, an average of 16 and a maximum of 64 KiB, normalisation level 1.
pub const FASTCDC_16K: &str = "fastcdc2020/16k";
pub const CHUNK_BYTES_MIN: u32 = 4 * 1024;
pub const CHUNK_BYTES_AVG: u32 = 16 * 1024;
pub const CHUNK_BYTES_MAX: u32 = 64 * 1024;

const PAGE_ENTRIES_MIN: usize = 64;
const ENTRY_BYTES: usize = 36;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkEntry {
    pub bytes: u32,
    pub hash: [u8; 32],
}

impl ChunkEntry {
    pub fn of(chunk: &[u8]) -> Self {
        Self { bytes: chunk.len() as u32, hash: *blake3::hash(chunk).as_bytes() }
    }

    pub fn verify(&self, chunk: Bytes) -> Result<VerifiedChunk, ChunkError> {
        if chunk.len() != self.bytes as usize || *blake3::hash(&chunk).as_bytes() != self.hash {
            return Err(ChunkError::Chunk);
        }
        Ok(VerifiedChunk(chunk))
    }
}

/// Bytes that are those of the published file. Only [`ChunkEntry::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedChunk(Bytes);

impl VerifiedChunk {
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("the page list is not the one that the manifest names")]
    PageList,
    #[error("page {page} is not the one that the page list names")]
    Page { page: usize },
    #[error("a chunk is not the one that its page names")]
    Chunk,
    #[error("the chunk list describes {actual} bytes, the manifest {expected}")]
    Size { expected: u64, actual: u64 },
    #[error("chunking {0:?} is not known here: upgrade this software")]
    Unknown(String),
}

/// Names the pages; its hash is the `chunk_root` of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageList {
    bytes: Bytes,
}

impl PageList {
    /// Shape and hash at once: a list that is not the named one never exists.
    pub fn open(bytes: Bytes, chunk_root: &[u8; 32]) -> Result<Self, ChunkError> {
        let list = Self { bytes };
        let whole = list.bytes.len().is_multiple_of(ENTRY_BYTES) && list.len() <= limits::PAGES_MAX;
        if !whole || list.is_empty() || list.root() != *chunk_root {
            return Err(ChunkError::PageList);
        }
        Ok(list)
    }

    pub fn root(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new();
        hash.update(b"talanoa/pages/v1");
        hash.update(&self.bytes);
        *hash.finalize().as_bytes()
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Number of pages.
    pub fn len(&self) -> usize {
        self.bytes.len() / ENTRY_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// (entries, hash) of page `n`.
    pub fn page(&self, n: usize) -> Option<(u32, [u8; 32])> {
        self.bytes.chunks_exact(ENTRY_BYTES).nth(n).map(split_entry)
    }

    /// Checks page `n` and reads its entries.
    pub fn verify_page(&self, n: usize, bytes: &[u8]) -> Result<Vec<ChunkEntry>, ChunkError> {
        let wrong = ChunkError::Page { page: n };
        let (entries, hash) = self.page(n).ok_or_else(|| wrong.clone())?;
        let whole =
            bytes.len() == entries as usize * ENTRY_BYTES && entries as usize <= limits::PAGE_ENTRIES_MAX;
        if !whole || *blake3::hash(bytes).as_bytes() != hash {
            return Err(wrong);
        }
        let entries: Vec<ChunkEntry> = bytes
            .chunks_exact(ENTRY_BYTES)
            .map(split_entry)
            .map(|(bytes, hash)| ChunkEntry { bytes, hash })
            .collect();
        if entries.iter().any(|e| e.bytes == 0 || e.bytes > CHUNK_BYTES_MAX) {
            return Err(wrong);
        }
        Ok(entries)
    }
}

fn split_entry(entry: &[u8]) -> (u32, [u8; 32]) {
    let (mut number, mut hash) = ([0; 4], [0; 32]);
    number.copy_from_slice(&entry[..4]);
    hash.copy_from_slice(&entry[4..ENTRY_BYTES]);
    (u32::from_be_bytes(number), hash)
}

/// Whether this software can read such a list. The cutting parameters matter to who cuts, not to who checks.
pub fn check_chunking(name: &str) -> Result<(), ChunkError> {
    if name == FASTCDC_16K { Ok(()) } else { Err(ChunkError::Unknown(name.chars().take(80).collect())) }
}

/// Builds pages while chunks go by: memory is one page, whatever the size of the file.
#[derive(Default)]
pub struct PageWriter {
    page: Vec<u8>,
    list: Vec<u8>,
    pub bytes: u64,
}

impl PageWriter {
    /// Returns a finished page when this chunk ends one. A page ends by content, so that an insertion
    /// in the file moves page borders only near it.
    pub fn push(&mut self, chunk: ChunkEntry) -> Option<Vec<u8>> {
        self.page.extend_from_slice(&chunk.bytes.to_be_bytes());
        self.page.extend_from_slice(&chunk.hash);
        self.bytes += u64::from(chunk.bytes);
        let entries = self.page.len() / ENTRY_BYTES;
        let ends = entries >= PAGE_ENTRIES_MIN && chunk.hash[31] == 0 || entries == limits::PAGE_ENTRIES_MAX;
        ends.then(|| self.end_page())
    }

    /// The last page, if one is open, and the list of all.
    pub fn finish(mut self) -> (Option<Vec<u8>>, PageList) {
        let last = (!self.page.is_empty()).then(|| self.end_page());
        (last, PageList { bytes: self.list.into() })
    }

    fn end_page(&mut self) -> Vec<u8> {
        let page = std::mem::take(&mut self.page);
        self.list.extend_from_slice(&((page.len() / ENTRY_BYTES) as u32).to_be_bytes());
        self.list.extend_from_slice(blake3::hash(&page).as_bytes());
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(chunks: usize) -> (Vec<Vec<u8>>, PageList) {
        let mut writer = PageWriter::default();
        let mut pages = Vec::new();
        for n in 0..chunks {
            pages.extend(writer.push(ChunkEntry::of(format!("chunk {n}").as_bytes())));
        }
        let (last, list) = writer.finish();
        pages.extend(last);
        (pages, list)
    }

    #[test]
    fn pages_read_back_and_describe_every_chunk() {
        let (pages, list) = build(5000);
        let list = PageList::open(list.bytes().clone(), &list.root()).unwrap();
        assert_eq!(list.len(), pages.len());
        let entries: Vec<ChunkEntry> =
            pages.iter().enumerate().flat_map(|(n, p)| list.verify_page(n, p).unwrap()).collect();
        assert_eq!(entries.len(), 5000);
        assert!(entries[7].verify(Bytes::from_static(b"chunk 7")).is_ok());
        assert_eq!(entries[7].verify(Bytes::from_static(b"chunk 8")), Err(ChunkError::Chunk));
    }

    #[test]
    fn an_altered_list_or_page_is_refused() {
        let (pages, list) = build(300);
        let root = list.root();
        for at in 0..list.bytes().len() {
            let mut altered = list.bytes().to_vec();
            altered[at] ^= 1;
            assert_eq!(PageList::open(altered.into(), &root), Err(ChunkError::PageList));
        }
        for at in [0, 1, 35, 36, pages[0].len() - 1] {
            let mut altered = pages[0].clone();
            altered[at] ^= 1;
            assert_eq!(list.verify_page(0, &altered), Err(ChunkError::Page { page: 0 }));
        }
        assert!(list.verify_page(0, &pages[0][..36]).is_err());
        assert!(list.verify_page(list.len(), &pages[0]).is_err());
    }

    #[test]
    fn an_insertion_moves_page_borders_only_near_it() {
        let chunks: Vec<ChunkEntry> = (0..20_000u32).map(|n| ChunkEntry::of(&n.to_be_bytes())).collect();
        let pages = |chunks: &[ChunkEntry]| {
            let mut writer = PageWriter::default();
            let mut pages: Vec<Vec<u8>> = chunks.iter().filter_map(|c| writer.push(*c)).collect();
            pages.extend(writer.finish().0);
            pages
        };
        let before = pages(&chunks);
        let mut inserted = chunks;
        inserted.insert(10, ChunkEntry::of(b"new"));
        let after = pages(&inserted);
        let fresh = after.iter().filter(|p| !before.contains(p)).count();
        assert!(fresh <= 3, "{fresh} of {} pages differ", after.len());
    }
}
