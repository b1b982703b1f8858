//! The servers that are measured, each started on the same core.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::cores;
use crate::gateway::admin::Admin;
use crate::gateway::turnpike::{self, Addresses, Launch};
use crate::process::Process;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);
/// Node's `ws`, as its documentation has a server that echoes.
const WS: &str = "
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })));
server.on('listening', () => console.log('listening 127.0.0.1:' + server.address().port));
";

/// Where connections are made.
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) path: String,
    /// Where the log of a load goes.
    pub(super) log: PathBuf,
}

/// A server that echoes.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) target: Target,
    pub(super) process: Process,
}

/// Which servers, and where they run.
pub(super) struct Servers<'a> {
    pub(super) turnpike: Option<&'a Path>,
    pub(super) ws: Option<&'a Path>,
    pub(super) cores: &'a str,
    pub(super) directory: &'a Path,
}

impl Servers<'_> {
    /// Starts all of them: the yardstick, Turnpike, and Node's where it is wanted.
    pub(super) async fn start(&self) -> anyhow::Result<Vec<Server>> {
        let mut command = cores::pinned(&std::env::current_exe().context("cannot find this program")?, self.cores);
        command.arg("websocket-yardstick");
        let yardstick = self.listening("actix-web-actors", command).await?;
        let mut servers = vec![yardstick, self.turnpike().await?];
        if let Some(folder) = self.ws {
            let mut command = cores::pinned("node".as_ref(), self.cores);
            command.current_dir(folder).args(["-e", WS]);
            servers.push(self.listening("Node's ws", command).await?);
        }
        Ok(servers)
    }

    async fn listening(&self, name: &'static str, command: Command) -> anyhow::Result<Server> {
        let mut process = Process::spawn(command, &self.directory.join(format!("{name}.log")))?;
        let address = process.announced("listening ", PATIENCE).await.context(name)?.parse()?;
        let log = self.directory.join(format!("{name}-load.log"));
        Ok(Server { name, target: Target { address, path: "/".to_owned(), log }, process })
    }

    /// A node with an API whose one route says each message once more, by templates alone.
    async fn turnpike(&self) -> anyhow::Result<Server> {
        let program = turnpike::program(self.turnpike)?;
        let launch = Launch {
            program: &program,
            data: self.directory.join("node"),
            listen: Addresses::free(),
            join: None,
            secret: turnpike::SECRET,
            cores: self.cores,
            workers: 1,
            root: None,
        };
        // What is measured are echoes, not what a route may be called at most.
        let node = launch.start_with(&["--websocket-connections", "1000000"]).await?;
        let admin = Admin::new(node.addresses.admin)?;
        let api = api(&admin).await.context("cannot set up an API")?;
        let log = self.directory.join("turnpike-load.log");
        let target = Target { address: node.addresses.gateway, path: format!("/_aws/execute-api/{api}/prod"), log };
        Ok(Server { name: "Turnpike", target, process: node.process })
    }
}

async fn api(admin: &Admin) -> anyhow::Result<String> {
    let made = async |path: String, body: Value, id: &str| {
        let answer = admin.call(Method::POST, &path, body).await?;
        let id = answer.get(id).and_then(Value::as_str).map(str::to_owned);
        id.with_context(|| format!("{path} was answered without an id: {answer}"))
    };
    let words =
        json!({ "name": "echo", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action" });
    let api = made("/v2/apis".to_owned(), words, "apiId").await?;
    let at = |path: &str| format!("/v2/apis/{api}/{path}");
    let template = r#"#set($context.requestOverride.path.said = $input.body){"statusCode": 200}"#;
    let mock = json!({
        "integrationType": "MOCK", "templateSelectionExpression": "\\$default",
        "requestTemplates": { "$default": template },
    });
    let integration = made(at("integrations"), mock, "integrationId").await?;
    let response = json!({
        "integrationResponseKey": "$default", "templateSelectionExpression": "\\$default",
        "responseTemplates": { "$default": "$context.requestOverride.path.said" },
    });
    admin.call(Method::POST, &at(&format!("integrations/{integration}/integrationresponses")), response).await?;
    let route = json!({
        "routeKey": "echo", "target": format!("integrations/{integration}"),
        "routeResponseSelectionExpression": "$default",
    });
    let route = made(at("routes"), route, "routeId").await?;
    let response = json!({ "routeResponseKey": "$default" });
    admin.call(Method::POST, &at(&format!("routes/{route}/routeresponses")), response).await?;
    admin.call(Method::POST, &at("stages"), json!({ "stageName": "prod" })).await?;
    admin.call(Method::POST, &at("deployments"), json!({ "stageName": "prod" })).await?;
    Ok(api)
}
