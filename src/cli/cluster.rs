//! `turnpike cluster …`: the members, and changes of them; backups.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use turnpike_cluster::{MAX_VALIDITY, Repaired};

use super::remote::Remote;
use super::{backup, default_data, drain, output, quickstart, serve};
use crate::identity::sigv4::Credentials;

/// Look at the cluster's members, and change them; back up what it holds.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Admin address of any node.
    #[arg(long, global = true, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
    /// How to print the answer.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Subcommand)]
enum Command {
    /// Who is a member, who leads, and how far each is.
    Status,
    /// Print a token that lets one more node in, once, without the cluster's secret: start it with the token in
    /// TURNPIKE_JOIN_TOKEN and --join. Keep it to yourself until then.
    Token {
        /// How long it can be used; at most a day.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=MAX_VALIDITY.as_secs() / 60))]
        valid_minutes: u64,
    },
    /// Give a learner a vote.
    Promote {
        /// The node's number.
        node: u64,
    },
    /// Let a member go, for good.
    Remove {
        /// The node's number.
        node: u64,
    },
    /// Take a node out of service while it runs: before it is upgraded, or goes.
    ///
    /// The node says that it is not ready (/health/ready), gives the lead away, takes no new WebSocket connections and closes
    /// those that it has with 1001. The command ends when none is left; the node goes on if the command is ended earlier.
    /// Requests that reach the node all the same are answered. It stays drained until it is started again.
    Drain {
        /// The node's number.
        node: u64,
        /// Seconds over which its WebSocket connections are closed, one after the other; without it the node's own
        /// --websocket-drain-seconds. Few are closed sooner: twenty a second are always closed.
        #[arg(long, value_parser = clap::value_parser!(u32).range(..=3600))]
        over_seconds: Option<u32>,
        /// Let the node serve again.
        #[arg(long, conflicts_with = "over_seconds")]
        undo: bool,
    },
    /// Write all that the cluster has agreed on into a file, while it works.
    ///
    /// The file holds everything that was acknowledged before, on any node. Secrets in it are sealed with the cluster's
    /// secret, which is not in it: keep that as well.
    Backup {
        /// The file to write; readable by its owner alone.
        file: PathBuf,
        /// Replace the file if it exists.
        #[arg(long)]
        force: bool,
    },
    /// Read a backup to its end and check all of it; no node is needed.
    Verify {
        /// The backup.
        file: PathBuf,
    },
    /// Bring a backup back, into a cluster that has nothing yet.
    ///
    /// The cluster must be a new one, begun in empty data directories. Its members and its root credentials stay as they
    /// are, whatever those of the backup were. A restore that was cut short can be run again; until it is finished nothing
    /// else can be changed.
    Restore {
        /// The backup.
        file: PathBuf,
    },
    /// Move a damaged store aside, so that the node can join again as a new one. For a node that is not running, on its
    /// own machine.
    Repair {
        /// Directory that the node keeps everything in.
        #[arg(long, env = "TURNPIKE_DATA")]
        data: PathBuf,
    },
}

/// Where a node tells of the cluster.
pub(super) const STATUS: &str = "/_turnpike/cluster/status";

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Output {
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
    if let Command::Repair { data } = &arguments.command {
        return repair(data, arguments.output);
    }
    let remote = || Remote::new(&arguments.admin_url, credentials()?, "us-east-1");
    let answer = match &arguments.command {
        Command::Status => remote()?.call("GET", STATUS, None).await?,
        Command::Token { valid_minutes } => {
            let asked = json!({"validSeconds": valid_minutes * 60});
            remote()?.call("POST", "/_turnpike/cluster/token", Some(asked)).await?
        }
        Command::Promote { node } => member(&remote()?, *node, "promote").await?,
        Command::Remove { node } => member(&remote()?, *node, "remove").await?,
        Command::Drain { node, undo: true, .. } => drain::undo(&remote()?, *node).await?,
        Command::Drain { node, over_seconds, .. } => drain::make(&remote()?, *node, *over_seconds).await?,
        Command::Backup { file, force } => backup::make(&remote()?, file, *force).await?,
        Command::Verify { file } => backup::verify(file)?,
        Command::Restore { file } => backup::restore(&remote()?, file).await?,
        Command::Repair { .. } => Value::Null,
    };
    match (arguments.output, &arguments.command) {
        (Output::Json, _) => output::say(serde_json::to_string_pretty(&answer)?),
        (Output::Table, Command::Status) => output::say(table(&answer)),
        (Output::Table, Command::Token { .. }) => output::say(answer["token"].as_str().unwrap_or_default()),
        (Output::Table, Command::Promote { node }) => output::say(format!("node {node} has a vote")),
        (Output::Table, Command::Remove { node }) => output::say(format!("node {node} is no longer a member")),
        (Output::Table, Command::Drain { .. }) => output::say(drain::told(&answer)),
        (Output::Table, Command::Backup { .. } | Command::Verify { .. }) => output::say(backup::table(&answer)),
        (Output::Table, Command::Restore { .. }) => output::say(backup::restored(&answer)),
        (Output::Table, Command::Repair { .. }) => {}
    }
    Ok(())
}

/// Needs no other node: the one that is repaired is down, and the others need not be up.
fn repair(data: &Path, output: Output) -> anyhow::Result<()> {
    let Repaired { aside, node, has_secret } = turnpike_cluster::repair(data)?;
    match output {
        Output::Json => output::say(serde_json::to_string_pretty(&json!({"aside": aside, "node": node}))?),
        Output::Table => {
            let (was, remove) = match node {
                Some(node) => (format!("node {node}"), format!("turnpike cluster remove {node}")),
                None => ("a node whose number can't be read".to_owned(), "turnpike cluster remove N".to_owned()),
            };
            let secret = if has_secret { "; the cluster's secret stays here" } else { "" };
            output::say(format!("moved the damaged store of {was} to {}{secret}", aside.display()));
            output::say(format!("next, let the others forget it: {remove} (--admin-url of one of them)"));
            output::say(format!("then start it again: turnpike serve --data {} --join ADDRESS …", data.display()));
            output::say("it comes in under a new number, as a learner, and has a vote once it has everything");
        }
    }
    Ok(())
}

async fn member(remote: &Remote, node: u64, action: &str) -> anyhow::Result<Value> {
    remote.call("POST", &format!("/_turnpike/cluster/members/{node}/{action}"), None).await
}

/// From the environment, as AWS clients read them, or from a quickstart in this directory.
pub(super) fn credentials() -> anyhow::Result<Credentials> {
    if let Some(root) = serve::root()? {
        return Ok(root);
    }
    let variable = |name: &str| std::env::var(name).ok();
    if let (Some(access_key_id), Some(secret_access_key)) =
        (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
    {
        return Ok(Credentials { access_key_id, secret_access_key });
    }
    let left = quickstart::read(&default_data())?;
    let left =
        left.context("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the root credentials")?;
    Ok(Credentials { access_key_id: left.access_key_id, secret_access_key: left.secret_access_key })
}

fn table(answer: &Value) -> String {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "NO".to_owned(),
        other => other.to_string(),
    };
    let members = answer["members"].as_array().into_iter().flatten();
    let furthest = members.clone().filter_map(|member| member["applied"].as_u64()).max().unwrap_or_default();
    let rows: Vec<Vec<String>> = members
        .map(|member| {
            let behind = member["applied"].as_u64().map(|applied| (furthest - applied).to_string());
            let mut row: Vec<String> =
                ["id", "role", "live", "applied"].iter().map(|name| text(&member[name])).collect();
            row.push(behind.unwrap_or_else(|| "-".to_owned()));
            row.push(text(&member["address"]));
            row
        })
        .collect();
    let head = ["NODE", "ROLE", "LIVE", "APPLIED", "BEHIND", "ADDRESS"];
    let restoring = match answer["restoring"]["documents"].as_u64() {
        Some(documents) => format!(
            "\na backup of {documents} documents is being restored; if nobody does, it was cut short: run the restore again"
        ),
        None => String::new(),
    };
    let drained = answer["drained"].as_array().into_iter().flatten();
    let drained: String = drained.map(|node| format!("\nnode {node} is drained, until it starts again")).collect();
    format!(
        "{}\n\nterm {}, as node {} sees it{drained}{restoring}",
        output::table(&head, &rows),
        answer["node"]["term"],
        answer["node"]["id"]
    )
}
