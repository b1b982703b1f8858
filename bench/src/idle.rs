//! `idle`: the memory of a node that has nothing to do, and how fast one starts on many APIs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cores::Cores;
use crate::gateway::admin::{self, Admin, Api, Integration};
use crate::gateway::keys::Catalog;
use crate::gateway::turnpike::{self, Addresses, Launch, Node};
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::upstream::Upstream;
use crate::values::{Spread, round};

/// How long a node may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of `idle`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How many APIs to create and deploy, to start on them again; 0 for none
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    apis: u32,
    /// How many methods each API has
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    methods: u32,
    /// What the APIs do with a call
    #[arg(long, value_enum, default_value = "http-proxy")]
    integration: Kind,
    #[command(flatten)]
    catalog: Catalog,
    /// How often to start on existing data
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
    /// How long a node is left alone before its memory is read
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3600))]
    seconds: u64,
    /// How many threads serve callers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    workers: u32,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// What the APIs do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// They pass it to a backend.
    HttpProxy,
    /// They answer by themselves.
    Mock,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let everywhere = format!("{},{}", cores.gateway, cores.load);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut launch = Launch {
        program: &program,
        data: directory.path().join("node"),
        listen: Addresses::free(),
        join: None,
        secret: turnpike::SECRET,
        cores: &everywhere,
        workers: options.workers,
        root: None,
    };
    let node = launch.start().await?;
    let mut states = vec![state("fresh", &node, &options).await?];
    if options.apis > 0 || options.catalog.keys > 0 {
        let upstream = Upstream::start(&everywhere, directory.path()).await?;
        let integration = match options.integration {
            Kind::HttpProxy => Integration::HttpProxy(format!("http://{}/", upstream.address)),
            Kind::Mock => Integration::Mock,
        };
        options.catalog.fill(&Admin::new(node.addresses.admin)?).await?;
        let apis = create(&node, &options, &integration).await?;
        states.push(state("just filled", &node, &options).await?);
        // The same command again, ports included, as an operator would.
        launch.listen = node.addresses;
        node.process.stop(PATIENCE).await?;
        let mut starts = Vec::new();
        for number in 1..=options.starts {
            let node = launch.start().await?;
            // Ready means that every API is served, so the first and the last are asked for at once.
            for api in [apis.first(), apis.last()].into_iter().flatten() {
                call(&node, api).await?;
            }
            starts.push(node.started_in.as_secs_f64() * 1000.0);
            if number == options.starts {
                let mut state = state("started on existing data", &node, &options).await?;
                state.start = Spread::of(starts.iter().copied());
                states.push(state);
            }
            node.process.stop(PATIENCE).await?;
        }
    }
    match options.output {
        Format::Table => output::print(&report(&options, &states)),
        Format::Json => output::print(&document(&options, &states).to_string()),
    }
    Ok(())
}

struct State {
    name: &'static str,
    /// Milliseconds from the start of the process until it was ready.
    start: Spread,
    /// Bytes.
    resident: u64,
}

async fn state(name: &'static str, node: &Node, options: &Options) -> anyhow::Result<State> {
    sleep(Duration::from_secs(options.seconds)).await;
    let start = Spread::of([node.started_in.as_secs_f64() * 1000.0]);
    Ok(State { name, start, resident: system::resident(node.process.pid())? })
}

async fn create(node: &Node, options: &Options, integration: &Integration) -> anyhow::Result<Vec<Api>> {
    let admin = Admin::new(node.addresses.admin)?;
    let mut apis = Vec::new();
    let count = options.apis;
    for number in 1..=count {
        let name = format!("bench-{number}");
        let api = match options.methods {
            1 => admin.create(&name, integration).await?,
            methods => admin.create_large(&name, integration, methods).await?,
        };
        admin.deploy(&api).await?;
        apis.push(api);
        if number % 100 == 0 {
            output::remark(&format!("{number} of {count} APIs are deployed"));
        }
    }
    Ok(apis)
}

async fn call(node: &Node, api: &Api) -> anyhow::Result<()> {
    let url = api.url(node.addresses.gateway);
    let answer = admin::client()?.get(&url).send().await.with_context(|| format!("GET {url}"))?;
    anyhow::ensure!(answer.status() == 200, "{url} was answered with {} right after the start", answer.status());
    Ok(())
}

fn report(options: &Options, states: &[State]) -> String {
    let rows: Vec<Vec<String>> = states
        .iter()
        .map(|state| {
            vec![
                state.name.to_owned(),
                format!("{:.1}", mebibytes(state.resident)),
                format!("{:.0}", state.start.median),
                format!("{:.0} to {:.0}", state.start.min, state.start.max),
            ]
        })
        .collect();
    format!(
        "{} APIs of {} methods, {} API keys in {} usage plans, {} workers, memory after {} s of idleness; {}\n\n{}",
        options.apis,
        options.methods,
        options.catalog.keys,
        options.catalog.plans,
        options.workers,
        options.seconds,
        system::machine(),
        table::render(&["node", "resident MiB", "start to ready ms", "starts from"], &rows),
    )
}

fn document(options: &Options, states: &[State]) -> Value {
    let states = states.iter().map(|state| {
        json!({
            "node": state.name,
            "resident_mib": round(mebibytes(state.resident)),
            "start_to_ready_ms": state.start.to_json(),
        })
    });
    json!({
        "machine": system::machine(),
        "apis": options.apis,
        "methods": options.methods,
        "keys": options.catalog.keys,
        "workers": options.workers,
        "states": states.collect::<Vec<_>>(),
    })
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
