//! What a node keeps on disk: Raft's log and vote, and the agreed state, in sled; snapshots as files beside it.

mod durable;
mod keys;
mod log;
mod machine;
mod snapshots;

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::directory::Directory;
use crate::feed::Feed;
use crate::state::State;

pub(crate) use log::LogStore;
pub(crate) use machine::Machine;
use snapshots::Snapshots;

/// sled's cache: the documents are in memory anyway.
const CACHE: u64 = 8 * 1024 * 1024;

/// The stores of one node, opened.
pub(crate) struct Stores {
    pub(crate) log: LogStore,
    pub(crate) machine: Machine,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) feed: Arc<Feed>,
}

/// Opens, or makes, the stores in a node's directory.
pub(crate) fn open(directory: &Directory) -> io::Result<Stores> {
    let path = directory.store();
    let snapshots = Arc::new(Snapshots::open(directory.snapshots())?);
    let db = sled::Config::new().path(&path).cache_capacity(CACHE).flush_every_ms(None).open()?;
    let flusher = durable::Flusher::start(db.clone(), &path)?;
    let log = LogStore::open(&db, flusher, directory.vote(), Arc::clone(&snapshots))?;
    let (machine, state, feed) = Machine::open(&db, snapshots)?;
    if log.purged()? > machine.applied() {
        return Err(keys::damaged("the log, whose start was removed before a snapshot took its place,"));
    }
    // What was made just now must outlive a power cut as well: the directories themselves.
    crate::directory::sync_directory(path.parent().unwrap_or(Path::new(".")))?;
    Ok(Stores { log, machine, state, feed })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use openraft::testing::{StoreBuilder, Suite};
    use parking_lot::Mutex;
    use tempfile::TempDir;

    use super::*;
    use crate::raft::{RaftTypes, StorageError};

    /// Holds the directories until the end: a store whose directory goes while it works ends the process.
    #[derive(Default)]
    struct Builder {
        directories: Arc<Mutex<Vec<TempDir>>>,
    }

    impl StoreBuilder<RaftTypes, LogStore, Machine> for Builder {
        async fn build(&self) -> Result<((), LogStore, Machine), StorageError> {
            let path = tempfile::tempdir().expect("a directory");
            let directory = Directory::open(path.path()).expect("free");
            let stores = open(&directory).expect("a fresh store");
            self.directories.lock().push(path);
            Ok(((), stores.log, stores.machine))
        }
    }

    /// The contract that openraft has with its stores, as openraft tests it.
    #[test]
    fn the_stores_keep_the_contract_of_openraft() {
        let builder = Builder::default();
        let directories = Arc::clone(&builder.directories);
        Suite::test_all(builder).expect("the suite passes");
        drop(directories);
    }
}
