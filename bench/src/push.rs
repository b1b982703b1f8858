//! `push`: what a message for a WebSocket connection costs, beside a plain small request.
//!
//! All requests are small posts, those to `@connections` signed. They go to one node of three, whose CPU time is counted
//! with that of the others: a message for a connection of another node costs both. They take turns.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use turnpike::identity::sigv4::{self, Credentials};

use crate::cores::Cores;
use crate::gateway::admin::{self, Admin, Api};
use crate::gateway::turnpike as gateway;
use crate::load::Load;
use crate::output::{self, Format};
use crate::sockets;
use crate::system;
use crate::table;
use crate::upstream::Upstream;
use crate::values::{Spread, round};

/// What is sent.
const MESSAGE: &str = r#"{"price": 17.5}"#;
/// The root credentials of the nodes.
const ROOT: (&str, &str) = ("AKIABENCHBENCHBENCHB", "the-secret-of-one-measurement");

/// Options of `push`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How often each kind of request has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each turn takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Keep-alive connections of those who push
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Requests per second, the same of all kinds; left out: as fast as answers come
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// One kind of request, and its figures round by round.
struct Series {
    name: &'static str,
    url: String,
    is_signed: bool,
    /// Microseconds of all nodes' CPU time per request.
    cpu: Vec<f64>,
    /// Requests per second.
    rate: Vec<f64>,
    failures: u64,
}

/// Measures and prints; an error if a request failed.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = gateway::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let upstream = Upstream::start(&cores.load, directory.path()).await?;
    let nodes = gateway::three_nodes_of(&program, directory.path(), &cores.gateway, Some(ROOT)).await?;
    let [first, second, ..] = nodes.as_slice() else { anyhow::bail!("a cluster has nodes") };
    let admin = Admin::new(first.addresses.admin)?;
    let plain = Api { id: admin.import(description(upstream.address)).await?, resource: String::new() };
    admin.deploy(&plain).await?;
    admin.throttle(&plain, 1_000_000).await?;
    let sockets = Api { id: admin.sockets().await?, resource: String::new() };

    let mut series = Vec::new();
    for (name, path) in [("HTTP_PROXY", "plain"), ("MOCK", "mock")] {
        series.push(Series::new(name, plain.url_of(first.addresses.gateway, path), false));
    }
    for (name, node) in [("push, own node", first), ("push, another node", second)] {
        let path = sockets.path_of("");
        let mut opened = sockets::open(node.addresses.gateway, path.trim_end_matches('/'), 1).await?;
        opened.drain(..).for_each(|stream| drop(tokio::spawn(sockets::swallow(stream))));
        let id = newest(&sockets, node.addresses.gateway, series.len() - 1).await?;
        series.push(Series::new(name, sockets.url_of(first.addresses.gateway, &format!("@connections/{id}")), true));
    }

    let load = Load { connections: options.connections, seconds: options.seconds, rate: options.rate };
    let cpu = || nodes.iter().map(|node| system::cpu_time(node.process.pid())).sum::<anyhow::Result<Duration>>();
    for _ in 0..options.rounds {
        for one in &mut series {
            let headers = if one.is_signed { signature(&one.url)? } else { Vec::new() };
            let before = cpu()?;
            let found = load.post(&one.url, Some(MESSAGE), &headers, &cores.load).await?;
            let spent = cpu()?.saturating_sub(before);
            one.cpu.push(spent.as_secs_f64() * 1e6 / found.answers.max(1) as f64);
            one.rate.push(found.rate);
            one.failures += found.failures;
        }
    }
    match options.output {
        Format::Table => output::print(&report(&options, &series)),
        Format::Json => output::print(&document(&series).to_string()),
    }
    let failures: u64 = series.iter().map(|one| one.failures).sum();
    anyhow::ensure!(failures == 0, "{failures} requests failed: the figures are those of a broken run");
    Ok(())
}

impl Series {
    fn new(name: &'static str, url: String, is_signed: bool) -> Self {
        Self { name, url, is_signed, cpu: Vec::new(), rate: Vec::new(), failures: 0 }
    }
}

fn description(upstream: std::net::SocketAddr) -> String {
    let post = |integration: Value| json!({ "post": { "responses": { "200": { "description": "" } }, "x-amazon-apigateway-integration": integration } });
    json!({
        "openapi": "3.0.1",
        "info": { "title": "plain", "version": "1" },
        "paths": {
            "/plain": post(json!({ "type": "http_proxy", "httpMethod": "POST", "uri": format!("http://{upstream}/") })),
            "/mock": post(json!({
                "type": "mock",
                "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
                "responses": { "default": { "statusCode": "200" } },
            })),
        },
    })
    .to_string()
}

/// The id of the connection of this node, of so many that there must be; percent-encoded.
async fn newest(api: &Api, node: std::net::SocketAddr, there_are: usize) -> anyhow::Result<String> {
    let url = api.url_of(node, "@connections");
    let mut request = admin::client()?.request(Method::GET, &url);
    for header in signed("GET", &url, b"")? {
        let (name, value) = header.split_once(": ").context("a header field")?;
        request = request.header(name, value);
    }
    let listed: Value = serde_json::from_str(&request.send().await?.text().await?)?;
    let connections = listed["connections"].as_array().context("no list of connections")?;
    anyhow::ensure!(connections.len() == there_are, "there are {} connections, not {there_are}", connections.len());
    let newest = connections.iter().max_by_key(|one| one["connectedAt"].as_str());
    let id = newest.and_then(|one| one["connectionId"].as_str()).context("a connection without an id")?;
    Ok(id.replace('=', "%3D"))
}

fn signature(url: &str) -> anyhow::Result<Vec<String>> {
    signed("POST", url, MESSAGE.as_bytes())
}

/// The header fields that sign a request: good for five minutes.
#[expect(clippy::disallowed_methods, reason = "a measurement takes place now")]
fn signed(verb: &str, url: &str, body: &[u8]) -> anyhow::Result<Vec<String>> {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').context("a URL without a path")?;
    let path = format!("/{path}");
    // Callers of this machine need no signature here; one that comes through a proxy does.
    let headers = [("host", authority), ("x-forwarded-for", "192.0.2.1")];
    let request = sigv4::Request { method: verb, path: &path, query: "", headers: &headers, body };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().cast_signed();
    let root = Credentials { access_key_id: ROOT.0.to_owned(), secret_access_key: ROOT.1.to_owned() };
    let fields = sigv4::sign(&request, &sigv4::hex_sha256(body), &root, "us-east-1", "execute-api", now);
    let forwarded = [("x-forwarded-for", "192.0.2.1".to_owned())];
    Ok(forwarded.into_iter().chain(fields).map(|(name, value)| format!("{name}: {value}")).collect())
}

/// How much one kind costs beside another, round by round.
fn ratio(one: &Series, other: &Series) -> Spread {
    Spread::of(one.cpu.iter().zip(&other.cpu).map(|(one, other)| one / other.max(f64::MIN_POSITIVE)))
}

fn report(options: &Options, series: &[Series]) -> String {
    let row = |one: &Series| {
        let (cpu, rate) = (Spread::of(one.cpu.iter().copied()), Spread::of(one.rate.iter().copied()));
        let ratio = series.first().map(|plain| ratio(one, plain));
        vec![
            one.name.to_owned(),
            format!("{:.1}", cpu.median),
            format!("{:.1} to {:.1}", cpu.min, cpu.max),
            ratio.map_or_else(String::new, |ratio| {
                format!("{:.2} ({:.2} to {:.2})", ratio.median, ratio.min, ratio.max)
            }),
            format!("{:.0}", rate.median),
        ]
    };
    let rows: Vec<_> = series.iter().map(row).collect();
    format!(
        "{} connections, {} rounds of {} s, three nodes on one core, one worker each; {}\n\n{}",
        options.connections,
        options.rounds,
        options.seconds,
        system::machine(),
        table::render(&["request", "CPU µs/request", "rounds from", "beside HTTP_PROXY", "requests/s"], &rows),
    )
}

fn document(series: &[Series]) -> Value {
    let one = |one: &Series| {
        let ratio = series.first().map(|plain| round(ratio(one, plain).median));
        json!({
            "request": one.name,
            "cpu_us": round(Spread::of(one.cpu.iter().copied()).median),
            "beside_http_proxy": ratio,
            "requests_per_second": round(Spread::of(one.rate.iter().copied()).median),
            "failures": one.failures,
        })
    };
    json!({ "requests": series.iter().map(one).collect::<Vec<_>>() })
}
