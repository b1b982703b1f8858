//! Whether this node takes new work: from its start until it stops, unless it is drained.
//!
//! A node that is drained says that it is not ready, so that load balancers send requests elsewhere; gives the lead away;
//! refuses new WebSocket connections and closes those that it has. Requests that reach it all the same are answered. It
//! stays so until it is told otherwise or starts again: nothing of it is written down.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use turnpike_cluster::Cluster;

use crate::traffic::websocket::Registry;

/// A node's service. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    connections: Registry,
    /// Over how long connections are closed where nothing else is asked for.
    over: Duration,
    /// Where they are closed.
    runtime: Handle,
    phase: Mutex<Phase>,
}

/// How far a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// It does not serve yet.
    Starting,
    /// It takes whatever comes.
    Serving,
    /// It is to have nothing to do.
    Drained,
    /// It was told to end.
    Stopping,
}

/// What is to become of a node's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Drain it, its connections over this time.
    Drain(Option<Duration>),
    /// Let it serve again.
    Undo,
    /// Nothing: only tell of it.
    Look,
}

/// What a node says of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Its WebSocket connections, those included whose `$disconnect` is under way.
    pub(super) connections: usize,
}

impl Service {
    /// The service of a node that starts. Connections are closed in the runtime that this runs in.
    pub(super) fn new(cluster: Cluster, connections: Registry, over: Duration) -> Self {
        let phase = Mutex::new(Phase::Starting);
        Self { inner: Arc::new(Inner { cluster, connections, over, runtime: Handle::current(), phase }) }
    }

    /// Whether requests and connections may be sent here.
    pub(super) fn is_ready(&self) -> bool {
        *self.inner.phase.lock() == Phase::Serving
    }

    /// The node serves.
    pub(super) fn begin(&self) {
        *self.inner.phase.lock() = Phase::Serving;
    }

    /// The node ends, and is told nothing else any more.
    pub(super) fn end(&self) {
        *self.inner.phase.lock() = Phase::Stopping;
    }

    /// Does as it is told, unless the node starts or ends; answers with how it is then, and with the connections that it
    /// had before.
    pub(super) async fn obey(&self, order: Order) -> State {
        let connections = self.inner.connections.living();
        match order {
            Order::Drain(over) => {
                if self.turn(&[Phase::Serving, Phase::Drained], Phase::Drained, || self.close(over)) {
                    self.inner.cluster.hand_over().await;
                }
            }
            Order::Undo => {
                self.turn(&[Phase::Drained], Phase::Serving, || self.inner.connections.end_draining());
            }
            Order::Look => {}
        }
        State { phase: *self.inner.phase.lock(), connections }
    }

    /// Goes over from one of these phases to another, and does what belongs to it before anybody else can.
    fn turn(&self, from: &[Phase], to: Phase, change: impl FnOnce()) -> bool {
        let mut phase = self.inner.phase.lock();
        if !from.contains(&phase) {
            return false;
        }
        if *phase != to {
            tracing::info!(phase = ?to, "the node was told to change its service");
        }
        *phase = to;
        change();
        true
    }

    /// Begins to close all connections. Nobody waits until it is done.
    fn close(&self, over: Option<Duration>) {
        let Inner { connections, over: usual, runtime, .. } = &*self.inner;
        connections.begin_draining();
        let (connections, over) = (connections.clone(), over.unwrap_or(*usual));
        runtime.spawn(async move { connections.close_all(over).await });
    }
}
