//! One connection to the cluster's port: who it is proves itself, and then asks what it may.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_bytes::ByteBuf;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::door::{Door, Step};
use super::frame::{self, Frame, Greeting, Hello, Ticket};
use super::{Certificates, Handlers, Message, Redeem, Refused};
use crate::{NodeId, codec};

/// A stranger has so long to prove that it is none.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The holder of a join token is done within this time.
const REDEMPTION: Duration = Duration::from_secs(20);
/// Requests of one connection that are worked on at a time.
const REQUESTS: usize = 1024;
/// Answers of one connection that may wait to be written.
const QUEUE: usize = 1024;

type Frames = Framed<TlsStream<TcpStream>, LengthDelimitedCodec>;

/// What all connections to a port have in common.
pub(super) struct House {
    pub(super) certificates: Arc<Certificates>,
    pub(super) hello: Arc<Mutex<Hello>>,
    pub(super) handlers: Arc<Handlers>,
    pub(super) door: Arc<Door>,
}

impl House {
    /// Serves one connection to its end.
    pub(super) async fn receive(&self, stream: TcpStream, from: SocketAddr, mut step: Step) {
        let met = tokio::select! {
            met = tokio::time::timeout(HANDSHAKE, self.meet(stream)) => {
                met.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            () = step.lost() => Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many have yet to prove themselves")),
        };
        drop(step);
        let refused = match met {
            Ok((frames, Greeting::Node(theirs))) => match self.door.node() {
                Ok(_inside) => {
                    if let Err(error) = self.answer(frames, theirs.node).await {
                        tracing::debug!(%from, %error, "a connection to the cluster's port has ended");
                    }
                    return;
                }
                Err(error) => error,
            },
            Ok((frames, Greeting::Ticket(ticket))) => match self.door.ticket() {
                Ok(_inside) => {
                    let redeemed = tokio::time::timeout(REDEMPTION, self.redeem(frames, ticket)).await;
                    match redeemed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        self.door.refuse(from.ip(), &refused);
    }

    /// Has the other side prove who it is. Until it has, it hears nothing.
    async fn meet(&self, stream: TcpStream) -> io::Result<(Frames, Greeting)> {
        let hello = self.hello.lock().clone();
        let papers = self.certificates.papers(&hello).map_err(io::Error::other)?;
        let server = papers.server.clone().ok_or(io::ErrorKind::NotConnected)?;
        stream.set_nodelay(true)?;
        let stream = TlsAcceptor::from(server).accept(stream).await?;
        let mut frames = frame::frames(stream);
        let theirs = frame::hear_greeting(&mut frames).await?;
        papers.meet(&theirs, frames.get_ref().get_ref().1.peer_certificates())?;
        frame::greet(&mut frames, &papers.greeting).await?;
        Ok((frames, theirs))
    }

    /// Answers a node, as long as it asks.
    async fn answer(&self, mut frames: Frames, node: NodeId) -> io::Result<()> {
        frame::enlarge(&mut frames);
        let (writing, mut reading) = frames.split();
        let (answers, queue) = mpsc::channel::<Bytes>(QUEUE);
        let writer = tokio::spawn(frame::write_all(queue, writing));
        let places = Arc::new(Semaphore::new(REQUESTS));
        while let Some(bytes) = reading.next().await {
            let Frame::Request { number, name, payload } = frame::decode(&bytes?)? else { break };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let (handlers, answers) = (Arc::clone(&self.handlers), answers.clone());
            tokio::spawn(async move {
                let payload = handlers.answer(node, &name, &payload).await.map(ByteBuf::from);
                if let Ok(bytes) = frame::encode(&Frame::Reply { number, payload }) {
                    let _ = answers.send(bytes).await;
                }
                drop(place);
            });
        }
        writer.abort();
        Ok(())
    }

    /// Lets the holder of a join token redeem it, and nothing else. It hears why not: that much it has proved.
    async fn redeem(&self, mut frames: Frames, ticket: Ticket) -> io::Result<()> {
        let refuse = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        let Some(bytes) = frames.next().await else { return Ok(()) };
        let (number, payload) = match frame::decode(&bytes?)? {
            Frame::Request { number, name, payload } if name == Redeem::NAME => (number, payload),
            Frame::Request { .. } | Frame::Reply { .. } => {
                return refuse("a join token was used for something else than to join".to_owned());
            }
        };
        frame::enlarge(&mut frames);
        let reply = self.handlers.redeem(ticket, codec::decode(&payload)?).await;
        let payload = Ok(ByteBuf::from(codec::encode(&reply)?));
        frames.send(frame::encode(&Frame::Reply { number, payload })?).await?;
        frames.get_mut().shutdown().await?;
        match reply {
            Err(Refused::Final(why)) => refuse(why),
            Ok(_) | Err(Refused::NotLeader | Refused::NotMember(_)) => Ok(()),
        }
    }
}
