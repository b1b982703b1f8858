//! Deployments: CreateDeployment, GetDeployments, GetDeployment, UpdateDeployment, DeleteDeployment.
//!
//! A deployment is what the API was at one commit; nothing that is changed afterwards changes it.

use super::changes::Changes;
use super::{Target, date, find_api, find_in, list_in, stages};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members};
use crate::model::http::{Api, Deployment, Snapshot, SnapshotIntegration, SnapshotRoute, Stage};
use crate::model::id::{ApiId, DeploymentId, StageName};

pub(super) const WHAT: &str = "Deployment";
pub(super) const NO_ROUTES: &str = "Unable to deploy API because no routes exist in this API";
const MAX_DESCRIPTION: usize = 1024;

impl Target<'_> {
    pub(super) async fn create_deployment(&self, api: &ApiId) -> Result<Answer, Error> {
        let mut deployment = Deployment {
            id: DeploymentId::random(),
            description: None,
            created: self.control.clock.seconds(),
            auto_deployed: false,
        };
        Changes(self.body).text("description", &mut deployment.description, MAX_DESCRIPTION)?;
        let name = self.body.text("stageName")?.filter(|name| !name.is_empty()).map(StageName::new);
        let edit = self.control.catalog.read(|documents| {
            let found = find_api(documents, api)?;
            let edit = Edit::new().require(&keys::api(api));
            let edit = create(edit, &deployment, &take(documents, found.value)?);
            let Some(name) = &name else { return Ok::<_, Error>(edit) };
            let stage = stages::find(documents, api, name)?;
            if stage.value.auto_deploy {
                return Err(stages::deploys_itself(name));
            }
            let changed = pointed_at(&stage.value, &deployment);
            Ok(edit.update(&keys::api_stage(api, name), &stage, &changed))
        })?;
        let index = self.control.catalog.commit(edit).await?;
        if name.is_some() {
            self.control.settle(index).await?;
        }
        Ok(Answer::json(201, members(&deployment)))
    }

    pub(super) fn get_deployments(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| list_in(documents, api, &keys::api_deployments(api)))?;
        self.page(found, |deployment| deployment.id.as_str(), members)
    }

    pub(super) fn get_deployment(&self, api: &ApiId, id: &DeploymentId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) async fn update_deployment(&self, api: &ApiId, id: &DeploymentId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, id))?;
        let mut changed = found.value.clone();
        Changes(self.body).text("description", &mut changed.description, MAX_DESCRIPTION)?;
        if changed != found.value {
            let edit = Edit::new().update(&keys::api_deployment(api, id), &found, &changed);
            self.control.catalog.commit(edit).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_deployment(&self, api: &ApiId, id: &DeploymentId) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = find(documents, api, id)?;
            let stages = keys::api_stages(api);
            if documents.list(&stages)?.iter().any(|stage| stage.value.deployment.as_ref() == Some(id)) {
                return Err(Error::bad_request("Active stages pointing to this deployment must be moved or deleted"));
            }
            // No stage may come to point at it between this look and the commit.
            let edit = Edit::new().unchanged(documents, &stages);
            Ok(edit.delete(&keys::api_deployment(api, id), &found).discard(&keys::api_snapshot(api, id)))
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(204))
    }
}

fn find(documents: &Documents<'_>, api: &ApiId, id: &DeploymentId) -> Result<Stored<Deployment>, Error> {
    find_in(documents, api, &keys::api_deployment(api, id), WHAT, id.as_str())
}

/// Writes a new deployment: its card, and what it holds.
pub(super) fn create(edit: Edit, deployment: &Deployment, snapshot: &Snapshot) -> Edit {
    let (api, id) = (&snapshot.api.id, &deployment.id);
    edit.create(&keys::api_deployment(api, id), deployment).create(&keys::api_snapshot(api, id), snapshot)
}

/// A stage that serves another deployment from now on.
pub(super) fn pointed_at(stage: &Stage, deployment: &Deployment) -> Stage {
    Stage { deployment: Some(deployment.id.clone()), updated: deployment.created, ..stage.clone() }
}

/// Takes the API as it is at this commit.
pub(super) fn take(documents: &Documents<'_>, api: Api) -> Result<Snapshot, Error> {
    let id = &api.id;
    let mut routes = Vec::new();
    for found in documents.list(&keys::routes(id))? {
        let route = found.value;
        let responses = values(documents.list(&keys::route_responses(id, &route.id))?);
        routes.push(SnapshotRoute { route, responses });
    }
    if routes.is_empty() {
        return Err(Error::bad_request(NO_ROUTES));
    }
    let mut integrations = Vec::new();
    for found in documents.list(&keys::integrations(id))? {
        let integration = found.value;
        let responses = values(documents.list(&keys::integration_responses(id, &integration.id))?);
        integrations.push(SnapshotIntegration { integration, responses });
    }
    let authorizers = values(documents.list(&keys::api_authorizers(id))?);
    let models = values(documents.list(&keys::api_models(id))?);
    Ok(Snapshot { api, routes, integrations, authorizers, models })
}

fn values<T>(found: Vec<Stored<T>>) -> Vec<T> {
    found.into_iter().map(|found| found.value).collect()
}

fn members(deployment: &Deployment) -> Members {
    Members::new()
        .set("autoDeployed", deployment.auto_deployed)
        .set("createdDate", date(deployment.created))
        .set("deploymentId", deployment.id.as_str())
        .set("deploymentStatus", "DEPLOYED")
        .some("description", deployment.description.clone())
}
