//! A stage: a name under which a deployment is served, with settings that apply at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::id::{DeploymentId, StageName};
use crate::model::rest::{AccessLog, Strings, spelled};

/// A stage of an API of V2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, the first segment of its path.
    pub name: StageName,
    /// The deployment that it serves; none, until one is made for it.
    pub deployment: Option<DeploymentId>,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it was last changed, in seconds since 1970.
    pub updated: i64,
    /// Whether every change of the API is deployed to it.
    pub auto_deploy: bool,
    /// What became of the last deployment that it made by itself.
    pub last_deployment_status: Option<String>,
    /// Stage variables.
    pub variables: Strings,
    /// Settings of all routes.
    pub default_route_settings: RouteSettings,
    /// Settings of single routes, by their keys.
    pub route_settings: BTreeMap<String, RouteSettings>,
    /// Where and how accesses are logged.
    pub access_log: Option<AccessLog>,
    /// The certificate shown to backends.
    pub client_certificate_id: Option<String>,
    /// Tags.
    pub tags: Strings,
}

/// Settings of one route, or of all; what is absent was never said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteSettings {
    /// Whether whole messages are logged.
    pub data_trace_enabled: Option<bool>,
    /// Whether metrics are kept by route.
    pub detailed_metrics_enabled: Option<bool>,
    /// What is logged.
    pub logging_level: Option<LoggingLevel>,
    /// The bucket's size.
    pub throttling_burst_limit: Option<i64>,
    /// Messages per second.
    pub throttling_rate_limit: Option<f64>,
}

impl Stage {
    /// The settings of a route: its own, and of what they don't say those of all.
    pub fn settings_of(&self, route_key: &str) -> RouteSettings {
        let all = &self.default_route_settings;
        let Some(own) = self.route_settings.get(route_key) else { return all.clone() };
        RouteSettings {
            data_trace_enabled: own.data_trace_enabled.or(all.data_trace_enabled),
            detailed_metrics_enabled: own.detailed_metrics_enabled.or(all.detailed_metrics_enabled),
            logging_level: own.logging_level.or(all.logging_level),
            throttling_burst_limit: own.throttling_burst_limit.or(all.throttling_burst_limit),
            throttling_rate_limit: own.throttling_rate_limit.or(all.throttling_rate_limit),
        }
    }
}

impl RouteSettings {
    /// Whether what happens is written down.
    pub fn is_traced(&self) -> bool {
        self.data_trace_enabled == Some(true)
            || matches!(self.logging_level, Some(LoggingLevel::Error | LoggingLevel::Info))
    }
}

spelled!(
    /// What is logged.
    LoggingLevel {
        /// Nothing.
        Off = "OFF",
        /// What fails.
        Error = "ERROR",
        /// Everything.
        Info = "INFO",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_its_own_settings_and_of_the_rest_those_of_all() {
        let settings = |rate, level| RouteSettings {
            throttling_rate_limit: rate,
            logging_level: level,
            ..RouteSettings::default()
        };
        let stage: Stage = serde_json::from_value(serde_json::json!({
            "name": "prod", "created": 0, "updated": 0, "auto_deploy": false, "variables": {}, "tags": {},
            "default_route_settings": settings(Some(5.0), Some(LoggingLevel::Info)),
            "route_settings": {"own": settings(Some(1.0), None), "quiet": settings(None, Some(LoggingLevel::Off))},
        }))
        .expect("a stage");
        for (key, rate, level) in [
            ("own", Some(1.0), Some(LoggingLevel::Info)),
            ("quiet", Some(5.0), Some(LoggingLevel::Off)),
            ("other", Some(5.0), Some(LoggingLevel::Info)),
        ] {
            assert_eq!(stage.settings_of(key), settings(rate, level), "{key}");
        }
        assert!(stage.settings_of("own").is_traced() && !stage.settings_of("quiet").is_traced());
    }
}
