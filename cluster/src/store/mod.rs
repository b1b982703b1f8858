//! What a node keeps: Raft's log and vote, and the agreed state, in the disk's engine; snapshots as files beside it.

mod flusher;
mod keys;
mod log;
mod machine;
mod snapshots;

use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::disk::{Disk, damaged};
use crate::feed::Feed;
use crate::state::State;

use flusher::Flusher;
pub(crate) use log::LogStore;
pub(crate) use machine::{Machine, Position};
use snapshots::Snapshots;

/// The stores of one node, opened.
pub(crate) struct Stores {
    pub(crate) log: LogStore,
    pub(crate) machine: Machine,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) feed: Arc<Feed>,
    /// How far the state is, and who is a member by what is committed.
    pub(crate) position: Arc<RwLock<Position>>,
}

/// Opens, or makes, the stores on a disk. What waits for the disk is a task of the runtime that this is called on.
pub(crate) fn open(disk: &Arc<dyn Disk>) -> io::Result<Stores> {
    let engine = disk.engine()?;
    let snapshots = Arc::new(Snapshots::open(Arc::clone(disk))?);
    let flusher = Flusher::start(Arc::clone(disk), Arc::clone(&engine));
    let log = LogStore::new(Arc::clone(disk), Arc::clone(&engine), flusher, Arc::clone(&snapshots));
    let (machine, state, feed) = Machine::open(engine, snapshots)?;
    if log.purged()? > machine.applied() {
        return Err(damaged("the log, whose start was removed before a snapshot took its place,"));
    }
    let position = machine.position();
    Ok(Stores { log, machine, state, feed, position })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use openraft::testing::{StoreBuilder, Suite};
    use parking_lot::Mutex;
    use tempfile::TempDir;

    use super::*;
    use crate::disk::Directory;
    use crate::disk::memory::Platter;
    use crate::raft::{RaftTypes, StorageError};

    /// Holds the directories until the end: a store whose directory goes while it works ends the process.
    #[derive(Default)]
    struct OnDisk {
        directories: Arc<Mutex<Vec<TempDir>>>,
    }

    impl StoreBuilder<RaftTypes, LogStore, Machine> for OnDisk {
        async fn build(&self) -> Result<((), LogStore, Machine), StorageError> {
            let path = tempfile::tempdir().expect("a directory");
            let disk: Arc<dyn Disk> = Arc::new(Directory::open(path.path()).expect("free"));
            let stores = open(&disk).expect("a fresh store");
            self.directories.lock().push(path);
            Ok(((), stores.log, stores.machine))
        }
    }

    struct InMemory;

    impl StoreBuilder<RaftTypes, LogStore, Machine> for InMemory {
        async fn build(&self) -> Result<((), LogStore, Machine), StorageError> {
            let disk: Arc<dyn Disk> = Arc::new(Platter::new(1, Duration::ZERO..Duration::ZERO).using());
            let stores = open(&disk).expect("a fresh store");
            Ok(((), stores.log, stores.machine))
        }
    }

    /// The contract that openraft has with its stores, as openraft tests it.
    #[test]
    fn the_stores_keep_the_contract_of_openraft() {
        let builder = OnDisk::default();
        let directories = Arc::clone(&builder.directories);
        Suite::test_all(builder).expect("the suite passes");
        drop(directories);
    }

    #[test]
    fn the_stores_keep_the_contract_over_another_engine() {
        Suite::test_all(InMemory).expect("the suite passes");
    }
}
