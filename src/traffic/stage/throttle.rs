//! How many requests of each method a stage lets through.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::rest::{MethodSetting, Stage, Verb};
use crate::traffic::bucket::Bucket;

/// The buckets of a stage, which go on when the stage is compiled anew.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<(String, Verb), Arc<Bucket>>);

impl Buckets {
    /// The bucket of a method, if the stage limits it: a fresh one where its limits have changed.
    pub(super) fn of(&mut self, stage: &Stage, resource: &str, verb: Verb) -> Option<Arc<Bucket>> {
        let key = (resource.to_owned(), verb);
        // What is negative is not set.
        let limits = setting(stage, resource, verb)
            .map(|setting| (setting.throttling_rate_limit, setting.throttling_burst_limit))
            .filter(|(rate, burst)| *rate >= 0.0 && *burst >= 0);
        let Some((rate, burst)) = limits else {
            self.0.remove(&key);
            return None;
        };
        let bucket = self.0.entry(key).or_insert_with(|| Arc::new(Bucket::new(rate, burst)));
        if bucket.rate() != rate || bucket.burst() != burst {
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
