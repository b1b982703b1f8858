//! What is counted of one route of a WebSocket API; what it is called is in `metrics`.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, Label, counter, histogram};

use super::metrics::{WEBSOCKET_BYTES, WEBSOCKET_EVENTS, WEBSOCKET_INTEGRATION_LATENCY};

/// What of a WebSocket API is counted, as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketCount {
    /// A connection that somebody wants to open.
    Connect,
    /// A message, from a caller or to one.
    Message,
    /// What is refused before its integration is called.
    ClientError,
    /// What fails on the way to its integration, or back.
    ExecutionError,
    /// What its integration answers with an error.
    IntegrationError,
}

impl SocketCount {
    const ALL: [Self; 5] =
        [Self::Connect, Self::Message, Self::ClientError, Self::ExecutionError, Self::IntegrationError];

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "ConnectCount",
            Self::Message => "MessageCount",
            Self::ClientError => "ClientError",
            Self::ExecutionError => "ExecutionError",
            Self::IntegrationError => "IntegrationError",
        }
    }
}

/// The metrics of one route in one stage, made with its first event.
#[derive(Default)]
pub struct RouteMetrics(OnceLock<Box<RouteSeries>>);

struct RouteSeries {
    counts: [Counter; 5],
    bytes_in: Counter,
    bytes_out: Counter,
    integration_latency: Histogram,
}

impl RouteMetrics {
    /// Counts something of a route: which API's, stage's and route's, by their names.
    pub fn count(&self, place: [&str; 3], what: SocketCount) {
        self.series(place).counts[what as usize].increment(1);
    }

    /// Counts a message and its answer, if it has one, and the bytes of each.
    pub fn message(&self, place: [&str; 3], bytes_in: u64, bytes_out: Option<u64>) {
        let series = self.series(place);
        series.counts[SocketCount::Message as usize].increment(1 + u64::from(bytes_out.is_some()));
        series.bytes_in.increment(bytes_in);
        if let Some(bytes_out) = bytes_out {
            series.bytes_out.increment(bytes_out);
        }
    }

    /// Records how long a route's integration took.
    pub fn integrated(&self, place: [&str; 3], latency: Duration) {
        self.series(place).integration_latency.record(latency);
    }

    fn series(&self, place: [&str; 3]) -> &RouteSeries {
        self.0.get_or_init(|| {
            let labels = ["api", "stage", "route"].into_iter().zip(place);
            let labels: Vec<_> = labels.map(|(name, value)| Label::new(name, value.to_owned())).collect();
            let counts = SocketCount::ALL.map(|what| {
                let metric = Label::new("metric", what.name());
                counter!(WEBSOCKET_EVENTS.name, labels.iter().cloned().chain([metric]).collect::<Vec<_>>())
            });
            let bytes = |direction| {
                let direction = Label::new("direction", direction);
                counter!(WEBSOCKET_BYTES.name, labels.iter().cloned().chain([direction]).collect::<Vec<_>>())
            };
            let (bytes_in, bytes_out) = (bytes("in"), bytes("out"));
            let integration_latency = histogram!(WEBSOCKET_INTEGRATION_LATENCY.name, labels);
            Box::new(RouteSeries { counts, bytes_in, bytes_out, integration_latency })
        })
    }
}
