//! A stage's cache of answers: bounded in bytes, each entry computed once however many ask for it at a time.
//!
//! Each node has a cache of its own; a flush reaches all of them before it is answered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use metrics::Counter;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Entries;
use tokio::sync::watch;
use tokio::time::Instant;

use super::throttle::setting;
use crate::mapping::parameters::Source;
use crate::model::rest::{Method, Stage, Strings, UnauthorizedCacheControl, Verb};
use crate::traffic::message::Headers;

/// An answer whose body is longer is not kept: AWS's limit.
pub const MAX_ENTRY: u64 = 1_048_576;
/// What an entry takes beside its body and its headers, about.
const OVERHEAD: u64 = 256;
/// A size that AWS does not know counts as its smallest, in gigabytes.
const SMALLEST: f64 = 0.5;

/// What tells entries apart.
type Key = Arc<str>;

/// An answer that is kept.
#[derive(Debug)]
pub struct Entry {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields, as its caller saw them, without those of the request itself.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
    expires: Instant,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Key, Arc<Entry>> for Weigh {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        OVERHEAD + (key.len() + entry.headers.wire_size() + entry.body.len()) as u64
    }
}

/// The cache of one stage on this node.
pub struct Cache {
    /// Its size in bytes.
    size: u64,
    entries: Entries<Key, Arc<Entry>, Weigh>,
    /// The entries that are being computed; who waits for one is told when that is over.
    computing: Mutex<HashMap<Key, watch::Receiver<()>>>,
    /// How often the stage's cache was flushed, as far as is known here.
    flushes: AtomicU64,
}

/// What a cache has for a request.
pub enum Looked {
    /// An answer.
    Hit(Arc<Entry>),
    /// Nothing: whoever has this computes the answer, and may keep it.
    Miss(Ticket),
}

/// The right to keep an answer.
pub struct Ticket {
    cache: Arc<Cache>,
    key: Key,
    flushes: u64,
    /// Held by the one for whom others wait.
    first: Option<watch::Sender<()>>,
}

impl Cache {
    fn new(size: u64, flushes: u64) -> Self {
        let items = usize::try_from(size / 4096).unwrap_or(usize::MAX).min(100_000);
        Self {
            size,
            entries: Entries::with_weighter(items, size, Weigh),
            computing: Mutex::default(),
            flushes: AtomicU64::new(flushes),
        }
    }

    /// Looks an answer up. Of those who miss the same one at a time the first computes it, the others wait for that.
    pub async fn look(self: &Arc<Self>, key: Key) -> Looked {
        if let Some(entry) = self.get(&key) {
            return Looked::Hit(entry);
        }
        let ticket = self.ticket(key);
        let mut computed = match ticket {
            Ok(ticket) => return Looked::Miss(ticket),
            Err((key, computed)) => (key, computed),
        };
        // Ends when the first one is done, or is gone.
        let _ = computed.1.changed().await;
        match self.get(&computed.0) {
            Some(entry) => Looked::Hit(entry),
            // It was not kept: waiting for one another any longer would only make a queue.
            None => Looked::Miss(self.replace(computed.0)),
        }
    }

    /// The right to keep an answer in the place of whatever is there.
    pub fn replace(self: &Arc<Self>, key: Key) -> Ticket {
        Ticket { cache: Arc::clone(self), key, flushes: self.flushes.load(Ordering::Acquire), first: None }
    }

    /// Drops all that was kept until this flush.
    pub fn flush(&self, flushes: u64) {
        if self.flushes.swap(flushes, Ordering::AcqRel) != flushes {
            self.entries.clear();
        }
    }

    fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        let entry = self.entries.get(key)?;
        if entry.expires > Instant::now() {
            return Some(entry);
        }
        self.entries.remove(key);
        None
    }

    /// The ticket of the first one, or the key again and what tells that the first one is done.
    fn ticket(self: &Arc<Self>, key: Key) -> Result<Ticket, (Key, watch::Receiver<()>)> {
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

impl Ticket {
    /// Keeps an answer for so long, unless the cache was flushed while it was computed.
    pub fn keep(self, status: StatusCode, headers: Headers, body: Bytes, ttl: Duration) {
        if self.flushes == self.cache.flushes.load(Ordering::Acquire) {
            let entry = Entry { status, headers, body, expires: Instant::now() + ttl };
            self.cache.entries.insert(Arc::clone(&self.key), Arc::new(entry));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.first.is_some() {
            self.cache.computing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

/// How the answers of one method are kept.
pub struct CachePolicy {
    /// Where.
    pub cache: Arc<Cache>,
    /// How long.
    pub ttl: Duration,
    /// The values that tell answers apart.
    pub parameters: Vec<Source>,
    /// What callers get who want a fresh answer; nothing if everybody may have one.
    pub unauthorized: Option<UnauthorizedCacheControl>,
    /// Answers that were kept.
    pub hits: Counter,
    /// Answers that were not.
    pub misses: Counter,
    /// What all keys begin with.
    scope: String,
}

impl CachePolicy {
    /// How a stage keeps the answers of a method of a deployment; nothing, if it does not. Source: data-plane reference,
    /// 16.
    pub(super) fn of(
        cache: &Arc<Cache>,
        stage: &Stage,
        deployment: &str,
        resource: &str,
        method: &Method,
        variables: &Strings,
    ) -> Option<Self> {
        let setting = setting(stage, resource, method.verb)?;
        // What is said of all methods is meant for reading ones.
        let general = stage.method_settings.get("*/*").is_some_and(|general| std::ptr::eq(general, setting));
        if !setting.caching_enabled || (general && method.verb != Verb::Get) {
            return None;
        }
        let ttl = u64::try_from(setting.cache_ttl_seconds).ok().filter(|seconds| *seconds > 0)?;
        let integration = method.integration.as_ref()?;
        let source = |parameter: &String| {
            let expression = match parameter.starts_with("integration.request.") {
                true => integration.request_parameters.get(parameter)?,
                false => parameter,
            };
            Source::parse(expression, variables)
        };
        Some(Self {
            cache: Arc::clone(cache),
            ttl: Duration::from_secs(ttl),
            parameters: integration.cache_key_parameters.iter().filter_map(source).collect(),
            unauthorized: setting.require_authorization_for_cache_control.then_some(setting.unauthorized_cache_control),
            hits: Counter::noop(),
            misses: Counter::noop(),
            scope: format!("{deployment}\n{}\n{}", integration.cache_namespace, method.verb),
        })
    }

    /// The same, with hits and misses counted.
    pub(super) fn counted(self, (hits, misses): (Counter, Counter)) -> Self {
        Self { hits, misses, ..self }
    }

    /// The key of an answer, from the values of the parameters, in their order.
    pub fn key(&self, values: impl Iterator<Item = String>) -> Key {
        let mut key = self.scope.clone();
        for value in values {
            // With its length in front no value can look like two.
            key.push('\n');
            key.push_str(&value.len().to_string());
            key.push(':');
            key.push_str(&value);
        }
        key.into()
    }
}

/// The cache that a stage wants, which is the one that it has if its size is the same.
pub(super) fn wanted(stage: &Stage, had: Option<Arc<Cache>>, flushes: u64) -> Option<Arc<Cache>> {
    if !stage.cache_cluster_enabled {
        return None;
    }
    let gigabytes = stage.cache_cluster_size.as_deref().and_then(|size| size.parse::<f64>().ok());
    let size = (gigabytes.filter(|size| *size > 0.0).unwrap_or(SMALLEST) * 1e9) as u64;
    let cache = had.filter(|cache| cache.size == size).unwrap_or_else(|| Arc::new(Cache::new(size, flushes)));
    cache.flush(flushes);
    Some(cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn cache(size: u64) -> Arc<Cache> {
        Arc::new(Cache::new(size, 0))
    }

    async fn look(cache: &Arc<Cache>, key: &str) -> Option<Bytes> {
        match cache.look(key.into()).await {
            Looked::Hit(entry) => Some(entry.body.clone()),
            Looked::Miss(_) => None,
        }
    }

    fn keep(cache: &Arc<Cache>, key: &str, body: &[u8]) {
        cache.replace(key.into()).keep(StatusCode::OK, Headers::default(), Bytes::copy_from_slice(body), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn entries_are_kept_for_their_time_and_until_a_flush() {
        let cache = cache(1_000_000);
        assert_eq!(look(&cache, "a").await, None);
        keep(&cache, "a", b"1");
        assert_eq!(look(&cache, "a").await.as_deref(), Some(&b"1"[..]));
        keep(&cache, "a", b"2");
        assert_eq!(look(&cache, "a").await.as_deref(), Some(&b"2"[..]));
        tokio::time::advance(MINUTE).await;
        assert_eq!(look(&cache, "a").await, None);
        let before = cache.replace("b".into());
        keep(&cache, "c", b"3");
        cache.flush(1);
        before.keep(StatusCode::OK, Headers::default(), Bytes::new(), MINUTE);
        assert_eq!((look(&cache, "b").await, look(&cache, "c").await), (None, None));
        // The same flush once more drops nothing.
        keep(&cache, "c", b"4");
        cache.flush(1);
        assert_eq!(look(&cache, "c").await.as_deref(), Some(&b"4"[..]));
    }

    #[tokio::test]
    async fn the_size_is_kept_whatever_comes() {
        let cache = cache(100_000);
        for number in 0..1000 {
            keep(&cache, &number.to_string(), &[0; 1000]);
            assert!(cache.entries.weight() <= 100_000);
        }
        assert!(cache.entries.len() > 10);
    }

    #[tokio::test]
    async fn one_computes_and_the_others_wait_for_it() {
        let cache = cache(1_000_000);
        let Looked::Miss(first) = cache.look("a".into()).await else { panic!("nothing is there yet") };
        let others = futures_util::future::join_all((0..10).map(|_| look(&cache, "a")));
        tokio::pin!(others);
        assert!(futures_util::poll!(&mut others).is_pending());
        first.keep(StatusCode::OK, Headers::default(), Bytes::from_static(b"1"), MINUTE);
        assert_eq!(others.await, vec![Some(Bytes::from_static(b"1")); 10]);
        // If the first one keeps nothing, nobody waits any longer.
        let Looked::Miss(first) = cache.look("b".into()).await else { panic!("nothing is there yet") };
        let others = futures_util::future::join_all((0..10).map(|_| look(&cache, "b")));
        tokio::pin!(others);
        assert!(futures_util::poll!(&mut others).is_pending());
        drop(first);
        assert_eq!(others.await, vec![None; 10]);
        assert!(cache.computing.lock().expect("no panic").is_empty());
    }

    #[test]
    fn keys_tell_values_apart() {
        let policy = |scope: &str| CachePolicy {
            cache: cache(1),
            ttl: MINUTE,
            parameters: Vec::new(),
            unauthorized: None,
            hits: Counter::noop(),
            misses: Counter::noop(),
            scope: scope.to_owned(),
        };
        let key = |scope: &str, values: &[&str]| policy(scope).key(values.iter().map(|value| (*value).to_owned()));
        let keys = [
            key("s", &[]),
            key("s", &[""]),
            key("s", &["", ""]),
            key("s", &["a", "b"]),
            key("s", &["b", "a"]),
            key("s", &["a\n1:b"]),
            key("t", &["a", "b"]),
        ];
        let different: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
    }
}
