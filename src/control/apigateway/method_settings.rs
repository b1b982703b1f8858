//! Settings of methods in a stage, as UpdateStage patches them: `/{resource}/{VERB}/{setting}` and `/*/*/{setting}`.

use crate::control::wire::{Error, Members, Operation, as_boolean, as_number};
use crate::model::rest::{MethodSetting, Stage, UnauthorizedCacheControl};

/// The settings behind resource and verb.
const SETTINGS: &[&str] = &[
    "/metrics/enabled",
    "/logging/dataTrace",
    "/logging/loglevel",
    "/throttling/burstLimit",
    "/throttling/rateLimit",
    "/caching/ttlInSeconds",
    "/caching/enabled",
    "/caching/dataEncrypted",
    "/caching/requireAuthorizationForCacheControl",
    "/caching/unauthorizedCacheControlHeaderStrategy",
];
const VERBS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY", "*"];

/// Sets one setting; `false` if the path is not that of a setting.
///
/// The entry's key is the path up to the setting, without its first slash, to the letter: Terraform looks it up so.
pub(super) fn replace(stage: &mut Stage, operation: &Operation) -> Result<bool, Error> {
    let Some((key, setting)) = split(&operation.path) else { return Ok(false) };
    let seed = stage.method_settings.get("*/*").cloned().unwrap_or_default();
    let entry = stage.method_settings.entry(key.to_owned()).or_insert(seed);
    set(entry, setting, operation)?;
    Ok(true)
}

fn set(entry: &mut MethodSetting, setting: &str, operation: &Operation) -> Result<(), Error> {
    let invalid =
        || Error::bad_request(format!("Invalid value '{}' specified for path '{}'", operation.text(), operation.path));
    match setting {
        "/metrics/enabled" => entry.metrics_enabled = as_boolean(operation),
        "/logging/dataTrace" => entry.data_trace_enabled = as_boolean(operation),
        "/logging/loglevel" => {
            let level = operation.text();
            if !matches!(level, "OFF" | "ERROR" | "INFO") {
                return Err(invalid());
            }
            entry.logging_level = Some(level.to_owned());
        }
        "/throttling/burstLimit" => entry.throttling_burst_limit = as_number(operation)?,
        "/throttling/rateLimit" => {
            let rate: f64 = as_number(operation)?;
            if !rate.is_finite() {
                return Err(invalid());
            }
            entry.throttling_rate_limit = rate;
        }
        "/caching/ttlInSeconds" => {
            let seconds: i64 = as_number(operation)?;
            if !(0..=3600).contains(&seconds) {
                return Err(invalid());
            }
            entry.cache_ttl_seconds = seconds;
        }
        "/caching/enabled" => entry.caching_enabled = as_boolean(operation),
        "/caching/dataEncrypted" => entry.cache_data_encrypted = as_boolean(operation),
        "/caching/requireAuthorizationForCacheControl" => {
            entry.require_authorization_for_cache_control = as_boolean(operation);
        }
        "/caching/unauthorizedCacheControlHeaderStrategy" => {
            entry.unauthorized_cache_control = UnauthorizedCacheControl::parse(operation.text()).ok_or_else(invalid)?;
        }
        _ => return Err(invalid()),
    }
    Ok(())
}

/// Drops an entry; `false` if there is none of this path.
pub(super) fn remove(stage: &mut Stage, operation: &Operation) -> bool {
    let key = operation.path.strip_prefix('/').unwrap_or(&operation.path);
    stage.method_settings.remove(key).is_some()
}

/// The entry's key and the setting, if the path is that of a setting: one segment of resource, escaped where it has
/// slashes of its own, and a verb.
fn split(path: &str) -> Option<(&str, &'static str)> {
    let setting = SETTINGS.iter().find(|setting| path.ends_with(**setting))?;
    let key = path.strip_suffix(setting)?.strip_prefix('/')?;
    let (resource, verb) = key.split_once('/')?;
    (!resource.is_empty() && VERBS.contains(&verb)).then_some((key, setting))
}

pub(super) fn members(entry: &MethodSetting) -> Members {
    Members::new()
        .set("metricsEnabled", entry.metrics_enabled)
        .some("loggingLevel", entry.logging_level.clone())
        .set("dataTraceEnabled", entry.data_trace_enabled)
        .set("throttlingBurstLimit", entry.throttling_burst_limit)
        .set("throttlingRateLimit", entry.throttling_rate_limit)
        .set("cachingEnabled", entry.caching_enabled)
        .set("cacheTtlInSeconds", entry.cache_ttl_seconds)
        .set("cacheDataEncrypted", entry.cache_data_encrypted)
        .set("requireAuthorizationForCacheControl", entry.require_authorization_for_cache_control)
        .set("unauthorizedCacheControlHeaderStrategy", entry.unauthorized_cache_control.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_settings_are_told_from_others() {
        for (path, expected) in [
            ("/*/*/metrics/enabled", Some("*/*")),
            ("/test/GET/throttling/rateLimit", Some("test/GET")),
            ("/~1pets~1{id}/GET/logging/loglevel", Some("~1pets~1{id}/GET")),
            ("/~1/GET/caching/enabled", Some("~1/GET")),
            ("/pets/{id}/GET/caching/enabled", None),
            ("//test/GET/caching/enabled", None),
            ("/test/GET/caching/size", None),
            ("/test/FETCH/caching/enabled", None),
            ("/caching/enabled", None),
        ] {
            assert_eq!(split(path).map(|(key, _)| key), expected, "{path}");
        }
    }
}
