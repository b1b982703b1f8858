//! What a node keeps: Raft's log and vote in the disk's engine, the agreed state as a snapshot beside it.

mod flusher;
mod keys;
mod log;
mod machine;
mod pieces;
mod reach;
mod snapshots;
mod sweeper;
mod weight;

use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::disk::{Disk, Engine, damaged};
use crate::feed::Feed;
use crate::state::State;

use flusher::Flusher;
pub(crate) use log::LogStore;
pub(crate) use machine::{Machine, Position};
use reach::Reach;
pub(crate) use snapshots::CURRENT as SNAPSHOT;
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

/// Opens, or makes, the stores on a disk, and finds what is damaged. What waits for the disk is a task of the runtime that this is called on.
pub(crate) fn open(disk: &Arc<dyn Disk>, engine: Arc<dyn Engine>) -> io::Result<Stores> {
    let snapshots = Arc::new(Snapshots::open(Arc::clone(disk))?);
    let (reach, reached) = Reach::open(&**disk)?;
    let reach = Arc::new(reach);
    let flusher = Flusher::start(Arc::clone(disk), Arc::clone(&engine), Arc::clone(&reach));
    let log = LogStore::new(Arc::clone(disk), Arc::clone(&engine), flusher, reach, Arc::clone(&snapshots))?;
    log.check(reached)?;
    let (machine, state, feed) = Machine::open(snapshots)?;
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

    use openraft::storage::{RaftLogStorage, RaftStateMachine};
    use openraft::testing::{StoreBuilder, Suite};
    use openraft::{CommittedLeaderId, Entry, EntryPayload, LogId, RaftLogReader, RaftSnapshotBuilder};
    use parking_lot::Mutex;
    use tempfile::TempDir;

    use super::*;
    use crate::Index;
    use crate::disk::memory::Platter;
    use crate::disk::{self, Batch, Directory};
    use crate::raft::{Command, RaftTypes, StorageError, Vote};
    use crate::state::REMEMBERED;
    use crate::transaction::Transaction;

    fn open(disk: &Arc<dyn Disk>) -> io::Result<Stores> {
        super::open(disk, disk.engine()?)
    }

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

    const REACHED: u64 = 5;

    /// A disk whose log has these entries, and reached the fifth.
    fn with_log(entries: impl Iterator<Item = u64>) -> Arc<dyn Disk> {
        let disk: Arc<dyn Disk> = Arc::new(Platter::new(1, Duration::ZERO..Duration::ZERO).using());
        let mut batch = Batch::default();
        for index in entries {
            let log_id = LogId::new(CommittedLeaderId::new(1, 1), index);
            let entry = Entry::<RaftTypes> { log_id, payload: EntryPayload::Blank };
            pieces::write(&mut batch, index, &entry).expect("packed");
        }
        disk.engine().expect("an engine").apply(batch).expect("applied");
        let (reach, _) = Reach::open(&*disk).expect("opened");
        reach.appended(REACHED);
        reach.synced(reach.begin()).expect("written");
        disk
    }

    #[tokio::test]
    async fn a_log_that_has_lost_something_is_not_opened() {
        let why = |disk: &Arc<dyn Disk>| open(disk).err().map(|error| error.to_string());
        assert_eq!(why(&with_log(0..=REACHED)), None);
        assert_eq!(why(&with_log(0..=REACHED + 1)), None);
        let damaged = |what: &str| Some(format!("the log, which {what}, is damaged"));
        assert_eq!(why(&with_log(0..REACHED)), damaged("reached 5 and ends at 4 now"));
        assert_eq!(why(&with_log(0..0)), damaged("reached 5 and ends at 0 now"));
        assert_eq!(why(&with_log(1..=REACHED)), damaged("has a gap before 1"));
        assert_eq!(why(&with_log((0..=REACHED).filter(|index| *index != 3))), damaged("has a gap before 4"));
    }

    #[tokio::test]
    async fn a_log_that_has_lost_a_vote_is_not_opened() {
        let disk = with_log(0..=REACHED);
        disk::write(&*disk, "vote", &Vote::new(2, 1)).expect("written");
        let error = open(&disk).err().expect("refused");
        assert_eq!(error.to_string(), "the log, which has lost a vote, is damaged");
    }

    /// The contract that openraft has with its stores, as openraft tests it.
    #[test]
    fn the_stores_keep_the_contract_of_openraft() {
        let builder = OnDisk::default();
        let directories = Arc::clone(&builder.directories);
        Suite::test_all(builder).expect("the suite passes");
        drop(directories);
    }

    fn group(index: Index) -> Entry<RaftTypes> {
        let put = |n: u64| Transaction::new().put(format!("document/{n}"), "text");
        // Some come twice, and are not remembered twice.
        let id = |n: u64| u128::from(index * 15 + n % 15);
        let commands = (0..16).map(|n| Command::Transact { id: id(n), since: index - 1, transaction: put(n) });
        let leader = CommittedLeaderId::new(1, 1);
        Entry { log_id: LogId::new(leader, index), payload: EntryPayload::Normal(Command::Group(commands.collect())) }
    }

    #[tokio::test]
    async fn a_node_that_starts_again_remembers_what_the_others_do() {
        let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
        let disk: Arc<dyn Disk> = Arc::new(platter.using());
        let mut stores = open(&disk).expect("a fresh store");
        // More than are remembered, and not a whole number of groups.
        let groups = REMEMBERED as Index / 15 + 20;
        stores.machine.apply((1..=groups).map(group)).await.expect("applied");
        stores.machine.get_snapshot_builder().await.build_snapshot().await.expect("built");
        let before = stores.state.read().freeze();
        let disk: Arc<dyn Disk> = Arc::new(platter.using());
        let again = open(&disk).expect("the store");
        assert_eq!(before.recent.len(), REMEMBERED);
        assert_eq!(again.state.read().freeze(), before);
    }

    #[tokio::test]
    async fn what_is_purged_is_gone_at_once_and_the_disk_follows() {
        let platter = Platter::new(1, Duration::ZERO..Duration::ZERO);
        let disk: Arc<dyn Disk> = Arc::new(platter.using());
        let mut stores = open(&disk).expect("a fresh store");
        let engine = disk.engine().expect("the engine");
        let entries = || engine.range(keys::ENTRIES.0, keys::ENTRIES.1).count();
        // Written past openraft, which alone can make what is called when an append is on disk.
        for entry in (1..=100).map(group) {
            let mut batch = Batch::default();
            pieces::write(&mut batch, entry.log_id.index, &entry).expect("packed");
            engine.apply(batch).expect("written");
        }
        for (purged, left) in [(90, 10), (100, 0)] {
            stores.log.purge(group(purged).log_id).await.expect("purged");
            let state = stores.log.get_log_state().await.expect("a state");
            assert_eq!(state.last_purged_log_id, Some(group(purged).log_id));
            assert_eq!(state.last_log_id, Some(group(100).log_id));
            assert_eq!(stores.log.try_get_log_entries(1..=100).await.expect("read").len(), left);
            while entries() > left {
                tokio::task::yield_now().await;
            }
        }
    }

    #[test]
    fn the_stores_keep_the_contract_over_another_engine() {
        Suite::test_all(InMemory).expect("the suite passes");
    }
}
