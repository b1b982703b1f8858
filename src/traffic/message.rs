//! Requests, replies and refusals, as all rooms of the data plane know them; no server's and no client's types.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use uuid::Uuid;

use crate::model::rest::GatewayResponseType;

/// Header fields in order, duplicates kept.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// None yet, with room for so many.
    pub fn with_capacity(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    /// Adds a field behind those that are there.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.push((name, value));
    }

    /// Puts a field in the place of all of its name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(&name);
        self.append(name, value);
    }

    /// Takes all fields of a name away.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The last value of a name.
    pub fn last(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The last value of a name given as text, in any case of letters, if it is text itself.
    pub fn last_text(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter().rev();
        let (_, value) = fields.find(|(known, _)| known.as_str().eq_ignore_ascii_case(name))?;
        value.to_str().ok()
    }

    /// All values of a name given as text, in any case of letters.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a HeaderValue> {
        self.0.iter().filter(move |(known, _)| known.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }

    /// How many bytes the fields take on the wire, `name: value\r\n` each.
    pub fn wire_size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
    }
}

impl IntoIterator for Headers {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The bytes of a message, as they come. Only the worker that owns the connection reads them.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>>>>;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than allowed.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The most that is allowed, in bytes.
        limit: u64,
    },
    /// Nothing came for too long.
    #[error("the sender stopped sending")]
    Stalled,
    /// The connection broke, or what came is not well formed.
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// The body of a request or a reply.
pub enum Body {
    /// No body at all.
    Empty,
    /// A body that is here.
    Whole(Bytes),
    /// A body that is still coming, with its length where that is known.
    Stream {
        /// In bytes.
        length: Option<u64>,
        /// The bytes.
        bytes: ByteStream,
    },
}

impl Body {
    /// The same body, which can't have more than `limit` bytes: one that is known to be longer is none, and one that turns
    /// out to be is cut off.
    pub fn bounded(self, limit: u64) -> Result<Self, BodyError> {
        match self {
            Self::Stream { length: Some(length), .. } if length > limit => Err(BodyError::TooLong { limit }),
            Self::Whole(bytes) if bytes.len() as u64 > limit => Err(BodyError::TooLong { limit }),
            Self::Stream { length: None, bytes } => {
                Ok(Self::Stream { length: None, bytes: Box::pin(Bounded { bytes, limit, left: limit }) })
            }
            body @ (Self::Empty | Self::Whole(_) | Self::Stream { .. }) => Ok(body),
        }
    }

    /// Waits for the whole body, if it has at most `limit` bytes; a longer one is still coming, and lacks nothing.
    pub async fn gathered(self, limit: u64) -> Result<Self, BodyError> {
        let Self::Stream { length, mut bytes } = self else { return Ok(self) };
        if length.is_some_and(|length| length > limit) {
            return Ok(Self::Stream { length, bytes });
        }
        let mut start = BytesMut::new();
        while start.len() as u64 <= limit {
            match bytes.next().await {
                Some(piece) => start.extend_from_slice(&piece?),
                None => return Ok(Self::Whole(start.freeze())),
            }
        }
        let start = stream::once(async { Ok(start.freeze()) });
        Ok(Self::Stream { length, bytes: Box::pin(start.chain(bytes)) })
    }

    /// Waits for the whole body, which may have at most `limit` bytes.
    pub async fn whole(self, limit: u64) -> Result<Bytes, BodyError> {
        let fits = |length: usize| if length as u64 > limit { Err(BodyError::TooLong { limit }) } else { Ok(()) };
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Whole(bytes) => fits(bytes.len()).map(|()| bytes),
            Self::Stream { length: Some(length), .. } if length > limit => Err(BodyError::TooLong { limit }),
            Self::Stream { mut bytes, .. } => {
                let mut whole = BytesMut::new();
                while let Some(piece) = bytes.next().await {
                    let piece = piece?;
                    fits(whole.len() + piece.len())?;
                    whole.extend_from_slice(&piece);
                }
                Ok(whole.freeze())
            }
        }
    }
}

struct Bounded {
    bytes: ByteStream,
    limit: u64,
    left: u64,
}

impl Stream for Bounded {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.bytes.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(piece))) => match this.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    this.left = left;
                    Poll::Ready(Some(Ok(piece)))
                }
                None => Poll::Ready(Some(Err(BodyError::TooLong { limit: this.limit }))),
            },
            other => other,
        }
    }
}

/// A request: its head, which all who look at it share, and its body.
pub struct Request {
    head: Rc<Head>,
    /// Its body.
    pub body: Body,
}

/// A request as it arrived, and how; all but its body.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its id: the caller's, where that is a UUID, or a new one.
    pub id: Uuid,
    /// What AWS calls its extended id, before it is spelled out.
    pub extended: [u8; 11],
    /// When it arrived, since 1970.
    pub arrived: Duration,
    /// Its verb.
    pub method: Method,
    /// Path and query as they were sent.
    pub uri: Uri,
    /// The host that was asked for, without a port.
    pub host: Rc<str>,
    /// Header fields.
    pub headers: Headers,
    /// Who sent it.
    pub peer: Peer,
    /// The port that it arrived on.
    pub port: u16,
    /// Whether it came over TLS.
    pub secure: bool,
}

impl Request {
    /// A request of these.
    pub fn new(head: Head, body: Body) -> Self {
        Self { head: Rc::new(head), body }
    }

    /// The head, to be kept.
    pub fn head(&self) -> &Rc<Head> {
        &self.head
    }

    /// The body, which the request has no more. Nothing limits it here: the first phase has.
    pub fn take_body(&mut self) -> Body {
        std::mem::replace(&mut self.body, Body::Empty)
    }

    /// The head, to be changed; who keeps it already does not see the change.
    pub fn head_mut(&mut self) -> &mut Head {
        Rc::make_mut(&mut self.head)
    }
}

impl Deref for Request {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl Head {
    /// The extended id: fifteen characters and one `=`, as AWS's.
    pub fn extended_id(&self) -> String {
        BASE64.encode(self.extended)
    }
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A caller at this address.
    Address(IpAddr),
    /// An operator, who made it up.
    Test,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Test => f.write_str("test-invoke-source-ip"),
        }
    }
}

/// What is sent back.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Header fields, without those of the framing.
    pub headers: Headers,
    /// The body.
    pub body: Body,
}

/// A request that ends early: what API Gateway says of it, and what goes to the log.
#[derive(Debug)]
pub struct Refusal {
    /// Which gateway response answers it; none before a stage is known, and nobody customizes that.
    pub response: Option<GatewayResponseType>,
    /// The status.
    pub status: StatusCode,
    /// `x-amzn-ErrorType`.
    pub error_type: &'static str,
    /// What the caller reads.
    pub message: Cow<'static, str>,
    /// What the operator reads.
    pub reason: Cow<'static, str>,
    /// What a validator found wrong, for those who customize the answer.
    pub validation: Option<String>,
}

impl Refusal {
    /// The API is at fault: 500 `Internal server error`, and the reason in the log.
    pub fn configuration(reason: impl fmt::Display) -> Self {
        Self {
            response: Some(GatewayResponseType::ApiConfigurationError),
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error_type: "InternalServerErrorException",
            message: Cow::Borrowed("Internal server error"),
            reason: Cow::Owned(format!("Execution failed due to configuration error: {reason}")),
            validation: None,
        }
    }

    /// No such API or stage: 403 `Forbidden`.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            response: None,
            status: StatusCode::FORBIDDEN,
            error_type: "ForbiddenException",
            message: Cow::Borrowed("Forbidden"),
            reason: reason.into(),
            validation: None,
        }
    }

    /// The request is at fault, with a message that says how.
    pub fn bad_request(status: StatusCode, message: &'static str) -> Self {
        Self {
            response: Some(GatewayResponseType::Default4xx),
            status,
            error_type: "BadRequestException",
            message: Cow::Borrowed(message),
            reason: Cow::Borrowed(message),
            validation: None,
        }
    }

    /// The request's body is longer than allowed: 413, in plain text.
    pub fn too_large(limit: u64) -> Self {
        Self {
            response: Some(GatewayResponseType::RequestTooLarge),
            status: StatusCode::PAYLOAD_TOO_LARGE,
            error_type: "RequestTooLargeException",
            message: Cow::Owned(format!("HTTP content length exceeded {limit} bytes.")),
            reason: Cow::Borrowed("the request's body is too long"),
            validation: None,
        }
    }

    /// The body could not be read whole: it is too long, or its sender stopped or sent what is none.
    pub fn body(error: BodyError) -> Self {
        match error {
            BodyError::TooLong { limit } => Self::too_large(limit),
            BodyError::Stalled => Self::bad_request(StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
            BodyError::Broken(_) => Self::bad_request(StatusCode::BAD_REQUEST, "Bad Request"),
        }
    }

    /// The backend can't be reached, or broke off: 504.
    pub fn network(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            response: Some(GatewayResponseType::IntegrationFailure),
            status: StatusCode::GATEWAY_TIMEOUT,
            error_type: "InternalServerErrorException",
            message: Cow::Borrowed("Network error communicating with endpoint"),
            reason: reason.into(),
            validation: None,
        }
    }

    /// The backend takes longer than the integration allows: 504.
    pub fn timeout() -> Self {
        Self {
            response: Some(GatewayResponseType::IntegrationTimeout),
            status: StatusCode::GATEWAY_TIMEOUT,
            error_type: "InternalServerErrorException",
            message: Cow::Borrowed("Endpoint request timed out"),
            reason: Cow::Borrowed("Execution failed due to a timeout error"),
            validation: None,
        }
    }
}

/// A header's name as people and AWS spell it; the server that we stand on knows small letters only.
pub fn spelled(name: &str) -> Cow<'_, str> {
    match name {
        "x-amzn-apigateway-api-id" | "x-amz-apigw-id" => return Cow::Borrowed(name),
        "x-amzn-errortype" => return Cow::Borrowed("x-amzn-ErrorType"),
        "x-amzn-requestid" => return Cow::Borrowed("x-amzn-RequestId"),
        "content-md5" => return Cow::Borrowed("Content-MD5"),
        "etag" => return Cow::Borrowed("ETag"),
        "sec-websocket-extensions" => return Cow::Borrowed("Sec-WebSocket-Extensions"),
        "sec-websocket-key" => return Cow::Borrowed("Sec-WebSocket-Key"),
        "sec-websocket-protocol" => return Cow::Borrowed("Sec-WebSocket-Protocol"),
        "sec-websocket-version" => return Cow::Borrowed("Sec-WebSocket-Version"),
        "www-authenticate" => return Cow::Borrowed("WWW-Authenticate"),
        _ => {}
    }
    if let Some(rest) = name.strip_prefix("x-amzn-remapped-") {
        return Cow::Owned(format!("x-amzn-Remapped-{}", spelled(rest)));
    }
    let mut at_start = true;
    let letters = name.chars().map(|letter| {
        let written = if at_start { letter.to_ascii_uppercase() } else { letter };
        at_start = letter == '-';
        written
    });
    Cow::Owned(letters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_spelled_as_aws_does_it() {
        for (name, expected) in [
            ("content-type", "Content-Type"),
            ("x-amzn-trace-id", "X-Amzn-Trace-Id"),
            ("x-amzn-errortype", "x-amzn-ErrorType"),
            ("x-amzn-apigateway-api-id", "x-amzn-apigateway-api-id"),
            ("x-amzn-remapped-content-length", "x-amzn-Remapped-Content-Length"),
            ("x-amzn-remapped-x-amzn-requestid", "x-amzn-Remapped-x-amzn-RequestId"),
            ("x-amzn-remapped-www-authenticate", "x-amzn-Remapped-WWW-Authenticate"),
            ("x--a", "X--A"),
        ] {
            assert_eq!(spelled(name), expected);
        }
    }
}
