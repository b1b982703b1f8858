//! A data directory, used by one process at a time.
//!
//! ```text
//! identity        node id, cluster id, instance
//! vote            the last vote, beside the engine's own copy
//! reach           how far the log was on disk
//! snapshot        the last snapshot
//! blob-…          the blobs, by their hashes
//! cluster.secret  only where the cluster's secret was made at bootstrap, or got for a join token
//! lock            held while a process runs
//! repaired        only where a damaged store was moved aside
//! damaged-1/ …    what was moved aside
//! store/          sled
//! store-fresh/    sled, while it is written anew
//! store-whole/    the same when it is done, until it is in the old one's place
//! store-old/      the old one, until it is removed
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::sled::{self, Sled};
use super::{Contents, Disk, Engine, File, Slate, Work};

/// What a file that is not kept yet ends with.
const TEMPORARY: &str = ".new";

pub(super) const STORE: &str = "store";
pub(super) const FRESH: &str = "store-fresh";
pub(super) const WHOLE: &str = "store-whole";
pub(super) const OLD: &str = "store-old";
/// All that there may be of a store.
pub(crate) const STORES: [&str; 4] = [WHOLE, FRESH, OLD, STORE];

/// A node's data directory, locked.
pub(crate) struct Directory {
    path: PathBuf,
    /// Held for its lock alone.
    _lock: fs::File,
    /// Files that were begun: each has a name of its own until it is kept.
    begun: AtomicU64,
}

impl Directory {
    /// Takes the directory for this process; makes it if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, "another process is using this data directory")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // What a crash left half written.
            if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { path: path.to_owned(), _lock: lock, begun: AtomicU64::new(0) })
    }

    /// Moves some of what is there into a new directory inside, in this order and each for good; answers with its name.
    pub(crate) fn set_aside(&self, names: &[&str]) -> io::Result<String> {
        let mut numbers = 1_u64..;
        let aside = loop {
            let name = format!("damaged-{}", numbers.next().unwrap_or_default());
            match fs::create_dir(self.path.join(&name)) {
                Ok(()) => break name,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        sync_directory(&self.path)?;
        for name in names {
            match fs::rename(self.path.join(name), self.path.join(&aside).join(name)) {
                Ok(()) => {
                    sync_directory(&self.path.join(&aside))?;
                    sync_directory(&self.path)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(aside)
    }

    /// Puts the store right that was written anew, wherever a crash has cut that off. Nothing is written to the old one
    /// from the moment on in which the new one is whole.
    fn settle_store(&self) -> io::Result<()> {
        let [whole, fresh, old, store] = STORES.map(|name| self.path.join(name));
        if whole.exists() {
            if store.exists() {
                remove_directory(&old)?;
                fs::rename(&store, &old)?;
                sync_directory(&self.path)?;
            }
            fs::rename(&whole, &store)?;
            sync_directory(&self.path)?;
        }
        remove_directory(&fresh)?;
        remove_directory(&old)
    }
}

impl Disk for Directory {
    fn open(&self, name: &str) -> io::Result<Option<File>> {
        match fs::File::open(self.path.join(name)) {
            Ok(file) => Ok(Some(File::new(name, String::new(), Box::new(OnDisk(file, None))))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let temporary = format!("{name}.{}{TEMPORARY}", self.begun.fetch_add(1, Ordering::Relaxed));
        // For its owner alone: snapshots hold what the application keeps secret.
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).read(true).write(true).mode(0o600);
        let path = self.path.join(&temporary);
        let file = options.open(&path)?;
        Ok(File::new(name, temporary, Box::new(OnDisk(file, Some(path)))))
    }

    fn keep(&self, mut file: File) -> io::Result<()> {
        file.contents.sync()?;
        fs::rename(self.path.join(&file.temporary), self.path.join(&file.name))?;
        file.contents.kept();
        sync_directory(&self.path)
    }

    fn names(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(prefix) && !name.ends_with(TEMPORARY) {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn slate(&self, name: &str, size: usize) -> io::Result<Box<dyn Slate>> {
        let mut options = OpenOptions::new();
        let file =
            options.create(true).truncate(false).read(true).write(true).mode(0o600).open(self.path.join(name))?;
        if file.metadata()?.len() != size as u64 {
            // Its place on the disk is taken now: later it could be full.
            file.set_len(0)?;
            file.put(0, &vec![0; size])?;
        }
        Ok(Box::new(file))
    }

    fn engine(&self) -> io::Result<Arc<dyn Engine>> {
        self.settle_store()?;
        let engine = Sled::open(&self.path.join(STORE))?;
        // The directory that was made just now must outlive a power cut as well.
        sync_directory(&self.path)?;
        Ok(Arc::new(engine))
    }

    fn engine_bytes(&self) -> u64 {
        bytes_in(&self.path.join(STORE))
    }

    fn fresh_engine(&self) -> io::Result<Arc<dyn Engine>> {
        let fresh = self.path.join(FRESH);
        remove_directory(&fresh)?;
        Ok(Arc::new(Sled::open(&fresh)?))
    }

    fn replace_engine(&self) -> io::Result<()> {
        sled::close(&self.path.join(STORE))?;
        sled::close(&self.path.join(FRESH))?;
        fs::rename(self.path.join(FRESH), self.path.join(WHOLE))?;
        sync_directory(&self.path)?;
        self.settle_store()
    }

    fn work(&self, work: Work) -> BoxFuture<'static, io::Result<()>> {
        let working = tokio::task::spawn_blocking(work);
        async move { working.await.unwrap_or_else(|error| Err(io::Error::other(error))) }.boxed()
    }

    fn fail(&self, error: &io::Error) {
        tracing::error!(%error, directory = %self.path.display(), "what was written can't be relied on; ending the process rather than going on without it");
        std::process::abort();
    }

    fn bytes(&self) -> u64 {
        bytes_in(&self.path)
    }

    fn size(&self, name: &str) -> u64 {
        fs::metadata(self.path.join(name)).map_or(0, |about| about.len())
    }

    fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.path).map_or(u64::MAX, |about| about.f_bavail.saturating_mul(about.f_frsize))
    }
}

/// A file, and where it is until it is kept: one that never is goes with its handle.
struct OnDisk(fs::File, Option<PathBuf>);

impl Contents for OnDisk {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn kept(&mut self) {
        self.1 = None;
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        if let Some(temporary) = &self.1 {
            let _ = fs::remove_file(temporary);
        }
    }
}

impl Read for OnDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for OnDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for OnDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Removes a directory, if it is there.
fn remove_directory(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Bytes of all files below a directory.
fn bytes_in(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes_in(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
