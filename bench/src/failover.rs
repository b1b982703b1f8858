//! `failover`: the leader of three nodes is killed, or stopped, or paused, again and again; how long until another node's
//! write succeeds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cores::Cores;
use crate::gateway::admin::Admin;
use crate::gateway::turnpike::{self, Launch};
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::values::{Spread, quantile, round};

/// A cluster that has no leader, or takes no write, for so long is an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `failover`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How many leaders to kill
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Stop the leaders as an operator would, instead of killing them
    #[arg(long)]
    cleanly: bool,
    /// Have the leaders stand still for a while, instead of killing them
    #[arg(long, conflicts_with = "cleanly")]
    paused: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// How a leader goes.
enum Way {
    Killed,
    Stopped,
    Paused,
}

impl Options {
    fn way(&self) -> Way {
        match (self.cleanly, self.paused) {
            (true, _) => Way::Stopped,
            (false, true) => Way::Paused,
            (false, false) => Way::Killed,
        }
    }
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let everywhere = format!("{},{}", cores.gateway, cores.load);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut nodes = turnpike::three_nodes(&program, directory.path(), &everywhere).await?;
    let mut milliseconds = Vec::new();
    for _ in 0..options.count {
        let leader = leader(&Admin::new(nodes[0].addresses.admin)?).await?;
        let place = usize::try_from(leader - 1)?;
        let node = nodes.remove(place);
        let other = Admin::new(nodes[0].addresses.admin)?;
        let launch = Launch {
            program: &program,
            data: directory.path().join(format!("node-{leader}")),
            listen: node.addresses,
            join: None,
            secret: turnpike::SECRET,
            cores: &everywhere,
            workers: 1,
            root: None,
        };
        let begin = Instant::now();
        let node = match options.way() {
            Way::Killed => {
                node.process.kill().await?;
                milliseconds.push(next_write(&other, begin).await?);
                launch.start().await.context("the killed node does not start again")?
            }
            Way::Stopped => {
                milliseconds.push(longest_write(&other, tokio::spawn(node.process.stop(PATIENCE))).await?);
                launch.start().await.context("the stopped node does not start again")?
            }
            Way::Paused => {
                node.process.pause().await?;
                milliseconds.push(next_write(&other, begin).await?);
                node.process.go_on().await?;
                node
            }
        };
        nodes.insert(place, node);
    }
    match options.output {
        Format::Table => output::print(&report(&milliseconds)),
        Format::Json => output::print(&document(&milliseconds).to_string()),
    }
    Ok(())
}

/// Milliseconds since `begin` until a write succeeds.
async fn next_write(admin: &Admin, begin: Instant) -> anyhow::Result<f64> {
    while let Err(error) = admin.write().await {
        anyhow::ensure!(begin.elapsed() < PATIENCE, "no write succeeds: {error:#}");
    }
    Ok(begin.elapsed().as_secs_f64() * 1000.0)
}

/// Milliseconds that the longest write takes while a node stops. Writes go on meanwhile: it is what stopping costs.
async fn longest_write(admin: &Admin, stopping: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<f64> {
    let mut longest = 0_f64;
    while !stopping.is_finished() {
        longest = longest.max(next_write(admin, Instant::now()).await?);
    }
    stopping.await??;
    Ok(longest.max(next_write(admin, Instant::now()).await?))
}

async fn leader(admin: &Admin) -> anyhow::Result<u64> {
    let begin = Instant::now();
    loop {
        if let Some(leader) = admin.leader_of(3).await? {
            return Ok(leader);
        }
        anyhow::ensure!(begin.elapsed() < PATIENCE, "nobody leads three voters");
        sleep(Duration::from_millis(20)).await;
    }
}

fn report(milliseconds: &[f64]) -> String {
    let row = vec![
        milliseconds.len().to_string(),
        format!("{:.0}", quantile(milliseconds, 0.5)),
        format!("{:.0}", quantile(milliseconds, 0.99)),
        format!("{:.0}", Spread::of(milliseconds.iter().copied()).max),
    ];
    let head = ["leaders gone", "p50 ms to the next write", "p99 ms", "max ms"];
    format!("three nodes; {}\n\n{}", system::machine(), table::render(&head, &[row]))
}

fn document(milliseconds: &[f64]) -> Value {
    json!({
        "machine": system::machine(),
        "killed": milliseconds.len(),
        "next_write_ms": {
            "p50": round(quantile(milliseconds, 0.5)),
            "p99": round(quantile(milliseconds, 0.99)),
            "max": round(Spread::of(milliseconds.iter().copied()).max),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told() {
        assert!(report(&[900.0, 1100.0, 1000.0]).contains("| 3            | 1000 "));
        assert_eq!(document(&[1.0])["next_write_ms"]["max"], 1.0);
    }
}
