//! `proxy`: Turnpike and nginx as reverse proxies in front of the same upstream, in three modes.

mod contest;
mod report;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::cores::Cores;
use crate::gateway::Gateway;
use crate::gateway::nginx::{self, Task};
use crate::gateway::turnpike;
use crate::load::Load;
use crate::output::{self, Format};
use crate::upstream::Upstream;
use contest::{Bench, Contest};

/// Options of `proxy`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// The nginx program; Turnpike is measured alone if there is none
    #[arg(long, value_name = "PATH", default_value = "/usr/sbin/nginx")]
    nginx: PathBuf,
    /// What to measure, as a list with commas
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["duel", "paced-duel", "alternating"])]
    modes: Vec<Mode>,
    /// How often each mode is repeated
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each round takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Keep-alive connections to each gateway
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Requests per second to each gateway in a paced duel
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Also measure nginx against itself, which shows how far the figures can be trusted
    #[arg(long)]
    calibrate: bool,
    /// Also measure nginx answering by itself, without an upstream
    #[arg(long = "static")]
    static_answer: bool,
    /// The core of the gateways [default: the first that may be used]
    #[arg(long, value_name = "CORE")]
    gateway_core: Option<u32>,
    /// The cores of load generators and upstream, as taskset spells them [default: all others]
    #[arg(long, value_name = "LIST")]
    load_cores: Option<String>,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// A way to compare two gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Both at once on one core, as many requests as they answer: the ratio of CPU time per request
    Duel,
    /// Both at once on one core, at a fixed rate: the ratio, and latency counted from when a request was due
    PacedDuel,
    /// One at a time, in turns: throughput, latency and CPU time of each
    Alternating,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let cores = Cores::choose(options.gateway_core, options.load_cores.clone())?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let upstream = Upstream::start(&cores.load, directory.path()).await?;
    let nginx = options.nginx.is_file();
    if !nginx {
        output::remark(&format!("there is no {}: nothing to compare with", options.nginx.display()));
    }
    let start_nginx = |name, task| nginx::start(&options.nginx, name, task, &cores.gateway, options.connections);
    let reference = match nginx {
        true => Some(start_nginx("nginx", Task::Proxy(upstream.address)).await?),
        false => None,
    };

    let load = Load { connections: options.connections, seconds: options.seconds, rate: None };
    let bench = Bench { load, cores: &cores.load, rounds: options.rounds, rate: options.rate };
    let mut contests: Vec<Contest> = Vec::new();
    // One rival at a time is alive beside the reference, so that nobody else's idle work is in the way.
    match turnpike::program(options.turnpike.as_deref()) {
        Ok(program) => {
            let rival = turnpike::proxy(&program, upstream.address, &cores.gateway).await?;
            contests.push(bench.compare(&options.modes, &rival, reference.as_ref()).await?);
        }
        // Without Turnpike the method itself can still be looked at, unless Turnpike was asked for by name.
        Err(error) if options.turnpike.is_none() && nginx && (options.calibrate || options.static_answer) => {
            output::remark(&format!("turnpike is left out: {error:#}"));
        }
        Err(error) => return Err(error),
    }
    if nginx && options.calibrate {
        let rival = start_nginx("nginx again", Task::Proxy(upstream.address)).await?;
        contests.push(bench.compare(&options.modes, &rival, reference.as_ref()).await?);
    }
    if nginx && options.static_answer {
        let rival: Gateway = start_nginx("nginx static", Task::Static).await?;
        contests.push(bench.compare(&options.modes, &rival, reference.as_ref()).await?);
    }
    match options.output {
        Format::Table => output::print(&report::table(&bench, &contests)),
        Format::Json => output::print(&report::json(&bench, &contests).to_string()),
    }
    let failures: u64 = contests.iter().map(Contest::failures).sum();
    anyhow::ensure!(failures == 0, "{failures} requests failed: the figures are those of a broken run");
    Ok(())
}
