//! Restoring a backup: into a cluster that holds nothing, and whole.
//!
//! What fits into one transaction is restored by one. What does not is restored by many, behind a marker: while that is
//! there, no other transaction is made, on any node, and no backup. A restore that was cut short leaves the marker; the
//! next one takes its place, removes what is there and begins anew. Every step relies on its own marker, so that the one
//! that was thought dead can do no more.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::read::{Reader, verify};
use super::{Error, FrameError};
use crate::Index;
use crate::cluster::Cluster;
use crate::disk::{self, File};
use crate::frames::Stored;
use crate::read::ReadError;
use crate::transaction::{Change, Condition, TransactError, Transaction};
use crate::view::View;

/// The key of the document that is there while a restore goes on; nobody else may use it.
pub(crate) const MARKER: &str = "cluster/restoring";
/// What this crate keeps for a cluster begins so; it is no part of what is restored.
const OWN: &str = "cluster/";
/// The file that a backup is received in.
const SCRATCH: &str = "restore";
/// Of several transactions each takes about so many bytes,
const STEP: usize = 1024 * 1024;
/// and at most so many documents.
const STEP_PARTS: usize = 2048;
/// What takes at most so many bytes,
const AT_ONCE: usize = 4 * 1024 * 1024;
/// and at most so many changes, is restored by one transaction.
const AT_ONCE_PARTS: usize = 4096;

/// A restore that goes on, or was cut short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restoring {
    /// The cluster whose backup it is.
    pub cluster: u128,
    /// The commit that the backup is as of.
    pub index: Index,
    /// How many documents are to be restored.
    pub documents: u64,
}

/// A backup was restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    /// The last commit of the restore.
    pub index: Index,
    /// How many documents were restored.
    pub documents: u64,
    /// How many were left out: they are a cluster's own.
    pub left_out: u64,
}

/// A backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not whole. Nothing was changed.
    #[error("the backup can't be restored")]
    Backup(#[from] Error),
    /// There are documents already. Nothing was changed.
    #[error(
        "the cluster holds {documents} documents already, {example} among them, and a backup is restored only into one that holds none: begin a new cluster, in empty data directories"
    )]
    NotEmpty {
        /// How many.
        documents: u64,
        /// The key of one.
        example: String,
    },
    /// Somebody else wrote documents. Nothing was changed.
    #[error("documents were written while the restore began, and nothing was restored: run it again")]
    Overtaken,
    /// Another restore was begun after this one.
    #[error("another restore was begun meanwhile and took the place of this one: wait for that one")]
    Replaced,
    /// What the cluster holds is not known. Nothing was changed.
    #[error("can't tell what the cluster holds, and nothing was restored: run it again when it has a leader")]
    Read(#[from] ReadError),
    /// A transaction failed; whether anything was restored, [`Cluster::restoring`] tells.
    #[error("the restore was cut short: run it again; until then nothing else can be changed where it has begun")]
    CutShort(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A file of the node's own to receive a backup in; it goes with its handle.
pub struct Scratch(File);

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Read for Scratch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Scratch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// Tells the documents that are a cluster's own, not its users', by their keys: they don't count when it is asked
/// whether the cluster holds any, stay as they are, and are left out of what is restored.
pub type IsOwn = fn(&str) -> bool;

impl Cluster {
    /// The restore that goes on or was cut short, as far as this node knows.
    pub fn restoring(&self) -> Option<Restoring> {
        let marker = self.read(|view| view.get(MARKER))?;
        disk::unpack(&marker.value).ok()
    }

    /// Begins a file to receive a backup in.
    pub fn scratch(&self) -> io::Result<Scratch> {
        self.inner.disk.create(SCRATCH).map(Scratch)
    }

    /// Says why a backup can't be restored, if it can't: the cluster holds documents, or does not answer.
    pub async fn can_restore(&self, is_own: IsOwn) -> Result<(), RestoreError> {
        self.fresh().await?;
        self.read(|view| Ground::survey(view, is_own)).map(drop)
    }

    /// Restores a backup, after all of it was verified. Once begun it goes on, even if the answer is not waited for.
    pub async fn restore<R>(&self, backup: R, is_own: IsOwn) -> Result<Restored, RestoreError>
    where
        R: Read + Seek + Send + 'static,
    {
        let cluster = self.clone();
        let restored = self.inner.run(async move { restore(&cluster, backup, is_own).await });
        restored.await.unwrap_or_else(|| Err(cut_short(TransactError::Stopped)))
    }
}

fn cut_short(error: impl std::error::Error + Send + Sync + 'static) -> RestoreError {
    RestoreError::CutShort(Box::new(error))
}

async fn restore<R: Read + Seek + Send + 'static>(
    cluster: &Cluster,
    mut backup: R,
    is_own: IsOwn,
) -> Result<Restored, RestoreError> {
    let verified = work(cluster, move || {
        let rewind = |backup: &mut R| backup.seek(SeekFrom::Start(0)).map_err(FrameError::Read);
        rewind(&mut backup)?;
        let summary = verify(&mut backup)?;
        rewind(&mut backup)?;
        Ok((summary, Source::open(backup, is_own)?))
    });
    let (summary, source) = verified.await?;
    cluster.fresh().await?;
    let ground = cluster.read(|view| Ground::survey(view, is_own))?;
    let parts = summary.header.documents + ground.left.len() as u64;
    let (begun, source) = if summary.content <= AT_ONCE as u64 && parts <= AT_ONCE_PARTS as u64 {
        at_once(cluster, &ground, source).await?
    } else {
        let header = &summary.header;
        let marker = Restoring { cluster: header.cluster, index: header.index, documents: header.documents };
        step_by_step(cluster, &ground, &marker, source).await?
    };
    let documents = summary.header.documents - source.left_out;
    Ok(Restored { index: begun, documents, left_out: source.left_out })
}

/// Restores everything by one transaction.
async fn at_once<R: Read + Send + 'static>(
    cluster: &Cluster,
    ground: &Ground,
    source: Source<R>,
) -> Result<(Index, Source<R>), RestoreError> {
    let (mut changes, source) = next(cluster, source, AT_ONCE, AT_ONCE_PARTS).await?;
    let clearing = ground.left.iter().map(|key| Change::Delete { key: key.clone() });
    changes.splice(0..0, clearing);
    let transaction = Transaction { conditions: vec![ground.unchanged()], changes };
    match cluster.commit(transaction).await {
        Ok(committed) => Ok((committed.index, source)),
        Err(TransactError::Conflict { .. }) => Err(RestoreError::Overtaken),
        Err(error) => Err(cut_short(error)),
    }
}

/// Restores everything by as many transactions as it takes.
async fn step_by_step<R: Read + Send + 'static>(
    cluster: &Cluster,
    ground: &Ground,
    marker: &Restoring,
    mut source: Source<R>,
) -> Result<(Index, Source<R>), RestoreError> {
    let value = disk::pack(marker).map_err(cut_short)?;
    let begin = Transaction::new().when(ground.unchanged()).put(MARKER, value);
    let begun = match cluster.commit(begin).await {
        Ok(committed) => committed.index,
        Err(TransactError::Conflict { .. }) => return Err(RestoreError::Overtaken),
        Err(error) => return Err(cut_short(error)),
    };
    tracing::info!(documents = marker.documents, index = marker.index, "restoring a backup");
    let left: Vec<_> = ground.left.iter().filter(|key| *key != MARKER).collect();
    for keys in left.chunks(STEP_PARTS) {
        let clearing = keys.iter().map(|key| Change::Delete { key: key.to_string() });
        step(cluster, begun, clearing.collect()).await?;
    }
    loop {
        let (changes, rest) = next(cluster, source, STEP, STEP_PARTS).await.map_err(cut_short)?;
        source = rest;
        if changes.is_empty() {
            break;
        }
        step(cluster, begun, changes).await?;
    }
    let end = step(cluster, begun, vec![Change::Delete { key: MARKER.to_owned() }]).await?;
    tracing::info!(documents = marker.documents, index = marker.index, "restored a backup");
    Ok((end, source))
}

/// Makes one of many transactions, if this restore is still the one that goes on.
async fn step(cluster: &Cluster, begun: Index, changes: Vec<Change>) -> Result<Index, RestoreError> {
    let conditions = vec![Condition::Revision(MARKER.to_owned(), begun)];
    match cluster.commit(Transaction { conditions, changes }).await {
        Ok(committed) => Ok(committed.index),
        Err(TransactError::Conflict { .. }) => Err(RestoreError::Replaced),
        Err(error) => Err(cut_short(error)),
    }
}

/// Reads the changes of the next step.
async fn next<R: Read + Send + 'static>(
    cluster: &Cluster,
    mut source: Source<R>,
    bytes: usize,
    parts: usize,
) -> Result<(Vec<Change>, Source<R>), Error> {
    work(cluster, move || Ok((source.step(bytes, parts)?, source))).await
}

/// Reads where reading may take its time.
async fn work<T: Send + 'static>(
    cluster: &Cluster,
    read: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = disk::work(&*cluster.inner.disk, move || Ok(read())).await;
    done.unwrap_or_else(|error| Err(FrameError::Read(error).into()))
}

/// What a restore finds.
struct Ground {
    at: Index,
    count: u64,
    /// The keys that a restore which was cut short has left, its marker among them.
    left: Vec<String>,
}

impl Ground {
    fn survey(view: &View<'_>, is_own: IsOwn) -> Result<Self, RestoreError> {
        let is_foreign = |key: &Arc<str>| **key == *MARKER || !(is_own(key) || key.starts_with(OWN));
        let foreign = || view.scan("").map(|(key, _)| key).filter(is_foreign);
        if view.get(MARKER).is_none()
            && let Some(example) = foreign().next()
        {
            return Err(RestoreError::NotEmpty { documents: foreign().count() as u64, example: example.to_string() });
        }
        Ok(Self { at: view.index(), count: view.count(""), left: foreign().map(|key| key.to_string()).collect() })
    }

    /// That everything is as it was found.
    fn unchanged(&self) -> Condition {
        Condition::Unchanged { prefix: String::new(), at: self.at, count: self.count }
    }
}

/// A verified backup, read step by step.
struct Source<R> {
    reader: Reader<R>,
    group: Peekable<std::vec::IntoIter<Stored>>,
    is_own: IsOwn,
    left_out: u64,
}

impl<R: Read> Source<R> {
    fn open(backup: R, is_own: IsOwn) -> Result<Self, Error> {
        Ok(Self { reader: Reader::open(backup)?, group: Vec::new().into_iter().peekable(), is_own, left_out: 0 })
    }

    /// The next changes, of so many bytes, or one document that is larger; none of them: there are no more.
    fn step(&mut self, bytes: usize, parts: usize) -> Result<Vec<Change>, Error> {
        let (mut changes, mut size) = (Vec::new(), 0);
        while changes.len() < parts {
            let Some(document) = self.group.peek() else {
                let Some(group) = self.reader.group()? else { break };
                self.group = group.into_iter().peekable();
                continue;
            };
            if !changes.is_empty() && size + document.size() > bytes {
                break;
            }
            let Some(document) = self.group.next() else { break };
            if (self.is_own)(&document.key) || document.key.starts_with(OWN) {
                self.left_out += 1;
                continue;
            }
            size += document.size();
            changes.push(Change::Put { key: document.key.to_string(), value: document.value });
        }
        Ok(changes)
    }
}
