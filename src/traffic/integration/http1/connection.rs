//! One connection to an endpoint, plain or TLS, with what was read from it and not yet used.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Error, Manner, Origin, take, wire};

/// A connection must be made within this time, or the endpoint counts as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Room for a typical answer, head and body.
const BUFFER: usize = 8 * 1024;
/// The head of an answer may take so many bytes.
pub(super) const MAX_HEAD: usize = 64 * 1024;

pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) buffer: BytesMut,
    /// Whether the whole request was sent: otherwise the connection can't be used again.
    pub(super) in_step: bool,
}

/// The bytes' way.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Bytes in memory, for tests.
    #[cfg(test)]
    Memory(super::fuzz::Pieces),
    /// The stream is lent out, or was lost while it was.
    Gone,
}

impl Connection {
    /// A new connection, on which TLS is spoken in a manner of its own, or else as usual.
    pub(super) async fn open(
        origin: &Origin,
        manner: Option<&Manner>,
        usual: &Arc<ClientConfig>,
    ) -> Result<Self, Error> {
        let tls = manner.map_or(usual, |manner| &manner.config);
        let server_name = manner.and_then(|manner| manner.server_name.as_ref()).unwrap_or(&origin.host);
        let connecting = async {
            let mut addresses = tokio::net::lookup_host((origin.host.as_str(), origin.port))
                .await
                .map_err(|_| Error::UnknownHost(origin.host.clone()))?
                .peekable();
            if addresses.peek().is_none() {
                return Err(Error::UnknownHost(origin.host.clone()));
            }
            let mut failure = io::Error::from(io::ErrorKind::NotConnected);
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Self::over(stream, origin.secure.then_some((tls, server_name))).await,
                    Err(error) => failure = error,
                }
            }
            Err(Error::Network(failure))
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(result) => result,
            Err(_) => Err(Error::Network(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn over(stream: TcpStream, tls: Option<(&Arc<ClientConfig>, &String)>) -> Result<Self, Error> {
        stream.set_nodelay(true).map_err(Error::Network)?;
        let stream = if let Some((tls, name)) = tls {
            let name = ServerName::try_from(name.clone()).map_err(|_| Error::UnknownHost(name.clone()))?;
            let connected = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
            Stream::Tls(Box::new(connected.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => Error::Certificate(error),
                _ => Error::Network(error),
            })?))
        } else {
            Stream::Plain(stream)
        };
        Ok(Self { stream, buffer: BytesMut::with_capacity(BUFFER), in_step: true })
    }

    /// Whether the endpoint has neither closed a kept connection nor said anything on it.
    ///
    /// Asks what the runtime already knows, which costs no system call.
    pub(super) fn is_quiet(&self) -> bool {
        let plain = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
            #[cfg(test)]
            Stream::Memory(pieces) => return self.buffer.is_empty() && pieces.is_quiet(),
            Stream::Gone => return false,
        };
        let mut byte = [0];
        self.buffer.is_empty()
            && matches!(plain.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether nothing of an answer has come.
    pub(super) fn is_silent(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether the last request was sent whole.
    pub(super) fn is_in_step(&self) -> bool {
        self.in_step
    }

    pub(super) async fn read_head(&mut self) -> Result<wire::Head, Error> {
        read_head(&mut self.stream, &mut self.buffer).await
    }

    /// Reads so many bytes, which must be few.
    pub(super) async fn read_exactly(&mut self, length: usize) -> Result<Bytes, Error> {
        while self.buffer.len() < length {
            self.read_more().await?;
        }
        Ok(take(&mut self.buffer, length))
    }

    /// Reads what there is; an end is an error here.
    pub(super) async fn read_more(&mut self) -> Result<(), Error> {
        match self.read_some().await? {
            0 => Err(Error::Network(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// Reads what there is; 0 at the end.
    pub(super) async fn read_some(&mut self) -> Result<usize, Error> {
        self.buffer.reserve(BUFFER);
        self.stream.read_buf(&mut self.buffer).await.map_err(Error::Network)
    }
}

/// Reads up to the end of an answer's head; answers like `100 Continue` are passed over.
pub(super) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Result<wire::Head, Error> {
    let too_long = || Error::Malformed("its head is too long");
    loop {
        let mut before = buffer.len();
        while let Some(head) = wire::read_head(buffer)? {
            // Also where all of it came at once.
            if before - buffer.len() > MAX_HEAD {
                return Err(too_long());
            }
            before = buffer.len();
            if !head.status.is_informational() {
                return Ok(head);
            }
        }
        if buffer.len() > MAX_HEAD {
            return Err(too_long());
        }
        buffer.reserve(BUFFER);
        if stream.read_buf(buffer).await.map_err(Error::Network)? == 0 {
            return Err(Error::Network(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(test)]
            Self::Memory(pieces) => Pin::new(pieces).poll_read(context, buffer),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(test)]
            Self::Memory(pieces) => Pin::new(pieces).poll_write(context, bytes),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            #[cfg(test)]
            Self::Memory(pieces) => Pin::new(pieces).poll_write_vectored(context, slices),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(test)]
            Self::Memory(pieces) => Pin::new(pieces).poll_flush(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(test)]
            Self::Memory(pieces) => Pin::new(pieces).poll_shutdown(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}
