//! Room on the disk: new writes are refused while there is little, so that the store never meets a disk that is full.
//!
//! What is kept free is for what a node can't refuse: votes, entries that the cluster has agreed on, the next snapshot.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::cluster::Inner;
use crate::disk::Disk;
use crate::start_error::StartError;
use crate::store::SNAPSHOT;

/// A node starts with this part of its reserve, to serve what it has: it writes a little while it does.
const TO_START: u64 = 8;

/// A node has too little room on its disk to take writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "node {node} takes no writes: {} MiB are free on the disk of its data directory {directory}, and it needs {} MiB",
    free >> 20, wanted.div_ceil(1 << 20)
)]
pub struct NoSpace {
    /// The node.
    pub node: NodeId,
    /// Its data directory.
    pub directory: String,
    /// Bytes that are free on its disk.
    pub free: u64,
    /// Bytes that must be free.
    pub wanted: u64,
}

/// Whether this node may take a new write.
pub(crate) fn check(inner: &Inner) -> Result<(), NoSpace> {
    let free = inner.disk.free();
    // The next snapshot is written beside the last one.
    let wanted = inner.reserve.saturating_add(inner.disk.size(SNAPSHOT));
    if free >= wanted {
        return Ok(());
    }
    Err(NoSpace { node: inner.id(), directory: inner.data.display().to_string(), free, wanted })
}

/// Whether a node may start.
pub(crate) fn check_start(disk: &dyn Disk, data: &Path, reserve: u64) -> Result<(), StartError> {
    let (free, wanted) = (disk.free(), reserve / TO_START);
    if free >= wanted { Ok(()) } else { Err(StartError::NoSpace { path: data.to_owned(), free, wanted }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_where_and_how_much() {
        let (directory, free, wanted) = ("/data".to_owned(), (12 << 20) + 5, (64 << 20) + 5);
        let told = NoSpace { node: 2, directory, free, wanted }.to_string();
        let expected =
            "node 2 takes no writes: 12 MiB are free on the disk of its data directory /data, and it needs 65 MiB";
        assert_eq!(told, expected);
    }
}
