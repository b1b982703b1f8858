//! Answers at random, in pieces at random: what a client makes of them depends on the bytes alone, and ends where they
//! say.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use rustls::RootCertStore;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::MAX_HEAD;
use super::*;
use crate::fuzz::{Dice, Target};

const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 ",
    "100 Continue",
    "204",
    "304",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    ": ",
    ";",
    "0\r\n\r\n",
    "0\r\n",
    "5\r\nhello\r\n",
    "ffffffffffffffff",
    "10000000000000000",
    " ",
    "\t",
    "\0",
    "+",
    "-",
    "x",
    "HEAD\n",
    ", ",
    "chunked",
    "close",
];
/// How many bytes of a chunk's size line, and of all trailers, there may be.
const MAX_LINE: usize = body::MAX_CHUNK_LINE;

/// The bytes of an answer, in the pieces in which they come.
pub(super) struct Pieces(VecDeque<Vec<u8>>);

impl Pieces {
    /// Whether nothing is left, and the endpoint keeps the connection open.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn chunk(dice: &mut Dice) -> String {
    let data = "x".repeat(if dice.chance(20) { 70_000 } else { dice.below(40) });
    let size = if dice.chance(12) { dice.number() } else { format!("{:x}", data.len()) };
    let size = if dice.chance(8) { format!("00{}", size.to_uppercase()) } else { size };
    let extension = match dice.below(12) {
        0 => dice.word(&[";a=b", " ;a", ";\"\r\"", ";\n", "\t", " 1", ";", "g"]).to_owned(),
        1 if dice.chance(4) => format!(";{}", "e".repeat(MAX_LINE - 20 + dice.below(40))),
        _ => String::new(),
    };
    let (end, after) = if dice.chance(12) { (line_end(dice), line_end(dice)) } else { ("\r\n", "\r\n") };
    format!("{size}{extension}{end}{data}{after}")
}

fn line_end(dice: &mut Dice) -> &'static str {
    dice.word(&["\r\n", "\r\n", "\n", "\r", "", "\r\r\n"])
}

/// The bytes that an endpoint sends; behind `HEAD`, those with which it answers that.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let mut out = dice.word(&["", "", "", "HEAD\n"]).to_owned();
    out += &dice.several(1, "", |_| "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n".to_owned());
    let status = dice.word(&["200 OK", "200 OK", "200 OK", "204 No", "304 Not", "101 Up", "500", "99 X", "2000 X"]);
    out += &format!("HTTP/1.{} {status}\r\n", if dice.chance(8) { 0 } else { 1 });
    let length = dice.below(60);
    for _ in 0..dice.below(4) {
        out += &match dice.below(10) {
            0..=2 => "Transfer-Encoding: chunked\r\n".to_owned(),
            3 | 4 => format!("Content-Length: {length}\r\n"),
            5 => format!("Content-Length: {}\r\n", dice.number()),
            6 => format!("Connection: {}\r\n", dice.word(&["close", "keep-alive", "x, Close", "é", ""])),
            7 => format!("Transfer-Encoding: {}\r\n", dice.word(&["Chunked", "gzip, chunked", "identity", "", "x"])),
            8 if dice.chance(8) => format!("A: {}\r\n", "a".repeat(MAX_HEAD - 100 + dice.below(200))),
            8 if dice.chance(8) => "B: c\r\n".repeat(90 + dice.below(20)),
            _ => {
                format!("{}: {}{}", dice.word(&["A", "b-C", "é", "", "x y"]), "a".repeat(dice.below(9)), line_end(dice))
            }
        };
    }
    out += "\r\n";
    if dice.chance(3) {
        out += &"y".repeat(length + dice.below(3));
    } else {
        out += &dice.several(5, "", chunk);
        let trailer = |dice: &mut Dice| match dice.below(12) {
            0 => format!("T: {}\r\n", "t".repeat(MAX_LINE - 20 + dice.below(40))),
            _ => format!("T: u{}", line_end(dice)),
        };
        let trailers = dice.several(2, "", trailer);
        out += &format!("{}{trailers}{}", dice.word(&["0\r\n", "0\r\n", "00;x\r\n", "", "\r\n"]), line_end(dice));
    }
    out += dice.word(&["", "", "", "HTTP/1.1 200 OK\r\n\r\n", "x"]);
    out.into_bytes()
}

/// What a client makes of an answer.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The status and the body as far as it came, if the head could be read.
    answer: Option<(u16, Vec<u8>)>,
    /// Whether it came whole.
    is_whole: bool,
    /// Whether the connection is used again.
    is_kept: bool,
}

const REFUSED: Outcome = Outcome { answer: None, is_whole: false, is_kept: false };

/// What these bytes are by a plain reading of RFC 9112.
fn expected(method: &Method, mut bytes: &[u8]) -> Outcome {
    let head = loop {
        let mut buffer = BytesMut::from(bytes);
        let Ok(Some(head)) = wire::read_head(&mut buffer) else { return REFUSED };
        let length = bytes.len() - buffer.len();
        if length > MAX_HEAD {
            return REFUSED;
        }
        bytes = &bytes[length..];
        if !head.status.is_informational() {
            break head;
        }
    };
    let Ok(framing) = Framing::of(method, &head) else { return REFUSED };
    let (body, rest) = match framing {
        Framing::None => (Vec::new(), Some(bytes)),
        Framing::UntilClose => (bytes.to_vec(), Some(&[][..])),
        Framing::Length(length) => match usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length))
        {
            Some((body, rest)) => (body.to_vec(), Some(rest)),
            // What is short is waited for before anything of it is handed on.
            None if length <= READ_AT_ONCE => return REFUSED,
            None => (bytes.to_vec(), None),
        },
        Framing::Chunked => {
            let mut body = Vec::new();
            let rest = chunks(bytes, &mut body);
            (body, rest)
        }
    };
    let is_kept = head.keep_alive && rest == Some(&[][..]) && framing != Framing::UntilClose;
    Outcome { answer: Some((head.status.as_u16(), body)), is_whole: rest.is_some(), is_kept }
}

/// Reads chunks; what is behind them, if they are as they should be.
fn chunks<'b>(mut bytes: &'b [u8], body: &mut Vec<u8>) -> Option<&'b [u8]> {
    loop {
        let end = bytes.iter().position(|byte| *byte == b'\r')?;
        let (line, rest) = (&bytes[..end], bytes[end..].strip_prefix(b"\r\n")?);
        if end + 2 > MAX_LINE {
            return None;
        }
        let size = line.split(|byte| *byte == b';').next().and_then(|size| std::str::from_utf8(size).ok())?;
        let size = size.trim_end_matches([' ', '\t']);
        if size.is_empty() || size.len() > 16 || !size.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let size = u64::from_str_radix(size, 16).ok()?;
        bytes = rest;
        if size == 0 {
            break;
        }
        let here = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
        body.extend_from_slice(&bytes[..here]);
        bytes = bytes[here..].strip_prefix(b"\r\n").filter(|_| here as u64 == size)?;
    }
    let mut read = 0;
    loop {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        read += end + 1;
        let is_empty = bytes[..end].iter().all(|byte| *byte == b'\r');
        bytes = &bytes[end + 1..];
        if read > MAX_LINE {
            return None;
        }
        if is_empty {
            return Some(bytes);
        }
    }
}

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("its own versions").with_root_certificates(RootCertStore::empty());
    Arc::new(builder.with_no_client_auth())
});

async fn outcome(method: &Method, pieces: Pieces) -> Outcome {
    let client = Client::new(Arc::clone(&TLS));
    let (origin, _) = Origin::parse("http://localhost/").expect("an origin");
    let call = Call {
        origin: Arc::new(origin),
        tls: None,
        method: method.clone(),
        target: "/".to_owned(),
        headers: Headers::default(),
        body: Body::Empty,
        timeout: Duration::from_secs(60),
    };
    let place = Place { origin: Arc::clone(&call.origin), tls: None };
    let mut connection = Connection { stream: Stream::Memory(pieces), buffer: BytesMut::new(), in_step: true };
    let Ok(head) = connection.read_head().await else { return REFUSED };
    let Ok(answer) = client.receive(connection, place.clone(), call, head).await else { return REFUSED };
    let (mut body, mut is_whole) = (Vec::new(), true);
    match answer.body {
        Body::Empty => {}
        Body::Whole(bytes) => body.extend_from_slice(&bytes),
        Body::Stream { mut bytes, .. } => {
            while let Some(piece) = bytes.next().await {
                match piece {
                    Ok(piece) => body.extend_from_slice(&piece),
                    Err(_) => is_whole = false,
                }
            }
        }
    }
    let is_kept = client.pool.take(&place).is_some();
    Outcome { answer: Some((answer.status.as_u16(), body)), is_whole, is_kept }
}

/// The bytes in pieces of about this length, which varies.
fn pieces(bytes: &[u8], length: usize) -> Pieces {
    let (mut rest, mut varied, mut pieces) = (bytes, bytes.len(), VecDeque::new());
    while !rest.is_empty() {
        varied = varied.wrapping_mul(31).wrapping_add(7) % 1009;
        let (piece, after) = rest.split_at((1 + varied % (2 * length)).min(rest.len()));
        pieces.push_back(piece.to_vec());
        rest = after;
    }
    Pieces(pieces)
}

fn check(bytes: &[u8]) {
    let (method, bytes) = match bytes.strip_prefix(b"HEAD\n") {
        Some(rest) => (Method::HEAD, rest),
        None => (Method::GET, bytes),
    };
    let expected = expected(&method, bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let shortest = 1 + bytes.len() / 500;
    for length in [usize::MAX / 4, shortest, shortest * 5, 4000] {
        let found = runtime.block_on(outcome(&method, pieces(bytes, length)));
        assert!(found == expected, "in pieces of {length}: {}, not {}", short(&found), short(&expected));
    }
}

fn short(outcome: &Outcome) -> String {
    let text = format!("{outcome:?}");
    format!("{}… ({} bytes)", text.chars().take(200).collect::<String>(), text.len())
}

#[test]
fn answers_that_break_the_rules_are_refused_however_they_come() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = |length: usize| "x".repeat(length);
    for (what, bytes, is_whole) in [
        ("a size of no digits", format!("{CHUNKED}1\r\na\r\n\r\n\r\n"), false),
        (
            "a head of the length that it may have",
            format!("HTTP/1.1 204 A\r\nA: {}\r\n\r\n", long(MAX_HEAD - 23)),
            true,
        ),
        ("a longer one", format!("HTTP/1.1 204 A\r\nA: {}\r\n\r\n", long(MAX_HEAD - 22)), false),
        ("a size with as much behind it as there may be", format!("{CHUNKED}0;{}\r\n\r\n", long(MAX_LINE - 4)), true),
        ("a size with more", format!("{CHUNKED}0;{}\r\n\r\n", long(MAX_LINE - 3)), false),
        ("the most trailers", format!("{CHUNKED}0\r\nA: {}\r\n\r\n{}", long(MAX_LINE - 7), long(MAX_LINE)), true),
        ("more of them", format!("{CHUNKED}0\r\nA: {}\r\n\r\n", long(MAX_LINE - 6)), false),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        for length in [usize::MAX / 4, 500] {
            let found = runtime.block_on(outcome(&Method::GET, pieces(bytes.as_bytes(), length)));
            assert_eq!(found.is_whole, is_whole, "{what}, in pieces of {length}: {}", short(&found));
        }
    }
}

#[test]
fn answers() {
    Target { name: "answers", cases: 3000, words: WORDS, grammar, check }.run();
}
