//! The one thing that users hold: a node of a cluster, started.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::ServerState;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::backup::MARKER;
use crate::blobs;
use crate::clock::Clock;
use crate::config::{Config, Secret, Timing};
use crate::disk::Disk;
use crate::feed::{Feed, Watch};
use crate::identity::Identity;
use crate::leadership;
use crate::membership::{self, MemberStatus, MembershipError, Metrics, Role, Settled};
use crate::network::{Handlers, MembershipChange, Message, Peers, SendError, To};
use crate::proposal::{self, Failure};
use crate::raft::{Command, Member, Outcome, Raft, Vote};
use crate::read::{self, ReadError};
use crate::start;
use crate::start_error::StartError;
use crate::state::State;
use crate::store::{LogStore, Position};
use crate::token::{JoinToken, JoinTokenError};
use crate::transaction::{Committed, Condition, TransactError, Transaction};
use crate::view::View;
use crate::{Index, NodeId};

/// Threads that Raft and the network run on.
const THREADS: usize = 4;
/// What still runs of a node that did not start is waited for so long.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// A node of a cluster. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) identity: RwLock<Identity>,
    pub(crate) address: SocketAddr,
    pub(crate) secret: Secret,
    pub(crate) timing: Timing,
    pub(crate) data: PathBuf,
    /// Bytes that stay free on the disk.
    pub(crate) reserve: u64,
    pub(crate) tracks_processing: bool,
    pub(crate) was_new: bool,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) blobs: blobs::Store,
    pub(crate) raft: OnceLock<Raft>,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) position: Arc<RwLock<Position>>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) processed: watch::Sender<Index>,
    pub(crate) peers: Peers,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) readers: mpsc::Sender<read::Reader>,
    pub(crate) proposals: mpsc::Sender<proposal::Proposal>,
    pub(crate) last_seen: Mutex<HashMap<NodeId, Instant>>,
    pub(crate) started: Instant,
    pub(crate) log: LogStore,
    /// Term and last entry, if this node led when it went down.
    pub(crate) led_until: Option<(u64, Index)>,
    pub(crate) stopped: AtomicBool,
    /// Whether the lead is being handed over: nothing is proposed here meanwhile.
    pub(crate) leaving: AtomicBool,
    /// Held while something is written to the log.
    pub(crate) writing: tokio::sync::Mutex<()>,
    /// Whether the cluster has let this node go.
    pub(crate) removed: watch::Sender<bool>,
    pub(crate) handle: Handle,
    /// Taken when the last handle is gone.
    pub(crate) runtime: Mutex<Option<Runtime>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.feed.stop();
        if let Some(runtime) = self.runtime.lock().take() {
            // The last handle may be dropped on the runtime itself, where waiting for it is not allowed.
            runtime.shutdown_background();
        }
    }
}

impl Cluster {
    /// Starts a node: goes on with the data that is there, or begins as `config.start` says.
    ///
    /// Returns when the node is a member: after a bootstrap as its leader, after joining as a learner that gets its
    /// vote by itself once it has caught up, unless it is to stay one.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("cluster")
            .enable_all()
            .build()
            .map_err(|error| StartError::Internal(error.to_string()))?;
        let handle = runtime.handle().clone();
        let starting = handle.spawn(start::start(config, handle.clone()));
        match starting.await.unwrap_or_else(|error| Err(StartError::Internal(error.to_string()))) {
            Ok(cluster) => {
                *cluster.inner.runtime.lock() = Some(runtime);
                Ok(cluster)
            }
            Err(error) => {
                // Waited for, so that the data directory is free again; but not on a task, where that is not allowed.
                let ending = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(SHUTDOWN));
                let _ = ending.await;
                Err(error)
            }
        }
    }

    /// This node's number.
    pub fn id(&self) -> NodeId {
        self.inner.id()
    }

    /// The cluster's number, drawn at its bootstrap.
    pub fn cluster(&self) -> u128 {
        self.inner.cluster_id()
    }

    /// Where this node listens for others.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Whether the data directory was fresh at this start.
    pub fn was_new(&self) -> bool {
        self.inner.was_new
    }

    /// 32 bytes that all nodes of the cluster can derive and nobody else: a key for the application's own use.
    pub fn derive_key(&self, label: &str) -> [u8; 32] {
        crate::network::derive(&self.inner.secret, &format!("application/{label}"))
    }

    /// Makes a token with which one node without the secret gets in, in this time; at most
    /// [`MAX_VALIDITY`](crate::MAX_VALIDITY).
    pub fn join_token(&self, valid: Duration) -> Result<JoinToken, JoinTokenError> {
        JoinToken::make(&self.inner.secret, &Clock::system(), valid)
    }

    /// Makes a transaction, from any node. When it returns, this node's own copy has it too.
    ///
    /// Tries again by itself while leaders change; a transaction is made at most once however often it is sent.
    pub async fn transact(&self, transaction: Transaction) -> Result<Committed, TransactError> {
        transaction.check()?;
        // While a restore goes on nobody else changes anything.
        let fence = transaction.conditions.len();
        let fenced = transaction.when(Condition::Absent(MARKER.to_owned()));
        match self.commit(fenced).await {
            Err(TransactError::Conflict { condition, .. }) if condition == fence => Err(TransactError::Restoring),
            made => made,
        }
    }

    /// Makes a transaction whatever its size and whatever goes on.
    pub(crate) async fn commit(&self, transaction: Transaction) -> Result<Committed, TransactError> {
        let within = self.inner.timing.transact;
        let seconds = within.as_secs();
        let command = Command::Transact { id: rand::random(), since: self.inner.applied(), transaction };
        let inner = Arc::clone(&self.inner);
        let proposed = self.inner.run(async move {
            let outcome = proposal::propose(&inner, command, within).await;
            if let Ok(Outcome::Committed { index } | Outcome::Conflict { index, .. }) = &outcome {
                // Also after a conflict: the caller will look at what is there now.
                if !inner.wait_applied(*index, Instant::now() + within).await {
                    return Err(Failure::Unknown);
                }
            }
            outcome
        });
        match proposed.await {
            Some(Ok(Outcome::Committed { index })) => Ok(Committed { index }),
            Some(Ok(Outcome::Conflict { condition, key, index })) => {
                Err(TransactError::Conflict { condition, key, index })
            }
            Some(Err(Failure::NoSpace(why))) => Err(TransactError::NoSpace(why)),
            Some(Err(Failure::Unavailable)) => Err(TransactError::Unavailable { seconds }),
            Some(
                Ok(Outcome::Nothing | Outcome::Node(_) | Outcome::NodeTaken(_) | Outcome::Group(_) | Outcome::Expired)
                | Err(Failure::Unknown),
            ) => Err(TransactError::Unknown { seconds }),
            Some(Err(Failure::Stopped)) | None => Err(TransactError::Stopped),
        }
    }

    /// Looks at this node's copy, all as of one commit. Writers wait while `look` runs.
    pub fn read<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        look(&View { state: &self.inner.state.read() })
    }

    /// Waits until this node's copy has everything that was committed, anywhere, before this call.
    pub async fn fresh(&self) -> Result<Index, ReadError> {
        let (reader, answer) = oneshot::channel();
        self.inner.readers.send(reader).await.map_err(|_| ReadError::Stopped)?;
        match answer.await {
            Ok(Some(index)) => Ok(index),
            Ok(None) => Err(ReadError::Unavailable { seconds: self.inner.timing.read.as_secs() }),
            Err(_) => Err(ReadError::Stopped),
        }
    }

    /// Follows the changes after `after`.
    pub fn watch(&self, after: Index) -> Watch {
        self.inner.feed.watch(after)
    }

    /// Says that the application has dealt with everything up to `index`.
    pub fn processed(&self, index: Index) {
        self.inner.processed.send_if_modified(|known| {
            let further = index > *known;
            *known = index.max(*known);
            further
        });
    }

    /// Waits until every live member has dealt with everything up to `index`, and says who has not.
    pub async fn settled(&self, index: Index, within: Duration) -> Settled {
        let inner = Arc::clone(&self.inner);
        let settled = self.inner.run(async move { membership::settled(&inner, index, within).await });
        settled.await.unwrap_or_else(|| Settled { lagging: vec![self.id()], absent: Vec::new() })
    }

    /// Figures of this node.
    pub fn metrics(&self) -> Metrics {
        self.inner.metrics()
    }

    /// All members; each is asked how far it is.
    pub async fn members(&self) -> Vec<MemberStatus> {
        let inner = Arc::clone(&self.inner);
        self.inner.run(async move { membership::statuses(&inner).await }).await.unwrap_or_default()
    }

    /// The numbers of all members, in order, as far as this node knows. Nobody is asked.
    pub fn member_ids(&self) -> Vec<NodeId> {
        self.inner.members().into_iter().map(|(node, _)| node).collect()
    }

    /// How long nothing was heard of a member; `None` if there is no such member. Members are asked for a sign of life
    /// twice a second. One that was never heard of is counted from this node's start.
    pub fn silence(&self, node: NodeId) -> Option<Duration> {
        self.inner.address_of(node)?;
        Some(if node == self.inner.id() { Duration::ZERO } else { self.inner.silence(node) })
    }

    /// Gives a learner a vote, once it has caught up.
    pub async fn promote(&self, node: NodeId) -> Result<(), MembershipError> {
        self.change(MembershipChange::Promote(node)).await
    }

    /// Lets a member go, voter or learner.
    pub async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        self.change(MembershipChange::Remove(node)).await
    }

    async fn change(&self, change: MembershipChange) -> Result<(), MembershipError> {
        let inner = Arc::clone(&self.inner);
        let changed = self.inner.run(async move { membership::change(&inner, change).await });
        changed.await.unwrap_or(Err(MembershipError::Unavailable(Duration::ZERO)))
    }

    /// Has messages of a type answered by `handler`, which learns which node asks.
    pub fn receive<M, F, A>(&self, handler: F)
    where
        M: Message,
        F: Fn(NodeId, M) -> A + Send + Sync + 'static,
        A: Future<Output = M::Reply> + Send + 'static,
    {
        self.inner.handlers.set(handler);
    }

    /// Sends a message to a member and waits for the answer.
    pub async fn send<M: Message + Sync>(
        &self,
        to: NodeId,
        message: M,
        within: Duration,
    ) -> Result<M::Reply, SendError> {
        let inner = Arc::clone(&self.inner);
        let member = self.inner.members().into_iter().find(|(node, _)| *node == to);
        let (_, member) = member.ok_or(SendError::UnknownNode(to))?;
        let address = member.address.clone();
        let sent = self.inner.run(async move { inner.peers.send(To::node(to, &address), &message, within).await });
        sent.await.unwrap_or_else(|| Err(SendError::Broken(member.address)))
    }

    /// Gives the lead to another node, if this one has it and another can take it. Writes wait for a moment.
    ///
    /// [`Cluster::stop`] does so as well; a node that finishes other work before it stops calls this first.
    pub async fn hand_over(&self) {
        let inner = Arc::clone(&self.inner);
        self.inner.run(async move { leadership::hand_over(&inner).await }).await;
    }

    /// Returns when the cluster has let this node go: it holds nothing that may be served any more.
    pub async fn removed(&self) {
        let mut news = self.inner.removed.subscribe();
        // The sender lives as long as this handle.
        let _ = news.wait_for(|removed| *removed).await;
    }

    /// Ends this node's part; other nodes go on. Handles that are left answer with `Stopped`.
    pub async fn stop(self) {
        self.hand_over().await;
        let inner = Arc::clone(&self.inner);
        self.inner.run(async move { inner.end().await }).await;
    }
}

impl Inner {
    pub(crate) fn id(&self) -> NodeId {
        self.identity.read().node
    }

    pub(crate) fn cluster_id(&self) -> u128 {
        self.identity.read().cluster
    }

    pub(crate) fn raft(&self) -> &Raft {
        self.raft.get().expect("Raft is set before the node is handed out or listens")
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Runs a task on the node's own threads; `None` if they have ended.
    pub(crate) async fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.handle.spawn(task).await.ok()
    }

    /// Ends Raft, and everything that waits for it.
    pub(crate) async fn end(&self) {
        let ended = self.stopped.swap(true, Ordering::AcqRel);
        if let Some(raft) = self.raft.get().filter(|_| !ended) {
            let _ = raft.shutdown().await;
        }
        self.feed.stop();
    }

    /// Where a member is.
    pub(crate) fn address_of(&self, node: NodeId) -> Option<String> {
        self.members().into_iter().find(|(known, _)| *known == node).map(|(_, member)| member.address)
    }

    /// Who leads, and where; as far as this node knows.
    pub(crate) fn leader(&self) -> Option<(NodeId, String)> {
        let metrics = self.raft.get()?.metrics();
        let metrics = metrics.borrow();
        let leader = metrics.current_leader?;
        let member = metrics.membership_config.membership().get_node(&leader)?;
        Some((leader, member.address.clone()))
    }

    /// The vote that this node has given, and whether it leads by it; as Raft itself knows it at this moment.
    pub(crate) async fn vote(&self) -> Option<(Vote, bool)> {
        let id = self.id();
        let look = move |state: &openraft::RaftState<NodeId, Member, _>| {
            let vote = *state.vote_ref();
            (vote, vote.is_committed() && vote.leader_id().voted_for() == Some(id))
        };
        self.raft().with_raft_state(look).await.ok()
    }

    /// Waits for what is written as the leader, for as long as this node's vote is that one: openraft does not answer for
    /// an entry in whose place a later leader's snapshot has come.
    pub(crate) async fn while_vote_is<T>(&self, vote: Vote, writing: impl Future<Output = T>) -> Option<T> {
        let mut metrics = self.raft().metrics();
        let other = metrics.wait_for(|metrics| metrics.vote > vote);
        tokio::select! {
            biased;
            written = writing => Some(written),
            _ = other => None,
        }
    }

    /// What comes of asking the leader, unless this node hears meanwhile that it is not the leader any more.
    pub(crate) async fn while_led_by<T>(&self, leader: NodeId, asking: impl Future<Output = T>) -> Option<T> {
        let mut metrics = self.raft().metrics();
        let other = metrics.wait_for(|metrics| metrics.current_leader != Some(leader));
        tokio::select! {
            biased;
            answer = asking => Some(answer),
            _ = other => None,
        }
    }

    pub(crate) fn term(&self) -> u64 {
        self.raft().metrics().borrow().current_term
    }

    pub(crate) fn leads(&self) -> bool {
        self.raft.get().is_some_and(|raft| raft.metrics().borrow().state == ServerState::Leader)
    }

    pub(crate) fn members(&self) -> Vec<(NodeId, Member)> {
        let Some(raft) = self.raft.get() else { return Vec::new() };
        let metrics = raft.metrics().borrow().clone();
        metrics.membership_config.membership().nodes().map(|(node, member)| (*node, member.clone())).collect()
    }

    pub(crate) fn voters(&self) -> BTreeSet<NodeId> {
        let Some(raft) = self.raft.get() else { return BTreeSet::new() };
        // Between two memberships the later one is what counts.
        let membership = raft.metrics().borrow().membership_config.membership().clone();
        membership.get_joint_config().last().cloned().unwrap_or_default()
    }

    /// Up to where a member has the log, as the leader knows it.
    pub(crate) fn has_log(&self, node: NodeId) -> Option<Index> {
        let metrics = self.raft().metrics().borrow().clone();
        Some(metrics.replication?.get(&node)?.map_or(0, |id| id.index))
    }

    /// How far a member is behind, as the leader knows it.
    pub(crate) fn lag_of(&self, node: NodeId) -> Option<u64> {
        let last = self.raft().metrics().borrow().last_log_index.unwrap_or_default();
        Some(last.saturating_sub(self.has_log(node)?))
    }

    pub(crate) fn seen(&self, node: NodeId) {
        self.last_seen.lock().insert(node, Instant::now());
    }

    pub(crate) fn is_live(&self, node: NodeId) -> bool {
        self.silence(node) < self.timing.liveness
    }

    /// How long nothing was heard of a node.
    pub(crate) fn silence(&self, node: NodeId) -> Duration {
        self.last_seen.lock().get(&node).copied().unwrap_or(self.started).elapsed()
    }

    pub(crate) fn applied(&self) -> Index {
        self.state.read().applied()
    }

    pub(crate) async fn wait_applied(&self, index: Index, deadline: Instant) -> bool {
        match self.feed.applied() {
            Some(applied) => wait_for(applied, index, deadline).await,
            None => false,
        }
    }

    /// Waits until this node has dealt with everything up to `index`, and would know of it after a crash as well.
    pub(crate) async fn has_processed(&self, index: Index, deadline: Instant) -> bool {
        self.wait_processed(index, deadline).await && self.log.barrier().await.is_ok()
    }

    pub(crate) fn is_allotted(&self, node: NodeId, instance: u128) -> bool {
        self.state.read().is_allotted(node, instance)
    }

    /// Waits until this node has dealt with everything up to `index`.
    async fn wait_processed(&self, index: Index, deadline: Instant) -> bool {
        if !self.tracks_processing {
            return self.wait_applied(index, deadline).await;
        }
        wait_for(self.processed.subscribe(), index, deadline).await
    }

    fn metrics(&self) -> Metrics {
        let raft = self.raft().metrics().borrow().clone();
        let last = raft.last_log_index.unwrap_or_default();
        let (applied, documents) = {
            let state = self.state.read();
            (state.applied(), state.documents().len() as u64)
        };
        let others = raft.replication.into_iter().flatten().filter(|(node, _)| *node != raft.id);
        let lag: Vec<_> =
            others.map(|(node, matched)| (node, last.saturating_sub(matched.map_or(0, |id| id.index)))).collect();
        Metrics {
            id: raft.id,
            term: raft.current_term,
            role: match raft.state {
                ServerState::Leader => Role::Leader,
                ServerState::Candidate => Role::Candidate,
                ServerState::Learner => Role::Learner,
                ServerState::Follower | ServerState::Shutdown => Role::Follower,
            },
            leader: raft.current_leader,
            last,
            // openraft applies what is committed without delay and does not tell the two apart.
            committed: applied.max(raft.last_applied.map_or(0, |id| id.index)),
            applied,
            snapshot: raft.snapshot.map(|id| id.index),
            lag,
            documents,
            disk_bytes: self.disk.bytes(),
            free_bytes: self.disk.free(),
        }
    }
}

async fn wait_for(mut news: watch::Receiver<Index>, index: Index, deadline: Instant) -> bool {
    let reached = news.wait_for(|known| *known >= index);
    matches!(tokio::time::timeout_at(deadline, reached).await, Ok(Ok(_)))
}
