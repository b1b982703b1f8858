//! Raft's way to the other nodes: its requests as messages, and what went wrong in its words.

use std::sync::Arc;
use std::time::Duration;

use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};

use super::types::{Member, RaftTypes};
use crate::NodeId;
use crate::network::{Append, InstallSnapshot, Message, Peers, RequestVote, SendError, To};

/// Makes a way to each member.
#[derive(Clone)]
pub(crate) struct Network {
    peers: Arc<Peers>,
}

/// The way to one member.
pub(crate) struct Way {
    peers: Arc<Peers>,
    node: NodeId,
    address: String,
}

impl Network {
    pub(crate) fn new(peers: Arc<Peers>) -> Self {
        Self { peers }
    }
}

impl RaftNetworkFactory<RaftTypes> for Network {
    type Network = Way;

    async fn new_client(&mut self, target: NodeId, node: &Member) -> Way {
        Way { peers: Arc::clone(&self.peers), node: target, address: node.address.clone() }
    }
}

impl Way {
    async fn send<M, R, E>(&self, message: M, within: Duration) -> Result<R, RPCError<NodeId, Member, E>>
    where
        M: Message<Reply = Result<R, E>>,
        E: std::error::Error,
    {
        match self.peers.send(To::node(self.node, &self.address), &message, within).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(RPCError::RemoteError(RemoteError::new(self.node, error))),
            Err(error @ SendError::Unreachable { .. }) => Err(RPCError::Unreachable(Unreachable::new(&error))),
            Err(error) => Err(RPCError::Network(NetworkError::new(&error))),
        }
    }
}

impl RaftNetwork<RaftTypes> for Way {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<RaftTypes>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, Member, RaftError<NodeId>>> {
        self.send(Append(request), option.hard_ttl()).await
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<RaftTypes>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RPCError<NodeId, Member, RaftError<NodeId, InstallSnapshotError>>>
    {
        self.send(InstallSnapshot(request), option.hard_ttl()).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, Member, RaftError<NodeId>>> {
        self.send(RequestVote(request), option.hard_ttl()).await
    }
}
