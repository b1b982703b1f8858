//! `node`: one node of the cluster crate as a process of its own, which clients speak etcd's protocol to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::sleep;
use turnpike_cluster::{Cluster, Config, RESERVE, Role, Secret, Start, Timing, Transaction};

use crate::gateway::turnpike::SECRET;
use crate::kv::{Answer, Call, server};
use crate::output;
use crate::process::{self, Process};

/// How long a node may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// Options of `node`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The directory of its data
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Where it listens for other nodes
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A node to join; without one, a node without data begins a cluster
    #[arg(long, value_name = "ADDRESS")]
    join: Option<SocketAddr>,
}

/// Runs the node until it is ended.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let config = Config {
        data: options.data,
        node_id: None,
        listen: options.listen.to_string(),
        advertise: None,
        start: options.join.map_or(Start::Bootstrap, |member| Start::Join(vec![member.to_string()])),
        learner: false,
        secret: Some(Secret::new(SECRET)?),
        token: None,
        reserve: RESERVE,
        tracks_processing: false,
        timing: Timing::default(),
    };
    let node = Cluster::start(config).await.context("the node does not start")?;
    while node.metrics().role == Role::Learner {
        sleep(Duration::from_millis(10)).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for clients")?;
    output::print(&format!("ready {} {}", node.address(), listener.local_addr()?));
    server::serve(listener, move |call| answer(node.clone(), call)).await
}

async fn answer(node: Cluster, call: Call) -> anyhow::Result<Answer> {
    match call {
        Call::Put { key, value } => {
            node.transact(Transaction::new().put(key, value)).await?;
            Ok(Answer::Done)
        }
        Call::Read { key } => {
            node.fresh().await?;
            Ok(Answer::Value(node.read(|view| view.get(&key)).map(|document| document.value.to_vec())))
        }
        Call::Figures => {
            let metrics = node.metrics();
            let figures = json!({
                "applied": metrics.applied,
                "documents": metrics.documents,
                "snapshot": metrics.snapshot,
                "disk_bytes": metrics.disk_bytes,
            });
            Ok(Answer::Figures(figures.to_string().into_bytes()))
        }
    }
}

/// A node that is ready.
pub(crate) struct Node {
    /// The process.
    pub(crate) process: Process,
    /// Where it listens for other nodes.
    pub(crate) cluster: SocketAddr,
    /// Where it listens for clients.
    pub(crate) clients: SocketAddr,
}

impl Node {
    /// Starts this program again as a node, and waits until it is ready.
    pub(crate) async fn start(
        data: &Path,
        listen: Option<SocketAddr>,
        join: Option<SocketAddr>,
    ) -> anyhow::Result<Node> {
        let log = data.with_extension("log");
        let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
        command.arg("node").arg("--data").arg(data);
        for (flag, address) in [("--listen", listen), ("--join", join)] {
            if let Some(address) = address {
                command.arg(flag).arg(address.to_string());
            }
        }
        let mut process = Process::spawn(command, &log)?;
        let line = process.announced("ready ", PATIENCE).await;
        let line = line.with_context(|| format!("a node is not ready; its log ends: {}", process::tail(&log)))?;
        let addresses = line.split_once(' ').context("a node does not say where it listens")?;
        Ok(Node { process, cluster: addresses.0.parse()?, clients: addresses.1.parse()? })
    }
}
