//! Token buckets: how many requests a method of a stage lets through.
//!
//! A bucket is one number, the moment at which it will be full again, so that taking a token is one atomic write. Each
//! node has buckets of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::model::http::RouteSettings;
use crate::model::rest::{MethodSetting, Stage, Verb};

/// An account's rate and burst at AWS, in requests.
const ACCOUNT_RATE: f64 = 10_000.0;
const ACCOUNT_BURST: i64 = 5_000;

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
    /// A full bucket of `burst` tokens, into which `rate` come in a second.
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

/// The buckets of a stage, which go on when the stage is compiled anew.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<(String, Verb), Arc<Bucket>>);

impl Buckets {
    /// The bucket of a method, if the stage limits it: a fresh one where its limits have changed.
    pub(super) fn of(&mut self, stage: &Stage, resource: &str, verb: Verb) -> Option<Arc<Bucket>> {
        let limits = setting(stage, resource, verb)
            .map(|setting| (setting.throttling_rate_limit, setting.throttling_burst_limit));
        self.get((resource.to_owned(), verb), limits)
    }

    /// The bucket of a route of a WebSocket API, if the stage limits it. Of what is not said the account's limits are
    /// what AWS has.
    pub(super) fn of_route(&mut self, key: &str, settings: &RouteSettings) -> Option<Arc<Bucket>> {
        let (rate, burst) = (settings.throttling_rate_limit, settings.throttling_burst_limit);
        let is_limited = rate.is_some() || burst.is_some();
        let limits = is_limited.then(|| (rate.unwrap_or(ACCOUNT_RATE), burst.unwrap_or(ACCOUNT_BURST)));
        self.get((key.to_owned(), Verb::Any), limits)
    }

    fn get(&mut self, key: (String, Verb), limits: Option<(f64, i64)>) -> Option<Arc<Bucket>> {
        // What is negative is not set.
        let Some((rate, burst)) = limits.filter(|(rate, burst)| *rate >= 0.0 && *burst >= 0) else {
            self.0.remove(&key);
            return None;
        };
        let bucket = self.0.entry(key).or_insert_with(|| Arc::new(Bucket::new(rate, burst)));
        if bucket.rate != rate || bucket.burst != burst {
            *bucket = Arc::new(Bucket::new(rate, burst));
        }
        Some(Arc::clone(bucket))
    }

    /// Forgets the buckets that no compiled stage has any more.
    pub(super) fn forget_unused(&mut self) {
        self.0.retain(|_, bucket| Arc::strong_count(bucket) > 1);
    }
}

/// The settings of a method in a stage: its own, else those of all methods.
///
/// A key is the resource's path, its slashes written as `~1`, and the verb.
pub(super) fn setting<'s>(stage: &'s Stage, resource: &str, verb: Verb) -> Option<&'s MethodSetting> {
    if stage.method_settings.is_empty() {
        return None;
    }
    let is_own = |key: &str| {
        let Some((path, of)) = key.rsplit_once('/') else { return false };
        let path = path.replace("~1", "/").replace("~0", "~");
        of == verb.as_str() && path.trim_matches('/') == resource.trim_matches('/')
    };
    let own = stage.method_settings.iter().find(|(key, _)| is_own(key)).map(|(_, setting)| setting);
    own.or_else(|| stage.method_settings.get("*/*"))
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
