//! The edge of the data plane: from actix-web's types to ours and back. Nothing behind it knows a server.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Sleep, sleep};
use uuid::Uuid;

use crate::traffic::execute::Execute;
use crate::traffic::message::{Body, BodyError, ByteStream, Head, Headers, Peer, Reply, Request};

/// A caller that sends nothing of its body for so long is cut off.
const BODY_IDLE: Duration = Duration::from_secs(15);

/// Answers a request to an API.
pub async fn handle(request: HttpRequest, payload: Payload, execute: &Execute) -> HttpResponse {
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        // Two ends of one body: whoever stands before or behind may see another request in it (RFC 9112, 6.1).
        return HttpResponse::BadRequest().force_close().json(serde_json::json!({"message": "Bad Request"}));
    }
    let request = read(&request, payload, execute.now());
    respond(execute.serve(request).await)
}

/// The host that a request names, without its port.
pub fn host(request: &HttpRequest) -> &str {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| request.uri().host()).unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn read(request: &HttpRequest, payload: Payload, arrived: Duration) -> Request {
    let mut headers = Headers::with_capacity(request.headers().len() + 2);
    for (name, value) in request.headers() {
        headers.append(name.clone(), value.clone());
    }
    let id = headers.last_text("x-amzn-requestid").and_then(|id| Uuid::parse_str(id).ok());
    let head = Head {
        id: id.unwrap_or_else(Uuid::new_v4),
        extended: Head::new_extended(),
        arrived,
        method: request.method().clone(),
        uri: request.uri().clone(),
        host: host(request).to_owned(),
        headers,
        peer: Peer::Address(request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())),
        port: request.app_config().local_addr().port(),
        secure: request.app_config().secure(),
    };
    Request::new(head, body(request, payload))
}

fn body(request: &HttpRequest, payload: Payload) -> Body {
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let length = request.headers().get(CONTENT_LENGTH).filter(|_| !chunked);
    let length = length.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    if length == Some(0) || (length.is_none() && !chunked) {
        return Body::Empty;
    }
    let bytes = Incoming { payload, idle: Box::pin(sleep(BODY_IDLE)) };
    Body::Stream { length, bytes: Box::pin(bytes) }
}

/// A caller's body, that must not stall.
struct Incoming {
    payload: Payload,
    idle: Pin<Box<Sleep>>,
}

impl Stream for Incoming {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.payload.poll_next_unpin(context) {
            Poll::Ready(piece) => {
                let deadline = tokio::time::Instant::now() + BODY_IDLE;
                self.idle.as_mut().reset(deadline);
                Poll::Ready(piece.map(|piece| piece.map_err(|error| BodyError::Broken(error.to_string()))))
            }
            Poll::Pending => match self.idle.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Stalled))),
                Poll::Pending => Poll::Pending,
            },
        }
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
