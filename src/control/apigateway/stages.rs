//! Stages: CreateStage, GetStage, GetStages, UpdateStage, DeleteStage.

use serde_json::Value;

use super::client_certificates::rely_on_certificate;
use super::{Target, bounded, canary, mappings, method_settings, plan_stages};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, as_boolean, operations};
use crate::model::id::{ApiId, DeploymentId, StageName};
use crate::model::rest::{AccessLog, ApiStage, Stage, Strings};

const MISSING: &str = "Invalid stage identifier specified";
const NO_DEPLOYMENT: &str = "Deployment id does not exist";
const MAX_DESCRIPTION: usize = 1024;
const MAX_VARIABLES: usize = 100;
/// An API has at most so many stages: AWS's own limit is 10, on request more.
const MAX_STAGES: u64 = 100;
/// A stage has settings for at most so many methods.
const MAX_METHOD_SETTINGS: usize = 2000;
const CACHE_SIZES: &[&str] = &["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"];

/// The paths that AWS prints, with the separators that it forgets (control-plane reference, 9.3).
const PATHS: &str = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, /{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled]";

impl Target<'_> {
    pub(super) async fn create_stage(&self, api: &ApiId) -> Result<Answer, Error> {
        let name = self.body.required("stageName", "Stage name must be specified")?;
        let deployment = DeploymentId::new(self.body.required("deploymentId", NO_DEPLOYMENT)?);
        let mut stage = new(self, StageName::new(name), deployment.clone(), "description")?;
        if let Some(settings) = self.body.object("canarySettings")? {
            let named = settings.text("deploymentId")?.filter(|id| !id.is_empty());
            stage.canary = Some(canary::read(&settings, named.map_or(deployment, DeploymentId::new))?);
        }
        let key = keys::stage(api, &stage.name);
        let edit = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            if documents.exists(&key) {
                return Err(Error::conflict("Stage already exists"));
            }
            check_number(documents, api)?;
            rely_on_deployments(
                documents,
                api,
                &stage,
                rely_on_certificate(documents, stage.client_certificate_id.as_deref(), Edit::new())?,
            )
        })?;
        let index = self.control.catalog.commit(edit.create(&key, &stage)).await?;
        self.control.settle(index).await?;
        Ok(Answer::json(201, members(&stage)))
    }

    pub(super) fn get_stage(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| self.find_stage(documents, api, name))?;
        Ok(Answer::json(200, members(&found.value)))
    }

    pub(super) fn get_stages(&self, api: &ApiId) -> Result<Answer, Error> {
        let wanted = self.call.parameter("deploymentId");
        let stages = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            Ok::<_, Error>(documents.list(&keys::stages(api))?)
        })?;
        let stages = stages
            .iter()
            .filter(|stage| wanted.as_ref().is_none_or(|wanted| stage.value.deployment.as_str() == wanted));
        Ok(Answer::list(stages.map(|stage| members(&stage.value).into()).collect(), None))
    }

    pub(super) async fn update_stage(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateStageInput")?;
        let (found, mut changed, edit) = self.control.catalog.read(|documents| {
            let found = self.find_stage(documents, api, name)?;
            let mut changed = found.value.clone();
            for operation in &operations {
                patch(&mut changed, operation)?;
            }
            check_variables(&changed.variables)?;
            if changed.cache_cluster_enabled {
                changed.cache_cluster_size.get_or_insert_with(default_cache_size);
            }
            let mut edit = rely_on_deployments(documents, api, &changed, Edit::new())?;
            if changed.client_certificate_id != found.value.client_certificate_id {
                edit = rely_on_certificate(documents, changed.client_certificate_id.as_deref(), edit)?;
            }
            Ok::<_, Error>((found, changed, edit))
        })?;
        if changed != found.value {
            changed.updated = self.control.clock.seconds();
            let edit = edit.update(&keys::stage(api, name), &found, &changed);
            let index = self.control.catalog.commit(edit).await?;
            self.control.settle(index).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }

    pub(super) async fn delete_stage(&self, api: &ApiId, name: &StageName) -> Result<Answer, Error> {
        let edit = self.control.catalog.read(|documents| {
            let found = self.find_stage(documents, api, name)?;
            let edit = mappings::refuse_mapped_stage(documents, api, name)?;
            let edit = edit.delete(&keys::stage(api, name), &found).discard(&keys::flushes(api, name));
            let is_gone = |stage: &ApiStage| stage.api == *api && stage.stage == *name;
            Ok::<_, Error>(plan_stages::release(documents, &keys::plans_of_stage(api, name), is_gone, edit)?)
        })?;
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::empty(202))
    }

    pub(super) fn find_stage(
        &self,
        documents: &Documents<'_>,
        api: &ApiId,
        name: &StageName,
    ) -> Result<Stored<Stage>, Error> {
        self.find_api(documents, api)?;
        documents.get(&keys::stage(api, name))?.ok_or_else(|| Error::not_found(MISSING))
    }
}

/// A stage as CreateStage and CreateDeployment describe it; the two call its description differently.
pub(super) fn new(
    target: &Target<'_>,
    name: StageName,
    deployment: DeploymentId,
    description: &str,
) -> Result<Stage, Error> {
    let body = target.body;
    let now = target.control.clock.seconds();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.as_str().len() > 128 || !name.as_str().bytes().all(legal) {
        return Err(Error::bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    let variables = body.strings("variables")?.unwrap_or_default();
    check_variables(&variables)?;
    let description = body.text(description)?.filter(|text| !text.is_empty());
    let size = body.text("cacheClusterSize")?.filter(|size| !size.is_empty());
    let enabled = body.boolean("cacheClusterEnabled")?.unwrap_or_default();
    let text = |name: &str| Ok::<_, Error>(body.text(name)?.filter(|text| !text.is_empty()));
    Ok(Stage {
        name,
        deployment,
        description: bounded(description, "description", MAX_DESCRIPTION)?,
        created: now,
        updated: now,
        variables,
        cache_cluster_enabled: enabled,
        cache_cluster_size: cache_size(size.or_else(|| enabled.then(default_cache_size)))?,
        method_settings: Default::default(),
        canary: None,
        access_log: None,
        client_certificate_id: text("clientCertificateId")?,
        documentation_version: text("documentationVersion")?,
        tracing_enabled: body.boolean("tracingEnabled")?.unwrap_or_default(),
        tags: super::tags(body)?,
    })
}

/// A stage's deployments and its documentation must exist, and go on existing until the commit.
fn rely_on_deployments(documents: &Documents<'_>, api: &ApiId, stage: &Stage, mut edit: Edit) -> Result<Edit, Error> {
    let canary = stage.canary.as_ref().map(|canary| &canary.deployment);
    for deployment in [Some(&stage.deployment), canary].into_iter().flatten() {
        let key = keys::deployment(api, deployment);
        if !documents.exists(&key) {
            return Err(Error::bad_request(NO_DEPLOYMENT));
        }
        edit = edit.require(&key);
    }
    if let Some(version) = &stage.documentation_version {
        let key = keys::documentation_version(api, version);
        if !documents.exists(&key) {
            return Err(Error::bad_request("Documentation version does not exist"));
        }
        edit = edit.require(&key);
    }
    Ok(edit)
}

/// An API has room for one more stage.
pub(super) fn check_number(documents: &Documents<'_>, api: &ApiId) -> Result<(), Error> {
    if documents.count(&keys::stages(api)) >= MAX_STAGES {
        return Err(Error::limit_exceeded(format!("An API may have at most {MAX_STAGES} stages")));
    }
    Ok(())
}

pub(in crate::control) fn check_variables(variables: &Strings) -> Result<(), Error> {
    let name_is_legal = |name: &str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let value_is_legal = |value: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte);
        (1..=512).contains(&value.len()) && value.bytes().all(legal)
    };
    if variables.len() > MAX_VARIABLES {
        return Err(Error::bad_request(format!("A stage may have at most {MAX_VARIABLES} variables")));
    }
    for (name, value) in variables {
        if !name_is_legal(name) {
            return Err(Error::bad_request(format!(
                "Stage variable name '{name}' is invalid. Please use values with alphanumeric characters and underscores only."
            )));
        }
        if !value_is_legal(value) {
            return Err(Error::bad_request(format!(
                "Stage variable value '{value}' is invalid. Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )));
        }
    }
    Ok(())
}

fn default_cache_size() -> String {
    CACHE_SIZES[0].to_owned()
}

fn cache_size(size: Option<String>) -> Result<Option<String>, Error> {
    match size {
        Some(size) if !CACHE_SIZES.contains(&size.as_str()) => Err(Error::bad_request(format!(
            "Invalid cacheClusterSize specified. Valid options are {}",
            CACHE_SIZES.join(",")
        ))),
        size => Ok(size),
    }
}

/// What of a stage can be patched, and how.
fn patch(stage: &mut Stage, operation: &Operation) -> Result<(), Error> {
    use Op::{Add, Copy, Remove, Replace};
    let log_path = || {
        Err(Error::bad_request(
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ))
    };
    match (operation.op, operation.parts().as_slice()) {
        (Copy, _) => canary::copy(stage, operation)?,
        (Replace, ["deploymentId"]) => stage.deployment = DeploymentId::new(operation.text()),
        (Replace, ["description"]) => {
            stage.description = bounded(operation.some_text(), "description", MAX_DESCRIPTION)?;
        }
        (Replace, ["cacheClusterEnabled"]) => {
            stage.cache_cluster_enabled = as_boolean(operation);
        }
        (Replace, ["cacheClusterSize"]) => stage.cache_cluster_size = cache_size(operation.some_text())?,
        (Replace, ["clientCertificateId"]) => stage.client_certificate_id = operation.some_text(),
        (Replace, ["documentationVersion"]) => stage.documentation_version = operation.some_text(),
        (Replace, ["tracingEnabled"]) => stage.tracing_enabled = as_boolean(operation),
        (Replace, ["variables", name]) => {
            stage.variables.insert((*name).to_owned(), operation.text().to_owned());
        }
        (Remove, ["variables", name]) => {
            stage.variables.remove(*name);
        }
        (Add | Replace, ["accessLogSettings", field @ ("destinationArn" | "format")]) => {
            let value =
                operation.some_text().ok_or_else(|| Error::bad_request("Access Log value must not be empty"))?;
            let log = stage.access_log.get_or_insert_with(AccessLog::default);
            match *field {
                "format" => log.format = Some(value),
                _ => log.destination_arn = Some(value),
            }
        }
        (Remove, ["accessLogSettings"]) => stage.access_log = None,
        (Add | Replace, ["accessLogSettings", ..]) => return log_path(),
        (Remove, ["canarySettings"]) => stage.canary = None,
        (Remove, ["canarySettings", "stageVariableOverrides", name])
            if stage.canary.as_ref().is_some_and(|canary| canary.stage_variable_overrides.is_some()) =>
        {
            let overrides = stage.canary.as_mut().and_then(|canary| canary.stage_variable_overrides.as_mut());
            if let Some(overrides) = overrides {
                overrides.remove(*name);
            }
        }
        (Add, ["canarySettings", ..]) => {
            return Err(Error::bad_request(format!("Invalid add operation with path: {}", operation.path)));
        }
        (Replace, ["canarySettings", rest @ ..]) if canary::replace(stage, operation, rest)? => {}
        (Add | Replace, _) if method_settings::replace(stage, operation)? => {
            if stage.method_settings.len() > MAX_METHOD_SETTINGS {
                return Err(Error::limit_exceeded(format!(
                    "A stage may have settings for at most {MAX_METHOD_SETTINGS} methods"
                )));
            }
        }
        (Remove, _) if method_settings::remove(stage, operation) => {}
        (Remove, _) => {
            let path = operation.path.strip_prefix('/').unwrap_or(&operation.path);
            // The space at the end is AWS's; Terraform matches on this text.
            return Err(Error::bad_request(format!(
                "Cannot remove method setting {path} because there is no method setting for this method "
            )));
        }
        _ => {
            return Err(Error::bad_request(format!(
                "Invalid method setting path: {}. Must be one of: {PATHS}",
                operation.path
            )));
        }
    }
    Ok(())
}

fn members(stage: &Stage) -> Members {
    let settings = stage.method_settings.iter();
    let settings = settings.map(|(key, entry)| (key.clone(), method_settings::members(entry).into()));
    let status = if stage.cache_cluster_enabled { "AVAILABLE" } else { "NOT_AVAILABLE" };
    let log = stage.access_log.as_ref().map(|log| {
        Members::new().some("format", log.format.clone()).some("destinationArn", log.destination_arn.clone())
    });
    Members::new()
        .set("deploymentId", stage.deployment.as_str())
        .some("clientCertificateId", stage.client_certificate_id.clone())
        .set("stageName", stage.name.as_str())
        .some("description", stage.description.clone())
        .set("cacheClusterEnabled", stage.cache_cluster_enabled)
        .some("cacheClusterSize", stage.cache_cluster_size.clone())
        .set("cacheClusterStatus", status)
        .set("methodSettings", Value::Object(settings.collect()))
        .unless_empty("variables", serde_json::json!(stage.variables))
        .some("documentationVersion", stage.documentation_version.clone())
        .some("accessLogSettings", log)
        .some("canarySettings", stage.canary.as_ref().map(canary::members))
        .set("tracingEnabled", stage.tracing_enabled)
        .unless_empty("tags", serde_json::json!(stage.tags))
        .set("createdDate", stage.created)
        .set("lastUpdatedDate", stage.updated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        Stage {
            name: StageName::new("s"),
            deployment: DeploymentId::new("base"),
            description: None,
            created: 0,
            updated: 0,
            variables: Strings::from([("kept".to_owned(), "1".to_owned())]),
            cache_cluster_enabled: false,
            cache_cluster_size: None,
            method_settings: Default::default(),
            canary: None,
            access_log: None,
            client_certificate_id: None,
            documentation_version: None,
            tracing_enabled: false,
            tags: Strings::new(),
        }
    }

    fn apply(stage: &mut Stage, op: &str, path: &str, value: &str, from: &str) -> Result<(), Error> {
        let body = serde_json::json!({"patchOperations": [{"op": op, "path": path, "value": value, "from": from}]});
        let body = crate::control::wire::Input::read(body.to_string().as_bytes())?;
        for operation in operations(&body, "updateStageInput")? {
            patch(stage, &operation)?;
        }
        Ok(())
    }

    fn message(result: Result<(), Error>) -> String {
        match result {
            Err(Error::Told { message, .. }) => message,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_canary_is_made_by_its_first_setting_and_promoted_by_copies() {
        let mut stage = stage();
        let copy = |stage: &mut Stage, path: &str, from: &str| apply(stage, "copy", path, "", from);
        assert_eq!(
            message(copy(&mut stage, "/deploymentId", "/canarySettings/deploymentId")),
            "Promotion not available. Canary does not exist."
        );
        apply(&mut stage, "replace", "/canarySettings/deploymentId", "next", "").expect("made");
        apply(&mut stage, "replace", "/canarySettings/stageVariableOverrides/new", "2", "").expect("set");
        let canary = stage.canary.clone().expect("a canary");
        assert_eq!((canary.percent_traffic, canary.use_stage_cache), (0.0, false));
        copy(&mut stage, "/deploymentId", "/canarySettings/deploymentId").expect("promoted");
        copy(&mut stage, "/variables", "/canarySettings/stageVariableOverrides").expect("promoted");
        assert_eq!(stage.deployment.as_str(), "next");
        assert_eq!(stage.variables.keys().collect::<Vec<_>>(), ["kept", "new"]);
        assert!(stage.canary.is_some(), "it stays until it is removed");
        apply(&mut stage, "remove", "/canarySettings", "", "").expect("removed");
        assert!(stage.canary.is_none());
    }

    #[test]
    fn refusals_have_aws_words() {
        let mut stage = stage();
        for (op, path, expected) in [
            ("add", "/canarySettings/deploymentId", "Invalid add operation with path: /canarySettings/deploymentId"),
            ("remove", "/*/*", "Cannot remove method setting */* because there is no method setting for this method "),
            (
                "remove",
                "/canarySettings/badPath",
                "Cannot remove method setting canarySettings/badPath because there is no method setting for this method ",
            ),
            ("replace", "/accessLogSettings/format", "Access Log value must not be empty"),
            (
                "replace",
                "/accessLogSettings/x",
                "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
            ),
        ] {
            assert_eq!(message(apply(&mut stage, op, path, "", "")), expected, "{op} {path}");
        }
        for path in [
            "/tags/x",
            "/documentation_version",
            "/canarySettings",
            "/canarySettings/badPath",
            "/a/b/GET/metrics/enabled",
        ] {
            let told = message(apply(&mut stage, "replace", path, "", ""));
            assert!(
                told.starts_with(&format!("Invalid method setting path: {path}. Must be one of: [/deploymentId, ")),
                "{told}"
            );
        }
    }

    #[test]
    fn the_first_setting_makes_the_whole_entry_seeded_from_all_methods() {
        let mut stage = stage();
        apply(&mut stage, "replace", "/*/*/throttling/burstLimit", "7", "").expect("set");
        apply(&mut stage, "replace", "/~1pets/GET/metrics/enabled", "true", "").expect("set");
        let entry = &stage.method_settings["~1pets/GET"];
        assert_eq!((entry.throttling_burst_limit, entry.metrics_enabled, entry.cache_ttl_seconds), (7, true, 300));
        apply(&mut stage, "remove", "/~1pets/GET", "", "").expect("removed");
        assert_eq!(stage.method_settings.len(), 1);
    }
}
