//! The state machine: applies what is committed to memory and to sled, and makes and takes snapshots.
//!
//! sled may trail behind by what a power cut takes: it is brought up from the snapshot and the log, which are fsynced.

use std::io::{self, Cursor};
use std::sync::Arc;

use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{
    AnyError, Entry, EntryPayload, ErrorSubject, ErrorVerb, OptionalSend, RaftSnapshotBuilder, StorageIOError,
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use sled::{Batch, Tree};

use super::snapshots::Snapshots;
use super::{keys, snapshots};
use crate::feed::{Changed, Feed};
use crate::raft::{LogId, Membership, Outcome, RaftTypes, SnapshotMeta, StorageError};
use crate::state::{Document, Effect, Frozen, State};
use crate::{Index, codec};

/// The state machine.
pub(crate) struct Machine {
    tree: Tree,
    snapshots: Arc<Snapshots>,
    state: Arc<RwLock<State>>,
    feed: Arc<Feed>,
    position: Arc<RwLock<Position>>,
}

/// How far the machine has come, and who was a member then.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Position {
    applied: Option<LogId>,
    membership: Membership,
}

impl Machine {
    /// Loads the state; from the snapshot where that is ahead of the store.
    pub(super) fn open(db: &sled::Db, snapshots: Arc<Snapshots>) -> io::Result<(Self, Arc<RwLock<State>>, Arc<Feed>)> {
        let tree = db.open_tree(keys::STATE)?;
        let position: Position = match tree.get(keys::APPLIED)? {
            Some(bytes) => keys::unpack(&bytes)?,
            None => Position::default(),
        };
        let state = load(&tree, position.applied.map_or(0, |id| id.index))?;
        let mut machine = Self {
            tree,
            snapshots,
            feed: Feed::new(state.applied()),
            state: Arc::new(RwLock::new(state)),
            position: Arc::new(RwLock::new(position)),
        };
        if let Some(file) = machine.snapshots.read()?
            && file.meta.last_log_id > machine.position.read().applied
        {
            machine.replace(&file.meta, &file.data)?;
        }
        let (state, feed) = (Arc::clone(&machine.state), Arc::clone(&machine.feed));
        Ok((machine, state, feed))
    }

    fn apply_all(&mut self, entries: impl Iterator<Item = Entry<RaftTypes>>) -> io::Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        let mut batch = Batch::default();
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
                    let (outcome, effect) = state.apply(index, &command);
                    write(&mut batch, &state, &effect)?;
                    if !effect.changed.is_empty() {
                        changes.push(Changed { index, keys: Arc::from(effect.changed) });
                    }
                    outcome
                }
            };
            state.advance(index);
            outcomes.push(outcome);
        }
        let applied = state.applied();
        drop(state);
        batch.insert(keys::APPLIED, keys::pack(&position)?);
        self.tree.apply_batch(batch)?;
        *self.position.write() = position;
        self.feed.publish(changes, applied);
        Ok(outcomes)
    }

    /// Puts a snapshot's state in the place of everything.
    fn replace(&mut self, meta: &SnapshotMeta, data: &[u8]) -> io::Result<()> {
        let frozen: Frozen = codec::decode(data)?;
        let position = Position { applied: meta.last_log_id, membership: meta.last_membership.clone() };
        // One batch: after a crash there is the old state or the new one.
        let mut batch = Batch::default();
        for key in self.tree.iter().keys() {
            batch.remove(key?);
        }
        for (key, revision, value) in &frozen.documents {
            batch.insert(keys::document(key), keys::pack(&(revision, Bytes::new(value)))?);
        }
        for (place, id, outcome) in &frozen.recent {
            batch.insert(keys::remembered(*place), keys::pack(&(id, outcome))?);
        }
        for (node, instance) in &frozen.nodes {
            batch.insert(keys::node(*node), keys::pack(instance)?);
        }
        batch.insert(keys::APPLIED, keys::pack(&position)?);
        self.tree.apply_batch(batch)?;
        let mut state = State::thaw(frozen);
        state.advance(meta.last_log_id.map_or(0, |id| id.index));
        let applied = state.applied();
        *self.state.write() = state;
        *self.position.write() = position;
        self.feed.restart(applied);
        Ok(())
    }

    /// The last entry that was applied.
    pub(super) fn applied(&self) -> Option<LogId> {
        self.position.read().applied
    }
}

/// Adds to a batch what applying one command did.
fn write(batch: &mut Batch, state: &State, effect: &Effect) -> io::Result<()> {
    for changed in &effect.changed {
        match state.document(&changed.key) {
            Some(Document { revision, value }) => {
                batch.insert(keys::document(&changed.key), keys::pack(&(revision, Bytes::new(value)))?);
            }
            None => batch.remove(keys::document(&changed.key)),
        }
    }
    for (place, id, outcome) in &effect.remembered {
        batch.insert(keys::remembered(*place), keys::pack(&(id, outcome))?);
    }
    for place in &effect.forgotten {
        batch.remove(keys::remembered(*place));
    }
    for (node, instance) in &effect.nodes {
        batch.insert(keys::node(*node), keys::pack(instance)?);
    }
    Ok(())
}

fn load(tree: &Tree, applied: Index) -> io::Result<State> {
    let mut frozen = Frozen { documents: Vec::new(), recent: Vec::new(), nodes: Vec::new(), applied };
    for pair in tree.scan_prefix(keys::DOCUMENTS) {
        let (key, value) = pair?;
        let key = std::str::from_utf8(&key[1..]).map_err(|_| keys::damaged("a key"))?;
        let (revision, value): (Index, ByteBuf) = keys::unpack(&value)?;
        frozen.documents.push((Arc::from(key), revision, Arc::from(value.into_vec())));
    }
    for pair in tree.scan_prefix(keys::REMEMBERED) {
        let (key, value) = pair?;
        let (id, outcome) = keys::unpack(&value)?;
        frozen.recent.push((keys::place(&key)?, id, outcome));
    }
    for pair in tree.scan_prefix(keys::NODES) {
        let (key, value) = pair?;
        frozen.nodes.push((keys::number(&key)?, keys::unpack(&value)?));
    }
    Ok(State::thaw(frozen))
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
        self.apply_all(entries.into_iter())
            .map_err(|error| failed(ErrorSubject::StateMachine, ErrorVerb::Write, &error))
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            state: Arc::clone(&self.state),
            position: Arc::clone(&self.position),
            snapshots: Arc::clone(&self.snapshots),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        self.snapshots.set_coming(true);
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let file = snapshots::Snapshot { meta: meta.clone(), data: snapshot.into_inner() };
        // The file first: from then on the state can always be had again, whatever becomes of the store.
        let installed = self.snapshots.save(&file).and_then(|()| self.replace(meta, &file.data));
        if installed.is_ok() {
            self.snapshots.set_coming(false);
        }
        installed.map_err(|error| failed(ErrorSubject::Snapshot(Some(meta.signature())), ErrorVerb::Write, &error))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<RaftTypes>>, StorageError> {
        let file =
            self.snapshots.read().map_err(|error| failed(ErrorSubject::Snapshot(None), ErrorVerb::Read, &error))?;
        Ok(file.map(|file| Snapshot { meta: file.meta, snapshot: Box::new(Cursor::new(file.data)) }))
    }
}

/// Makes a snapshot while commits go on.
pub(crate) struct Builder {
    state: Arc<RwLock<State>>,
    position: Arc<RwLock<Position>>,
    snapshots: Arc<Snapshots>,
}

impl Builder {
    /// A copy of state and position that belong together; `None` in the moment between the two being written.
    ///
    /// Keys and values are shared, not copied, so that the lock is held briefly.
    fn freeze(&self) -> Option<(Frozen, Position)> {
        let position = self.position.read().clone();
        let state = self.state.read();
        (state.applied() == position.applied.map_or(0, |id| id.index)).then(|| (state.freeze(), position))
    }
}

impl RaftSnapshotBuilder<RaftTypes> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<RaftTypes>, StorageError> {
        let failed = |error: io::Error| failed(ErrorSubject::Snapshot(None), ErrorVerb::Write, &error);
        let (frozen, position) = loop {
            match self.freeze() {
                Some(frozen) => break frozen,
                None => tokio::task::yield_now().await,
            }
        };
        let data = codec::encode(&frozen).map_err(|error| failed(error.into()))?;
        let meta = SnapshotMeta {
            last_log_id: position.applied,
            last_membership: position.membership,
            snapshot_id: position
                .applied
                .map_or_else(|| "0".to_owned(), |id| format!("{}-{}", id.leader_id.term, id.index)),
        };
        let file = snapshots::Snapshot { meta: meta.clone(), data };
        self.snapshots.save(&file).map_err(failed)?;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(file.data)) })
    }
}
