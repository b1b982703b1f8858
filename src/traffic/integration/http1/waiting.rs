//! How long a call waited for its own body: that time is the caller's, and no endpoint is to blame for it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::Instant;

use crate::traffic::message::{BodyError, ByteStream};

/// The time in which there was nothing of the body to send.
#[derive(Default)]
pub(super) struct Waiting {
    before: Cell<Duration>,
    since: Cell<Option<Instant>>,
}

impl Waiting {
    /// Watches a body from now on.
    pub(super) fn watch(bytes: &mut ByteStream) -> Rc<Self> {
        let waiting = Rc::new(Self::default());
        let inner = std::mem::replace(bytes, Box::pin(stream::empty()));
        *bytes = Box::pin(Watched { bytes: inner, waiting: Rc::clone(&waiting) });
        waiting
    }

    /// How long so far.
    pub(super) fn so_far(&self) -> Duration {
        self.before.get() + self.since.get().map_or(Duration::ZERO, |since| since.elapsed())
    }
}

struct Watched {
    bytes: ByteStream,
    waiting: Rc<Waiting>,
}

impl Stream for Watched {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.bytes.as_mut().poll_next(context);
        match (&polled, self.waiting.since.get()) {
            (Poll::Pending, None) => self.waiting.since.set(Some(Instant::now())),
            (Poll::Ready(_), Some(_)) => {
                self.waiting.before.set(self.waiting.so_far());
                self.waiting.since.set(None);
            }
            (Poll::Pending, Some(_)) | (Poll::Ready(_), None) => {}
        }
        polled
    }
}
