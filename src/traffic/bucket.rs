//! Token buckets: how many requests are let through.
//!
//! A bucket is one number, the moment at which it will be full again, so that taking a token is one atomic write. Each
//! node has buckets of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    /// Tokens that come in a second.
    rate: f64,
    /// Tokens that it holds when it is full.
    burst: i64,
    started: Instant,
    /// When it will be full, in nanoseconds from the start.
    full: AtomicU64,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: f64, burst: i64) -> Self {
        Self { rate, burst, started: Instant::now(), full: AtomicU64::new(0) }
    }

    /// Takes a token, if there is one.
    pub fn take(&self) -> bool {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.take_at(now)
    }

    fn take_at(&self, now: u64) -> bool {
        if self.rate <= 0.0 || self.burst <= 0 {
            return false;
        }
        let token = 1e9 / self.rate;
        // More than a century of tokens is as good as all of them.
        let room = (token * self.burst as f64).min(4e18) as u64;
        let token = token.min(4e18) as u64;
        let later = |full: u64| {
            let full = full.max(now).saturating_add(token);
            (full - now <= room.max(token)).then_some(full)
        };
        self.full.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).is_ok()
    }

    /// Tokens that come in a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Tokens that it holds when it is full.
    pub fn burst(&self) -> i64 {
        self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second.
    const S: u64 = 1_000_000_000;

    #[test]
    fn tokens_are_taken_and_come_back() {
        for (rate, burst, moments, expected) in [
            (1.0, 2, vec![0, 0, 0], "yyn"),
            (1.0, 2, vec![0, 0, S, S, 3 * S, 3 * S, 3 * S], "yyynyyn"),
            (0.5, 1, vec![0, S, 2 * S, 3 * S], "ynyn"),
            (1000.0, 1, vec![0, 1, 999_999, 1_000_000], "ynny"),
            (0.0, 5, vec![0, S], "nn"),
            (5.0, 0, vec![0, S], "nn"),
            (1e12, 3, vec![0, 0, 0, 0, 1], "yyyyy"),
            (1e-12, 1, vec![0, 1000 * S], "yn"),
        ] {
            let bucket = Bucket::new(rate, burst);
            let taken: String = moments.iter().map(|now| if bucket.take_at(*now) { 'y' } else { 'n' }).collect();
            assert_eq!(taken, expected, "{rate} {burst}");
        }
    }

    #[test]
    fn no_token_is_taken_twice() {
        let bucket = Bucket::new(1e-4, 1000);
        let took = std::thread::scope(|scope| {
            let takers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).filter(|_| bucket.take_at(0)).count())).collect();
            takers.into_iter().map(|taker| taker.join().expect("no panic")).sum::<usize>()
        });
        assert_eq!(took, 1000);
    }
}
