//! `witness`: what idle WebSocket connections take of the memory of three nodes, and what of it is for another node's.
//!
//! A node's witness holds a card of each of its connections. First one node alone has connections: what its witness holds
//! more then is their cards, and what the third node holds more is noise. Then the other two have as many.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::REST;
use super::load::{Held, Load};
use super::server::Target;
use crate::cores::Cores;
use crate::gateway::admin::{self, Admin, Api};
use crate::gateway::turnpike::{self, Node};
use crate::output::{self, Format};
use crate::system;
use crate::table;
use crate::values::round;

/// Connections that each node has had before anything is measured.
const WARM: u32 = 500;
/// The figure that is zero when a node's witness knows all of its connections.
const UNTOLD: &str = "turnpike_websocket_untold_connections ";
/// It must be so within this time.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Options of `witness`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The turnpike program [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    turnpike: Option<PathBuf>,
    /// Connections of each of the three nodes. Each node and each of three loads needs as many open files.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// How to write the result
    #[arg(long, value_enum, default_value = "table")]
    output: Format,
}

/// Three nodes with an API, and the connections that are open.
struct Crowd<'a> {
    nodes: Vec<Node>,
    api: Api,
    cores: &'a Cores,
    directory: &'a Path,
}

/// Bytes of resident memory of each node, in all.
type Resident = Vec<u64>;

/// Measures and prints.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = turnpike::program(options.turnpike.as_deref())?;
    let cores = Cores::choose(None, None)?;
    let everywhere = format!("{},{}", cores.gateway, cores.load);
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let nodes = turnpike::three_nodes(&program, directory.path(), &everywhere).await?;
    let first = nodes.first().context("a cluster has nodes")?;
    let api = Api { id: Admin::new(first.addresses.admin)?.sockets().await?, resource: String::new() };
    let crowd = Crowd { nodes, api, cores: &cores, directory: directory.path() };
    for number in 0..crowd.nodes.len() {
        drop(crowd.open(number, WARM).await?);
    }
    let before = crowd.resident().await?;
    let mut held = vec![crowd.open(0, options.connections).await?];
    let one = crowd.resident().await?;
    for number in 1..crowd.nodes.len() {
        held.push(crowd.open(number, options.connections).await?);
    }
    let all = crowd.resident().await?;
    drop(held);
    let found = Found { count: f64::from(options.connections), before, one, all };
    match options.output {
        Format::Table => output::print(&found.report()),
        Format::Json => output::print(&found.document().to_string()),
    }
    Ok(())
}

impl Crowd<'_> {
    /// Opens connections to one of the nodes.
    async fn open(&self, number: usize, connections: u32) -> anyhow::Result<Held> {
        let node = self.nodes.get(number).context("there is no such node")?;
        output::remark(&format!("opening {connections} connections to node {}", number + 1));
        let path = self.api.path_of("").trim_end_matches('/').to_owned();
        let log = self.directory.join(format!("load-{number}.log"));
        let target = Target { address: node.addresses.gateway, path, log };
        Load { target: &target, connections, seconds: None }.hold(&self.cores.load).await
    }

    /// The nodes' memory, when each has told its witness of all that there is.
    async fn resident(&self) -> anyhow::Result<Resident> {
        let client = admin::client()?;
        for node in &self.nodes {
            let url = format!("http://{}/metrics", node.addresses.metrics);
            let deadline = Instant::now() + PATIENCE;
            while !client.get(&url).send().await?.text().await?.lines().any(is_zero) {
                anyhow::ensure!(Instant::now() < deadline, "a witness does not know all connections: {url}");
                sleep(LOOK).await;
            }
        }
        sleep(REST).await;
        self.nodes.iter().map(|node| system::resident(node.process.pid())).collect()
    }
}

/// Whether a line of metrics says that nothing is untold.
fn is_zero(line: &str) -> bool {
    line.strip_prefix(UNTOLD) == Some("0")
}

/// What was found.
struct Found {
    /// Connections of a node that has some.
    count: f64,
    before: Resident,
    /// When the first node had connections.
    one: Resident,
    /// When all had.
    all: Resident,
}

/// What a node's memory grew by, for each connection of a node.
struct Row {
    what: String,
    bytes: f64,
}

impl Found {
    fn rows(&self) -> Vec<Row> {
        let grown = |from: &Resident, to: &Resident, node: usize| {
            let at = |resident: &Resident| resident.get(node).copied().unwrap_or_default() as f64;
            (at(to) - at(from)) / self.count
        };
        let alone = ["node 1 has connections: its own memory", "that of its witness, node 2", "that of node 3"];
        let alone =
            alone.into_iter().enumerate().map(|(node, what)| (what.to_owned(), grown(&self.before, &self.one, node)));
        let all = (0..self.all.len()).map(|node| {
            let what = format!("all have connections: node {}, cards of another one's included", node + 1);
            (what, grown(&self.before, &self.all, node))
        });
        alone.chain(all).map(|(what, bytes)| Row { what, bytes }).collect()
    }

    fn report(&self) -> String {
        let rows: Vec<_> = self.rows().into_iter().map(|row| vec![row.what, format!("{:.0}", row.bytes)]).collect();
        format!(
            "{} idle connections on each of three nodes; {}\n\n{}",
            self.count,
            system::machine(),
            table::render(&["memory", "bytes per connection of a node"], &rows),
        )
    }

    fn document(&self) -> Value {
        let rows = self.rows();
        let bytes: Vec<Value> = rows.iter().map(|row| json!({"memory": row.what, "bytes": round(row.bytes)})).collect();
        json!({"machine": system::machine(), "connections": self.count * self.all.len() as f64, "rows": bytes})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_divided_by_the_connections_of_a_node() {
        let found =
            Found { count: 10.0, before: vec![100, 100, 100], one: vec![300, 150, 90], all: vec![400, 400, 500] };
        let bytes: Vec<f64> = found.rows().iter().map(|row| row.bytes).collect();
        assert_eq!(bytes, [20.0, 5.0, -1.0, 30.0, 30.0, 40.0]);
    }
}
