//! The nodes of a simulated cluster, each with its disk and its address, and what was recorded of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Report;
use super::history::{Operation, is_linearizable};
use super::network::Net;
use super::watching::{self, Changes};
use crate::NodeId;
use crate::cluster::Cluster;
use crate::compaction::Bounds;
use crate::config::{Config, RESERVE, Secret, Start, Timing};
use crate::disk::Growth;
use crate::disk::memory::Platter;
use crate::membership::{MembershipError, Role};
use crate::start::{self, Ground, LogPolicy};

/// After the last fault everything is well again within this time.
const RECOVERY: Duration = Duration::from_secs(60);

/// A machine: its disk stays when its power goes.
struct Host {
    platter: Platter,
    address: SocketAddr,
    running: Option<Running>,
    /// Whether it is to be a member; one that was let go does not come back.
    wanted: bool,
    first: bool,
}

struct Running {
    cluster: Arc<Mutex<Option<Cluster>>>,
    starting: AbortHandle,
}

pub(super) struct World {
    pub(super) net: Net,
    hosts: Mutex<Vec<Host>>,
    size: usize,
    seed: u64,
    tells: bool,
    begun: Instant,
    over: AtomicBool,
    clock: AtomicU64,
    pub(super) histories: Mutex<BTreeMap<String, Vec<Operation>>>,
    pub(super) broken: Mutex<Vec<String>>,
    pub(super) changes: Arc<Changes>,
    pub(super) cuts: AtomicU64,
    pub(super) moves: AtomicU64,
    /// Nodes that were to be let go, where nobody knows whether they were.
    leaving: Mutex<Vec<(usize, NodeId)>>,
}

impl World {
    pub(super) fn new(seed: u64, size: usize, tells: bool) -> Arc<Self> {
        let hosts = (1..=size).map(|number| Self::host(seed, number)).collect();
        Arc::new(Self {
            net: Net::new(seed),
            hosts: Mutex::new(hosts),
            size,
            seed,
            tells,
            begun: Instant::now(),
            over: AtomicBool::new(false),
            clock: AtomicU64::new(0),
            histories: Mutex::default(),
            broken: Mutex::default(),
            changes: Arc::default(),
            cuts: AtomicU64::new(0),
            moves: AtomicU64::new(0),
            leaving: Mutex::default(),
        })
    }

    fn host(seed: u64, number: usize) -> Host {
        Host {
            platter: Platter::new(seed ^ number as u64, Duration::from_micros(200)..Duration::from_millis(8)),
            address: SocketAddr::from(([10, 0, 0, number as u8], 1)),
            running: None,
            wanted: true,
            first: number == 1,
        }
    }

    /// A place in the order of everything that clients call and get.
    pub(super) fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    #[expect(clippy::print_stderr, reason = "a failed seed is looked at by what it says")]
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{:10.3} {}", self.begun.elapsed().as_secs_f64(), what());
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.hosts.lock().iter().filter(|host| host.wanted).map(|host| host.address).collect()
    }

    /// A number for each host that is to be a member.
    pub(super) fn wanted(&self) -> Vec<usize> {
        self.hosts.lock().iter().enumerate().filter(|(_, host)| host.wanted).map(|(at, _)| at).collect()
    }

    pub(super) fn node(&self, at: usize) -> Option<Cluster> {
        self.hosts.lock()[at].running.as_ref()?.cluster.lock().clone()
    }

    /// All nodes that run.
    pub(super) fn nodes(&self) -> Vec<Cluster> {
        let hosts = self.hosts.lock();
        hosts.iter().filter_map(|host| host.running.as_ref()?.cluster.lock().clone()).collect()
    }

    /// Says how many bytes are free on a machine's disk.
    pub(super) fn set_free(&self, at: usize, bytes: u64) {
        self.hosts.lock()[at].platter.set_free(bytes);
    }

    /// Says how long a machine's disk takes for everything.
    pub(super) fn set_delay(&self, at: usize, delay: Duration) {
        self.hosts.lock()[at].platter.set_delay(delay..delay);
    }

    /// Adds a machine; it is not switched on yet.
    pub(super) fn add_host(&self) -> usize {
        let mut hosts = self.hosts.lock();
        let number = hosts.len() + 1;
        hosts.push(Self::host(self.seed, number));
        number - 1
    }

    pub(super) fn forget(&self, at: usize) {
        self.hosts.lock()[at].wanted = false;
        self.leaving.lock().retain(|(leaving, _)| *leaving != at);
        self.cut_power(at);
    }

    /// Switches a machine on: what it does follows from its disk.
    pub(super) fn switch_on(self: &Arc<Self>, at: usize) {
        let others: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let mut hosts = self.hosts.lock();
        let host = &mut hosts[at];
        if host.running.is_some() {
            return;
        }
        let begin = if host.first {
            Start::Bootstrap
        } else {
            Start::Join(others.into_iter().filter(|other| *other != host.address.to_string()).collect())
        };
        let config = Config {
            data: PathBuf::new(),
            node_id: None,
            listen: String::new(),
            advertise: Some(host.address.to_string()),
            start: begin,
            learner: false,
            secret: None,
            token: None,
            tracks_processing: false,
            reserve: RESERVE,
            timing: Timing { transact: Duration::from_secs(3), read: Duration::from_secs(3), ..Timing::default() },
        };
        let slot = Arc::new(Mutex::new(None));
        let (world, platter, address, into) = (Arc::clone(self), host.platter.clone(), host.address, Arc::clone(&slot));
        let starting = tokio::spawn(async move {
            loop {
                let ground = Ground {
                    disk: Arc::new(platter.using()),
                    port: world.net.port(address),
                    secret: Secret::new("sixteen characters").expect("long enough"),
                    log: LogPolicy { snapshot_after: 40, kept: 10, bounds: Bounds { behind: 8_000, kept: 1_000 } },
                    // Little enough for most stores to be written anew at some start.
                    growth: Growth { least: 10_000, factor: 4 },
                };
                match start::begin(config.clone(), ground, Handle::current()).await {
                    Ok(cluster) => {
                        world.tell(|| format!("{address} is up as node {}", cluster.id()));
                        watching::start(&world, &cluster);
                        *into.lock() = Some(cluster);
                        return;
                    }
                    Err(error) => {
                        world.tell(|| {
                            format!(
                                "{address} does not start: {error}: {:?}",
                                std::error::Error::source(&error).map(ToString::to_string)
                            )
                        });
                        platter.cut();
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        });
        host.running = Some(Running { cluster: slot, starting: starting.abort_handle() });
    }

    /// Cuts a machine's power: it is gone at once, with what its disk had not synced.
    pub(super) fn cut_power(&self, at: usize) {
        let mut hosts = self.hosts.lock();
        let host = &mut hosts[at];
        let Some(running) = host.running.take() else { return };
        running.starting.abort();
        self.net.unplug(host.address);
        host.platter.cut();
        self.cuts.fetch_add(1, Ordering::Relaxed);
        if let Some(cluster) = running.cluster.lock().take() {
            // What is left of it can't reach anything any more; it is only tidied away.
            tokio::spawn(cluster.stop());
        }
        self.tell(|| format!("{} loses its power", host.address));
    }

    /// Stops a node as its operator would.
    pub(super) async fn stop(&self, at: usize) {
        let (cluster, address) = {
            let mut hosts = self.hosts.lock();
            let host = &mut hosts[at];
            let Some(running) = host.running.take() else { return };
            running.starting.abort();
            let cluster = running.cluster.lock().take();
            (cluster, host.address)
        };
        self.tell(|| format!("{address} is stopped"));
        if let Some(cluster) = cluster {
            cluster.stop().await;
        }
        self.net.unplug(address);
        self.hosts.lock()[at].platter.cut();
    }

    /// Brings the cluster to its size, one node after the other.
    pub(super) async fn found(self: &Arc<Self>) -> Result<(), String> {
        for at in 0..self.size {
            self.switch_on(at);
            self.wait(&format!("node {} joins", at + 1), || self.node(at).is_some()).await?;
        }
        self.wait("all vote", || self.all_vote()).await
    }

    fn all_vote(&self) -> bool {
        let wanted = self.wanted().len();
        let nodes = self.nodes();
        nodes.len() == wanted
            && nodes.iter().all(|node| {
                let metrics = node.metrics();
                metrics.leader.is_some() && metrics.role != Role::Learner && node.inner.voters().len() == wanted
            })
    }

    async fn wait(&self, what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
        let deadline = Instant::now() + RECOVERY;
        while !condition() {
            if Instant::now() > deadline {
                let states: Vec<_> = self
                    .nodes()
                    .iter()
                    .map(|node| {
                        let metrics = node.metrics();
                        format!("{metrics:?} voters {:?}", node.inner.voters())
                    })
                    .collect();
                return Err(format!("waited too long: {what}\n{}", states.join("\n")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Notes a node that may have been let go or not.
    pub(super) fn doubt(&self, at: usize, node: NodeId) {
        self.leaving.lock().push((at, node));
    }

    /// Ends all faults and waits until everything is well.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<(), String> {
        self.net.heal();
        for at in self.wanted() {
            self.switch_on(at);
        }
        let leaving = std::mem::take(&mut *self.leaving.lock());
        for (at, node) in leaving {
            let deadline = Instant::now() + RECOVERY;
            loop {
                let other = self.nodes().into_iter().find(|other| other.id() != node);
                let removed = match other {
                    Some(other) => other.remove(node).await,
                    None => Err(MembershipError::Unavailable(Duration::ZERO)),
                };
                self.tell(|| format!("node {node} is removed at last: {removed:?}"));
                match removed {
                    Ok(()) => break self.forget(at),
                    Err(MembershipError::Refused(why)) if why.contains("is not a member") => break self.forget(at),
                    Err(error) if Instant::now() > deadline => return Err(format!("node {node} stays: {error}")),
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
        self.wait("everything is well after the faults", || self.all_vote()).await
    }

    /// Some node that runs.
    pub(super) fn some_node(&self, random: &mut StdRng) -> Option<Cluster> {
        let nodes = self.nodes();
        if nodes.is_empty() { None } else { Some(nodes[random.random_range(0..nodes.len())].clone()) }
    }

    /// Looks whether everything was as it must be.
    pub(super) async fn check(self: &Arc<Self>) -> Result<Report, String> {
        let all_applied = || {
            let nodes = self.nodes();
            let mut applied: Vec<_> = nodes.iter().map(|node| node.metrics().applied).collect();
            applied.dedup();
            applied.len() == 1
        };
        self.wait("all nodes have applied the same", all_applied).await?;
        let mut states = self.nodes().into_iter().map(|node| (node.id(), node.inner.state.read().freeze()));
        let (first, expected) = states.next().ok_or("no nodes")?;
        for (node, state) in states {
            if state != expected {
                return Err(format!("nodes {first} and {node} hold different states:\n{expected:?}\n{state:?}"));
            }
        }
        if let Some(broken) = self.broken.lock().first() {
            return Err(broken.clone());
        }
        self.changes.check()?;
        let histories = self.histories.lock();
        let mut report = Report {
            cuts: self.cuts.load(Ordering::Relaxed),
            changes: self.moves.load(Ordering::Relaxed),
            snapshots: self.changes.restarts(),
            ..Report::default()
        };
        for (key, history) in histories.iter() {
            report.operations += history.len() as u64;
            report.unknown += history.iter().filter(|one| one.got == super::history::Got::Unknown).count() as u64;
            for one in history {
                let text = format!("{one:?}");
                report.digest = report.digest.rotate_left(7) ^ u64::from(crc32fast::hash(text.as_bytes()));
            }
            if !is_linearizable(history) {
                let told: Vec<_> = history.iter().map(|one| format!("{one:?}")).collect();
                return Err(format!("{key} is not one register:\n{}", told.join("\n")));
            }
        }
        Ok(report)
    }
}
