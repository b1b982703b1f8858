//! The stage actor: the one place where a stage's compiled form is made.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Message, MessageResult};
use serde::Serialize;

use super::compiled::CompiledStage;
use super::directory::Slot;
use super::lasting::Lasting;
use crate::catalog::{self, Catalog, Documents, Packed, Sealed, keys};
use crate::model::id::{ApiId, ClientCertificateId, StageName};
use crate::model::rest::ClientCertificate;
use crate::traffic::integration::{Identity, Upstream};

/// Compiles one stage and publishes it; see [`Directory`](super::Directory) for the other end.
pub(super) struct StageActor {
    catalog: Catalog,
    slot: Slot,
    upstream: Upstream,
    lasting: Lasting,
    observed: Observed,
}

/// What can be seen of a stage actor.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// The API.
    pub api: ApiId,
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

/// Drops what the stage's cache has, if the catalog says that it was flushed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Flush;

/// Ends the actor: its stage is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Close;

/// Asks what can be seen.
#[derive(Message)]
#[rtype(result = "Observed")]
pub(super) struct Observe;

impl StageActor {
    pub(super) fn new(catalog: Catalog, upstream: Upstream, api: ApiId, stage: StageName, slot: Slot) -> Self {
        let observed = Observed { api, stage, deployment: None, index: 0, compilations: 0, failure: None };
        Self { catalog, slot, upstream, lasting: Lasting::default(), observed }
    }

    /// Compiles the stage, of whichever kind its API is; `None` if the stage is gone meanwhile, or has no deployment.
    fn compile(&mut self) -> Result<Option<(u64, CompiledStage)>, catalog::Error> {
        let key = keys::api_stage(&self.observed.api, &self.observed.stage);
        match self.catalog.read(|documents| documents.exists(&key)) {
            true => self.compile_routes(),
            false => self.compile_methods(),
        }
    }

    /// Reads stage and deployment of an API of V2, as of one commit.
    fn compile_routes(&mut self) -> Result<Option<(u64, CompiledStage)>, catalog::Error> {
        let api = &self.observed.api;
        let found = self.catalog.read(|documents| {
            let Some(stage) = documents.get(&keys::api_stage(api, &self.observed.stage))? else { return Ok(None) };
            let stage = stage.value;
            let snapshot = stage.deployment.as_ref().and_then(|id| documents.pick(&keys::api_snapshot(api, id)));
            let certificate = stage.client_certificate_id.as_deref();
            let certificate = certificate.and_then(|id| picked_certificate(documents, id));
            Ok(Some((documents.index(), stage, snapshot, certificate)))
        })?;
        let Some((index, stage, Some(snapshot), certificate)) = found else { return Ok(None) };
        let Some(deployment) = &stage.deployment else { return Ok(None) };
        let snapshot = snapshot.read()?;
        let identity = match certificate {
            Some((certificate, key)) => self.identity(&certificate.read()?, &key.read()?),
            None => None,
        };
        let tls = (&self.upstream, identity.as_ref());
        let compiled = CompiledStage::of_routes(api, &stage, (deployment, &snapshot), tls, &mut self.lasting);
        Ok(Some((index, compiled)))
    }

    /// Reads stage and deployments of a REST API, as of one commit.
    fn compile_methods(&mut self) -> Result<Option<(u64, CompiledStage)>, catalog::Error> {
        let api = &self.observed.api;
        // Only bytes are taken under the catalog's lock; spelling a deployment out takes its time outside.
        let found = self.catalog.read(|documents| {
            let Some(stage) = documents.get(&keys::stage(api, &self.observed.stage))? else { return Ok(None) };
            let base = documents.pick(&keys::snapshot(api, &stage.value.deployment));
            let canary = stage.value.canary.as_ref();
            let canary = canary.and_then(|canary| documents.pick(&keys::snapshot(api, &canary.deployment)));
            let certificate = stage.value.client_certificate_id.as_deref();
            let certificate = certificate.and_then(|id| picked_certificate(documents, id));
            let flushes =
                documents.get(&keys::flushes(api, &stage.value.name))?.map(|found| found.value).unwrap_or_default();
            Ok(Some((documents.index(), stage.value, base, canary, certificate, flushes)))
        })?;
        let Some((index, stage, Some(base), canary, certificate, flushes)) = found else { return Ok(None) };
        let base = base.read()?;
        let canary = canary.map(|canary| canary.read()).transpose()?;
        let identity = match certificate {
            Some((certificate, key)) => self.identity(&certificate.read()?, &key.read()?),
            None => None,
        };
        self.lasting.prepare(&stage, flushes);
        let tls = (&self.upstream, identity.as_ref());
        Ok(Some((index, CompiledStage::new(api, &stage, &base, canary.as_ref(), tls, &mut self.lasting))))
    }

    /// The certificate that backends are shown.
    fn identity(&self, certificate: &ClientCertificate, key: &Sealed) -> Option<Identity> {
        let identity = self.catalog.unseal(key).and_then(|key| Identity::read(&certificate.pem, &key));
        if identity.is_none() {
            let (api, stage) = (&self.observed.api, &self.observed.stage);
            tracing::error!(%api, %stage, certificate = %certificate.id, "a client certificate's key can't be read: it came with another cluster's backup");
        }
        identity
    }
}

/// A client certificate and its private key, as bytes.
fn picked_certificate(documents: &Documents<'_>, id: &str) -> Option<(Packed<ClientCertificate>, Packed<Sealed>)> {
    let id = ClientCertificateId::new(id);
    documents.pick(&keys::client_certificate(&id)).zip(documents.pick(&keys::client_certificate_key(&id)))
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

impl Handler<Flush> for StageActor {
    type Result = ();

    fn handle(&mut self, _: Flush, _: &mut Self::Context) {
        let (api, stage) = (&self.observed.api, &self.observed.stage);
        match self.catalog.read(|documents| documents.get(&keys::flushes(api, stage))) {
            Ok(found) => self.lasting.flush(found.map(|found| found.value).unwrap_or_default()),
            Err(error) => tracing::error!(%api, %stage, %error, "a flush of a cache can't be read"),
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
