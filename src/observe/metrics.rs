//! Every metric of the node: name, labels, unit and help, in this file and nowhere else.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// What kind of figure a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A metric's description.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, as Prometheus shows it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, with its unit.
    pub help: &'static str,
}

const fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind, labels, help }
}

const STAGE_LABELS: &[&str] = &["api", "stage"];
const METHOD_LABELS: &[&str] = &["api", "stage", "method", "resource"];

/// Answered requests.
pub const REQUESTS: Metric = metric(
    "turnpike_requests_total",
    Kind::Counter,
    &["api", "stage", "method", "resource", "status"],
    "Requests that were answered, by API, stage, method, resource and class of status (2xx to 5xx).",
);
/// Time to answer.
pub const LATENCY: Metric = metric(
    "turnpike_request_duration_seconds",
    Kind::Histogram,
    METHOD_LABELS,
    "Seconds from the head of a request to the head of its answer.",
);
/// Time that the integration took of it.
pub const INTEGRATION_LATENCY: Metric = metric(
    "turnpike_integration_duration_seconds",
    Kind::Histogram,
    METHOD_LABELS,
    "Seconds that the integration took of a request's time.",
);
/// Answers out of a cache.
pub const CACHE_HITS: Metric = metric(
    "turnpike_cache_hits_total",
    Kind::Counter,
    METHOD_LABELS,
    "Requests that were answered out of their stage's cache.",
);
/// Answers that a cache did not have.
pub const CACHE_MISSES: Metric = metric(
    "turnpike_cache_misses_total",
    Kind::Counter,
    METHOD_LABELS,
    "Requests whose answer could have been in their stage's cache and was not.",
);
/// Events of WebSocket APIs.
pub const WEBSOCKET_EVENTS: Metric = metric(
    "turnpike_websocket_events_total",
    Kind::Counter,
    &["api", "stage", "route", "metric"],
    "Events of WebSocket APIs, by API, stage and route, under the names that CloudWatch has for them: ConnectCount, \
     MessageCount, ClientError, ExecutionError, IntegrationError.",
);
/// Bytes of messages.
pub const WEBSOCKET_BYTES: Metric = metric(
    "turnpike_websocket_message_bytes_total",
    Kind::Counter,
    &["api", "stage", "route", "direction"],
    "Bytes of messages that routes of WebSocket APIs were sent (in), and of their answers (out).",
);
/// Time that integrations of WebSocket APIs took.
pub const WEBSOCKET_INTEGRATION_LATENCY: Metric = metric(
    "turnpike_websocket_integration_duration_seconds",
    Kind::Histogram,
    &["api", "stage", "route"],
    "Seconds that integrations of WebSocket APIs took: CloudWatch's IntegrationLatency.",
);
/// WebSocket connections.
pub const WEBSOCKET_CONNECTIONS: Metric = metric(
    "turnpike_websocket_connections",
    Kind::Gauge,
    STAGE_LABELS,
    "WebSocket connections that this node has, by API and stage.",
);
/// Connections whose end nobody else could tell.
pub const WEBSOCKET_UNTOLD: Metric = metric(
    "turnpike_websocket_untold_connections",
    Kind::Gauge,
    &[],
    "WebSocket connections of this node that came or left, and of which its witness, which would run $disconnect if the \
     node died, has not been told yet.",
);
/// Messages for connections.
pub const WEBSOCKET_DELIVERIES: Metric = metric(
    "turnpike_websocket_deliveries_total",
    Kind::Counter,
    &["api", "stage", "outcome"],
    "Messages for connections of this node, by @connections and by broadcasts: delivered, or full, where a connection's \
     send queue had no room.",
);
/// Messages that another node was asked for.
pub const WEBSOCKET_HOPS: Metric = metric(
    "turnpike_websocket_hops_total",
    Kind::Counter,
    STAGE_LABELS,
    "Messages for connections of this node that were handed to another node, which passed them on.",
);
/// Broadcasts.
pub const WEBSOCKET_BROADCASTS: Metric = metric(
    "turnpike_websocket_broadcasts_total",
    Kind::Counter,
    STAGE_LABELS,
    "Broadcasts that this node has sent to those of its connections that were meant.",
);
/// Requests without a method.
pub const UNROUTED: Metric = metric(
    "turnpike_unrouted_requests_total",
    Kind::Counter,
    &["status"],
    "Requests that were refused before a method was found for them, by class of status.",
);
/// Requests with keys.
pub const PLAN_REQUESTS: Metric = metric(
    "turnpike_plan_requests_total",
    Kind::Counter,
    &["plan", "outcome"],
    "Requests with API keys by usage plan: allowed, throttled, refused because their quota was used up, or undecided: refused because nobody could say in time whether it was.",
);
/// Leases.
pub const LEASES: Metric = metric(
    "turnpike_quota_leases_total",
    Kind::Counter,
    &["plan"],
    "Leases of quota tokens that this node has taken, by usage plan.",
);
/// Requests that waited.
pub const QUOTA_WAITS: Metric = metric(
    "turnpike_quota_waits_total",
    Kind::Counter,
    &["plan"],
    "Requests that had to wait for a lease of quota tokens, or to learn that there is none, by usage plan.",
);
/// Tokens that crashes have cost.
pub const QUOTA_STRANDED: Metric = metric(
    "turnpike_quota_stranded_total",
    Kind::Counter,
    &["plan"],
    "Tokens of quotas that this node held when it crashed, at the most, as it finds when it takes their keys' next leases; by usage plan.",
);
/// Plans without leases.
pub const PLANS_CUT_OFF: Metric = metric(
    "turnpike_plans_cut_off",
    Kind::Gauge,
    &[],
    "Usage plans of whose quotas this node can take no leases, because it reaches no majority of the nodes.",
);
/// How wrong the clock is.
pub const CLOCK_OFFSET: Metric = metric(
    "turnpike_clock_offset_seconds",
    Kind::Gauge,
    &[],
    "How far this node's clock is behind those of most nodes, as last compared. Quotas go by those of most nodes.",
);
/// Quotas that are nearly used, or wholly.
pub const QUOTA_CROSSED: Metric = metric(
    "turnpike_quota_crossed_total",
    Kind::Counter,
    &["plan", "percent"],
    "How often a key of a usage plan has used 80 or 100 percent of its quota, by what this node has leased.",
);
/// Calls of functions.
pub const FUNCTION_INVOCATIONS: Metric = metric(
    "turnpike_function_invocations_total",
    Kind::Counter,
    &["function"],
    "Calls of functions that this node has carried out.",
);
/// Those of them that failed.
pub const FUNCTION_ERRORS: Metric = metric(
    "turnpike_function_errors_total",
    Kind::Counter,
    &["function"],
    "Calls of functions that ended in an error of the function.",
);
/// Calls that were refused.
pub const FUNCTION_THROTTLES: Metric = metric(
    "turnpike_function_throttles_total",
    Kind::Counter,
    &["function"],
    "Calls of functions that were refused because of a limit on what runs at once.",
);
/// Time of calls.
pub const FUNCTION_DURATION: Metric = metric(
    "turnpike_function_duration_seconds",
    Kind::Histogram,
    &["function"],
    "Seconds that calls of functions took, the start of their process included where there was one.",
);
/// Processes started.
pub const FUNCTION_COLD_STARTS: Metric = metric(
    "turnpike_function_cold_starts_total",
    Kind::Counter,
    &["function"],
    "Processes of functions that were started.",
);
/// Time until they were ready.
pub const FUNCTION_INIT: Metric = metric(
    "turnpike_function_init_duration_seconds",
    Kind::Histogram,
    &["function"],
    "Seconds that processes of functions took to be ready for their first call.",
);
/// Processes there are.
pub const FUNCTION_PROCESSES: Metric =
    metric("turnpike_function_processes", Kind::Gauge, &[], "Processes of functions on this node, busy and idle.");
/// Stages served.
pub const STAGES: Metric = metric("turnpike_stages", Kind::Gauge, &[], "Stages that this node serves.");
/// Documents kept.
pub const DOCUMENTS: Metric = metric("turnpike_catalog_documents", Kind::Gauge, &[], "Documents in the catalog.");
/// Bytes on disk.
pub const DISK: Metric =
    metric("turnpike_store_disk_bytes", Kind::Gauge, &[], "Bytes that the node's store takes on disk.");
/// Bytes left.
pub const FREE: Metric =
    metric("turnpike_store_free_bytes", Kind::Gauge, &[], "Bytes that are free on the disk of the node's store.");
/// Raft's term.
pub const TERM: Metric = metric("turnpike_raft_term", Kind::Gauge, &[], "The Raft term that this node is in.");
/// Raft's role.
pub const ROLE: Metric = metric(
    "turnpike_raft_role",
    Kind::Gauge,
    &["role"],
    "1 for the role that this node has in Raft (leader, follower, candidate, learner), 0 for the others.",
);
/// Raft's commit index.
pub const COMMITTED: Metric = metric(
    "turnpike_raft_committed_index",
    Kind::Gauge,
    &[],
    "Index of the last entry that this node knows to be committed.",
);
/// Raft's applied index.
pub const APPLIED: Metric =
    metric("turnpike_raft_applied_index", Kind::Gauge, &[], "Index of the last entry that this node has applied.");
/// How far the node is behind itself.
pub const LAG: Metric = metric(
    "turnpike_raft_lag_entries",
    Kind::Gauge,
    &["node"],
    "Entries that a node is behind: this node's own between last and applied, and, on the leader, each other node's.",
);
/// Memory.
pub const RESIDENT: Metric =
    metric("process_resident_memory_bytes", Kind::Gauge, &[], "Bytes of memory that the process holds.");
/// Processor time.
pub const CPU: Metric = metric(
    "process_cpu_seconds_total",
    Kind::Counter,
    &[],
    "Seconds of processor time, user and system, that the process has used.",
);
/// Open files.
pub const OPEN_FILES: Metric = metric("process_open_fds", Kind::Gauge, &[], "Open file descriptors.");
/// Threads.
pub const THREADS: Metric = metric("process_threads", Kind::Gauge, &[], "Threads of the process.");

/// All of them, in the order of this file.
pub const ALL: &[Metric] = &[
    REQUESTS,
    LATENCY,
    INTEGRATION_LATENCY,
    CACHE_HITS,
    CACHE_MISSES,
    WEBSOCKET_EVENTS,
    WEBSOCKET_BYTES,
    WEBSOCKET_INTEGRATION_LATENCY,
    WEBSOCKET_CONNECTIONS,
    WEBSOCKET_UNTOLD,
    WEBSOCKET_DELIVERIES,
    WEBSOCKET_HOPS,
    WEBSOCKET_BROADCASTS,
    UNROUTED,
    PLAN_REQUESTS,
    LEASES,
    QUOTA_WAITS,
    QUOTA_CROSSED,
    QUOTA_STRANDED,
    PLANS_CUT_OFF,
    CLOCK_OFFSET,
    FUNCTION_INVOCATIONS,
    FUNCTION_ERRORS,
    FUNCTION_THROTTLES,
    FUNCTION_DURATION,
    FUNCTION_COLD_STARTS,
    FUNCTION_INIT,
    FUNCTION_PROCESSES,
    STAGES,
    DOCUMENTS,
    DISK,
    FREE,
    TERM,
    ROLE,
    COMMITTED,
    APPLIED,
    LAG,
    RESIDENT,
    CPU,
    OPEN_FILES,
    THREADS,
];

/// Bounds of the latency histograms, in seconds: from a tenth of a millisecond to the longest integration.
const LATENCY_BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Makes the process's recorder, with every metric described; answers with what renders it.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("duration_seconds".to_owned()), LATENCY_BUCKETS)?
        .install_recorder()?;
    for metric in ALL {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, metric.help),
        }
    }
    Ok(handle)
}

/// The gauge of a metric without labels.
pub fn level(metric: Metric) -> Gauge {
    gauge!(metric.name)
}

/// The gauge of a metric with one label.
pub fn level_of(metric: Metric, label: String) -> Gauge {
    gauge!(metric.name, metric.labels[0] => label)
}

/// The counter of a metric without labels.
pub fn count(metric: Metric) -> Counter {
    counter!(metric.name)
}

/// The classes of status codes, 1xx to 5xx, as labels.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn class(status: u16) -> usize {
    usize::from((status / 100).clamp(1, 5)) - 1
}

/// The metrics of one method in one stage: made with its first request, for most methods of most APIs see none for long.
#[derive(Default)]
pub struct MethodMetrics(OnceLock<Box<Series>>);

/// Which method of which stage a request was for.
pub struct Place<'a> {
    /// The API's id.
    pub api: &'a str,
    /// The stage's name.
    pub stage: &'a str,
    /// The method's verb.
    pub method: &'a str,
    /// The resource's path.
    pub resource: &'a str,
}

struct Series {
    requests: [Counter; 5],
    latency: Histogram,
    integration_latency: Histogram,
}

impl Series {
    fn new(place: &Place<'_>) -> Self {
        let labels = place.labels();
        let requests = CLASSES.map(|class| {
            let mut labels = labels.to_vec();
            labels.push(metrics::Label::new("status", class));
            counter!(REQUESTS.name, labels)
        });
        Self {
            requests,
            latency: histogram!(LATENCY.name, labels.to_vec()),
            integration_latency: histogram!(INTEGRATION_LATENCY.name, labels.to_vec()),
        }
    }
}

impl MethodMetrics {
    /// Counts an answered request.
    pub fn record(&self, place: &Place<'_>, status: u16, latency: Duration, integration: Option<Duration>) {
        let series = self.0.get_or_init(|| Box::new(Series::new(place)));
        series.requests[class(status)].increment(1);
        series.latency.record(latency);
        if let Some(integration) = integration {
            series.integration_latency.record(integration);
        }
    }
}

impl Place<'_> {
    fn labels(&self) -> [metrics::Label; 4] {
        [("api", self.api), ("stage", self.stage), ("method", self.method), ("resource", self.resource)]
            .map(|(name, value)| metrics::Label::new(name, value.to_owned()))
    }
}

/// The counters of a method's answers that its stage's cache had, and had not.
pub fn of_cache(place: &Place<'_>) -> (Counter, Counter) {
    let labels = place.labels();
    (counter!(CACHE_HITS.name, labels.to_vec()), counter!(CACHE_MISSES.name, labels.to_vec()))
}

/// How far this node's clock is behind those of most nodes, in nanoseconds.
pub fn record_clock(behind: i64) {
    gauge!(CLOCK_OFFSET.name).set(behind as f64 / 1e9);
}

/// Counts a request that was refused before its method was known.
pub fn record_unrouted(status: u16) {
    counter!(UNROUTED.name, "status" => CLASSES[class(status)]).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list as users see it: a change here is a change of what dashboards and alarms rely on.
    #[test]
    fn the_list_of_metrics_is_this() {
        let list: Vec<String> =
            ALL.iter().map(|metric| format!("{:?} {}{:?}", metric.kind, metric.name, metric.labels)).collect();
        let expected = include_str!("metrics.txt");
        assert_eq!(list.join("\n"), expected.trim_end(), "update src/observe/metrics.txt if this is meant");
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in ALL {
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.name.starts_with("turnpike_") || metric.name.starts_with("process_"), "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }

    #[test]
    fn every_status_has_a_class() {
        for (status, expected) in [(0, "1xx"), (101, "1xx"), (200, "2xx"), (404, "4xx"), (599, "5xx"), (999, "5xx")] {
            assert_eq!(CLASSES[class(status)], expected, "{status}");
        }
    }
}
