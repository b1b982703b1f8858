//! What a node keeps on disk: Raft's log and vote, and the agreed state, in sled; snapshots as files beside it.

mod durable;
mod keys;
mod log;
mod machine;

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::directory::Directory;
use crate::feed::Feed;
use crate::state::State;

pub(crate) use log::LogStore;
pub(crate) use machine::Machine;

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
    std::fs::create_dir_all(directory.snapshots())?;
    let db = sled::Config::new().path(&path).cache_capacity(CACHE).flush_every_ms(None).open()?;
    let flusher = durable::Flusher::start(db.clone(), &path)?;
    let log = LogStore::open(&db, flusher, directory.vote())?;
    let (machine, state, feed) = Machine::open(&db, directory.snapshots())?;
    // What was made just now must outlive a power cut as well: the directories themselves.
    crate::directory::sync_directory(path.parent().unwrap_or(Path::new(".")))?;
    Ok(Stores { log, machine, state, feed })
}

#[cfg(test)]
mod tests {
    use openraft::testing::{StoreBuilder, Suite};
    use tempfile::TempDir;

    use super::*;
    use crate::raft::{RaftTypes, StorageError};

    struct Builder;

    impl StoreBuilder<RaftTypes, LogStore, Machine, TempDir> for Builder {
        async fn build(&self) -> Result<(TempDir, LogStore, Machine), StorageError> {
            let path = tempfile::tempdir().expect("a directory");
            let directory = Directory::open(path.path()).expect("free");
            let stores = open(&directory).expect("a fresh store");
            Ok((path, stores.log, stores.machine))
        }
    }

    /// The contract that openraft has with its stores, as openraft tests it.
    #[test]
    fn the_stores_keep_the_contract_of_openraft() {
        Suite::test_all(Builder).expect("the suite passes");
    }
}
