//! Caches: FlushStageAuthorizersCache, FlushStageCache.
//!
//! A flush is a fact of the catalog: a counter in a document beside the stage. Whatever a node has cached for the
//! stage under another count is void, so the flush holds on every node, also on one that is away just now; and as
//! the stage's own document stays as it is, no node compiles the stage anew.

use super::Target;
use crate::catalog::{Edit, Stored, keys};
use crate::control::wire::{Answer, Error};
use crate::model::id::{ApiId, StageName};
use crate::model::rest::Flushes;

impl Target<'_> {
    pub(super) async fn flush_stage_authorizers_cache(&self, api: &ApiId, stage: &StageName) -> Result<Answer, Error> {
        self.flush(api, stage, |flushes| flushes.authorizers += 1).await
    }

    pub(super) async fn flush_stage_cache(&self, api: &ApiId, stage: &StageName) -> Result<Answer, Error> {
        self.flush(api, stage, |flushes| flushes.answers += 1).await
    }

    async fn flush(&self, api: &ApiId, stage: &StageName, count: fn(&mut Flushes)) -> Result<Answer, Error> {
        let key = keys::flushes(api, stage);
        let found: Option<Stored<Flushes>> = self.control.catalog.read(|documents| {
            self.find_stage(documents, api, stage)?;
            Ok::<_, Error>(documents.get(&key)?)
        })?;
        let mut flushes = found.as_ref().map(|found| found.value).unwrap_or_default();
        count(&mut flushes);
        let edit = Edit::new().require(&keys::stage(api, stage));
        let edit = match &found {
            Some(found) => edit.update(&key, found, &flushes),
            None => edit.create(&key, &flushes),
        };
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }
}
