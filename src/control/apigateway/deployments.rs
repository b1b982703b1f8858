//! Deployments: CreateDeployment, GetDeployment, GetDeployments, UpdateDeployment, DeleteDeployment.
//!
//! A deployment is what the API was at one commit; nothing that is changed afterwards changes it.

use serde_json::{Map, Value};

use super::api::Tree;
use super::{Target, bounded, canary, stages};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Page, any_of, operations};
use crate::model::id::{ApiId, DeploymentId, StageName};
use crate::model::rest::{Deployment, RestApi, Snapshot, SnapshotResource, Stage};

const MISSING: &str = "Invalid Deployment identifier specified";
const MAX_DESCRIPTION: usize = 1024;

impl Target<'_> {
    pub(super) async fn create_deployment(&self, api: &ApiId) -> Result<Answer, Error> {
        let body = self.body;
        let now = self.control.clock.seconds();
        let description = body.text("description")?.filter(|text| !text.is_empty());
        let deployment = Deployment {
            id: DeploymentId::random(),
            description: bounded(description, "description", MAX_DESCRIPTION)?,
            created: now,
        };
        let name = body.text("stageName")?;
        let canary = body.object("canarySettings")?;
        if canary.is_some() {
            canary::check_stage_name(name.as_deref())?;
        }
        let name = name.filter(|name| !name.is_empty()).map(StageName::new);
        let variables = body.strings("variables")?;
        let (snapshot, edit) = self.control.catalog.read(|documents| {
            let found = self.find_api(documents, api)?;
            let snapshot = take(documents, api, found.value)?;
            let mut edit = Edit::new();
            let Some(name) = &name else { return Ok::<_, Error>((snapshot, edit)) };
            let key = keys::stage(api, name);
            edit = match (documents.get(&key)?, &canary) {
                (None, Some(_)) => return Err(canary::no_stage(name)),
                (None, None) => {
                    stages::check_number(documents, api)?;
                    let stage = stages::new(self, name.clone(), deployment.id.clone(), "stageDescription")?;
                    edit.create(&key, &stage)
                }
                (Some(stage), Some(settings)) => {
                    let canary = canary::read(settings, deployment.id.clone())?;
                    let changed = Stage { canary: Some(canary), updated: now, ..stage.value.clone() };
                    edit.update(&key, &stage, &changed)
                }
                (Some(stage), None) => {
                    let mut changed = Stage { deployment: deployment.id.clone(), updated: now, ..stage.value.clone() };
                    if let Some(variables) = &variables {
                        stages::check_variables(variables)?;
                        changed.variables.extend(variables.clone());
                    }
                    if let Some(description) = body.text("stageDescription")?.filter(|text| !text.is_empty()) {
                        changed.description = bounded(Some(description), "description", MAX_DESCRIPTION)?;
                    }
                    edit.update(&key, &stage, &changed)
                }
            };
            Ok((snapshot, edit))
        })?;
        let edit = edit
            .require(&keys::rest_api(api))
            .create(&keys::deployment(api, &deployment.id), &deployment)
            .create(&keys::snapshot(api, &deployment.id), &snapshot);
        let index = self.control.catalog.commit(edit).await?;
        if name.is_some() {
            self.control.settle(index).await?;
        }
        Ok(Answer::json(201, members(&deployment)))
    }

    pub(super) fn get_deployment(&self, api: &ApiId, id: &DeploymentId) -> Result<Answer, Error> {
        let summary = self.embeds("apisummary");
        let (found, snapshot) = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            let found = documents.get(&keys::deployment(api, id))?.ok_or_else(|| Error::not_found(MISSING))?;
            Ok::<_, Error>((found, documents.pick(&keys::snapshot(api, id))))
        })?;
        let mut members = members(&found.value);
        if summary && let Some(snapshot) = snapshot {
            members = members.set("apiSummary", api_summary(&snapshot.read()?));
        }
        Ok(Answer::json(200, members))
    }

    pub(super) fn get_deployments(&self, api: &ApiId) -> Result<Answer, Error> {
        let deployments = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::deployments(api))?)
        })?;
        let (deployments, position) = Page::read(self.call)?.take(deployments, |found| found.value.id.as_str());
        Ok(Answer::list(deployments.iter().map(|found| members(&found.value).into()).collect(), position))
    }

    pub(super) async fn update_deployment(&self, api: &ApiId, id: &DeploymentId) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateDeploymentInput")?;
        let key = keys::deployment(api, id);
        let found = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            documents.get(&key)?.ok_or_else(|| Error::not_found(MISSING))
        })?;
        let mut changed = found.value.clone();
        for operation in &operations {
            match (operation.op, operation.parts().as_slice()) {
                (Op::Replace, ["description"]) => {
                    changed.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
                }
                _ => return Err(any_of(operation, &["/description"])),
            }
        }
        if changed != found.value {
            self.control.catalog.commit(Edit::new().update(&key, &found, &changed)).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_deployment(&self, api: &ApiId, id: &DeploymentId) -> Result<Answer, Error> {
        let key = keys::deployment(api, id);
        let edit = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            let found = documents.get(&key)?.ok_or_else(|| Error::not_found(MISSING))?;
            let stages = keys::stages(api);
            for stage in documents.list(&stages)? {
                if stage.value.deployment == *id {
                    return Err(Error::bad_request(
                        "Active stages pointing to this deployment must be moved or deleted",
                    ));
                }
                if stage.value.canary.is_some_and(|canary| canary.deployment == *id) {
                    return Err(Error::bad_request(
                        "Active stages with canary settings pointing to this deployment must be moved or deleted",
                    ));
                }
            }
            // No stage may come to point at it between this look and the commit.
            Ok(Edit::new().unchanged(documents, &stages).delete(&key, &found).discard(&keys::snapshot(api, id)))
        })?;
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }
}

/// Takes the API as it is at this commit.
fn take(documents: &Documents<'_>, id: &ApiId, api: RestApi) -> Result<Snapshot, Error> {
    let tree = Tree::read(documents, id)?;
    let mut resources = Vec::new();
    for resource in tree.iter() {
        let methods = values(documents.list(&keys::methods(id, &resource.id))?);
        if methods.iter().any(|method| method.integration.is_none()) {
            return Err(Error::bad_request("No integration defined for method"));
        }
        if !methods.is_empty() {
            resources.push(SnapshotResource { id: resource.id.clone(), path: tree.path(resource), methods });
        }
    }
    if resources.is_empty() {
        return Err(Error::bad_request("The REST API doesn't contain any methods"));
    }
    resources.sort_by(|one, other| one.path.cmp(&other.path));
    snapshot(documents, api, resources)
}

/// A snapshot with these resources, and with what their methods may need.
pub(super) fn snapshot(
    documents: &Documents<'_>,
    api: RestApi,
    resources: Vec<SnapshotResource>,
) -> Result<Snapshot, Error> {
    let id = &api.id;
    let models = values(documents.list(&keys::models(id))?);
    let authorizers = values(documents.list(&keys::authorizers(id))?);
    let request_validators = values(documents.list(&keys::request_validators(id))?);
    let gateway_responses = values(documents.list(&keys::gateway_responses(id))?);
    Ok(Snapshot { api, resources, models, authorizers, request_validators, gateway_responses })
}

fn values<T>(found: Vec<Stored<T>>) -> Vec<T> {
    found.into_iter().map(|found| found.value).collect()
}

fn api_summary(snapshot: &Snapshot) -> Value {
    let resources = snapshot.resources.iter().map(|resource| {
        let methods = resource.methods.iter().map(|method| {
            let summary = Members::new()
                .set("authorizationType", method.authorization_type.as_str())
                .set("apiKeyRequired", method.api_key_required);
            (method.verb.to_string(), summary.into())
        });
        (resource.path.clone(), Value::Object(methods.collect::<Map<_, _>>()))
    });
    Value::Object(resources.collect())
}

fn members(deployment: &Deployment) -> Members {
    Members::new()
        .set("id", deployment.id.as_str())
        .some("description", deployment.description.clone())
        .set("createdDate", deployment.created)
}
