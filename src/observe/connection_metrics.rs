//! What is counted of a stage's WebSocket connections; what it is called is in `metrics`.

use metrics::{Counter, Gauge, Label, counter, gauge};

use super::metrics::{WEBSOCKET_BROADCASTS, WEBSOCKET_CONNECTIONS, WEBSOCKET_DELIVERIES, WEBSOCKET_HOPS};

/// The figures of the connections that a node has of one stage.
pub struct ConnectionMetrics {
    connections: Gauge,
    delivered: Counter,
    full: Counter,
    hops: Counter,
    broadcasts: Counter,
}

impl ConnectionMetrics {
    /// Those of a stage of an API.
    pub fn new(api: &str, stage: &str) -> Self {
        let labels = || [("api", api), ("stage", stage)].map(|(name, value)| Label::new(name, value.to_owned()));
        let delivery = |outcome: &'static str| {
            let mut labels = labels().to_vec();
            labels.push(Label::new("outcome", outcome));
            counter!(WEBSOCKET_DELIVERIES.name, labels)
        };
        Self {
            connections: gauge!(WEBSOCKET_CONNECTIONS.name, labels().to_vec()),
            delivered: delivery("delivered"),
            full: delivery("full"),
            hops: counter!(WEBSOCKET_HOPS.name, labels().to_vec()),
            broadcasts: counter!(WEBSOCKET_BROADCASTS.name, labels().to_vec()),
        }
    }

    /// There is one more connection.
    pub fn entered(&self) {
        self.connections.increment(1);
    }

    /// There is one less.
    pub fn left(&self) {
        self.connections.decrement(1);
    }

    /// So many messages are in send queues, and for so many there was no room.
    pub fn delivered(&self, delivered: u64, full: u64) {
        self.delivered.increment(delivered);
        self.full.increment(full);
    }

    /// A message came by another node.
    pub fn hopped(&self) {
        self.hops.increment(1);
    }

    /// A broadcast was sent.
    pub fn broadcast(&self) {
        self.broadcasts.increment(1);
    }
}
