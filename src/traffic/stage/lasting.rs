//! What a stage keeps while it is compiled anew: its token buckets, its cache, and what its authorizers said.

use std::sync::Arc;

use super::cache::{self, Cache, CachePolicy};
use super::canary::Side;
use super::compiled::{CompiledAuthorizer, Permissions, Staged};
use super::permissions;
use super::throttle::{Buckets, setting};
use crate::model::http::{self, RouteSettings};
use crate::model::id::{ApiId, DeploymentId};
use crate::model::rest::{Flushes, Method, SnapshotResource, Stage, Strings};
use crate::observe::metrics::{self, MethodMetrics, of_cache};

/// What a stage keeps.
#[derive(Default)]
pub(super) struct Lasting {
    buckets: Buckets,
    cache: Option<Arc<Cache>>,
    permissions: permissions::Lasting,
}

/// Which side of which stage is compiled.
pub(super) struct Place<'a> {
    pub(super) api: &'a ApiId,
    pub(super) stage: &'a Stage,
    pub(super) side: Side,
    pub(super) deployment: &'a DeploymentId,
    pub(super) variables: &'a Strings,
}

impl Lasting {
    /// Makes ready what the stage wants, of what there is.
    pub(super) fn prepare(&mut self, stage: &Stage, flushes: Flushes) {
        self.cache = cache::wanted(stage, self.cache.take(), flushes.answers);
        self.permissions.prepare(flushes.authorizers);
    }

    /// What the stage adds to one of its methods.
    pub(super) fn staged(&mut self, place: &Place<'_>, resource: &SnapshotResource, method: &Method) -> Staged {
        let Place { api, stage, side, deployment, variables } = *place;
        let is_cached = side == Side::Base || stage.canary.as_ref().is_some_and(|canary| canary.use_stage_cache);
        let cache = self.cache.as_ref().filter(|_| is_cached);
        let cache = cache.and_then(|cache| {
            let policy = CachePolicy::of(cache, stage, deployment.as_str(), &resource.path, method, variables)?;
            Some(policy.counted(of_cache(&metrics::Place {
                api: api.as_str(),
                stage: &side.counted(&stage.name),
                method: method.verb.as_str(),
                resource: &resource.path,
            })))
        });
        let is_traced = setting(stage, &resource.path, method.verb).is_some_and(|setting| setting.data_trace_enabled);
        Staged {
            is_traced,
            cache,
            throttle: self.buckets.of(stage, &resource.path, method.verb),
            metrics: MethodMetrics::default(),
        }
    }

    /// What a stage of a WebSocket API adds to one of its routes.
    pub(super) fn staged_route(&mut self, stage: &http::Stage, key: &str) -> (Staged, RouteSettings) {
        let settings = stage.settings_of(key);
        let staged = Staged {
            is_traced: settings.is_traced(),
            cache: None,
            throttle: self.buckets.of_route(key, &settings),
            metrics: MethodMetrics::default(),
        };
        (staged, settings)
    }

    /// Forgets what the compiled stage has no use for.
    pub(super) fn tidy(&mut self) {
        self.buckets.forget_unused();
        self.permissions.tidy();
    }

    /// Where what an authorizer of a deployment says is kept.
    pub(super) fn permissions(&mut self, place: &Place<'_>, authorizer: &CompiledAuthorizer) -> Arc<Permissions> {
        self.permissions.of(place.deployment, authorizer)
    }

    /// Drops what was kept until these flushes.
    pub(super) fn flush(&mut self, flushes: Flushes) {
        self.permissions.flush(flushes.authorizers);
        if let Some(cache) = &self.cache {
            cache.flush(flushes.answers);
        }
    }
}
