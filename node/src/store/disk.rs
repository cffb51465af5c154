//! Every durable operation of the node, in one file, numbered.
//!
//! The number is what fault injection counts by (feature `fault`): a test fails operation 1, then 2, and
//! so on until a run ends untouched, so that no write is forgotten. Reads are not counted.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A durable operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {path}: {source}", path = path.display())]
pub struct DiskError {
    pub operation: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl DiskError {
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// After a failed sync nobody knows what is on the platter, and asking again can answer "fine":
    /// the process must stop and read its files anew.
    pub fn is_sync(&self) -> bool {
        self.operation == "sync"
    }
}

/// The way to the disk. Clones share one counter.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    operations: Arc<AtomicU64>,
    /// Smaller segments than usual, so that a test meets their ends.
    segment_bytes: Option<u64>,
    #[cfg(feature = "fault")]
    fault: Arc<fault::Plan>,
}

impl Disk {
    /// With the feature `fault`, takes its orders from `TALANOA_FAULT`.
    pub fn from_env() -> Self {
        Self {
            operations: Arc::default(),
            #[cfg(not(feature = "fault"))]
            segment_bytes: None,
            #[cfg(feature = "fault")]
            segment_bytes: std::env::var("TALANOA_SEGMENT_BYTES").ok().and_then(|n| n.parse().ok()),
            #[cfg(feature = "fault")]
            fault: Arc::new(fault::Plan::from_env()),
        }
    }

    /// For tests: the power fails at operation `at`, in the manner of `kind`; from there on every operation
    /// fails, as if the process were gone.
    #[cfg(feature = "fault")]
    pub fn crashing(kind: &str, at: u64) -> Self {
        Self { fault: Arc::new(fault::Plan::crashing(kind, at)), ..Self::default() }
    }

    #[cfg(feature = "fault")]
    pub fn with_segment_bytes(self, bytes: u64) -> Self {
        Self { segment_bytes: Some(bytes), ..self }
    }

    pub(super) fn segment_bytes_max(&self) -> u64 {
        self.segment_bytes.unwrap_or(crate::store::ledger::SEGMENT_BYTES_MAX)
    }

    /// Durable operations begun so far.
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::SeqCst)
    }

    pub fn open(&self, path: &Path) -> Result<DiskFile, DiskError> {
        let created = !path.exists();
        let file = self.run("open", path, || {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
        })?;
        if created {
            self.sync_parent(path)?;
        }
        Ok(DiskFile { disk: self.clone(), file: Arc::new(file), path: path.to_owned() })
    }

    /// All or nothing: a new file takes the old one's place in one rename.
    pub fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let fresh = path.with_extension("new");
        let file = self.open(&fresh)?;
        file.set_len(0)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.rename(&fresh, path)
    }

    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.run("rename", to, || fs::rename(from, to))?;
        self.sync_parent(to)
    }

    pub fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        if path.is_dir() {
            return Ok(());
        }
        self.run("create", path, || {
            use std::os::unix::fs::DirBuilderExt;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
        })?;
        self.sync_parent(path)
    }

    pub fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        match self.run("remove", path, || fs::remove_file(path)) {
            Err(e) if e.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        self.sync_parent(path)
    }

    pub fn remove_dir(&self, path: &Path) -> Result<(), DiskError> {
        match self.run("remove", path, || fs::remove_dir_all(path)) {
            Err(e) if e.source.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        self.sync_parent(path)
    }

    fn sync_parent(&self, path: &Path) -> Result<(), DiskError> {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.run("sync", parent, || File::open(parent)?.sync_all())
    }

    fn run<T>(
        &self,
        operation: &'static str,
        path: &Path,
        action: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let _number = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        #[cfg(feature = "fault")]
        let outcome = self.fault.before(_number, operation).and_then(|()| action());
        #[cfg(not(feature = "fault"))]
        let outcome = action();
        outcome.map_err(|source| DiskError { operation, path: path.to_owned(), source })
    }
}

/// An open file whose writes are counted. Clones share the file.
#[derive(Clone, Debug)]
pub struct DiskFile {
    disk: Disk,
    file: Arc<File>,
    path: PathBuf,
}

impl DiskFile {
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), DiskError> {
        #[cfg(feature = "fault")]
        if self.disk.fault.takes_write(self.disk.operations() + 1) {
            self.disk.operations.fetch_add(1, Ordering::SeqCst);
            let done = self.disk.fault.write(&self.file, bytes, offset);
            return done.map_err(|source| DiskError { operation: "write", path: self.path.clone(), source });
        }
        self.disk.run("write", &self.path, || self.file.write_all_at(bytes, offset))
    }

    pub fn sync(&self) -> Result<(), DiskError> {
        self.disk.run("sync", &self.path, || self.file.sync_data())
    }

    pub fn set_len(&self, bytes: u64) -> Result<(), DiskError> {
        self.disk.run("truncate", &self.path, || self.file.set_len(bytes))
    }

    /// Up to `bytes`; less at the end of the file.
    pub fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        let mut filled = 0;
        while filled < bytes {
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        buffer.truncate(filled);
        Ok(buffer)
    }

    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Space set aside while there is some, so that consent can still be taken back when the disk is full.
#[derive(Debug)]
pub struct Reserve {
    disk: Disk,
    path: PathBuf,
}

const RESERVE_BYTES: usize = 16 << 20;

impl Reserve {
    pub fn new(disk: Disk, path: PathBuf) -> Self {
        Self { disk, path }
    }

    /// Made anew when there is room again. Failing to is no fault: the disk is full, and says so elsewhere.
    pub fn fill(&self) -> bool {
        if self.is_filled() {
            return true;
        }
        let filled = self.disk.open(&self.path).and_then(|file| {
            // Real bytes: a sparse file reserves nothing.
            let block = vec![0xa5; 1 << 20];
            (0..RESERVE_BYTES).step_by(block.len()).try_for_each(|at| file.write_at(&block, at as u64))?;
            file.sync()
        });
        if filled.is_err() {
            let _ = self.free();
        }
        filled.is_ok()
    }

    pub fn is_filled(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|m| m.len() >= RESERVE_BYTES as u64)
    }

    pub fn free(&self) -> Result<(), DiskError> {
        #[cfg(feature = "fault")]
        self.disk.fault.freed();
        self.disk.remove_file(&self.path)
    }
}

#[cfg(feature = "fault")]
mod fault {
    //! `TALANOA_FAULT=kill|lost|torn|eio|enospc@N`: what happens at durable operation N.

    use std::{
        fs::File,
        io,
        os::unix::fs::FileExt,
        sync::{
            Arc, Mutex,
            atomic::{AtomicBool, AtomicI64, Ordering},
        },
    };

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Kind {
        /// The process is killed before the operation.
        Kill,
        /// A write is seen by everybody and never reaches the platter: the power fails at the next sync.
        Lost,
        /// Half of a write reaches the platter, and the power fails.
        Torn,
        Eio,
        /// No space from here on, until the reserve is freed.
        Enospc,
    }

    impl Kind {
        fn parse(text: &str) -> Option<Self> {
            match text {
                "kill" => Some(Self::Kill),
                "lost" => Some(Self::Lost),
                "torn" => Some(Self::Torn),
                "eio" => Some(Self::Eio),
                "enospc" => Some(Self::Enospc),
                _ => None,
            }
        }
    }

    #[derive(Debug, Default)]
    pub struct Plan {
        fault: Option<(Kind, u64)>,
        lost: Mutex<Option<Lost>>,
        told: AtomicBool,
        freed: AtomicI64,
        /// The process of a simulated crash: gone, or about to be.
        simulated: bool,
        dead: AtomicBool,
    }

    /// What the platter holds in place of a write that is only in the cache.
    #[derive(Debug)]
    struct Lost {
        file: Arc<File>,
        offset: u64,
        before: Vec<u8>,
        bytes: u64,
    }

    /// Operations for which a freed reserve has room.
    const FREED_OPERATIONS: i64 = 64;

    impl Plan {
        pub fn from_env() -> Self {
            let parse = |text: String| {
                let (kind, number) = text.split_once('@')?;
                Some((Kind::parse(kind)?, number.parse().ok()?))
            };
            Self { fault: std::env::var("TALANOA_FAULT").ok().and_then(parse), ..Self::default() }
        }

        pub fn crashing(kind: &str, at: u64) -> Self {
            Self { fault: Kind::parse(kind).map(|kind| (kind, at)), simulated: true, ..Self::default() }
        }

        /// As `kill -9` does it: no destructor, no flush, no goodbye.
        fn die(&self) -> io::Result<()> {
            if self.simulated {
                self.dead.store(true, Ordering::SeqCst);
                return Err(io::Error::other("the power failed"));
            }
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            std::process::abort()
        }

        pub fn before(&self, number: u64, operation: &str) -> io::Result<()> {
            let Some((kind, at)) = self.fault else { return Ok(()) };
            if self.dead.load(Ordering::SeqCst) {
                return Err(io::Error::other("the power failed"));
            }
            if operation == "sync" {
                self.lose()?;
            }
            match kind {
                Kind::Kill | Kind::Lost | Kind::Torn if number == at => self.die(),
                Kind::Eio if number == at => {
                    self.tell();
                    Err(io::Error::from_raw_os_error(5))
                }
                Kind::Enospc if number >= at && matches!(operation, "write" | "open" | "create") => {
                    if self.freed.fetch_sub(1, Ordering::SeqCst) > 0 {
                        return Ok(());
                    }
                    self.tell();
                    Err(io::Error::from_raw_os_error(28))
                }
                _ => Ok(()),
            }
        }

        pub fn takes_write(&self, number: u64) -> bool {
            matches!(self.fault, Some((Kind::Lost | Kind::Torn, at)) if at == number)
        }

        /// The write that the fault is about.
        pub fn write(&self, file: &Arc<File>, bytes: &[u8], offset: u64) -> io::Result<()> {
            if matches!(self.fault, Some((Kind::Torn, _))) {
                file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
                return self.die();
            }
            let length = file.metadata()?.len();
            let mut before = vec![0; (length.saturating_sub(offset) as usize).min(bytes.len())];
            file.read_exact_at(&mut before, offset)?;
            file.write_all_at(bytes, offset)?;
            *self.lost() = Some(Lost { file: Arc::clone(file), offset, before, bytes: length });
            Ok(())
        }

        /// A process that survives its fault says that it came: the test cannot see it otherwise.
        fn tell(&self) {
            if !self.told.swap(true, Ordering::SeqCst) {
                eprintln!("TALANOA_FAULT came");
            }
        }

        /// The power fails: what was not on the platter is gone.
        fn lose(&self) -> io::Result<()> {
            let Some(lost) = self.lost().take() else { return Ok(()) };
            let _ = lost.file.write_all_at(&lost.before, lost.offset);
            let _ = lost.file.set_len(lost.bytes);
            self.die()
        }

        fn lost(&self) -> std::sync::MutexGuard<'_, Option<Lost>> {
            self.lost.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }

        pub fn freed(&self) {
            self.freed.store(FREED_OPERATIONS, Ordering::SeqCst);
        }
    }
}
