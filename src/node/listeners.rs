//! The node's listeners: APIs, control plane, metrics, and both planes on one port where that is wanted.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::web::{self, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use metrics_exporter_prometheus::PrometheusHandle;
use turnpike_cluster::Cluster;

use super::{Config, Error, admin};
use crate::control::{Control, listener as control_listener};
use crate::observe::clock::Clock;
use crate::observe::process;
use crate::traffic::execute::explain::Explain;
use crate::traffic::execute::{Execute, Limits, Owner, address};
use crate::traffic::ingress::listener as traffic_listener;
use crate::traffic::integration::Upstream;
use crate::traffic::stage::Directory;

/// A caller has so long to send the head of its request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// A connection without a request is kept for so long; a little under AWS's 310 s.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
/// Connections of one worker.
const CONNECTIONS: usize = 25_000;

/// Where a node listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// APIs.
    pub gateway: SocketAddr,
    /// The control plane.
    pub admin: SocketAddr,
    /// Metrics.
    pub metrics: SocketAddr,
    /// Other nodes.
    pub cluster: SocketAddr,
    /// Both planes.
    pub edge: Option<SocketAddr>,
}

/// Sockets that are bound and not yet served.
pub(super) struct Sockets {
    gateway: TcpListener,
    admin: TcpListener,
    metrics: TcpListener,
    edge: Option<TcpListener>,
}

impl Sockets {
    /// The ports at which APIs are served: alone, and together with the control plane.
    pub(super) fn ports(&self) -> Result<(u16, Option<u16>), Error> {
        let port = |what, flag, socket: &TcpListener| {
            let bound = socket.local_addr().map(|address| address.port());
            bound.map_err(|source| Error::Listen { what, flag, address: "the bound socket".to_owned(), source })
        };
        let edge = self.edge.as_ref().map(|socket| port("both planes", "edge", socket)).transpose()?;
        Ok((port("APIs", "gateway", &self.gateway)?, edge))
    }
}

/// What the listeners' handlers work with.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) control: Control,
    pub(super) cluster: Cluster,
    pub(super) directory: Directory,
    pub(super) clock: Clock,
    /// Whose gateway this is.
    pub(super) owner: Arc<Owner>,
    pub(super) limits: Limits,
    pub(super) explain: Explain,
    pub(super) tls: Upstream,
    pub(super) recorder: PrometheusHandle,
    pub(super) ready: Arc<AtomicBool>,
    /// Held while a backup is received: one at a time takes the disk's room.
    pub(super) restoring: Arc<tokio::sync::Mutex<()>>,
}

/// The servers of a node.
pub(super) struct Servers {
    /// Those that serve requests to APIs: they are drained first.
    traffic: Vec<ServerHandle>,
    others: Vec<ServerHandle>,
    ready: Arc<AtomicBool>,
}

impl Servers {
    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    pub(super) async fn stop(&self) {
        self.set_ready(false);
        for server in &self.traffic {
            server.stop(true).await;
        }
        for server in &self.others {
            server.stop(false).await;
        }
    }
}

/// An actix-web server whose every request goes to one handler; each worker thread has a [`Worker`] of its own.
macro_rules! server {
    ($listener:expr, $workers:expr, $drain:expr, $shared:expr, $handler:ident) => {{
        let shared: Shared = $shared.clone();
        let factory =
            move || App::new().app_data(Rc::new(Worker::new(shared.clone()))).default_service(web::to($handler));
        HttpServer::new(factory)
            .workers($workers)
            .max_connections(CONNECTIONS)
            .client_request_timeout(HEAD_DEADLINE)
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .shutdown_timeout($drain)
            .disable_signals()
            .listen($listener)
            .map(|server| start(server.run()))
    }};
}

pub(super) fn bind(config: &Config) -> Result<Sockets, Error> {
    let bind = |what, flag, address: SocketAddr| {
        TcpListener::bind(address).map_err(|source| Error::Listen { what, flag, address: address.to_string(), source })
    };
    Ok(Sockets {
        gateway: bind("APIs", "gateway", config.gateway)?,
        admin: bind("control plane", "admin", config.admin)?,
        metrics: bind("metrics", "metrics", config.metrics)?,
        edge: config.edge.map(|edge| bind("both planes", "edge", edge)).transpose()?,
    })
}

pub(super) fn serve(sockets: Sockets, shared: Shared, config: &Config) -> Result<(Servers, Addresses), Error> {
    let failed =
        |what, flag| move |source| Error::Listen { what, flag, address: "the bound socket".to_owned(), source };
    let address = |listener: &TcpListener| listener.local_addr();
    let addresses = Addresses {
        gateway: address(&sockets.gateway).map_err(failed("APIs", "gateway"))?,
        admin: address(&sockets.admin).map_err(failed("control plane", "admin"))?,
        metrics: address(&sockets.metrics).map_err(failed("metrics", "metrics"))?,
        cluster: config.cluster,
        edge: sockets.edge.as_ref().map(address).transpose().map_err(failed("both planes", "edge"))?,
    };
    let drain = config.drain.as_secs();
    let gateway = server!(sockets.gateway, config.workers, drain, shared, gateway);
    let mut traffic = vec![gateway.map_err(failed("APIs", "gateway"))?];
    if let Some(socket) = sockets.edge {
        let both = server!(socket, 1, drain, shared, edge);
        traffic.push(both.map_err(failed("both planes", "edge"))?);
    }
    let admin = server!(sockets.admin, 1, drain, shared, admin);
    let metrics = server!(sockets.metrics, 1, drain, shared, metrics);
    let others = vec![admin.map_err(failed("control plane", "admin"))?, metrics.map_err(failed("metrics", "metrics"))?];
    Ok((Servers { traffic, others, ready: shared.ready }, addresses))
}

/// What one worker thread works with; its connections to backends are its own.
struct Worker {
    execute: Execute,
    shared: Shared,
}

impl Worker {
    fn new(shared: Shared) -> Self {
        let (directory, tls, clock) = (shared.directory.clone(), Arc::clone(shared.tls.plain()), shared.clock.clone());
        let owner = Arc::clone(&shared.owner);
        Self { execute: Execute::new(directory, tls, clock, owner, shared.limits, shared.explain.clone()), shared }
    }

    fn of(request: &HttpRequest) -> Rc<Self> {
        Rc::clone(request.app_data::<Rc<Self>>().expect("every server is given its worker"))
    }
}

fn start(server: Server) -> ServerHandle {
    let handle = server.handle();
    actix_web::rt::spawn(server);
    handle
}

/// APIs.
async fn gateway(request: HttpRequest, payload: Payload) -> HttpResponse {
    let worker = Worker::of(&request);
    traffic_listener::handle(request, payload, &worker.execute).await
}

/// The control plane, and the node's own endpoints.
async fn admin(request: HttpRequest, payload: Payload) -> HttpResponse {
    let shared = &Worker::of(&request).shared;
    match admin::handle(&request, payload, shared).await {
        Ok(response) => response,
        Err(payload) => control_listener::handle(&request, payload, &shared.control).await,
    }
}

/// Both planes: what names an API goes to it, everything else to the control plane.
async fn edge(request: HttpRequest, payload: Payload) -> HttpResponse {
    let host = traffic_listener::host(&request);
    let is_name = || Worker::of(&request).shared.directory.names().find(host).is_some();
    if address::find(host, request.uri().path()).is_some() || is_name() {
        gateway(request, payload).await
    } else {
        admin(request, payload).await
    }
}

/// Prometheus.
async fn metrics(request: HttpRequest, _: Payload) -> HttpResponse {
    if request.uri().path() != "/metrics" {
        return HttpResponse::NotFound().body("metrics are at /metrics\n");
    }
    let shared = &Worker::of(&request).shared;
    super::record(&shared.cluster.metrics());
    process::record();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(shared.recorder.render())
}
