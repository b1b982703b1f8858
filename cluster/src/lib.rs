//! A replicated document store: nodes agree by Raft on documents under keys, tell each other what changed, and talk.
//!
//! [`Cluster`] is all that a user of the crate sees. A [`Transaction`] checks conditions and changes documents, all or
//! nothing, on every node in the same order; [`Cluster::read`] looks at this node's copy, [`Cluster::fresh`] makes that
//! look linearizable; [`Cluster::watch`] follows the changes; [`Cluster::settled`] waits for the other nodes;
//! [`Cluster::send`] carries typed messages, and [`Cluster::keep_blob`] what is too large for a document;
//! [`Cluster::backup`] and [`Cluster::restore`] take all documents out and bring them back. What the documents mean, the
//! crate does not know, but for its own: keys that start with `cluster/` are not the application's.

#![warn(missing_docs)]

pub mod backup;

mod admission;
mod answers;
mod blobs;
mod cluster;
mod compaction;
mod config;
mod documents;
mod feed;
mod identity;
mod leadership;
mod membership;
mod proposal;
mod read;
mod repair;
#[cfg(feature = "test-util")]
mod replica;
mod space;
mod standing;
mod start;
mod start_error;
mod state;
mod token;
mod transaction;
mod view;

mod network;
mod raft;
mod store;

mod clock;
mod codec;
mod disk;
mod frames;

#[cfg(test)]
mod simulation;

pub use blobs::{Blob, BlobError, BlobId, BlobIdError, MAX_BLOB};
pub use cluster::Cluster;
pub use config::{Config, RESERVE, Secret, SecretError, Start, Timing};
pub use documents::Document;
pub use feed::{Changed, ChangedKey, Kind, Watch, WatchError};
pub use membership::{MemberStatus, MembershipError, Metrics, Role, Settled};
pub use network::{Message, SendError};
pub use read::ReadError;
pub use repair::{RepairError, Repaired, repair};
#[cfg(feature = "test-util")]
pub use replica::Replica;
pub use space::NoSpace;
pub use start_error::StartError;
pub use token::{JoinToken, JoinTokenError, MAX_VALIDITY};
pub use transaction::{Change, Committed, Condition, TransactError, Transaction};
pub use view::View;

/// A member's number: given once, never again to another.
pub type NodeId = u64;

/// A position in the agreed order of changes; a document's revision is that of the change which wrote it.
pub type Index = u64;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
