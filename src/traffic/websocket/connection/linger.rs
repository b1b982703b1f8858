//! The end of a socket: what was sent last has to arrive.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A client has so long to close its side.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a client that are read and forgotten, at most.
const UNREAD: usize = 1 << 20;
/// They are read in pieces of this size.
const PIECE: usize = 4096;

/// Closes a socket. To close one while there is something in it that nobody has read makes the kernel tell the client
/// that the connection broke, and the client may then never see our close frame: so that is read first, for a while.
pub(super) async fn close(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    if socket.shutdown().await.is_err() {
        return;
    }
    let reading = async {
        let mut piece = vec![0; PIECE];
        let mut left = UNREAD;
        while left > 0 {
            match socket.read(&mut piece).await {
                Ok(length) if length > 0 => left = left.saturating_sub(length),
                _ => return,
            }
        }
    };
    // One that goes on is cut off.
    let _late = tokio::time::timeout(PATIENCE, reading).await;
}
