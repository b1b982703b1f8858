//! `turnpike explain`: why a request was answered as it was.

use std::fmt::Write;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::cluster::credentials;
use super::export::{encoded, find};
use super::output;
use super::remote::Remote;

/// Show why a request was answered as it was: what each phase decided, and how long it took.
///
/// Stories are kept for methods whose data trace is on (the stage's setting logging/dataTrace), and for requests that
/// show a pass: see --allow. The last hundred of each stage are kept, on the node that answered; any node finds them.
#[derive(Args)]
pub(super) struct Arguments {
    /// The request's id, which its answer has in x-amzn-RequestId, and a frame of a WebSocket connection in requestId.
    #[arg(required_unless_present = "allow", conflicts_with = "allow")]
    request: Option<String>,
    /// Print a header instead, with which callers of a stage have their requests' stories kept: API/STAGE, the API by id
    /// or name.
    #[arg(long, value_name = "API/STAGE")]
    allow: Option<String>,
    /// How long the header is good; at most a day.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..=1440))]
    valid_minutes: i64,
    /// Admin address of any node.
    #[arg(long, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
    /// How to print the story.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let remote = Remote::new(&arguments.admin_url, credentials()?, "us-east-1")?;
        if let Some(place) = &arguments.allow {
            return allow(&remote, place, arguments.valid_minutes).await;
        }
        let request = encoded(arguments.request.as_deref().unwrap_or_default());
        let told = remote.call("GET", &format!("/_turnpike/requests/{request}"), None).await?;
        match arguments.output {
            Output::Json => output::say(serde_json::to_string_pretty(&told)?),
            Output::Text => output::say_exactly(&text(&told)),
        }
        Ok(())
    })
}

async fn allow(remote: &Remote, place: &str, minutes: i64) -> anyhow::Result<()> {
    let Some((api, stage)) = place.rsplit_once('/') else { bail!("--allow wants API/STAGE, not {place}") };
    let api = find(remote, api).await?;
    // So that a wrong name is told here.
    remote.call("GET", &format!("/restapis/{api}/stages/{}", encoded(stage)), None).await?;
    let asked = json!({"restApiId": api, "stageName": stage, "validSeconds": minutes * 60});
    let pass = remote.call("POST", "/_turnpike/explain", Some(asked)).await?;
    let part = |name: &str| pass[name].as_str().unwrap_or_default().to_owned();
    output::say(format!("{}: {}", part("header"), part("value")));
    Ok(())
}

/// The story, for people.
fn text(told: &Value) -> String {
    let story = &told["story"];
    let part = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} {} on {}/{} ({}), node {}: {} in {} µs",
        part(&story["verb"]),
        part(&story["path"]),
        part(&story["api"]),
        part(&story["stage"]),
        part(&story["side"]),
        told["node"],
        story["status"],
        story["tookMicros"],
    );
    if let Some(refusal) = story["refusal"].as_object() {
        let _ = writeln!(out, "refused, {}: {}", part(&refusal["responseType"]), part(&refusal["reason"]));
    }
    out.push('\n');
    for step in story["phases"].as_array().into_iter().flatten() {
        let took = format!("{} µs", step["tookMicros"]);
        let _ = writeln!(out, "{:<22} {:>10}  {}", part(&step["phase"]), took, part(&step["decision"]));
    }
    out.push('\n');
    for line in story["log"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", part(line));
    }
    out
}
