//! The commands: a node to serve, and a client of the nodes that do.

mod backup;
mod cluster;
mod connections;
mod docs;
mod drain;
mod env;
mod explain;
mod export;
mod function_process;
mod functions;
mod import;
mod log;
mod output;
mod petstore;
mod quickstart;
mod remote;
mod serve;
mod template;
mod usage;
mod websocket;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Amazon API Gateway as software that you run yourself.
///
/// What speaks to Amazon API Gateway (AWS CLI, SDKs, Terraform) speaks to Turnpike unchanged.
#[derive(Parser)]
#[command(name = "turnpike", version, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// One node on this machine, with a sample API, and how to try it.
    Quickstart(quickstart::Arguments),
    /// Run a node of a cluster.
    ///
    /// Integrations with AWS's services find endpoints and credentials as AWS's SDKs do: in variables such as AWS_ENDPOINT_URL
    /// and AWS_ACCESS_KEY_ID, in the shared files, and where the machine has them.
    Serve(Box<serve::Arguments>),
    /// Print endpoint and credentials of the quickstart, for a shell or for Terraform.
    Env(env::Arguments),
    /// Look at the cluster's members, and change them; back up what it holds.
    Cluster(cluster::Arguments),
    /// Make an API after an OpenAPI document, or change the one that has its name.
    Import(import::Arguments),
    /// Write what a stage serves as an OpenAPI document.
    Export(export::Arguments),
    /// Print a link to the documentation of a stage, for a browser.
    Docs(docs::Arguments),
    /// Show why a request was answered as it was.
    Explain(explain::Arguments),
    /// Try a mapping template out.
    Template(template::Arguments),
    /// List the WebSocket connections of a stage, send to them, close them.
    Connections(connections::Arguments),
    /// Look at what functions print.
    Functions(functions::Arguments),
    /// Keep one process of a function: for nodes, not for people.
    #[command(hide = true)]
    FunctionProcess(function_process::Arguments),
    /// Report what holders of API keys have used.
    Usage(usage::Arguments),
}

/// Carries the command line out. What goes wrong is told in one line, with its causes.
pub fn run() -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) if error.use_stderr() => {
            output::complain(&anyhow::anyhow!(in_one_line(&error.to_string())));
            return ExitCode::from(2);
        }
        Err(help) => {
            // Help and version go to standard output, in colours on a terminal.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let result = match command.command {
        Sub::Quickstart(arguments) => quickstart::run(arguments),
        Sub::Serve(arguments) => serve::run(*arguments),
        Sub::Env(arguments) => env::run(&arguments),
        Sub::Cluster(arguments) => cluster::run(arguments),
        Sub::Import(arguments) => import::run(arguments),
        Sub::Export(arguments) => export::run(&arguments),
        Sub::Docs(arguments) => docs::run(&arguments),
        Sub::Explain(arguments) => explain::run(&arguments),
        Sub::Template(arguments) => template::run(&arguments),
        Sub::Connections(arguments) => connections::run(arguments),
        Sub::Functions(arguments) => functions::run(&arguments),
        Sub::FunctionProcess(arguments) => return function_process::run(arguments),
        Sub::Usage(arguments) => usage::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with the command line, and what would be right, in one line: without the summary of all flags.
fn in_one_line(error: &str) -> String {
    let lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let told: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:")).filter(|line| !line.starts_with("For more")).collect();
    let told = told.join(" ");
    format!("{}; see --help", told.strip_prefix("error: ").unwrap_or(&told))
}

/// The directory that the quickstart keeps its node in.
fn default_data() -> PathBuf {
    PathBuf::from(".turnpike")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_command_line_is_told_in_one_line() {
        for (words, expected) in [
            (
                &["serve", "--gateway", "x"][..],
                "invalid value 'x' for '--gateway <GATEWAY>': an address and a port are wanted, such as 127.0.0.1:8080; see --help",
            ),
            (&["serve", "--xyzzy"], "unexpected argument '--xyzzy' found; see --help"),
            (
                &["cluster", "status", "--output", "xml"],
                "invalid value 'xml' for '--output <OUTPUT>' [possible values: table, json]; see --help",
            ),
        ] {
            let error = Command::try_parse_from([&["turnpike"], words].concat()).err().expect("refused");
            assert_eq!(in_one_line(&error.to_string()), expected);
        }
    }
}
