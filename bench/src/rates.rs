//! `rates`: how exactly several nodes keep a usage plan's rate and burst together, and what the leases of a quota cost in commits.
//!
//! What was let through is read from the nodes' metrics. The rate is looked at over seconds in which the load moves from one
//! node to all others; the burst where all nodes are asked at once after a rest.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cores::Cores;
use crate::gateway::admin::{self, Admin, Api};
use crate::gateway::turnpike::{self, Node};
use crate::load::Load;
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::values::round;

/// The plan whose rate is looked at: requests per second, and at once.
const PACE: (f64, u64) = (500.0, 100);
/// The plan whose burst is looked at: so slow that the time in which it is asked for counts little.
const BURST: (f64, u64) = (10.0, 1000);
/// Before the rate is looked at the burst is used up, for so long.
const WARM: Duration = Duration::from_secs(2);

/// Options of `rates`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How many nodes, in turn
    #[arg(long, value_delimiter = ',', default_value = "3,5", value_parser = clap::value_parser!(u32).range(2..=9))]
    nodes: Vec<u32>,
    /// How often all is measured with each number of nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Over how many seconds the rate is looked at
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=3600))]
    seconds: u64,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// What was found in one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    nodes: u32,
    /// By how much the rate was more than the plan's, in percent.
    rate: f64,
    /// By how much the burst was more than the plan's, in percent.
    burst: f64,
    /// Requests with a quota that were answered, per second.
    requests: f64,
    /// Commits per second meanwhile.
    commits: f64,
    /// Commits per second before, when nobody asked.
    idle: f64,
}

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let mut rounds = Vec::new();
    for &count in &options.nodes {
        let cores = Cores::choose(None, None)?;
        let everywhere = format!("{},{}", cores.gateway, cores.load);
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let nodes = turnpike::several(count, &program, directory.path(), &everywhere, None).await?;
        let bench = Bench::new(nodes, everywhere).await?;
        for number in 1..=options.rounds {
            let round = bench.round(Duration::from_secs(options.seconds)).await?;
            output::remark(&format!("{count} nodes, round {number}: {round:?}"));
            rounds.push(round);
        }
    }
    match options.output {
        Format::Table => output::print(&report(&options, &rounds)),
        Format::Json => output::print(&document(&rounds).to_string()),
    }
    Ok(())
}

/// Nodes with an API that wants keys.
struct Bench {
    nodes: Vec<Node>,
    cores: String,
    admin: Admin,
    api: Api,
    client: Client,
}

/// A usage plan, and the header that its only key's holder sends.
struct Plan {
    id: String,
    headers: [String; 1],
}

impl Bench {
    async fn new(nodes: Vec<Node>, cores: String) -> anyhow::Result<Self> {
        let admin = Admin::new(nodes.first().context("a cluster has nodes")?.addresses.admin)?;
        let api = Api { id: admin.import(description()).await?, resource: String::new() };
        admin.deploy(&api).await?;
        admin.throttle(&api, 1_000_000).await?;
        Ok(Self { nodes, cores, admin, api, client: admin::client()? })
    }

    async fn round(&self, time: Duration) -> anyhow::Result<Round> {
        let rate = self.rate(time).await?;
        let burst = self.burst().await?;
        let (requests, commits, idle) = self.commits(time).await?;
        let nodes = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        Ok(Round { nodes, rate, burst, requests, commits, idle })
    }

    /// By how much the rate is wrong, in percent, while the load moves from the first node to all others.
    async fn rate(&self, time: Duration) -> anyhow::Result<f64> {
        let plan = self.plan(json!({ "throttle": { "rateLimit": PACE.0, "burstLimit": PACE.1 } })).await?;
        let (first, others) = self.nodes.split_first().context("a cluster has nodes")?;
        let half = time.as_secs() / 2;
        let offered = 2 * PACE.0 as u32;
        let before = async {
            let load = Load { connections: 8, seconds: WARM.as_secs() + half, rate: Some(offered) };
            self.load(load, std::slice::from_ref(first), &plan).await
        };
        let after = async {
            sleep(WARM + Duration::from_secs(half)).await;
            let offered = offered.div_ceil(u32::try_from(others.len()).unwrap_or(1));
            let load = Load { connections: 8, seconds: time.as_secs() - half + 2, rate: Some(offered) };
            self.load(load, others, &plan).await
        };
        let look = async {
            sleep(WARM).await;
            let (start, allowed) = (Instant::now(), self.allowed(&plan).await?);
            sleep(time).await;
            let passed = start.elapsed();
            Ok::<_, anyhow::Error>((self.allowed(&plan).await? - allowed) / passed.as_secs_f64())
        };
        let (_, _, rate) = tokio::try_join!(before, after, look)?;
        Ok((rate / PACE.0 - 1.0) * 100.0)
    }

    /// By how much the burst is more than the plan's, in percent, when all nodes are asked at once.
    async fn burst(&self) -> anyhow::Result<f64> {
        let plan = self.plan(json!({ "throttle": { "rateLimit": BURST.0, "burstLimit": BURST.1 } })).await?;
        let start = Instant::now();
        let offered = 2 * BURST.1 as u32 / u32::try_from(self.nodes.len()).unwrap_or(1);
        self.load(Load { connections: 8, seconds: 2, rate: Some(offered) }, &self.nodes, &plan).await?;
        let due = BURST.0 * start.elapsed().as_secs_f64();
        let allowed = self.allowed(&plan).await?;
        Ok(((allowed - due) / BURST.1 as f64 - 1.0) * 100.0)
    }

    /// Requests with a quota in a second, commits in a second meanwhile, and commits in a second before.
    async fn commits(&self, time: Duration) -> anyhow::Result<(f64, f64, f64)> {
        let plan = self.plan(json!({ "quota": { "limit": 2_000_000_000, "period": "MONTH" } })).await?;
        let start = (Instant::now(), self.committed().await?);
        sleep(time / 2).await;
        let idle = (self.committed().await? - start.1) / start.0.elapsed().as_secs_f64();
        let load = Load { connections: 16, seconds: time.as_secs() + 4, rate: None };
        let look = async {
            sleep(WARM).await;
            let (start, allowed, committed) = (Instant::now(), self.allowed(&plan).await?, self.committed().await?);
            sleep(time).await;
            let passed = start.elapsed().as_secs_f64();
            let (allowed, committed) = (self.allowed(&plan).await? - allowed, self.committed().await? - committed);
            Ok::<_, anyhow::Error>((allowed / passed, committed / passed))
        };
        let ((), (requests, commits)) = tokio::try_join!(self.load(load, &self.nodes, &plan), look)?;
        Ok((requests, commits, idle))
    }

    async fn plan(&self, limits: Value) -> anyhow::Result<Plan> {
        let call = |path: String, body: Value| async move { self.admin.call(Method::POST, &path, body).await };
        let text = |answer: &Value, name: &str| answer[name].as_str().map(str::to_owned).context("an id and a value");
        let key = call("/apikeys".to_owned(), json!({ "name": "rates", "enabled": true })).await?;
        let mut plan = json!({ "name": "rates", "apiStages": [{ "apiId": self.api.id, "stage": admin::STAGE }] });
        for (name, limit) in limits.as_object().into_iter().flatten() {
            plan[name] = limit.clone();
        }
        let id = text(&call("/usageplans".to_owned(), plan).await?, "id")?;
        let joining = json!({ "keyId": text(&key, "id")?, "keyType": "API_KEY" });
        call(format!("/usageplans/{id}/keys"), joining).await?;
        Ok(Plan { id, headers: [format!("x-api-key: {}", text(&key, "value")?)] })
    }

    /// Puts a load on each of these nodes.
    async fn load(&self, load: Load, nodes: &[Node], plan: &Plan) -> anyhow::Result<()> {
        let loads = nodes.iter().map(|node| async {
            let url = self.api.url_of(node.addresses.gateway, "keyed");
            load.post(&url, None, &plan.headers, &self.cores).await
        });
        try_join_all(loads).await.map(drop)
    }

    /// Requests that all nodes have let through.
    async fn allowed(&self, plan: &Plan) -> anyhow::Result<f64> {
        let labels = format!("turnpike_plan_requests_total{{plan=\"{}\",outcome=\"allowed\"}}", plan.id);
        let all = try_join_all(self.nodes.iter().map(|node| self.figure(node, &labels))).await?;
        Ok(all.into_iter().sum())
    }

    /// The index of the last commit.
    async fn committed(&self) -> anyhow::Result<f64> {
        let all =
            try_join_all(self.nodes.iter().map(|node| self.figure(node, "turnpike_raft_committed_index"))).await?;
        Ok(all.into_iter().fold(0.0, f64::max))
    }

    /// One of a node's metrics; zero where it is not there yet.
    async fn figure(&self, node: &Node, series: &str) -> anyhow::Result<f64> {
        let url = format!("http://{}/metrics", node.addresses.metrics);
        let text = self.client.get(url).send().await?.text().await?;
        let found = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        Ok(found.unwrap_or_default())
    }
}

fn description() -> String {
    json!({
        "openapi": "3.0.1",
        "info": { "title": "rates", "version": "1" },
        "components": { "securitySchemes": { "key": { "type": "apiKey", "name": "x-api-key", "in": "header" } } },
        "paths": { "/keyed": { "get": {
            "security": [{ "key": [] }],
            "responses": { "200": { "description": "" } },
            "x-amazon-apigateway-integration": {
                "type": "mock",
                "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
                "responses": { "default": { "statusCode": "200" } },
            },
        } } },
    })
    .to_string()
}

fn report(options: &Options, rounds: &[Round]) -> String {
    let row = |round: &Round| {
        vec![
            round.nodes.to_string(),
            format!("{:+.2}", round.rate),
            format!("{:+.2}", round.burst),
            format!("{:.0}", round.requests),
            format!("{:.1}", round.commits),
            format!("{:.1}", round.idle),
        ]
    };
    let head = ["nodes", "rate, %", "burst, %", "requests/s", "commits/s", "idle commits/s"];
    let rows: Vec<_> = rounds.iter().map(row).collect();
    let (machine, seconds) = (system::machine(), options.seconds);
    format!("{seconds} s for each figure; {machine}\n\n{}", table::render(&head, &rows))
}

fn document(rounds: &[Round]) -> Value {
    let row = |found: &Round| {
        json!({
            "nodes": found.nodes,
            "rate_percent": round(found.rate),
            "burst_percent": round(found.burst),
            "requests_per_second": round(found.requests),
            "commits_per_second": round(found.commits),
            "idle_commits_per_second": round(found.idle),
        })
    };
    json!({ "machine": system::machine(), "rounds": rounds.iter().map(row).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_too_much_and_what_too_little() {
        let found = Round { nodes: 3, rate: -0.123, burst: 0.5, requests: 1234.5, commits: 17.25, idle: 0.0 };
        let row = document(&[found])["rounds"][0].clone();
        assert_eq!((&row["rate_percent"], &row["nodes"]), (&json!(round(-0.123)), &json!(3)));
        let options = Options { turnpike: None, nodes: vec![3], rounds: 1, seconds: 10, output: Format::Table };
        let text = report(&options, &[found]);
        assert!(text.contains("| 3     | -0.12   | +0.50    |") && text.contains("| 17.2      |"), "{text}");
    }
}
