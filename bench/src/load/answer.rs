//! Finds the end of an HTTP/1.1 answer, which is all that a load generator wants to know of it, beside the status.

/// What the head of an answer says.
#[derive(Debug, PartialEq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// How long the head is, in bytes.
    pub(crate) length: usize,
    /// How to find the end of the body.
    pub(crate) body: Body,
    /// The server closes the connection after this answer.
    pub(crate) close: bool,
}

/// Where a body ends.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    /// After so many more bytes.
    Sized(u64),
    /// After the last chunk.
    Chunked(Chunks),
    /// Where the connection ends.
    UntilClose,
}

/// Bytes that are not what HTTP/1.1 allows.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is not HTTP/1.1")
    }
}

impl std::error::Error for Malformed {}

/// Reads the head at the start of `bytes`, or nothing while it is incomplete.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = answer.parse(bytes).map_err(|_| Malformed)? else { return Ok(None) };
    let status = answer.code.ok_or(Malformed)?;
    let mut sized = None;
    let mut chunked = false;
    let mut close = answer.version == Some(0);
    for header in answer.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| Malformed)?;
            sized = Some(text.parse().map_err(|_| Malformed)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = header.value.eq_ignore_ascii_case(b"chunked");
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    let body = match sized {
        _ if matches!(status, 100..=199 | 204 | 304) => Body::Sized(0),
        _ if chunked => Body::Chunked(Chunks::Size(0)),
        Some(length) => Body::Sized(length),
        None => Body::UntilClose,
    };
    Ok(Some(Head { status, length, close: close || body == Body::UntilClose, body }))
}

impl Body {
    /// Takes the next bytes of the body. True once the body is complete; bytes after its end are malformed, because
    /// nothing more was asked for.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        match self {
            Body::Sized(left) => {
                *left = left.checked_sub(bytes.len() as u64).ok_or(Malformed)?;
                Ok(*left == 0)
            }
            Body::Chunked(chunks) => {
                chunks.take(bytes)?;
                Ok(*chunks == Chunks::Done)
            }
            Body::UntilClose => Ok(false),
        }
    }
}

/// Where in a chunked body the next byte belongs.
#[derive(Debug, PartialEq)]
pub(crate) enum Chunks {
    /// To a chunk's size, of which this much is known.
    Size(u64),
    /// To the rest of the line of a size, extensions included.
    Extension(u64),
    /// To a chunk's data, of which so much is missing.
    Data(u64),
    /// To the line end after a chunk's data.
    DataEnd,
    /// To the start of a line after the last chunk: a trailer, or the end.
    Trailer,
    /// To the inside of a trailer.
    TrailerLine,
    /// Nowhere: the body is complete.
    Done,
}

impl Chunks {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while let [byte, rest @ ..] = bytes {
            bytes = rest;
            *self = match (&*self, *byte) {
                (Chunks::Size(size), digit) if digit.is_ascii_hexdigit() => {
                    let digit = char::from(digit).to_digit(16).ok_or(Malformed)?;
                    let size = size.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
                    Chunks::Size(size.ok_or(Malformed)?)
                }
                (Chunks::Size(0) | Chunks::Extension(0), b'\n') => Chunks::Trailer,
                (Chunks::Size(size) | Chunks::Extension(size), b'\n') => Chunks::Data(*size),
                (Chunks::Size(size), b'\r' | b';' | b' ') | (Chunks::Extension(size), _) => Chunks::Extension(*size),
                (Chunks::Data(left), _) => {
                    let here = (*left - 1).min(rest.len() as u64);
                    bytes = &rest[here as usize..];
                    match *left - 1 - here {
                        0 => Chunks::DataEnd,
                        left => Chunks::Data(left),
                    }
                }
                (Chunks::DataEnd, b'\r') => Chunks::DataEnd,
                (Chunks::DataEnd, b'\n') => Chunks::Size(0),
                (Chunks::Trailer, b'\r') => Chunks::Trailer,
                (Chunks::Trailer, b'\n') => Chunks::Done,
                (Chunks::TrailerLine, b'\n') => Chunks::Trailer,
                (Chunks::Trailer | Chunks::TrailerLine, _) => Chunks::TrailerLine,
                (Chunks::Size(_) | Chunks::DataEnd | Chunks::Done, _) => return Err(Malformed),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Head {
        head(text.as_bytes()).expect("well-formed").expect("complete")
    }

    #[test]
    fn body_ends_as_the_head_says() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n").body, Body::Sized(12));
        let chunked = parse("HTTP/1.1 502 Bad\r\ntransfer-encoding: Chunked\r\n\r\n");
        assert_eq!((chunked.status, chunked.body), (502, Body::Chunked(Chunks::Size(0))));
        assert_eq!(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n").body, Body::Sized(0));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n").body, Body::UntilClose);
    }

    #[test]
    fn connection_closes_when_it_must() {
        assert!(!parse("HTTP/1.1 204 No Content\r\n\r\n").close);
        assert!(parse("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").close);
        assert!(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").close);
        assert!(parse("HTTP/1.1 200 OK\r\n\r\n").close);
    }

    #[test]
    fn incomplete_and_malformed_heads() {
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-"), Ok(None));
        assert_eq!(head(b"SSH-2.0-x\r\n"), Err(Malformed));
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Err(Malformed));
    }

    #[test]
    fn sized_body_ends_exactly() {
        let mut body = Body::Sized(5);
        assert_eq!(body.take(b"ab"), Ok(false));
        assert_eq!(body.take(b"cde"), Ok(true));
        assert_eq!(Body::Sized(1).take(b"ab"), Err(Malformed));
    }

    #[test]
    fn chunked_body_may_come_in_any_pieces() {
        let text = b"5\r\nhello\r\n1a;name=value\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n";
        for piece in 1..=text.len() {
            let mut body = Body::Chunked(Chunks::Size(0));
            let mut pieces = text.chunks(piece).peekable();
            while let Some(part) = pieces.next() {
                assert_eq!(body.take(part), Ok(pieces.peek().is_none()), "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for text in ["x\r\n", "1\r\nab\r\n", "0\r\n\r\nmore", "ffffffffffffffffff\r\n"] {
            assert_eq!(Body::Chunked(Chunks::Size(0)).take(text.as_bytes()), Err(Malformed), "{text:?}");
        }
    }
}
