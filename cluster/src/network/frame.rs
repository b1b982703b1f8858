//! Frames: what goes over a connection, one after the other, each with its length in front.

use std::io;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::{NodeId, codec};

/// A frame takes at most so many bytes.
pub(super) const MAX_FRAME: usize = 64 * 1024 * 1024;
/// Until the other side is known to be a node, a frame takes at most so many.
pub(super) const MAX_FIRST: usize = 1024;
/// The version of everything that is said after the handshake.
const PROTOCOL: u16 = 2;
const MAGIC: [u8; 4] = *b"TPCL";

/// The first frame of each side: who it says that it is. Its certificate must be one for [`Greeting::name`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Greeting {
    /// A node.
    Node(Hello),
    /// The holder of a join token.
    Ticket(Ticket),
}

/// A node, as it introduces itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The cluster; `None` from a node that is about to join.
    pub(crate) cluster: Option<u128>,
    /// The node; 0 from one that has no number yet.
    pub(crate) node: NodeId,
}

/// A join token, as it is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: u128,
    /// In seconds since 1970.
    pub(crate) expires: u64,
}

impl Greeting {
    /// The name in a certificate that stands for this.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Node(Hello { cluster: Some(cluster), node }) => format!("node-{node}.{cluster:032x}.turnpike"),
            Self::Node(Hello { cluster: None, node }) => format!("node-{node}.joining.turnpike"),
            Self::Ticket(Ticket { id, expires }) => format!("token-{id:032x}.{expires}.turnpike"),
        }
    }
}

/// Every other frame.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Frame {
    Request { number: u64, name: String, payload: ByteBuf },
    Reply { number: u64, payload: Result<ByteBuf, String> },
}

/// Puts frames on a stream: small ones, until the other side is known.
pub(super) fn frames<S: AsyncRead + AsyncWrite>(stream: S) -> Framed<S, LengthDelimitedCodec> {
    Framed::new(stream, LengthDelimitedCodec::builder().max_frame_length(MAX_FIRST).new_codec())
}

/// Lets frames be as large as they may between nodes.
pub(super) fn enlarge<S>(frames: &mut Framed<S, LengthDelimitedCodec>) {
    frames.codec_mut().set_max_frame_length(MAX_FRAME);
}

pub(super) async fn greet(
    out: &mut (impl Sink<Bytes, Error = io::Error> + Unpin),
    greeting: &Greeting,
) -> io::Result<()> {
    out.send(Bytes::from(codec::encode(&(MAGIC, PROTOCOL, greeting))?)).await
}

pub(super) async fn hear_greeting(
    input: &mut (impl Stream<Item = io::Result<bytes::BytesMut>> + Unpin),
) -> io::Result<Greeting> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let frame = input.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
    // Magic and version first, on their own: what follows may have another shape in another version.
    let head = frame.get(..6).ok_or_else(|| invalid("the greeting is too short".to_owned()))?;
    let (magic, version): ([u8; 4], u16) = codec::decode(head)?;
    if magic != MAGIC {
        return Err(invalid("this is not a node of a cluster".to_owned()));
    }
    if version != PROTOCOL {
        return Err(invalid(format!("the other node speaks protocol {version}, this one {PROTOCOL}")));
    }
    Ok(codec::decode(&frame[6..])?)
}

/// Writes frames as they come, those that wait in one go; returns when the connection or the queue has ended.
pub(super) async fn write_all(
    mut queue: mpsc::Receiver<Bytes>,
    mut writing: impl Sink<Bytes, Error = io::Error> + Unpin,
) {
    while let Some(first) = queue.recv().await {
        let mut sent = writing.feed(first).await;
        while let (Ok(()), Ok(next)) = (&sent, queue.try_recv()) {
            sent = writing.feed(next).await;
        }
        if sent.is_err() || writing.flush().await.is_err() {
            return;
        }
    }
}

pub(super) fn encode(frame: &Frame) -> io::Result<Bytes> {
    let bytes = codec::encode(frame)?;
    if bytes.len() > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a message is over the limit of a frame"));
    }
    Ok(Bytes::from(bytes))
}

pub(super) fn decode(bytes: &[u8]) -> io::Result<Frame> {
    Ok(codec::decode(bytes)?)
}
