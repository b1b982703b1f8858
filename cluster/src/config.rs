//! What a node of the cluster has to be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::NodeId;
use crate::token::JoinToken;

/// A secret has at least so many bytes.
const MIN_SECRET: usize = 16;

/// A usual [`Config::reserve`]: many times what is written between two looks at the disk.
pub const RESERVE: u64 = 64 << 20;

/// Settings of one node.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the node keeps everything; made if it does not exist.
    pub data: PathBuf,
    /// The node's number; without one, 1 at bootstrap and a free one when joining.
    pub node_id: Option<NodeId>,
    /// Where other nodes connect to, as `address:port`; port 0 takes a free one.
    pub listen: String,
    /// The address that other nodes are told. If absent, the one that was bound; and where that is all addresses, the
    /// one from which this machine reaches the others.
    pub advertise: Option<String>,
    /// How a node without data begins.
    pub start: Start,
    /// Whether the node stays a learner: gets everything, has no vote.
    pub learner: bool,
    /// What all nodes of the cluster share. Made and kept in the data directory at bootstrap, if absent.
    pub secret: Option<Secret>,
    /// What a node without the secret comes in with, once; afterwards it has the secret in its data directory.
    pub token: Option<JoinToken>,
    /// Whether the node counts as settled only as far as [`Cluster::processed`](crate::Cluster::processed) was told.
    pub tracks_processing: bool,
    /// Bytes that stay free on the disk: while there are less, new writes are refused.
    pub reserve: u64,
    /// How long things may take.
    pub timing: Timing,
}

/// How a node without data begins; a node with data goes on instead.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// As the first node of a new cluster.
    Bootstrap,
    /// As another node of the cluster that one of these addresses belongs to.
    Join(Vec<String>),
    /// As the node that the data directory holds.
    Resume,
}

impl Start {
    /// The addresses of members that are to be joined.
    pub(crate) fn addresses(&self) -> &[String] {
        match self {
            Self::Bootstrap | Self::Resume => &[],
            Self::Join(addresses) => addresses,
        }
    }
}

/// How long things may take.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Between two heartbeats of the leader.
    pub heartbeat: Duration,
    /// A follower that hears nothing for at least so long asks for votes.
    pub election_min: Duration,
    /// And at the latest after so long.
    pub election_max: Duration,
    /// A member that has not answered for so long counts as absent.
    pub liveness: Duration,
    /// A store that is not open after so long counts as damaged.
    pub open: Duration,
    /// A transaction is tried again for so long.
    pub transact: Duration,
    /// A linearizable read is tried again for so long.
    pub read: Duration,
    /// A node tries to join for so long.
    pub join: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election_min: Duration::from_millis(350),
            election_max: Duration::from_millis(600),
            liveness: Duration::from_millis(1500),
            open: Duration::from_secs(120),
            transact: Duration::from_secs(10),
            read: Duration::from_secs(10),
            join: Duration::from_secs(60),
        }
    }
}

/// What all nodes of a cluster share, and nobody else knows.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// A secret is not usable.
#[derive(Debug, thiserror::Error)]
#[error("the cluster's secret must have at least {MIN_SECRET} characters")]
pub struct SecretError;

impl Secret {
    /// Takes a secret; it must be long enough not to be guessed.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        let bytes = text.as_ref().trim_ascii();
        if bytes.len() < MIN_SECRET { Err(SecretError) } else { Ok(Self(bytes.to_vec())) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
