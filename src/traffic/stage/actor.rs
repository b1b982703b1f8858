//! The stage actor: the one place where a stage's compiled form is made.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Message, MessageResult};
use serde::Serialize;

use super::compiled::CompiledStage;
use super::directory::Slot;
use super::throttle::Buckets;
use crate::catalog::{self, Catalog, keys};
use crate::model::id::{RestApiId, StageName};

/// Compiles one stage and publishes it; see [`Directory`](super::Directory) for the other end.
pub(super) struct StageActor {
    catalog: Catalog,
    slot: Slot,
    buckets: Buckets,
    observed: Observed,
}

/// What can be seen of a stage actor.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// The API.
    pub api: RestApiId,
    /// The stage.
    pub stage: StageName,
    /// The deployment that is served.
    pub deployment: Option<String>,
    /// The commit that the served form was compiled from.
    pub index: u64,
    /// How often it was compiled.
    pub compilations: u64,
    /// Why the last compilation failed, if it did: the form before it is still served.
    pub failure: Option<String>,
}

/// Compiles the stage as the catalog has it now.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Compile;

/// Ends the actor: its stage is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Close;

/// Asks what can be seen.
#[derive(Message)]
#[rtype(result = "Observed")]
pub(super) struct Observe;

impl StageActor {
    pub(super) fn new(catalog: Catalog, api: RestApiId, stage: StageName, slot: Slot) -> Self {
        let observed = Observed { api, stage, deployment: None, index: 0, compilations: 0, failure: None };
        Self { catalog, slot, buckets: Buckets::default(), observed }
    }

    /// Reads stage and deployments as of one commit; `None` if the stage is gone meanwhile.
    fn compile(&mut self) -> Result<Option<(u64, CompiledStage)>, catalog::Error> {
        let api = &self.observed.api;
        // Only bytes are taken under the catalog's lock; spelling a deployment out takes its time outside.
        let found = self.catalog.read(|documents| {
            let Some(stage) = documents.get(&keys::stage(api, &self.observed.stage))? else { return Ok(None) };
            let base = documents.pick(&keys::snapshot(api, &stage.value.deployment));
            let canary = stage.value.canary.as_ref();
            let canary = canary.and_then(|canary| documents.pick(&keys::snapshot(api, &canary.deployment)));
            Ok(Some((documents.index(), stage.value, base, canary)))
        })?;
        let Some((index, stage, Some(base), canary)) = found else { return Ok(None) };
        let base = base.read()?;
        let canary = canary.map(|canary| canary.read()).transpose()?;
        Ok(Some((index, CompiledStage::new(api, &stage, &base, canary.as_ref(), &mut self.buckets))))
    }
}

impl Actor for StageActor {
    type Context = Context<Self>;
}

impl Handler<Compile> for StageActor {
    type Result = ();

    fn handle(&mut self, _: Compile, _: &mut Self::Context) {
        match self.compile() {
            Ok(Some((index, compiled))) => {
                self.observed.deployment = Some(compiled.base.deployment.to_string());
                self.observed.index = index;
                self.observed.compilations += 1;
                self.observed.failure = None;
                self.slot.store(Some(Arc::new(compiled)));
            }
            Ok(None) => self.slot.store(None),
            Err(error) => {
                tracing::error!(api = %self.observed.api, stage = %self.observed.stage, %error, "a stage can't be compiled; what it served before goes on");
                self.observed.failure = Some(error.to_string());
            }
        }
    }
}

impl Handler<Close> for StageActor {
    type Result = ();

    fn handle(&mut self, _: Close, context: &mut Self::Context) {
        self.slot.store(None);
        context.stop();
    }
}

impl Handler<Observe> for StageActor {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.observed.clone())
    }
}
