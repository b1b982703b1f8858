//! Three nodes of one cluster on loopback, ours or etcd's, and their clients.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::process::Command;
use tokio::time::sleep;

use crate::kv::Call;
use crate::kv::client::Connection;
use crate::node::Node;
use crate::process::{self, Process};
use crate::system;

/// How long etcd may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster of three processes.
pub(super) struct Trio {
    /// What reports call it.
    pub(super) name: String,
    processes: Vec<Process>,
    addresses: Vec<SocketAddr>,
}

impl Trio {
    /// Three nodes of ours.
    pub(super) async fn turnpike(directory: &Path) -> anyhow::Result<Trio> {
        let mut nodes: Vec<Node> = Vec::new();
        for number in 1..=3 {
            let join = nodes.first().map(|first| first.cluster);
            nodes.push(Node::start(&directory.join(format!("turnpike-{number}")), None, join).await?);
        }
        let addresses = nodes.iter().map(|node| node.clients).collect();
        let processes = nodes.into_iter().map(|node| node.process).collect();
        Ok(Trio { name: "turnpike".to_owned(), processes, addresses })
    }

    /// Three nodes of etcd, with its own defaults; which syncs every write.
    pub(super) async fn etcd(program: &Path, directory: &Path) -> anyhow::Result<Trio> {
        let name = version(program).await?;
        let (addresses, peers) = (free_addresses()?, free_addresses()?);
        let members: Vec<String> = (1..).zip(&peers).map(|(n, peer)| format!("etcd-{n}=http://{peer}")).collect();
        let mut processes = Vec::new();
        for ((number, client), peer) in (1..).zip(&addresses).zip(&peers) {
            let data = directory.join(format!("etcd-{number}"));
            let mut command = Command::new(program);
            command.arg("--name").arg(format!("etcd-{number}")).arg("--data-dir").arg(&data);
            for flag in ["--listen-client-urls", "--advertise-client-urls"] {
                command.arg(flag).arg(format!("http://{client}"));
            }
            for flag in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
                command.arg(flag).arg(format!("http://{peer}"));
            }
            command.arg("--initial-cluster").arg(members.join(",")).args(["--log-level", "error"]);
            processes.push(Process::spawn(command, &data.with_extension("log"))?);
        }
        for (number, address) in (1..).zip(&addresses) {
            ready(*address).await.with_context(|| {
                let log = directory.join(format!("etcd-{number}.log"));
                format!("etcd is not ready; its log ends: {}", process::tail(&log))
            })?;
        }
        Ok(Trio { name, processes, addresses })
    }

    /// So many clients on so many connections, spread over the nodes.
    pub(super) async fn clients(&self, count: u32, connections: u32) -> anyhow::Result<Vec<Connection>> {
        let mut opened = Vec::new();
        for address in self.addresses.iter().cycle().take(connections as usize) {
            opened.push(Connection::open(*address).await?);
        }
        Ok(opened.into_iter().cycle().take(count as usize).collect())
    }

    /// The CPU time that all three used so far.
    pub(super) fn cpu_time(&self) -> anyhow::Result<Duration> {
        self.processes.iter().map(|process| system::cpu_time(process.pid())).sum()
    }
}

/// What `etcd --version` says: `etcd Version: 3.4.23` and more.
async fn version(program: &Path) -> anyhow::Result<String> {
    let output = Command::new(program).arg("--version").output().await;
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: "));
    Ok(format!("etcd {}", version.unwrap_or("of an unknown version")))
}

async fn ready(address: SocketAddr) -> anyhow::Result<()> {
    let begin = Instant::now();
    let put = Call::Put { key: "ready".to_owned(), value: Vec::new() };
    loop {
        let tried = async { Connection::open(address).await?.call(&put).await };
        match tried.await {
            Ok(_) => return Ok(()),
            Err(error) if begin.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Three addresses that nobody listened on a moment ago: etcd does not tell which port it took.
fn free_addresses() -> anyhow::Result<Vec<SocketAddr>> {
    let listeners: Vec<TcpListener> =
        (0..3).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>().context("no port is free")?;
    Ok(listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}
