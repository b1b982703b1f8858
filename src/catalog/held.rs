//! What nodes hold of quotas: promised to them, counted as used, and not spent yet; and what they have not counted yet.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use turnpike_cluster::Message;

use super::Catalog;
use crate::model::id::{ApiKeyId, UsagePlanId};

/// A node that does not answer within this time may have spent what it holds.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a node holds of one key's quota for one day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The key's id.
    pub key: String,
    /// The day, counted from the first of 1970.
    pub day: u32,
    /// Requests that are counted as used, and were not let through yet.
    pub unspent: u64,
    /// Requests that were let through, and are not counted as used yet.
    pub uncounted: u64,
}

/// What do you hold of these keys' quotas in this plan?
#[derive(Serialize, Deserialize)]
struct AskHeld {
    plan: String,
    keys: Vec<String>,
}

impl Message for AskHeld {
    const NAME: &'static str = "usage/held";
    type Reply = Vec<Held>;
}

impl Catalog {
    /// From here on `tell` answers, to this node and to others, what this node holds.
    pub fn tell_held(&self, tell: impl Fn(&UsagePlanId, &[ApiKeyId]) -> Vec<Held> + Send + Sync + 'static) {
        self.cluster.receive(move |_, AskHeld { plan, keys }| {
            let keys: Vec<ApiKeyId> = keys.into_iter().map(ApiKeyId::new).collect();
            let held = tell(&UsagePlanId::new(plan), &keys);
            async move { held }
        });
    }

    /// How many more requests were let through than is written down, by key and day: fewer, where nodes hold tokens that
    /// they have not spent.
    pub async fn unwritten(&self, plan: &UsagePlanId, keys: &[ApiKeyId]) -> BTreeMap<(String, u32), i64> {
        let members = self.cluster.members().await;
        let asked = members.iter().map(|member| {
            let keys = keys.iter().map(ApiKeyId::to_string).collect();
            self.cluster.send(member.id, AskHeld { plan: plan.to_string(), keys }, PATIENCE)
        });
        let mut all = BTreeMap::new();
        for held in join_all(asked).await.into_iter().flatten().flatten() {
            let change =
                i64::try_from(held.uncounted).unwrap_or(i64::MAX) - i64::try_from(held.unspent).unwrap_or(i64::MAX);
            let entry: &mut i64 = all.entry((held.key, held.day)).or_default();
            *entry = entry.saturating_add(change);
        }
        all
    }
}
