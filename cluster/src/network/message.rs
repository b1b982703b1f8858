//! The messages of this crate itself.

use openraft::error::{InstallSnapshotError, RaftError};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Message;
use crate::blobs::BlobId;
use crate::raft::{Command, Outcome, RaftTypes, Vote};
use crate::space::NoSpace;
use crate::{Index, NodeId};

/// Declares a message: its name, what it carries, and what answers it.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident($($body:ty)?) = $text:literal -> $reply:ty) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize)]
        pub(crate) struct $name($(pub(crate) $body)?);

        impl Message for $name {
            const NAME: &'static str = $text;
            type Reply = $reply;
        }
    };
}

message!(
    /// Raft: entries, or a heartbeat.
    Append(AppendEntriesRequest<RaftTypes>) = "raft/append"
        -> Result<AppendEntriesResponse<NodeId>, RaftError<NodeId>>
);
message!(
    /// Raft: give me your vote.
    RequestVote(VoteRequest<NodeId>) = "raft/vote" -> Result<VoteResponse<NodeId>, RaftError<NodeId>>
);
message!(
    /// Raft: a piece of a snapshot.
    InstallSnapshot(InstallSnapshotRequest<RaftTypes>) = "raft/snapshot"
        -> Result<InstallSnapshotResponse<NodeId>, RaftError<NodeId, InstallSnapshotError>>
);
message!(
    /// Propose this, if you are the leader.
    Propose(Command) = "propose" -> Proposed
);
message!(
    /// How far must I have applied for a linearizable read? By the vote that I had when I asked you lead; `None` if you don't.
    ReadIndex(Vote) = "read-index" -> Option<Index>
);
message!(
    /// Answer once you have dealt with everything up to this index, or after so many milliseconds with what you have.
    Settle((Index, u64)) = "settle" -> bool
);
message!(
    /// Are you there?
    Ping() = "ping" -> ()
);
message!(
    /// How far are you?
    Tell() = "tell" -> Told
);
message!(
    /// A number for me, please.
    Allot((Option<NodeId>, u128)) = "allot" -> Result<NodeId, Refused>
);
message!(
    /// Let me in, or, if I am in, take my new address. My number, my instance, my address.
    Join((NodeId, u128, String)) = "join" -> Result<Joined, Refused>
);
message!(
    /// The cluster's secret, please, for the join token that this connection has shown. My instance.
    Redeem(u128) = "redeem" -> Result<Handed, Refused>
);
message!(
    /// Change the membership, if you are the leader.
    ChangeMembership(MembershipChange) = "membership" -> Result<(), Refused>
);

message!(
    /// Have you room on your disk for new writes?
    AskRoom() = "room" -> bool
);
message!(
    /// Ask for votes now: you are the successor of this term's leader.
    Elect(u64) = "elect" -> ()
);
message!(
    /// Am I still a member? My number, my instance. `None` where that can't be known now.
    AskStanding((NodeId, u128)) = "standing" -> Option<Standing>
);

message!(
    /// Have this blob: you can get it from me. Answered when you have it, or can't.
    HaveBlob(BlobId) = "blob/have" -> bool
);
message!(
    /// A piece of this blob, from this offset on. `None` if you don't have it.
    AskPiece((BlobId, u64)) = "blob/piece" -> Option<Piece>
);

/// A piece of a blob.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// Bytes of the whole blob.
    pub(crate) size: u64,
    pub(crate) bytes: ByteBuf,
}

/// Raise your vote from the leader of a term to the next term's successor. Answered with whether that was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LetGo {
    pub(crate) term: u64,
    pub(crate) leader: NodeId,
    pub(crate) successor: NodeId,
    /// Whether the leader is thought to be gone; otherwise it asks for this itself.
    pub(crate) gone: bool,
}

impl Message for LetGo {
    const NAME: &'static str = "let-go";
    type Reply = bool;
}

/// How a cluster stands to a node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Member,
    /// It was one, and was let go.
    Removed,
}

/// What the leader, or somebody else, says to a proposal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Proposed {
    /// It was applied, and this came of it.
    Outcome(Outcome),
    /// Somebody else is the leader, as far as is known. Nothing was proposed.
    NotLeader,
    /// The leader's disk has no room for it. Nothing was proposed.
    NoSpace(NoSpace),
    /// It was proposed, and then the lead was lost: it may be applied or not.
    Lost,
}

/// What a node tells of itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) applied: Index,
}

/// The cluster that a node has joined.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Joined {
    pub(crate) cluster: u128,
}

/// The cluster's secret, handed to a node that comes in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Handed(#[serde(with = "serde_bytes")] pub(crate) Vec<u8>);

/// A change of the membership.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum MembershipChange {
    /// A learner gets a vote.
    Promote(NodeId),
    /// A member is let go.
    Remove(NodeId),
}

/// Why a request about members was not carried out.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refused {
    /// Ask the leader, or ask again.
    #[error("there is no leader at the moment")]
    NotLeader,
    /// There is no such member.
    #[error("node {0} is not a member")]
    NotMember(NodeId),
    /// Asking again does not help.
    #[error("{0}")]
    Final(String),
}
