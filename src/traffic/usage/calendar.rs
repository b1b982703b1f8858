//! Which day it is: told by a clock that does not jump.
//!
//! A node whose clock is set while it runs must not open tomorrow's quota today, or today's a second time. So the time of
//! day is read once, and from then on it passes as the processor counts it; small corrections are followed, as a time
//! service makes them, and large ones only when they last. What the time is at first, a majority of the nodes says
//! ([`clocks`](super::clocks)). Even so no quota is opened by a calendar alone: see [`opening`](super::opening).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::clocks::Offset;
use super::opening::Opening;
use super::purse::Day;
use crate::observe::clock::Clock;

/// The clock is followed at once if it differs by no more than this.
const SMALL: Duration = Duration::from_secs(2);
/// A clock that differs by more is followed when it has done so for so long.
const LASTING: Duration = Duration::from_secs(15 * 60);
/// Of a clock that differs by more from those of most nodes the log hears.
const TOLERANCE: Duration = Duration::from_secs(60);
const SECONDS_OF_DAY: u64 = 86_400;

/// Tells the day, without a lock.
pub(super) struct Calendar {
    clock: Clock,
    started: Instant,
    /// The time of day at the start, in nanoseconds since 1970, as it is seen now.
    origin: AtomicU64,
    /// Whether it was compared with the clocks of a majority.
    is_sure: AtomicBool,
    /// Since when the clock has been elsewhere.
    elsewhere: Mutex<Option<Instant>>,
    /// The day whose quotas are open.
    pub(super) opening: Opening,
}

/// What the machine's clock said at a moment; it does not matter what it says afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    clock: u64,
    at: Instant,
}

impl Reading {
    /// What the clock would say now, in nanoseconds since 1970.
    pub(super) fn now(self) -> u64 {
        self.clock.saturating_add(nanos(self.at.elapsed()))
    }

    /// What the clock would have said in the middle between then and now.
    pub(super) fn middle(self) -> u64 {
        self.clock.saturating_add(nanos(self.at.elapsed() / 2))
    }
}

impl Calendar {
    pub(super) fn new(clock: Clock) -> Self {
        let origin = AtomicU64::new(nanos(clock.since_epoch()));
        Self {
            clock,
            started: Instant::now(),
            origin,
            is_sure: AtomicBool::new(false),
            elsewhere: Mutex::new(None),
            opening: Opening::default(),
        }
    }

    /// The time of day, in nanoseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.origin.load(Ordering::Relaxed).saturating_add(nanos(self.started.elapsed()))
    }

    /// Reads the machine's clock.
    pub(super) fn read(&self) -> Reading {
        Reading { clock: nanos(self.clock.since_epoch()), at: Instant::now() }
    }

    /// Whether it was compared with the clocks of a majority.
    pub(super) fn is_sure(&self) -> bool {
        self.is_sure.load(Ordering::Acquire)
    }

    /// Follows the right time, which is so far ahead of what was read; done several times a minute.
    pub(super) fn follow(&self, reading: Reading, ahead: Offset) {
        let (own, clock) = (self.now(), reading.now().saturating_add_signed(ahead));
        let mut elsewhere = self.elsewhere.lock();
        if !self.is_sure() {
            if ahead.unsigned_abs() > nanos(TOLERANCE) {
                let seconds = ahead / 1_000_000_000;
                tracing::warn!(
                    %seconds,
                    "this node's clock differs from those of most nodes; quotas go by theirs, which are so far ahead"
                );
            }
        } else if own.abs_diff(clock) > nanos(SMALL) {
            let since = *elsewhere.get_or_insert_with(|| {
                let seconds = (i128::from(clock) - i128::from(own)) / 1_000_000_000;
                tracing::warn!(
                    %seconds,
                    "the clock was set; quotas go on by the time before until it has stayed so for {LASTING:?}"
                );
                Instant::now()
            });
            if since.elapsed() < LASTING {
                return;
            }
        }
        *elsewhere = None;
        self.origin.store(clock.saturating_sub(nanos(self.started.elapsed())), Ordering::Relaxed);
        self.is_sure.store(true, Ordering::Release);
    }

    /// The day, in universal time.
    pub(super) fn today(&self) -> Day {
        day(self.now())
    }

    /// The day that this node says it is when others ask: by the clock alone until that was compared.
    pub(super) fn vote(&self) -> Day {
        if self.is_sure() { self.today() } else { day(self.read().now()) }
    }

    /// The day whose quotas are open; zero while that is not known.
    pub(super) fn open_day(&self) -> Day {
        self.opening.day()
    }

    /// Whether leases may be taken of the open day. They are not while this node would say another one and has not asked.
    pub(super) fn is_settled(&self) -> bool {
        self.is_sure() && self.opening.is_settled(self.today())
    }

    /// Whether others should be asked at once: before this node was ever sure, and where it would say another day than is open.
    pub(super) fn is_doubtful(&self) -> bool {
        !self.is_sure() || self.today() != self.open_day()
    }

    /// The machine stood still for so long, and nobody counted.
    #[cfg(test)]
    pub(super) fn stand_still(&self, time: Duration) {
        self.origin.fetch_sub(nanos(time), Ordering::Relaxed);
    }
}

fn day(nanos: u64) -> Day {
    Day::try_from(nanos / 1_000_000_000 / SECONDS_OF_DAY).unwrap_or(Day::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_neither_opens_nor_closes_a_day() {
        let day = 20_000 * SECONDS_OF_DAY;
        let seconds = Arc::new(AtomicU64::new(day + SECONDS_OF_DAY - 1800));
        let read = Arc::clone(&seconds);
        let clock = Clock::told_by(move || UNIX_EPOCH + Duration::from_secs(read.load(Ordering::Relaxed)));
        let calendar = Calendar::new(clock);
        calendar.follow(calendar.read(), 0);
        for jump in [3600_i64, -3600, -3600, 7200] {
            seconds.store(seconds.load(Ordering::Relaxed).saturating_add_signed(jump), Ordering::Relaxed);
            calendar.follow(calendar.read(), 0);
            assert_eq!(calendar.today(), 20_000, "{jump}");
        }
        // The jumps add up to an hour. Time passes, as the processor counts it.
        tokio::time::advance(Duration::from_secs(14 * 60)).await;
        seconds.fetch_add(14 * 60, Ordering::Relaxed);
        calendar.follow(calendar.read(), 0);
        assert_eq!(calendar.today(), 20_000);
        tokio::time::advance(Duration::from_secs(60)).await;
        seconds.fetch_add(60, Ordering::Relaxed);
        calendar.follow(calendar.read(), 0);
        assert_eq!(calendar.today(), 20_001, "what has lasted is the time");
        // A small correction is followed at once.
        seconds.store(20_002 * SECONDS_OF_DAY - 1, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(84_601)).await;
        calendar.follow(calendar.read(), 0);
        seconds.fetch_add(1, Ordering::Relaxed);
        calendar.follow(calendar.read(), 0);
        assert_eq!(calendar.today(), 20_002);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_wrong_at_the_start_is_put_right_at_once() {
        let day = i64::try_from(SECONDS_OF_DAY).expect("small") * 1_000_000_000;
        let calendar = Calendar::new(Clock::fixed(20_001 * SECONDS_OF_DAY + 5));
        assert!(!calendar.is_sure());
        calendar.follow(calendar.read(), -day);
        assert_eq!((calendar.today(), calendar.is_sure()), (20_000, true));
        // From then on it does not jump.
        calendar.follow(calendar.read(), 0);
        assert_eq!(calendar.today(), 20_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_while_others_are_asked_is_not_believed() {
        let seconds = Arc::new(AtomicU64::new(20_000 * SECONDS_OF_DAY + 5));
        let read = Arc::clone(&seconds);
        let clock = Clock::told_by(move || UNIX_EPOCH + Duration::from_secs(read.load(Ordering::Relaxed)));
        let calendar = Calendar::new(clock);
        let reading = calendar.read();
        seconds.store(20_001 * SECONDS_OF_DAY, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(calendar.vote(), 20_001, "nothing else is known");
        calendar.follow(reading, 0);
        assert_eq!((calendar.vote(), calendar.today()), (20_000, 20_000));
    }
}
