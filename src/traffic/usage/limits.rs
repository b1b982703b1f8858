//! What a plan lets each of its keys do.

use crate::model::id::{ApiId, StageName};
use crate::model::rest::{Throttle, UsagePlan, Verb};
use crate::observe::plan_metrics::PlanMetrics;

/// A plan as its keys' holders meet it; one for all of them.
pub(super) struct Limits {
    pub(super) plan: UsagePlan,
    pub(super) metrics: PlanMetrics,
}

/// A rate in requests per second, and a burst.
pub(super) type Pace = (f64, i64);

impl Limits {
    pub(super) fn new(plan: UsagePlan) -> Self {
        Self { metrics: PlanMetrics::new(plan.id.as_str()), plan }
    }

    /// How fast a key may call, over all stages.
    pub(super) fn pace(&self) -> Option<Pace> {
        self.plan.throttle.as_ref().and_then(pace)
    }

    /// How fast a key may call single methods of a stage, by path and verb.
    pub(super) fn methods(&self, api: &ApiId, stage: &StageName) -> Vec<(String, Verb, Pace)> {
        let stage = self.plan.api_stages.iter().find(|one| one.api == *api && one.stage == *stage);
        let throttles = stage.into_iter().flat_map(|stage| &stage.throttle);
        let read = |(key, throttle): (&String, &Throttle)| {
            let (path, verb) = key.rsplit_once('/')?;
            let path = path.replace("~1", "/").replace("~0", "~");
            Some((format!("/{}", path.trim_matches('/')), Verb::parse(verb)?, pace(throttle)?))
        };
        throttles.filter_map(read).collect()
    }

    /// Whether requests are served that no token can be had for, because the cluster can't agree on anything.
    pub(super) fn prefers_serving(&self) -> bool {
        self.plan.tags.get("availability").is_some_and(|value| value == "prefer-serving")
    }
}

/// What is not set, or negative, does not limit. A rate without a burst lets a second's requests through at once.
fn pace(throttle: &Throttle) -> Option<Pace> {
    let rate = throttle.rate_limit.filter(|rate| *rate >= 0.0)?;
    let burst = throttle.burst_limit.filter(|burst| *burst >= 0).unwrap_or_else(|| (rate.ceil() as i64).max(1));
    Some((rate, burst))
}

/// A plan with this quota, for tests.
#[cfg(test)]
pub(super) fn trial_plan(quota: crate::model::rest::Quota) -> UsagePlan {
    UsagePlan {
        id: crate::model::id::UsagePlanId::new("plan"),
        name: "plan".to_owned(),
        description: None,
        product_code: None,
        created: 0,
        api_stages: Vec::new(),
        throttle: None,
        quota: Some(quota),
        tags: std::collections::BTreeMap::new(),
    }
}
