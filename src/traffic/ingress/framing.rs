//! Where a request ends, read strictly: what two readers could understand in two ways is no request.
//!
//! The server behind reads everything once more, and is the one whose reading counts. It is lenient where RFC 9112 lets
//! it be (a bare LF ends a line, chunk extensions and trailers may have any length), and answers a request that comes
//! after the last one of a connection. Here is decided what it gets to read at all.

use memchr::memchr;

/// Empty lines that may come before a request; RFC 9112, 2.2 wants at least one to be passed over.
const EMPTY_LINES: usize = 8;
/// A line of a head that comes in pieces is kept up to this length; the server takes no head that is longer.
const LINE: usize = 128 * 1024;
/// Digits of a chunk's size. Some pad theirs with zeros; nobody needs more of them.
const SIZE_DIGITS: usize = 16;
/// Bytes of a chunk. No body here is as long.
const CHUNK: u64 = 1 << 32;
/// Bytes of all chunk extensions of a body together. Nobody reads them (RFC 9112, 7.1.1).
const EXTENSIONS: usize = 16 * 1024;
/// Bytes of all trailers of a body: as many as AWS allows for header fields. They are dropped.
const TRAILERS: usize = 10_240;

/// How far the request is here that is being received.
#[derive(Debug, Default)]
pub(super) struct Framing {
    at: At,
    head: Head,
    /// The start of a line of the head whose end is not here yet.
    line: Vec<u8>,
    /// Bytes of chunk extensions, then of trailers.
    extra: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum At {
    /// A line of the head.
    #[default]
    Head,
    /// So many bytes of the body.
    Length(u64),
    Chunk(Chunk),
    /// Nothing: the request is here.
    End,
}

/// What comes next of a body in chunks (RFC 9112, 7.1).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Chunk {
    /// The size, of which so many digits are here.
    Size(u64, usize),
    /// White space between size and extension; nobody writes it any more, all know it.
    Space(u64),
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// A trailer, or the end.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
}

/// What the head said so far.
#[derive(Debug, Default)]
struct Head {
    empty_lines: usize,
    has_request_line: bool,
    /// The server understands no transfer encoding in HTTP/1.0.
    is_old: bool,
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    keeps_alive: bool,
    is_websocket: bool,
}

impl Framing {
    /// Reads on. Gives how many of the bytes belong to the request, which are all unless it ends among them; or where
    /// the first one is that can't be.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let mut read = 0;
        while read < bytes.len() {
            let rest = &bytes[read..];
            read += match &mut self.at {
                At::Head => self.follow_head(rest).map_err(|at| read + at)?,
                At::Length(left) => {
                    let length = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= length as u64;
                    if *left == 0 {
                        self.at = At::End;
                    }
                    length
                }
                At::Chunk(Chunk::Data(left)) => {
                    let length = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= length as u64;
                    if *left == 0 {
                        self.at = At::Chunk(Chunk::DataCr);
                    }
                    length
                }
                At::Chunk(chunk) => {
                    let chunk = *chunk;
                    self.at = self.follow_chunk(chunk, rest[0]).ok_or(read)?;
                    1
                }
                At::End => break,
            };
        }
        Ok(read)
    }

    /// Whether something of a head is here and its end is not.
    pub(super) fn is_in_head(&self) -> bool {
        self.at == At::Head && (self.head.has_request_line || self.head.empty_lines > 0 || !self.line.is_empty())
    }

    /// Whether the head is here and the end of the body is not.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self.at, At::Length(_) | At::Chunk(_))
    }

    /// Whether the whole request is here.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == At::End
    }

    /// Whether no other request may follow: whatever comes behind this one is none (RFC 9112, 9.6).
    pub(super) fn is_last(&self) -> bool {
        let head = &self.head;
        head.closes || (head.is_old && !head.keeps_alive)
    }

    /// Whether anything may come behind this request: another one, or another protocol, if the connection is given to it.
    pub(super) fn may_go_on(&self) -> bool {
        self.head.is_websocket || !self.is_last()
    }

    /// Waits for the next request of the connection.
    pub(super) fn begin(&mut self) {
        self.at = At::Head;
        self.head = Head::default();
        self.extra = 0;
    }

    /// A line of the head, or the part of it that is here.
    fn follow_head(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let Some(end) = memchr(b'\n', bytes) else {
            if self.line.len() + bytes.len() > LINE {
                return Err(0);
            }
            self.line.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let is_done = if self.line.is_empty() {
            self.head.line(&bytes[..end])
        } else {
            self.line.extend_from_slice(&bytes[..end]);
            let is_done = self.head.line(&self.line);
            self.line.clear();
            is_done
        };
        if is_done.ok_or(end)? {
            self.at = self.head.body().ok_or(end)?;
        }
        Ok(end + 1)
    }

    /// One byte of a chunk that is not its data.
    fn follow_chunk(&mut self, chunk: Chunk, byte: u8) -> Option<At> {
        let next = match (chunk, byte) {
            (Chunk::Size(size, digits), _) if byte.is_ascii_hexdigit() && digits < SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16)?;
                let size = (size << 4) | u64::from(digit);
                if size > CHUNK {
                    return None;
                }
                Chunk::Size(size, digits + 1)
            }
            (Chunk::Size(_, 0), _) => return None,
            (Chunk::Size(size, _) | Chunk::Space(size) | Chunk::Extension(size), b'\r') => Chunk::SizeLf(size),
            (Chunk::Size(size, _) | Chunk::Space(size), b' ' | b'\t') => Chunk::Space(self.count(size, EXTENSIONS)?),
            (Chunk::Size(size, _) | Chunk::Space(size), b';') => Chunk::Extension(self.count(size, EXTENSIONS)?),
            (Chunk::Extension(size), _) if is_text(byte) => Chunk::Extension(self.count(size, EXTENSIONS)?),
            (Chunk::SizeLf(0), b'\n') => {
                self.extra = 0;
                Chunk::TrailerStart
            }
            (Chunk::SizeLf(size), b'\n') => Chunk::Data(size),
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => Chunk::Size(0, 0),
            (Chunk::TrailerStart, b'\r') => Chunk::EndLf,
            (Chunk::TrailerStart | Chunk::TrailerName, _) if is_token(byte) => {
                self.count(0, TRAILERS)?;
                Chunk::TrailerName
            }
            (Chunk::TrailerName, b':') => Chunk::TrailerValue,
            (Chunk::TrailerValue, b'\r') => Chunk::TrailerLf,
            (Chunk::TrailerValue, _) if is_text(byte) => {
                self.count(0, TRAILERS)?;
                Chunk::TrailerValue
            }
            (Chunk::TrailerLf, b'\n') => Chunk::TrailerStart,
            (Chunk::EndLf, b'\n') => return Some(At::End),
            _ => return None,
        };
        Some(At::Chunk(next))
    }

    /// Counts a byte that nobody reads; gives back `size` while there are few of them.
    fn count(&mut self, size: u64, most: usize) -> Option<u64> {
        self.extra += 1;
        (self.extra <= most).then_some(size)
    }
}

impl Head {
    /// Reads a line without its LF: whether it was the last one, or nothing if it can't be a line of a head.
    fn line(&mut self, line: &[u8]) -> Option<bool> {
        // RFC 9112, 2.2 allows for a LF alone. Readers that don't make one line of what is two for others.
        let line = line.strip_suffix(b"\r")?;
        if line.is_empty() {
            self.empty_lines += usize::from(!self.has_request_line);
            return (self.empty_lines <= EMPTY_LINES).then_some(self.has_request_line);
        }
        if self.has_request_line {
            self.field(line)?
        } else {
            self.request_line(line)?
        }
        Some(false)
    }

    fn request_line(&mut self, line: &[u8]) -> Option<()> {
        self.has_request_line = true;
        self.is_old = line.ends_with(b"HTTP/1.0");
        // Without a length the server takes all that follows for the body of such a request.
        self.closes = line.starts_with(b"CONNECT ");
        // A target has no fragment (RFC 9112, 3.2): some cut it off, some look for a file of this name.
        memchr(b'#', line).is_none().then_some(())
    }

    fn field(&mut self, line: &[u8]) -> Option<()> {
        // RFC 9112, 5.1 and 5.2: neither white space before the colon nor a line that continues the one before.
        let colon = memchr(b':', line)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                let mut protocols = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                self.is_websocket |= protocols.any(|name| name.eq_ignore_ascii_case(b"websocket"));
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.closes |= option.eq_ignore_ascii_case(b"close") || option.eq_ignore_ascii_case(b"upgrade");
                    self.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let digits = std::str::from_utf8(spaced(value)).ok()?;
                let length = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
                if self.length.replace(length).is_some() {
                    return None;
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !spaced(value).eq_ignore_ascii_case(b"chunked") {
                    return None;
                }
                self.chunked = true;
            }
            _ => {}
        }
        Some(())
    }

    /// What follows the head (RFC 9112, 6.3); nothing if it says two things.
    fn body(&mut self) -> Option<At> {
        let length = self.length.unwrap_or(0);
        if self.is_websocket {
            // The server takes all that follows for the body, whatever the length says. A handshake has none
            // (RFC 6455, 4.1), and nothing follows it here.
            self.closes = true;
            return (length == 0 && !self.chunked).then_some(At::End);
        }
        if self.chunked {
            return (self.length.is_none() && !self.is_old).then_some(At::Chunk(Chunk::Size(0, 0)));
        }
        Some(if length == 0 { At::End } else { At::Length(length) })
    }
}

/// A value without the spaces around it. A tab may stand there too (RFC 9110, 5.6.3), but around what says where a
/// request ends some don't take it for white space.
fn spaced(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
        value = rest;
    }
    value
}

/// What names are made of (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What values are made of (RFC 9110, 5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows bytes that come in two pieces, whichever these are: what of them is a request, or what is none.
    fn follow(bytes: &[u8]) -> Result<usize, usize> {
        let cut = |at: usize| {
            let mut framing = Framing::default();
            let first = framing.follow(&bytes[..at])?;
            if first < at {
                return Ok(first);
            }
            let rest = framing.follow(&bytes[at..]).map_err(|fault| at + fault)?;
            assert_eq!(framing.is_at_end(), rest < bytes.len() - at || at + rest == bytes.len(), "{at}");
            Ok(at + rest)
        };
        let whole = cut(0);
        for at in 1..bytes.len() {
            assert_eq!(cut(at), whole, "in two pieces, of which the first has {at} bytes");
        }
        whole
    }

    #[test]
    fn a_request_ends_where_it_says() {
        for request in [
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:  4 \r\n\r\nabcd",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\na ;x=\"y\"\r\n0123456789\r\n00\r\nA: b\r\nC:\r\n\r\n",
        ] {
            let bytes = format!("{request}GET /next HTTP/1.1\r\n\r\n");
            assert_eq!(follow(bytes.as_bytes()), Ok(request.len()), "{request}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_request() {
        let post = |fields: &str| format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
        let chunked = |body: &str| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        for bytes in [
            "GET / HTTP/1.1\nHost: h\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: h\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: h\r\n\n".to_owned(),
            "GET /a#b HTTP/1.1\r\n\r\n".to_owned(),
            "\r\n".repeat(EMPTY_LINES + 1) + "GET / HTTP/1.1\r\n\r\n",
            post("A: b\r\n folded"),
            post("Content-Length: 4\r\nTransfer-Encoding: chunked"),
            post("Transfer-Encoding: chunked\r\nContent-Length: 4"),
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            post("Transfer-Encoding: chunked, identity"),
            post("Transfer-Encoding: xchunked"),
            post("Transfer-Encoding:\tchunked"),
            post("Content-Length: 4\r\nContent-Length: 4"),
            post("Content-Length: +4"),
            post("Content-Length: 4,4"),
            post("Content-Length:"),
            post("Content-Length: 99999999999999999999"),
            post("Content-Length: 4\r\nUpgrade: websocket"),
            post("Content-Length: 4\r\nUpgrade: h2c, WebSocket"),
            post("Transfer-Encoding: chunked\r\nUpgrade: websocket"),
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            chunked("-1\r\n"),
            chunked("0x1\r\n"),
            chunked("1_0\r\n"),
            chunked("\r\n"),
            chunked("00000000000000001\r\n"),
            chunked("100000001\r\n"),
            chunked("4\nabcd"),
            chunked("4\r\nabcdX"),
            chunked("4;\x01\r\n"),
            chunked(&format!("4;{}\r\n", "x".repeat(EXTENSIONS))),
            chunked(&("1;x\r\na\r\n".repeat(EXTENSIONS / 2 + 1))),
            chunked(&format!("0\r\nA: {}\r\n", "x".repeat(TRAILERS))),
            chunked("0\r\n folded\r\n"),
            chunked("0\r\nA : b\r\n"),
            chunked("0\r\nA: b\n\r\n"),
            chunked("0\r\n\rX"),
        ] {
            let mut framing = Framing::default();
            assert!(framing.follow(bytes.as_bytes()).is_err(), "{bytes}");
            if bytes.len() < 200 {
                assert!(follow(bytes.as_bytes()).is_err(), "{bytes}");
            }
        }
    }

    #[test]
    fn the_last_request_of_a_connection_is_known() {
        for (head, expected) in [
            ("GET / HTTP/1.1", false),
            ("GET / HTTP/1.1\r\nConnection: x, Close", true),
            ("GET / HTTP/1.1\r\nConnection: keep-alive", false),
            ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket", true),
            ("GET / HTTP/1.1\r\nUpgrade: websocket", true),
            ("GET / HTTP/1.1\r\nUpgrade: h2c,websocket", true),
            ("GET / HTTP/1.1\r\nUpgrade: h2c", false),
            ("GET / HTTP/1.0", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive", false),
            ("CONNECT h:1 HTTP/1.1", true),
        ] {
            let mut framing = Framing::default();
            framing.follow(format!("{head}\r\n\r\n").as_bytes()).expect("a request");
            assert_eq!((framing.is_at_end(), framing.is_last()), (true, expected), "{head}");
            framing.begin();
            assert!(!framing.is_last() && !framing.is_in_head(), "{head}");
        }
    }
}
