//! The load generator: keep-alive connections that send one request over and over and time the answers.
//!
//! It shares the machine with what it measures, so it does little: one thread, raw sockets, one buffer a connection,
//! answers read only as far as it takes to find their end.

mod answer;
mod connection;
pub(crate) mod histogram;
mod pace;
mod target;

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cores;
use crate::output;
use crate::values::round;
use connection::Tally;
use pace::Pace;
use target::Target;

/// How long answers may stay away after the end of the measurement.
const GRACE: Duration = Duration::from_secs(5);

/// Options of `load`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to send requests: an http URL whose host is this machine's loopback
    #[arg(long)]
    url: String,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// How long to go on
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Requests per second over all connections, on schedule whatever the answers do; left out: as fast as answers come
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// A header to send, as `Name: value`; may be repeated
    #[arg(long)]
    header: Vec<String>,
    /// The Host header, if it is not the URL's
    #[arg(long)]
    host: Option<String>,
    /// A JSON body to post with each request
    #[arg(long)]
    body: Option<String>,
}

/// Sends the load and prints what came back as one JSON document.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let target = Target::parse(&options.url, options.host.as_deref(), &options.header, options.body.as_deref())?;
    let start = Instant::now();
    let end = start + Duration::from_secs(options.seconds);
    let pace = Arc::new(options.rate.map_or_else(|| Pace::free(end), |rate| Pace::fixed(rate, start, end)));
    let target = Arc::new(target);

    let mut connections = JoinSet::new();
    for _ in 0..options.connections {
        connections.spawn(connection::drive(target.clone(), pace.clone(), end + GRACE));
    }
    let mut tally = Tally::default();
    for part in connections.join_all().await {
        tally.merge(&part);
    }
    output::print(&document(&tally, &pace, start.elapsed()).to_string());
    Ok(())
}

/// What a load generator found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Complete answers, whatever their status.
    pub(crate) answers: u64,
    /// Answers whose status is not 2xx, exchanges that broke, connections refused, requests that were due but unsent.
    pub(crate) failures: u64,
    /// Answers per second.
    pub(crate) rate: f64,
    /// The median of the latency, in milliseconds.
    pub(crate) p50: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub(crate) p99: f64,
}

/// A load to put on a gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Keep-alive connections.
    pub(crate) connections: u32,
    /// How long.
    pub(crate) seconds: u64,
    /// Requests per second, or none for as many as are answered.
    pub(crate) rate: Option<u32>,
}

impl Load {
    /// Runs a load generator in a process of its own on these cores.
    pub(crate) async fn send(self, url: &str, cores: &str) -> anyhow::Result<Found> {
        self.post(url, None, &[], cores).await
    }

    /// The same, with a body that is posted with each request, and header fields.
    pub(crate) async fn post(
        self,
        url: &str,
        body: Option<&str>,
        headers: &[String],
        cores: &str,
    ) -> anyhow::Result<Found> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = cores::pinned(Path::new(&program), cores);
        command.args(["load", "--url", url]);
        command.args(["--connections", &self.connections.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(self.rate.iter().flat_map(|rate| ["--rate".to_owned(), rate.to_string()]));
        command.args(body.iter().flat_map(|body| ["--body", body]));
        command.args(headers.iter().flat_map(|header| ["--header", header]));
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let output = command.output().await.context("cannot run the load generator")?;
        anyhow::ensure!(output.status.success(), "the load generator failed: {}", output.status);
        let document = serde_json::from_slice(&output.stdout).context("the load generator printed no JSON")?;
        found(&document).context("the load generator's JSON lacks a figure")
    }
}

fn document(tally: &Tally, pace: &Pace, elapsed: Duration) -> Value {
    let milliseconds = |q| round(tally.latency.quantile(q).as_secs_f64() * 1000.0);
    json!({
        "answers": tally.answers,
        "not_2xx": tally.not_2xx,
        "broken": tally.broken,
        "refused": tally.refused,
        "unsent": pace.unsent(),
        "last_error": tally.last_error,
        "bytes": tally.bytes,
        "seconds": round(elapsed.as_secs_f64()),
        "answers_per_second": round(tally.answers as f64 / elapsed.as_secs_f64()),
        "latency_ms": {
            "p50": milliseconds(0.5),
            "p90": milliseconds(0.9),
            "p99": milliseconds(0.99),
            "p999": milliseconds(0.999),
            "max": milliseconds(1.0),
        },
    })
}

fn found(document: &Value) -> Option<Found> {
    let count = |name: &str| document.get(name)?.as_u64();
    let latency = |name: &str| document.get("latency_ms")?.get(name)?.as_f64();
    Some(Found {
        answers: count("answers")?,
        failures: count("not_2xx")? + count("broken")? + count("refused")? + count("unsent")?,
        rate: document.get("answers_per_second")?.as_f64()?,
        p50: latency("p50")?,
        p99: latency("p99")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        let mut tally = Tally { answers: 10, not_2xx: 1, broken: 2, refused: 3, ..Tally::default() };
        tally.latency.record(Duration::from_micros(1500));
        let pace = Pace::free(Instant::now());
        let found = found(&document(&tally, &pace, Duration::from_secs(2))).expect("complete");
        assert_eq!((found.answers, found.failures), (10, 6));
        assert_eq!(found.rate, 5.0);
        assert!((1.5..1.52).contains(&found.p99), "{found:?}");
    }

    #[test]
    fn a_document_that_lacks_something_is_noticed() {
        assert_eq!(found(&json!({ "answers": 1 })), None);
    }
}
