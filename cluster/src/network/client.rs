//! The calling side: one connection to each peer, made when needed, shared by all who have something to say.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

use super::frame::{self, Frame, Hello};
use super::{Message, SendError, tls};
use crate::codec;

/// A connection must be made, handshake and all, within this time.
const CONNECT: Duration = Duration::from_secs(2);
/// After a failed connection the next try waits so long; calls meanwhile fail at once.
const BACK_OFF: Duration = Duration::from_millis(50);
/// So many frames may wait to be written to one peer.
const QUEUE: usize = 1024;

/// Connections to peers, by address.
pub(crate) struct Peers {
    tls: Arc<ClientConfig>,
    hello: Mutex<Hello>,
    peers: Mutex<HashMap<String, Arc<Peer>>>,
}

struct Peer {
    address: String,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    failed: Option<Instant>,
}

/// The other side's answer, or why it has none.
type Reply = Result<Vec<u8>, String>;

/// A connection that is up.
struct Link {
    frames: mpsc::Sender<Bytes>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    number: AtomicU64,
    down: AtomicBool,
}

impl Peers {
    pub(crate) fn new(tls: Arc<ClientConfig>, hello: Hello) -> Self {
        Self { tls, hello: Mutex::new(hello), peers: Mutex::default() }
    }

    /// Says from now on who this node is; connections made before are dropped.
    pub(crate) fn introduce(&self, hello: Hello) {
        *self.hello.lock() = hello;
        self.peers.lock().clear();
    }

    /// Sends a message to an address and waits for the answer.
    pub(crate) async fn send<M: Message>(
        &self,
        address: &str,
        message: &M,
        within: Duration,
    ) -> Result<M::Reply, SendError> {
        let payload = codec::encode(message).map_err(|error| SendError::Failed(error.to_string()))?;
        let peer = self.peer(address);
        let call = self.call(&peer, M::NAME, payload);
        let reply = match tokio::time::timeout(within, call).await {
            Ok(result) => result?,
            Err(_) => return Err(SendError::Timeout(address.to_owned())),
        };
        codec::decode(&reply).map_err(|_| SendError::Failed("something that can't be read".to_owned()))
    }

    fn peer(&self, address: &str) -> Arc<Peer> {
        let mut peers = self.peers.lock();
        let peer = peers
            .entry(address.to_owned())
            .or_insert_with(|| Arc::new(Peer { address: address.to_owned(), state: tokio::sync::Mutex::default() }));
        Arc::clone(peer)
    }

    async fn call(&self, peer: &Peer, name: &str, payload: Vec<u8>) -> Result<Vec<u8>, SendError> {
        let link = self.link(peer).await?;
        let number = link.number.fetch_add(1, Ordering::Relaxed);
        let request = Frame::Request { number, name: name.to_owned(), payload };
        let bytes = frame::encode(&request).map_err(|error| SendError::Failed(error.to_string()))?;
        let (answered, answer) = oneshot::channel();
        link.waiting.lock().insert(number, answered);
        // A caller that gives up takes its place in the table with it.
        let _place = Place { link: &link, number };
        let broken = || SendError::Broken(peer.address.clone());
        link.frames.send(bytes).await.map_err(|_| broken())?;
        if link.down.load(Ordering::Acquire) {
            return Err(broken());
        }
        answer.await.map_err(|_| broken())?.map_err(SendError::Failed)
    }

    async fn link(&self, peer: &Peer) -> Result<Arc<Link>, SendError> {
        let unreachable = |source| SendError::Unreachable { address: peer.address.clone(), source };
        let mut state = peer.state.lock().await;
        if let Some(link) = &state.link
            && !link.down.load(Ordering::Acquire)
        {
            return Ok(Arc::clone(link));
        }
        if state.failed.is_some_and(|failed| failed.elapsed() < BACK_OFF) {
            return Err(unreachable(io::ErrorKind::NotConnected.into()));
        }
        let hello = self.hello.lock().clone();
        let connecting = connect(&peer.address, &self.tls, &hello);
        let result = tokio::time::timeout(CONNECT, connecting).await;
        match result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(link) => {
                state.link = Some(Arc::clone(&link));
                state.failed = None;
                Ok(link)
            }
            Err(error) => {
                state.link = None;
                state.failed = Some(Instant::now());
                Err(unreachable(error))
            }
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

async fn connect(address: &str, tls: &Arc<ClientConfig>, hello: &Hello) -> io::Result<Arc<Link>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(tls::server_name(), stream).await?;
    let mut framed = Framed::new(stream, frame::codec());
    frame::say_hello(&mut framed, hello).await?;
    let theirs = frame::hear_hello(&mut framed).await?;
    if hello.cluster.is_some() && theirs.cluster.is_some() && hello.cluster != theirs.cluster {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the other node belongs to another cluster"));
    }
    let (mut writing, mut reading) = framed.split();
    let (frames, mut queue) = mpsc::channel::<Bytes>(QUEUE);
    let link =
        Arc::new(Link { frames, waiting: Mutex::default(), number: AtomicU64::new(0), down: AtomicBool::new(false) });
    let reader = Arc::clone(&link);
    // Neither task outlives the other: the connection is one thing.
    let writer = tokio::spawn(async move {
        while let Some(first) = queue.recv().await {
            let mut sent = writing.feed(first).await;
            while let (Ok(()), Ok(next)) = (&sent, queue.try_recv()) {
                sent = writing.feed(next).await;
            }
            if sent.is_err() || writing.flush().await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(Ok(bytes)) = reading.next().await {
            match frame::decode(&bytes) {
                Ok(Frame::Reply { number, payload }) => {
                    if let Some(waiting) = reader.waiting.lock().remove(&number) {
                        let _ = waiting.send(payload);
                    }
                }
                Ok(Frame::Request { .. }) | Err(_) => break,
            }
        }
        reader.down.store(true, Ordering::Release);
        reader.waiting.lock().clear();
        writer.abort();
    });
    Ok(link)
}
