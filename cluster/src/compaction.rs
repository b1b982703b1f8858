//! Has snapshots made, and the log shortened, by what the log weighs. Raft itself counts entries alone, and an entry is some
//! bytes or some megabytes.
//!
//! sled keeps much of what it has read and written in memory, however little it is told to: a log that is short costs little.

use std::sync::Weak;
use std::time::Duration;

use crate::cluster::Inner;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// How heavy the log may become, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// With more than this behind the snapshot another one is made. A node that starts applies it once more.
    pub(crate) behind: u64,
    /// Not more than about this stays in front of a snapshot's end, for members that are a little late.
    pub(crate) kept: u64,
}

/// Looks from time to time.
pub(crate) async fn run(inner: Weak<Inner>, bounds: Bounds) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = inner.upgrade().filter(|inner| !inner.is_stopped()) else { return };
        let (log, trigger) = (&inner.log, inner.raft().trigger());
        // What can't be asked of Raft any more needs nothing any more. One that is being made is not made twice.
        if log.weight_behind_snapshot() > bounds.behind {
            let _ = trigger.snapshot().await;
        }
        if let Some(last) = log.heavier_than(bounds.kept) {
            let _ = trigger.purge_log(last).await;
        }
    }
}
