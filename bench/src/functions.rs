//! `functions`: what a call of a built-in function costs, beside asking its process directly.
//!
//! The function is in Python and answers with what it is given. Directly, the same handler reads events from a pipe, a line
//! each, and writes answers to another; that is the least that a process can be asked with.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::cores::{self, Cores};
use crate::gateway::admin::Admin;
use crate::gateway::turnpike::{self, Addresses, Launch, Node};
use crate::load::Load;
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::values::{Spread, quantile, round};

/// An archive with one file, `app.py`, whose handler returns its event.
const PACKAGE: &str = "UEsDBBQAAAAIAAAAIQC0CHBpKwAAAC4AAAAGAAAAYXBwLnB5S0lNU8hIzEvJSS3SSC1LzSvRUUjOzytJrSjRtOJSAIKi1JLSojwF\
                       sBwXAFBLAQIUAxQAAAAIAAAAIQC0CHBpKwAAAC4AAAAGAAAAAAAAAAAAAACkgQAAAABhcHAucHlQSwUGAAAAAAEAAQA0AAAATwAA\
                       AAAA";
/// The same handler, behind a pipe.
const DIRECT: &str = "import json, sys
for line in sys.stdin:
    print(json.dumps(json.loads(line)), flush=True)
";
/// The event.
const EVENT: &str = r#"{"resource":"/pets","path":"/pets","httpMethod":"GET","body":null}"#;
/// So many calls are made before any is measured.
const WARM: usize = 50;

/// Options of `functions`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How often each has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each turn takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Calls at once, when it is measured how many are carried out
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    connections: u32,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// What was measured, round by round; latencies in milliseconds.
#[derive(Default)]
struct Series {
    direct: Vec<f64>,
    invoked: Vec<f64>,
    /// Calls per second, node and processes on one core.
    rate: Vec<f64>,
    /// Microseconds of CPU time per call, of the node and its processes.
    cpu: Vec<f64>,
    failures: u64,
}

/// Measures and prints; an error if a call failed.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let launch = Launch {
        program: &program,
        data: directory.path().join("node"),
        listen: Addresses::free(),
        join: None,
        secret: turnpike::SECRET,
        cores: &cores.gateway,
        workers: 1,
        root: None,
    };
    let node = launch.start_with(&["--functions", "on"]).await?;
    let admin = Admin::new(node.addresses.admin)?;
    let role = "arn:aws:iam::000000000000:role/bench";
    let function = json!({
        "FunctionName": "echo", "Runtime": "python3.12", "Handler": "app.handler", "Role": role,
        "Code": { "ZipFile": PACKAGE },
    });
    admin.call(Method::POST, "/2015-03-31/functions", function).await.context("cannot make a function")?;

    let mut series = Series::default();
    for _ in 0..options.rounds {
        let turn = Duration::from_secs(options.seconds);
        series.direct.push(direct(&cores, turn).await?);
        series.invoked.push(invoke(&node, &options, 1, &cores, &mut series.failures).await?.p50);
        let before = system::cpu_time(node.process.pid())?;
        let found = invoke(&node, &options, options.connections, &cores, &mut series.failures).await?;
        let cpu = system::cpu_time(node.process.pid())?.saturating_sub(before);
        series.cpu.push(cpu.as_secs_f64() * 1e6 / found.answers.max(1) as f64);
        series.rate.push(found.rate);
    }
    match options.output {
        Format::Table => output::print(&report(&options, &series)),
        Format::Json => output::print(&document(&series).to_string()),
    }
    anyhow::ensure!(series.failures == 0, "{} calls failed: the figures are those of a broken run", series.failures);
    Ok(())
}

/// Calls the function through the node's Invoke operation.
async fn invoke(
    node: &Node,
    options: &Options,
    connections: u32,
    cores: &Cores,
    failures: &mut u64,
) -> anyhow::Result<crate::load::Found> {
    let url = format!("http://{}/2015-03-31/functions/echo/invocations", node.addresses.admin);
    // Processes start in a turn that nobody measures.
    let warm = Load { connections, seconds: 1, rate: None };
    warm.post(&url, Some(EVENT), &[], &cores.load).await?;
    let load = Load { connections, seconds: options.seconds, rate: None };
    let found = load.post(&url, Some(EVENT), &[], &cores.load).await?;
    *failures += found.failures;
    Ok(found)
}

/// The median time, in milliseconds, that the handler takes behind a pipe.
async fn direct(cores: &Cores, turn: Duration) -> anyhow::Result<f64> {
    let mut command = cores::pinned("python3".as_ref(), &cores.gateway);
    command.args(["-c", DIRECT]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("cannot start python3")?;
    let mut events = child.stdin.take().context("python3 has no input")?;
    let mut answers = BufReader::new(child.stdout.take().context("python3 has no output")?).lines();
    let (mut times, mut count) = (Vec::new(), 0);
    let end = Instant::now() + turn;
    while Instant::now() < end || count <= WARM {
        let began = Instant::now();
        events.write_all(EVENT.as_bytes()).await?;
        events.write_all(b"\n").await?;
        answers.next_line().await?.context("python3 has ended")?;
        count += 1;
        if count > WARM {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(quantile(&times, 0.5))
}

fn added(series: &Series) -> Spread {
    Spread::of(series.invoked.iter().zip(&series.direct).map(|(invoked, direct)| invoked - direct))
}

fn report(options: &Options, series: &Series) -> String {
    let row = |name: &str, spread: Spread, digits: usize| {
        vec![
            name.to_owned(),
            format!("{:.digits$}", spread.median),
            format!("{:.digits$} to {:.digits$}", spread.min, spread.max),
        ]
    };
    let of = |values: &[f64]| Spread::of(values.iter().copied());
    let at_once = format!("calls per second, {} at once, node and processes on one core", options.connections);
    format!(
        "{} rounds of {} s; {}\n\n{}",
        options.rounds,
        options.seconds,
        system::machine(),
        table::render(
            &["a warm function in Python that answers with its event", "median", "rounds from"],
            &[
                row("its process, asked directly: p50 ms", of(&series.direct), 3),
                row("Invoke, one caller: p50 ms", of(&series.invoked), 3),
                row("added: p50 ms", added(series), 3),
                row(&at_once, of(&series.rate), 0),
                row("CPU µs per call, node and processes", of(&series.cpu), 0),
            ],
        ),
    )
}

fn document(series: &Series) -> Value {
    let of = |values: &[f64]| Spread::of(values.iter().copied());
    json!({
        "machine": system::machine(),
        "direct_p50_ms": of(&series.direct).to_json(),
        "invoke_p50_ms": of(&series.invoked).to_json(),
        "added_p50_ms": added(series).to_json(),
        "calls_per_second": round(of(&series.rate).median),
        "cpu_us": of(&series.cpu).to_json(),
        "failures": series.failures,
    })
}
