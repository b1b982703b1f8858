//! The answering side: the cluster's port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::client::Links;
use super::connection::House;
use super::{Calls, Certificates, Handlers, Hello, Port};

/// When a connection can't be accepted, for want of files for example, so long is waited.
const PAUSE: Duration = Duration::from_millis(50);

/// A node's port in the real network: TLS that both sides prove themselves on.
pub(crate) struct TlsPort {
    address: SocketAddr,
    /// Taken when serving begins.
    listener: Mutex<Option<TcpListener>>,
    certificates: Arc<Certificates>,
}

impl TlsPort {
    pub(crate) async fn bind(address: &str, certificates: Certificates) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, listener: Mutex::new(Some(listener)), certificates: Arc::new(certificates) })
    }
}

impl Port for TlsPort {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(&self, hello: Arc<Mutex<Hello>>, handlers: Arc<Handlers>) {
        if let Some(listener) = self.listener.lock().take() {
            let certificates = Arc::clone(&self.certificates);
            tokio::spawn(serve(listener, House { certificates, hello, handlers, door: Arc::default() }));
        }
    }

    fn calls(&self, hello: Hello) -> Arc<dyn Calls> {
        let certificates = Arc::clone(&self.certificates);
        Arc::new(Links::new(Box::new(move |hello| certificates.papers(hello)), hello))
    }
}

/// Serves until the task is dropped.
async fn serve(listener: TcpListener, house: House) {
    let house = Arc::new(house);
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let (house, step) = (Arc::clone(&house), house.door.step());
                tokio::spawn(async move { house.receive(stream, from, step).await });
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection from another node");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
