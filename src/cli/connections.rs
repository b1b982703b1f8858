//! `turnpike connections`: the WebSocket connections of a stage, wherever they are.

use std::io::Read;

use clap::{Args, Subcommand, ValueEnum};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::cluster::credentials;
use super::export::encoded;
use super::output;
use super::remote::{Refused, Remote};

/// The columns of a listing.
const COLUMNS: [&str; 8] =
    ["CONNECTION", "NODE", "CONNECTED", "LAST ACTIVE", "SOURCE", "IN/OUT", "PRINCIPAL", "GROUPS"];
/// Connections that are asked for at a time.
const PAGE: usize = 1000;

/// List the WebSocket connections of a stage, send to them, close them.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = false, subcommand_negates_reqs = false)]
pub(super) struct Arguments {
    /// The API's id.
    api: String,
    /// The stage's name.
    stage: String,
    #[command(flatten)]
    filter: Filter,
    #[command(subcommand)]
    command: Option<Sub>,
    /// Address at which any node serves APIs.
    #[arg(long, global = true, env = "TURNPIKE_GATEWAY_URL", default_value = "http://127.0.0.1:8080")]
    gateway_url: String,
    /// How to print the answer.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Which connections are listed.
#[derive(Args)]
struct Filter {
    /// Only those in this group.
    #[arg(long, conflicts_with = "principal")]
    group: Option<String>,
    /// Only those that an authorizer took for this principal.
    #[arg(long)]
    principal: Option<String>,
    /// Only those from this address.
    #[arg(long)]
    source: Option<String>,
    /// At most so many.
    #[arg(long)]
    limit: Option<usize>,
}

#[derive(Subcommand)]
enum Sub {
    /// Show one connection.
    Show {
        /// Its id.
        id: String,
    },
    /// Send a text message; "-" reads it from standard input.
    Send {
        /// The message.
        message: String,
        #[command(flatten)]
        audience: Audience,
    },
    /// Close a connection.
    Close {
        /// Its id.
        id: String,
    },
}

/// Whom a message is for.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Audience {
    /// One connection, by its id.
    #[arg(long)]
    to: Option<String>,
    /// All in a group.
    #[arg(long = "to-group")]
    group: Option<String>,
    /// All of a principal.
    #[arg(long = "to-principal")]
    principal: Option<String>,
    /// All of the stage.
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// For scripts
    Json,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(carry_out(arguments))
}

async fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let words = words(&arguments);
    talk(arguments).await.map_err(|error| match error.downcast_ref::<Refused>().map(|refused| refused.status) {
        Some(StatusCode::GONE) => error.context(words.gone),
        Some(StatusCode::FORBIDDEN) => error.context(words.forbidden),
        _ => error,
    })
}

/// What refusals mean that say little by themselves.
struct Words {
    gone: String,
    forbidden: String,
}

fn words(Arguments { api, stage, command, .. }: &Arguments) -> Words {
    let id = match command {
        Some(Sub::Show { id } | Sub::Close { id }) => id,
        Some(Sub::Send { audience, .. }) => audience.to.as_deref().unwrap_or_default(),
        None => "",
    };
    Words {
        gone: format!("there is no connection {id} to stage {stage} of API {api}, or none any more"),
        forbidden: format!("is {api} a WebSocket API, is its stage {stage} deployed, and are the credentials right?"),
    }
}

async fn talk(arguments: Arguments) -> anyhow::Result<()> {
    let remote = Remote::new(&arguments.gateway_url, credentials()?, "us-east-1")?.of_service("execute-api");
    let stage = format!("/_aws/execute-api/{}/{}", encoded(&arguments.api), encoded(&arguments.stage));
    let connection = |id: &str| format!("{stage}/@connections/{}", encoded(id));
    let (answer, said) = match &arguments.command {
        None => {
            let answer = list(&remote, &stage, &arguments.filter).await?;
            let said = table(&answer);
            (answer, said)
        }
        Some(Sub::Show { id }) => {
            let target = format!("{stage}/@connections?connectionId={}", encoded(id));
            let answer = remote.call("GET", &target, None).await?["connections"][0].take();
            let said = details(&answer);
            (answer, said)
        }
        Some(Sub::Send { message, audience }) => {
            let target = audience.target(&stage);
            let answer = remote.send_document("POST", &target, read(message)?.into_bytes()).await?;
            let said = sent(&answer);
            (answer, said)
        }
        Some(Sub::Close { id }) => {
            remote.call("DELETE", &connection(id), None).await?;
            (json!({}), format!("closed {id}"))
        }
    };
    output::say(if arguments.output == Output::Json { serde_json::to_string_pretty(&answer)? } else { said });
    Ok(())
}

impl Audience {
    fn target(&self, stage: &str) -> String {
        match (&self.to, &self.group, &self.principal) {
            (Some(id), _, _) => format!("{stage}/@connections/{}", encoded(id)),
            (_, Some(group), _) => format!("{stage}/@groups/{}", encoded(group)),
            (_, _, Some(principal)) => format!("{stage}/@principals/{}", encoded(principal)),
            (None, None, None) => format!("{stage}/@all"),
        }
    }
}

fn read(message: &str) -> anyhow::Result<String> {
    let mut text = message.to_owned();
    if message == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text)?;
    }
    Ok(text)
}

/// All connections that are wanted, page after page.
async fn list(remote: &Remote, stage: &str, filter: &Filter) -> anyhow::Result<Value> {
    let mut connections: Vec<Value> = Vec::new();
    let mut unreachable: Vec<Value> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let left = filter.limit.map_or(PAGE, |limit| limit.saturating_sub(connections.len()));
        if left == 0 {
            break;
        }
        let mut target = format!("{stage}/@connections?limit={}", left.min(PAGE));
        let asked = [
            ("group", &filter.group),
            ("principal", &filter.principal),
            ("sourceIp", &filter.source),
            ("nextToken", &next),
        ];
        for (name, value) in asked {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        let mut page = remote.call("GET", &target, None).await?;
        for (all, name) in [(&mut connections, "connections"), (&mut unreachable, "unreachable")] {
            if let Some(part) = page[name].as_array_mut() {
                all.append(part);
            }
        }
        unreachable.dedup();
        next = page["nextToken"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    Ok(json!({"connections": connections, "unreachable": unreachable}))
}

/// A value, for people: much of it was written by clients.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => output::harmless(text),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// All that is known of a connection, a line each.
fn details(one: &Value) -> String {
    let of = |name: &str| format!("{} in, {} out", one[name]["in"], one[name]["out"]);
    let lines = [
        ("connection", text(&one["connectionId"])),
        ("node", text(&one["node"])),
        ("connected", text(&one["connectedAt"])),
        ("last active", text(&one["lastActiveAt"])),
        ("source", text(&one["sourceIp"])),
        ("user agent", text(&one["userAgent"])),
        ("principal", text(&one["principalId"])),
        ("groups", text(&one["groups"])),
        ("messages", of("messages")),
        ("bytes", of("bytes")),
    ];
    lines.map(|(name, value)| format!("{name:<13}{value}").trim_end().to_owned()).join("\n")
}

fn table(answer: &Value) -> String {
    let connections = answer["connections"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = connections
        .map(|one| {
            let mut row: Vec<String> =
                ["connectionId", "node", "connectedAt", "lastActiveAt", "sourceIp"].map(|name| text(&one[name])).into();
            row.push(format!("{}/{}", one["messages"]["in"], one["messages"]["out"]));
            row.push(text(&one["principalId"]));
            row.push(text(&one["groups"]));
            row
        })
        .collect();
    let mut said = output::table(&COLUMNS, &rows);
    for node in answer["unreachable"].as_array().into_iter().flatten() {
        said.push_str(&format!("\nnode {node} could not be asked"));
    }
    said
}

/// What became of a message, a line for each node that was to deliver it.
fn sent(answer: &Value) -> String {
    let Some(nodes) = answer["nodes"].as_object() else { return "sent".to_owned() };
    let line = |(node, told): (&String, &Value)| match told["error"].as_str() {
        Some(error) => format!("node {node}: {error}"),
        None => {
            let mut line = format!("node {node}: delivered {}", told["delivered"]);
            for (name, what) in [("full", "too slow"), ("gone", "gone meanwhile")] {
                if told[name].as_u64().is_some_and(|count| count > 0) {
                    line.push_str(&format!(", {} {what}", told[name]));
                }
            }
            line
        }
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_where_they_are_told() {
        let none = || Audience { to: None, group: None, principal: None, all: false };
        for (audience, expected) in [
            (Audience { to: Some("R1kmxc2VNjMCFIA=".to_owned()), ..none() }, "/s/@connections/R1kmxc2VNjMCFIA%3D"),
            (Audience { group: Some("a b/c".to_owned()), ..none() }, "/s/@groups/a%20b%2Fc"),
            (Audience { principal: Some("ann".to_owned()), ..none() }, "/s/@principals/ann"),
            (Audience { all: true, ..none() }, "/s/@all"),
        ] {
            assert_eq!(audience.target("/s"), expected);
        }
    }

    #[test]
    fn answers_are_told_in_words() {
        let answer = json!({"nodes": {"1": {"delivered": 5, "full": 1, "gone": 0}, "2": {"error": "unreachable"}}});
        assert_eq!(sent(&answer), "node 1: delivered 5, 1 too slow\nnode 2: unreachable");
        assert_eq!(sent(&Value::Null), "sent");
        let listed = json!({
            "connections": [{
                "connectionId": "x=", "node": 2, "connectedAt": "a", "lastActiveAt": "b", "sourceIp": "::1",
                "principalId": null, "groups": ["g", "h"], "messages": {"in": 1, "out": 2},
            }],
            "unreachable": [3],
        });
        let said = table(&listed);
        assert!(said.contains("x=          2     a          b            ::1     1/2     -          g, h"), "{said}");
        assert!(said.ends_with("\nnode 3 could not be asked"), "{said}");
        let mut one = listed["connections"][0].clone();
        one["userAgent"] = json!("x\u{1b}[2J");
        one["bytes"] = json!({"in": 3, "out": 4});
        let said = details(&one);
        for line in ["connection   x=", "user agent   x\u{fffd}[2J", "groups       g, h", "bytes        3 in, 4 out"] {
            assert!(said.lines().any(|said| said == line), "{said}");
        }
    }
}
