//! Linearizable reads: how far this node must have applied before a look at its own copy is as good as the leader's.
//!
//! A round asks the leader once for all who came before it began; who comes while it runs waits for the next.

use std::sync::Arc;
use std::time::Duration;

use openraft::{CommittedLeaderId, RaftState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::cluster::Inner;
use crate::network::{ReadIndex, To};
use crate::raft::{Member, Vote};
use crate::{Index, NodeId};

/// So many readers may wait for a round.
pub(crate) const QUEUE: usize = 64 * 1024;
/// One question to the leader takes at most so long.
const TRY: Duration = Duration::from_millis(1000);
/// Between two looks for a leader.
const PAUSE: Duration = Duration::from_millis(20);

/// A linearizable read is not possible.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no leader, or it can't be reached.
    #[error("no leader answered within {seconds} s")]
    Unavailable {
        /// How long was waited.
        seconds: u64,
    },
    /// The node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

pub(crate) type Reader = oneshot::Sender<Option<Index>>;

/// Runs rounds for as long as there are readers.
pub(crate) async fn run(inner: std::sync::Weak<Inner>, mut readers: mpsc::Receiver<Reader>) {
    while let Some(first) = readers.recv().await {
        let mut round = vec![first];
        while let Ok(next) = readers.try_recv() {
            round.push(next);
        }
        let Some(inner) = inner.upgrade() else { return };
        let index = reach(&inner).await;
        for reader in round {
            let _ = reader.send(index);
        }
    }
}

/// Asks for the index and waits until it is applied here; `None` when that does not come about in time.
pub(crate) async fn reach(inner: &Arc<Inner>) -> Option<Index> {
    let deadline = Instant::now() + inner.timing.read;
    let index = loop {
        let asked = match inner.leader() {
            Some((node, _)) if node == inner.id() => within_try(read_index_here(inner)).await,
            Some((leader, address)) => {
                // One that stands still is replaced before the try is over.
                inner.while_led_by(leader, within_try(ask(inner, To::node(leader, &address)))).await.flatten()
            }
            None => None,
        };
        match asked {
            Some(index) => break index,
            None if Instant::now() >= deadline || inner.is_stopped() => return None,
            None => tokio::time::sleep(PAUSE).await,
        }
    };
    inner.wait_applied(index, deadline).await.then_some(index)
}

/// Raft says nothing while it waits for the disk, and readers don't wait as long as it may.
async fn within_try(asked: impl Future<Output = Option<Index>>) -> Option<Index> {
    tokio::time::timeout(TRY, asked).await.unwrap_or_default()
}

/// Asks the leader for the index, with this node's vote: looked at now, after the readers have come.
async fn ask(inner: &Inner, leader: To<'_>) -> Option<Index> {
    let (vote, _) = inner.vote().await?;
    inner.peers.send(leader, &ReadIndex(vote), TRY).await.unwrap_or_default()
}

/// The read index for another node, if this one leads.
///
/// The vote that the other one had says as much as its answer to a heartbeat: when its readers had come, it had given
/// none to a later leader. Where the two of them are a majority, as of three nodes, there was no other leader then, and
/// nobody else has to be asked.
pub(crate) async fn read_index_for(inner: &Inner, other: NodeId, vote: Vote) -> Option<Index> {
    let id = inner.id();
    let look = move |state: &RaftState<NodeId, Member, _>| {
        let is_leader = *state.vote_ref() == vote && vote.is_committed() && vote.leader_id().voted_for() == Some(id);
        let membership = state.membership_state.effective().membership();
        let are_majority = membership.get_joint_config().iter().all(|voters| {
            let both = [id, other].iter().filter(|node| voters.contains(node)).count();
            both > voters.len() / 2
        });
        // A leader knows what is committed once something of its own is.
        let own = CommittedLeaderId::new(vote.leader_id().term, id);
        let committed = state.committed.filter(|committed| committed.leader_id == own)?;
        (is_leader && are_majority && id != other).then_some(committed.index)
    };
    match inner.raft().with_raft_state(look).await.ok()? {
        Some(index) => Some(index.max(led_before(inner, vote.leader_id().term))),
        None => read_index_here(inner).await,
    }
}

/// The read index, if this node leads and a majority confirms it.
///
/// A node that comes back as the leader it was does not know yet how far its entries are committed, and openraft then
/// names an index that is too low: all that it had when it went down may be committed, so readers wait for all of it.
pub(crate) async fn read_index_here(inner: &Inner) -> Option<Index> {
    // As Raft itself knows it: what it publishes says nothing yet in the first moments of a node.
    let (vote, _) = inner.vote().await?;
    let term = vote.leader_id().term;
    let (read, _) = inner.raft().get_read_log_id().await.ok()?;
    Some(read.map_or(0, |id| id.index).max(led_before(inner, term)))
}

/// The last entry that this node had when it went down as the leader of this term.
fn led_before(inner: &Inner, term: u64) -> Index {
    inner.led_until.filter(|(led, _)| *led == term).map_or(0, |(_, last)| last)
}
