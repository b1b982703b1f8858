//! On disk means fsynced: one thread that makes everything written so far outlive a power cut, for all who wait.
//!
//! sled's `flush` hands the bytes to the operating system and no further (it calls `sync_file_range` on Linux), so each
//! group of writes is flushed and then fsynced, files and directories, once for all that came meanwhile. A failed
//! fsync ends the process: the kernel forgets the pages it could not write, and a second fsync would succeed over
//! their loss.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;

use tokio::sync::oneshot;

/// So many waiters may queue before writers wait for the disk.
const QUEUE: usize = 4096;

/// Somebody who waits for what was written before.
type Waiter = Box<dyn FnOnce() + Send>;

/// The hand that wakes the thread. The thread ends when the last one is gone.
#[derive(Clone)]
pub(super) struct Flusher {
    waiters: SyncSender<Waiter>,
}

impl Flusher {
    pub(super) fn start(db: sled::Db, path: &Path) -> io::Result<Self> {
        let (waiters, queue) = sync_channel(QUEUE);
        let files = Files { path: path.to_owned(), synced: HashMap::new() };
        std::thread::Builder::new().name("flush".to_owned()).spawn(move || run(&db, files, &queue))?;
        Ok(Self { waiters })
    }

    /// Calls `then` once all that is written now is on disk.
    pub(super) fn after(&self, then: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.waiters.send(Box::new(then)).map_err(|_| io::Error::other("the flushing thread has ended"))
    }

    /// Waits until all that is written now is on disk.
    pub(super) async fn barrier(&self) -> io::Result<()> {
        let (done, waiting) = oneshot::channel();
        self.after(move || {
            let _ = done.send(());
        })?;
        waiting.await.map_err(|_| io::Error::other("the flushing thread has ended"))
    }
}

fn run(db: &sled::Db, mut files: Files, queue: &Receiver<Waiter>) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        group.extend(queue.try_iter().take(QUEUE));
        let result = db.flush().map_err(io::Error::from).and_then(|_| files.sync());
        if let Err(error) = result {
            tracing::error!(%error, "the disk did not take what was written; ending the process rather than losing it silently");
            std::process::abort();
        }
        for waiter in group {
            waiter();
        }
    }
}

/// sled's files, and how each was when it was last synced.
struct Files {
    path: PathBuf,
    synced: HashMap<PathBuf, (u64, SystemTime)>,
}

impl Files {
    fn sync(&mut self) -> io::Result<()> {
        let path = self.path.clone();
        self.sync_all_in(&path)?;
        let blobs = path.join("blobs");
        if blobs.is_dir() {
            self.sync_all_in(&blobs)?;
        }
        Ok(())
    }

    fn sync_all_in(&mut self, directory: &Path) -> io::Result<()> {
        let mut entries_changed = false;
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let about = match fs::metadata(&path) {
                Ok(about) if about.is_file() => about,
                Ok(_) => continue,
                // sled removes old files by itself.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let state = (about.len(), about.modified()?);
            let known = self.synced.get(&path);
            // The database file is written in place, within the resolution of its time stamp: it is always synced.
            if path.ends_with("db") || known != Some(&state) {
                File::open(&path)?.sync_data()?;
            }
            if known.is_none() {
                entries_changed = true;
            }
            self.synced.insert(path, state);
        }
        if entries_changed {
            crate::directory::sync_directory(directory)?;
        }
        Ok(())
    }
}
