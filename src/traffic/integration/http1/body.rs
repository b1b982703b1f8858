//! Bodies of answers: where they end, and their bytes as a stream.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use futures_util::stream::try_unfold;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, StatusCode};

use super::connection::Connection;
use super::pool::{Place, Pool};
use super::wire::Head;
use super::{Error, take};
use crate::traffic::message::BodyError;

/// A chunk's size line, with its extensions, may take so many bytes; trailers together as well.
pub(super) const MAX_CHUNK_LINE: usize = 8 * 1024;

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

impl Framing {
    /// RFC 9112, 6.3. An answer that gives two different ends is refused.
    pub(super) fn of(method: &Method, head: &Head) -> Result<Self, Error> {
        if *method == Method::HEAD
            || head.status.is_informational()
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        {
            return Ok(Self::None);
        }
        let mut length = None;
        for value in head.headers.all(CONTENT_LENGTH.as_str()) {
            let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let parsed: u64 =
                text.and_then(|text| text.parse().ok()).ok_or(Error::Malformed("its length is no number"))?;
            if length.is_some_and(|known| known != parsed) {
                return Err(Error::Malformed("it has two lengths"));
            }
            length = Some(parsed);
        }
        match (head.headers.last(&TRANSFER_ENCODING), length) {
            (Some(_), Some(_)) => Err(Error::Malformed("it has a length and a transfer encoding")),
            (Some(encoding), None) if encoding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Self::Chunked),
            (Some(_), None) => Err(Error::Malformed("its transfer encoding is not known")),
            (None, Some(0)) => Ok(Self::None),
            (None, Some(length)) => Ok(Self::Length(length)),
            (None, None) => Ok(Self::UntilClose),
        }
    }
}

struct Reading {
    connection: Connection,
    left: Left,
    timeout: Duration,
    pool: Option<(Rc<Pool>, Place)>,
}

#[derive(Clone, Copy)]
enum Left {
    Bytes(u64),
    NextChunk,
    InChunk(u64),
    UntilClose,
}

/// The body's bytes; at its end the connection goes back to the pool, if it may.
pub(super) fn stream(
    connection: Connection,
    framing: Framing,
    timeout: Duration,
    pool: Option<(Rc<Pool>, Place)>,
) -> impl Stream<Item = Result<Bytes, BodyError>> {
    let left = match framing {
        Framing::None => Left::Bytes(0),
        Framing::Length(length) => Left::Bytes(length),
        Framing::Chunked => Left::NextChunk,
        Framing::UntilClose => Left::UntilClose,
    };
    let pool = pool.filter(|_| framing != Framing::UntilClose);
    try_unfold(Some(Reading { connection, left, timeout, pool }), |reading| async {
        let Some(mut reading) = reading else { return Ok(None) };
        let timeout = reading.timeout;
        let piece = match tokio::time::timeout(timeout, reading.next()).await {
            Ok(result) => result.map_err(|error| BodyError::Broken(error.to_string()))?,
            Err(_) => return Err(BodyError::Stalled),
        };
        match piece {
            Some(piece) => Ok(Some((piece, Some(reading)))),
            None => {
                if let Some((pool, place)) = reading.pool {
                    pool.put(place, reading.connection);
                }
                Ok(None)
            }
        }
    })
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.left {
                Left::Bytes(0) => return Ok(None),
                Left::Bytes(left) => {
                    let piece = self.piece(left).await?;
                    self.left = Left::Bytes(left - piece.len() as u64);
                    return Ok(Some(piece));
                }
                Left::InChunk(0) => {
                    self.expect_line_end().await?;
                    self.left = Left::NextChunk;
                }
                Left::InChunk(left) => {
                    let piece = self.piece(left).await?;
                    self.left = Left::InChunk(left - piece.len() as u64);
                    return Ok(Some(piece));
                }
                Left::NextChunk => match self.chunk_size().await? {
                    0 => {
                        self.skip_trailers().await?;
                        self.left = Left::Bytes(0);
                    }
                    size => self.left = Left::InChunk(size),
                },
                Left::UntilClose => {
                    if self.connection.buffer.is_empty() && self.connection.read_some().await? == 0 {
                        self.left = Left::Bytes(0);
                        return Ok(None);
                    }
                    return Ok(Some(self.connection.buffer.split().freeze()));
                }
            }
        }
    }

    /// Some bytes, at most `left`.
    async fn piece(&mut self, left: u64) -> Result<Bytes, Error> {
        if self.connection.buffer.is_empty() {
            self.connection.read_more().await?;
        }
        let here = self.connection.buffer.len();
        let length = usize::try_from(left).map_or(here, |left| left.min(here));
        Ok(take(&mut self.connection.buffer, length))
    }

    async fn chunk_size(&mut self) -> Result<u64, Error> {
        loop {
            // A line without a number would be read as 0.
            let is_number = self.connection.buffer.first().is_none_or(u8::is_ascii_hexdigit);
            match httparse::parse_chunk_size(&self.connection.buffer) {
                Ok(httparse::Status::Complete((line, size))) if is_number && line <= MAX_CHUNK_LINE => {
                    self.connection.buffer.advance(line);
                    return Ok(size);
                }
                Ok(httparse::Status::Partial) if self.connection.buffer.len() <= MAX_CHUNK_LINE => {
                    self.connection.read_more().await?;
                }
                Ok(_) | Err(_) => return Err(Error::Malformed("a chunk's size can't be read")),
            }
        }
    }

    async fn expect_line_end(&mut self) -> Result<(), Error> {
        while self.connection.buffer.len() < 2 {
            self.connection.read_more().await?;
        }
        if !self.connection.buffer.starts_with(b"\r\n") {
            return Err(Error::Malformed("a chunk is longer than it says"));
        }
        self.connection.buffer.advance(2);
        Ok(())
    }

    /// Trailers are dropped, as API Gateway does.
    async fn skip_trailers(&mut self) -> Result<(), Error> {
        let too_long = || Error::Malformed("its trailers are too long");
        let mut read = 0;
        loop {
            match self.connection.buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    let empty = self.connection.buffer[..end].iter().all(|byte| *byte == b'\r');
                    self.connection.buffer.advance(end + 1);
                    read += end + 1;
                    if read > MAX_CHUNK_LINE {
                        return Err(too_long());
                    }
                    if empty {
                        return Ok(());
                    }
                }
                None if read + self.connection.buffer.len() > MAX_CHUNK_LINE => return Err(too_long()),
                None => self.connection.read_more().await?,
            }
        }
    }
}
