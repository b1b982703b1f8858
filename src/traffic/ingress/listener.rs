//! The edge of the data plane: from actix-web's types to ours and back. Nothing behind it knows a server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::Version;
use actix_web::http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::guard::Turn;
use crate::traffic::execute::Execute;
use crate::traffic::ids;
use crate::traffic::message::{Body, BodyError, ByteStream, Head, Headers, Peer, Reply, Request};
use crate::traffic::websocket::{self, Door, Management};

/// Who takes what is for WebSocket connections.
#[derive(Clone, Copy)]
pub struct Sockets<'w> {
    /// Opens them.
    pub door: &'w Door,
    /// Answers those who call for them.
    pub management: &'w Management,
}

/// Answers a request to an API, or for its connections, that arrived on this port; or makes a WebSocket connection of the
/// one that it came on.
pub async fn handle(
    request: HttpRequest,
    payload: Payload,
    execute: &Execute,
    Sockets { door, management }: Sockets<'_>,
    port: u16,
) -> HttpResponse {
    // HTTP/1.0 knows no other protocols (RFC 9110, 7.8).
    let may_upgrade = request.version() >= Version::HTTP_11;
    match read(&request, payload, execute.now(), port) {
        Some(asking) if may_upgrade && websocket::is_asked_for(&asking) => {
            let take_over = || Turn::of(&request)?.take_over();
            match door.open(asking, take_over).await {
                // The connection is another's now: what the server answers nobody gets.
                Ok(()) => HttpResponse::Ok().finish(),
                Err(reply) => respond(reply),
            }
        }
        Some(request) => match management.target(&request) {
            Some(target) => respond(management.serve(request, target).await),
            None => respond(execute.serve(request).await),
        },
        None => HttpResponse::BadRequest().force_close().json(serde_json::json!({"message": "Bad Request"})),
    }
}

/// The host that a request names, without its port: none at all, an empty one, if what it names can't be one.
pub fn host(request: &HttpRequest) -> &str {
    authority(request).and_then(host_of).unwrap_or_default()
}

/// What a request names as its host, with its port. What stands in its target overrules the field (RFC 9112, 3.2.2).
fn authority(request: &HttpRequest) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// The host of an authority (RFC 3986, 3.2). There are no users here, and escapes that no name has.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => {
            let mut bytes = host.bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) && !host.contains("..")
        }
    };
    (is_port && is_host && !host.is_empty()).then_some(host)
}

/// The request as ours; nothing if its host or its target is none (RFC 9112, 3.2).
fn read(request: &HttpRequest, payload: Payload, arrived: Duration, port: u16) -> Option<Request> {
    let mut headers = Headers::with_capacity(request.headers().len() + 2);
    for (name, value) in request.headers() {
        headers.append(name.clone(), value.clone());
    }
    let uri = request.uri();
    let host = match authority(request) {
        Some(authority) => host_of(authority)?,
        // HTTP/1.0 knows no hosts; of HTTP/1.1 the server takes no request without one.
        None if request.headers().contains_key(HOST) => return None,
        None => "",
    };
    // In absolute form it names a scheme that we speak; otherwise it is a path: not `*`, and no mere authority.
    if let Some(authority) = uri.authority() {
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return None;
        }
        headers.set(HOST, HeaderValue::from_str(authority.as_str()).ok()?);
    } else if !uri.path().starts_with('/') {
        return None;
    }
    let id = headers.last_text("x-amzn-requestid").and_then(|id| Uuid::parse_str(id).ok());
    let head = Head {
        id: id.unwrap_or_else(ids::long),
        extended: ids::short(),
        arrived,
        method: request.method().clone(),
        uri: uri.clone(),
        host: host.into(),
        headers,
        peer: Peer::Address(request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())),
        port,
        secure: request.app_config().secure(),
    };
    Some(Request::new(head, body(request, payload)))
}

fn body(request: &HttpRequest, payload: Payload) -> Body {
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let length = request.headers().get(CONTENT_LENGTH).filter(|_| !chunked);
    let length = length.and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    if length == Some(0) || (length.is_none() && !chunked) {
        return Body::Empty;
    }
    let bytes = Incoming { payload, turn: Turn::of(request).cloned() };
    Body::Stream { length, bytes: Box::pin(bytes) }
}

/// A caller's body, of which the connection's guard knows why it ended if it ended early.
struct Incoming {
    payload: Payload,
    turn: Option<Rc<Turn>>,
}

impl Stream for Incoming {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.payload.poll_next_unpin(context).map_err(|error| match &self.turn {
            Some(turn) if turn.is_late() => BodyError::Stalled,
            _ => BodyError::Broken(error.to_string()),
        })
    }
}

fn respond(reply: Reply) -> HttpResponse {
    let mut response = HttpResponse::build(reply.status).message_body(Outgoing::from(reply.body));
    if let Ok(response) = &mut response {
        let headers = response.headers_mut();
        for (name, value) in reply.headers {
            headers.append(name, value);
        }
    }
    response.map_or_else(|_| HttpResponse::InternalServerError().finish(), HttpResponse::map_into_boxed_body)
}

/// A reply's body, as actix-web wants it.
enum Outgoing {
    Empty,
    Whole(Bytes),
    Stream { length: Option<u64>, bytes: ByteStream },
}

impl From<Body> for Outgoing {
    fn from(body: Body) -> Self {
        match body {
            Body::Empty => Self::Empty,
            Body::Whole(bytes) => Self::Whole(bytes),
            Body::Stream { length, bytes } => Self::Stream { length, bytes },
        }
    }
}

impl MessageBody for Outgoing {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        match self {
            Self::Empty => BodySize::Sized(0),
            Self::Whole(bytes) => BodySize::Sized(bytes.len() as u64),
            Self::Stream { length: Some(length), .. } => BodySize::Sized(*length),
            Self::Stream { length: None, .. } => BodySize::Stream,
        }
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Self::Stream { bytes, .. } => match bytes.as_mut().poll_next(context) {
                Poll::Ready(piece) => Poll::Ready(piece.map(|piece| piece.map_err(Into::into))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Whole(bytes) => Ok(bytes),
            stream @ Self::Stream { .. } => Err(stream),
        }
    }

    fn boxed(self) -> BoxBody {
        match self {
            Self::Empty => BoxBody::new(Bytes::new()),
            Self::Whole(bytes) => BoxBody::new(bytes),
            stream @ Self::Stream { .. } => BoxBody::new(stream),
        }
    }
}
