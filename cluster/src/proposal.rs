//! Proposals: a command finds the leader, wherever it is, and comes back with what became of it.
//!
//! A proposal has an id of its own and is applied once however often it arrives, so that it can be sent again after a
//! lost answer or a change of leaders.

use std::sync::Arc;
use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use tokio::time::Instant;

use crate::cluster::Inner;
use crate::network::{Propose, Proposed};
use crate::raft::{Command, Outcome};

/// One try takes at most so long: then the leader may be cut off, and another may be there.
const TRY: Duration = Duration::from_secs(2);
/// Between two looks for a leader.
const PAUSE: Duration = Duration::from_millis(20);

/// A proposal has no outcome.
pub(crate) enum Failure {
    /// It was not proposed.
    Unavailable,
    /// It may have been.
    Unknown,
    Stopped,
}

/// Proposes until there is an outcome or the time is over.
pub(crate) async fn propose(inner: &Arc<Inner>, command: Command, within: Duration) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + within;
    let mut maybe = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(if maybe { Failure::Unknown } else { Failure::Unavailable });
        }
        if inner.is_stopped() {
            return Err(Failure::Stopped);
        }
        match inner.leader() {
            Some((node, _)) if node == inner.id() => {
                match tokio::time::timeout(TRY.min(left), propose_here(inner, command.clone())).await {
                    Ok(Proposed::Outcome(outcome)) => return Ok(outcome),
                    Ok(Proposed::NotLeader) => {}
                    Ok(Proposed::Lost) | Err(_) => maybe = true,
                }
            }
            Some((_, address)) => match inner.peers.send(&address, &Propose(command.clone()), TRY.min(left)).await {
                Ok(Proposed::Outcome(outcome)) => return Ok(outcome),
                Ok(Proposed::NotLeader) => {}
                Ok(Proposed::Lost) => maybe = true,
                Err(error) if error.is_undelivered() => {}
                Err(_) => maybe = true,
            },
            None => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Proposes as the leader, if this node is.
pub(crate) async fn propose_here(inner: &Inner, command: Command) -> Proposed {
    let led = inner.leads();
    match inner.raft().client_write(command).await {
        Ok(written) => Proposed::Outcome(written.data),
        // A node that did not lead has not written anything; one that led may have, before it lost the lead.
        Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) if !led => Proposed::NotLeader,
        Err(RaftError::APIError(_) | RaftError::Fatal(_)) => Proposed::Lost,
    }
}
