//! `turnpike serve`: a node of a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use turnpike_cluster::{JoinToken, RESERVE, Secret, Start};

use super::{log, output, websocket};
use crate::functions::{Settings, User};
use crate::identity::sigv4::Credentials;
use crate::node::{Config, Limits, Node};

/// Run a node of a cluster.
#[derive(Args)]
pub(super) struct Arguments {
    /// Directory that the node keeps everything in.
    #[arg(long, env = "TURNPIKE_DATA", default_value = "turnpike-data")]
    data: PathBuf,
    /// The node's number; without it the first node is 1 and others are given a free one.
    #[arg(long, env = "TURNPIKE_NODE_ID", value_parser = clap::value_parser!(u64).range(1..=u64::from(u32::MAX)))]
    node_id: Option<u64>,
    /// Address that APIs are served on.
    #[arg(long, env = "TURNPIKE_GATEWAY", value_parser = address, default_value = "0.0.0.0:8080")]
    gateway: SocketAddr,
    /// Address of the control plane: the endpoint for AWS clients, and health.
    #[arg(long, env = "TURNPIKE_ADMIN", value_parser = address, default_value = "127.0.0.1:9000")]
    admin: SocketAddr,
    /// Address of Prometheus metrics.
    #[arg(long, env = "TURNPIKE_METRICS", value_parser = address, default_value = "0.0.0.0:9090")]
    metrics: SocketAddr,
    /// Address that other nodes connect to; only nodes with the cluster's secret, or a join token, get in.
    #[arg(long, env = "TURNPIKE_CLUSTER", value_parser = address, default_value = "0.0.0.0:9400")]
    cluster: SocketAddr,
    /// Serve both planes on one more address, for local development.
    #[arg(long, env = "TURNPIKE_EDGE", value_parser = address)]
    edge: Option<SocketAddr>,
    /// What other nodes are told to connect to; without it the --cluster address, or this machine's own where that is
    /// 0.0.0.0. Needed where they reach it by another name or port.
    #[arg(long, env = "TURNPIKE_ADVERTISE")]
    advertise: Option<String>,
    /// Begin a new cluster. Ignored on a directory that holds a node's data.
    #[arg(long, env = "TURNPIKE_BOOTSTRAP", conflicts_with = "join")]
    bootstrap: bool,
    /// Join the cluster that one of these addresses belongs to, with its secret, or with the token that `turnpike cluster
    /// token` prints in TURNPIKE_JOIN_TOKEN. Ignored on a directory that holds a node's data.
    #[arg(long, env = "TURNPIKE_JOIN", value_delimiter = ',')]
    join: Vec<String>,
    /// Stay a learner: get everything, serve traffic, have no vote.
    #[arg(long, env = "TURNPIKE_LEARNER")]
    learner: bool,
    /// File with the secret that all nodes of the cluster share; or give it in TURNPIKE_CLUSTER_SECRET.
    #[arg(long, env = "TURNPIKE_CLUSTER_SECRET_FILE")]
    cluster_secret_file: Option<PathBuf>,
    /// The account's twelve digits, as they appear in ARNs.
    #[arg(long, env = "TURNPIKE_ACCOUNT", default_value = "000000000000")]
    account: String,
    /// Region of callers whose signature does not say one.
    #[arg(long, env = "TURNPIKE_REGION", default_value = "us-east-1")]
    region: String,
    /// Threads that serve APIs; as many as processors, if absent.
    #[arg(long, env = "TURNPIKE_WORKERS")]
    workers: Option<usize>,
    /// The longest timeout that an integration may have, in milliseconds: AWS's is 29 seconds, and 15 minutes are
    /// possible.
    #[arg(long, env = "TURNPIKE_MAX_INTEGRATION_TIMEOUT_MS", default_value_t = 29_000, value_parser = clap::value_parser!(u64).range(50..=900_000))]
    max_integration_timeout_ms: u64,
    /// MiB that a request's body may have.
    #[arg(long, env = "TURNPIKE_MAX_REQUEST_MIB", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1024))]
    max_request_mib: u64,
    /// MiB that an answer's body may have; answers of integrations that stream may be as long as they like.
    #[arg(long, env = "TURNPIKE_MAX_ANSWER_MIB", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..1 << 20))]
    max_answer_mib: u64,
    /// Refuse to start with a limit that AWS does not have.
    #[arg(long, env = "TURNPIKE_AWS_STRICT")]
    aws_strict: bool,
    /// Seconds that a deployment waits until all live nodes serve it.
    #[arg(long, env = "TURNPIKE_SETTLE_SECONDS", default_value_t = 10)]
    settle_seconds: u64,
    /// MiB that stay free on the disk of the data directory: while there is less, changes are refused.
    #[arg(long, env = "TURNPIKE_DISK_RESERVE_MIB", default_value_t = RESERVE >> 20, value_parser = clap::value_parser!(u64).range(..1 << 40))]
    disk_reserve_mib: u64,
    /// Seconds that requests may go on after the node was told to stop.
    #[arg(long, env = "TURNPIKE_DRAIN_SECONDS", default_value_t = 30)]
    drain_seconds: u64,
    /// Seconds over which WebSocket connections are closed when the node was told to stop, one after the other.
    #[arg(long, env = "TURNPIKE_WEBSOCKET_DRAIN_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=3600))]
    websocket_drain_seconds: u64,
    /// Run functions on this node, as processes of this machine: a Lambda that is built in. The directory that they work
    /// in, or "on" for one in the data directory. This is for functions that you trust: each process has limits on memory,
    /// files, processes and time, an environment of its own and, with --functions-user, a user of its own, but it sees the
    /// machine's files and network as that user does, and functions are not kept from each other.
    #[arg(long, env = "TURNPIKE_FUNCTIONS", value_name = "DIR")]
    functions: Option<PathBuf>,
    /// User that functions run as, by name or UID:GID; the node must be root then, and the directory within that user's
    /// reach. Without it they run as the node's own user, and can read all that the node can.
    #[arg(long, env = "TURNPIKE_FUNCTIONS_USER", value_parser = User::find, requires = "functions")]
    functions_user: Option<User>,
    /// Processes of functions that this node may have, busy and idle.
    #[arg(long, env = "TURNPIKE_FUNCTIONS_PROCESSES", default_value_t = Settings::PROCESSES, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    functions_processes: u32,
    /// Seconds until an event that nobody waits for is tried again after its function failed on it; twice as long the
    /// second time.
    #[arg(long, env = "TURNPIKE_FUNCTIONS_RETRY_SECONDS", default_value_t = Settings::RETRY_SECONDS)]
    functions_retry_seconds: u64,
    #[command(flatten)]
    websocket: websocket::WebSocket,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    log::start("info,openraft=warn,sled=warn,actix_server=warn");
    let config = config(arguments)?;
    let data = config.data.clone();
    actix_web::rt::System::new().block_on(async move {
        let node = Node::start(config).await?;
        if node.root.made {
            tracing::info!(access_key_id = node.root.credentials.access_key_id, "made the root credentials");
            output::say(format!(
                "root credentials, shown this once: AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
                node.root.credentials.access_key_id, node.root.credentials.secret_access_key
            ));
        }
        let addresses = node.addresses;
        output::say(format!(
            "ready node={} gateway={} admin={} metrics={} cluster={} data={}",
            node.cluster().id(),
            addresses.gateway,
            addresses.admin,
            addresses.metrics,
            addresses.cluster,
            data.display()
        ));
        node.run().await?;
        Ok(())
    })
}

/// Reads where to listen.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address and a port are wanted, such as 127.0.0.1:8080")
}

fn config(arguments: Arguments) -> anyhow::Result<Config> {
    if arguments.aws_strict {
        for (flag, value, at_aws) in [
            ("--max-integration-timeout-ms", arguments.max_integration_timeout_ms, 29_000),
            ("--max-request-mib", arguments.max_request_mib, 10),
            ("--max-answer-mib", arguments.max_answer_mib, 10),
        ] {
            if value != at_aws {
                bail!("{flag} {value} is not what AWS has, and --aws-strict asks for that: leave one of the two out");
            }
        }
        if let Some(flag) = arguments.websocket.beyond_aws() {
            bail!("{flag} is not what AWS has, and --aws-strict asks for that: leave one of the two out");
        }
    }
    let holds_data = arguments.data.join("identity").exists();
    let start = match (arguments.bootstrap, arguments.join.is_empty()) {
        (true, _) => Start::Bootstrap,
        (false, false) => Start::Join(arguments.join),
        (false, true) if holds_data => Start::Resume,
        (false, true) => bail!(
            "{} holds no node yet: say --bootstrap to begin a new cluster, or --join ADDRESS to join one",
            arguments.data.display()
        ),
    };
    let functions = Settings::asked_for(arguments.functions, &arguments.data).map(|settings| Settings {
        user: arguments.functions_user,
        processes: arguments.functions_processes as usize,
        retry_after: Duration::from_secs(arguments.functions_retry_seconds),
        ..settings
    });
    let connections = arguments.websocket.limits();
    let config = Config {
        data: arguments.data,
        node_id: arguments.node_id,
        gateway: arguments.gateway,
        admin: arguments.admin,
        metrics: arguments.metrics,
        cluster: arguments.cluster,
        edge: arguments.edge,
        advertise: arguments.advertise,
        start,
        learner: arguments.learner,
        secret: secret(arguments.cluster_secret_file)?,
        join_token: join_token()?,
        root: root()?,
        admin_auth: admin_auth()?,
        account: arguments.account,
        region: arguments.region,
        workers: arguments.workers.unwrap_or_else(processors),
        limits: Limits {
            body: arguments.max_request_mib << 20,
            answer: arguments.max_answer_mib << 20,
            message: connections.wire.message as u64,
            sends_binary: connections.wire.takes_binary,
            ..Limits::default()
        },
        connections,
        longest_integration: Duration::from_millis(arguments.max_integration_timeout_ms),
        settle_within: Duration::from_secs(arguments.settle_seconds),
        reserve: arguments.disk_reserve_mib << 20,
        drain: Duration::from_secs(arguments.drain_seconds),
        websocket_drain: Duration::from_secs(arguments.websocket_drain_seconds),
        functions,
    };
    config.check()?;
    Ok(config)
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn secret(file: Option<PathBuf>) -> anyhow::Result<Option<Secret>> {
    let text = match (std::env::var("TURNPIKE_CLUSTER_SECRET").ok(), file) {
        (Some(text), _) => Some(text),
        (None, Some(file)) => {
            let reading = || format!("can't read the cluster's secret from {}", file.display());
            Some(std::fs::read_to_string(&file).with_context(reading)?)
        }
        (None, None) => None,
    };
    Ok(text.map(Secret::new).transpose()?)
}

/// From the environment alone: flags are seen by everybody on a machine.
fn join_token() -> anyhow::Result<Option<JoinToken>> {
    let text = std::env::var("TURNPIKE_JOIN_TOKEN").ok().filter(|text| !text.is_empty());
    text.map(|text| text.parse().context("can't use TURNPIKE_JOIN_TOKEN")).transpose()
}

/// The root credentials that the environment gives, both or none.
pub(super) fn root() -> anyhow::Result<Option<Credentials>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    match (variable("TURNPIKE_ROOT_ACCESS_KEY_ID"), variable("TURNPIKE_ROOT_SECRET_ACCESS_KEY")) {
        (Some(access_key_id), Some(secret_access_key)) => Ok(Some(Credentials { access_key_id, secret_access_key })),
        (None, None) => Ok(None),
        _ => bail!("TURNPIKE_ROOT_ACCESS_KEY_ID and TURNPIKE_ROOT_SECRET_ACCESS_KEY belong together: set both or none"),
    }
}

fn admin_auth() -> anyhow::Result<bool> {
    match std::env::var("TURNPIKE_ADMIN_AUTH").as_deref() {
        Err(_) | Ok("" | "on") => Ok(true),
        Ok("off") => Ok(false),
        Ok(other) => bail!("TURNPIKE_ADMIN_AUTH is on or off, not {other}"),
    }
}
