//! When a node is told to end: SIGTERM from whoever runs it, SIGINT from a keyboard.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process is told to end.
pub(super) async fn requested() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals can't be listened to; the node runs until it is killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
