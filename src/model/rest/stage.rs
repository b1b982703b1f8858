//! A stage: a name under which a deployment is served, with settings that apply at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Strings, spelled};
use crate::model::id::{DeploymentId, StageName};

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, the first segment of its path.
    pub name: StageName,
    /// The deployment that it serves.
    pub deployment: DeploymentId,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it was last changed, in seconds since 1970.
    pub updated: i64,
    /// Stage variables.
    pub variables: Strings,
    /// Whether answers may be cached.
    pub cache_cluster_enabled: bool,
    /// The size of the cache in gigabytes, as AWS spells it.
    pub cache_cluster_size: Option<String>,
    /// `*/*` or `{resource}/{VERB}` → settings.
    pub method_settings: BTreeMap<String, MethodSetting>,
    /// The canary, if one is on.
    pub canary: Option<Canary>,
    /// Where and how accesses are logged.
    pub access_log: Option<AccessLog>,
    /// The certificate shown to backends.
    pub client_certificate_id: Option<String>,
    /// The version of the documentation.
    pub documentation_version: Option<String>,
    /// Whether requests are traced.
    pub tracing_enabled: bool,
    /// Tags.
    pub tags: Strings,
}

/// How often a stage's caches were flushed. What a cache took in before the last flush that it knows of is void.
///
/// A document of its own: a flush is committed, so that every node learns of it, and yet compiles no stage anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flushes {
    /// Flushes of answers.
    pub answers: u64,
    /// Flushes of what authorizers said.
    pub authorizers: u64,
}

/// A second deployment that gets a part of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// The deployment on trial.
    pub deployment: DeploymentId,
    /// Its share of the requests, 0 to 100.
    pub percent_traffic: f64,
    /// Stage variables that differ for it; absent and empty differ in what AWS answers.
    pub stage_variable_overrides: Option<Strings>,
    /// Whether it uses the stage's cache.
    pub use_stage_cache: bool,
}

/// Where and how accesses are logged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccessLog {
    /// Where to.
    pub destination_arn: Option<String>,
    /// One line, with `$context` variables.
    pub format: Option<String>,
}

/// Settings of one method in a stage, or of all (`*/*`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodSetting {
    /// Whether detailed metrics are kept.
    pub metrics_enabled: bool,
    /// `OFF`, `ERROR` or `INFO`.
    pub logging_level: Option<String>,
    /// Whether whole requests are logged.
    pub data_trace_enabled: bool,
    /// The bucket's size.
    pub throttling_burst_limit: i64,
    /// Requests per second.
    pub throttling_rate_limit: f64,
    /// Whether answers are cached.
    pub caching_enabled: bool,
    /// For how long, in seconds.
    pub cache_ttl_seconds: i64,
    /// Whether cached answers are encrypted.
    pub cache_data_encrypted: bool,
    /// Whether a caller needs permission to invalidate a cached answer.
    pub require_authorization_for_cache_control: bool,
    /// What an invalidation without permission gets.
    pub unauthorized_cache_control: UnauthorizedCacheControl,
}

spelled!(
    /// What an invalidation without permission gets.
    UnauthorizedCacheControl {
        /// A refusal.
        FailWith403 = "FAIL_WITH_403",
        /// The cached answer and a warning.
        SucceedWithResponseHeader = "SUCCEED_WITH_RESPONSE_HEADER",
        /// The cached answer.
        SucceedWithoutResponseHeader = "SUCCEED_WITHOUT_RESPONSE_HEADER",
    }
);

impl Default for MethodSetting {
    /// What AWS fills in when the first setting of a method is made.
    fn default() -> Self {
        Self {
            metrics_enabled: false,
            logging_level: None,
            data_trace_enabled: false,
            throttling_burst_limit: 5000,
            throttling_rate_limit: 10_000.0,
            caching_enabled: false,
            cache_ttl_seconds: 300,
            cache_data_encrypted: false,
            require_authorization_for_cache_control: true,
            unauthorized_cache_control: UnauthorizedCacheControl::SucceedWithResponseHeader,
        }
    }
}
