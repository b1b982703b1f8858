//! `broadcast`: how long a broadcast takes until the last of many connections on three nodes has it.
//!
//! The clock runs from the moment at which the request is sent until the last client has read the whole message.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::gateway::admin::{self, Admin, Api};
use crate::gateway::turnpike;
use crate::output::{self, Format};
use crate::sockets::{self, Heard};
use crate::system;
use crate::table;
use crate::values::{Spread, round};

/// What is sent; with its head it takes two bytes more.
const MESSAGE: &str = r#"{"say": "hello to everybody"}"#;
const HEAD: usize = 2;
/// Everybody must have it within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of `broadcast`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// Connections, spread over the three nodes
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    connections: u32,
    /// How many broadcasts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Measures and prints; an error if somebody did not get something.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let everywhere = format!("{},{}", cores.gateway, cores.load);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let nodes = turnpike::three_nodes(&program, directory.path(), &everywhere).await?;
    let [first, ..] = nodes.as_slice() else { anyhow::bail!("a cluster has nodes") };
    let api = Api { id: Admin::new(first.addresses.admin)?.sockets().await?, resource: String::new() };
    let heard = Arc::new(Heard::new());
    let count = options.connections as usize;
    for (number, node) in nodes.iter().enumerate() {
        let path = api.path_of("");
        let share = count / nodes.len() + usize::from(number < count % nodes.len());
        for stream in sockets::open(node.addresses.gateway, path.trim_end_matches('/'), share).await? {
            tokio::spawn(sockets::listen(stream, HEAD + MESSAGE.len(), Arc::clone(&heard)));
        }
    }

    let client = admin::client()?;
    let url = api.url_of(first.addresses.gateway, "@all");
    let (mut last, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let begin = Instant::now();
        let sending = async {
            let told: Value = serde_json::from_str(&client.post(&url).body(MESSAGE).send().await?.text().await?)?;
            Ok::<_, anyhow::Error>((told, begin.elapsed()))
        };
        let (sent, heard) = tokio::join!(sending, tokio::time::timeout(PATIENCE, heard.wait(count)));
        let (told, took) = sent?;
        let heard = heard.with_context(|| format!("not everybody had it within {PATIENCE:?}: {told}"))?;
        let delivered: u64 = told["nodes"]
            .as_object()
            .into_iter()
            .flat_map(|nodes| nodes.values())
            .filter_map(|node| node["delivered"].as_u64())
            .sum();
        anyhow::ensure!(delivered == count as u64, "not all were sent to: {told}");
        last.push((heard - begin).as_secs_f64() * 1000.0);
        answered.push(took.as_secs_f64() * 1000.0);
    }
    let (last, answered) = (Spread::of(last), Spread::of(answered));
    match options.output {
        Format::Table => output::print(&report(&options, &last, &answered)),
        Format::Json => output::print(
            &json!({
                "connections": count,
                "last_ms": { "median": round(last.median), "min": round(last.min), "max": round(last.max) },
                "answered_ms": { "median": round(answered.median), "min": round(answered.min), "max": round(answered.max) },
            })
            .to_string(),
        ),
    }
    Ok(())
}

fn report(options: &Options, last: &Spread, answered: &Spread) -> String {
    let row = |name: &str, spread: &Spread| {
        vec![name.to_owned(), format!("{:.0}", spread.median), format!("{:.0} to {:.0}", spread.min, spread.max)]
    };
    format!(
        "{} connections on three nodes, {} broadcasts, clients on the same cores; {}\n\n{}",
        options.connections,
        options.rounds,
        system::machine(),
        table::render(
            &["until", "median ms", "from"],
            &[row("the last client has it", last), row("the call is answered", answered)],
        ),
    )
}
