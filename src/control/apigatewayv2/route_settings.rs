//! Settings of a stage's routes: of all, and of single ones by their keys; and DeleteRouteSettings.

use serde_json::Value;

use super::changes::not_one_of;
use super::{Target, stages};
use crate::catalog::{Documents, keys};
use crate::control::wire::{Answer, Error, Input, Members};
use crate::model::http::{LoggingLevel, RouteSettings, Stage};
use crate::model::id::{ApiId, StageName};

/// A stage has settings for at most so many routes; an API has no more.
const MAX_SETTINGS: usize = 300;

impl Target<'_> {
    pub(super) async fn delete_route_settings(
        &self,
        api: &ApiId,
        name: &StageName,
        route_key: &str,
    ) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| stages::find(documents, api, name))?;
        let mut changed = found.value.clone();
        if changed.route_settings.remove(route_key).is_none() {
            return Err(Error::not_found(format!(
                "Unable to find Route by key {route_key} within the provided RouteSettings"
            )));
        }
        self.write_stage(api, &found, changed).await?;
        Ok(Answer::empty(204))
    }
}

/// Does to a stage's settings what a body says: those of all routes are replaced, those of single ones put beside others.
pub(super) fn apply(stage: &mut Stage, body: &Input) -> Result<(), Error> {
    if let Some(input) = body.object("defaultRouteSettings")? {
        stage.default_route_settings = read(&input)?;
    }
    if let Some(entries) = body.object("routeSettings")? {
        for (key, input) in entries.entries()? {
            stage.route_settings.insert(key, read(&input)?);
        }
    }
    match stage.route_settings.len() > MAX_SETTINGS {
        true => Err(Error::limit_exceeded(format!("A stage may have settings for at most {MAX_SETTINGS} routes"))),
        false => Ok(()),
    }
}

/// The routes that a body has settings for must be there.
pub(super) fn check_routes(documents: &Documents<'_>, api: &ApiId, body: &Input) -> Result<(), Error> {
    let Some(entries) = body.object("routeSettings")? else { return Ok(()) };
    let known = |key: &str| documents.exists(&keys::route_claim(api, key));
    match entries.entries()?.iter().find(|(key, _)| !known(key)) {
        Some((key, _)) => {
            Err(Error::not_found(format!("Unable to find Route by key {key} within the provided RouteSettings")))
        }
        None => Ok(()),
    }
}

/// The settings of all routes where nothing is said. Throttling is the account's then.
pub(super) fn default() -> RouteSettings {
    RouteSettings {
        data_trace_enabled: Some(false),
        detailed_metrics_enabled: Some(false),
        logging_level: Some(LoggingLevel::Off),
        throttling_burst_limit: None,
        throttling_rate_limit: None,
    }
}

/// Reads settings: they are whole, whatever was said of them.
fn read(input: &Input) -> Result<RouteSettings, Error> {
    let default = default();
    let level = match input.text("loggingLevel")?.filter(|level| !level.is_empty()) {
        Some(level) => {
            Some(LoggingLevel::parse(&level).ok_or_else(|| not_one_of("loggingLevel", LoggingLevel::NAMES))?)
        }
        None => default.logging_level,
    };
    let settings = RouteSettings {
        data_trace_enabled: input.boolean("dataTraceEnabled")?.or(default.data_trace_enabled),
        detailed_metrics_enabled: input.boolean("detailedMetricsEnabled")?.or(default.detailed_metrics_enabled),
        logging_level: level,
        throttling_burst_limit: input.integer("throttlingBurstLimit")?,
        throttling_rate_limit: input.double("throttlingRateLimit")?,
    };
    let burst_is_fine = settings.throttling_burst_limit.is_none_or(|burst| (0..=i64::from(i32::MAX)).contains(&burst));
    let rate_is_fine = settings.throttling_rate_limit.is_none_or(|rate| rate >= 0.0 && rate.is_finite());
    match burst_is_fine && rate_is_fine {
        true => Ok(settings),
        false => Err(Error::bad_request("Throttling limits must not be negative.")),
    }
}

pub(super) fn members(settings: &RouteSettings) -> Members {
    Members::new()
        .some("dataTraceEnabled", settings.data_trace_enabled)
        .some("detailedMetricsEnabled", settings.detailed_metrics_enabled)
        .some("loggingLevel", settings.logging_level.map(LoggingLevel::as_str))
        .some("throttlingBurstLimit", settings.throttling_burst_limit)
        .some("throttlingRateLimit", settings.throttling_rate_limit)
}

/// The settings of single routes, by their keys.
pub(super) fn all_members(stage: &Stage) -> Value {
    let entries = stage.route_settings.iter().map(|(key, settings)| (key.clone(), members(settings).into()));
    Value::Object(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_whole_and_not_negative() {
        let settings = |body: &str| read(&Input::read(body.as_bytes()).expect("JSON"));
        let one = settings(r#"{"throttlingRateLimit": 5, "loggingLevel": "INFO"}"#).expect("settings");
        assert_eq!((one.throttling_rate_limit, one.logging_level), (Some(5.0), Some(LoggingLevel::Info)));
        assert_eq!((one.throttling_burst_limit, one.data_trace_enabled), (None, Some(false)));
        for body in [
            r#"{"throttlingBurstLimit": -1}"#,
            r#"{"throttlingRateLimit": -0.5}"#,
            r#"{"throttlingBurstLimit": 3000000000}"#,
            r#"{"loggingLevel": "DEBUG"}"#,
        ] {
            assert!(settings(body).is_err(), "{body}");
        }
    }
}
