//! Answers of functions that come piece by piece: what is to be known of an answer first, then eight NUL bytes, then the
//! body as it comes.
//!
//! Source: "Configure a Lambda proxy integration with payload response streaming" (data-plane reference, 10.7).

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use tokio::time::{Instant, timeout_at};

use super::integration_response::{Author, Mapped};
use super::proxy_answer::ProxyAnswer;
use crate::traffic::message::{Body, BodyError, ByteStream, Refusal};

/// What stands between an answer's head and its body.
pub(super) const DELIMITER: [u8; 8] = [0; 8];
/// The delimiter is within so many bytes: AWS's limit.
const MAX_HEAD: usize = 16 * 1024;
/// A function that sends nothing for so long is cut off: AWS's limit.
const IDLE: Duration = Duration::from_secs(300);

/// The answer to the caller, as soon as its head is here. The whole of it has until the deadline.
pub(super) async fn read(body: Body, deadline: Instant) -> Result<Mapped, Refusal> {
    let mut bytes: ByteStream = match body {
        Body::Empty => return Err(wrong("nothing came")),
        Body::Whole(bytes) => Box::pin(futures_util::stream::once(async { Ok(bytes) })),
        Body::Stream { bytes, .. } => bytes,
    };
    let mut start = BytesMut::new();
    let end = loop {
        // Of more than a head's length no more is looked at, so that the delimiter is found where it may be.
        let seen = &start[..start.len().min(MAX_HEAD + DELIMITER.len())];
        if let Some(end) = memchr::memmem::find(seen, &DELIMITER) {
            break end;
        }
        if start.len() > MAX_HEAD + DELIMITER.len() {
            return Err(wrong("the delimiter is not within its first 16 KB"));
        }
        match next(&mut bytes, deadline).await {
            Ok(Some(piece)) => start.extend_from_slice(&piece),
            Ok(None) => return Err(wrong("it ends before its delimiter")),
            Err(BodyError::Stalled) => return Err(Refusal::timeout()),
            Err(error) => return Err(wrong(&error.to_string())),
        }
    };
    let mut rest = start.split_off(end).freeze();
    rest.advance(DELIMITER.len());
    let head = ProxyAnswer::read_head(&start).map_err(|_| wrong("its head is none"))?;
    let (status, headers) = (head.status(), head.fields().map_err(|_| wrong("its header fields are none"))?);
    let body = try_unfold((Some(rest), bytes), move |(rest, mut bytes)| async move {
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            return Ok(Some((rest, (None, bytes))));
        }
        Ok::<_, BodyError>(next(&mut bytes, deadline).await?.map(|piece| (piece, (None, bytes))))
    });
    let body = Body::Stream { length: None, bytes: Box::pin(body) };
    Ok(Mapped { status, headers, body, author: Author::Function, is_bytes: false })
}

/// The next piece, which must not be waited for too long.
async fn next(bytes: &mut ByteStream, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
    let until = deadline.min(Instant::now() + IDLE);
    timeout_at(until, bytes.next()).await.map_err(|_| BodyError::Stalled)?.transpose()
}

fn wrong(what: &str) -> Refusal {
    Refusal::configuration(format_args!("Malformed streamed Lambda proxy response: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(pieces: &[&[u8]]) -> Result<(u16, Vec<String>, Vec<u8>), String> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let body = Body::Stream { length: None, bytes: Box::pin(futures_util::stream::iter(pieces)) };
        let deadline = Instant::now() + Duration::from_secs(5);
        let mapped = read(body, deadline).await.map_err(|refusal| refusal.reason.into_owned())?;
        let fields =
            mapped.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or_default()));
        let fields = fields.collect();
        let body = mapped.body.whole(1_000_000).await.map_err(|error| error.to_string())?;
        Ok((mapped.status.as_u16(), fields, body.to_vec()))
    }

    #[tokio::test]
    async fn heads_are_told_from_bodies() {
        let json = || "content-type=application/json".to_owned();
        let head = br#"{"statusCode": 201, "headers": {"A": "1"}, "cookies": ["x=1", "y=2"]}"#;
        let nul = &[0_u8; 8][..];
        let cookies = ["a=1", "set-cookie=x=1", "set-cookie=y=2"].map(str::to_owned);
        let fields: Vec<_> = cookies.into_iter().chain([json()]).collect();
        for pieces in [vec![&head[..], nul, b"body"], vec![&[head, nul, b"body"].concat()[..]]] {
            assert_eq!(shown(&pieces).await, Ok((201, fields.clone(), b"body".to_vec())));
        }
        // The body may have NUL bytes of its own, and a head may come in two pieces.
        let body = [b"{", &b"}"[..], &nul[..3], &nul[..5], b"\0\0\0\0\0\0\0\0\0x"];
        assert_eq!(shown(&body).await, Ok((200, vec![json()], b"\0\0\0\0\0\0\0\0\0x".to_vec())));
        let long = [b" ".repeat(MAX_HEAD + 1).as_slice(), b"{}", nul].concat();
        for (pieces, what) in [
            (vec![], "ends before"),
            (vec![&br#"{"statusCode": 200, "body": "x"}"#[..]], "ends before"),
            (vec![&b"{}"[..], &nul[..7]], "ends before"),
            (vec![&br#"{"body": "x"}"#[..], nul], "its head is none"),
            (vec![&b"text"[..], nul], "its head is none"),
            (vec![&long[..]], "16 KB"),
        ] {
            let error = shown(&pieces).await.expect_err(what);
            assert!(error.contains(what), "{error}");
        }
    }
}
