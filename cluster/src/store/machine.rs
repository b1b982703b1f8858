//! The state machine: applies what is committed, in memory, and makes and takes snapshots.
//!
//! Nothing else of it is on disk: a node that starts reads the snapshot, and applies what the log has behind it once more.

use std::io;
use std::sync::Arc;

use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{
    AnyError, Entry, EntryPayload, ErrorSubject, ErrorVerb, OptionalSend, RaftSnapshotBuilder, StorageIOError,
};
use parking_lot::RwLock;

use super::snapshots::{self, Snapshots};
use crate::NodeId;
use crate::disk::File;
use crate::feed::{Changed, Feed};
use crate::raft::{LogId, Membership, Outcome, RaftTypes, SnapshotMeta, StorageError};
use crate::state::{Frozen, State};

/// The state machine.
pub(crate) struct Machine {
    snapshots: Arc<Snapshots>,
    state: Arc<RwLock<State>>,
    feed: Arc<Feed>,
    position: Arc<RwLock<Position>>,
}

/// How far the machine has come, and who was a member then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Position {
    applied: Option<LogId>,
    membership: Membership,
}

impl Position {
    /// Whether a node was a member, with a vote or without.
    pub(crate) fn has_member(&self, node: NodeId) -> bool {
        self.membership.membership().get_node(&node).is_some()
    }
}

impl From<&SnapshotMeta> for Position {
    fn from(meta: &SnapshotMeta) -> Self {
        Self { applied: meta.last_log_id, membership: meta.last_membership.clone() }
    }
}

impl Machine {
    /// Reads the snapshot. What is behind it in the log is applied when Raft starts.
    pub(super) fn open(snapshots: Arc<Snapshots>) -> io::Result<(Self, Arc<RwLock<State>>, Arc<Feed>)> {
        let (position, state) = match snapshots.current()? {
            Some(mut file) => {
                let (meta, state) = snapshots::read(&mut file)?;
                (Position::from(&meta), state)
            }
            None => (Position::default(), State::default()),
        };
        let feed = Feed::new(state.applied());
        let state = Arc::new(RwLock::new(state));
        let position = Arc::new(RwLock::new(position));
        let machine = Self { snapshots, feed: Arc::clone(&feed), state: Arc::clone(&state), position };
        Ok((machine, state, feed))
    }

    fn apply_all(&mut self, entries: impl Iterator<Item = Entry<RaftTypes>>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        let mut position = self.position.read().clone();
        let mut state = self.state.write();
        for entry in entries {
            let index = entry.log_id.index;
            position.applied = Some(entry.log_id);
            let outcome = match entry.payload {
                EntryPayload::Blank => Outcome::Nothing,
                EntryPayload::Membership(membership) => {
                    position.membership = Membership::new(Some(entry.log_id), membership);
                    Outcome::Nothing
                }
                EntryPayload::Normal(command) => {
                    let (outcome, changed) = state.apply(index, &command);
                    if !changed.is_empty() {
                        changes.push(Changed { index, keys: Arc::from(changed) });
                    }
                    outcome
                }
            };
            state.advance(index);
            outcomes.push(outcome);
        }
        let applied = state.applied();
        drop(state);
        *self.position.write() = position;
        self.feed.publish(changes, applied);
        outcomes
    }

    /// Takes a snapshot that came from the leader.
    async fn install(&mut self, meta: &SnapshotMeta, mut file: File) -> io::Result<()> {
        let read = move || {
            let (_, state) = snapshots::read(&mut file)?;
            Ok((file, state))
        };
        let (file, state) = self.snapshots.work(read).await?;
        self.snapshots.save(file, meta.last_log_id).await?;
        let applied = state.applied();
        *self.state.write() = state;
        *self.position.write() = Position::from(meta);
        self.feed.restart(applied);
        Ok(())
    }

    /// How far it has come; follows it.
    pub(super) fn position(&self) -> Arc<RwLock<Position>> {
        Arc::clone(&self.position)
    }

    /// The last entry that was applied.
    pub(super) fn applied(&self) -> Option<LogId> {
        self.position.read().applied
    }
}

fn failed(subject: ErrorSubject<u64>, verb: ErrorVerb, error: &io::Error) -> StorageError {
    StorageError::IO { source: StorageIOError::new(subject, verb, AnyError::new(error)) }
}

impl RaftStateMachine<RaftTypes> for Machine {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), StorageError> {
        let position = self.position.read().clone();
        Ok((position.applied, position.membership))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, StorageError>
    where
        I: IntoIterator<Item = Entry<RaftTypes>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        Ok(self.apply_all(entries.into_iter()))
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            state: Arc::clone(&self.state),
            position: Arc::clone(&self.position),
            snapshots: Arc::clone(&self.snapshots),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<File>, StorageError> {
        self.snapshots.set_coming(true);
        let begun = self.snapshots.begin();
        begun.map(Box::new).map_err(|error| failed(ErrorSubject::Snapshot(None), ErrorVerb::Write, &error))
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Box<File>) -> Result<(), StorageError> {
        let installed = self.install(meta, *snapshot).await;
        if installed.is_ok() {
            self.snapshots.set_coming(false);
        }
        installed.map_err(|error| failed(ErrorSubject::Snapshot(Some(meta.signature())), ErrorVerb::Write, &error))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<RaftTypes>>, StorageError> {
        let current = || {
            let Some(mut file) = self.snapshots.current()? else { return Ok(None) };
            Ok(Some(Snapshot { meta: snapshots::read_meta(&mut file)?, snapshot: Box::new(file) }))
        };
        current().map_err(|error| failed(ErrorSubject::Snapshot(None), ErrorVerb::Read, &error))
    }
}

/// A copy of state and position that belong together; `None` in the moment between the two being written.
///
/// Documents are shared, not copied, so that the lock is held briefly.
fn freeze(state: &RwLock<State>, position: &RwLock<Position>) -> Option<(Frozen, Position)> {
    let position = position.read().clone();
    let state = state.read();
    (state.applied() == position.applied.map_or(0, |id| id.index)).then(|| (state.freeze(), position))
}

/// Makes a snapshot while commits go on.
pub(crate) struct Builder {
    state: Arc<RwLock<State>>,
    position: Arc<RwLock<Position>>,
    snapshots: Arc<Snapshots>,
}

impl Builder {
    async fn build(&self) -> io::Result<Snapshot<RaftTypes>> {
        let (frozen, position) = loop {
            let (state, position) = (Arc::clone(&self.state), Arc::clone(&self.position));
            // It takes a while, in which a thread that others wait for would be missing.
            match self.snapshots.work(move || Ok(freeze(&state, &position))).await? {
                Some(frozen) => break frozen,
                None => tokio::task::yield_now().await,
            }
        };
        let id = position.applied.map_or_else(|| "0".to_owned(), |id| format!("{}-{}", id.leader_id.term, id.index));
        let meta =
            SnapshotMeta { last_log_id: position.applied, last_membership: position.membership, snapshot_id: id };
        let (mut file, header) = (self.snapshots.begin()?, meta.clone());
        let written = self.snapshots.work(move || {
            snapshots::write(&mut file, &header, frozen)?;
            Ok(file)
        });
        self.snapshots.save(written.await?, meta.last_log_id).await?;
        let mut current = self.snapshots.current()?.ok_or_else(|| io::Error::other("the snapshot is gone"))?;
        // It may be a later one, which came from the leader meanwhile.
        Ok(Snapshot { meta: snapshots::read_meta(&mut current)?, snapshot: Box::new(current) })
    }
}

impl RaftSnapshotBuilder<RaftTypes> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<RaftTypes>, StorageError> {
        self.build().await.map_err(|error| failed(ErrorSubject::Snapshot(None), ErrorVerb::Write, &error))
    }
}
