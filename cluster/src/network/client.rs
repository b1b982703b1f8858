//! The calling side: one connection to each peer, made when needed, shared by all who have something to say.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use serde_bytes::ByteBuf;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::frame::{self, Frame, Greeting, Hello};
use super::papers::Papers;
use super::{Calls, SendError, To, tls};
use crate::NodeId;

/// A connection must be made, handshake and all, within this time.
const CONNECT: Duration = Duration::from_secs(2);
/// After a failed connection the next try waits so long.
const BACK_OFF: Duration = Duration::from_millis(50);
/// So many frames may wait to be written to one peer.
const QUEUE: usize = 1024;

/// Connections to peers, by address.
pub(super) struct Links {
    shown: Arc<Shown>,
    peers: Mutex<HashMap<String, Arc<Peer>>>,
}

/// What is shown on new connections.
struct Shown {
    papers: Box<MakePapers>,
    hello: Mutex<Hello>,
}

/// Gives the papers of the node that introduces itself so.
type MakePapers = dyn Fn(&Hello) -> Result<Arc<Papers>, tls::Error> + Send + Sync;

struct Peer {
    address: String,
    state: tokio::sync::Mutex<State>,
}

/// A connection on which nothing was heard for so long while an answer was due is given up: it may be cut.
const SILENCE: Duration = Duration::from_millis(1500);

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    failed: Option<Instant>,
    /// Whether the log has heard that somebody is there who is not to be spoken with; once is enough.
    told: bool,
}

impl State {
    /// The connection, if it is up.
    fn link(&self) -> Option<Arc<Link>> {
        self.link.as_ref().filter(|link| !link.down.load(Ordering::Acquire)).map(Arc::clone)
    }
}

/// The other side's answer, or why it has none.
type Reply = Result<Vec<u8>, String>;

/// A connection that is up.
struct Link {
    /// The node on the other side, as its certificate says.
    node: NodeId,
    /// Whether the log has heard that it is not the one that was looked for.
    told: AtomicBool,
    frames: mpsc::Sender<Bytes>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    number: AtomicU64,
    down: AtomicBool,
    heard: Mutex<Instant>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Calls for Links {
    /// Connections made before are dropped.
    fn introduce(&self, hello: Hello) {
        *self.shown.hello.lock() = hello;
        for (_, peer) in self.peers.lock().drain() {
            if let Ok(state) = peer.state.try_lock()
                && let Some(link) = &state.link
            {
                link.close();
            }
        }
    }

    fn call<'a>(
        &'a self,
        to: To<'a>,
        name: &'static str,
        payload: Vec<u8>,
        within: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, SendError>> {
        self.call_within(to, name, payload, within).boxed()
    }
}

impl Links {
    pub(super) fn new(papers: Box<MakePapers>, hello: Hello) -> Self {
        Self { shown: Arc::new(Shown { papers, hello: Mutex::new(hello) }), peers: Mutex::default() }
    }

    async fn call_within(
        &self,
        to: To<'_>,
        name: &'static str,
        payload: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, SendError> {
        let address = to.address();
        let deadline = Instant::now() + within;
        let unreachable = |source: io::Error| SendError::Unreachable { address: address.to_owned(), source };
        let link = match tokio::time::timeout_at(deadline, self.link(self.peer(address))).await {
            Ok(link) => link.map_err(unreachable)?,
            // Nothing was sent; the connection goes on being made for whoever comes next.
            Err(_) => return Err(unreachable(io::ErrorKind::TimedOut.into())),
        };
        let link = if to.is_for(link.node) { link } else { self.moved(to, &link).map_err(unreachable)? };
        match tokio::time::timeout_at(deadline, call(&link, address, name, payload)).await {
            Ok(result) => result,
            Err(_) => {
                if link.heard.lock().elapsed() > SILENCE {
                    link.close();
                }
                Err(SendError::Timeout(address.to_owned()))
            }
        }
    }

    /// The connection to a node in whose place another one was found: members that have changed their addresses among
    /// themselves are still met at those of the others.
    fn moved(&self, to: To<'_>, found: &Link) -> io::Result<Arc<Link>> {
        if !found.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(address = to.address(), node = found.node, "a member's address is another one's now");
        }
        let peers: Vec<_> = self.peers.lock().values().map(Arc::clone).collect();
        let mut met = peers.iter().filter_map(|peer| peer.state.try_lock().ok()?.link());
        met.find(|link| to.is_for(link.node)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::PermissionDenied, format!("node {} is at this address", found.node))
        })
    }

    fn peer(&self, address: &str) -> Arc<Peer> {
        let mut peers = self.peers.lock();
        let peer = peers
            .entry(address.to_owned())
            .or_insert_with(|| Arc::new(Peer { address: address.to_owned(), state: tokio::sync::Mutex::default() }));
        Arc::clone(peer)
    }

    /// The connection to a peer. It is made by a task of its own, which a caller's deadline does not cut off: a slow
    /// handshake would otherwise begin anew with every caller.
    async fn link(&self, peer: Arc<Peer>) -> io::Result<Arc<Link>> {
        if let Ok(state) = peer.state.try_lock()
            && let Some(link) = state.link()
        {
            return Ok(link);
        }
        let shown = Arc::clone(&self.shown);
        let connecting = tokio::spawn(async move { peer.connected(&shown).await });
        connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
    }
}

impl Peer {
    async fn connected(&self, shown: &Shown) -> io::Result<Arc<Link>> {
        let mut state = self.state.lock().await;
        if let Some(link) = state.link() {
            return Ok(link);
        }
        if let Some(failed) = state.failed {
            tokio::time::sleep_until(failed + BACK_OFF).await;
        }
        let hello = shown.hello.lock().clone();
        let papers = (shown.papers)(&hello).map_err(io::Error::other)?;
        let connecting = tokio::time::timeout(CONNECT, connect(&self.address, &papers)).await;
        let result = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        state.failed = result.is_err().then(Instant::now);
        match &result {
            Ok(_) => state.told = false,
            Err(error) if is_refusal(error) && !state.told => {
                state.told = true;
                tracing::warn!(address = self.address, %error, "there is no speaking with who is at this address");
            }
            Err(_) => {}
        }
        state.link = result.as_ref().ok().map(Arc::clone);
        result
    }
}

/// Whether there is somebody, who refuses this node or is refused by it.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::PermissionDenied)
}

async fn call(link: &Link, address: &str, name: &str, payload: Vec<u8>) -> Result<Vec<u8>, SendError> {
    let number = link.number.fetch_add(1, Ordering::Relaxed);
    let request = Frame::Request { number, name: name.to_owned(), payload: ByteBuf::from(payload) };
    let bytes = frame::encode(&request).map_err(|error| SendError::Failed(error.to_string()))?;
    let (answered, answer) = oneshot::channel();
    link.waiting.lock().insert(number, answered);
    // A caller that gives up takes its place in the table with it.
    let _place = Place { link, number };
    let broken = || SendError::Broken(address.to_owned());
    link.frames.send(bytes).await.map_err(|_| broken())?;
    if link.down.load(Ordering::Acquire) {
        return Err(broken());
    }
    answer.await.map_err(|_| broken())?.map_err(SendError::Failed)
}

impl Link {
    /// Ends the connection; who waits for an answer learns that it is broken.
    fn close(&self) {
        self.down.store(true, Ordering::Release);
        self.waiting.lock().clear();
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
    }
}

struct Place<'a> {
    link: &'a Link,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.link.waiting.lock().remove(&self.number);
    }
}

async fn connect(address: &str, papers: &Papers) -> io::Result<Arc<Link>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::clone(&papers.client));
    let stream = connector.connect(papers.server_name.clone(), stream).await?;
    let mut framed = frame::frames(stream);
    frame::greet(&mut framed, &papers.greeting).await?;
    let theirs = frame::hear_greeting(&mut framed).await?;
    papers.meet(&theirs, framed.get_ref().get_ref().1.peer_certificates())?;
    let Greeting::Node(Hello { node, .. }) = theirs else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not a node of a cluster"));
    };
    frame::enlarge(&mut framed);
    let (writing, mut reading) = framed.split();
    let (frames, queue) = mpsc::channel::<Bytes>(QUEUE);
    let link = Arc::new(Link {
        node,
        told: AtomicBool::new(false),
        frames,
        waiting: Mutex::default(),
        number: AtomicU64::new(0),
        down: AtomicBool::new(false),
        heard: Mutex::new(Instant::now()),
        tasks: Mutex::default(),
    });
    // Neither task outlives the other: the connection is one thing.
    let owner = Arc::downgrade(&link);
    let writer = tokio::spawn(async move {
        frame::write_all(queue, writing).await;
        if let Some(link) = owner.upgrade() {
            link.close();
        }
    });
    let reader = Arc::clone(&link);
    let reading = tokio::spawn(async move {
        while let Some(Ok(bytes)) = reading.next().await {
            *reader.heard.lock() = Instant::now();
            match frame::decode(&bytes) {
                Ok(Frame::Reply { number, payload }) => {
                    if let Some(waiting) = reader.waiting.lock().remove(&number) {
                        let _ = waiting.send(payload.map(ByteBuf::into_vec));
                    }
                }
                Ok(Frame::Request { .. }) | Err(_) => break,
            }
        }
        reader.close();
    });
    link.tasks.lock().extend([writer.abort_handle(), reading.abort_handle()]);
    Ok(link)
}
