//! The backend of every measurement: a small keep-alive HTTP/1.1 server that answers 1 KB of JSON.
//!
//! The answer is an object of exactly 1,024 bytes whose `path` is the path that was asked for, so that a test can see
//! where a gateway sent its request.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cores;
use crate::output;
use crate::process::Process;

/// How long the body of an answer is, in bytes, unless the path alone is longer.
pub(crate) const BODY: usize = 1024;

/// Requests with a longer head are refused by closing.
const MAX_HEAD: usize = 16 * 1024;

/// Options of `upstream`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Loopback port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Serves until a signal comes, after printing `listening ADDRESS`.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await;
    let listener = listener.with_context(|| format!("cannot listen on port {}", options.port))?;
    output::print(&format!("listening {}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept a connection")?;
        tokio::spawn(async move {
            // A peer that goes away, or talks nonsense, ends its own connection and nothing else.
            let _ = serve(stream).await;
        });
    }
}

/// An upstream in a process of its own.
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Upstream {
    /// Starts an upstream on these cores; its log goes into `directory`.
    pub(crate) async fn start(cores: &str, directory: &Path) -> anyhow::Result<Upstream> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = cores::pinned(&program, cores);
        command.arg("upstream");
        let mut process = Process::spawn(command, &directory.join("upstream.log"))?;
        let address = process.announced("listening ", Duration::from_secs(5)).await.context("upstream")?;
        let address = address.parse().with_context(|| format!("upstream listens on {address:?}"))?;
        Ok(Upstream { address, _process: process })
    }
}

async fn serve(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let usual = answer("/");
    let mut bytes = vec![0; MAX_HEAD];
    let mut filled = 0;
    loop {
        while let Some(request) = request(&bytes[..filled])? {
            if request.path == "/" {
                stream.write_all(&usual).await?;
            } else {
                stream.write_all(&answer(request.path)).await?;
            }
            let length = request.length;
            bytes.copy_within(length..filled, 0);
            filled -= length;
        }
        anyhow::ensure!(filled < bytes.len(), "the request is too long");
        let read = stream.read(&mut bytes[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
    }
}

struct Request<'a> {
    path: &'a str,
    /// Head and body together.
    length: usize,
}

/// Reads one request from the start of `bytes`, or nothing while it is incomplete.
fn request(bytes: &[u8]) -> anyhow::Result<Option<Request<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(bytes)? else { return Ok(None) };
    let mut body = 0;
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body = std::str::from_utf8(header.value)?.parse()?;
        }
        anyhow::ensure!(!header.name.eq_ignore_ascii_case("transfer-encoding"), "chunked requests are not served");
    }
    let length = head.checked_add(body).context("the request is too long")?;
    let path = parsed.path.unwrap_or("/");
    Ok((length <= bytes.len()).then_some(Request { path, length }))
}

fn answer(path: &str) -> Vec<u8> {
    let start = format!("{{\"path\":{},\"fill\":\"", serde_json::Value::from(path));
    let fill = "x".repeat(BODY.saturating_sub(start.len() + 2));
    let body = format!("{start}{fill}\"}}");
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_one_kilobyte_and_name_the_path() {
        for path in ["/", "/41", "/a?b=\"c\""] {
            let answer = String::from_utf8(answer(path)).expect("text");
            let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
            assert!(head.ends_with("Content-Length: 1024"), "{head}");
            assert_eq!(body.len(), BODY);
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(body["path"], path);
        }
    }

    #[test]
    fn requests_are_cut_where_they_end() {
        let bytes = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /";
        let request = request(bytes).expect("valid").expect("complete");
        assert_eq!((request.path, request.length), ("/a", bytes.len() - 5));
    }

    #[test]
    fn incomplete_and_unserved_requests() {
        assert!(request(b"GET / HTTP/1.1\r\nHos").expect("valid so far").is_none());
        assert!(request(b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab").expect("valid so far").is_none());
        assert!(request(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(request(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n").is_err());
        assert!(request(b"\0\0").is_err());
    }
}
