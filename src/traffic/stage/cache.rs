//! A stage's cache of answers.
//!
//! Each node has a cache of its own; a flush reaches all of them before it is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use metrics::Counter;

use super::kept::{Kept, Key, Weighed, key_of};
use super::throttle::setting;
use crate::mapping::parameters::Source;
use crate::model::rest::{Method, Stage, Strings, TransferMode, UnauthorizedCacheControl, Verb};
use crate::traffic::message::Headers;

/// An answer whose body is longer is not kept: AWS's limit.
pub const MAX_ENTRY: u64 = 1_048_576;
/// A size that AWS does not know counts as its smallest, in gigabytes.
const SMALLEST: f64 = 0.5;

/// The cache of one stage on this node.
pub(super) type Cache = Kept<KeptAnswer>;

/// An answer that is kept.
#[derive(Debug)]
pub struct KeptAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields, as its caller saw them, without those of the request itself.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

impl Weighed for KeptAnswer {
    fn weight(&self) -> u64 {
        (self.headers.wire_size() + self.body.len()) as u64
    }
}

/// How the answers of one method are kept.
pub struct CachePolicy {
    /// Where.
    pub cache: Arc<Kept<KeptAnswer>>,
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
        // What comes piece by piece is never kept (data-plane reference, 10.7).
        if integration.transfer_mode == Some(TransferMode::Stream) {
            return None;
        }
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
        key_of(&self.scope, values)
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

    #[test]
    fn keys_tell_values_apart() {
        let policy = |scope: &str| CachePolicy {
            cache: Arc::new(Cache::new(1, 0)),
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
