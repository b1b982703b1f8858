//! Nodes in one process, on loopback, in temporary directories; and waiting for conditions.

#![allow(dead_code, reason = "each of the test programs uses its own part")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use turnpike_cluster::{Cluster, Config, RESERVE, Secret, Start, StartError, Timing};

pub(crate) const SECRET: &str = "a secret that all nodes share";

pub(crate) struct Sandbox {
    directory: PathBuf,
    pub(crate) nodes: Vec<Cluster>,
}

/// A directory that stays for as long as the process: a node whose directory goes while it works ends the process.
/// What earlier processes have left is removed.
fn directory() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    static BASE: LazyLock<PathBuf> = LazyLock::new(|| {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandboxes");
        for left in std::fs::read_dir(&base).into_iter().flatten().flatten() {
            if !Path::new("/proc").join(left.file_name()).exists() {
                let _ = std::fs::remove_dir_all(left.path());
            }
        }
        base.join(std::process::id().to_string())
    });
    BASE.join(NUMBER.fetch_add(1, Ordering::Relaxed).to_string())
}

impl Sandbox {
    /// One node that leads itself.
    pub(crate) async fn one_node() -> Self {
        let mut sandbox = Self { directory: directory(), nodes: Vec::new() };
        let first = sandbox.start(1, Start::Bootstrap).await;
        sandbox.nodes.push(first);
        sandbox
    }

    /// Three nodes that all vote.
    pub(crate) async fn three_nodes() -> Self {
        let mut sandbox = Self::one_node().await;
        let first = sandbox.nodes[0].address().to_string();
        for node in [2, 3] {
            let joined = sandbox.start(node, Start::Join(vec![first.clone()])).await;
            sandbox.nodes.push(joined);
        }
        eventually("all three vote", || async {
            let members = sandbox.nodes[0].members().await;
            members.len() == 3 && members.iter().all(|member| member.role != turnpike_cluster::Role::Learner)
        })
        .await;
        sandbox
    }

    pub(crate) fn path(&self, node: u64) -> PathBuf {
        self.directory.join(node.to_string())
    }

    pub(crate) fn config(&self, node: u64, start: Start) -> Config {
        Config {
            data: self.path(node),
            node_id: Some(node),
            listen: "127.0.0.1:0".to_owned(),
            advertise: None,
            start,
            learner: false,
            secret: Some(Secret::new(SECRET).expect("long enough")),
            token: None,
            tracks_processing: false,
            reserve: RESERVE,
            timing: Timing::default(),
        }
    }

    pub(crate) async fn start(&self, node: u64, start: Start) -> Cluster {
        Cluster::start(self.config(node, start)).await.expect("the node starts")
    }

    /// Starts a node again on its data. The lock on it goes with the last task of the node before.
    pub(crate) async fn restart(&self, node: u64, start: Start) -> Cluster {
        self.restart_as(self.config(node, start)).await
    }

    /// The same with settings of one's own.
    pub(crate) async fn restart_as(&self, config: Config) -> Cluster {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match Cluster::start(config.clone()).await {
                Ok(node) => return node,
                Err(StartError::Directory { .. } | StartError::Store { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The position of the node that leads.
    pub(crate) fn leader(&self) -> Option<usize> {
        let leader = self.nodes.first()?.metrics().leader?;
        self.nodes.iter().position(|node| node.id() == leader)
    }
}

/// Waits for a condition, and fails when it does not come.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
