//! `deploys`: deploys in a row on three nodes, each looked for at once on the nodes that did not take the call.
//!
//! Deploy number n points the method at the path `/n` of the upstream, which says in its answer what path it was asked
//! for. A node that answers with another number, or not at all, is stale: the deploy was confirmed too early.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use reqwest::Client;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::gateway::admin::{self, Admin, Integration};
use crate::gateway::turnpike;
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::upstream::Upstream;
use crate::values::{Spread, quantile, round};

/// Options of `deploys`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// How many deploys
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Deploy through each node in turn, rather than always through the first
    #[arg(long)]
    rotate: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Measures and prints; an error if any node was stale.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let everywhere = format!("{},{}", cores.gateway, cores.load);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let upstream = Upstream::start(&everywhere, directory.path()).await?;
    let nodes = turnpike::three_nodes(&program, directory.path(), &everywhere).await?;
    let admins = nodes.iter().map(|node| Admin::new(node.addresses.admin)).collect::<anyhow::Result<Vec<_>>>()?;
    let client = admin::client()?;

    let target = |number: u32| Integration::HttpProxy(format!("http://{}/{number}", upstream.address));
    let [first, ..] = admins.as_slice() else { anyhow::bail!("a cluster has nodes") };
    let api = first.create("deploys", &target(0)).await?;
    let mut result = Deploys::default();
    for number in 1..=options.count {
        let taker = if options.rotate { number as usize % nodes.len() } else { 0 };
        let admin = &admins[taker];
        admin.integrate(&api, &target(number)).await?;
        let begin = Instant::now();
        admin.deploy(&api).await.with_context(|| format!("deploy {number}"))?;
        result.milliseconds.push(begin.elapsed().as_secs_f64() * 1000.0);

        let others = nodes.iter().enumerate().filter(|(index, _)| *index != taker);
        let urls: Vec<String> = others.map(|(_, node)| api.url(node.addresses.gateway)).collect();
        let [one, other] = urls.as_slice() else { anyhow::bail!("three nodes have two others") };
        let answers = tokio::join!(served(&client, one), served(&client, other));
        for (url, answer) in [(one, answers.0), (other, answers.1)] {
            result.checks += 1;
            if answer.as_deref() != Ok(format!("/{number}").as_str()) {
                result.stale.push(format!("deploy {number}: {url} served {answer:?}"));
            }
        }
        if number % 100 == 0 {
            output::remark(&format!("{number} of {} deploys, {} stale", options.count, result.stale.len()));
        }
    }
    match options.output {
        Format::Table => output::print(&result.table()),
        Format::Json => output::print(&result.document().to_string()),
    }
    let stale = result.stale.len();
    anyhow::ensure!(stale == 0, "{stale} of {} checks found an old deployment", result.checks);
    Ok(())
}

#[derive(Default)]
struct Deploys {
    /// How long each deploy took to be confirmed.
    milliseconds: Vec<f64>,
    checks: u64,
    stale: Vec<String>,
}

impl Deploys {
    fn table(&self) -> String {
        let row = vec![
            self.milliseconds.len().to_string(),
            self.checks.to_string(),
            self.stale.len().to_string(),
            format!("{:.1}", quantile(&self.milliseconds, 0.5)),
            format!("{:.1}", quantile(&self.milliseconds, 0.99)),
            format!("{:.1}", Spread::of(self.milliseconds.iter().copied()).max),
        ];
        let head = ["deploys", "checks", "stale", "p50 ms", "p99 ms", "max ms"];
        let examples: String = self.stale.iter().take(10).map(|stale| format!("\n{stale}")).collect();
        format!("three nodes; {}\n\n{}{examples}", system::machine(), table::render(&head, &[row]))
    }

    fn document(&self) -> Value {
        json!({
            "machine": system::machine(),
            "deploys": self.milliseconds.len(),
            "checks": self.checks,
            "stale": self.stale.len(),
            "stale_examples": self.stale.iter().take(10).collect::<Vec<_>>(),
            "deploy_ms": {
                "p50": round(quantile(&self.milliseconds, 0.5)),
                "p99": round(quantile(&self.milliseconds, 0.99)),
                "max": round(Spread::of(self.milliseconds.iter().copied()).max),
            },
        })
    }
}

/// The path that the upstream was asked for by way of this URL, or what came instead.
async fn served(client: &Client, url: &str) -> Result<String, String> {
    let answer = client.get(url).send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| error.to_string())?;
    let document: Value = serde_json::from_str(&body).unwrap_or_default();
    document.get("path").and_then(Value::as_str).map(str::to_owned).ok_or(format!("{status}: {body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_counts_and_names_what_was_stale() {
        let deploys = Deploys { milliseconds: vec![1.0, 3.0, 2.0], checks: 6, stale: vec!["deploy 2: old".into()] };
        let table = deploys.table();
        assert!(table.contains("| 3       | 6      | 1     | 2.0    | 3.0    | 3.0    |"), "{table}");
        assert!(table.ends_with("deploy 2: old"), "{table}");
        assert_eq!(deploys.document()["deploy_ms"]["p50"], 2.0);
    }
}
