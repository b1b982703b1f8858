//! Backups: all documents as of one commit, in one file; made while the cluster works, verified anywhere, restored into
//! a cluster that has none.
//!
//! ```text
//! magic, format        8 bytes
//! header               a frame
//! documents            frames of about 256 KiB, in the order of keys
//! end                  a frame
//! ```
//! Only documents are in it: members and their numbers are a cluster's own, and so are the proposals that it remembers.
//! Restored documents have new revisions.

mod read;
mod restore;
mod write;

use serde::{Deserialize, Serialize};

use crate::Index;
pub use crate::frames::FrameError;
use crate::frames::Stored;
pub use read::verify;
pub(crate) use restore::MARKER;
pub use restore::{IsOwn, RestoreError, Restored, Restoring, Scratch};
pub use write::{Backup, BackupError};

const MAGIC: &[u8; 4] = b"TPBK";
const FORMAT: u32 = 1;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The cluster that it was made of.
    pub cluster: u128,
    /// The commit that all documents are as of.
    pub index: Index,
    /// How many documents it holds.
    pub documents: u64,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// The release that made it.
    pub release: String,
}

/// What a frame behind the header holds.
#[derive(Serialize, Deserialize)]
enum Part {
    Documents(Vec<Stored>),
    End,
}

/// A backup that was read to its end and found whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What it says of itself.
    pub header: Header,
    /// Bytes of all keys and values.
    pub content: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What is wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is something else.
    #[error("it is not a backup of a cluster")]
    NotABackup,
    /// It was made by another release.
    #[error("it has format {0} and this release reads format {FORMAT}: use the release that made it")]
    Format(u32),
    /// Documents are missing, or there are more.
    #[error("it is damaged: it holds {found} documents and says that they are {expected}")]
    Documents {
        /// How many were found.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// One of its frames is damaged.
    #[error(transparent)]
    Frame(#[from] FrameError),
}
