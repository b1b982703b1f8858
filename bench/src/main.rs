//! Measures what Turnpike costs beside its peers, and the promises about start, memory and deploys.

mod output;

mod broadcast;
mod commits;
mod control;
mod deploys;
mod documents;
mod failover;
mod functions;
mod idle;
mod phases;
mod proxy;
mod push;
mod rates;
mod websocket;

mod gateway;
mod kv;
mod load;
mod node;
mod upstream;

mod cores;
mod process;
mod sockets;
mod system;
mod table;
mod values;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// The gateway's: the nodes that are measured here have it as well.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures Turnpike and nginx side by side, and Turnpike's own promises.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPU time, throughput and latency of Turnpike and nginx as reverse proxies
    Proxy(proxy::Options),
    /// CPU time of a method that checks, throttles and maps what comes, beside one that passes it on
    Phases(phases::Options),
    /// Memory of an idle node, and how fast it starts on many APIs
    Idle(idle::Options),
    /// Deploys in a row on three nodes, each looked for at once on the other two
    Deploys(deploys::Options),
    /// The control plane's time for an API of many resources and for a large imported file
    Control(control::Options),
    /// What a message for a WebSocket connection costs, by the node that has it and by another, beside a plain request
    Push(push::Options),
    /// How long a broadcast takes until the last of many connections on three nodes has it
    Broadcast(broadcast::Options),
    /// How exactly nodes keep a usage plan's rate and burst together, and what leases of a quota cost in commits
    Rates(rates::Options),
    /// What a call of a built-in function costs, beside asking its process directly
    Functions(functions::Options),
    /// How long writes wait when the leader of three nodes is killed
    Failover(failover::Options),
    /// Commits and linearizable reads per second of three nodes of the cluster crate, beside etcd's
    Commits(commits::Options),
    /// Memory, restart, snapshot and disk of a node of the cluster crate that holds many documents
    Documents(documents::Options),
    /// Memory of idle WebSocket connections and CPU time of echoes, beside actix-web-actors and Node's ws
    Websocket(websocket::Options),
    /// Memory of idle WebSocket connections on three nodes, and of what each keeps of another one's
    Witness(websocket::WitnessOptions),
    /// WebSocket connections that idle or echo
    #[command(hide = true)]
    WebsocketLoad(websocket::LoadOptions),
    /// A bare WebSocket server
    #[command(hide = true)]
    WebsocketYardstick(websocket::YardstickOptions),
    /// A node of the cluster crate alone, without a gateway
    #[command(hide = true)]
    Node(node::Options),
    /// Sends requests to one address of this machine and counts what comes back
    Load(load::Options),
    /// The backend of every measurement: answers 1 KB to whoever asks
    Upstream(upstream::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    // Leaving by return, not by signal, drops every child process, and a dropped child is killed.
    tokio::select! {
        result = run(arguments.command) => result,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Proxy(options) => Box::pin(proxy::run(options)).await,
        Command::Phases(options) => Box::pin(phases::run(options)).await,
        Command::Idle(options) => Box::pin(idle::run(options)).await,
        Command::Deploys(options) => Box::pin(deploys::run(options)).await,
        Command::Control(options) => Box::pin(control::run(options)).await,
        Command::Push(options) => Box::pin(push::run(options)).await,
        Command::Broadcast(options) => Box::pin(broadcast::run(options)).await,
        Command::Rates(options) => Box::pin(rates::run(options)).await,
        Command::Functions(options) => Box::pin(functions::run(options)).await,
        Command::Failover(options) => Box::pin(failover::run(options)).await,
        Command::Commits(options) => Box::pin(commits::run(options)).await,
        Command::Documents(options) => Box::pin(documents::run(options)).await,
        Command::Websocket(options) => Box::pin(websocket::run(options)).await,
        Command::Witness(options) => Box::pin(websocket::witness(options)).await,
        Command::WebsocketLoad(options) => Box::pin(websocket::load(options)).await,
        Command::WebsocketYardstick(options) => Box::pin(websocket::yardstick(options)).await,
        Command::Node(options) => Box::pin(node::run(options)).await,
        Command::Load(options) => load::run(options).await,
        Command::Upstream(options) => upstream::run(options).await,
    }
}
