//! openraft fitted to us: the types it works with, and its way to the other nodes.

mod network;
mod runtime;
mod types;

pub(crate) use network::Network;
#[cfg(test)]
pub(crate) use runtime::Dice;
pub(crate) use types::{
    Command, LogId, Member, Membership, Outcome, Raft, RaftTypes, SnapshotMeta, StorageError, Vote,
};
