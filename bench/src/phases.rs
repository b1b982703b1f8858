//! `phases`: what a method costs that checks, throttles and maps what comes, or wants an API key, beside one that passes
//! everything on.
//!
//! All are methods of one API on one node, in front of one upstream that answers 1 KB, and get the same requests. They
//! take turns. As fast as answers come, the plain one's upstream never sleeps, and the other's has to be woken by most
//! requests; at one `--rate` for both that is the same for both.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::gateway::admin::{Admin, Api};
use crate::gateway::keys::Catalog;
use crate::gateway::turnpike::{self, Addresses, Launch};
use crate::load::Load;
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::upstream::Upstream;
use crate::values::{Spread, round};

/// What is posted: about a kilobyte.
const ITEMS: usize = 12;

/// Options of `phases`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How often each method has its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long each turn takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Requests per second, the same of both methods; left out: as fast as answers come
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    #[command(flatten)]
    catalog: Catalog,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// One method's figures, round by round.
#[derive(Default)]
struct Series {
    /// Microseconds of the node's CPU time per request.
    cpu: Vec<f64>,
    /// Requests per second.
    rate: Vec<f64>,
    failures: u64,
}

/// Measures and prints; an error if a request failed.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let upstream = Upstream::start(&cores.load, directory.path()).await?;
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
    let node = launch.start().await?;
    let admin = Admin::new(node.addresses.admin)?;
    options.catalog.fill(&admin).await?;
    let api =
        Api { id: admin.import(description(&format!("http://{}/", upstream.address))).await?, resource: String::new() };
    admin.deploy(&api).await?;
    admin.throttle(&api, 1_000_000).await?;

    let load = Load { connections: options.connections, seconds: options.seconds, rate: options.rate };
    let key = [format!("x-api-key: {}", admin.key(&api).await?)];
    let (mut plain, mut keyed, mut full) = (Series::default(), Series::default(), Series::default());
    let body = body();
    for _ in 0..options.rounds {
        for (path, headers, series) in
            [("plain", &[][..], &mut plain), ("keyed", &key, &mut keyed), ("full", &[], &mut full)]
        {
            let url = api.url_of(node.addresses.gateway, &format!("{path}?id=it%27s"));
            let before = system::cpu_time(node.process.pid())?;
            let found = load.post(&url, Some(&body), headers, &cores.load).await?;
            let cpu = system::cpu_time(node.process.pid())?.saturating_sub(before);
            series.cpu.push(cpu.as_secs_f64() * 1e6 / found.answers.max(1) as f64);
            series.rate.push(found.rate);
            series.failures += found.failures;
        }
    }
    match options.output {
        Format::Table => output::print(&report(&options, &plain, &keyed, &full)),
        Format::Json => output::print(&document(&plain, &keyed, &full).to_string()),
    }
    let failures = plain.failures + keyed.failures + full.failures;
    anyhow::ensure!(failures == 0, "{failures} requests failed: the figures are those of a broken run");
    Ok(())
}

/// `/plain` passes everything on, `/keyed` from those with a key; `/full` requires a parameter, checks the body, renders a template for the endpoint and
/// one for the caller, and is throttled.
fn description(endpoint: &str) -> String {
    let request = r#"{"id": "$util.escapeJavaScript($input.params('id'))", "stage": "$context.stage",
#foreach($item in $input.path('$.items'))"$item.name": $item.price#if($foreach.hasNext), #end#end,
"whole": $input.json('$.items')}"#;
    let answer = r#"#set($root = $input.path('$')){"path": "$root.path", "request": "$context.requestId", "whole": $input.json('$')}"#;
    let item = json!({
        "type": "object",
        "required": ["name", "price"],
        "properties": { "name": { "type": "string", "maxLength": 40 }, "price": { "type": "number", "minimum": 0 } },
    });
    let model = json!({
        "type": "object",
        "required": ["items"],
        "properties": { "items": { "type": "array", "maxItems": 100, "items": item } },
    });
    json!({
        "openapi": "3.0.1",
        "info": { "title": "phases", "version": "1" },
        "x-amazon-apigateway-request-validators": {
            "all": { "validateRequestBody": true, "validateRequestParameters": true },
        },
        "components": {
            "schemas": { "Items": model },
            "securitySchemes": { "key": { "type": "apiKey", "name": "x-api-key", "in": "header" } },
        },
        "paths": {
            "/plain": { "post": {
                "x-amazon-apigateway-integration": { "type": "http_proxy", "httpMethod": "POST", "uri": endpoint },
            } },
            "/keyed": { "post": {
                "security": [{ "key": [] }],
                "x-amazon-apigateway-integration": { "type": "http_proxy", "httpMethod": "POST", "uri": endpoint },
            } },
            "/full": { "post": {
                "parameters": [{ "name": "id", "in": "query", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Items" } },
                } },
                "responses": { "200": { "description": "" } },
                "x-amazon-apigateway-request-validator": "all",
                "x-amazon-apigateway-integration": {
                    "type": "http",
                    "httpMethod": "POST",
                    "uri": endpoint,
                    "requestTemplates": { "application/json": request },
                    "responses": { "default": {
                        "statusCode": "200",
                        "responseTemplates": { "application/json": answer },
                    } },
                },
            } },
        },
    })
    .to_string()
}

fn body() -> String {
    let item =
        |number: usize| json!({ "name": format!("a thing with number {number}"), "price": 9.5, "note": "it's \"so\"" });
    json!({ "items": (0..ITEMS).map(item).collect::<Vec<_>>() }).to_string()
}

fn ratios(plain: &Series, full: &Series) -> Spread {
    Spread::of(full.cpu.iter().zip(&plain.cpu).map(|(full, plain)| full / plain.max(f64::MIN_POSITIVE)))
}

/// What a key adds to a request, in microseconds: the median of the rounds.
fn added(plain: &Series, keyed: &Series) -> f64 {
    Spread::of(keyed.cpu.iter().zip(&plain.cpu).map(|(keyed, plain)| keyed - plain)).median
}

fn report(options: &Options, plain: &Series, keyed: &Series, full: &Series) -> String {
    let row = |name: &str, series: &Series| {
        let (cpu, rate) = (Spread::of(series.cpu.iter().copied()), Spread::of(series.rate.iter().copied()));
        vec![
            name.to_owned(),
            format!("{:.1}", cpu.median),
            format!("{:.1} to {:.1}", cpu.min, cpu.max),
            format!("{:.0}", rate.median),
        ]
    };
    let ratio = ratios(plain, full);
    format!(
        "{} connections, {} rounds of {} s, one worker; {}\n\n{}\nfull / plain: {:.2} ({:.2} to {:.2}); keyed - plain: {:.1} µs",
        options.connections,
        options.rounds,
        options.seconds,
        system::machine(),
        table::render(
            &["method", "CPU µs/request", "rounds from", "requests/s"],
            &[
                row("plain: HTTP_PROXY", plain),
                row("keyed: API key, plan's throttle and quota", keyed),
                row("full: validator, two templates, throttle", full),
            ],
        ),
        ratio.median,
        ratio.min,
        ratio.max,
        added(plain, keyed),
    )
}

fn document(plain: &Series, keyed: &Series, full: &Series) -> Value {
    let of = |series: &Series| {
        json!({
            "cpu_us": Spread::of(series.cpu.iter().copied()).to_json(),
            "requests_per_second": round(Spread::of(series.rate.iter().copied()).median),
            "failures": series.failures,
        })
    };
    json!({ "machine": system::machine(), "plain": of(plain), "keyed": of(keyed), "full": of(full), "ratio": ratios(plain, full).to_json() })
}
