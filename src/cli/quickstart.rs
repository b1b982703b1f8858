//! `turnpike quickstart`: one node, a pet store behind it, a sample API in front of that, and how to try it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use turnpike_cluster::{RESERVE, Start};

use super::remote::Remote;
use super::{default_data, log, output, petstore, serve};
use crate::functions;
use crate::identity::sigv4::Credentials;
use crate::node::{Config, Connections, Limits, Node};

/// One node on this machine, with a sample API, and how to try it.
#[derive(Args)]
pub(super) struct Arguments {
    /// Directory that the node keeps everything in.
    #[arg(long, env = "TURNPIKE_DATA", default_value_os_t = default_data())]
    data: PathBuf,
    /// Port of the APIs.
    #[arg(long, default_value_t = 8080)]
    gateway_port: u16,
    /// Port of the control plane.
    #[arg(long, default_value_t = 9000)]
    admin_port: u16,
    /// Port of the metrics.
    #[arg(long, default_value_t = 9090)]
    metrics_port: u16,
    /// Port for other nodes.
    #[arg(long, default_value_t = 9400)]
    cluster_port: u16,
    /// Port of both planes together.
    #[arg(long, default_value_t = 4566)]
    edge_port: u16,
    /// Run functions, as processes of this machine: a Lambda that is built in. The directory that they work in, or "on"
    /// for one in the quickstart's own. See `turnpike serve --help` for what they may do.
    #[arg(long, env = "TURNPIKE_FUNCTIONS", value_name = "DIR")]
    functions: Option<PathBuf>,
}

/// What the quickstart leaves for `turnpike env`, readable by its owner alone.
#[derive(Serialize, Deserialize)]
pub(super) struct Left {
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) backend_port: u16,
}

const REGION: &str = "us-east-1";
const API_NAME: &str = "Pet store";
const STAGE: &str = "dev";

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    log::start("warn,openraft=error,access=info");
    actix_web::rt::System::new().block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let left = read(&arguments.data)?;
    let backend = backend(left.as_ref().map(|left| left.backend_port))?;
    let backend_port = backend.local_addr()?.port();
    petstore::start(backend)?;
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let node = Node::start(Config {
        data: arguments.data.clone(),
        node_id: None,
        gateway: local(arguments.gateway_port),
        admin: local(arguments.admin_port),
        metrics: local(arguments.metrics_port),
        cluster: local(arguments.cluster_port),
        edge: Some(local(arguments.edge_port)),
        advertise: None,
        start: Start::Bootstrap,
        learner: false,
        secret: None,
        join_token: None,
        root: serve::root()?,
        admin_auth: true,
        account: "000000000000".to_owned(),
        region: REGION.to_owned(),
        workers: serve::processors(),
        limits: Limits::default(),
        connections: Connections::default(),
        longest_integration: Duration::from_secs(29),
        settle_within: Duration::from_secs(10),
        reserve: RESERVE,
        drain: Duration::from_secs(5),
        websocket_drain: Duration::from_secs(1),
        functions: functions::Settings::asked_for(arguments.functions, &arguments.data),
    })
    .await?;
    let endpoint = format!("http://{}", node.addresses.edge.unwrap_or(node.addresses.admin));
    let credentials = node.root.credentials.clone();
    let left = Left {
        endpoint: endpoint.clone(),
        region: REGION.to_owned(),
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
        backend_port,
    };
    write(&arguments.data, &left)?;
    let remote = Remote::new(&endpoint, credentials.clone(), REGION)?;
    let (api, found) = sample(&remote, backend_port).await.context("can't deploy the sample API")?;
    tell(&node, &api, found, &credentials, &arguments.data);
    node.run().await?;
    Ok(())
}

/// The backend's socket; the port of the run before if it is free, since the sample API names it.
fn backend(port: Option<u16>) -> std::io::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    port.map_or_else(|| bind(0), |port| bind(port).or_else(|_| bind(0)))
}

/// Finds the sample API, or builds it as a user would: by the control plane. Answers with its id, and whether it was there.
async fn sample(remote: &Remote, backend_port: u16) -> anyhow::Result<(String, bool)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let uri = |path: &str| format!("http://${{stageVariables.backend}}/{path}");
    let host = format!("127.0.0.1:{backend_port}");
    let apis = remote.call("GET", "/restapis?limit=500", None).await?;
    let known = apis["item"].as_array().into_iter().flatten().find(|api| api["name"] == API_NAME);
    if let Some(api) = known {
        let id = text(&api["id"]);
        let patch = json!({"patchOperations": [{"op": "replace", "path": "/variables/backend", "value": host}]});
        remote.call("PATCH", &format!("/restapis/{id}/stages/{STAGE}"), Some(patch)).await?;
        return Ok((id, true));
    }
    let description = "A sample that the quickstart made";
    let new = json!({"name": API_NAME, "description": description, "endpointConfiguration": {"types": ["REGIONAL"]}});
    let api = remote.call("POST", "/restapis", Some(new)).await?;
    let (id, root) = (text(&api["id"]), text(&api["rootResourceId"]));
    let resources = format!("/restapis/{id}/resources");
    let create = async |parent: &str, part: &str| {
        let made = remote.call("POST", &format!("{resources}/{parent}"), Some(json!({"pathPart": part}))).await?;
        anyhow::Ok(text(&made["id"]))
    };
    let pets = create(&root, "pets").await?;
    let pet = create(&pets, "{petId}").await?;
    for (resource, verb, path, parameter) in
        [(&pets, "GET", "pets", false), (&pets, "POST", "pets", false), (&pet, "GET", "pets/{petId}", true)]
    {
        let method = format!("{resources}/{resource}/methods/{verb}");
        let (declared, mapped) = if parameter {
            (
                json!({"method.request.path.petId": true}),
                json!({"integration.request.path.petId": "method.request.path.petId"}),
            )
        } else {
            (json!({}), json!({}))
        };
        let body = json!({"authorizationType": "NONE", "requestParameters": declared});
        remote.call("PUT", &method, Some(body)).await?;
        let body = json!({"type": "HTTP_PROXY", "httpMethod": verb, "uri": uri(path), "requestParameters": mapped});
        remote.call("PUT", &format!("{method}/integration"), Some(body)).await?;
    }
    let body = json!({"stageName": STAGE, "variables": {"backend": host}});
    remote.call("POST", &format!("/restapis/{id}/deployments"), Some(body)).await?;
    Ok((id, false))
}

fn tell(node: &Node, api: &str, found: bool, credentials: &Credentials, data: &Path) {
    let addresses = node.addresses;
    let edge = addresses.edge.unwrap_or(addresses.admin);
    let binary = std::env::current_exe().map_or_else(|_| "turnpike".to_owned(), |path| path.display().to_string());
    let made = if found { "Found the sample API of an earlier run" } else { "Deployed a sample API" };
    let data_flag = if data == default_data() { String::new() } else { format!(" --data {}", data.display()) };
    output::say(format!(
        "
Turnpike is running. Its data is in {data}; end it with Ctrl-C.

  Control plane and APIs   http://{edge}
  APIs alone               http://{gateway}
  Control plane alone      http://{admin}
  Metrics                  http://{metrics}/metrics
  Access key               {key}
  Secret key               {secret}

{made} ({api}) in front of a pet store.

Try it, in another shell:

  curl http://{edge}/_aws/execute-api/{api}/{STAGE}/pets

  eval \"$({binary} env{data_flag})\" && aws apigateway get-resources --rest-api-id {api}

  eval \"$({binary} env{data_flag})\" && python3 -c 'import boto3; print(boto3.client(\"apigateway\").get_stages(restApiId=\"{api}\")[\"item\"])'
",
        data = data.display(),
        gateway = addresses.gateway,
        admin = addresses.admin,
        metrics = addresses.metrics,
        key = credentials.access_key_id,
        secret = credentials.secret_access_key,
    ));
}

/// What the last quickstart left in a directory.
pub(super) fn read(data: &Path) -> anyhow::Result<Option<Left>> {
    let path = data.join("quickstart.json");
    match std::fs::read(&path) {
        Ok(bytes) => {
            Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("can't read {}", path.display()))?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
    }
}

fn write(data: &Path, left: &Left) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = data.join("quickstart.json");
    let file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
    let mut file = file.with_context(|| format!("can't write {}", path.display()))?;
    file.write_all(&serde_json::to_vec_pretty(left)?)?;
    Ok(())
}
