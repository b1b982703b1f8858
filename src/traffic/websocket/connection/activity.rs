//! What came and went on a connection, and when it last did.

use tokio::time::Instant;

/// Counts messages and their bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    last: Instant,
    pub(super) messages_in: u64,
    pub(super) messages_out: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, messages_in: 0, messages_out: 0, bytes_in: 0, bytes_out: 0 }
    }

    /// When something last moved.
    pub(super) fn last(&self) -> Instant {
        self.last
    }

    /// A message came.
    pub(super) fn came(&mut self, bytes: usize, now: Instant) {
        self.last = now;
        self.messages_in += 1;
        self.bytes_in += bytes as u64;
    }

    /// A message goes, in frames of so many bytes.
    pub(super) fn went(&mut self, bytes: usize, now: Instant) {
        self.last = now;
        self.messages_out += 1;
        self.bytes_out += bytes as u64;
    }

    /// Something moved that is no message.
    pub(super) fn stirred(&mut self, now: Instant) {
        self.last = now;
    }
}
