//! Compressed bodies: requests are inflated before anything looks at them, answers deflated where API and caller want it.
//!
//! Source: "Payload compression for REST APIs" in the developer guide (data-plane reference, 19).

use std::io::{self, Write};
use std::pin::Pin;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder};
use futures_util::{Stream, StreamExt, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, StatusCode};

use super::endpoint::Located;
use super::facts::Facts;
use super::integration::broken;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::{Body, BodyError, ByteStream, Refusal, Reply};

/// A body is compressed in pieces of so many bytes: other requests go on between two of them.
const PIECE: usize = 64 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    fn named(name: &str) -> Option<Self> {
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => Some(Self::Gzip),
            name if name.eq_ignore_ascii_case("deflate") => Some(Self::Deflate),
            _ => None,
        }
    }

    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }
}

/// Inflates a request's body, if its API compresses at all; the body may have at most `limit` bytes then.
pub(super) async fn inflate(mut located: Located, limit: u64) -> Result<Located, Refusal> {
    if located.stage.deployed(located.side).minimum_compression.is_none() {
        return Ok(located);
    }
    let coding = match located.request.headers.last_text(CONTENT_ENCODING.as_str()).map(str::trim) {
        None | Some("") => return Ok(located),
        Some(name) if name.eq_ignore_ascii_case("identity") => return Ok(located),
        Some(name) => Coding::named(name).ok_or_else(unsupported)?,
    };
    let body = located.request.take_body().whole(limit).await.map_err(Refusal::body)?;
    let body = inflated(&body, coding, limit)?;
    located.request.body = if body.is_empty() { Body::Empty } else { Body::Whole(body) };
    Ok(located)
}

fn unsupported() -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::UnsupportedMediaType),
        ..Refusal::bad_request(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")
    }
}

/// Takes what is written to it, and no more than so many bytes.
struct Taken {
    bytes: Vec<u8>,
    limit: u64,
    is_over: bool,
}

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            self.is_over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn inflated(body: &[u8], coding: Coding, limit: u64) -> Result<Bytes, Refusal> {
    let taken = Taken { bytes: Vec::new(), limit, is_over: false };
    let refuse = |taken: &Taken| if taken.is_over { Refusal::too_large(limit) } else { unsupported() };
    macro_rules! inflate {
        ($decoder:expr) => {{
            let mut decoder = $decoder;
            let written = decoder.write_all(body).and_then(|()| decoder.try_finish());
            match written {
                Ok(()) => Ok(Bytes::from(std::mem::take(&mut decoder.get_mut().bytes))),
                Err(_) => Err(refuse(decoder.get_ref())),
            }
        }};
    }
    match coding {
        Coding::Gzip => inflate!(GzDecoder::new(taken)),
        Coding::Deflate => inflate!(ZlibDecoder::new(taken)),
    }
}

/// Deflates an answer that is long enough for its API, if its caller wants that most of all.
pub(super) async fn deflate(mut reply: Reply, facts: &Facts) -> Result<Reply, Refusal> {
    let minimum = facts.deployed().and_then(|deployed| deployed.minimum_compression);
    // What comes piece by piece goes on as it is (data-plane reference, 10.7).
    let streams = facts.method().is_some_and(|method| method.integration.streams());
    let Some(minimum) = minimum.filter(|_| !streams) else { return Ok(reply) };
    let coding = facts.head().headers.last_text(ACCEPT_ENCODING.as_str()).and_then(preferred);
    let Some(coding) = coding.filter(|_| reply.headers.last(&CONTENT_ENCODING).is_none()) else { return Ok(reply) };
    reply.body = reply.body.gathered(u64::from(minimum)).await.map_err(broken)?;
    let is_long = match &reply.body {
        Body::Empty => false,
        Body::Whole(bytes) => !bytes.is_empty() && bytes.len() as u64 >= u64::from(minimum),
        Body::Stream { .. } => true,
    };
    if is_long {
        reply.body = deflated(reply.body, coding);
        reply.headers.remove(&CONTENT_LENGTH);
        reply.headers.append(CONTENT_ENCODING, coding.name());
    }
    Ok(reply)
}

/// The coding that an `Accept-Encoding` wants most, if we have it; of equals the first.
fn preferred(header: &str) -> Option<Coding> {
    let mut best = (None, 0.0);
    for entry in header.split(',') {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).unwrap_or(0.0);
        if weight > best.1 {
            best = (Coding::named(name), weight);
        }
    }
    best.0
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            Coding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), Compression::default())),
        }
    }

    /// What came out of one more piece.
    fn write(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => encoder.write_all(piece).map(|()| encoder.get_mut())?,
            Self::Deflate(encoder) => encoder.write_all(piece).map(|()| encoder.get_mut())?,
        };
        Ok(Bytes::from(std::mem::take(out)))
    }

    /// What is left at the end.
    fn finish(self) -> io::Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Deflate(encoder) => encoder.finish()?,
        };
        Ok(Bytes::from(out))
    }
}

/// The body, compressed as it is sent.
fn deflated(body: Body, coding: Coding) -> Body {
    let bytes: ByteStream = match body {
        Body::Empty => return Body::Empty,
        Body::Whole(bytes) if bytes.len() <= PIECE => return Body::Whole(deflated_at_once(&bytes, coding)),
        Body::Whole(bytes) => Box::pin(stream::unfold(bytes, |mut left| async {
            if left.is_empty() {
                return None;
            }
            let piece = left.split_to(left.len().min(PIECE));
            // A large body must not keep the worker to itself.
            tokio::task::yield_now().await;
            Some((Ok(piece), left))
        })),
        Body::Stream { bytes, .. } => bytes,
    };
    let state = Some((bytes, Encoder::new(coding)));
    let bytes: Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>>>> =
        Box::pin(stream::try_unfold(state, |state| async {
            let Some((mut bytes, mut encoder)) = state else { return Ok(None) };
            let failed = |error: io::Error| BodyError::Broken(error.to_string());
            loop {
                match bytes.next().await {
                    Some(piece) => {
                        let out = encoder.write(&piece?).map_err(failed)?;
                        if !out.is_empty() {
                            return Ok(Some((out, Some((bytes, encoder)))));
                        }
                    }
                    None => return Ok(Some((encoder.finish().map_err(failed)?, None))),
                }
            }
        }));
    Body::Stream { length: None, bytes }
}

fn deflated_at_once(bytes: &Bytes, coding: Coding) -> Bytes {
    let mut encoder = Encoder::new(coding);
    // Writing to memory does not fail.
    let start = encoder.write(bytes).unwrap_or_default();
    let end = encoder.finish().unwrap_or_default();
    if start.is_empty() { end } else { Bytes::from([start, end].concat()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_that_callers_want_most_is_taken() {
        for (header, expected) in [
            ("gzip", Some(Coding::Gzip)),
            ("GZIP", Some(Coding::Gzip)),
            ("deflate, gzip", Some(Coding::Deflate)),
            ("deflate;q=0.5, gzip;q=0.8", Some(Coding::Gzip)),
            ("br, gzip;q=0.9", None),
            ("gzip;q=0.9, identity", None),
            ("gzip;q=0", None),
            ("*", None),
            ("identity;q=0.5, gzip;q=x", None),
            ("", None),
        ] {
            assert_eq!(preferred(header), expected, "{header}");
        }
    }

    #[test]
    fn what_is_deflated_is_inflated_again() {
        for coding in [Coding::Gzip, Coding::Deflate] {
            let body = Bytes::from("text ".repeat(1000));
            let short = deflated_at_once(&body, coding);
            assert!(short.len() < body.len() / 10);
            assert_eq!(inflated(&short, coding, 5000).ok(), Some(body.clone()));
            assert_eq!(inflated(&short, coding, 4999).err().map(|refusal| refusal.status.as_u16()), Some(413));
            let cut = &short[..short.len() - 9];
            assert_eq!(inflated(cut, coding, 5000).err().map(|refusal| refusal.status.as_u16()), Some(415));
            assert_eq!(inflated(b"none", coding, 5000).err().map(|refusal| refusal.status.as_u16()), Some(415));
        }
    }
}
