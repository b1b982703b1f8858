//! Settings of a node, checked before anything starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use turnpike_cluster::{JoinToken, Secret, Start, Timing};

use crate::functions;
use crate::identity::sigv4::Credentials;
use crate::traffic::execute::Limits;
use crate::traffic::websocket;

/// What a node is told. Every field is a flag of `turnpike serve`, where it is described.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept.
    pub data: PathBuf,
    /// The node's number.
    pub node_id: Option<u64>,
    /// Where APIs are served.
    pub gateway: SocketAddr,
    /// Where the control plane is served.
    pub admin: SocketAddr,
    /// Where metrics are served.
    pub metrics: SocketAddr,
    /// Where other nodes connect to.
    pub cluster: SocketAddr,
    /// Both planes on one port, if wanted.
    pub edge: Option<SocketAddr>,
    /// What other nodes are told to connect to.
    pub advertise: Option<String>,
    /// How a node without data begins.
    pub start: Start,
    /// Whether the node has no vote.
    pub learner: bool,
    /// The cluster's secret.
    pub secret: Option<Secret>,
    /// What the node joins with instead, if it does not know the secret.
    pub join_token: Option<JoinToken>,
    /// The root credentials, where they are given.
    pub root: Option<Credentials>,
    /// Whether calls to the control plane must be signed.
    pub admin_auth: bool,
    /// The account's digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// Threads that serve APIs.
    pub workers: usize,
    /// The most of what a request may be.
    pub limits: Limits,
    /// The most of what WebSocket connections may do.
    pub connections: websocket::Limits,
    /// The longest that an integration may be told to wait.
    pub longest_integration: Duration,
    /// How long a deployment waits for all live nodes.
    pub settle_within: Duration,
    /// Bytes that stay free on the disk.
    pub reserve: u64,
    /// How long requests may go on after the node was told to stop.
    pub drain: Duration,
    /// Over how long WebSocket connections are closed then.
    pub websocket_drain: Duration,
    /// How functions run here, where they do.
    pub functions: Option<functions::Settings>,
}

/// A setting can't be.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// Everybody could change everything.
    #[error(
        "TURNPIKE_ADMIN_AUTH=off needs a loopback --admin address, not {0}: without signatures whoever reaches it may change everything"
    )]
    OpenAdmin(SocketAddr),
    /// An account is twelve digits.
    #[error("--account must be twelve digits, not {0}")]
    Account(String),
    /// There must be somebody to work.
    #[error("--workers must be at least 1")]
    Workers,
}

impl Config {
    /// Checks what one setting says of another.
    pub fn check(&self) -> Result<(), Error> {
        let loopback = self.admin.ip().is_loopback();
        if !self.admin_auth && !loopback {
            return Err(Error::OpenAdmin(self.admin));
        }
        if let (false, Some(edge)) = (self.admin_auth, self.edge)
            && !edge.ip().is_loopback()
        {
            return Err(Error::OpenAdmin(edge));
        }
        if self.account.len() != 12 || !self.account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Account(self.account.clone()));
        }
        if self.workers == 0 {
            return Err(Error::Workers);
        }
        Ok(())
    }

    pub(super) fn cluster(&self) -> turnpike_cluster::Config {
        turnpike_cluster::Config {
            data: self.data.clone(),
            node_id: self.node_id,
            listen: self.cluster.to_string(),
            advertise: self.advertise.clone(),
            start: self.start.clone(),
            learner: self.learner,
            secret: self.secret.clone(),
            token: self.join_token.clone(),
            tracks_processing: true,
            reserve: self.reserve,
            timing: Timing::default(),
        }
    }
}
