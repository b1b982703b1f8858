//! `commits`: commits and linearizable reads per second of three nodes of the cluster crate, in turn with etcd's.
//!
//! The same clients speak the same protocol, etcd's, to both, so that what a client costs is the same on either side.

mod disk;
mod report;
mod trio;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::kv::client::Connection;
use crate::kv::{Call, load};
use crate::output::{self, Format};
use report::{Report, Run};
use trio::Trio;

/// Keys that are written and read.
const KEYS: u64 = 10_000;
/// Calls at a time while every key is written for the first time.
const FILLERS: usize = 256;

/// Options of `commits`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The etcd to measure beside; where there is none, ours is measured alone
    #[arg(long, default_value = "etcd", value_name = "PATH")]
    etcd: PathBuf,
    /// How many clients, spread over the nodes
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// How many connections the clients share [default: one for each client]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: Option<u32>,
    /// How long a value is, in bytes
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    bytes: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Where the nodes keep their data; it decides which disk is measured [default: the temporary directory]
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
    let trios = trios(&options.etcd, directory.path()).await?;
    let connections = options.connections.unwrap_or(options.clients).min(options.clients);
    let mut clients = Vec::new();
    for trio in &trios {
        clients.push(trio.clients(options.clients, connections).await?);
        fill(clients.last().context("just added")?, options.bytes).await?;
    }
    let within = Duration::from_secs(options.seconds);
    let mut report = Report::new(options.clients, connections, options.bytes, within);
    for round in 1..=options.rounds {
        let mut order: Vec<(&Trio, &Vec<Connection>)> = trios.iter().zip(&clients).collect();
        if round % 2 == 0 {
            // Who comes first may find the disk busier, or less busy.
            order.reverse();
        }
        for (trio, clients) in &order {
            report.commits.push(measure(trio, clients, within, put(options.bytes)).await?);
        }
        for (trio, clients) in &order {
            report.reads.push(measure(trio, clients, within, read).await?);
        }
        let path = directory.path().to_owned();
        let syncs = tokio::task::spawn_blocking(move || disk::syncs(&path, Duration::from_secs(1)));
        report.syncs.merge(&syncs.await.context("the disk was not measured")??);
        output::remark(&format!("round {round} of {}", options.rounds));
    }
    match options.output {
        Format::Table => output::print(&report.table()),
        Format::Json => output::print(&report.document().to_string()),
    }
    Ok(())
}

async fn trios(etcd: &Path, directory: &Path) -> anyhow::Result<Vec<Trio>> {
    let mut trios = vec![Trio::turnpike(directory).await?];
    match Trio::etcd(etcd, directory).await {
        Ok(etcd) => trios.push(etcd),
        Err(error) => output::remark(&format!("without etcd: {error:#}")),
    }
    Ok(trios)
}

/// Writes every key once, so that reads find them.
async fn fill(clients: &[Connection], bytes: u32) -> anyhow::Result<()> {
    let put = put(bytes);
    // More at a time than the measurement has: this part is not measured.
    let clients: Vec<Connection> = clients.iter().cycle().take(FILLERS).cloned().collect();
    load::run(&clients, move |number| (number < KEYS).then(|| put(number))).await?;
    Ok(())
}

async fn measure(
    trio: &Trio,
    clients: &[Connection],
    within: Duration,
    call: impl Fn(u64) -> Call + 'static,
) -> anyhow::Result<Run> {
    let cpu = trio.cpu_time()?;
    let end = Instant::now() + within;
    let tally = load::run(clients, move |number| (Instant::now() < end).then(|| call(number))).await;
    let tally = tally.with_context(|| format!("{} did not do what it was asked", trio.name))?;
    let cpu = trio.cpu_time()?.saturating_sub(cpu);
    Ok(Run::new(&trio.name, &tally, cpu))
}

fn put(bytes: u32) -> impl Fn(u64) -> Call + 'static {
    move |number| Call::Put { key: key(number), value: vec![b'a' + (number % 26) as u8; bytes as usize] }
}

fn read(number: u64) -> Call {
    Call::Read { key: key(number) }
}

fn key(number: u64) -> String {
    format!("bench/{:05}", number % KEYS)
}
