//! openraft fitted to us: the types it works with, and its way to the other nodes.

mod network;
mod types;

pub(crate) use network::Network;
pub(crate) use types::{
    Command, LogId, Member, Membership, Outcome, Raft, RaftTypes, SnapshotMeta, StorageError, Vote,
};
