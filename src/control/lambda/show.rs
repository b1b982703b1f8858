//! Functions, versions and aliases as Lambda shows them.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{Target, code};
use crate::control::wire::{Error, Members};
use crate::model::function::{Alias, FunctionName, LATEST, Version};

/// How much of a version is shown.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shown {
    /// All of it.
    Whole,
    /// What lists have: all but its state.
    Listed,
}

impl Target<'_> {
    /// A version, with the ARN that the caller has named it by.
    pub(super) fn configuration(
        &self,
        name: &FunctionName,
        version: &Version,
        qualifier: Option<&str>,
        shown: Shown,
    ) -> Result<Members, Error> {
        let variables = self.variables(name, version)?;
        let mut members = Members::new()
            .set("FunctionName", name.as_str())
            .set("FunctionArn", self.arn(name, qualifier))
            .set("Runtime", version.runtime.as_str())
            .set("Role", version.role.as_str())
            .set("Handler", version.handler.as_str())
            .set("CodeSize", version.code.size)
            .set("Description", version.description.as_str())
            .set("Timeout", version.timeout)
            .set("MemorySize", version.memory)
            .set("LastModified", time_of(version.modified))
            .set("CodeSha256", code::shown(&version.code))
            .set("Version", version.label())
            .some("Environment", variables.map(|variables| json!({"Variables": variables})))
            .set("TracingConfig", json!({"Mode": version.tracing}))
            .set("RevisionId", version.revision_id.as_str());
        if shown == Shown::Whole {
            members = members.set("State", "Active").set("LastUpdateStatus", "Successful");
        }
        let logging = Members::new()
            .set("LogFormat", version.logging.format.as_str())
            .some("ApplicationLogLevel", version.logging.application_level.clone())
            .some("SystemLogLevel", version.logging.system_level.clone())
            .set("LogGroup", version.log_group(name));
        Ok(members
            .set("PackageType", "Zip")
            .set("Architectures", json!([version.architecture]))
            .set("EphemeralStorage", json!({"Size": version.ephemeral_storage}))
            .set("SnapStart", json!({"ApplyOn": "None", "OptimizationStatus": "Off"}))
            .set("LoggingConfig", Value::from(logging)))
    }

    /// A version as a list has it: named by its number.
    pub(super) fn listed(&self, name: &FunctionName, version: &Version) -> Result<Value, Error> {
        let label = version.label();
        Ok(self.configuration(name, version, Some(&label), Shown::Listed)?.into())
    }

    /// An alias.
    pub(super) fn alias(&self, name: &FunctionName, alias: &Alias) -> Members {
        let weights = (!alias.weights.is_empty()).then(|| json!({"AdditionalVersionWeights": alias.weights}));
        Members::new()
            .set("AliasArn", self.arn(name, Some(&alias.name)))
            .set("Name", alias.name.as_str())
            .set("FunctionVersion", alias.version.as_str())
            .set("Description", alias.description.as_str())
            .some("RoutingConfig", weights)
            .set("RevisionId", alias.revision_id.as_str())
    }
}

/// The qualifier that an answer's ARN has: what the caller named, `$LATEST` too.
pub(super) fn qualifier_of(label: &str) -> Option<&str> {
    (label != LATEST).then_some(label)
}

/// A time as Lambda shows it.
fn time_of(millis: u64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok().and_then(|time| time.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_lambda_writes_them() {
        assert_eq!(time_of(1_700_000_000_123), "2023-11-14T22:13:20.123+0000");
    }
}
