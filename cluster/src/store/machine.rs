//! The state machine: applies what is committed to memory and to the engine, and makes and takes snapshots.
//!
//! The engine may trail behind by what a power cut takes: it is brought up from the snapshot and the log, which are
//! synced.

use std::io;
use std::sync::Arc;

use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{
    AnyError, Entry, EntryPayload, ErrorSubject, ErrorVerb, OptionalSend, RaftSnapshotBuilder, StorageIOError,
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::snapshots::Snapshots;
use super::{keys, snapshots};
use crate::disk::{self, Batch, Engine, File, Tree, damaged};
use crate::documents::{self, Document};
use crate::feed::{Changed, Feed};
use crate::raft::{LogId, Membership, Outcome, RaftTypes, SnapshotMeta, StorageError};
use crate::state::{Effect, Frozen, Place, State};
use crate::{Index, NodeId};

/// While a snapshot is put in place, so many bytes are written in one step.
const STEP: usize = 1024 * 1024;

/// The state machine.
pub(crate) struct Machine {
    engine: Arc<dyn Engine>,
    snapshots: Arc<Snapshots>,
    state: Arc<RwLock<State>>,
    feed: Arc<Feed>,
    position: Arc<RwLock<Position>>,
}

/// How far the machine has come, and who was a member then.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// Loads the state; from the snapshot where that is ahead of the engine.
    pub(super) fn open(
        engine: Arc<dyn Engine>,
        snapshots: Arc<Snapshots>,
    ) -> io::Result<(Self, Arc<RwLock<State>>, Arc<Feed>)> {
        let position = match engine.get(Tree::State, keys::APPLIED)? {
            Some(bytes) => disk::unpack(&bytes)?,
            None => Position::default(),
        };
        let mut snapshot = snapshots.current()?;
        let saved = snapshot.as_mut().map(snapshots::read_meta).transpose()?;
        let (state, position) = match snapshot {
            Some(mut file) if saved.is_some_and(|saved| saved.last_log_id > position.applied) => {
                let (meta, state) = snapshots::read(&mut file)?;
                let position = Position::from(&meta);
                replace(&*engine, &state, &position)?;
                (state, position)
            }
            _ => (load(&*engine, position.applied.map_or(0, |id| id.index))?, position),
        };
        let feed = Feed::new(state.applied());
        let state = Arc::new(RwLock::new(state));
        let position = Arc::new(RwLock::new(position));
        let machine = Self { engine, snapshots, feed: Arc::clone(&feed), state: Arc::clone(&state), position };
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
        batch.insert(keys::APPLIED, disk::pack(&position)?);
        self.engine.apply(Tree::State, batch)?;
        *self.position.write() = position;
        self.feed.publish(changes, applied);
        Ok(outcomes)
    }

    /// Takes a snapshot that came from the leader.
    async fn install(&mut self, meta: &SnapshotMeta, mut file: File) -> io::Result<()> {
        let read = move || {
            let (_, state) = snapshots::read(&mut file)?;
            Ok((file, state))
        };
        let (file, state) = self.snapshots.work(read).await?;
        // The file first: from then on the state can always be had again, whatever becomes of the engine.
        self.snapshots.save(file, meta.last_log_id).await?;
        let (engine, position) = (Arc::clone(&self.engine), Position::from(meta));
        let placed = self.snapshots.work(move || {
            replace(&*engine, &state, &position)?;
            Ok((state, position))
        });
        let (state, position) = placed.await?;
        let applied = state.applied();
        *self.state.write() = state;
        *self.position.write() = position;
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

/// Adds to a batch what applying one command did.
fn write(batch: &mut Batch, state: &State, effect: &Effect) -> io::Result<()> {
    for changed in &effect.changed {
        match state.documents().get(&changed.key) {
            Some(Document { revision, value }) => {
                batch.insert(keys::document(&changed.key), disk::pack(&(revision, Bytes::new(&value)))?);
            }
            None => batch.remove(keys::document(&changed.key)),
        }
    }
    remember(batch, &effect.remembered)?;
    // Those of one entry are kept together, until all of them are forgotten.
    let oldest = state.oldest_remembered();
    for gone in effect.forgotten.chunk_by(|(one, _), (next, _)| one == next) {
        if let Some((index, _)) = gone.first()
            && oldest.is_none_or(|(oldest, _)| *index < oldest)
        {
            batch.remove(keys::remembered(*index));
        }
    }
    for (node, instance) in &effect.nodes {
        batch.insert(keys::node(*node), disk::pack(instance)?);
    }
    Ok(())
}

/// Adds remembered proposals to a batch: one key for those of an entry, as one change costs much the same as another.
fn remember(batch: &mut Batch, proposals: &[(Place, u128, Outcome)]) -> io::Result<()> {
    for group in proposals.chunk_by(|((one, _), ..), ((next, _), ..)| one == next) {
        if let Some(((index, _), ..)) = group.first() {
            let parts: Vec<_> = group.iter().map(|((_, at), id, outcome)| (at, id, outcome)).collect();
            batch.insert(keys::remembered(*index), disk::pack(&parts)?);
        }
    }
    Ok(())
}

/// Puts a snapshot's state in the place of everything, step by step. Until the last one nothing is said to be applied,
/// so that after a crash in between it is done again, from the snapshot.
fn replace(engine: &dyn Engine, state: &State, position: &Position) -> io::Result<()> {
    let mut first = Batch::default();
    first.remove(keys::APPLIED);
    engine.apply(Tree::State, first)?;
    let mut steps = Steps { engine, batch: Batch::default() };
    for kind in [keys::DOCUMENTS, keys::REMEMBERED, keys::NODES] {
        for pair in engine.range(Tree::State, kind.0, kind.1) {
            steps.batch.remove(pair?.0);
            steps.step(STEP)?;
        }
    }
    let frozen = state.freeze();
    for (key, Document { revision, value }) in frozen.documents {
        steps.batch.insert(keys::document(&key), disk::pack(&(revision, Bytes::new(&value)))?);
        steps.step(STEP)?;
    }
    for group in frozen.recent.chunk_by(|((one, _), ..), ((next, _), ..)| one == next) {
        remember(&mut steps.batch, group)?;
        steps.step(STEP)?;
    }
    for (node, instance) in &frozen.nodes {
        steps.batch.insert(keys::node(*node), disk::pack(instance)?);
    }
    steps.batch.insert(keys::APPLIED, disk::pack(position)?);
    steps.step(0)
}

/// Changes that are made in steps of a bounded size.
struct Steps<'a> {
    engine: &'a dyn Engine,
    batch: Batch,
}

impl Steps<'_> {
    fn step(&mut self, size: usize) -> io::Result<()> {
        if self.batch.size() < size {
            return Ok(());
        }
        self.engine.apply(Tree::State, std::mem::take(&mut self.batch))
    }
}

fn load(engine: &dyn Engine, applied: Index) -> io::Result<State> {
    let mut state = State::default();
    let mut documents = documents::Builder::default();
    let pairs = |kind: keys::Kind| engine.range(Tree::State, kind.0, kind.1);
    for pair in pairs(keys::DOCUMENTS) {
        let (key, value) = pair?;
        let key = std::str::from_utf8(&key[1..]).map_err(|_| damaged("a key in the store"))?;
        let (revision, value): (Index, ByteBuf) = disk::unpack(&value)?;
        documents.push((Arc::from(key), Document { revision, value: value.into_vec().into() }));
    }
    state.restore_documents(documents.finish());
    for pair in pairs(keys::REMEMBERED) {
        let (key, value) = pair?;
        let index = keys::number(&key)?;
        // The first ones of the oldest entry may be forgotten already: restoring those after them forgets them again.
        for (at, id, outcome) in disk::unpack::<Vec<(u32, u128, Outcome)>>(&value)? {
            state.restore_proposal((index, at), id, outcome);
        }
    }
    for pair in pairs(keys::NODES) {
        let (key, value) = pair?;
        state.restore_node(keys::number(&key)?, disk::unpack(&value)?);
    }
    state.advance(applied);
    Ok(state)
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
