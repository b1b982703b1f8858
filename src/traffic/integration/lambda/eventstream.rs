//! Event streams: the framing in which Lambda sends an answer as it comes.
//!
//! A message is its length, the length of its headers, a checksum of both, the headers, a payload, and a checksum of all
//! (Smithy specification, "Amazon Event Stream"). Of the headers only the type of the event counts here.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use serde::Deserialize;

use crate::traffic::message::{Body, BodyError, ByteStream};

/// The two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;
/// A message has at most so many bytes: the format's own limit is 16 MiB of payload.
const MAX_MESSAGE: usize = 17 * 1024 * 1024;
/// Headers of a message have at most so many bytes.
const MAX_HEADERS: usize = 128 * 1024;
/// The kind of a header's value that is a text.
const TEXT: u8 = 7;

/// What a stream holds.
#[derive(Debug, PartialEq)]
enum Message {
    /// A piece of the answer.
    Piece(Bytes),
    /// The end of the answer.
    End,
    /// Nothing that counts.
    Other,
}

/// What Lambda says at the end.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Complete {
    error_code: Option<String>,
    error_details: Option<String>,
}

/// What is wrong with a stream.
#[derive(Debug, PartialEq, thiserror::Error)]
enum Error {
    #[error("the event stream is not well formed: {0}")]
    Malformed(&'static str),
    #[error("the function failed: {0}")]
    Function(String),
}

/// The answer that a stream of events brings.
pub(super) fn unframed(body: Body) -> Body {
    let events: ByteStream = match body {
        Body::Empty => return Body::Empty,
        Body::Whole(bytes) => Box::pin(futures_util::stream::once(async { Ok(bytes) })),
        Body::Stream { bytes, .. } => bytes,
    };
    let state = (events, BytesMut::new());
    let bytes = try_unfold(state, |(mut events, mut buffer)| async {
        loop {
            match take(&mut buffer).map_err(|error| BodyError::Broken(error.to_string()))? {
                Some(Message::Piece(piece)) if !piece.is_empty() => return Ok(Some((piece, (events, buffer)))),
                Some(Message::Piece(_) | Message::Other) => {}
                Some(Message::End) => return Ok(None),
                None => match events.next().await {
                    Some(piece) => buffer.extend_from_slice(&piece?),
                    None => return Err(BodyError::Broken("the event stream ends early".to_owned())),
                },
            }
        }
    });
    Body::Stream { length: None, bytes: Box::pin(bytes) }
}

/// The first message of a buffer, if it is whole.
fn take(buffer: &mut BytesMut) -> Result<Option<Message>, Error> {
    let Some(prelude) = buffer.get(..PRELUDE) else { return Ok(None) };
    let (total, headers) = (number(prelude, 0), number(prelude, 4));
    if crc32fast::hash(&prelude[..8]) != number(prelude, 8) {
        return Err(Error::Malformed("a prelude's checksum is wrong"));
    }
    let (total, headers) = (total as usize, headers as usize);
    if total > MAX_MESSAGE || headers > MAX_HEADERS || total < PRELUDE + headers + CHECKSUM {
        return Err(Error::Malformed("a length is out of bounds"));
    }
    if buffer.len() < total {
        buffer.reserve(total - buffer.len());
        return Ok(None);
    }
    let mut message = buffer.split_to(total).freeze();
    if crc32fast::hash(&message[..total - CHECKSUM]) != number(&message, total - CHECKSUM) {
        return Err(Error::Malformed("a message's checksum is wrong"));
    }
    message.truncate(total - CHECKSUM);
    message.advance(PRELUDE);
    let headers = message.split_to(headers);
    let fields = texts(headers)?;
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value);
    match (field(":message-type"), field(":event-type").or_else(|| field(":exception-type"))) {
        (Some("event"), Some("PayloadChunk")) => Ok(Some(Message::Piece(message))),
        (Some("event"), Some("InvokeComplete")) => {
            let complete: Complete = serde_json::from_slice(&message).unwrap_or_default();
            match (complete.error_code, complete.error_details) {
                (None, _) => Ok(Some(Message::End)),
                (Some(code), details) => Err(Error::Function(details.unwrap_or(code))),
            }
        }
        (Some("exception" | "error"), kind) => Err(Error::Function(kind.unwrap_or_default().to_owned())),
        _ => Ok(Some(Message::Other)),
    }
}

/// Four bytes as a number, where the caller knows that they are there.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The headers whose values are texts.
fn texts(mut headers: Bytes) -> Result<Vec<(String, String)>, Error> {
    const SHORT: Error = Error::Malformed("its headers end early");
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    let mut all = Vec::new();
    while headers.has_remaining() {
        let name = usize::from(headers.get_u8());
        if headers.remaining() < name + 1 {
            return Err(SHORT);
        }
        let name = text(headers.split_to(name));
        let kind = headers.get_u8();
        let length = match kind {
            // Truth values have no bytes of their own.
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | TEXT if headers.remaining() < 2 => return Err(SHORT),
            6 | TEXT => usize::from(headers.get_u16()),
            9 => 16,
            _ => return Err(Error::Malformed("a header's kind is unknown")),
        };
        if headers.remaining() < length {
            return Err(SHORT);
        }
        let value = headers.split_to(length);
        if kind == TEXT {
            all.push((name, text(value)));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut headers = Vec::new();
        for (name, value) in fields {
            headers.push(u8::try_from(name.len()).expect("a short name"));
            headers.extend_from_slice(name.as_bytes());
            headers.push(TEXT);
            headers.extend_from_slice(&u16::try_from(value.len()).expect("a short value").to_be_bytes());
            headers.extend_from_slice(value.as_bytes());
        }
        let number = |number: usize| u32::try_from(number).expect("a small number").to_be_bytes();
        let mut out = Vec::new();
        out.extend(number(PRELUDE + headers.len() + payload.len() + CHECKSUM));
        out.extend(number(headers.len()));
        out.extend(crc32fast::hash(&out).to_be_bytes());
        out.extend(headers);
        out.extend_from_slice(payload);
        out.extend(crc32fast::hash(&out).to_be_bytes());
        out
    }

    fn event(kind: &str, payload: &str) -> Vec<u8> {
        message(&[(":message-type", "event"), (":event-type", kind)], payload.as_bytes())
    }

    async fn read(pieces: Vec<Vec<u8>>) -> Result<String, String> {
        let pieces = pieces.into_iter().map(|piece| Ok(Bytes::from(piece)));
        let body = Body::Stream { length: None, bytes: Box::pin(futures_util::stream::iter(pieces)) };
        let whole = unframed(body).whole(1000).await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&whole).into_owned())
    }

    #[tokio::test]
    async fn pieces_come_out_however_they_came_in() {
        let whole = [
            event("PayloadChunk", "ab"),
            event("Other", "x"),
            event("PayloadChunk", "c"),
            event("InvokeComplete", "{}"),
        ]
        .concat();
        assert_eq!(read(vec![whole.clone()]).await.as_deref(), Ok("abc"));
        assert_eq!(read(whole.iter().map(|byte| vec![*byte]).collect()).await.as_deref(), Ok("abc"));
        // Whatever is flipped, it is noticed, or makes no difference.
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0x55;
            assert!(read(vec![broken]).await.is_err(), "{at}");
        }
        for end in 0..whole.len() {
            assert!(read(vec![whole[..end].to_vec()]).await.is_err(), "{end}");
        }
    }

    #[tokio::test]
    async fn failures_are_told() {
        for (messages, expected) in [
            (
                vec![
                    event("PayloadChunk", "ab"),
                    event("InvokeComplete", r#"{"ErrorCode": "E", "ErrorDetails": "no pets"}"#),
                ],
                "no pets",
            ),
            (vec![event("InvokeComplete", r#"{"ErrorCode": "Unhandled"}"#)], "Unhandled"),
            (
                vec![message(&[(":message-type", "exception"), (":exception-type", "ServiceException")], b"{}")],
                "ServiceException",
            ),
        ] {
            let error = read(messages).await.expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
