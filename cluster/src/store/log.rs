//! Raft's log and vote.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, Entry, ErrorSubject, ErrorVerb, OptionalSend, RaftLogReader, StorageIOError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::flusher::Flusher;
use super::keys;
use super::pieces::{self, Read};
use super::reach::Reach;
use super::snapshots::Snapshots;
use super::sweeper::Sweeper;
use super::weight::Weight;
use crate::disk::{self, Batch, Disk, Engine, damaged};
use crate::raft::{LogId, RaftTypes, StorageError, Vote};
use crate::{Index, NodeId};

/// The log, a cheap handle.
#[derive(Clone)]
pub(crate) struct LogStore {
    disk: Arc<dyn Disk>,
    engine: Arc<dyn Engine>,
    flusher: Flusher,
    reach: Arc<Reach>,
    weight: Arc<Weight>,
    snapshots: Arc<Snapshots>,
    sweeper: Sweeper,
}

/// Entries for one message take so many bytes, unless one alone takes more.
const MESSAGE: usize = 1024 * 1024;
/// The vote is kept beside the engine as well: losing it could elect two leaders in one term.
const VOTE: &str = "vote";

impl LogStore {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        engine: Arc<dyn Engine>,
        flusher: Flusher,
        reach: Arc<Reach>,
        snapshots: Arc<Snapshots>,
    ) -> io::Result<Self> {
        let first = first(value(&*engine, keys::PURGED)?.as_ref());
        let sweeper = Sweeper::start(Arc::clone(&disk), Arc::clone(&engine), flusher.clone(), first);
        Ok(Self { disk, engine, flusher, reach, weight: Arc::default(), snapshots, sweeper })
    }

    /// Reads all of it, and finds what is missing: at its end, by how far it is known to have reached, and in between.
    pub(super) fn check(&self, reached: Index) -> io::Result<()> {
        self.vote()?;
        let mut last = self.purged()?.map(|id| id.index);
        for read in pieces::read(&*self.engine, self.first()?, keys::ENTRIES.1) {
            let Read { index: kept, entry, bytes } = read?;
            let index = entry.log_id.index;
            if kept != index || index != last.map_or(0, |last| last + 1) {
                return Err(damaged(&format!("the log, which has a gap before {index},")));
            }
            self.weight.push(index, bytes);
            last = Some(index);
        }
        let last = last.unwrap_or_default();
        if last < reached {
            return Err(damaged(&format!("the log, which reached {reached} and ends at {last} now,")));
        }
        self.reach.appended(last);
        Ok(())
    }

    /// The last entry.
    pub(crate) fn last(&self) -> io::Result<Index> {
        Ok(self.state()?.last_log_id.map_or(0, |id| id.index))
    }

    /// Whether anything was ever written to it.
    pub(crate) fn was_used(&self) -> io::Result<bool> {
        Ok(self.vote()?.is_some() || self.state()?.last_log_id.is_some())
    }

    /// Term and last entry of a node that led when it went down: openraft makes it lead again at once.
    pub(crate) fn led_until(&self, node: NodeId) -> io::Result<Option<(u64, Index)>> {
        let led = self.vote()?.filter(|vote| vote.is_committed() && vote.leader_id().voted_for() == Some(node));
        let Some(vote) = led else { return Ok(None) };
        Ok(Some((vote.leader_id().term, self.last()?)))
    }

    /// Bytes of the entries that no snapshot has yet.
    pub(crate) fn weight_behind_snapshot(&self) -> u64 {
        self.weight.behind(self.snapshots.saved().map_or(0, |id| id.index))
    }

    /// The last entry that has more than so many bytes behind it, and is in the snapshot.
    pub(crate) fn heavier_than(&self, bytes: u64) -> Option<Index> {
        let last = self.weight.beyond(bytes)?.min(self.snapshots.saved()?.index);
        self.weight.first().is_some_and(|first| first <= last).then_some(last)
    }

    fn vote(&self) -> io::Result<Option<Vote>> {
        let inside: Option<Vote> = self.value(keys::VOTE)?;
        let beside: Option<Vote> = disk::read(&*self.disk, VOTE)?;
        // The one inside is on disk before the one beside is written, and votes only grow.
        if beside > inside {
            return Err(damaged("the log, which has lost a vote,"));
        }
        Ok(inside)
    }

    fn value<T: DeserializeOwned>(&self, key: &[u8]) -> io::Result<Option<T>> {
        value(&*self.engine, key)
    }

    fn set<T: Serialize>(&self, key: &[u8], value: &T) -> io::Result<()> {
        let mut batch = Batch::default();
        batch.insert(key, disk::pack(value)?);
        self.engine.apply(batch)
    }

    fn entries(&self, range: impl RangeBounds<u64>) -> io::Result<Vec<Entry<RaftTypes>>> {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index.saturating_add(1),
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        let start = start.max(self.first()?);
        if start >= end {
            return Ok(Vec::new());
        }
        pieces::read(&*self.engine, start, &keys::entry(end)).map(|read| Ok(read?.entry)).collect()
    }

    /// Entries from `start` on, as many as a message may have; at least one.
    fn some_entries(&self, start: u64, end: u64) -> io::Result<Vec<Entry<RaftTypes>>> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let start = start.max(self.first()?);
        if start >= end {
            return Ok(entries);
        }
        for read in pieces::read(&*self.engine, start, &keys::entry(end)) {
            let read = read?;
            bytes += read.bytes;
            if bytes > MESSAGE && !entries.is_empty() {
                break;
            }
            entries.push(read.entry);
        }
        Ok(entries)
    }

    /// Waits until everything that was written to the store so far is on disk.
    pub(crate) async fn barrier(&self) -> io::Result<()> {
        self.flusher.barrier().await
    }

    pub(super) fn purged(&self) -> io::Result<Option<LogId>> {
        self.value(keys::PURGED)
    }

    /// The first entry that is not purged: those before it may still be on disk.
    fn first(&self) -> io::Result<Index> {
        Ok(first(self.purged()?.as_ref()))
    }

    fn state(&self) -> io::Result<LogState<RaftTypes>> {
        let purged = self.purged()?;
        let first = keys::entry(first(purged.as_ref()));
        let last = match self.engine.range(&first, keys::ENTRIES.1).next_back().transpose()? {
            Some((key, _)) => {
                let last = pieces::read(&*self.engine, keys::entry_of(&key)?, keys::ENTRIES.1).next().transpose()?;
                last.map(|read| read.entry.log_id)
            }
            None => purged,
        };
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    /// Removes entries from `from` on, in one step.
    fn remove(&self, from: u64) -> io::Result<()> {
        let mut batch = Batch::default();
        for pair in self.engine.range(&keys::entry(from), keys::ENTRIES.1) {
            batch.remove(pair?.0);
        }
        self.engine.apply(batch)
    }
}

/// The first entry behind the purged ones.
fn first(purged: Option<&LogId>) -> Index {
    purged.map_or(0, |id| id.index.saturating_add(1))
}

fn value<T: DeserializeOwned>(engine: &dyn Engine, key: &[u8]) -> io::Result<Option<T>> {
    engine.get(key)?.map(|bytes| disk::unpack(&bytes)).transpose()
}

fn failed(subject: ErrorSubject<u64>, verb: ErrorVerb, error: &io::Error) -> StorageError {
    StorageError::IO { source: StorageIOError::new(subject, verb, AnyError::new(error)) }
}

impl RaftLogReader<RaftTypes> for LogStore {
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry<RaftTypes>>, StorageError> {
        self.some_entries(start, end).map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Read, &error))
    }

    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry<RaftTypes>>, StorageError> {
        self.entries(range).map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Read, &error))
    }
}

impl RaftLogStorage<RaftTypes> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<RaftTypes>, StorageError> {
        self.state().map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Read, &error))
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let failed = |error: io::Error| failed(ErrorSubject::Vote, ErrorVerb::Write, &error);
        self.set(keys::VOTE, vote).map_err(failed)?;
        // What was appended before goes to disk first, as Raft wants it, and the vote with it.
        self.flusher.barrier().await.map_err(failed)?;
        let (disk, vote) = (Arc::clone(&self.disk), *vote);
        self.disk.work(Box::new(move || disk::write(&*disk, VOTE, &vote))).await.map_err(failed)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        self.vote().map_err(|error| failed(ErrorSubject::Vote, ErrorVerb::Read, &error))
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<RaftTypes>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry<RaftTypes>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let failed = |error: io::Error| failed(ErrorSubject::Logs, ErrorVerb::Write, &error);
        let mut batch = Batch::default();
        let mut last = None;
        for entry in entries {
            let bytes = pieces::write(&mut batch, entry.log_id.index, &entry).map_err(failed)?;
            self.weight.push(entry.log_id.index, bytes);
            last = Some(entry.log_id.index);
        }
        self.engine.apply(batch).map_err(failed)?;
        if let Some(last) = last {
            self.reach.appended(last);
        }
        self.flusher.after(move || callback.log_io_completed(Ok(()))).await.map_err(failed)
    }

    /// Not waited for: a little less than what is committed is safe, and more is never written.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let saved = self.set(keys::COMMITTED, &committed);
        saved.map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Write, &error))
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        let read = self.value::<Option<LogId>>(keys::COMMITTED);
        read.map(Option::flatten).map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Read, &error))
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let failed = |error: io::Error| failed(ErrorSubject::Logs, ErrorVerb::Delete, &error);
        let (reach, last) = (Arc::clone(&self.reach), log_id.index.saturating_sub(1));
        self.disk.work(Box::new(move || reach.shorten(last))).await.map_err(failed)?;
        self.remove(log_id.index).map_err(failed)?;
        self.weight.truncate(log_id.index);
        self.flusher.barrier().await.map_err(failed)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        // What a snapshot takes the place of may go only when that is on disk.
        let on_disk = self.snapshots.wait_for(&log_id).await;
        on_disk.map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Delete, &error))?;
        // Not waited for: what a power cut brings back is purged again.
        let noted = self.set(keys::PURGED, &log_id);
        noted.map_err(|error| failed(ErrorSubject::Logs, ErrorVerb::Delete, &error))?;
        self.weight.purge(first(Some(&log_id)));
        self.sweeper.sweep(first(Some(&log_id)));
        Ok(())
    }
}
