//! The answering side: the cluster's port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use rustls::{ClientConfig, ServerConfig};
use serde_bytes::ByteBuf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

use super::Handlers;
use super::client::Links;
use super::frame::{self, Frame, Hello};
use super::{Calls, Certificates, Port};

/// Connections at a time.
const CONNECTIONS: usize = 1024;
/// A stranger has so long to prove that it is none.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Requests of one connection that are worked on at a time.
const REQUESTS: usize = 1024;
/// Answers of one connection that may wait to be written.
const QUEUE: usize = 1024;

/// A node's port in the real network: TLS that both sides prove themselves on.
pub(crate) struct TlsPort {
    address: SocketAddr,
    /// Taken when serving begins.
    server: Mutex<Option<Server>>,
    client: Arc<ClientConfig>,
}

impl TlsPort {
    pub(crate) async fn bind(address: &str, certificates: Certificates) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = Server { listener, tls: certificates.server };
        Ok(Self { address, server: Mutex::new(Some(server)), client: certificates.client })
    }
}

impl Port for TlsPort {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(&self, hello: Arc<Mutex<Hello>>, handlers: Arc<Handlers>) {
        if let Some(server) = self.server.lock().take() {
            tokio::spawn(server.run(hello, handlers));
        }
    }

    fn calls(&self, hello: Hello) -> Arc<dyn Calls> {
        Arc::new(Links::new(Arc::clone(&self.client), hello))
    }
}

/// The listener of a node.
struct Server {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
}

impl Server {
    /// Serves until the task is dropped.
    async fn run(self, hello: Arc<Mutex<Hello>>, handlers: Arc<Handlers>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, from) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection from another node");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let connection = Connection {
                acceptor: TlsAcceptor::from(Arc::clone(&self.tls)),
                hello: hello.lock().clone(),
                handlers: Arc::clone(&handlers),
            };
            tokio::spawn(async move {
                if let Err(error) = connection.serve(stream).await {
                    tracing::debug!(%from, %error, "a connection to the cluster's port has ended");
                }
                drop(place);
            });
        }
    }
}

struct Connection {
    acceptor: TlsAcceptor,
    hello: Hello,
    handlers: Arc<Handlers>,
}

impl Connection {
    async fn serve(self, stream: TcpStream) -> io::Result<()> {
        let from = stream.peer_addr()?;
        let handshake = async {
            stream.set_nodelay(true)?;
            let stream = self.acceptor.accept(stream).await?;
            let mut framed = Framed::new(stream, frame::codec());
            let theirs = frame::hear_hello(&mut framed).await?;
            let mine = self.hello.cluster;
            if theirs.cluster.is_some() && mine.is_some() && theirs.cluster != mine {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the other node belongs to another cluster"));
            }
            frame::say_hello(&mut framed, &self.hello).await?;
            Ok((framed, theirs))
        };
        let result = tokio::time::timeout(HANDSHAKE, handshake).await;
        let (framed, theirs) = match result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(%from, %error, "refused a connection to the cluster's port");
                return Ok(());
            }
        };
        let (mut writing, mut reading) = framed.split();
        let (answers, mut queue) = mpsc::channel::<Bytes>(QUEUE);
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
        let places = Arc::new(Semaphore::new(REQUESTS));
        while let Some(bytes) = reading.next().await {
            let Frame::Request { number, name, payload } = frame::decode(&bytes?)? else { break };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let (handlers, answers) = (Arc::clone(&self.handlers), answers.clone());
            tokio::spawn(async move {
                let payload = handlers.answer(theirs.node, &name, &payload).await.map(ByteBuf::from);
                if let Ok(bytes) = frame::encode(&Frame::Reply { number, payload }) {
                    let _ = answers.send(bytes).await;
                }
                drop(place);
            });
        }
        writer.abort();
        Ok(())
    }
}
