//! Nodes in one process, on loopback, in temporary directories; and waiting for conditions.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use turnpike_cluster::{Cluster, Config, Secret, Start, Timing};

pub(crate) const SECRET: &str = "a secret that all nodes share";

pub(crate) struct Sandbox {
    directory: TempDir,
    pub(crate) nodes: Vec<Cluster>,
}

impl Sandbox {
    /// One node that leads itself.
    pub(crate) async fn one_node() -> Self {
        let mut sandbox = Self { directory: tempfile::tempdir().expect("a directory"), nodes: Vec::new() };
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
        self.directory.path().join(node.to_string())
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
            tracks_processing: false,
            timing: Timing::default(),
        }
    }

    pub(crate) async fn start(&self, node: u64, start: Start) -> Cluster {
        Cluster::start(self.config(node, start)).await.expect("the node starts")
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
