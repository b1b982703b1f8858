//! Blobs: values of megabytes that travel beside the log, piece by piece, on connections that Raft does not use.
//!
//! A blob is known by the hash of its bytes. It is [kept](Cluster::keep_blob) when a majority of voters has it on disk;
//! then a document, `cluster/blobs/{id}`, says so to all members, and each that does not have it gets it from another one.
//! [Forgetting](Cluster::forget_blob) a blob removes the document, and after a while every member removes its bytes.

mod store;
mod transfer;

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::cluster::{Cluster, Inner};
use crate::read;
use crate::transaction::{TransactError, Transaction};

pub(crate) use store::Store;
pub(crate) use transfer::{have, piece};

/// A blob has at most so many bytes.
pub const MAX_BLOB: u64 = 256 * 1024 * 1024;
/// What says that a blob is kept.
const REGISTRY: &str = "cluster/blobs/";
/// Between two looks at what is to be had and what can go.
const TIDY: Duration = Duration::from_secs(2);
/// A blob that is kept somewhere is tried for so long,
const GET: Duration = Duration::from_secs(10);
/// and so often.
const PAUSE: Duration = Duration::from_millis(50);

/// What a blob is known by: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobId([u8; 32]);

/// A blob that is opened: its bytes.
pub struct Blob {
    file: crate::disk::File,
    size: u64,
}

/// A blob was not kept, or can't be had.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It has more bytes than [`MAX_BLOB`].
    #[error("a blob has at most {MAX_BLOB} bytes")]
    TooLarge,
    /// Its bytes could not be read or written.
    #[error("can't read or write a blob")]
    Io(#[from] io::Error),
    /// Too few voters took it in time.
    #[error("{taken} of {voters} voters have the blob, which is no majority")]
    NoMajority {
        /// How many have it.
        taken: usize,
        /// Of how many.
        voters: usize,
    },
    /// That it is kept could not be said to the others.
    #[error("can't register a blob")]
    Register(#[from] TransactError),
    /// No member that answers has it.
    #[error("no member has the blob {0}")]
    Unknown(BlobId),
    /// The node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

impl Cluster {
    /// Keeps a blob. When this returns a majority of voters has it on disk, and all members get it.
    pub async fn keep_blob(&self, bytes: impl Read + Send + 'static) -> Result<BlobId, BlobError> {
        let inner = Arc::clone(&self.inner);
        let kept = self.inner.run(async move {
            let (id, size) = inner.blobs.write(bytes).await?;
            transfer::spread(&inner, id).await?;
            Ok((id, size))
        });
        let (id, size) = kept.await.unwrap_or(Err(BlobError::Stopped))?;
        self.transact(Transaction::new().put(registered(id), size.to_string())).await?;
        Ok(id)
    }

    /// Opens a blob; one that this node does not have yet it gets from another first.
    pub async fn blob(&self, id: BlobId) -> Result<Blob, BlobError> {
        let inner = Arc::clone(&self.inner);
        let opened = self.inner.run(async move {
            if inner.blobs.open(id)?.is_none() {
                get(&inner, id).await?;
            }
            let (file, size) = inner.blobs.open(id)?.ok_or(BlobError::Unknown(id))?;
            Ok(Blob { file, size })
        });
        opened.await.unwrap_or(Err(BlobError::Stopped))
    }

    /// Lets a blob go, on all members.
    pub async fn forget_blob(&self, id: BlobId) -> Result<(), BlobError> {
        self.transact(Transaction::new().delete(registered(id))).await?;
        Ok(())
    }

    /// The blobs that are kept.
    pub fn blobs(&self) -> Vec<BlobId> {
        all(&self.inner)
    }
}

/// Gets a blob from whoever has it. One that is kept is tried for again for a while: a node that has just come in may not
/// know the others yet, and those that have it may be away for a moment.
async fn get(inner: &Arc<Inner>, id: BlobId) -> Result<(), BlobError> {
    let deadline = Instant::now() + GET;
    while let Err(error) = transfer::fetch_from_any(inner, id).await {
        let kept = read::reach(inner).await.is_none() || all(inner).contains(&id);
        if !kept || Instant::now() >= deadline {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn registered(id: BlobId) -> String {
    format!("{REGISTRY}{id}")
}

fn all(inner: &Inner) -> Vec<BlobId> {
    let view = crate::view::View { state: &inner.state.read() };
    view.scan(REGISTRY).filter_map(|(key, _)| key[REGISTRY.len()..].parse().ok()).collect()
}

/// Gets what this node does not have, and removes what nobody keeps.
pub(crate) async fn tidy(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(TIDY).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_stopped() {
            return;
        }
        let kept = all(&inner);
        match inner.blobs.tidy(&kept, Instant::now()) {
            Ok(missing) => {
                for id in missing {
                    if let Err(error) = transfer::fetch_from_any(&inner, id).await {
                        tracing::debug!(%id, %error, "a blob is not here yet");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "can't look after the blobs"),
        }
    }
}

impl Blob {
    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.size)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// A text is not the name of a blob.
#[derive(Debug, thiserror::Error)]
#[error("the name of a blob is 64 hexadecimal digits")]
pub struct BlobIdError;

impl FromStr for BlobId {
    type Err = BlobIdError;

    fn from_str(text: &str) -> Result<Self, BlobIdError> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return Err(BlobIdError);
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BlobIdError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BlobIdError)?;
        }
        Ok(Self(id))
    }
}
