//! A thin HTTP/1.1 client, one per worker thread: connections are kept, nothing is locked, nothing is spawned.
//!
//! It is ours because the way to the backend is where a gateway's processor time goes (see `bench/README.md`).
//! What is not this way, such as AWS's own services, uses a general client.

mod body;
mod connection;
#[cfg(test)]
mod fuzz;
mod pool;
mod waiting;
mod wire;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use http::{Method, StatusCode};
use rustls::ClientConfig;
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::time::{Instant, timeout_at};

use super::{Manner, Origin};
use crate::traffic::message::{Body, BodyError, ByteStream, Headers};
use body::Framing;
use connection::{Connection, Stream};
use pool::{Place, Pool};
use waiting::Waiting;

/// An answer's body up to this size is read at once, and its connection is free again when the answer is handed on.
const READ_AT_ONCE: u64 = 64 * 1024;

/// The client of one worker.
pub struct Client {
    pool: Rc<Pool>,
    tls: Arc<ClientConfig>,
}

/// A request to an endpoint.
pub struct Call {
    /// Who is called.
    pub origin: Arc<Origin>,
    /// How TLS is spoken, where not as usual.
    pub tls: Option<Arc<Manner>>,
    /// The verb.
    pub method: Method,
    /// Path and query, as they go on the wire.
    pub target: String,
    /// Header fields, without those of the framing.
    pub headers: Headers,
    /// The body.
    pub body: Body,
    /// How long it may take until the answer's head is here, without the time in which the request's body is waited for;
    /// and how long between two pieces of the answer's body.
    pub timeout: Duration,
}

impl Call {
    /// What is called, as people write it.
    pub fn uri(&self) -> String {
        let scheme = if self.origin.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.origin.authority, self.target)
    }
}

/// An endpoint's answer.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All header fields that came.
    pub headers: Headers,
    /// The body, free of its framing.
    pub body: Body,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Name look-up failed.
    #[error("the host {0} is not known")]
    UnknownHost(String),
    /// The endpoint's certificate is not to be trusted.
    #[error("the endpoint's certificate was refused")]
    Certificate(#[source] std::io::Error),
    /// No connection, or it broke.
    #[error("network error")]
    Network(#[source] std::io::Error),
    /// What the endpoint sent is not HTTP/1.1.
    #[error("the endpoint's answer is not HTTP/1.1: {0}")]
    Malformed(&'static str),
    /// The answer's head did not come in time.
    #[error("the endpoint took longer than {0:?}")]
    Timeout(Duration),
    /// The caller's own body could not be read.
    #[error("the request's body ended early")]
    RequestBody(#[from] BodyError),
}

impl Client {
    /// A client without connections; `tls` says which certificates are trusted.
    pub fn new(tls: Arc<ClientConfig>) -> Self {
        Self { pool: Rc::new(Pool::default()), tls }
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn send(&self, mut call: Call) -> Result<Answer, Error> {
        let timeout = call.timeout;
        let waiting = match &mut call.body {
            Body::Stream { bytes, .. } => Some(Waiting::watch(bytes)),
            Body::Empty | Body::Whole(_) => None,
        };
        let mut deadline = Instant::now() + timeout;
        let mut counted = Duration::ZERO;
        let exchange = self.exchange(call);
        tokio::pin!(exchange);
        loop {
            if let Ok(result) = timeout_at(deadline, exchange.as_mut()).await {
                return result;
            }
            let waited = waiting.as_ref().map_or(Duration::ZERO, |waiting| waiting.so_far());
            if waited <= counted {
                return Err(Error::Timeout(timeout));
            }
            deadline += waited - counted;
            counted = waited;
        }
    }

    async fn exchange(&self, mut call: Call) -> Result<Answer, Error> {
        let head = wire::write_head(&call);
        let place = Place { origin: Arc::clone(&call.origin), tls: call.tls.clone() };
        loop {
            let (mut connection, reused) = match self.pool.take(&place) {
                Some(connection) => (connection, true),
                None => (Connection::open(&place.origin, place.tls.as_deref(), &self.tls).await?, false),
            };
            match connection.converse(&head, &mut call).await {
                Ok(received) => return self.receive(connection, place, call, received).await,
                // A kept connection that the endpoint closed meanwhile says nothing about the endpoint: nothing of
                // the request was taken, so a new connection may try again. Only while its body is still whole.
                Err(Error::Network(_)) if reused && connection.is_silent() && is_repeatable(&call) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the answer of its head, and frees the connection if the body is here already.
    async fn receive(
        &self,
        mut connection: Connection,
        place: Place,
        call: Call,
        head: wire::Head,
    ) -> Result<Answer, Error> {
        let framing = Framing::of(&call.method, &head)?;
        let reusable = head.keep_alive && connection.is_in_step();
        let body = match framing {
            Framing::None => {
                self.keep(place, connection, reusable);
                Body::Empty
            }
            Framing::Length(length) if length <= READ_AT_ONCE => {
                let bytes = connection.read_exactly(length as usize).await?;
                self.keep(place, connection, reusable);
                Body::Whole(bytes)
            }
            Framing::Length(_) | Framing::Chunked | Framing::UntilClose => {
                let length = if let Framing::Length(length) = framing { Some(length) } else { None };
                let pool = reusable.then(|| (Rc::clone(&self.pool), place));
                Body::Stream { length, bytes: Box::pin(body::stream(connection, framing, call.timeout, pool)) }
            }
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn keep(&self, place: Place, connection: Connection, reusable: bool) {
        if reusable {
            self.pool.put(place, connection);
        }
    }
}

/// Whether a request may be sent a second time: its body is whole and its verb changes nothing more than once.
fn is_repeatable(call: &Call) -> bool {
    let whole = matches!(call.body, Body::Empty | Body::Whole(_));
    whole && matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

impl Connection {
    /// Writes the request and reads the head of the answer.
    async fn converse(&mut self, head: &[u8], call: &mut Call) -> Result<wire::Head, Error> {
        match &mut call.body {
            Body::Empty => self.stream.write_all(head).await.map_err(Error::Network)?,
            Body::Whole(bytes) => {
                let mut both = Buf::chain(head, bytes.clone());
                self.stream.write_all_buf(&mut both).await.map_err(Error::Network)?;
            }
            Body::Stream { length, bytes } => return self.converse_streaming(head, bytes, *length).await,
        }
        self.stream.flush().await.map_err(Error::Network)?;
        self.read_head().await
    }

    /// Sends a body while listening: an endpoint may answer before it has everything, and then gets no more of it.
    async fn converse_streaming(
        &mut self,
        head: &[u8],
        body: &mut ByteStream,
        length: Option<u64>,
    ) -> Result<wire::Head, Error> {
        let stream = std::mem::replace(&mut self.stream, Stream::Gone);
        let (mut reading, mut writing) = tokio::io::split(stream);
        self.in_step = false;
        let result = {
            let sending = send(&mut writing, head, body, length);
            let listening = connection::read_head(&mut reading, &mut self.buffer);
            tokio::pin!(sending, listening);
            tokio::select! {
                sent = &mut sending => match sent {
                    Ok(()) => {
                        self.in_step = true;
                        listening.await
                    }
                    // The endpoint took no more: it may have said why before it hung up.
                    Err(Error::Network(error)) => listening.await.map_err(|_| Error::Network(error)),
                    Err(error) => Err(error),
                },
                early = &mut listening => early,
            }
        };
        self.stream = reading.unsplit(writing);
        result
    }
}

/// Sends a head and a body that is still coming: in chunks, or exactly as long as it was said to be. One that turns out
/// longer must not run into the next request on the connection.
async fn send(
    stream: &mut WriteHalf<Stream>,
    head: &[u8],
    body: &mut ByteStream,
    length: Option<u64>,
) -> Result<(), Error> {
    let other_length = || Error::RequestBody(BodyError::Broken("it is not as long as it said".to_owned()));
    write(stream, head).await?;
    let mut left = length;
    while let Some(piece) = body.next().await {
        let piece = piece?;
        match &mut left {
            Some(left) => {
                *left = left.checked_sub(piece.len() as u64).ok_or_else(other_length)?;
                write(stream, &piece).await?;
            }
            None if piece.is_empty() => {}
            None => {
                write(stream, format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                write(stream, &piece).await?;
                write(stream, b"\r\n").await?;
            }
        }
    }
    match left {
        Some(0) => {}
        Some(_) => return Err(other_length()),
        None => write(stream, b"0\r\n\r\n").await?,
    }
    stream.flush().await.map_err(Error::Network)
}

async fn write(stream: &mut WriteHalf<Stream>, bytes: &[u8]) -> Result<(), Error> {
    stream.write_all(bytes).await.map_err(Error::Network)
}

/// Takes the first `length` bytes off a buffer that holds them.
fn take(buffer: &mut BytesMut, length: usize) -> Bytes {
    buffer.split_to(length).freeze()
}
