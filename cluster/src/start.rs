//! A node's start: who it is, by what it finds and is told, and how it comes to be a member.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use openraft::error::Fatal;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::NodeId;
use crate::clock::Clock;
use crate::cluster::{Cluster, Inner};
use crate::compaction::{self, Bounds};
use crate::config::{Config, Secret, Start, Timing};
use crate::disk::{self, Directory, Disk, Growth};
use crate::identity::{self, Identity};
use crate::membership::{self, JoinError, MembershipError};
use crate::network::{
    Allot, Certificates, Hello, Join, MembershipChange, Peers, Ping, Port, Refused, TlsPort, To, reachable,
};
use crate::raft::{Member, Network, Raft};
use crate::start_error::StartError;
use crate::store::{self, Stores};
use crate::{admission, answers, blobs, leadership, proposal, read, repair, space, standing};

const LOG: LogPolicy =
    LogPolicy { snapshot_after: 5000, kept: 1000, bounds: Bounds { behind: 16 * 1024 * 1024, kept: 8 * 1024 * 1024 } };
/// A store that takes more than this, and four times what lives in it, is written anew.
const GROWTH: Growth = Growth { least: 256 * 1024 * 1024, factor: 4 };
/// Nodes take so many different turns at making snapshots.
const SNAPSHOT_TURNS: u64 = 4;
/// Who may be at this node's former address must answer within this time.
const MEET: Duration = Duration::from_millis(250);
/// Entries that go to a follower at once.
const BATCH: u64 = 300;
/// A piece of a snapshot on the wire, in bytes.
const SNAPSHOT_PIECE: u64 = 1024 * 1024;

/// What a node stands on.
pub(crate) struct Ground {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) port: Arc<dyn Port>,
    pub(crate) secret: Secret,
    pub(crate) log: LogPolicy,
    pub(crate) growth: Growth,
}

/// How long the log grows.
#[derive(Clone, Copy)]
pub(crate) struct LogPolicy {
    /// After so many entries a snapshot is made, and the log before it can go.
    pub(crate) snapshot_after: u64,
    /// So many entries stay in the log behind a snapshot, for members that are a little late.
    pub(crate) kept: u64,
    /// The same by bytes, of which fewer may be enough.
    pub(crate) bounds: Bounds,
}

/// Starts a node in its data directory and on its port, on the runtime that is its own.
pub(crate) async fn start(config: Config, handle: Handle) -> Result<Cluster, StartError> {
    let in_directory = |source| StartError::Directory { path: config.data.clone(), source };
    let disk: Arc<dyn Disk> = Arc::new(Directory::open(&config.data).map_err(in_directory)?);
    space::check_start(&*disk, &config.data, config.reserve)?;
    let secret = secret(&config, &*disk).await?;
    let certificates =
        Certificates::new(&secret, Clock::system()).map_err(|error| StartError::Internal(error.to_string()))?;
    let port = TlsPort::bind(&config.listen, certificates).await;
    let port = port.map_err(|source| StartError::Listen { address: config.listen.clone(), source })?;
    begin(config, Ground { disk, port: Arc::new(port), secret, log: LOG, growth: GROWTH }, handle).await
}

/// Starts a node on whatever it stands on.
pub(crate) async fn begin(config: Config, ground: Ground, handle: Handle) -> Result<Cluster, StartError> {
    let Ground { disk, port, secret, log, growth } = ground;
    let in_directory = |source| StartError::Directory { path: config.data.clone(), source };
    let in_store = |source| StartError::of_store(&config.data, source);
    let internal = |error: &dyn std::fmt::Display| StartError::Internal(error.to_string());
    let known = Identity::read(&*disk).map_err(in_store)?;
    if known.as_ref().is_some_and(|known| known.removed) {
        return Err(StartError::Removed { path: config.data.clone() });
    }
    let address = port.address();
    let advertised = match &config.advertise {
        Some(advertised) => advertised.clone(),
        None => reachable(address, config.start.addresses()).await.to_string(),
    };
    if known.is_none() && config.start == Start::Bootstrap && repair::was_made(&*disk).map_err(in_store)? {
        return Err(StartError::Repaired { path: config.data.clone() });
    }
    let stores = open(&disk, growth, config.timing.open).await.map_err(in_store)?;

    if known.is_none() && stores.log.was_used().map_err(in_store)? {
        return Err(in_store(disk::damaged("the identity, which is not there,")));
    }

    let was_new = !known.as_ref().is_some_and(|known| known.member);
    let peers = Peers::new(port.calls(Hello {
        cluster: known.as_ref().map(|known| known.cluster).filter(|cluster| *cluster != 0),
        node: known.as_ref().map_or(0, |known| known.node),
    }));
    let (identity, through) = identify(&config, known, &*disk, &peers).await?;
    identity.write(&*disk).map_err(in_directory)?;
    let hello = Hello { cluster: (identity.cluster != 0).then_some(identity.cluster), node: identity.node };
    peers.introduce(hello.clone());

    let led_until = stores.log.led_until(identity.node).map_err(in_store)?;
    let (readers, questions) = mpsc::channel(read::QUEUE);
    let (proposals, proposed) = mpsc::channel(proposal::QUEUE);
    let inner = Arc::new(Inner {
        identity: RwLock::new(identity.clone()),
        address,
        secret,
        timing: config.timing.clone(),
        data: config.data.clone(),
        reserve: config.reserve,
        tracks_processing: config.tracks_processing,
        was_new,
        blobs: blobs::Store::new(Arc::clone(&disk)),
        disk,
        raft: OnceLock::new(),
        state: stores.state,
        position: stores.position,
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
        leaving: AtomicBool::new(false),
        writing: tokio::sync::Mutex::default(),
        removed: watch::channel(false).0,
        handle,
        runtime: Mutex::new(None),
    });
    // Raft has connections of its own, so that nothing else can be in its way.
    let raft_peers = Arc::new(Peers::new(port.calls(hello.clone())));
    let network = Network::new(Arc::clone(&raft_peers));
    let raft_config = raft_config(&config.timing, log, identity.node)?;
    let raft = Raft::new(identity.node, Arc::new(raft_config), network, stores.log, stores.machine);
    let raft = raft.await.map_err(|error| match error {
        Fatal::StorageError(error) => in_store(io::Error::other(error)),
        error @ (Fatal::Panicked | Fatal::Stopped) => internal(&error),
    })?;
    let _ = inner.raft.set(raft);
    answers::set(&inner);
    let hello = Arc::new(Mutex::new(hello));
    port.serve(Arc::clone(&hello), Arc::clone(&inner.handlers));
    tokio::spawn(read::run(Arc::downgrade(&inner), questions));
    tokio::spawn(proposal::run(Arc::downgrade(&inner), proposed));
    tokio::spawn(membership::watch_liveness(Arc::downgrade(&inner)));
    tokio::spawn(watch_raft(Arc::downgrade(&inner)));
    tokio::spawn(leadership::watch_leader(Arc::downgrade(&inner)));
    tokio::spawn(compaction::run(Arc::downgrade(&inner), log.bounds));
    tokio::spawn(blobs::tidy(Arc::downgrade(&inner)));
    tokio::spawn(standing::watch(Arc::downgrade(&inner)));
    tokio::spawn(space::watch(Arc::downgrade(&inner)));

    let cluster = match through {
        Entrance::None => {
            tokio::spawn(announce(Arc::downgrade(&inner), Arc::clone(&raft_peers), advertised));
            identity.cluster
        }
        Entrance::Bootstrap => {
            bootstrap(&inner, &identity, advertised).await?;
            identity.cluster
        }
        Entrance::Through(members) => enter(&inner, &members, &identity, advertised).await?,
    };
    if !identity.member {
        let identity = Identity { cluster, member: true, ..identity.clone() };
        identity.write(&*inner.disk).map_err(in_directory)?;
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

/// Opens the store; writes it anew first if it has grown too far.
async fn open(disk: &Arc<dyn Disk>, growth: Growth, within: Duration) -> io::Result<Stores> {
    let looking = Arc::clone(disk);
    let looked = work_within(&**disk, within, move || {
        let engine = looking.engine()?;
        let grown = growth.look(&*looking, &*engine)?;
        Ok((engine, grown))
    });
    let engine = match looked.await? {
        (engine, None) => engine,
        // It takes its time, by how much lives: all of that was read just now, and there will be an end to it.
        (engine, Some(grown)) => {
            let rewriting = Arc::clone(disk);
            disk::work(&**disk, move || disk::rewrite(&*rewriting, engine, grown)).await?
        }
    };
    let opening = Arc::clone(disk);
    work_within(&**disk, within, move || store::open(&opening, engine)).await
}

/// Works on the store within a time. One whose files are damaged may never come to an end with it, or panic; the thread
/// that does is left behind, and goes with the process.
async fn work_within<T: Send + 'static>(
    disk: &dyn Disk,
    within: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::time::timeout(within, disk::work(disk, work)).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("it was not open after {} s", within.as_secs())))
    })
}

/// How a node comes to be a member.
enum Entrance {
    /// It is one.
    None,
    /// As the first.
    Bootstrap,
    /// By asking one of these members, the first of them first.
    Through(Vec<String>),
}

async fn secret(config: &Config, disk: &dyn Disk) -> Result<Secret, StartError> {
    let in_directory = |source| StartError::Directory { path: config.data.clone(), source };
    if let Some(secret) = &config.secret {
        return Ok(secret.clone());
    }
    if let Some(secret) = identity::secret(disk).map_err(in_directory)? {
        return Ok(secret);
    }
    if config.start == Start::Bootstrap && Identity::read(disk).map_err(in_directory)?.is_none() {
        return identity::make_secret(disk).map_err(in_directory);
    }
    if let (Some(token), Start::Join(addresses)) = (&config.token, &config.start) {
        let begun = begun(config, disk).map_err(in_directory)?;
        let asked = admission::ask_secret(token, addresses, begun.instance, config.timing.join).await;
        let secret = asked.map_err(|error| StartError::Join(Box::new(error)))?;
        identity::keep_secret(disk, &secret).map_err(in_directory)?;
        return Ok(secret);
    }
    Err(StartError::NoSecret)
}

/// Who this node is: as it was, or made anew. A joining node asks for its number first.
async fn identify(
    config: &Config,
    known: Option<Identity>,
    disk: &dyn Disk,
    peers: &Peers,
) -> Result<(Identity, Entrance), StartError> {
    match (known, &config.start) {
        (Some(known), _) if known.member => Ok((known, Entrance::None)),
        // A bootstrap that a crash has cut off goes on, as the same node of the same cluster.
        (Some(begun), _) if begun.cluster != 0 => Ok((begun, Entrance::Bootstrap)),
        (None | Some(_), Start::Bootstrap) => {
            let node = config.node_id.unwrap_or(1);
            let identity = Identity { node, cluster: rand::random(), ..Identity::anew(false) };
            Ok((identity, Entrance::Bootstrap))
        }
        (None | Some(_), Start::Join(addresses)) => {
            let in_directory = |source| StartError::Directory { path: config.data.clone(), source };
            let begun = begun(config, disk).map_err(in_directory)?;
            let wanted = Some(begun.node).filter(|node| *node != 0).or(config.node_id);
            let question = Allot((wanted, begun.instance));
            let asked = membership::ask_members(peers, addresses, &question, config.timing.join);
            let (node, member) = asked.await.map_err(|error: JoinError| StartError::Join(Box::new(error)))?;
            // The cluster's id follows when it has let this node in; until then a restart asks again, as the same.
            let others = addresses.iter().filter(|address| **address != member).cloned();
            let members = std::iter::once(member.clone()).chain(others).collect();
            Ok((Identity { node, ..begun }, Entrance::Through(members)))
        }
        (None | Some(_), Start::Resume) => Err(StartError::NotJoined { path: config.data.clone() }),
    }
}

/// A node that begins to join, written down before its first question: one that is killed and asks again is known to be
/// the same.
fn begun(config: &Config, disk: &dyn Disk) -> io::Result<Identity> {
    if let Some(begun) = Identity::read(disk)? {
        return Ok(begun);
    }
    let begun = Identity::anew(config.learner);
    begun.write(disk)?;
    Ok(begun)
}

async fn bootstrap(inner: &Arc<Inner>, identity: &Identity, address: String) -> Result<(), StartError> {
    let internal = |what: String| StartError::Internal(what);
    let members = BTreeMap::from([(identity.node, Member { address })]);
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
async fn enter(
    inner: &Arc<Inner>,
    members: &[String],
    identity: &Identity,
    address: String,
) -> Result<u128, StartError> {
    let deadline = Instant::now() + inner.timing.join;
    // One member after the other: any of them may go meanwhile.
    let mut asked = members.iter().cycle();
    loop {
        let request = Join((identity.node, identity.instance, address.clone()));
        let member = asked.next().map_or("", String::as_str);
        let result = inner.peers.send(To::any(member), &request, Duration::from_secs(20)).await;
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
async fn announce(inner: Weak<Inner>, raft_peers: Arc<Peers>, address: String) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let id = strong.id();
        let known = strong.members().into_iter().find(|(node, _)| *node == id);
        // A node that is no member has been removed, or does not know yet; the leader would tell it.
        if strong.is_stopped() || known.as_ref().is_some_and(|(_, member)| member.address == address) {
            return;
        }
        if let Some((_, before)) = known {
            // Where this node was another member may be now, which would be met nowhere else.
            for peers in [&strong.peers, &raft_peers] {
                let _ = peers.send(To::any(&before.address), &Ping(), MEET).await;
            }
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
async fn watch_raft(inner: Weak<Inner>) {
    let Some(mut metrics) = inner.upgrade().map(|inner| inner.raft().metrics()) else { return };
    loop {
        let failure = metrics.borrow_and_update().running_state.clone().err();
        if let Some(failure) = failure {
            if let Some(inner) = inner.upgrade().filter(|inner| !inner.is_stopped()) {
                inner.disk.fail(&io::Error::other(failure.to_string()));
            }
            return;
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// Asks for this node's vote until it has one.
async fn get_vote(inner: Weak<Inner>) {
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

fn raft_config(timing: &Timing, log: LogPolicy, node: NodeId) -> Result<openraft::Config, StartError> {
    let millis = |duration: Duration| duration.as_millis() as u64;
    // Not all nodes at the same entry: while one writes its snapshot, the others' disks are free for commits.
    let turn = log.snapshot_after * (node % SNAPSHOT_TURNS) / (2 * SNAPSHOT_TURNS);
    let config = openraft::Config {
        cluster_name: "turnpike".to_owned(),
        heartbeat_interval: millis(timing.heartbeat),
        election_timeout_min: millis(timing.election_min),
        election_timeout_max: millis(timing.election_max),
        install_snapshot_timeout: 20_000,
        max_payload_entries: BATCH,
        snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(log.snapshot_after + turn),
        snapshot_max_chunk_size: SNAPSHOT_PIECE,
        max_in_snapshot_log_to_keep: log.kept,
        ..openraft::Config::default()
    };
    config.validate().map_err(|error| StartError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::memory::Platter;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_open_in_time_is_given_up() {
        let slow = Duration::from_secs(10);
        let disk: Arc<dyn Disk> = Arc::new(Platter::new(1, slow..slow).using());
        let error = open(&disk, GROWTH, slow / 2).await.err().expect("given up");
        assert_eq!(error.to_string(), "it was not open after 5 s");
        assert!(open(&disk, GROWTH, slow * 2).await.is_ok());
    }
}
