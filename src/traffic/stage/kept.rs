//! What is kept for a while: bounded by weight, each entry computed once however many ask for it at a time, and void after
//! a flush.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache as Entries;
use tokio::sync::watch;
use tokio::time::Instant;

/// What an entry takes beside its key and its value, about.
const OVERHEAD: u64 = 256;
/// Entries that are made room for at once have about so many bytes each; and no more of them are.
const USUAL: u64 = 4096;
const MOST_AT_ONCE: usize = 100_000;

/// What tells entries apart.
pub(super) type Key = Arc<str>;

/// A key of several values, in their order, within a scope.
pub fn key_of(scope: &str, values: impl Iterator<Item = impl AsRef<str>>) -> Arc<str> {
    let mut key = scope.to_owned();
    for value in values {
        let value = value.as_ref();
        // With its length in front no value can look like two.
        key.push('\n');
        key.push_str(&value.len().to_string());
        key.push(':');
        key.push_str(value);
    }
    key.into()
}

/// A value that can be kept.
pub trait Weighed {
    /// How many bytes it takes, about.
    fn weight(&self) -> u64;
}

/// A value until its end.
struct Entry<V> {
    value: Arc<V>,
    expires: Instant,
}

struct Weigh;

impl<V: Weighed> Weighter<Key, Arc<Entry<V>>> for Weigh {
    fn weight(&self, key: &Key, entry: &Arc<Entry<V>>) -> u64 {
        OVERHEAD + key.len() as u64 + entry.value.weight()
    }
}

impl Clone for Weigh {
    fn clone(&self) -> Self {
        Self
    }
}

/// Values of one kind, by key.
pub struct Kept<V: Weighed> {
    /// Their size in bytes, at most.
    pub(super) size: u64,
    entries: Entries<Key, Arc<Entry<V>>, Weigh>,
    /// The entries that are being computed; who waits for one is told when that is over.
    computing: Mutex<HashMap<Key, watch::Receiver<()>>>,
    /// How often what is kept was flushed, as far as is known here.
    flushes: AtomicU64,
}

/// What there is for a key.
pub enum Looked<V: Weighed> {
    /// A value.
    Hit(Arc<V>),
    /// Nothing: whoever has this computes the value, and may keep it.
    Miss(Ticket<V>),
}

/// The right to keep a value.
pub struct Ticket<V: Weighed> {
    kept: Arc<Kept<V>>,
    key: Key,
    flushes: u64,
    /// Held by the one for whom others wait.
    first: Option<watch::Sender<()>>,
}

impl<V: Weighed> Kept<V> {
    pub(super) fn new(size: u64, flushes: u64) -> Self {
        let items = usize::try_from(size / USUAL).unwrap_or(usize::MAX).min(MOST_AT_ONCE);
        Self {
            size,
            entries: Entries::with_weighter(items, size, Weigh),
            computing: Mutex::default(),
            flushes: AtomicU64::new(flushes),
        }
    }

    /// Looks a value up. Of those who miss the same one at a time the first computes it, the others wait for that.
    pub async fn look(self: &Arc<Self>, key: Key) -> Looked<V> {
        if let Some(value) = self.get(&key) {
            return Looked::Hit(value);
        }
        let ticket = self.ticket(key);
        let mut computed = match ticket {
            Ok(ticket) => return Looked::Miss(ticket),
            Err((key, computed)) => (key, computed),
        };
        // Ends when the first one is done, or is gone.
        let _ = computed.1.changed().await;
        match self.get(&computed.0) {
            Some(value) => Looked::Hit(value),
            // It was not kept: waiting for one another any longer would only make a queue.
            None => Looked::Miss(self.replace(computed.0)),
        }
    }

    /// The right to keep a value in the place of whatever is there.
    pub fn replace(self: &Arc<Self>, key: Key) -> Ticket<V> {
        Ticket { kept: Arc::clone(self), key, flushes: self.flushes.load(Ordering::Acquire), first: None }
    }

    /// Drops all that was kept until this flush.
    pub fn flush(&self, flushes: u64) {
        if self.flushes.swap(flushes, Ordering::AcqRel) != flushes {
            self.entries.clear();
        }
    }

    fn get(&self, key: &Key) -> Option<Arc<V>> {
        let entry = self.entries.get(key)?;
        if entry.expires > Instant::now() {
            return Some(Arc::clone(&entry.value));
        }
        self.entries.remove(key);
        None
    }

    /// The ticket of the first one, or the key again and what tells that the first one is done.
    fn ticket(self: &Arc<Self>, key: Key) -> Result<Ticket<V>, (Key, watch::Receiver<()>)> {
        let mut computing = self.computing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = computing.get(&key) {
            return Err((key, receiver.clone()));
        }
        let (first, receiver) = watch::channel(());
        computing.insert(Arc::clone(&key), receiver);
        drop(computing);
        let mut ticket = self.replace(key);
        ticket.first = Some(first);
        Ok(ticket)
    }
}

impl<V: Weighed> Ticket<V> {
    /// Keeps a value for so long, unless there was a flush while it was computed.
    pub fn keep(self, value: Arc<V>, ttl: Duration) {
        if self.flushes == self.kept.flushes.load(Ordering::Acquire) {
            let entry = Entry { value, expires: Instant::now() + ttl };
            self.kept.entries.insert(Arc::clone(&self.key), Arc::new(entry));
        }
    }
}

impl<V: Weighed> Drop for Ticket<V> {
    fn drop(&mut self) {
        if self.first.is_some() {
            self.kept.computing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    impl Weighed for Vec<u8> {
        fn weight(&self) -> u64 {
            self.len() as u64
        }
    }

    type Bytes = Kept<Vec<u8>>;

    async fn look(kept: &Arc<Bytes>, key: &str) -> Option<Vec<u8>> {
        match kept.look(key.into()).await {
            Looked::Hit(value) => Some(value.to_vec()),
            Looked::Miss(_) => None,
        }
    }

    fn keep(kept: &Arc<Bytes>, key: &str, value: &[u8]) {
        kept.replace(key.into()).keep(Arc::new(value.to_vec()), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_are_kept_for_their_time_and_until_a_flush() {
        let kept = Arc::new(Bytes::new(1_000_000, 0));
        assert_eq!(look(&kept, "a").await, None);
        keep(&kept, "a", b"1");
        assert_eq!(look(&kept, "a").await.as_deref(), Some(&b"1"[..]));
        keep(&kept, "a", b"2");
        assert_eq!(look(&kept, "a").await.as_deref(), Some(&b"2"[..]));
        tokio::time::advance(MINUTE).await;
        assert_eq!(look(&kept, "a").await, None);
        let before = kept.replace("b".into());
        keep(&kept, "c", b"3");
        kept.flush(1);
        before.keep(Arc::new(Vec::new()), MINUTE);
        assert_eq!((look(&kept, "b").await, look(&kept, "c").await), (None, None));
        // The same flush once more drops nothing.
        keep(&kept, "c", b"4");
        kept.flush(1);
        assert_eq!(look(&kept, "c").await.as_deref(), Some(&b"4"[..]));
    }

    #[tokio::test]
    async fn the_size_is_kept_whatever_comes() {
        let kept = Arc::new(Bytes::new(100_000, 0));
        for number in 0..1000 {
            keep(&kept, &number.to_string(), &[0; 1000]);
            assert!(kept.entries.weight() <= 100_000);
        }
        assert!(kept.entries.len() > 10);
    }

    #[tokio::test]
    async fn one_computes_and_the_others_wait_for_it() {
        let kept = Arc::new(Bytes::new(1_000_000, 0));
        let Looked::Miss(first) = kept.look("a".into()).await else { panic!("nothing is there yet") };
        let others = futures_util::future::join_all((0..10).map(|_| look(&kept, "a")));
        tokio::pin!(others);
        assert!(futures_util::poll!(&mut others).is_pending());
        first.keep(Arc::new(b"1".to_vec()), MINUTE);
        assert_eq!(others.await, vec![Some(b"1".to_vec()); 10]);
        // If the first one keeps nothing, nobody waits any longer.
        let Looked::Miss(first) = kept.look("b".into()).await else { panic!("nothing is there yet") };
        let others = futures_util::future::join_all((0..10).map(|_| look(&kept, "b")));
        tokio::pin!(others);
        assert!(futures_util::poll!(&mut others).is_pending());
        drop(first);
        assert_eq!(others.await, vec![None; 10]);
        assert!(kept.computing.lock().expect("no panic").is_empty());
    }
}
