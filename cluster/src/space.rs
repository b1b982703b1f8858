//! Room on the disk: new writes are refused while there is little, so that the store never meets a disk that is full.
//!
//! What is kept free is for what a node can't refuse: votes, entries that the cluster has agreed on, the next snapshot.
//! A leader without room would refuse for all; it gives the lead to a voter that has some.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::cluster::Inner;
use crate::disk::Disk;
use crate::leadership;
use crate::network::{AskRoom, To};
use crate::start_error::StartError;
use crate::store::SNAPSHOT;

/// A node starts with this part of its reserve, to serve what it has: it writes a little while it does.
const TO_START: u64 = 8;
/// Between two looks of a leader at its disk.
const LOOK: Duration = Duration::from_millis(500);
/// A leader without room is one no longer after so long, if another voter has some.
pub(crate) const GIVEN_AWAY: Duration = Duration::from_secs(1);
/// A voter's word on its own disk must come within this time.
const ANSWER: Duration = Duration::from_millis(250);

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

/// Gives the lead away while this node has it and no room. It goes only to who has: there is no giving it back and forth.
pub(crate) async fn watch(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.is_stopped() {
            return;
        }
        if !inner.leads() {
            continue;
        }
        let Err(why) = check(&inner) else { continue };
        let with_room = with_room(&inner).await;
        if !with_room.is_empty() {
            tracing::warn!(%why, "another node is to lead, as this one takes no writes");
            leadership::hand_over_to_one_of(&inner, &with_room).await;
        }
    }
}

/// The other voters that have room.
async fn with_room(inner: &Arc<Inner>) -> BTreeSet<NodeId> {
    let voters = inner.voters();
    let others = inner.members().into_iter().filter(|(node, _)| *node != inner.id() && voters.contains(node));
    let asked = others.map(|(node, member)| async move {
        let has_room = inner.peers.send(To::node(node, &member.address), &AskRoom(), ANSWER).await;
        has_room.unwrap_or(false).then_some(node)
    });
    join_all(asked).await.into_iter().flatten().collect()
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
