//! `websocket-load`: opens connections, and has them idle or echo; a process of its own, with the files that it needs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::server::Target;
use crate::cores;
use crate::output;
use crate::process::Process;

/// Connections that are being opened at once.
const AT_ONCE: u32 = 32;
/// Connections from one address: there are only so many ports.
const PER_ADDRESS: u32 = 20_000;
/// A message; the same each time, as long as chat messages are.
const MESSAGE: &str = r#"{"action":"echo","text":"The quick brown fox jumps over the lazy dog, over and over again."}"#;
/// How long all connections may take to open.
const PATIENCE: Duration = Duration::from_secs(300);

/// Options of `websocket-load`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the server listens
    #[arg(long)]
    address: SocketAddr,
    /// The path that is asked for
    #[arg(long)]
    path: String,
    /// How many connections
    #[arg(long)]
    connections: u32,
    /// Echo for so long, and say how many messages came back; without it, idle until it is ended
    #[arg(long)]
    seconds: Option<u64>,
}

/// Opens the connections, and has them idle or echo.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut opening = JoinSet::new();
    let mut open = Vec::new();
    for number in 0..options.connections {
        if opening.len() as u32 >= AT_ONCE {
            open.push(opening.join_next().await.context("a connection is being opened")???);
        }
        let source = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + number / PER_ADDRESS);
        opening.spawn(connect(options.address, source, options.path.clone()));
    }
    while let Some(opened) = opening.join_next().await {
        open.push(opened??);
    }
    let per_second = f64::from(options.connections) / begin.elapsed().as_secs_f64();
    let Some(seconds) = options.seconds else {
        output::print(&format!("open {per_second}"));
        // Until whoever started this ends it.
        return std::future::pending().await;
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut echoing: JoinSet<_> = open.into_iter().map(|stream| echo(stream, end)).collect();
    let mut echoes = 0;
    while let Some(count) = echoing.join_next().await {
        echoes += count??;
    }
    output::print(&format!("echoed {echoes}"));
    Ok(())
}

async fn connect(address: SocketAddr, source: Ipv4Addr, path: String) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Whoever binds takes a port from all; whoever does not shares it with those that are connected to elsewhere.
    if source != Ipv4Addr::LOCALHOST {
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0)).context("no port is free")?;
    }
    let mut stream = socket.connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "a handshake was not answered");
    }
    let line = String::from_utf8_lossy(&answer);
    anyhow::ensure!(line.starts_with("HTTP/1.1 101 "), "a handshake was answered with {line:?}");
    Ok(stream)
}

/// Sends the message and waits until it is back, over and over; how often it was.
async fn echo(mut stream: TcpStream, end: Instant) -> anyhow::Result<u64> {
    // With a mask of nothing but zeros, which is one: the message goes as it stands.
    let mut frame = vec![0x81, 0x80 | MESSAGE.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(MESSAGE.as_bytes());
    let mut back = vec![0; 2 + MESSAGE.len()];
    let mut echoes = 0;
    while Instant::now() < end {
        stream.write_all(&frame).await?;
        stream.read_exact(&mut back).await.context("a message was not answered")?;
        anyhow::ensure!(&back[2..] == MESSAGE.as_bytes(), "a message came back as another");
        echoes += 1;
    }
    Ok(echoes)
}

/// A load for a server.
pub(super) struct Load<'a> {
    pub(super) target: &'a Target,
    pub(super) connections: u32,
    /// Echo for so long; none: idle.
    pub(super) seconds: Option<u64>,
}

/// Connections that idle until this is dropped.
pub(super) struct Held {
    pub(super) per_second: f64,
    _process: Process,
}

/// A load that is running.
pub(super) struct Running(Process);

impl Load<'_> {
    /// Opens connections and keeps them.
    pub(super) async fn hold(&self, cores: &str) -> anyhow::Result<Held> {
        let Running(mut process) = self.start(cores)?;
        let per_second = process.announced("open ", PATIENCE).await.context("idle connections")?;
        Ok(Held { per_second: per_second.parse()?, _process: process })
    }

    /// Echoes; how many messages came back.
    pub(super) async fn echo(&self, cores: &str) -> anyhow::Result<u64> {
        self.start(cores)?.finish().await
    }

    pub(super) fn start(&self, cores: &str) -> anyhow::Result<Running> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command: Command = cores::pinned(&program, cores);
        command.arg("websocket-load").args(["--address", &self.target.address.to_string()]);
        command.args(["--path", &self.target.path, "--connections", &self.connections.to_string()]);
        if let Some(seconds) = self.seconds {
            command.args(["--seconds", &seconds.to_string()]);
        }
        Ok(Running(Process::spawn(command, &self.target.log)?))
    }
}

impl Running {
    /// Waits for its end; how many messages came back.
    pub(super) async fn finish(mut self) -> anyhow::Result<u64> {
        Ok(self.0.announced("echoed ", PATIENCE).await.context("echoes")?.parse()?)
    }
}
