//! One running node: its settings, its listeners, its start, its drain and its stop.

mod admin;
mod backups;
mod config;
mod credentials;
mod drains;
mod files;
mod functions;
mod listeners;
mod service;
mod shutdown;
mod stories;

use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use turnpike_cluster::Cluster;

use crate::catalog::{Catalog, Follower};
use crate::control::{Control, Settings};
use crate::functions::{Functions, Home};
use crate::observe::clock::Clock;
use crate::observe::{metrics, process};
use crate::traffic::execute::invoke::Invoker;
use crate::traffic::execute::{Owner, Reach};
use crate::traffic::integration::Upstream;
use crate::traffic::integration::aws::{Aws, Environment};
use crate::traffic::integration::lambda::Lambda;
use crate::traffic::stage::{Directory, Keeper};
use crate::traffic::usage::{Register, Settings as UsageSettings};
use crate::traffic::websocket::{Departures, Exchange, Lives, Management, Places, Registry};

use service::Service;

pub use config::{Config, Error as ConfigError};
pub use credentials::Root;
pub use listeners::Addresses;

pub use crate::traffic::execute::Limits;
pub use crate::traffic::websocket::Limits as Connections;

/// Stages are compiled by at most so many threads.
const MAX_COMPILING: usize = 4;
/// A node waits so long at its start for what the cluster has committed meanwhile; then it serves what it has.
const CATCH_UP: Duration = Duration::from_secs(15);
/// Figures that are asked for rather than counted are refreshed so often, and histograms folded.
const UPKEEP: Duration = Duration::from_secs(5);

/// A node that serves.
pub struct Node {
    cluster: Cluster,
    servers: listeners::Servers,
    stages: Vec<Arbiter>,
    register: Register,
    functions: Option<Functions>,
    connections: Registry,
    departures: Departures,
    service: Service,
    websocket_drain: Duration,
    /// The root credentials, and whether this start has made them.
    pub root: Root,
    /// Where it listens.
    pub addresses: Addresses,
}

/// A node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster's part.
    #[error("can't start the cluster's part of the node")]
    Cluster(#[from] turnpike_cluster::StartError),
    /// A listener.
    #[error("can't listen on {address} ({what}); choose another with --{flag}")]
    Listen {
        /// Which listener.
        what: &'static str,
        /// Its flag.
        flag: &'static str,
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The root credentials.
    #[error("can't read or make the root credentials")]
    Credentials(#[from] crate::catalog::Error),
    /// The root credentials were made with another cluster secret.
    #[error("the root credentials in the catalog were sealed with another cluster secret")]
    Sealed,
    /// The cluster has let the node go.
    #[error("node {0} was removed from its cluster, and has ended")]
    Removed(u64),
    /// The metrics' recorder.
    #[error("can't set up the metrics")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The functions.
    #[error(transparent)]
    Functions(#[from] crate::functions::StartError),
    /// Certificates of authorities, to check backends by.
    #[error("can't set up TLS towards backends")]
    Tls(#[from] rustls::Error),
}

impl Node {
    /// Starts a node. Runs in an actix system, and returns when the node serves.
    pub async fn start(config: Config) -> Result<Self, Error> {
        files::raise();
        let recorder = metrics::install()?;
        let clock = Clock::system();
        // Ports first: one that is taken is found before anything is made.
        let sockets = listeners::bind(&config)?;
        let cluster = Cluster::start(config.cluster()).await?;
        let catalog = Catalog::new(cluster.clone());
        if !matches!(tokio::time::timeout(CATCH_UP, catalog.fresh()).await, Ok(Ok(()))) {
            tracing::warn!("no majority of the cluster within {CATCH_UP:?}; serving what was last known here");
        }
        let root = credentials::root(&config, &catalog).await?;
        let directory = Directory::default();
        let stages: Vec<_> = (0..config.workers.clamp(1, MAX_COMPILING)).map(|_| Arbiter::new()).collect();
        let tls = Upstream::of_this_machine()?;
        let register = Register::start(UsageSettings {
            catalog: catalog.clone(),
            cluster: cluster.clone(),
            clock: clock.clone(),
            threads: stages.iter().map(Arbiter::handle).collect(),
        });
        let connections = Registry::default();
        let lives = Lives::start(catalog.clone(), cluster.clone());
        let (departures, orphans) = Departures::start(catalog.clone(), lives.clone(), connections.clone());
        let followers: Vec<Box<dyn Follower>> = vec![Box::new(register.clone()), Box::new(departures.clone())];
        wait_until_served(&catalog, &directory, &tls, &stages, followers).await;
        let (gateway_port, edge_port) = sockets.ports()?;
        let settings = Settings {
            account: config.account.clone(),
            region: config.region.clone(),
            authentication: root.authentication(&config),
            gateway_port,
            edge_port,
            longest_integration: config.longest_integration,
            settle_within: config.settle_within,
        };

        let owner = Arc::new(Owner { account: config.account.clone(), region: config.region.clone() });
        let aws = Aws::new(Environment::of_this_process(), &config.region, clock.clone(), Arc::clone(tls.plain()));
        let home = Home { account: config.account.clone(), region: config.region.clone() };
        let set_up = |settings| Functions::start(catalog.clone(), clock.clone(), home, settings);
        let functions = config.functions.clone().map(set_up).transpose()?;
        functions::tell(&cluster, functions.as_ref());
        let lambda = Lambda::new(aws.clone(), functions.clone());
        let reach = Reach { tls: Arc::clone(tls.plain()), aws, lambda };
        let invoker = Invoker::new(tls, reach.clone(), clock.clone(), Arc::clone(&owner), config.limits);
        let exchange = Exchange::start(lives, connections.clone());
        let callers = root.callers(&config);
        let limits = &config.connections;
        let management =
            Management::new(directory.clone(), exchange, callers, Arc::clone(&owner), clock.clone(), limits);
        let clock_of_stories = clock.clone();
        let control = Control::new(catalog, clock.clone(), invoker, settings, functions.clone());
        let service = Service::new(cluster.clone(), connections.clone(), config.websocket_drain);
        drains::obey(&cluster, &service);
        let shared = listeners::Shared {
            control,
            cluster: cluster.clone(),
            directory,
            clock,
            owner,
            limits: config.limits,
            connections: config.connections,
            explain: stories::tell(&cluster, &clock_of_stories),
            reach,
            recorder: recorder.clone(),
            register: register.clone(),
            management,
            registry: connections.clone(),
            places: Places::new(&config.connections),
            service: service.clone(),
            restoring: Arc::default(),
        };
        actix_web::rt::spawn(orphans.run(shared.execute()));
        let (servers, mut addresses) = listeners::serve(sockets, shared, &config)?;
        addresses.cluster = cluster.address();
        actix_web::rt::spawn(upkeep(cluster.clone(), recorder));
        service.begin();
        let websocket_drain = config.websocket_drain;
        Ok(Self {
            cluster,
            servers,
            stages,
            register,
            functions,
            connections,
            departures,
            service,
            websocket_drain,
            root,
            addresses,
        })
    }

    /// Serves until the process is told to end, then lets requests finish and leaves the cluster.
    ///
    /// A node that the cluster lets go ends in the same way, and that is an error.
    pub async fn run(self) -> Result<(), Error> {
        let removed = tokio::select! {
            () = shutdown::requested() => false,
            () = self.cluster.removed() => true,
        };
        tracing::info!("stopping: requests that are under way are finished first");
        self.service.end();
        // First of all, so that writes elsewhere go on while this node finishes its requests.
        self.cluster.hand_over().await;
        self.connections.drain(self.websocket_drain).await;
        self.servers.stop().await;
        // Those whose `$connect` has agreed since.
        self.connections.drain(Duration::ZERO).await;
        self.departures.end().await;
        self.register.close().await;
        if let Some(functions) = &self.functions {
            functions.stop().await;
        }
        for thread in &self.stages {
            thread.stop();
        }
        let id = self.cluster.id();
        self.cluster.stop().await;
        if removed { Err(Error::Removed(id)) } else { Ok(()) }
    }

    /// The cluster's part.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

/// Starts the keeper of the stages and waits until it has published all that was committed until now.
async fn wait_until_served(
    catalog: &Catalog,
    directory: &Directory,
    tls: &Upstream,
    threads: &[Arbiter],
    followers: Vec<Box<dyn Follower>>,
) {
    let Some((first, others)) = threads.split_first() else { return };
    let (keeper, mut reached): (Keeper, watch::Receiver<u64>) = Keeper::new(
        catalog.clone(),
        directory.clone(),
        tls.clone(),
        first.handle(),
        others.iter().map(Arbiter::handle),
        followers,
    );
    let index = catalog.read(|documents| documents.index());
    first.spawn(keeper.run());
    if tokio::time::timeout(CATCH_UP, reached.wait_for(|known| *known >= index)).await.is_err() {
        tracing::warn!("stages are still being compiled after {CATCH_UP:?}; those that are ready are served");
    }
}

/// Keeps the figures of Raft, the store and the process fresh.
async fn upkeep(cluster: Cluster, recorder: PrometheusHandle) {
    loop {
        recorder.run_upkeep();
        let figures = cluster.metrics();
        process::record();
        record(&figures);
        tokio::time::sleep(UPKEEP).await;
    }
}

/// Shows the cluster's figures as metrics.
fn record(figures: &turnpike_cluster::Metrics) {
    use turnpike_cluster::Role;
    let set = |metric, value: u64| metrics::level(metric).set(value as f64);
    set(metrics::TERM, figures.term);
    set(metrics::COMMITTED, figures.committed);
    set(metrics::APPLIED, figures.applied);
    set(metrics::DOCUMENTS, figures.documents);
    set(metrics::DISK, figures.disk_bytes);
    set(metrics::FREE, figures.free_bytes);
    for (role, name) in [
        (Role::Leader, "leader"),
        (Role::Follower, "follower"),
        (Role::Candidate, "candidate"),
        (Role::Learner, "learner"),
    ] {
        let is = f64::from(u8::from(figures.role == role));
        metrics::level_of(metrics::ROLE, name.to_owned()).set(is);
    }
    let own = (figures.id, figures.last.saturating_sub(figures.applied));
    for (node, lag) in figures.lag.iter().copied().chain([own]) {
        metrics::level_of(metrics::LAG, node.to_string()).set(lag as f64);
    }
}
