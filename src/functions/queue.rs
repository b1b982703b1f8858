//! Events that nobody waits for: queued on the node that took them, and tried again when the function fails on them.
//!
//! The queue is in memory. What is in it when the node ends is lost, which the log says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::error::InvokeError;
use super::{Inner, Invocation};

/// The queue holds at most so many KiB of events; each counts as at least one.
const ROOM_KIB: usize = 64 * 1024;
/// An event is tried so many times more after the function failed on it: AWS's default.
const RETRIES: u32 = 2;
/// An event for which there is no room is tried for so long: AWS's default.
const MAX_AGE: Duration = Duration::from_secs(6 * 3600);
/// After the first time that there was no room it waits so long, and twice as long after each further time,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// but at most so long.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// The room for events.
pub(super) struct Queue(Arc<Semaphore>);

impl Queue {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB)))
    }

    /// KiB of events that wait or are carried out.
    pub(super) fn held(&self) -> usize {
        ROOM_KIB - self.0.available_permits()
    }

    /// Takes an event in.
    pub(super) fn accept(
        &self,
        inner: &Arc<Inner>,
        invocation: Invocation,
        request: String,
        event: Bytes,
    ) -> Result<(), InvokeError> {
        let kib = u32::try_from(event.len().div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0).try_acquire_many_owned(kib);
        let room = room.map_err(|_| InvokeError::throttled("CallerRateLimitExceeded"))?;
        tokio::spawn(deliver(Arc::clone(inner), invocation, request, event, room));
        Ok(())
    }
}

async fn deliver(
    inner: Arc<Inner>,
    invocation: Invocation,
    request: String,
    event: Bytes,
    _room: OwnedSemaphorePermit,
) {
    let accepted = Instant::now();
    let (mut failures, mut pause) = (0, FIRST_PAUSE);
    while accepted.elapsed() < MAX_AGE {
        // Each time anew: an alias may stand for another version by now.
        let target = match inner.resolve(&invocation) {
            Ok(target) => target,
            Err(error) => return tracing::warn!(function = invocation.function, request, %error, "an event is dropped"),
        };
        match inner.run(&target, &request, event.clone(), invocation.trace.clone()).await {
            Ok(invoked) if invoked.function_error.is_none() => return,
            Ok(_) if failures >= RETRIES => {
                return tracing::warn!(function = %target.name, request, "an event is dropped: the function failed on it");
            }
            Ok(_) => {
                failures += 1;
                tokio::time::sleep(inner.settings.retry_after * failures).await;
            }
            Err(error) if error.status == 429 || error.status >= 500 => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
            Err(error) => return tracing::warn!(function = %target.name, request, %error, "an event is dropped"),
        }
    }
    tracing::warn!(function = invocation.function, request, "an event is dropped: it is too old");
}
