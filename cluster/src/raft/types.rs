//! The types that openraft works with.

use serde::{Deserialize, Serialize};

use super::runtime::Runtime;
use crate::disk::File;
use crate::transaction::Transaction;
use crate::{Index, NodeId};

openraft::declare_raft_types!(
    /// Raft over our commands.
    pub(crate) RaftTypes:
        D = Command,
        R = Outcome,
        NodeId = NodeId,
        Node = Member,
        SnapshotData = File,
        AsyncRuntime = Runtime,
);

pub(crate) type Raft = openraft::Raft<RaftTypes>;
pub(crate) type LogId = openraft::LogId<NodeId>;
pub(crate) type Vote = openraft::Vote<NodeId>;
pub(crate) type Membership = openraft::StoredMembership<NodeId, Member>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<NodeId, Member>;
pub(crate) type StorageError = openraft::StorageError<NodeId>;

/// How a member is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) address: String,
}

/// What the log says. Only ever append variants: logs are read by later releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Command {
    /// A transaction, with an id that its proposer chose, and how far its proposer had applied when it did: it was not
    /// made by then.
    Transact { id: u128, since: Index, transaction: Transaction },
    /// A number for a node: a free one, or the one that it wants unless another instance has it.
    AllotNode { wanted: Option<NodeId>, instance: u128 },
    /// Several commands that came at the same time: one entry, one write to disk, one index.
    Group(Vec<Command>),
}

impl Command {
    /// About how many bytes it takes in the log.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Transact { transaction, .. } => transaction.size(),
            Self::AllotNode { .. } => 0,
            Self::Group(commands) => commands.iter().map(Self::size).sum(),
        }
    }
}

/// What applying a command came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// Nothing to say: an entry of Raft's own.
    Nothing,
    /// The transaction was made.
    Committed { index: Index },
    /// A condition did not hold.
    Conflict { condition: usize, key: String, index: Index },
    /// The node has this number.
    Node(NodeId),
    /// Another instance has this number.
    NodeTaken(NodeId),
    /// What each command of a group came to.
    Group(Vec<Outcome>),
    /// Nothing was done: the transaction may have been made so long ago that nobody remembers.
    Expired,
}
