//! Where connections are opened: the handshake, what `$connect` says, and the actor.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use tokio::net::TcpStream;

use super::connection::{ConnectionActor, Opened, Station};
use super::handshake;
use super::limits::Limits;
use super::places::{Lack, Place, Places};
use super::registry::Registry;
use crate::model::connection::ConnectionId;
use crate::model::rest::GatewayResponseType;
use crate::traffic::execute::Execute;
use crate::traffic::execute::socket::Connected;
use crate::traffic::message::{Refusal, Reply, Request};

/// A client of which nothing is heard for so long is asked by the kernel whether it is still there,
const KEEPALIVE: Duration = Duration::from_secs(60);
/// then so often, each time after so long:
const PROBES: u32 = 4;
const PROBE: Duration = Duration::from_secs(15);

/// A worker thread's door.
pub struct Door {
    station: Rc<Station>,
    registry: Registry,
    places: Places,
    node: u32,
}

impl Door {
    /// The door of a thread, for connections of this node.
    pub fn new(execute: Rc<Execute>, registry: Registry, places: Places, limits: Limits, node: u32) -> Self {
        Self { station: Rc::new(Station::new(execute, limits)), registry, places, node }
    }

    /// Opens the connection that a request asks for, on what `take_over` gives; or has an answer instead, which is also
    /// what a request gets that is for no WebSocket API.
    pub async fn open(
        &self,
        request: Request,
        take_over: impl FnOnce() -> Option<(TcpStream, Vec<u8>)>,
    ) -> Result<(), Reply> {
        let id = ConnectionId::random(self.node);
        let arrived = request.arrived;
        let (checked, verdict) = match self.check(&request) {
            Ok(checked) => (Some(checked), Ok(())),
            Err(refusal) => (None, Err(refusal)),
        };
        let connected = self.station.execute.connect(request, id, verdict).await?;
        // Neither can be missing: nothing is opened against the verdict, and nobody else takes the connection over.
        let (Some((accept, place)), Some((socket, later))) = (checked, take_over()) else { return Ok(()) };
        self.begin(connected, &accept, place, (socket, later), arrived);
        Ok(())
    }

    /// What a connection's handshake is answered with, and its place.
    fn check(&self, request: &Request) -> Result<(String, Place), Refusal> {
        if self.registry.is_draining() {
            return Err(unavailable("the node is drained, or about to end"));
        }
        let place = self.places.take(&self.station.limits).map_err(|lack| match lack {
            Lack::Connections => unavailable("the node has as many connections as it may"),
            Lack::Pending => too_many("too many connections are being opened"),
            Lack::Pace => too_many("more connections are asked for than the node opens in a second"),
        })?;
        Ok((handshake::check(request)?, place))
    }

    fn begin(
        &self,
        connected: Connected,
        accept: &str,
        mut place: Place,
        (socket, later): (TcpStream, Vec<u8>),
        arrived: Duration,
    ) {
        place.opened();
        if let Err(error) = keep_alive(&socket) {
            tracing::debug!(%error, "the socket of a connection can't be set up");
        }
        let Connected { connection, headers, groups } = connected;
        let opening = handshake::opening(accept, arrived, &headers);
        let opened = Opened { connection, opening, socket, later, groups, place };
        ConnectionActor::open(&self.station, &self.registry, opened);
    }
}

/// Small messages are sent at once, and a client that is gone without a word is noticed.
fn keep_alive(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    set_socket_keepalive(socket, true)?;
    set_tcp_keepidle(socket, KEEPALIVE)?;
    set_tcp_keepintvl(socket, PROBE)?;
    set_tcp_keepcnt(socket, PROBES)?;
    Ok(())
}

fn too_many(reason: &'static str) -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::Throttled),
        error_type: "TooManyRequestsException",
        reason: Cow::Borrowed(reason),
        ..Refusal::bad_request(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
    }
}

fn unavailable(reason: &'static str) -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::Default5xx),
        error_type: "ServiceUnavailableException",
        reason: Cow::Borrowed(reason),
        ..Refusal::bad_request(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
    }
}
