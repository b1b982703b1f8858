//! The one thing that users hold: a node of a cluster, started.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::io;
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

use crate::config::{Config, Secret, Start, Timing};
use crate::directory::{Directory, Identity};
use crate::feed::{Feed, Watch};
use crate::membership::{self, JoinError, MemberStatus, MembershipError, Metrics, Role, Settled};
use crate::network::{
    Allot, Append, Certificates, ChangeMembership, Handlers, Hello, InstallSnapshot, Join, MembershipChange, Message,
    Peers, Ping, Propose, ReadIndex, Refused, RequestVote, SendError, Server, Settle, Tell, Told, reachable,
};
use crate::proposal::{self, Failure};
use crate::raft::{Command, Member, Network, Outcome, Raft, Vote};
use crate::read::{self, ReadError};
use crate::state::{State, View};
use crate::store::{self, LogStore};
use crate::transaction::{Committed, TransactError, Transaction};
use crate::{Index, NodeId};

/// Threads that Raft and the network run on.
const THREADS: usize = 4;
/// After so many entries a snapshot is made, and the log before it can go.
const SNAPSHOT_AFTER: u64 = 5000;
/// So many entries stay in the log behind a snapshot, for members that are a little late.
const KEPT_ENTRIES: u64 = 1000;
/// Entries that go to a follower at once.
const BATCH: u64 = 300;
/// A piece of a snapshot on the wire, in bytes.
const SNAPSHOT_PIECE: u64 = 1024 * 1024;

/// A node of a cluster. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

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
    /// The store in the data directory can't be opened.
    #[error("can't open the store in {}; if its files are damaged, move the directory aside and join as a new node", path.display())]
    Store {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
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
    /// A node joins only with the cluster's secret.
    #[error("a node needs the cluster's secret to join")]
    NoSecret,
    /// The cluster did not let the node in.
    #[error("can't join the cluster")]
    Join(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something that should not go wrong did.
    #[error("can't start the node: {0}")]
    Internal(String),
}

pub(crate) struct Inner {
    identity: RwLock<Identity>,
    address: SocketAddr,
    secret: Secret,
    pub(crate) timing: Timing,
    tracks_processing: bool,
    was_new: bool,
    data: PathBuf,
    raft: OnceLock<Raft>,
    state: Arc<RwLock<State>>,
    feed: Arc<Feed>,
    processed: watch::Sender<Index>,
    pub(crate) peers: Peers,
    handlers: Arc<Handlers>,
    readers: mpsc::Sender<read::Reader>,
    pub(crate) proposals: mpsc::Sender<proposal::Proposal>,
    last_seen: Mutex<HashMap<NodeId, Instant>>,
    started: Instant,
    log: LogStore,
    /// Term and last entry, if this node led when it went down.
    pub(crate) led_until: Option<(u64, Index)>,
    stopped: AtomicBool,
    handle: Handle,
    /// Taken when the last handle is gone.
    runtime: Mutex<Option<Runtime>>,
    /// Held for its lock.
    _directory: Directory,
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
        let starting = handle.spawn(start(config, handle.clone()));
        match starting.await.unwrap_or_else(|error| Err(StartError::Internal(error.to_string()))) {
            Ok(cluster) => {
                *cluster.inner.runtime.lock() = Some(runtime);
                Ok(cluster)
            }
            Err(error) => {
                // This may be a task of another runtime, where waiting for one to end is not allowed.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// This node's number.
    pub fn id(&self) -> NodeId {
        self.inner.id()
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

    /// Makes a transaction, from any node. When it returns, this node's own copy has it too.
    ///
    /// Tries again by itself while leaders change; a transaction is made at most once however often it is sent.
    pub async fn transact(&self, transaction: Transaction) -> Result<Committed, TransactError> {
        transaction.check()?;
        let within = self.inner.timing.transact;
        let seconds = within.as_secs();
        let command = Command::Transact { id: rand::random(), transaction };
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
            Some(Err(Failure::Unavailable)) => Err(TransactError::Unavailable { seconds }),
            Some(
                Ok(Outcome::Nothing | Outcome::Node(_) | Outcome::NodeTaken(_) | Outcome::Group(_))
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
        let sent = self.inner.run(async move { inner.peers.send(&address, &message, within).await });
        sent.await.unwrap_or_else(|| Err(SendError::Broken(member.address)))
    }

    /// Ends this node's part; other nodes go on. Handles that are left answer with `Stopped`.
    pub async fn stop(self) {
        self.inner.stopped.store(true, Ordering::Release);
        let inner = Arc::clone(&self.inner);
        let stopping = self.inner.run(async move {
            if let Some(raft) = inner.raft.get() {
                let _ = raft.shutdown().await;
            }
        });
        stopping.await;
        self.inner.feed.stop();
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
    async fn run<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.handle.spawn(task).await.ok()
    }

    /// Who leads, and where; as far as this node knows.
    pub(crate) fn leader(&self) -> Option<(NodeId, String)> {
        let metrics = self.raft.get()?.metrics().borrow().clone();
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

    /// How far a member is behind, as the leader knows it.
    pub(crate) fn lag_of(&self, node: NodeId) -> Option<u64> {
        let metrics = self.raft().metrics().borrow().clone();
        let matched = metrics.replication?.get(&node)?.map_or(0, |id| id.index);
        Some(metrics.last_log_index.unwrap_or_default().saturating_sub(matched))
    }

    pub(crate) fn seen(&self, node: NodeId) {
        self.last_seen.lock().insert(node, Instant::now());
    }

    pub(crate) fn is_live(&self, node: NodeId) -> bool {
        let seen = self.last_seen.lock().get(&node).copied().unwrap_or(self.started);
        seen.elapsed() < self.timing.liveness
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
            (state.applied(), state.documents() as u64)
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
            disk_bytes: disk_bytes(&self.data),
        }
    }
}

async fn wait_for(mut news: watch::Receiver<Index>, index: Index, deadline: Instant) -> bool {
    let reached = news.wait_for(|known| *known >= index);
    matches!(tokio::time::timeout_at(deadline, reached).await, Ok(Ok(_)))
}

/// Bytes of all files below a directory.
fn disk_bytes(path: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => disk_bytes(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

async fn start(config: Config, handle: Handle) -> Result<Cluster, StartError> {
    let in_directory = |source| StartError::Directory { path: config.data.clone(), source };
    let directory = Directory::open(&config.data).map_err(in_directory)?;
    let known = directory.identity().map_err(in_directory)?;
    let secret = secret(&config, &directory, known.is_some())?;
    let certificates = Certificates::new(&secret).map_err(|error| StartError::Internal(error.to_string()))?;
    let listen = |source| StartError::Listen { address: config.listen.clone(), source };
    let server = Server::bind(&config.listen, Arc::clone(&certificates.server)).await.map_err(listen)?;
    let address = server.address().map_err(listen)?;
    let advertised = match &config.advertise {
        Some(advertised) => advertised.clone(),
        None => reachable(address, config.start.addresses()).await.to_string(),
    };

    let stores = {
        let path = config.data.clone();
        let opening = tokio::task::spawn_blocking(move || store::open(&directory).map(|stores| (stores, directory)));
        let opened = opening.await.map_err(|error| io::Error::other(error.to_string())).and_then(|result| result);
        opened.map_err(|source| StartError::Store { path, source })?
    };
    let (stores, directory) = stores;

    let was_new = !known.as_ref().is_some_and(|known| known.member);
    let stranger = Hello {
        cluster: known.as_ref().map(|known| known.cluster).filter(|cluster| *cluster != 0),
        node: known.as_ref().map_or(0, |known| known.node),
    };
    let peers = Peers::new(Arc::clone(&certificates.client), stranger);
    let (identity, through) = identify(&config, known, &peers).await?;
    directory.set_identity(&identity).map_err(in_directory)?;
    let hello = Hello { cluster: (identity.cluster != 0).then_some(identity.cluster), node: identity.node };
    peers.introduce(hello.clone());

    let led_until = stores.log.led_until(identity.node);
    let led_until = led_until.map_err(|source| StartError::Store { path: config.data.clone(), source })?;
    let (readers, questions) = mpsc::channel(read::QUEUE);
    let (proposals, proposed) = mpsc::channel(proposal::QUEUE);
    let hello = Arc::new(Mutex::new(hello));
    let inner = Arc::new(Inner {
        address,
        secret,
        timing: config.timing.clone(),
        tracks_processing: config.tracks_processing,
        was_new,
        data: config.data.clone(),
        raft: OnceLock::new(),
        state: stores.state,
        feed: stores.feed,
        processed: watch::channel(0).0,
        peers,
        handlers: Arc::default(),
        readers,
        proposals,
        last_seen: Mutex::default(),
        led_until,
        started: Instant::now(),
        log: stores.log.clone(),
        stopped: AtomicBool::new(false),
        handle,
        runtime: Mutex::new(None),
        _directory: directory,
        identity: RwLock::new(identity.clone()),
    });
    let internal = |error: &dyn std::fmt::Display| StartError::Internal(error.to_string());
    let raft_config = raft_config(&config.timing)?;
    // Raft has connections of its own, so that nothing else can be in its way.
    let raft_peers = Arc::new(Peers::new(certificates.client, hello.lock().clone()));
    let network = Network::new(Arc::clone(&raft_peers));
    let raft = Raft::new(identity.node, Arc::new(raft_config), network, stores.log, stores.machine);
    let raft = raft.await.map_err(|error| internal(&error))?;
    let _ = inner.raft.set(raft);
    handle_messages(&inner);
    tokio::spawn(server.run(Arc::clone(&hello), Arc::clone(&inner.handlers)));
    tokio::spawn(read::run(Arc::downgrade(&inner), questions));
    tokio::spawn(proposal::run(Arc::downgrade(&inner), proposed));
    tokio::spawn(membership::watch_liveness(Arc::downgrade(&inner)));

    tokio::spawn(watch_raft(Arc::downgrade(&inner)));

    let cluster = match through {
        Entrance::None => {
            tokio::spawn(announce(Arc::downgrade(&inner), advertised));
            identity.cluster
        }
        Entrance::Bootstrap => {
            bootstrap(&inner, &identity, advertised).await?;
            identity.cluster
        }
        Entrance::Through(member) => enter(&inner, &member, &identity, advertised).await?,
    };
    if !identity.member {
        let identity = Identity { cluster, member: true, ..identity.clone() };
        inner._directory.set_identity(&identity).map_err(in_directory)?;
        let introduction = Hello { cluster: Some(cluster), node: identity.node };
        *hello.lock() = introduction.clone();
        inner.peers.introduce(introduction.clone());
        raft_peers.introduce(introduction);
        *inner.identity.write() = identity;
    }
    if !identity.learner {
        tokio::spawn(get_vote(Arc::downgrade(&inner)));
    }
    Ok(Cluster { inner })
}

/// How a node comes to be a member.
enum Entrance {
    /// It is one.
    None,
    /// As the first.
    Bootstrap,
    /// By asking this member.
    Through(String),
}

fn secret(config: &Config, directory: &Directory, goes_on: bool) -> Result<Secret, StartError> {
    let in_directory = |source| StartError::Directory { path: config.data.clone(), source };
    if let Some(secret) = &config.secret {
        return Ok(secret.clone());
    }
    if let Some(secret) = directory.secret().map_err(in_directory)? {
        return Ok(secret);
    }
    if config.start == Start::Bootstrap && !goes_on {
        return directory.make_secret().map_err(in_directory);
    }
    Err(StartError::NoSecret)
}

/// Who this node is: as it was, or made anew. A joining node asks for its number first.
async fn identify(config: &Config, known: Option<Identity>, peers: &Peers) -> Result<(Identity, Entrance), StartError> {
    match (known, &config.start) {
        (Some(known), _) if known.member => Ok((known, Entrance::None)),
        // A bootstrap that a crash has cut off goes on, as the same node of the same cluster.
        (Some(begun), _) if begun.cluster != 0 => Ok((begun, Entrance::Bootstrap)),
        (None | Some(_), Start::Bootstrap) => {
            let identity = Identity {
                node: config.node_id.unwrap_or(1),
                cluster: rand::random(),
                instance: rand::random(),
                learner: false,
                member: false,
            };
            Ok((identity, Entrance::Bootstrap))
        }
        (begun, Start::Join(addresses)) => {
            let instance = begun.as_ref().map_or_else(rand::random, |begun| begun.instance);
            let wanted = begun.map(|begun| begun.node).or(config.node_id);
            let asked = membership::ask_number(peers, addresses, wanted, instance, config.timing.join);
            let (node, member) = asked.await.map_err(|error: JoinError| StartError::Join(Box::new(error)))?;
            // The cluster's id follows when it has let this node in; until then a restart asks again, as the same.
            let identity = Identity { node, cluster: 0, instance, learner: config.learner, member: false };
            Ok((identity, Entrance::Through(member)))
        }
    }
}

async fn bootstrap(inner: &Arc<Inner>, identity: &Identity, address: String) -> Result<(), StartError> {
    let internal = |what: String| StartError::Internal(what);
    let members = std::collections::BTreeMap::from([(identity.node, Member { address })]);
    if !inner.raft().is_initialized().await.map_err(|error| internal(error.to_string()))? {
        inner.raft().initialize(members).await.map_err(|error| internal(error.to_string()))?;
    }
    let elected = inner.raft().wait(Some(Duration::from_secs(20)));
    elected
        .current_leader(identity.node, "bootstrap")
        .await
        .map_err(|error| internal(format!("the first node did not become the leader: {error}")))?;
    // Its own number is taken like everybody's, so that nobody else gets it.
    match membership::allot(inner, Some(identity.node), identity.instance).await {
        Ok(_) => Ok(()),
        Err(refused) => Err(internal(refused.to_string())),
    }
}

/// Asks a member to be let in; answers with the cluster's id.
async fn enter(inner: &Arc<Inner>, member: &str, identity: &Identity, address: String) -> Result<u128, StartError> {
    let deadline = Instant::now() + inner.timing.join;
    loop {
        let request = Join((identity.node, identity.instance, address.clone()));
        let result = inner.peers.send(member, &request, Duration::from_secs(20)).await;
        let failure: Box<dyn std::error::Error + Send + Sync> = match result {
            Ok(Ok(joined)) => return Ok(joined.cluster),
            Ok(Err(error @ Refused::Final(_))) => return Err(StartError::Join(Box::new(error))),
            Ok(Err(error)) => Box::new(error),
            Err(error) => Box::new(error),
        };
        if Instant::now() >= deadline {
            return Err(StartError::Join(failure));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Tells the others where this node is now, if they know another address of it.
async fn announce(inner: std::sync::Weak<Inner>, address: String) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let id = strong.id();
        let known = strong.members().into_iter().find(|(node, _)| *node == id);
        // A node that is no member has been removed, or does not know yet; the leader would tell it.
        if strong.is_stopped() || known.as_ref().is_some_and(|(_, member)| member.address == address) {
            return;
        }
        if known.is_some() {
            let instance = strong.identity.read().instance;
            let told = membership::join(&strong, &Join((id, instance, address.clone()))).await;
            if let Err(error) = told {
                tracing::warn!(%error, address, "the cluster does not take this node's new address yet");
            }
        }
        drop(strong);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Ends the process when Raft has ended by itself, as it does when the store fails: a node that goes on without it
/// would answer from what it last knew, and look alive to everybody.
async fn watch_raft(inner: std::sync::Weak<Inner>) {
    let Some(mut metrics) = inner.upgrade().map(|inner| inner.raft().metrics()) else { return };
    loop {
        let failure = metrics.borrow_and_update().running_state.clone().err();
        if let Some(failure) = failure {
            if inner.upgrade().is_some_and(|inner| !inner.is_stopped()) {
                tracing::error!(%failure, "Raft has ended; ending the process rather than going on without it");
                std::process::abort();
            }
            return;
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// Asks for this node's vote until it has one.
async fn get_vote(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        if strong.is_stopped() || strong.voters().contains(&strong.id()) {
            return;
        }
        if let Err(MembershipError::Refused(why)) =
            membership::change(&strong, MembershipChange::Promote(strong.id())).await
        {
            tracing::warn!(why, "this node does not get a vote");
            return;
        }
        drop(strong);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn raft_config(timing: &Timing) -> Result<openraft::Config, StartError> {
    let millis = |duration: Duration| duration.as_millis() as u64;
    let config = openraft::Config {
        cluster_name: "turnpike".to_owned(),
        heartbeat_interval: millis(timing.heartbeat),
        election_timeout_min: millis(timing.election_min),
        election_timeout_max: millis(timing.election_max),
        install_snapshot_timeout: 20_000,
        max_payload_entries: BATCH,
        snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(SNAPSHOT_AFTER),
        snapshot_max_chunk_size: SNAPSHOT_PIECE,
        max_in_snapshot_log_to_keep: KEPT_ENTRIES,
        ..openraft::Config::default()
    };
    config.validate().map_err(|error| StartError::Internal(error.to_string()))
}

/// Answers what other nodes ask. Handlers hold the node weakly: they belong to it.
fn handle_messages(inner: &Arc<Inner>) {
    let raft = inner.raft().clone();
    let handlers = &inner.handlers;
    let node = raft.clone();
    handlers.set(move |_, message: Append| {
        let node = node.clone();
        async move { node.append_entries(message.0).await }
    });
    let node = raft.clone();
    handlers.set(move |_, message: RequestVote| {
        let node = node.clone();
        async move { node.vote(message.0).await }
    });
    let node = raft;
    handlers.set(move |_, message: InstallSnapshot| {
        let node = node.clone();
        async move { node.install_snapshot(message.0).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |from, Ping()| {
        if let Some(inner) = weak.upgrade() {
            inner.seen(from);
        }
        async {}
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, message: Propose| {
        let inner = weak.upgrade();
        async move {
            match inner {
                Some(inner) => proposal::propose_here(&inner, message.0).await,
                None => crate::network::Proposed::NotLeader,
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, ReadIndex()| {
        let inner = weak.upgrade();
        async move { read::read_index_here(inner.as_deref()?).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Settle((index, millis)): Settle| {
        let inner = weak.upgrade();
        async move {
            let deadline = Instant::now() + Duration::from_millis(millis);
            match inner {
                Some(inner) => inner.has_processed(index, deadline).await,
                None => false,
            }
        }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Tell()| {
        let applied = weak.upgrade().map_or(0, |inner| inner.applied());
        async move { Told { applied } }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, Allot((wanted, instance)): Allot| {
        let inner = weak.upgrade();
        async move { membership::allot(&inner.ok_or(Refused::NotLeader)?, wanted, instance).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, message: Join| {
        let inner = weak.upgrade();
        async move { membership::join(&inner.ok_or(Refused::NotLeader)?, &message).await }
    });
    let weak = Arc::downgrade(inner);
    handlers.set(move |_, message: ChangeMembership| {
        let inner = weak.upgrade();
        async move { membership::change_here(&*inner.ok_or(Refused::NotLeader)?, &message.0).await }
    });
}
