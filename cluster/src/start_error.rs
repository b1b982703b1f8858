//! Why a node does not start, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be used.
    #[error("can't use the data directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The store in the data directory can't be opened, for a reason that lies outside of it.
    #[error("can't open the store in {}", path.display())]
    Store {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The files in the data directory are not what the node wrote.
    #[error("the store in {} is damaged and is not used; `turnpike cluster repair --data {}` moves it aside, so that the node can join again as a new one", path.display(), path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How that was found.
        #[source]
        source: io::Error,
    },
    /// The directory was repaired, and the node is to come in as a new one.
    #[error("{} was repaired: its node comes back by joining the others, and can't begin a new cluster; say which members it is to join", path.display())]
    Repaired {
        /// Which.
        path: PathBuf,
    },
    /// The disk is full, or nearly: a node that starts writes a little.
    #[error("{} MiB are free on the disk of the data directory {}, and the node needs {} MiB to start; make room first", free >> 20, path.display(), wanted.div_ceil(1 << 20))]
    NoSpace {
        /// Which.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        wanted: u64,
    },
    /// The cluster's port can't be opened.
    #[error("can't listen for other nodes on {address}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A node joins only with the cluster's secret, or with a join token.
    #[error("a node needs the cluster's secret, or a join token, to join")]
    NoSecret,
    /// The directory holds no node that could go on.
    #[error("{} holds no node that was let into a cluster; say again which members it is to join", path.display())]
    NotJoined {
        /// Which.
        path: PathBuf,
    },
    /// The cluster has let the node go.
    #[error("the node in {} was removed from its cluster; to let this machine in again, move the directory aside and join as a new node", path.display())]
    Removed {
        /// Which.
        path: PathBuf,
    },
    /// The cluster did not let the node in.
    #[error("can't join the cluster")]
    Join(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something that should not go wrong did.
    #[error("can't start the node: {0}")]
    Internal(String),
}

impl StartError {
    /// Whether it is the store or the machine that is at fault: what the operating system said is not about the contents.
    pub(crate) fn of_store(data: &Path, source: io::Error) -> Self {
        let path = data.to_owned();
        if source.raw_os_error().is_some() || source.kind() == io::ErrorKind::ResourceBusy {
            Self::Store { path, source }
        } else {
            Self::Damaged { path, source }
        }
    }
}
