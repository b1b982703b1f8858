//! The Lambda Runtime API, where one process of a function is handed its events and brings back answers.
//!
//! Each process has a listener of its own on loopback, so that who connects is known. Source: the Lambda developer guide,
//! "Using the Lambda runtime API for custom runtimes".

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::payload::MAX_ANSWER;

/// A process may have so many connections at once.
const MAX_CONNECTIONS: usize = 16;
/// So much that a process says waits to be heard.
const SAID: usize = 16;
/// The header by which a runtime says what kind of error it reports.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// An event, and what a runtime is told with it.
pub(super) struct Handed {
    pub(super) request: String,
    pub(super) event: Bytes,
    pub(super) deadline_ms: u64,
    pub(super) arn: String,
    pub(super) trace: String,
}

/// What a runtime says.
#[derive(Debug)]
pub(super) enum Said {
    /// It asks for its next event.
    Ready,
    /// It could not begin.
    InitFailed(Bytes),
    /// The answer.
    Answer(Bytes),
    /// The function has failed: the error, and its kind.
    Failed(Bytes, Option<String>),
    /// The answer is too large.
    TooLarge,
}

/// The desk, from the node's side.
pub(super) struct Desk {
    hand: mpsc::Sender<Handed>,
    said: mpsc::Receiver<Said>,
    server: JoinHandle<()>,
    /// Where the process finds it.
    pub(super) address: SocketAddr,
}

/// What requests work with.
struct Counter {
    events: tokio::sync::Mutex<mpsc::Receiver<Handed>>,
    /// The request that was handed out and not brought back.
    open: Mutex<Option<String>>,
    say: mpsc::Sender<Said>,
}

impl Desk {
    /// Opens a desk.
    pub(super) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (hand, events) = mpsc::channel(1);
        let (say, said) = mpsc::channel(SAID);
        let counter = Arc::new(Counter { events: events.into(), open: Mutex::default(), say });
        let server = tokio::spawn(serve(listener, counter));
        Ok(Self { hand, said, server, address })
    }

    /// Lays an event on the desk.
    pub(super) async fn hand(&self, handed: Handed) {
        let _ = self.hand.send(handed).await;
    }

    /// Whether the process has taken what was laid on the desk.
    pub(super) fn was_taken(&self) -> bool {
        self.hand.capacity() > 0
    }

    /// What the process says next; may be dropped at any time.
    pub(super) async fn said(&mut self) -> Said {
        match self.said.recv().await {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, counter: Arc<Counter>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Connections end with the listener.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let counter = Arc::clone(&counter);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let counter = Arc::clone(&counter);
                async move { Ok::<_, Infallible>(counter.answer(request).await) }
            });
            // Runtimes that end break their connections; that they have ended is seen elsewhere.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Counter {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method(), parts.as_slice()) {
            (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => self.next().await,
            (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
                self.bring(id, request, |_, body| Said::Answer(body)).await
            }
            (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
                self.bring(id, request, |kind, body| Said::Failed(body, kind)).await
            }
            (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => match body(request).await {
                Ok(body) => {
                    let _ = self.say.send(Said::InitFailed(body)).await;
                    accepted()
                }
                Err(_) => error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "the error is too large"),
            },
            _ => error(StatusCode::NOT_FOUND, "NotFound", "the Runtime API has no such operation"),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let _ = self.say.send(Said::Ready).await;
        let Some(handed) = self.events.lock().await.recv().await else {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "Ended", "the environment is ending");
        };
        *self.open.lock() = Some(handed.request.clone());
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", handed.request)
            .header("lambda-runtime-deadline-ms", handed.deadline_ms)
            .header("lambda-runtime-invoked-function-arn", handed.arn)
            .header("lambda-runtime-trace-id", handed.trace)
            .body(Full::new(handed.event));
        response.unwrap_or_else(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "BadTrace", "the trace id is no header"))
    }

    async fn bring(
        &self,
        id: &str,
        request: Request<Incoming>,
        say: impl FnOnce(Option<String>, Bytes) -> Said,
    ) -> Response<Full<Bytes>> {
        if self.open.lock().as_deref() != Some(id) {
            return error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        let kind = request.headers().get(ERROR_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = body(request).await;
        // Only the first that brings something for a request is heard.
        if self.open.lock().take_if(|open| open == id).is_none() {
            return error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        match body {
            Ok(body) => {
                let _ = self.say.send(say(kind, body)).await;
                accepted()
            }
            Err(Unread::TooLarge) => {
                let _ = self.say.send(Said::TooLarge).await;
                let message = format!("Exceeded maximum allowed payload size ({MAX_ANSWER} bytes).");
                error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
            }
            Err(Unread::Broken) => {
                *self.open.lock() = Some(id.to_owned());
                error(StatusCode::BAD_REQUEST, "InvalidRequest", "the body can't be read")
            }
        }
    }
}

enum Unread {
    TooLarge,
    Broken,
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Unread> {
    match Limited::new(request.into_body(), MAX_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Broken),
    }
}

fn accepted() -> Response<Full<Bytes>> {
    answer(StatusCode::ACCEPTED, json!({"status": "OK"}))
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    answer(status, json!({"errorMessage": message, "errorType": kind}))
}

fn answer(status: StatusCode, body: serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}
