//! Stages: CreateStage, GetStages, GetStage, UpdateStage, DeleteStage, DeleteAccessLogSettings, ResetAuthorizersCache.

use super::changes::{Changes, bounded, missing};
use super::{Target, check_number, date, find_api, list_in, route_settings};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::apigateway::client_certificates::rely_on_certificate;
use crate::control::apigateway::stages::check_variables;
use crate::control::apigateway::{self, mappings, plan_stages};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::Stage;
use crate::model::id::{ApiId, DeploymentId, StageName};
use crate::model::rest::{AccessLog, ApiStage};

const MISSING: &str = "Invalid stage identifier specified";
/// An API has at most so many stages: AWS's limit.
const MAX_STAGES: usize = 10;
const MAX_NAME: usize = 128;
const MAX_DESCRIPTION: usize = 1024;
const MAX_ARN: usize = 2048;
/// An access log's format has at most so many bytes: AWS's limit.
const MAX_FORMAT: usize = 3072;

impl Target<'_> {
    pub(super) async fn create_stage(&self, api: &ApiId) -> Result<Answer, Error> {
        let now = self.control.clock.seconds();
        let mut stage = Stage {
            name: name(self.body.text("stageName")?.ok_or_else(|| missing("stageName"))?)?,
            deployment: None,
            description: None,
            created: now,
            updated: now,
            auto_deploy: false,
            last_deployment_status: None,
            variables: Default::default(),
            default_route_settings: route_settings::default(),
            route_settings: Default::default(),
            access_log: None,
            client_certificate_id: None,
            tags: apigateway::tags(self.body)?,
        };
        apply(&mut stage, self.body)?;
        let key = keys::api_stage(api, &stage.name);
        let edit = self.control.catalog.read(|documents| {
            find_api(documents, api)?;
            if documents.exists(&key) {
                return Err(Error::conflict("Stage already exists"));
            }
            check_number(documents, &keys::api_stages(api), "stages", MAX_STAGES)?;
            route_settings::check_routes(documents, api, self.body)?;
            let edit = rely_on_deployment(documents, api, &stage, Edit::new())?;
            rely_on_certificate(documents, stage.client_certificate_id.as_deref(), edit)
        })?;
        let edit = edit.require(&keys::api(api)).create(&key, &stage);
        let index = self.control.catalog.commit(edit).await?;
        match stage.auto_deploy {
            true => self.deploy_by_itself(api).await?,
            false => self.control.settle(index).await?,
        }
        self.answer_stage(201, api, &stage.name)
    }

    pub(super) fn get_stages(&self, api: &ApiId) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| list_in(documents, api, &keys::api_stages(api)))?;
        self.page(found, |stage| stage.name.as_str(), members)
    }

    pub(super) fn get_stage(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        self.answer_stage(200, api, name)
    }

    pub(super) async fn update_stage(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let (found, mut changed, edit) = self.control.catalog.read(|documents| {
            let found = find(documents, api, name)?;
            let mut changed = found.value.clone();
            apply(&mut changed, self.body)?;
            route_settings::check_routes(documents, api, self.body)?;
            let mut edit = rely_on_deployment(documents, api, &changed, Edit::new())?;
            if changed.client_certificate_id != found.value.client_certificate_id {
                edit = rely_on_certificate(documents, changed.client_certificate_id.as_deref(), edit)?;
            }
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            changed.updated = self.control.clock.seconds();
            let edit = edit.update(&keys::api_stage(api, name), &found, &changed);
            let index = self.control.catalog.commit(edit).await?;
            match changed.auto_deploy && !found.value.auto_deploy {
                // It begins with what the API is now.
                true => self.deploy_by_itself(api).await?,
                false => self.control.settle(index).await?,
            }
        }
        self.answer_stage(200, api, name)
    }

    pub(super) async fn delete_stage(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = find(documents, api, name)?;
            let edit = mappings::refuse_mapped_stage(documents, api, name)?;
            let edit = edit.delete(&keys::api_stage(api, name), &found);
            let is_gone = |stage: &ApiStage| stage.api == *api && stage.stage == *name;
            Ok::<_, Error>(plan_stages::release(documents, &keys::plans_of_stage(api, name), is_gone, edit)?)
        })?;
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(204))
    }

    pub(super) async fn delete_access_log_settings(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, name))?;
        let changed = Stage { access_log: None, ..found.value.clone() };
        self.write_stage(api, &found, changed).await?;
        Ok(Answer::empty(204))
    }

    /// What authorizers of WebSocket APIs say is kept with the connection, and nowhere else: there is nothing to forget.
    pub(super) fn reset_authorizers_cache(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        self.control.catalog.read(|documents| find(documents, api, name))?;
        Ok(Answer::empty(204))
    }

    /// Writes a stage that was changed, and waits until it is served so.
    pub(super) async fn write_stage(
        &self,
        api: &ApiId,
        found: &Stored<Stage>,
        mut changed: Stage,
    ) -> Result<(), Error> {
        if changed == found.value {
            return Ok(());
        }
        changed.updated = self.control.clock.seconds();
        let edit = Edit::new().update(&keys::api_stage(api, &changed.name), found, &changed);
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await
    }

    fn answer_stage(&self, status: u16, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, api, name))?;
        Ok(Answer::json(status, members(&found.value)))
    }
}

pub(super) fn find(documents: &Documents<'_>, api: &ApiId, name: &StageName) -> Result<Stored<Stage>, Error> {
    find_api(documents, api)?;
    documents.get(&keys::api_stage(api, name))?.ok_or_else(|| Error::not_found(MISSING))
}

/// Nobody chooses the deployment of a stage that does so itself.
pub(super) fn deploys_itself(name: &StageName) -> Error {
    Error::bad_request(format!(
        "Stage {name} deploys by itself: its deployment can't be chosen while autoDeploy is true."
    ))
}

fn name(text: String) -> Result<StageName, Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(legal) {
        return Err(Error::bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    Ok(StageName::new(text))
}

/// Does to a stage what a body says, and checks what has become of it.
fn apply(stage: &mut Stage, body: &Input) -> Result<(), Error> {
    let changes = Changes(body);
    changes.refuse(&["accessPolicyId"])?;
    changes.flag("autoDeploy", &mut stage.auto_deploy)?;
    if let Some(id) = body.text("deploymentId")?.filter(|id| !id.is_empty()) {
        if stage.auto_deploy {
            return Err(deploys_itself(&stage.name));
        }
        stage.deployment = Some(DeploymentId::new(id));
    }
    changes.text("description", &mut stage.description, MAX_DESCRIPTION)?;
    changes.text("clientCertificateId", &mut stage.client_certificate_id, MAX_NAME)?;
    changes.merged("stageVariables", &mut stage.variables)?;
    check_variables(&stage.variables)?;
    if let Some(log) = body.object("accessLogSettings")? {
        stage.access_log = access_log(&log)?;
    }
    route_settings::apply(stage, body)
}

/// Reads where and how accesses are logged; an object without anything in it is nothing.
fn access_log(input: &Input) -> Result<Option<AccessLog>, Error> {
    let text = |name: &str, longest| match input.text(name)?.filter(|text| !text.is_empty()) {
        Some(text) => bounded(name, text, longest).map(Some),
        None => Ok::<_, Error>(None),
    };
    let (destination_arn, format) = (text("destinationArn", MAX_ARN)?, text("format", MAX_FORMAT)?);
    if let Some(format) = &format {
        if format.trim_end_matches('\n').contains('\n') {
            return Err(Error::bad_request(
                "Access Log format must be single line, new line character is allowed only at end of the format",
            ));
        }
        if !format.contains("$context.requestId") && !format.contains("$context.extendedRequestId") {
            return Err(Error::bad_request(
                "Access Log format must contain at least $context.requestId or $context.extendedRequestId",
            ));
        }
    }
    let is_some = destination_arn.is_some() || format.is_some();
    Ok(is_some.then_some(AccessLog { destination_arn, format }))
}

/// A stage's deployment must exist, and go on existing until the commit.
fn rely_on_deployment(documents: &Documents<'_>, api: &ApiId, stage: &Stage, edit: Edit) -> Result<Edit, Error> {
    let Some(deployment) = &stage.deployment else { return Ok(edit) };
    let key = keys::api_deployment(api, deployment);
    match documents.exists(&key) {
        true => Ok(edit.require(&key)),
        false => Err(Error::bad_request("Deployment id does not exist")),
    }
}

fn members(stage: &Stage) -> Members {
    let log = stage.access_log.as_ref().map(|log| {
        Members::new().some("destinationArn", log.destination_arn.clone()).some("format", log.format.clone())
    });
    Members::new()
        .some("accessLogSettings", log)
        .set("autoDeploy", stage.auto_deploy)
        .some("clientCertificateId", stage.client_certificate_id.clone())
        .set("createdDate", date(stage.created))
        .set("defaultRouteSettings", route_settings::members(&stage.default_route_settings))
        .some("deploymentId", stage.deployment.as_ref().map(DeploymentId::as_str))
        .some("description", stage.description.clone())
        .some("lastDeploymentStatusMessage", stage.last_deployment_status.clone())
        .set("lastUpdatedDate", date(stage.updated))
        .set("routeSettings", route_settings::all_members(stage))
        .set("stageName", stage.name.as_str())
        .set("stageVariables", serde_json::json!(stage.variables))
        .set("tags", serde_json::json!(stage.tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_logs_are_lines_with_an_id() {
        let read = |format: &str| {
            let body = serde_json::json!({ "format": format, "destinationArn": "arn:aws:logs:x" }).to_string();
            access_log(&Input::read(body.as_bytes()).expect("JSON"))
        };
        for (format, fine) in [
            ("$context.requestId", true),
            ("{\"id\": \"$context.extendedRequestId\"}\n", true),
            ("$context.requestId\n$context.status", false),
            ("$context.status", false),
        ] {
            assert_eq!(read(format).is_ok(), fine, "{format:?}");
        }
        assert_eq!(access_log(&Input::default()), Ok(None));
    }

    #[test]
    fn names_of_stages_are_letters_digits_and_two_signs() {
        for (text, fine) in [("prod", true), ("a_b-1", true), ("", false), ("$default", false), ("a/b", false)] {
            assert_eq!(name(text.to_owned()).is_ok(), fine, "{text}");
        }
        assert!(name("x".repeat(129)).is_err());
    }
}
