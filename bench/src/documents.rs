//! `documents`: what a node of the cluster crate needs to hold many documents: memory, disk, time to start again; and
//! how long commits stand still while a snapshot of all of them is built.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::kv::client::Connection;
use crate::kv::load::{self, Tally};
use crate::kv::{Answer, Call};
use crate::node::Node;
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::values::{Spread, round};

/// Calls that are under way at once on each of the connections while documents are written.
const CALLS: usize = 64;
/// Connections to the first node while documents are written.
const CONNECTIONS: usize = 8;
/// Clients that commit while a snapshot is built: few, so that each of their commits is an entry of the log.
const STEADY: usize = 2;
/// A snapshot that is not there after so long is an error.
const PATIENCE: Duration = Duration::from_secs(120);
/// The commits around a snapshot are looked at in windows of this length.
const WINDOW: Duration = Duration::from_millis(500);
/// So many windows before and after the one in which a snapshot is there belong to it.
const AROUND: usize = 6;

/// Options of `documents`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many documents
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    count: u64,
    /// How long a document is, in bytes
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    bytes: u32,
    /// How many nodes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    nodes: u32,
    /// How often the first node is killed and started again
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
    /// Where the nodes keep their data [default: the temporary directory]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let directory = match &options.data {
        Some(data) => tempfile::tempdir_in(data),
        None => tempfile::tempdir(),
    };
    let directory = directory.context("cannot make a temporary directory")?;
    let path = |number: u32| directory.path().join(format!("node-{number}"));
    let mut nodes: Vec<Node> = Vec::new();
    for number in 1..=options.nodes {
        let join = nodes.first().map(|first| first.cluster);
        nodes.push(Node::start(&path(number), None, join).await?);
    }
    let mut first = nodes.remove(0);
    let mut report = Report { count: options.count, bytes: options.bytes, nodes: options.nodes, ..Report::default() };
    report.commits_per_second = fill(&first, &options).await?.rate();
    output::remark(&format!("{} documents are written", options.count));

    let connection = Connection::open(first.clients).await?;
    let clients = vec![connection.clone(); STEADY];
    report.stall = stall(&connection, &clients, &options).await?;
    report.resident = system::resident(first.process.pid())?;
    report.disk = figure(&connection, "disk_bytes").await?;
    for _ in 0..options.starts {
        let address = first.cluster;
        first.process.kill().await?;
        let begin = Instant::now();
        first = Node::start(&path(1), Some(address), None).await?;
        let connection = Connection::open(first.clients).await?;
        let last = connection.call(&Call::Read { key: key(options.count - 1) }).await?;
        anyhow::ensure!(last != Answer::Value(None), "a document is gone after a start");
        report.starts.push(begin.elapsed().as_secs_f64());
        report.resident_again = system::resident(first.process.pid())?;
    }
    match options.output {
        Format::Table => output::print(&report.table()),
        Format::Json => output::print(&report.document().to_string()),
    }
    Ok(())
}

async fn fill(node: &Node, options: &Options) -> anyhow::Result<Tally> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let connection = Connection::open(node.clients).await?;
        clients.extend(vec![connection; CALLS]);
    }
    let (count, bytes) = (options.count, options.bytes);
    load::run(&clients, move |number| (number < count).then(|| put(number, bytes))).await
}

/// How long commits stood still at the most.
#[derive(Default)]
struct Stall {
    /// While none was built, in milliseconds.
    without: f64,
    /// In the windows around the one in which one was there.
    with: f64,
    /// Commits in a row that were looked at.
    commits: u64,
}

/// Commits until a snapshot is made, and looks how long nothing was answered.
async fn stall(connection: &Connection, clients: &[Connection], options: &Options) -> anyhow::Result<Stall> {
    let (count, bytes) = (options.count, options.bytes);
    let begin = Instant::now();
    let mut windows: Vec<(f64, u64)> = Vec::new();
    let mut stall = Stall::default();
    let before = figure(connection, "snapshot").await?;
    loop {
        let end = Instant::now() + WINDOW;
        let tally =
            load::run(clients, move |number| (Instant::now() < end).then(|| put(number % count, bytes))).await?;
        windows.push((tally.longest_gap.as_secs_f64() * 1000.0, figure(connection, "snapshot").await?));
        stall.commits += tally.answered;
        if windows.iter().filter(|(_, snapshot)| *snapshot != before).count() == 2 * AROUND {
            break;
        }
        anyhow::ensure!(begin.elapsed() < PATIENCE, "no snapshot is made");
    }
    let made = windows.iter().position(|(_, snapshot)| *snapshot != before).context("a snapshot was made")?;
    // It counts as made when it is on disk; building it began some windows before.
    let building = made.saturating_sub(AROUND);
    let (around, after) = windows[building..].split_at(made + AROUND - building);
    stall.with = Spread::of(around.iter().map(|(gap, _)| *gap)).max;
    stall.without = Spread::of(windows[..building].iter().chain(after).map(|(gap, _)| *gap)).max;
    Ok(stall)
}

async fn figure(connection: &Connection, name: &str) -> anyhow::Result<u64> {
    let Answer::Figures(document) = connection.call(&Call::Figures).await? else { anyhow::bail!("no figures") };
    let document: Value = serde_json::from_slice(&document)?;
    Ok(document.get(name).and_then(Value::as_u64).unwrap_or_default())
}

#[derive(Default)]
struct Report {
    count: u64,
    bytes: u32,
    nodes: u32,
    commits_per_second: f64,
    /// Bytes, of the first node.
    resident: u64,
    resident_again: u64,
    disk: u64,
    stall: Stall,
    /// Seconds from a start until a read was answered.
    starts: Vec<f64>,
}

impl Report {
    fn table(&self) -> String {
        let start = Spread::of(self.starts.iter().copied());
        let rows: Vec<Vec<String>> = [
            ("documents written, per second", format!("{:.0}", self.commits_per_second)),
            ("resident, MiB", format!("{:.0}", mebibytes(self.resident))),
            ("resident after a start, MiB", format!("{:.0}", mebibytes(self.resident_again))),
            ("on disk, MiB", format!("{:.0}", mebibytes(self.disk))),
            (
                "killed and started again until a read is answered, s",
                format!("{:.1} ({:.1} to {:.1})", start.median, start.min, start.max),
            ),
            ("longest time without a commit while a snapshot is built, ms", format!("{:.0}", self.stall.with)),
            ("the same at other times, ms", format!("{:.0}", self.stall.without)),
        ]
        .into_iter()
        .map(|(what, figure)| vec![what.to_owned(), figure])
        .collect();
        format!(
            "{} documents of {} bytes, {} node(s), the first one looked at; {}\n\n{}",
            self.count,
            self.bytes,
            self.nodes,
            system::machine(),
            table::render(&["", "figure"], &rows),
        )
    }

    fn document(&self) -> Value {
        json!({
            "machine": system::machine(),
            "documents": self.count,
            "bytes": self.bytes,
            "nodes": self.nodes,
            "commits_per_second": round(self.commits_per_second),
            "resident_mib": round(mebibytes(self.resident)),
            "resident_after_start_mib": round(mebibytes(self.resident_again)),
            "disk_mib": round(mebibytes(self.disk)),
            "start_s": Spread::of(self.starts.iter().copied()).to_json(),
            "stall_ms": { "snapshot": round(self.stall.with), "otherwise": round(self.stall.without) },
            "commits_around_snapshot": self.stall.commits,
        })
    }
}

fn put(number: u64, bytes: u32) -> Call {
    Call::Put { key: key(number), value: vec![b'a' + (number % 26) as u8; bytes as usize] }
}

fn key(number: u64) -> String {
    format!("bench/{number:09}")
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told() {
        let report = Report { starts: vec![2.0, 1.0, 4.0], resident: 1024 * 1024, ..Report::default() };
        assert!(report.table().contains("| 2.0 (1.0 to 4.0)"), "{}", report.table());
        assert_eq!(report.document()["resident_mib"], 1.0);
    }
}
