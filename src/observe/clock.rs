//! The one clock: whoever needs the time of day is given it, so that a test can set it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time of day. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the machine's clock")]
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// A clock that stands still, so many seconds after 1970.
    pub fn fixed(seconds: u64) -> Self {
        Self(Arc::new(move || UNIX_EPOCH + Duration::from_secs(seconds)))
    }

    /// A clock that a test moves.
    #[cfg(test)]
    pub fn told_by(tell: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Time since 1970; zero if the machine believes that it is earlier.
    pub fn since_epoch(&self) -> Duration {
        (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// Whole seconds since 1970.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.since_epoch().as_secs()).unwrap_or(i64::MAX)
    }
}
