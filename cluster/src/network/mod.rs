//! What nodes say to each other: typed messages over TLS connections that both sides prove themselves on.
//!
//! One port serves Raft, this crate's own requests and the application's messages. A connection carries many requests
//! at once; answers find theirs by number. Who does not know the cluster's secret does not get past the handshake.

mod client;
mod frame;
mod handlers;
mod message;
mod reachable;
mod server;
mod tls;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::NodeId;

pub(crate) use client::Peers;
pub(crate) use frame::Hello;
pub(crate) use handlers::Handlers;
pub(crate) use message::{
    Allot, Append, ChangeMembership, InstallSnapshot, Join, Joined, MembershipChange, Ping, Propose, Proposed,
    ReadIndex, Refused, RequestVote, Settle, Tell, Told,
};
pub(crate) use reachable::reachable;
pub(crate) use server::Server;
pub(crate) use tls::{Certificates, derive};

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
}
