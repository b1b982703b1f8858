//! The engine that is sled, and its way to the disk.
//!
//! sled's `flush` hands the bytes to the operating system and no further (it calls `sync_file_range` on Linux), so it is
//! followed by an fsync of every file that has changed, and of the directories.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::directory::sync_directory;
use super::{Batch, Engine, Pair};

/// sled's cache. What is read again was written a moment ago, and all of the log has room: a page that has gone is read
/// whole for each of its entries.
const CACHE: u64 = 64 * 1024 * 1024;
/// A collection is sure to take what so many changes have replaced.
const COLLECTED: usize = 8;
/// sled lets go of a store a little after its last handle; that is waited for so long,
const RELEASE: Duration = Duration::from_secs(5);
/// and looked at so often.
const RETRY: Duration = Duration::from_millis(10);

pub(super) struct Sled {
    db: sled::Db,
    log: sled::Tree,
    files: Mutex<Files>,
}

impl Sled {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let config = sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None);
        let begun = Instant::now();
        let db = loop {
            match config.open().map_err(opening) {
                // The directory is ours alone: what holds the store is an earlier opening of it, whose threads still end.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && begun.elapsed() < RELEASE => {
                    std::thread::sleep(RETRY);
                }
                opened => break opened?,
            }
        };
        // Earlier releases kept the agreed state as well; what is in it is in the snapshot and the log.
        db.drop_tree("state")?;
        let files = Files { path: path.to_owned(), synced: HashMap::new() };
        Ok(Self { log: db.open_tree("log")?, db, files: Mutex::new(files) })
    }
}

/// Waits until sled has let go of a store whose handles are gone, and makes what it has written last outlive a power cut.
pub(super) fn close(path: &Path) -> io::Result<()> {
    let database = File::options().read(true).write(true).open(path.join("db"))?;
    let begun = Instant::now();
    // sled holds this lock for as long as any of its threads may write.
    while let Err(error) = database.try_lock() {
        if begun.elapsed() > RELEASE {
            return Err(error.into());
        }
        std::thread::sleep(RETRY);
    }
    Files { path: path.to_owned(), synced: HashMap::new() }.sync()
}

/// sled's word for a store that another one holds is text alone.
fn opening(error: sled::Error) -> io::Error {
    let error = io::Error::from(error);
    if error.to_string().starts_with("could not acquire lock") {
        return io::Error::new(io::ErrorKind::ResourceBusy, error);
    }
    error
}

impl Engine for Sled {
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.log.get(key)?.map(|value| value.to_vec()))
    }

    fn range<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
    ) -> Box<dyn DoubleEndedIterator<Item = io::Result<Pair>> + Send + 'a> {
        let pairs = self.log.range(from.to_vec()..to.to_vec());
        Box::new(pairs.map(|pair| {
            let (key, value) = pair?;
            Ok((key.to_vec(), value.to_vec()))
        }))
    }

    fn apply(&self, mut batch: Batch) -> io::Result<()> {
        // One change is whole by itself. A batch costs sled two more writes, which the next sync has to wait for.
        if batch.0.len() == 1
            && let Some((key, value)) = batch.0.pop()
        {
            match value {
                Some(value) => self.log.insert(key, value)?,
                None => self.log.remove(key)?,
            };
            return Ok(());
        }
        let count = batch.0.len();
        let mut changes = sled::Batch::default();
        for (key, value) in batch.0 {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        self.log.apply_batch(changes)?;
        collect(count);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.db.flush()?;
        self.files.lock().sync()
    }
}

/// Frees what so many changes have replaced.
///
/// sled leaves the pages that a change replaces to a collector, which by itself takes some hundred of them with every
/// hundredth call or so. A batch is one call and replaces thousands: they would pile up for as long as there are batches.
fn collect(changes: usize) {
    for _ in 0..=changes / COLLECTED {
        crossbeam_epoch::pin().flush();
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
            sync_directory(directory)?;
        }
        Ok(())
    }
}
