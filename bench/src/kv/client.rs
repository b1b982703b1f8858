//! The calling side: gRPC over one HTTP/2 connection.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http_for_h2::{HeaderMap, Request};
use tokio::net::TcpStream;

use super::{Answer, Call};

/// A connection. Cheap to clone; all clones are one, and calls on it go side by side.
#[derive(Clone)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    address: SocketAddr,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (requests, connection) = h2::client::handshake(stream).await?;
        // It ends with its last handle; what breaks it, the calls on it tell.
        tokio::spawn(connection);
        Ok(Connection { requests, address })
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn call(&self, call: &Call) -> anyhow::Result<Answer> {
        let (path, message) = call.encode();
        let request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut stream) = requests.send_request(request, false)?;
        stream.send_data(Bytes::from(message), true)?;
        let (head, mut body) = response.await?.into_parts();
        anyhow::ensure!(head.status == 200, "answered with {}", head.status);
        let bytes = collect(&mut body).await?;
        // An answer that is an error alone has everything in its head.
        let trailers = body.trailers().await?.unwrap_or(head.headers);
        ensure_ok(&trailers)?;
        call.answer(&bytes)
    }
}

/// A whole body.
pub(super) async fn collect(body: &mut RecvStream) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn ensure_ok(trailers: &HeaderMap) -> anyhow::Result<()> {
    let text = |name| trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    anyhow::ensure!(text("grpc-status") == "0", "status {:?}: {}", text("grpc-status"), text("grpc-message"));
    Ok(())
}
