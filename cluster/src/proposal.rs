//! Proposals: a command finds the leader, wherever it is, and comes back with what became of it.
//!
//! A proposal has an id of its own and is applied once however often it arrives, so that it can be sent again after a
//! lost answer or a change of leaders.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::cluster::Inner;
use crate::network::{Propose, Proposed, To};
use crate::raft::{Command, Outcome};
use crate::space::{self, NoSpace};

/// One try takes at most so long: then the leader may be cut off, and another may be there.
const TRY: Duration = Duration::from_secs(2);
/// Between two looks for a leader.
const PAUSE: Duration = Duration::from_millis(20);

/// So many proposals may wait for their place in the log.
pub(crate) const QUEUE: usize = 4096;
/// A group has at most so many commands,
const GROUP: usize = 512;
/// and, unless it is one alone, at most so many bytes.
const GROUP_BYTES: usize = 512 * 1024;

/// A proposal has no outcome.
pub(crate) enum Failure {
    /// It was not proposed.
    Unavailable,
    /// It was not proposed: a disk has no room for it.
    NoSpace(NoSpace),
    /// It may have been.
    Unknown,
    Stopped,
}

/// Proposes until there is an outcome or the time is over.
pub(crate) async fn propose(inner: &Arc<Inner>, mut command: Command, within: Duration) -> Result<Outcome, Failure> {
    space::check(inner).map_err(Failure::NoSpace)?;
    let begun = Instant::now();
    let deadline = begun + within;
    let mut maybe = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(if maybe { Failure::Unknown } else { Failure::Unavailable });
        }
        if inner.is_stopped() {
            return Err(Failure::Stopped);
        }
        match propose_once(inner, &command, TRY.min(left)).await {
            // The only copy that was ever sent was not made, as this node was far behind: it may be sent as a new one.
            Proposed::Outcome(Outcome::Expired) if !maybe => {
                if let Command::Transact { since, .. } = &mut command {
                    *since = inner.applied();
                }
            }
            Proposed::Outcome(Outcome::Expired) => return Err(Failure::Unknown),
            Proposed::Outcome(outcome) => return Ok(outcome),
            // A leader without room gives the lead away, if it can.
            Proposed::NoSpace(why) if !maybe && begun.elapsed() > space::GIVEN_AWAY => {
                return Err(Failure::NoSpace(why));
            }
            Proposed::NotLeader | Proposed::NoSpace(_) => {}
            Proposed::Lost => maybe = true,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Proposes to whoever leads.
async fn propose_once(inner: &Arc<Inner>, command: &Command, within: Duration) -> Proposed {
    match inner.leader() {
        Some((node, _)) if node == inner.id() => {
            let proposed = tokio::time::timeout(within, propose_here(inner, command.clone())).await;
            proposed.unwrap_or(Proposed::Lost)
        }
        Some((node, address)) => {
            let proposal = Propose(command.clone());
            let sent = inner.peers.send(To::node(node, &address), &proposal, within);
            // A leader that stands still says nothing, and is replaced before the try is over.
            match inner.while_led_by(node, sent).await {
                Some(Ok(proposed)) => proposed,
                Some(Err(error)) if error.is_undelivered() => Proposed::NotLeader,
                Some(Err(_)) | None => Proposed::Lost,
            }
        }
        None => Proposed::NotLeader,
    }
}

/// Proposes as the leader, if this node is.
pub(crate) async fn propose_here(inner: &Inner, command: Command) -> Proposed {
    if inner.leaving.load(Ordering::Acquire) {
        return Proposed::NotLeader;
    }
    if let Err(why) = space::check(inner) {
        return Proposed::NoSpace(why);
    }
    let (answer, answered) = oneshot::channel();
    if inner.proposals.send(Proposal { command, answer }).await.is_err() {
        return Proposed::NotLeader;
    }
    answered.await.unwrap_or(Proposed::Lost)
}

/// A command that waits for its place in the log.
pub(crate) struct Proposal {
    command: Command,
    answer: oneshot::Sender<Proposed>,
}

/// Writes what is proposed: all that waits as one group, so that one write to disk, here and on each follower, is for
/// all of them. While one group is on its way the next one gathers.
pub(crate) async fn run(inner: Weak<Inner>, mut queue: mpsc::Receiver<Proposal>) {
    let mut left = None;
    loop {
        let Some(first) = (match left.take() {
            Some(left) => Some(left),
            None => queue.recv().await,
        }) else {
            return;
        };
        let mut bytes = first.command.size();
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            bytes += next.command.size();
            if bytes > GROUP_BYTES {
                left = Some(next);
                break;
            }
            group.push(next);
        }
        let Some(inner) = inner.upgrade() else { return };
        let (commands, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|proposal| (proposal.command, proposal.answer)).unzip();
        let outcomes = write(&inner, commands).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            let _ = answer.send(outcome);
        }
    }
}

/// Writes one entry; answers with what became of each command in it.
async fn write(inner: &Inner, mut commands: Vec<Command>) -> Vec<Proposed> {
    let count = commands.len();
    let entry = match commands.pop() {
        Some(only) if commands.is_empty() => only,
        Some(last) => {
            commands.push(last);
            Command::Group(commands)
        }
        None => return Vec::new(),
    };
    let all = |proposed: fn() -> Proposed| (0..count).map(|_| proposed()).collect();
    let _writing = inner.writing.lock().await;
    if inner.leaving.load(Ordering::Acquire) {
        return all(|| Proposed::NotLeader);
    }
    let Some((before, leads)) = inner.vote().await else { return all(|| Proposed::NotLeader) };
    match inner.while_vote_is(before, inner.raft().client_write(entry)).await {
        Some(Ok(written)) => match written.data {
            Outcome::Group(outcomes) => outcomes.into_iter().map(Proposed::Outcome).collect(),
            outcome => vec![Proposed::Outcome(outcome)],
        },
        Some(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => {
            // A node that did not lead before, nor since, has not written anything; one that did may have.
            let did_not_lead = !leads && inner.vote().await == Some((before, leads));
            if did_not_lead { all(|| Proposed::NotLeader) } else { all(|| Proposed::Lost) }
        }
        Some(Err(RaftError::APIError(_) | RaftError::Fatal(_))) | None => all(|| Proposed::Lost),
    }
}
