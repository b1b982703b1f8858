//! Canary settings of stages: how they are read, patched and promoted.

use super::stages;
use crate::control::wire::{Error, Input, Members, Operation, as_boolean, as_number};
use crate::model::id::{DeploymentId, StageName};
use crate::model::rest::{Canary, Stage, Strings};

pub(super) fn check_stage_name(name: Option<&str>) -> Result<(), Error> {
    let provided = match name {
        None => "null",
        Some("") => "",
        Some(_) => return Ok(()),
    };
    Err(Error::bad_request(format!(
        "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is {provided}"
    )))
}

pub(super) fn no_stage(name: &StageName) -> Error {
    Error::bad_request(format!(
        "Invalid deployment content specified.Stage {name} must already be created before making a canary release deployment"
    ))
}

/// Reads `canarySettings`. Which deployment is on trial CreateStage lets the caller say, and CreateDeployment does not.
pub(super) fn read(input: &Input, deployment: DeploymentId) -> Result<Canary, Error> {
    let overrides = input.strings("stageVariableOverrides")?;
    stages::check_variables(overrides.as_ref().unwrap_or(&Strings::new()))?;
    Ok(Canary {
        deployment,
        percent_traffic: percent(input.double("percentTraffic")?.unwrap_or_default())?,
        stage_variable_overrides: overrides,
        use_stage_cache: input.boolean("useStageCache")?.unwrap_or_default(),
    })
}

fn percent(percent: f64) -> Result<f64, Error> {
    if (0.0..=100.0).contains(&percent) {
        Ok(percent)
    } else {
        Err(Error::bad_request("Invalid canary settings: percentTraffic must be between 0.0 and 100.0"))
    }
}

/// Sets one canary setting; the first one makes the canary, of the stage's own deployment.
pub(super) fn replace(stage: &mut Stage, operation: &Operation, parts: &[&str]) -> Result<bool, Error> {
    if !matches!(parts, ["deploymentId" | "percentTraffic" | "useStageCache"] | ["stageVariableOverrides", _]) {
        return Ok(false);
    }
    let deployment = stage.deployment.clone();
    let canary = stage.canary.get_or_insert(Canary {
        deployment,
        percent_traffic: 0.0,
        stage_variable_overrides: None,
        use_stage_cache: false,
    });
    match parts {
        ["deploymentId"] => canary.deployment = DeploymentId::new(operation.text()),
        ["percentTraffic"] => canary.percent_traffic = percent(as_number(operation)?)?,
        ["useStageCache"] => canary.use_stage_cache = as_boolean(operation),
        [_, name] => {
            let overrides = canary.stage_variable_overrides.get_or_insert_default();
            overrides.insert((*name).to_owned(), operation.text().to_owned());
            stages::check_variables(overrides)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Copies from the canary to the stage: a promotion.
pub(super) fn copy(stage: &mut Stage, operation: &Operation) -> Result<(), Error> {
    let from = operation.from.as_deref().unwrap_or_default();
    match (operation.path.as_str(), from) {
        ("/deploymentId", "/canarySettings/deploymentId") => {
            stage.deployment = promotable(stage)?.deployment.clone();
        }
        ("/variables", "/canarySettings/stageVariableOverrides") => {
            let overrides = promotable(stage)?.stage_variable_overrides.clone();
            stage.variables.extend(overrides.unwrap_or_default());
        }
        (path, from) => {
            return Err(Error::bad_request(format!(
                "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
            )));
        }
    }
    Ok(())
}

fn promotable(stage: &Stage) -> Result<&Canary, Error> {
    stage.canary.as_ref().ok_or_else(|| Error::bad_request("Promotion not available. Canary does not exist."))
}

pub(super) fn members(canary: &Canary) -> Members {
    Members::new()
        .set("percentTraffic", canary.percent_traffic)
        .set("deploymentId", canary.deployment.as_str())
        .some("stageVariableOverrides", canary.stage_variable_overrides.as_ref().map(|map| serde_json::json!(map)))
        .set("useStageCache", canary.use_stage_cache)
}
