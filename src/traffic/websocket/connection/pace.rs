//! How many frames that are no messages a client may send in a second.

use std::time::Duration;

use tokio::time::Instant;

/// Pings, pongs and pieces of messages that are read of one connection in a second. Nobody needs as many, and without
/// an end a client that sends nothing else keeps a thread from everybody else's.
const FRAMES: u32 = 5000;
const SECOND: Duration = Duration::from_secs(1);

/// Counts a connection's frames that are no messages.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    count: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    /// So many more came.
    pub(super) fn count(&mut self, frames: u32, now: Instant) {
        if frames == 0 {
            return;
        }
        if now >= self.since + SECOND {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(frames);
    }

    /// Until when no more are read, if there were too many.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        let end = self.since + SECOND;
        (self.count > FRAMES && now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_frames_in_a_second_make_a_pause() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.count(FRAMES, start);
        assert_eq!(pace.paused_until(start), None);
        pace.count(1, start + SECOND / 2);
        assert_eq!(pace.paused_until(start + SECOND / 2), Some(start + SECOND));
        assert_eq!(pace.paused_until(start + SECOND), None);
        pace.count(1, start + SECOND);
        assert_eq!(pace.paused_until(start + SECOND), None);
    }
}
