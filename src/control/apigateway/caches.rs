//! Caches: FlushStageAuthorizersCache, FlushStageCache.

use super::{Target, not_yet};
use crate::control::wire::{Answer, Error};
use crate::model::id::{RestApiId, StageName};

impl Target<'_> {
    pub(super) async fn flush_stage_authorizers_cache(
        &self,
        _api: &RestApiId,
        _stage: &StageName,
    ) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }

    pub(super) async fn flush_stage_cache(&self, _api: &RestApiId, _stage: &StageName) -> Result<Answer, Error> {
        Err(not_yet(self.call))
    }
}
