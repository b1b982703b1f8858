//! The change feed: what each commit changed, in order, for as many readers as there are.
//!
//! The latest commits are kept in one ring that all readers share; a reader is only a position. One that falls too far
//! behind is told so, reads everything again, and goes on from there.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::Index;

/// So many commits are kept for readers,
const KEPT: usize = 16 * 1024;
/// and, unless one alone has more, so many keys that they changed: each takes about a hundred bytes.
const KEPT_KEYS: usize = 32 * 1024;

/// What one commit changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The commit.
    pub index: Index,
    /// The documents that it wrote or removed, in the order in which it did.
    pub keys: Arc<[ChangedKey]>,
}

/// A document that was written or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedKey {
    /// Its key.
    pub key: Arc<str>,
    /// Which of the two.
    pub kind: Kind,
}

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was written.
    Put,
    /// It was removed.
    Deleted,
}

/// Why a feed does not go on.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum WatchError {
    /// The reader is too far behind: read everything, then watch from that index.
    #[error("changes since the last one read are gone; read everything again, from {resume_at}")]
    Lagged {
        /// The oldest index that can be watched from now.
        resume_at: Index,
    },
    /// The node has stopped.
    #[error("this node has stopped")]
    Stopped,
}

/// A reader of the feed.
pub struct Watch {
    feed: Arc<Feed>,
    next: Index,
    news: watch::Receiver<Index>,
}

/// The ring, and the news that there is more in it. The sender lives as long as the node runs.
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    news: Mutex<Option<watch::Sender<Index>>>,
}

struct Ring {
    changes: VecDeque<Changed>,
    /// How many keys they changed.
    keys: usize,
    /// Everything after this index is in the ring.
    start: Index,
    /// Everything up to this index was applied.
    applied: Index,
}

impl Feed {
    pub(crate) fn new(applied: Index) -> Arc<Self> {
        let ring = Ring { changes: VecDeque::new(), keys: 0, start: applied, applied };
        Arc::new(Self { ring: Mutex::new(ring), news: Mutex::new(Some(watch::channel(applied).0)) })
    }

    /// Adds what was applied, up to and including `applied`.
    pub(crate) fn publish(&self, changes: Vec<Changed>, applied: Index) {
        let mut ring = self.ring.lock();
        for change in changes {
            ring.keys += change.keys.len();
            ring.changes.push_back(change);
            while ring.changes.len() > KEPT || (ring.keys > KEPT_KEYS && ring.changes.len() > 1) {
                let Some(gone) = ring.changes.pop_front() else { break };
                ring.keys -= gone.keys.len();
                ring.start = gone.index;
            }
        }
        ring.applied = applied;
        drop(ring);
        self.tell(applied);
    }

    /// A snapshot took the place of the changes: readers before it have to begin anew.
    pub(crate) fn restart(&self, applied: Index) {
        *self.ring.lock() = Ring { changes: VecDeque::new(), keys: 0, start: applied, applied };
        self.tell(applied);
    }

    /// Ends the feed for all readers.
    pub(crate) fn stop(&self) {
        self.news.lock().take();
    }

    /// Follows the applied index; `None` once the node has stopped.
    pub(crate) fn applied(&self) -> Option<watch::Receiver<Index>> {
        self.news.lock().as_ref().map(watch::Sender::subscribe)
    }

    pub(crate) fn watch(self: &Arc<Self>, after: Index) -> Watch {
        let news = self.applied().unwrap_or_else(|| watch::channel(0).1);
        Watch { feed: Arc::clone(self), next: after, news }
    }

    fn tell(&self, applied: Index) {
        if let Some(news) = self.news.lock().as_ref() {
            news.send_replace(applied);
        }
    }
}

impl Watch {
    /// The next commit that changed something.
    pub async fn next(&mut self) -> Result<Changed, WatchError> {
        loop {
            // Marked as seen before the look, so that what comes after the look wakes again.
            self.news.borrow_and_update();
            if let Some(changed) = self.look()? {
                self.next = changed.index;
                return Ok(changed);
            }
            self.news.changed().await.map_err(|_| WatchError::Stopped)?;
        }
    }

    fn look(&self) -> Result<Option<Changed>, WatchError> {
        let ring = self.feed.ring.lock();
        if self.next < ring.start {
            return Err(WatchError::Lagged { resume_at: ring.start });
        }
        let at = ring.changes.partition_point(|change| change.index <= self.next);
        Ok(ring.changes.get(at).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(index: Index) -> Changed {
        Changed { index, keys: Arc::from(Vec::new()) }
    }

    #[tokio::test]
    async fn a_reader_sees_every_commit_in_order_and_learns_when_it_cannot() {
        let feed = Feed::new(3);
        let mut reader = feed.watch(3);
        feed.publish(vec![changed(4), changed(6)], 7);
        assert_eq!(reader.next().await.expect("a change").index, 4);
        assert_eq!(reader.next().await.expect("a change").index, 6);
        assert_eq!(feed.watch(2).next().await.expect_err("too old"), WatchError::Lagged { resume_at: 3 });
        feed.publish((0..=KEPT as u64).map(|n| changed(8 + n)).collect(), 8 + KEPT as u64);
        assert_eq!(reader.next().await.expect_err("overtaken"), WatchError::Lagged { resume_at: 8 });
        feed.restart(100_000);
        assert!(matches!(feed.watch(8).next().await, Err(WatchError::Lagged { resume_at: 100_000 })));
        let mut last = feed.watch(100_000);
        feed.stop();
        assert_eq!(last.next().await.expect_err("over"), WatchError::Stopped);
    }

    #[tokio::test]
    async fn commits_that_change_much_are_kept_for_a_shorter_time() {
        let feed = Feed::new(0);
        let large = |index, count| {
            let key = ChangedKey { key: Arc::from("key"), kind: Kind::Put };
            Changed { index, keys: vec![key; count].into() }
        };
        let first = |feed: &Arc<Feed>| feed.ring.lock().start + 1;
        feed.publish(vec![large(1, KEPT_KEYS / 2), large(2, KEPT_KEYS / 2)], 2);
        assert_eq!(first(&feed), 1);
        feed.publish(vec![large(3, 1)], 3);
        assert_eq!(first(&feed), 2);
        feed.publish(vec![large(4, KEPT_KEYS + 1)], 4);
        assert_eq!(first(&feed), 4);
        assert_eq!(feed.watch(3).next().await.expect("it is kept").keys.len(), KEPT_KEYS + 1);
    }
}
