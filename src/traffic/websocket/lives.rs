//! Which nodes are dead, and which are only cut off.
//!
//! A node that this one has not heard of for [`DEAD`] is *silent*. It is *dead*, and its connections are gone with it, when
//! nobody else has heard of it either, and those who have not are most of the cluster: a node that is cut off itself must
//! take nobody for dead.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use turnpike_cluster::{Cluster, Message, NodeId};

use crate::catalog::Catalog;

/// A node that was not heard of for so long is silent.
pub(super) const DEAD: Duration = Duration::from_secs(3);
/// A majority of the nodes must be found within this time, and those who are asked must answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// What was found out is good for so long: many may want to know at the same time.
const KEPT: Duration = Duration::from_millis(500);

/// Have you heard of this node lately?
#[derive(Clone, Serialize, Deserialize)]
struct AskHeard(NodeId);

impl Message for AskHeard {
    const NAME: &'static str = "websocket/heard";
    type Reply = bool;
}

/// What this node knows of the lives of others. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Lives {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    cluster: Cluster,
    /// Whether a node was dead, and when that was found out. One question is asked at a time.
    known: Mutex<HashMap<NodeId, (Instant, bool)>>,
}

impl Lives {
    /// Begins to answer other nodes.
    pub fn start(catalog: Catalog, cluster: Cluster) -> Self {
        let lives = Self { inner: Arc::new(Inner { catalog, cluster: cluster.clone(), known: Mutex::default() }) };
        let hearing = lives.clone();
        cluster.receive(move |_, AskHeard(node)| {
            let is_heard_of = !hearing.is_silent(node);
            async move { is_heard_of }
        });
        lives
    }

    /// The way to other nodes.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    /// Whether this node has not heard of a node for long. One that is no member is not heard of.
    pub(super) fn is_silent(&self, node: NodeId) -> bool {
        let cluster = &self.inner.cluster;
        node != cluster.id() && cluster.silence(node).is_none_or(|silence| silence >= DEAD)
    }

    /// Whether a node is dead, as far as could be found out just now.
    pub(super) async fn is_dead(&self, node: NodeId) -> bool {
        if !self.is_silent(node) {
            return false;
        }
        let mut known = self.inner.known.lock().await;
        if let Some((_, is_dead)) = known.get(&node).filter(|(when, _)| when.elapsed() < KEPT) {
            return *is_dead;
        }
        let is_dead = self.ask(node).await;
        known.retain(|_, (when, _)| when.elapsed() < KEPT);
        known.insert(node, (Instant::now(), is_dead));
        is_dead
    }

    /// Whether a node is dead, as far as can be found out.
    pub(super) async fn ask(&self, node: NodeId) -> bool {
        if !self.is_silent(node) {
            return false;
        }
        let Inner { catalog, cluster, .. } = &*self.inner;
        if !matches!(timeout(PATIENCE, catalog.fresh()).await, Ok(Ok(()))) {
            return false;
        }
        let others = cluster.member_ids().into_iter().filter(|other| ![node, cluster.id()].contains(other));
        let others = others.filter(|other| !self.is_silent(*other));
        let heard = join_all(others.map(|other| cluster.send(other, AskHeard(node), PATIENCE))).await;
        // Who does not answer may have heard of it.
        let is_heard_of = heard.into_iter().any(|heard| heard.unwrap_or(true));
        !is_heard_of && self.is_silent(node)
    }
}
