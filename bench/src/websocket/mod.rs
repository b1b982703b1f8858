//! `websocket`: what WebSocket connections cost, idle and echoing, beside a bare actix-web-actors server and Node's `ws`.

mod load;
mod report;
mod server;
mod witness;
mod yardstick;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::cores::Cores;
use crate::output::{self, Format};
use crate::system;
use crate::values::Spread;
use load::Load;
use server::{Server, Servers};

pub(crate) use load::{Options as LoadOptions, run as load};
pub(crate) use witness::{Options as WitnessOptions, run as witness};
pub(crate) use yardstick::{Options as YardstickOptions, run as yardstick};

/// Connections that echo while the others idle.
const ECHOING: u32 = 64;
/// Connections that are opened, and used, before anything is measured.
const WARM: u32 = 500;
/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// Options of `websocket`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// A folder in whose `node_modules` there is `ws`, to measure Node's as well
    #[arg(long, value_name = "PATH")]
    ws: Option<PathBuf>,
    /// Idle connections. Each server and the load need as many open files, which the machine must allow.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// How often the echoes are measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long a round is
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// What was found of one server.
struct Found {
    name: &'static str,
    /// Bytes of resident memory for each idle connection.
    bytes: f64,
    /// New connections per second.
    connects: f64,
    /// Microseconds of CPU time for each echoed message, with the others idle.
    echo: Vec<f64>,
    /// Messages that were answered.
    echoes: u64,
}

/// Measures and prints; an error if a message was lost.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let cores = Cores::choose(None, None)?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let servers = Servers {
        turnpike: options.turnpike.as_deref(),
        ws: options.ws.as_deref(),
        cores: &cores.gateway,
        directory: directory.path(),
    };
    let mut started = servers.start().await?;
    let mut found = Vec::new();
    let mut idle = Vec::new();
    for server in &mut started {
        output::remark(&format!("opening {} connections to {}", options.connections, server.name));
        let (one, held) = open(server, &options, &cores).await?;
        found.push(one);
        idle.push(held);
    }
    for round in 1..=options.rounds {
        output::remark(&format!("echoes, round {round} of {}", options.rounds));
        echo(&started, &mut found, &options, &cores).await?;
    }
    drop(idle);
    match options.output {
        Format::Table => output::print(&report::table(&options, &found)),
        Format::Json => output::print(&report::document(&options, &found).to_string()),
    }
    Ok(())
}

/// Opens the idle connections: what they take of memory, and how fast they came.
async fn open(server: &Server, options: &Options, cores: &Cores) -> anyhow::Result<(Found, load::Held)> {
    let warm = Load { target: &server.target, connections: WARM, seconds: Some(1) };
    warm.echo(&cores.load).await?;
    tokio::time::sleep(REST).await;
    let before = system::resident(server.process.pid())?;
    let load = Load { target: &server.target, connections: options.connections, seconds: None };
    let held = load.hold(&cores.load).await?;
    tokio::time::sleep(REST).await;
    let after = system::resident(server.process.pid())?;
    let found = Found {
        name: server.name,
        bytes: after.saturating_sub(before) as f64 / f64::from(options.connections),
        connects: held.per_second,
        echo: Vec::new(),
        echoes: 0,
    };
    Ok((found, held))
}

/// One round: all servers at once, on one core, so that whatever else the machine does hits all of them.
async fn echo(servers: &[Server], found: &mut [Found], options: &Options, cores: &Cores) -> anyhow::Result<()> {
    let cpu = |server: &Server| system::cpu_time(server.process.pid());
    let before: Vec<Duration> = servers.iter().map(cpu).collect::<Result<_, _>>()?;
    let mut loads = Vec::new();
    for server in servers {
        let load = Load { target: &server.target, connections: ECHOING, seconds: Some(options.seconds) };
        loads.push(load.start(&cores.load)?);
    }
    for ((server, found), (load, before)) in servers.iter().zip(found).zip(loads.into_iter().zip(before)) {
        let echoes = load.finish().await?;
        let took = cpu(server)?.saturating_sub(before);
        found.echo.push(took.as_secs_f64() * 1e6 / echoes.max(1) as f64);
        found.echoes += echoes;
    }
    Ok(())
}

impl Found {
    fn echo(&self) -> Spread {
        Spread::of(self.echo.iter().copied())
    }

    /// The same as ratios to another server's, round by round.
    fn beside(&self, other: &Found) -> Spread {
        Spread::of(self.echo.iter().zip(&other.echo).map(|(one, other)| one / other))
    }
}
