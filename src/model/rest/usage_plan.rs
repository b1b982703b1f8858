//! A usage plan: how much the holders of its API keys may ask for, and of which stages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Strings, spelled};
use crate::model::id::{ApiId, ApiKeyId, StageName, UsagePlanId};

/// A usage plan. Which keys are in it is kept beside it: there may be very many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    /// Its id.
    pub id: UsagePlanId,
    /// Its name; two plans may have the same.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The product that it is sold as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// The stages that it opens, in the order in which they were added.
    #[serde(default)]
    pub api_stages: Vec<ApiStage>,
    /// How fast each key may call, over all stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// How often each key may call in a period, over all stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Strings::is_empty")]
    pub tags: Strings,
}

/// A stage that a plan opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiStage {
    /// The API.
    pub api: ApiId,
    /// The stage.
    pub stage: StageName,
    /// How fast each key may call single methods: `{path}/{VERB}`, as it was spelled by whoever set it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub throttle: BTreeMap<String, Throttle>,
}

/// How fast a key may call. What is not set does not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throttle {
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<f64>,
    /// The bucket's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_limit: Option<i64>,
}

/// How often a key may call in a period. The periods themselves are in [`usage`](super::usage).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// Requests in a period.
    pub limit: u64,
    /// So many fewer in the first period.
    pub offset: u64,
    /// How long a period is.
    pub period: QuotaPeriod,
    /// When offset and period were set, in seconds since 1970: it says which period is the first.
    pub since: i64,
}

spelled!(
    /// How long a quota's period is. All begin at midnight, universal time.
    QuotaPeriod {
        /// A day.
        Day = "DAY",
        /// Seven days, from Sunday on.
        Week = "WEEK",
        /// A month of the calendar.
        Month = "MONTH",
    }
);

/// A key's being in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanKey {
    /// The API key.
    pub key: ApiKeyId,
}

impl ApiStage {
    /// Whether both are the same stage, whatever their throttles.
    pub fn is_same(&self, other: &Self) -> bool {
        self.api == other.api && self.stage == other.stage
    }
}

impl UsagePlan {
    /// A stage that both plans open, if there is one.
    pub fn shared_stage<'a>(&'a self, other: &Self) -> Option<&'a ApiStage> {
        self.api_stages.iter().find(|stage| other.api_stages.iter().any(|theirs| theirs.is_same(stage)))
    }
}
