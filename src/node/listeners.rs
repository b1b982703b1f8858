//! The node's listeners: APIs, control plane, metrics, and both planes on one port where that is wanted.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::web::{self, Payload};
use actix_web::{App, HttpRequest, HttpResponse};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpStream;
use turnpike_cluster::Cluster;

use super::service::Service;
use super::{Config, Error, admin};
use crate::control::{Control, listener as control_listener};
use crate::observe::clock::Clock;
use crate::observe::process;
use crate::traffic::execute::explain::Explain;
use crate::traffic::execute::{Execute, Limits, Owner, Reach, address};
use crate::traffic::ingress::guard::{Guard, Patience, Turn};
use crate::traffic::ingress::listener as traffic_listener;
use crate::traffic::stage::Directory;
use crate::traffic::usage::{Desk, Register};
use crate::traffic::websocket::{self, Door, Management, Places, Registry};

/// A caller has so long to send the head of its request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// A caller of an API that sends nothing of its request's body for so long is cut off.
const BODY_IDLE: Duration = Duration::from_secs(15);
/// A caller of an API has so long to send its request, head and body.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// An operator that sends nothing for so long is cut off. Backups are as long as they are, and each room of the control
/// plane has a deadline of its own that is shorter, with words to go with it.
const OPERATOR_IDLE: Duration = Duration::from_secs(60);
/// A connection ends so long after the answer to a request whose body nobody wanted.
const DISCONNECT: Duration = Duration::from_secs(1);
/// A connection without a request is kept for so long; a little under AWS's 310 s.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
/// Connections of one worker. WebSocket connections are among them only while they are being opened.
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
    pub(super) connections: websocket::Limits,
    pub(super) explain: Explain,
    pub(super) reach: Reach,
    pub(super) recorder: PrometheusHandle,
    /// Keys and usage plans.
    pub(super) register: Register,
    /// Calls for WebSocket connections.
    pub(super) management: Management,
    /// WebSocket connections, and the places for them.
    pub(super) registry: Registry,
    pub(super) places: Places,
    pub(super) service: Service,
    /// Held while a backup is received: one at a time takes the disk's room.
    pub(super) restoring: Arc<tokio::sync::Mutex<()>>,
}

impl Shared {
    /// What runs requests and events, with connections to backends of its own: one for a thread.
    pub(super) fn execute(&self) -> Execute {
        let (directory, clock, owner) = (self.directory.clone(), self.clock.clone(), Arc::clone(&self.owner));
        let desk = Desk::new(self.register.clone());
        Execute::new(directory, self.reach.clone(), clock, owner, self.limits, self.explain.clone(), desk)
    }
}

/// The servers of a node.
pub(super) struct Servers {
    /// Those that serve requests to APIs: they are drained first.
    traffic: Vec<ServerHandle>,
    others: Vec<ServerHandle>,
}

impl Servers {
    pub(super) async fn stop(&self) {
        for server in &self.traffic {
            server.stop(true).await;
        }
        for server in &self.others {
            server.stop(false).await;
        }
    }
}

/// How long callers of APIs may take.
const CALLERS: Patience = Patience { head: HEAD_DEADLINE, idle: BODY_IDLE, whole: Some(REQUEST_DEADLINE) };
/// How long operators may take.
const OPERATORS: Patience = Patience { head: HEAD_DEADLINE, idle: OPERATOR_IDLE, whole: None };

/// An actix-web server whose every request goes to one handler, and whose every connection is guarded; each worker
/// thread has a [`Worker`] of its own.
///
/// It is put together here, from the same parts as actix-web's `HttpServer`, because that one has no place for a guard.
macro_rules! server {
    ($listener:expr, $workers:expr, $patience:expr, $drain:expr, $shared:expr, $handler:ident) => {{
        let (listener, shared): (TcpListener, Shared) = ($listener, $shared.clone());
        let builder = Server::build()
            .workers($workers)
            .max_concurrent_connections(CONNECTIONS)
            .shutdown_timeout($drain)
            .disable_signals();
        let stopping = builder.graceful_shutdown_signal();
        listener.local_addr().and_then(|address| {
            let factory = move || {
                let worker = Rc::new(Worker::new(shared.clone(), address.port()));
                let app = App::new().app_data(worker).default_service(web::to(async |request, payload| {
                    let turn = Turn::of(&request).cloned();
                    let response = $handler(request, payload).await;
                    if let Some(turn) = turn {
                        turn.pass();
                    }
                    response
                }));
                let app = app.into_factory().map_err(|error| error.error_response());
                let stopping = stopping.clone();
                let stopping = move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                };
                let http = HttpService::build()
                    .graceful_shutdown_signal(stopping)
                    .client_request_timeout(HEAD_DEADLINE)
                    .client_disconnect_timeout(DISCONNECT)
                    .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
                    .on_connect_ext(|guard: &Guard<TcpStream>, data| {
                        data.insert(guard.turn());
                    })
                    .finish(map_config(app, |()| AppConfig::default()));
                let guarded = fn_service(async |stream: TcpStream| {
                    let peer = stream.peer_addr().ok();
                    Ok::<_, DispatchError>((Guard::new(stream, $patience), Protocol::Http1, peer))
                });
                guarded.and_then(http)
            };
            builder.listen(stringify!($handler), listener, factory).map(|builder| start(builder.run()))
        })
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
    let gateway = server!(sockets.gateway, config.workers, CALLERS, drain, shared, gateway);
    let mut traffic = vec![gateway.map_err(failed("APIs", "gateway"))?];
    if let Some(socket) = sockets.edge {
        let both = server!(socket, 1, CALLERS, drain, shared, edge);
        traffic.push(both.map_err(failed("both planes", "edge"))?);
    }
    let admin = server!(sockets.admin, 1, OPERATORS, drain, shared, admin);
    let metrics = server!(sockets.metrics, 1, OPERATORS, drain, shared, metrics);
    let others = vec![admin.map_err(failed("control plane", "admin"))?, metrics.map_err(failed("metrics", "metrics"))?];
    Ok((Servers { traffic, others }, addresses))
}

/// What one worker thread works with; its connections to backends are its own.
struct Worker {
    execute: Rc<Execute>,
    door: Door,
    shared: Shared,
    /// The port that its requests arrive on.
    port: u16,
}

impl Worker {
    fn new(shared: Shared, port: u16) -> Self {
        let execute = Rc::new(shared.execute());
        // Ids of connections have room for numbers of nodes up to this; nobody gives larger ones.
        let node = u32::try_from(shared.cluster.id()).unwrap_or(u32::MAX);
        let (registry, places) = (shared.registry.clone(), shared.places.clone());
        let door = Door::new(Rc::clone(&execute), registry, places, shared.connections, node);
        Self { execute, door, shared, port }
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
    let Worker { execute, door, shared, port } = &*worker;
    let sockets = traffic_listener::Sockets { door, management: &shared.management };
    traffic_listener::handle(request, payload, execute, sockets, *port).await
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
