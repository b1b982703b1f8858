//! Members: who they are, who is there, and how one comes in, gets a vote, and leaves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::error::{ClientWriteError, RaftError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::cluster::Inner;
use crate::network::{
    ChangeMembership, Join, Joined, MembershipChange, Message, Peers, Ping, Refused, SendError, Settle, Tell, To,
};
use crate::proposal::{self, Failure};
use crate::raft::{Command, Member, Outcome};
use crate::{Index, NodeId};

/// Between two pings of a peer.
const PING: Duration = Duration::from_millis(500);
/// How long a change of the membership is tried.
const CHANGE: Duration = Duration::from_secs(15);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// A node's word on how far it is must come within this time.
const TELL: Duration = Duration::from_secs(1);
/// Node ids are at most so large: every client's numbers hold it.
const MAX_NODE: NodeId = 1 << 53;
/// How far a learner may be behind when it gets its vote.
const CAUGHT_UP: u64 = 100;

/// Who has dealt with a commit, and who has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Members that are there, but did not get so far in time. None of them: settled.
    pub lagging: Vec<NodeId>,
    /// Members that are not there.
    pub absent: Vec<NodeId>,
}

/// What a member is in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Decides on the order of changes.
    Leader,
    /// Votes, and follows.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Gets everything and has no vote.
    Learner,
}

/// How a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its number.
    pub id: NodeId,
    /// Where other nodes reach it.
    pub address: String,
    /// What it is in Raft, as far as this node knows.
    pub role: Role,
    /// Whether it answered just now.
    pub live: bool,
    /// How far it has applied, if it answered.
    pub applied: Option<Index>,
}

/// Figures of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// This node.
    pub id: NodeId,
    /// Raft's term.
    pub term: u64,
    /// What this node is in Raft.
    pub role: Role,
    /// Who leads, if anybody is known to.
    pub leader: Option<NodeId>,
    /// The last entry in this node's log.
    pub last: Index,
    /// The last entry that this node knows to be committed.
    pub committed: Index,
    /// The last entry that this node has applied.
    pub applied: Index,
    /// The last entry in the snapshot.
    pub snapshot: Option<Index>,
    /// On the leader: how many entries each other member is behind.
    pub lag: Vec<(NodeId, u64)>,
    /// Documents in the store.
    pub documents: u64,
    /// Bytes that the store takes on disk.
    pub disk_bytes: u64,
    /// Bytes that are free on the disk.
    pub free_bytes: u64,
}

/// A change of the membership was not made.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// It can't be made.
    #[error("{0}")]
    Refused(String),
    /// There is no leader, or it can't be reached.
    #[error("no leader answered within {0:?}")]
    Unavailable(Duration),
}

/// Waits until every live member has dealt with everything up to `index`.
pub(crate) async fn settled(inner: &Arc<Inner>, index: Index, within: Duration) -> Settled {
    let deadline = Instant::now() + within;
    let others = inner.members().into_iter().filter(|(node, _)| *node != inner.id());
    let asked: Vec<_> = others
        .map(|(node, member)| (node, tokio::spawn(ask_settled(Arc::clone(inner), node, member, index, deadline))))
        .collect();
    let mut settled = Settled::default();
    if !inner.has_processed(index, deadline).await {
        settled.lagging.push(inner.id());
    }
    for (node, task) in asked {
        match task.await.unwrap_or(Answer::Absent) {
            Answer::There => {}
            Answer::Lagging => settled.lagging.push(node),
            Answer::Absent => settled.absent.push(node),
        }
    }
    settled
}

enum Answer {
    There,
    Lagging,
    Absent,
}

/// Asks one member, again and again, until it has the index, or is not there, or the time is over.
async fn ask_settled(inner: Arc<Inner>, node: NodeId, member: Member, index: Index, deadline: Instant) -> Answer {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Answer::Lagging;
        }
        // Short questions, so that a member that fell silent is noticed by its silence and not by the deadline.
        let patience = left.min(inner.timing.liveness);
        let question = Settle((index, patience.as_millis() as u64));
        match inner.peers.send(To::node(node, &member.address), &question, patience + Duration::from_millis(250)).await
        {
            Ok(true) => return Answer::There,
            Ok(false) => {}
            Err(error) if error.is_gone() => return Answer::Absent,
            Err(_) if !inner.is_live(node) => return Answer::Absent,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Ends what a leader that died has left between two memberships: both of them would be needed for every commit.
async fn leave_joint(inner: &Inner) {
    let membership = inner.raft().metrics().borrow().membership_config.membership().clone();
    if inner.leads() && membership.get_joint_config().len() > 1 {
        let _ = tokio::time::timeout(CHANGE, write(inner, ChangeMembers::AddVoterIds(BTreeSet::new()))).await;
    }
}

/// Pings every other member from time to time: who answers is there.
pub(crate) async fn watch_liveness(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        if strong.is_stopped() {
            return;
        }
        for (node, member) in strong.members() {
            if node != strong.id() {
                let strong = Arc::clone(&strong);
                tokio::spawn(async move {
                    if strong.peers.send(To::node(node, &member.address), &Ping(), PING).await.is_ok() {
                        strong.seen(node);
                    }
                });
            }
        }
        leave_joint(&strong).await;
        drop(strong);
        tokio::time::sleep(PING).await;
    }
}

/// All members, with what they say of themselves.
pub(crate) async fn statuses(inner: &Arc<Inner>) -> Vec<MemberStatus> {
    let leader = inner.leader().map(|(node, _)| node);
    let voters = inner.voters();
    let asked: Vec<_> = inner
        .members()
        .into_iter()
        .map(|(id, member)| {
            let strong = Arc::clone(inner);
            let address = member.address.clone();
            let telling = tokio::spawn(async move {
                if id == strong.id() {
                    return Some(strong.applied());
                }
                strong.peers.send(To::node(id, &address), &Tell(), TELL).await.ok().map(|told| told.applied)
            });
            (id, member, telling)
        })
        .collect();
    let mut statuses = Vec::new();
    for (id, member, telling) in asked {
        let applied = telling.await.ok().flatten();
        let role = match () {
            () if leader == Some(id) => Role::Leader,
            () if voters.contains(&id) => Role::Follower,
            () => Role::Learner,
        };
        statuses.push(MemberStatus { id, address: member.address, role, live: applied.is_some(), applied });
    }
    statuses
}

/// Changes the membership, from whichever node.
pub(crate) async fn change(inner: &Arc<Inner>, change: MembershipChange) -> Result<(), MembershipError> {
    let removed = match &change {
        MembershipChange::Remove(node) => inner.members().iter().any(|(known, _)| known == node),
        MembershipChange::Promote(_) => false,
    };
    let message = ChangeMembership(change);
    match ask_leader(inner, &message, || change_here(inner, &message.0)).await {
        Ok(()) => Ok(()),
        // It was one when this began: an earlier try has removed it, and its answer was lost.
        Err(Refused::NotMember(_)) if removed => Ok(()),
        Err(error @ Refused::NotMember(_)) => Err(MembershipError::Refused(error.to_string())),
        Err(Refused::Final(why)) => Err(MembershipError::Refused(why)),
        Err(Refused::NotLeader) => Err(MembershipError::Unavailable(CHANGE)),
    }
}

/// Has the leader do something, wherever it is, until it is done or refused for good.
async fn ask_leader<M, R, F>(inner: &Arc<Inner>, message: &M, here: impl Fn() -> F) -> Result<R, Refused>
where
    M: Message<Reply = Result<R, Refused>>,
    F: Future<Output = Result<R, Refused>>,
{
    let deadline = Instant::now() + CHANGE;
    loop {
        let result = match inner.leader() {
            Some((node, _)) if node == inner.id() => {
                tokio::time::timeout(CHANGE, here()).await.unwrap_or(Err(Refused::NotLeader))
            }
            Some((node, address)) => {
                let sent = inner.peers.send(To::node(node, &address), message, CHANGE);
                sent.await.unwrap_or(Err(Refused::NotLeader))
            }
            None => Err(Refused::NotLeader),
        };
        match result {
            Err(Refused::NotLeader) if Instant::now() < deadline && !inner.is_stopped() => {
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Makes sure that this node leads and that its membership is committed: only then it may be reasoned from. A node that
/// was cut off, or has just started, may hold one that never was, or none.
async fn confirm(inner: &Inner) -> Result<(), Refused> {
    if !inner.leads() {
        return Err(Refused::NotLeader);
    }
    let committed = inner.raft().get_read_log_id().await.map_err(|_| Refused::NotLeader)?.0;
    let metrics = inner.raft().metrics();
    let membership = &metrics.borrow().membership_config;
    // Between two memberships the next one has to be waited for: a node may still be in the one and not in the other.
    let between = membership.membership().get_joint_config().len() > 1;
    if *membership.log_id() > committed || between { Err(Refused::NotLeader) } else { Ok(()) }
}

/// Changes the membership as the leader.
pub(crate) async fn change_here(inner: &Inner, change: &MembershipChange) -> Result<(), Refused> {
    confirm(inner).await?;
    match change {
        MembershipChange::Promote(node) => {
            if inner.voters().contains(node) {
                return Ok(());
            }
            if inner.lag_of(*node).is_none_or(|lag| lag > CAUGHT_UP) {
                // Not refused for good: it may catch up while the caller asks again.
                return if inner.members().iter().any(|(known, _)| known == node) {
                    Err(Refused::NotLeader)
                } else {
                    Err(Refused::NotMember(*node))
                };
            }
            write(inner, ChangeMembers::AddVoterIds(BTreeSet::from([*node]))).await
        }
        MembershipChange::Remove(node) => {
            if !inner.members().iter().any(|(known, _)| known == node) {
                return Err(Refused::NotMember(*node));
            }
            if inner.voters().contains(node) {
                if inner.voters().len() == 1 {
                    return Err(Refused::Final("the last voter can't be removed".to_owned()));
                }
                write(inner, ChangeMembers::RemoveVoters(BTreeSet::from([*node]))).await?;
            }
            if inner.members().iter().any(|(known, _)| known == node) {
                write(inner, ChangeMembers::RemoveNodes(BTreeSet::from([*node]))).await?;
            }
            Ok(())
        }
    }
}

async fn write(inner: &Inner, change: ChangeMembers<NodeId, Member>) -> Result<(), Refused> {
    let (vote, _) = inner.vote().await.ok_or(Refused::NotLeader)?;
    match inner.while_vote_is(vote, inner.raft().change_membership(change, false)).await {
        Some(Ok(_)) => Ok(()),
        // One change is made at a time; and the lead may move. Both pass.
        Some(Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error)))) => match error {
            openraft::error::ChangeMembershipError::InProgress(_) => Err(Refused::NotLeader),
            error => Err(Refused::Final(error.to_string())),
        },
        Some(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)) | RaftError::Fatal(_))) | None => {
            Err(Refused::NotLeader)
        }
    }
}

/// Gives a node its number.
pub(crate) async fn allot(inner: &Arc<Inner>, wanted: Option<NodeId>, instance: u128) -> Result<NodeId, Refused> {
    if wanted.is_some_and(|node| !(1..=MAX_NODE).contains(&node)) {
        return Err(Refused::Final(format!("a node id is a number from 1 to {MAX_NODE}")));
    }
    match proposal::propose(inner, Command::AllotNode { wanted, instance }, CHANGE).await {
        Ok(Outcome::Node(node)) => Ok(node),
        Ok(Outcome::NodeTaken(node)) => Err(Refused::Final(format!(
            "node id {node} belongs to another node; choose another, or none to be given a free one"
        ))),
        Err(Failure::NoSpace(why)) => Err(Refused::Final(why.to_string())),
        Ok(_) | Err(Failure::Unavailable | Failure::Unknown | Failure::Stopped) => Err(Refused::NotLeader),
    }
}

/// Lets a node in as a learner, or learns its new address, as the leader.
pub(crate) async fn admit(inner: &Inner, Join((node, instance, address)): &Join) -> Result<Joined, Refused> {
    confirm(inner).await?;
    if !inner.is_allotted(*node, *instance) {
        return Err(Refused::Final(format!("node id {node} was not given to this node")));
    }
    let member = Member { address: address.clone() };
    let known = inner.members().into_iter().find(|(known, _)| known == node);
    match known {
        Some((_, known)) if known == member => {}
        // The instance has proved that it is the same node: its number can't be another's.
        Some(_) => write(inner, ChangeMembers::SetNodes([(*node, member)].into())).await?,
        None => write(inner, ChangeMembers::AddNodes([(*node, member)].into())).await?,
    }
    Ok(Joined { cluster: inner.cluster_id() })
}

/// Lets a node in, from whichever node it asked.
pub(crate) async fn join(inner: &Arc<Inner>, message: &Join) -> Result<Joined, Refused> {
    ask_leader(inner, message, || admit(inner, message)).await
}

/// Asks something of the members before being one, at one address after the other, until one gives it or the time is
/// over; answers also with who gave it.
pub(crate) async fn ask_members<R, M: Message<Reply = Result<R, Refused>>>(
    peers: &Peers,
    addresses: &[String],
    message: &M,
    within: Duration,
) -> Result<(R, String), JoinError> {
    let deadline = Instant::now() + within;
    let mut last: Option<SendError> = None;
    let mut tries = 0_u32;
    while Instant::now() < deadline {
        let (mut met, mut foreign) = (false, None);
        for address in addresses {
            match peers.send(To::any(address), message, CHANGE).await {
                Ok(Ok(given)) => return Ok((given, address.clone())),
                Ok(Err(Refused::Final(why))) => return Err(JoinError::Refused(why)),
                Ok(Err(Refused::NotLeader | Refused::NotMember(_))) => met = true,
                Err(error) if error.is_foreign() => foreign = Some((address.clone(), error)),
                Err(error) => last = Some(error),
            }
        }
        // Time does not change it. Where a member has answered as well, the other address does not matter.
        if let Some((address, source)) = foreign.filter(|_| !met) {
            return Err(JoinError::Foreign { address, source });
        }
        if tries.is_multiple_of(20) {
            tracing::info!(addresses = addresses.join(","), "waiting for a member of the cluster to let this node in");
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Err(JoinError::Unreachable { addresses: addresses.join(","), within, source: last })
}

/// Joining came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error("the cluster refused: {0}")]
    Refused(String),
    #[error("{0}")]
    Token(String),
    #[error(
        "who answers at {address} is no node of the cluster whose secret or join token this node has; get one from the cluster that it is to join"
    )]
    Foreign { address: String, source: SendError },
    #[error(
        "no member of the cluster answered at {addresses} within {within:?}; check the addresses, and that this node has the cluster's secret, or a join token of this cluster"
    )]
    Unreachable { addresses: String, within: Duration, source: Option<SendError> },
}
