//! Clients of WebSocket APIs that listen: they cost as little as can be, for they share the machine with what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The key that every client shows: the RFC's own example.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Connections that are opened at a time.
const AT_A_TIME: usize = 64;
/// What comes is read in pieces of this size.
const PIECE: usize = 16 * 1024;

/// Opens so many connections to a path on a node.
pub(crate) async fn open(node: SocketAddr, path: &str, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {node}\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let request: Arc<str> = request.into();
    let (mut opening, mut opened) = (JoinSet::new(), Vec::with_capacity(count));
    for _ in 0..count {
        if opening.len() >= AT_A_TIME
            && let Some(connection) = opening.join_next().await
        {
            opened.push(connection.context("a client ended")??);
        }
        opening.spawn(connect(node, Arc::clone(&request)));
    }
    while let Some(connection) = opening.join_next().await {
        opened.push(connection.context("a client ended")??);
    }
    Ok(opened)
}

async fn connect(node: SocketAddr, request: Arc<str>) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(node).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    // Nothing comes behind the answer until somebody sends to the connection, which is later.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "the node hung up");
    }
    let answer = String::from_utf8_lossy(&answer);
    anyhow::ensure!(answer.starts_with("HTTP/1.1 101 "), "the connection was not opened: {answer}");
    Ok(stream)
}

/// Reads whatever comes, until the connection ends.
pub(crate) async fn swallow(mut stream: TcpStream) {
    let mut piece = vec![0; PIECE];
    while let Ok(1..) = stream.read(&mut piece).await {}
}

/// Says when the first bytes came on a connection, again and again.
pub(crate) async fn listen(mut stream: TcpStream, length: usize, heard: Arc<Heard>) {
    let mut piece = vec![0; length];
    while stream.read_exact(&mut piece).await.is_ok() {
        heard.hear();
    }
}

/// How many messages were heard, and when the last one was.
pub(crate) struct Heard(watch::Sender<(usize, Instant)>);

impl Heard {
    /// Nothing was heard yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new((0, Instant::now())))
    }

    fn hear(&self) {
        self.0.send_modify(|(heard, last)| (*heard, *last) = (*heard + 1, Instant::now()));
    }

    /// Waits until so many were heard; says when the last of them was, and begins anew.
    pub(crate) async fn wait(&self, count: usize) -> Instant {
        // The sender lives as long as this does.
        let _ = self.0.subscribe().wait_for(|(heard, _)| *heard >= count).await;
        self.0.send_replace((0, Instant::now())).1
    }
}
