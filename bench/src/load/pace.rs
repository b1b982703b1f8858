//! When the next request is due: at once, or on a schedule that waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Says when requests are due, until the time is over.
pub(crate) enum Pace {
    /// As soon as the connection is free.
    Free {
        /// No request is sent after this.
        end: Instant,
    },
    /// At a fixed rate over all connections.
    Fixed(Schedule),
}

/// Requests due at equal distances. Whichever connection is free longest takes the next one; if none is, the request
/// goes out late and its latency is still counted from when it was due.
pub(crate) struct Schedule {
    start: Instant,
    interval: Duration,
    due: Arc<Semaphore>,
    given: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
}

impl Pace {
    /// As fast as answers come.
    pub(crate) fn free(end: Instant) -> Pace {
        Pace::Free { end }
    }

    /// So many requests per second between two times.
    pub(crate) fn fixed(rate: u32, start: Instant, end: Instant) -> Pace {
        let schedule = Schedule {
            start,
            interval: Duration::from_secs(1) / rate.max(1),
            due: Arc::new(Semaphore::new(0)),
            given: Arc::default(),
            taken: Arc::default(),
        };
        let (interval, due) = (schedule.interval, schedule.due.clone());
        let (given, taken) = (schedule.given.clone(), schedule.taken.clone());
        // The runtime's timers tick in milliseconds, too coarse for a schedule; a sleeping thread is late by some 60 µs.
        std::thread::spawn(move || {
            let mut next = start;
            while next < end {
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
                given.fetch_add(1, Ordering::Relaxed);
                due.add_permits(1);
                next += interval;
            }
            // What is due is sent, if a connection gets free for it; closing would drop it.
            let patience = Instant::now() + Duration::from_secs(1);
            while taken.load(Ordering::Relaxed) < given.load(Ordering::Relaxed) && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(1));
            }
            due.close();
        });
        Pace::Fixed(schedule)
    }

    /// Waits until a request is due and returns when it was, or none if the time is over.
    pub(crate) async fn next(&self) -> Option<Instant> {
        match self {
            Pace::Free { end } => Some(Instant::now()).filter(|now| now < end),
            Pace::Fixed(schedule) => {
                schedule.due.acquire().await.ok()?.forget();
                let turn = schedule.taken.fetch_add(1, Ordering::Relaxed);
                Some(schedule.start + schedule.interval * u32::try_from(turn).unwrap_or(u32::MAX))
            }
        }
    }

    /// How many requests were due and never sent, because every connection was busy until the end.
    pub(crate) fn unsent(&self) -> u64 {
        match self {
            Pace::Free { .. } => 0,
            Pace::Fixed(schedule) => {
                schedule.given.load(Ordering::Relaxed).saturating_sub(schedule.taken.load(Ordering::Relaxed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fixed_rate_gives_every_turn_its_time() {
        let start = Instant::now();
        let pace = Pace::fixed(1000, start, start + Duration::from_millis(20));
        let mut turns = Vec::new();
        while let Some(turn) = pace.next().await {
            turns.push(turn - start);
        }
        let expected: Vec<Duration> = (0..turns.len() as u64).map(Duration::from_millis).collect();
        assert_eq!(turns, expected);
        assert_eq!(turns.len() as u64 + pace.unsent(), 20);
    }

    #[tokio::test]
    async fn free_pace_ends_with_the_time() {
        assert!(Pace::free(Instant::now() + Duration::from_secs(60)).next().await.is_some());
        assert!(Pace::free(Instant::now()).next().await.is_none());
    }
}
