//! `turnpike functions`: what the functions of a cluster print.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cluster::credentials;
use super::export::encoded;
use super::output;
use super::remote::Remote;

/// Look at what functions print.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Admin address of any node.
    #[arg(long, global = true, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
}

#[derive(Subcommand)]
enum Command {
    /// Print the latest lines of a function's log, from all nodes.
    Log {
        /// The function's name.
        function: String,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let remote = Remote::new(&arguments.admin_url, credentials()?, "us-east-1")?;
        let Command::Log { function } = &arguments.command;
        let told = remote.call("GET", &format!("/_turnpike/functions/{}/log", encoded(function)), None).await?;
        for line in told["lines"].as_array().into_iter().flatten() {
            output::say(shown(line)?);
        }
        Ok(())
    })
}

fn shown(line: &Value) -> anyhow::Result<String> {
    let millis = line["timestamp"].as_i64().context("a line without its time")?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)?.format(&Rfc3339)?;
    Ok(format!("{time} {}", line["message"].as_str().unwrap_or_default()))
}
