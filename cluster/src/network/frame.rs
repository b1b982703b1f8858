//! Frames: what goes over a connection, one after the other, each with its length in front.

use std::io;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio_util::codec::LengthDelimitedCodec;

use crate::{NodeId, codec};

/// A frame takes at most so many bytes.
pub(super) const MAX_FRAME: usize = 64 * 1024 * 1024;
/// The version of everything that is said after the handshake.
const PROTOCOL: u16 = 1;
const MAGIC: [u8; 4] = *b"TPCL";

/// The first frame of each side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The cluster; `None` from a node that is about to join.
    pub(crate) cluster: Option<u128>,
    /// The node; 0 from one that has no number yet.
    pub(crate) node: NodeId,
}

/// Every other frame.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Frame {
    Request { number: u64, name: String, payload: ByteBuf },
    Reply { number: u64, payload: Result<ByteBuf, String> },
}

pub(super) fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec()
}

pub(super) async fn say_hello(
    out: &mut (impl Sink<Bytes, Error = io::Error> + Unpin),
    hello: &Hello,
) -> io::Result<()> {
    out.send(Bytes::from(codec::encode(&(MAGIC, PROTOCOL, hello))?)).await
}

pub(super) async fn hear_hello(
    input: &mut (impl Stream<Item = io::Result<bytes::BytesMut>> + Unpin),
) -> io::Result<Hello> {
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
