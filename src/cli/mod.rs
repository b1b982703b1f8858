//! The commands: a node to serve, and a client of the nodes that do.

mod cluster;
mod env;
mod log;
mod output;
mod petstore;
mod quickstart;
mod remote;
mod serve;

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
    Serve(Box<serve::Arguments>),
    /// Print endpoint and credentials of the quickstart, for a shell or for Terraform.
    Env(env::Arguments),
    /// Look at the cluster's members, and change them.
    Cluster(cluster::Arguments),
}

/// Carries the command line out. What goes wrong is told in one line, with its causes.
pub fn run() -> ExitCode {
    let command = Command::parse();
    let result = match command.command {
        Sub::Quickstart(arguments) => quickstart::run(arguments),
        Sub::Serve(arguments) => serve::run(*arguments),
        Sub::Env(arguments) => env::run(&arguments),
        Sub::Cluster(arguments) => cluster::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// The directory that the quickstart keeps its node in.
fn default_data() -> PathBuf {
    PathBuf::from(".turnpike")
}
