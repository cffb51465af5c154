//! Shelves: the files of releases, content-addressed, checked on every read.
//!
//! ```text
//!   shelf/<commitment>/<n>         the file, byte for byte
//!   shelf/<commitment>/<n>.pages   length, page list, pages
//!   partial/…                      on its way in; nothing here counts
//! ```
//!
//! One folder per release: it arrives by one rename and is erased as a whole.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use talanoa_client::{KeepError, keeper};
use talanoa_proto::{
    chunk::{ChunkEntry, ChunkError, PageList, VerifiedChunk},
    id::Commitment,
    limits,
};

use crate::store::disk::{Disk, DiskError, DiskFile};

#[derive(Clone, Debug)]
pub struct Shelf {
    disk: Disk,
    shelf: PathBuf,
    partial: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("a file on the shelf is damaged: {0}. Run `talanoa fsck`")]
    Damaged(#[from] ChunkError),
    #[error("not on the shelf")]
    Missing,
}

impl Shelf {
    pub fn open(disk: Disk, dir: &Path) -> Result<Self, DiskError> {
        let (shelf, partial) = (dir.join("shelf"), dir.join("partial"));
        disk.create_dir(&shelf)?;
        disk.create_dir(&partial)?;
        Ok(Self { disk, shelf, partial })
    }

    pub fn holds(&self, release: &Commitment) -> bool {
        self.folder(release).is_dir()
    }

    /// Bytes of the files of one release, pages not counted.
    pub fn bytes(&self, release: &Commitment) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.folder(release)) else { return 0 };
        let files = entries.filter_map(Result::ok).filter(|e| e.path().extension().is_none());
        files.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum()
    }

    /// A place for files that arrive without a name yet.
    pub fn staging(&self, name: &str) -> Result<Staging, DiskError> {
        let dir = self.partial.join(name);
        self.disk.create_dir(&dir)?;
        Ok(Staging { disk: self.disk.clone(), dir, kept: false })
    }

    /// Staged files become those of a release. Durable when this returns.
    pub fn put(&self, mut staging: Staging, release: &Commitment) -> Result<(), DiskError> {
        self.disk.rename(&staging.dir, &self.folder(release))?;
        staging.kept = true;
        Ok(())
    }

    pub fn read(
        &self,
        release: &Commitment,
        distribution: u32,
        chunk_root: &[u8; 32],
    ) -> Result<Reading, ShelfError> {
        let file = |name: String| match std::fs::File::open(self.folder(release).join(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(ShelfError::Missing),
            outcome => Ok(outcome?),
        };
        let (data, pages) = (file(distribution.to_string())?, file(format!("{distribution}.pages"))?);
        let mut length = [0; 4];
        read_exact(&pages, &mut length, 0)?;
        let length = (u32::from_be_bytes(length) as usize).min(limits::PAGE_LIST_BYTES_MAX);
        let mut list = vec![0; length];
        read_exact(&pages, &mut list, 4)?;
        let list = PageList::open(list.into(), chunk_root)?;
        Ok(Reading { data, pages, list })
    }

    /// Removes what is there of a release, complete or under way. Idempotent.
    pub fn erase(&self, release: &Commitment) -> Result<(), DiskError> {
        self.disk.remove_dir(&self.folder(release))?;
        self.disk.remove_dir(&self.partial.join(release.to_string()))
    }

    /// Names of all folders on the shelf.
    pub fn releases(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.shelf)?;
        entries.map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// A folder that no ledger record names: a publication that ended between shelf and journal. It was
    /// never acknowledged; it is put aside, not deleted.
    pub fn put_aside(&self, folder: &str) -> Result<(), DiskError> {
        let aside = self.partial.join(format!("unfinished-{folder}"));
        self.disk.remove_dir(&aside)?;
        self.disk.rename(&self.shelf.join(folder), &aside)
    }

    /// What earlier processes left half way in.
    pub fn clear_staging(&self) -> Result<(), DiskError> {
        let Ok(entries) = std::fs::read_dir(&self.partial) else { return Ok(()) };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with("incoming-") {
                self.disk.remove_dir(&entry.path())?;
            }
        }
        Ok(())
    }

    pub fn partial(&self, release: &Commitment, distribution: u32) -> Result<PartialFile, DiskError> {
        let dir = self.partial.join(release.to_string());
        self.disk.create_dir(&dir)?;
        Ok(PartialFile {
            data: self.disk.open(&dir.join(distribution.to_string()))?,
            pages: self.disk.open(&dir.join(format!("{distribution}.pages")))?,
        })
    }

    /// Every file of a release that came in by transfer is whole and synced: one rename makes it visible.
    pub fn keep(&self, release: &Commitment) -> Result<(), DiskError> {
        self.disk.rename(&self.partial.join(release.to_string()), &self.folder(release))
    }

    /// A damaged release goes back to where files arrive: its sound chunks are kept, the others fetched.
    pub fn back_to_partial(&self, release: &Commitment) -> Result<(), DiskError> {
        if !self.holds(release) {
            return Ok(());
        }
        let partial = self.partial.join(release.to_string());
        self.disk.remove_dir(&partial)?;
        self.disk.rename(&self.folder(release), &partial)
    }

    fn folder(&self, release: &Commitment) -> PathBuf {
        self.shelf.join(release.to_string())
    }
}

/// Files that arrive. Dropped unkept, they are removed.
#[derive(Debug)]
pub struct Staging {
    disk: Disk,
    dir: PathBuf,
    kept: bool,
}

impl Staging {
    pub fn file(&self, n: u32) -> Result<DiskFile, DiskError> {
        self.disk.open(&self.dir.join(n.to_string()))
    }

    pub fn pages(&self, n: u32) -> Result<DiskFile, DiskError> {
        self.disk.open(&self.dir.join(format!("{n}.pages")))
    }

    /// For reading what was staged.
    pub fn path(&self, n: u32) -> PathBuf {
        self.dir.join(n.to_string())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// One file, read by chunk; nothing leaves that was not hashed on this very read.
#[derive(Debug)]
pub struct Reading {
    data: std::fs::File,
    pages: std::fs::File,
    list: PageList,
}

impl Reading {
    pub fn list(&self) -> &PageList {
        &self.list
    }

    /// Of the file itself.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.data.metadata()?.len())
    }

    pub fn page_bytes(&self, n: usize) -> Result<Bytes, ShelfError> {
        let (entries, _) = self.list.page(n).ok_or(ShelfError::Missing)?;
        let before: u64 = (0..n).filter_map(|p| self.list.page(p)).map(|(e, _)| u64::from(e) * 36).sum();
        let mut bytes = vec![0; (entries as usize).min(limits::PAGE_ENTRIES_MAX) * 36];
        read_exact(&self.pages, &mut bytes, 4 + self.list.bytes().len() as u64 + before)?;
        self.list.verify_page(n, &bytes)?;
        Ok(bytes.into())
    }

    pub fn page(&self, n: usize) -> Result<Vec<ChunkEntry>, ShelfError> {
        Ok(self.list.verify_page(n, &self.page_bytes(n)?)?)
    }

    pub fn chunk(&self, entry: &ChunkEntry, offset: u64) -> Result<VerifiedChunk, ShelfError> {
        let mut bytes = vec![0; entry.bytes as usize];
        read_exact(&self.data, &mut bytes, offset)?;
        Ok(entry.verify(bytes.into())?)
    }

    /// Every chunk in order.
    pub fn for_each(
        &self,
        mut each: impl FnMut(VerifiedChunk) -> Result<(), ShelfError>,
    ) -> Result<(), ShelfError> {
        let mut offset = 0;
        for page in 0..self.list.len() {
            for entry in self.page(page)? {
                each(self.chunk(&entry, offset)?)?;
                offset += u64::from(entry.bytes);
            }
        }
        Ok(())
    }
}

/// A file that ends early is damaged, not an error of the disk.
fn read_exact(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> Result<(), ShelfError> {
    use std::os::unix::fs::FileExt;
    match file.read_exact_at(buffer, offset) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(ChunkError::Chunk.into()),
        outcome => Ok(outcome?),
    }
}

/// A file on its way in, by position.
pub struct PartialFile {
    data: DiskFile,
    pages: DiskFile,
}

fn keep_error(error: DiskError) -> KeepError {
    KeepError::Io(io::Error::new(error.source.kind(), error.to_string()))
}

impl keeper::Partial for PartialFile {
    fn read_pages(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        Ok(self.pages.read_at(offset, bytes)?)
    }

    fn write_pages(&mut self, offset: u64, bytes: &[u8]) -> Result<(), KeepError> {
        self.pages.write_at(bytes, offset).map_err(keep_error)
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        Ok(self.data.read_at(offset, bytes)?)
    }

    fn write(&mut self, offset: u64, chunk: &VerifiedChunk) -> Result<(), KeepError> {
        self.data.write_at(chunk.bytes(), offset).map_err(keep_error)
    }

    fn sync(&mut self) -> Result<(), KeepError> {
        self.pages.sync().and_then(|()| self.data.sync()).map_err(keep_error)
    }
}
