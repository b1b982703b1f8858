//! Turnpike nodes: a command line, the line that says where a node listens, and a gateway ready to be measured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Gateway;
use super::admin::{Admin, Integration};
use crate::cores;
use crate::process::{self, Process};

/// How long a node may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the parts of a node listen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Addresses {
    /// For callers of APIs.
    pub(crate) gateway: SocketAddr,
    /// For operators.
    pub(crate) admin: SocketAddr,
    /// For Prometheus.
    pub(crate) metrics: SocketAddr,
    /// For the other nodes.
    pub(crate) cluster: SocketAddr,
}

impl Addresses {
    /// Whatever ports are free.
    pub(crate) fn free() -> Addresses {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Addresses { gateway: any, admin: any, metrics: any, cluster: any }
    }
}

/// How to start a node.
#[derive(Clone, Debug)]
pub(crate) struct Launch<'a> {
    /// The program.
    pub(crate) program: &'a Path,
    /// The directory of its data; its log is written beside.
    pub(crate) data: PathBuf,
    /// Where it listens.
    pub(crate) listen: Addresses,
    /// The cluster address of a node to join, or none to begin a cluster.
    pub(crate) join: Option<SocketAddr>,
    /// What the nodes of a cluster share.
    pub(crate) secret: &'a str,
    /// The cores that it may use.
    pub(crate) cores: &'a str,
    /// How many threads serve callers.
    pub(crate) workers: u32,
    /// The root credentials, if they matter: a key and its secret.
    pub(crate) root: Option<(&'a str, &'a str)>,
}

/// A node that is ready.
pub(crate) struct Node {
    /// Where it listens.
    pub(crate) addresses: Addresses,
    /// How long it took from its start to being ready.
    pub(crate) started_in: Duration,
    /// The process.
    pub(crate) process: Process,
}

impl Launch<'_> {
    /// Starts the node and waits until it is ready.
    pub(crate) async fn start(&self) -> anyhow::Result<Node> {
        self.start_with(&[]).await
    }

    /// The same, with further arguments.
    pub(crate) async fn start_with(&self, arguments: &[&str]) -> anyhow::Result<Node> {
        let log = self.data.with_extension("log");
        let mut command = cores::pinned(self.program, self.cores);
        command.arg("serve").arg("--data").arg(&self.data).args(["--workers", &self.workers.to_string()]);
        let listen = self.listen;
        for (flag, address) in [
            ("--gateway", listen.gateway),
            ("--admin", listen.admin),
            ("--metrics", listen.metrics),
            ("--cluster", listen.cluster),
        ] {
            command.arg(flag).arg(address.to_string());
        }
        match self.join {
            Some(peer) => command.arg("--join").arg(peer.to_string()),
            None => command.arg("--bootstrap"),
        };
        command.args(arguments);
        command.env("TURNPIKE_ADMIN_AUTH", "off").env("TURNPIKE_CLUSTER_SECRET", self.secret);
        if let Some((key, secret)) = self.root {
            command.env("TURNPIKE_ROOT_ACCESS_KEY_ID", key).env("TURNPIKE_ROOT_SECRET_ACCESS_KEY", secret);
        }
        let begin = Instant::now();
        let mut process = Process::spawn(command, &log)?;
        let line = process.announced("ready ", PATIENCE).await;
        let started_in = begin.elapsed();
        let line =
            line.with_context(|| format!("turnpike serve is not ready; its log ends: {}", process::tail(&log)))?;
        let addresses = addresses(&line).with_context(|| format!("cannot read the line \"ready {line}\""))?;
        Ok(Node { addresses, started_in, process })
    }
}

/// Starts one node on this core with one worker and one API whose only method passes its calls to the upstream.
pub(crate) async fn proxy(program: &Path, upstream: SocketAddr, cores: &str) -> anyhow::Result<Gateway> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let launch = Launch {
        program,
        data: directory.path().join("node"),
        listen: Addresses::free(),
        join: None,
        secret: SECRET,
        cores,
        workers: 1,
        root: None,
    };
    let node = launch.start().await?;
    let admin = Admin::new(node.addresses.admin)?;
    let integration = Integration::HttpProxy(format!("http://{upstream}/"));
    let api = admin.create("bench", &integration).await.context("cannot set up an API")?;
    admin.deploy(&api).await.context("cannot deploy")?;
    let url = api.url(node.addresses.gateway);
    Ok(Gateway { name: "turnpike".to_owned(), url, process: node.process, _directory: directory })
}

/// Starts three nodes of one cluster, each with one worker.
pub(crate) async fn three_nodes(program: &Path, directory: &Path, cores: &str) -> anyhow::Result<Vec<Node>> {
    three_nodes_of(program, directory, cores, None).await
}

/// The same, with these root credentials.
pub(crate) async fn three_nodes_of(
    program: &Path,
    directory: &Path,
    cores: &str,
    root: Option<(&str, &str)>,
) -> anyhow::Result<Vec<Node>> {
    several(3, program, directory, cores, root).await
}

/// The same of so many nodes.
pub(crate) async fn several(
    count: u32,
    program: &Path,
    directory: &Path,
    cores: &str,
    root: Option<(&str, &str)>,
) -> anyhow::Result<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    for number in 1..=count {
        let launch = Launch {
            program,
            data: directory.join(format!("node-{number}")),
            listen: Addresses::free(),
            join: nodes.first().map(|first| first.addresses.cluster),
            secret: SECRET,
            cores,
            workers: 1,
            root,
        };
        nodes.push(launch.start().await.with_context(|| format!("node {number}"))?);
    }
    Ok(nodes)
}

/// The program to measure: the one that was named, or the one that was built beside this one.
pub(crate) fn program(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => std::env::current_exe().context("cannot find this program")?.with_file_name("turnpike"),
    };
    let hint = "build it with `cargo build --release`, or name it with `--turnpike PATH`";
    anyhow::ensure!(path.is_file(), "there is no {}: {hint}", path.display());
    Ok(path)
}

/// What the nodes of one measurement share; they listen on loopback addresses and live for minutes.
pub(crate) const SECRET: &str = "shared-by-the-nodes-of-one-measurement";

/// Reads what follows `ready `: `gateway=HOST:PORT admin=… metrics=… cluster=…`, in any order.
fn addresses(line: &str) -> Option<Addresses> {
    let find = |name: &str| {
        let mut words = line.split_ascii_whitespace().filter_map(|word| word.split_once('='));
        words.find(|(key, _)| *key == name)?.1.parse().ok()
    };
    Some(Addresses {
        gateway: find("gateway")?,
        admin: find("admin")?,
        metrics: find("metrics")?,
        cluster: find("cluster")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_line_names_four_addresses() {
        let line = "gateway=127.0.0.1:1 admin=127.0.0.1:2 metrics=127.0.0.1:3 cluster=127.0.0.1:4 more=x";
        let found = addresses(line).expect("complete");
        let ports = [found.gateway, found.admin, found.metrics, found.cluster].map(|address| address.port());
        assert_eq!(ports, [1, 2, 3, 4]);
        assert_eq!(addresses("gateway=127.0.0.1:1"), None);
        assert_eq!(addresses(&line.replace("=127.0.0.1:4", "=here")), None);
    }

    #[test]
    fn absent_program_is_explained() {
        let error = program(Some(Path::new("/nowhere/turnpike"))).expect_err("absent").to_string();
        assert!(error.contains("--turnpike PATH"), "{error}");
    }
}
