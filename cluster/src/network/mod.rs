//! What nodes say to each other: typed messages over TLS connections that both sides prove themselves on.
//!
//! One port serves Raft, this crate's own requests and the application's messages. A connection carries many requests
//! at once; answers find theirs by number. Who does not know the cluster's secret does not get past the handshake, but
//! for the holder of a join token, who may ask one thing.

mod client;
mod connection;
mod door;
mod frame;
mod handlers;
mod message;
mod papers;
mod reachable;
mod server;
mod tls;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{NodeId, codec};

pub(crate) use frame::{Hello, Ticket};
pub(crate) use handlers::Handlers;
pub(crate) use message::{
    Allot, Append, AskPiece, AskRoom, AskStanding, ChangeMembership, Elect, Handed, HaveBlob, InstallSnapshot, Join,
    Joined, LetGo, MembershipChange, Piece, Ping, Propose, Proposed, ReadIndex, Redeem, Refused, RequestVote, Settle,
    Standing, Tell, Told,
};
pub(crate) use papers::{Certificates, Papers, SKEW};
pub(crate) use reachable::reachable;
pub(crate) use server::TlsPort;
pub(crate) use tls::{Authority, Error as TlsError, Leaf, derive};

/// A node's port: how it is reached, and how it reaches others. Tests have one that loses what it likes.
pub(crate) trait Port: Send + Sync + 'static {
    /// Where it is.
    fn address(&self) -> SocketAddr;

    /// Has what comes answered from now on. Who `hello` says the node is may change.
    fn serve(&self, hello: Arc<Mutex<Hello>>, handlers: Arc<Handlers>);

    /// A way to all other nodes, with connections of its own.
    fn calls(&self, hello: Hello) -> Arc<dyn Calls>;
}

/// The calling side of a port.
pub(crate) trait Calls: Send + Sync + 'static {
    /// Carries a request to an address, and the answer back.
    fn call<'a>(
        &'a self,
        to: To<'a>,
        name: &'static str,
        payload: Vec<u8>,
        within: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, SendError>>;

    /// Says from now on who this node is.
    fn introduce(&self, hello: Hello);
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct To<'a> {
    address: &'a str,
    /// An address may be another node's by now.
    node: Option<NodeId>,
}

impl<'a> To<'a> {
    /// For one node, and nobody else who may be found at its address.
    pub(crate) fn node(node: NodeId, address: &'a str) -> Self {
        Self { address, node: Some(node) }
    }

    /// For whichever node of the cluster is at an address.
    pub(crate) fn any(address: &'a str) -> Self {
        Self { address, node: None }
    }

    /// Where it goes.
    pub(crate) fn address(&self) -> &'a str {
        self.address
    }

    /// Whether a node is the one that is meant, or might be.
    pub(crate) fn is_for(&self, node: NodeId) -> bool {
        self.node.is_none_or(|meant| meant == node)
    }
}

/// Sends typed messages.
pub(crate) struct Peers {
    calls: Arc<dyn Calls>,
}

impl Peers {
    pub(crate) fn new(calls: Arc<dyn Calls>) -> Self {
        Self { calls }
    }

    /// The way to members for the holder of a join token.
    pub(crate) fn of_token(papers: Papers) -> Self {
        let papers = Arc::new(papers);
        let nobody = Hello { cluster: None, node: 0 };
        Self::new(Arc::new(client::Links::new(Box::new(move |_| Ok(Arc::clone(&papers))), nobody)))
    }

    /// Sends a message and waits for the answer.
    pub(crate) async fn send<M: Message>(
        &self,
        to: To<'_>,
        message: &M,
        within: Duration,
    ) -> Result<M::Reply, SendError> {
        let payload = codec::encode(message).map_err(|error| SendError::Failed(error.to_string()))?;
        let reply = self.calls.call(to, M::NAME, payload, within).await?;
        codec::decode(&reply).map_err(|_| SendError::Failed("something that can't be read".to_owned()))
    }

    /// Says from now on who this node is.
    pub(crate) fn introduce(&self, hello: Hello) {
        self.calls.introduce(hello);
    }
}

/// A request that one node may send another, and the type of its answer.
pub trait Message: Serialize + DeserializeOwned + Send + 'static {
    /// Its name, the same on all nodes.
    const NAME: &'static str;
    /// What it is answered with.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
}

/// Why a message has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no such member.
    #[error("node {0} is not a member")]
    UnknownNode(NodeId),
    /// No connection could be made: the message has certainly not arrived.
    #[error("can't connect to {address}")]
    Unreachable {
        /// Where to.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke: the message may have arrived.
    #[error("the connection to {0} broke")]
    Broken(String),
    /// No answer came in time: the message may have arrived.
    #[error("{0} did not answer in time")]
    Timeout(String),
    /// The other node could not deal with the message.
    #[error("the other node answered: {0}")]
    Failed(String),
}

impl SendError {
    /// Whether the message has certainly not arrived.
    pub fn is_undelivered(&self) -> bool {
        matches!(self, Self::UnknownNode(_) | Self::Unreachable { .. })
    }

    /// Whether the node's process has ended: its machine answers that nobody listens. Silence is not enough.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused)
    }

    /// Whether who answers there is certainly no node of the cluster that was spoken to.
    pub(crate) fn is_foreign(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => tls::is_foreign(source),
            Self::UnknownNode(_) | Self::Broken(_) | Self::Timeout(_) | Self::Failed(_) => false,
        }
    }
}
