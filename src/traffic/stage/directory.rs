//! Where requests find stages, by API and name, and custom domain names, by host: without a lock.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::Table;
use super::compiled::CompiledStage;
use super::names::Names;
use crate::model::id::{ApiId, StageName};
use crate::observe::metrics;

/// All stages and custom domain names that this node serves. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Directory {
    apis: Arc<ArcSwap<Table<ApiId, Stages>>>,
    names: Names,
}

type Stages = Table<StageName, Slot>;

/// The place of one stage: its actor writes, requests read. Empty until the first compilation is done.
pub(super) type Slot = Arc<ArcSwapOption<CompiledStage>>;

impl Directory {
    /// The stage as it is now.
    pub fn find(&self, api: &str, stage: &str) -> Option<Arc<CompiledStage>> {
        self.apis.load().get(api)?.get(stage)?.load_full()
    }

    /// The custom domain names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Makes places for stages. Only the keeper does, so that none is made twice.
    pub(super) fn open(&self, stages: impl IntoIterator<Item = (ApiId, StageName)>) -> Vec<Slot> {
        let mut apis = Table::clone(&self.apis.load());
        let slots = stages
            .into_iter()
            .map(|(api, stage)| {
                let slot = Slot::default();
                apis.entry(api).or_default().insert(stage, Arc::clone(&slot));
                slot
            })
            .collect();
        self.publish(apis);
        slots
    }

    /// Takes a stage's place away: from now on it is unknown.
    pub(super) fn close(&self, api: &ApiId, stage: &StageName) {
        let mut apis = Table::clone(&self.apis.load());
        if let Some(stages) = apis.get_mut(api) {
            stages.remove(stage);
            if stages.is_empty() {
                apis.remove(api);
            }
        }
        self.publish(apis);
    }

    fn publish(&self, apis: Table<ApiId, Stages>) {
        let count: usize = apis.values().map(Table::len).sum();
        metrics::level(metrics::STAGES).set(count as f64);
        self.apis.store(Arc::new(apis));
    }
}
