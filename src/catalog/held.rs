//! What nodes hold of quotas: promised to them, counted as used, and not spent yet; and what they have not counted yet. Nodes
//! are asked to tell it, or to give it back.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use turnpike_cluster::Message;

use super::{Catalog, Error};
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

/// Give back all that you hold of this key's quota. Answered with whether nothing is held any more.
#[derive(Serialize, Deserialize)]
struct AskWithdrawal {
    plan: String,
    key: String,
}

impl Message for AskWithdrawal {
    const NAME: &'static str = "usage/withdrawal";
    type Reply = bool;
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

    /// From here on `withdraw` gives back what this node holds of a key's quota, when somebody asks for it.
    pub fn answer_withdrawals<F>(&self, withdraw: impl Fn(UsagePlanId, ApiKeyId) -> F + Send + Sync + 'static)
    where
        F: Future<Output = bool> + Send + 'static,
    {
        self.cluster
            .receive(move |_, AskWithdrawal { plan, key }| withdraw(UsagePlanId::new(plan), ApiKeyId::new(key)));
    }

    /// Has all nodes give back what they hold of a key's quota. A node that does not answer in time keeps what it holds:
    /// that stays counted as used.
    pub async fn withdraw(&self, plan: &UsagePlanId, key: &ApiKeyId) -> Result<(), Error> {
        let members = self.cluster.members().await;
        let asked = members.iter().map(|member| {
            let message = AskWithdrawal { plan: plan.to_string(), key: key.to_string() };
            self.cluster.send(member.id, message, PATIENCE)
        });
        join_all(asked).await;
        self.fresh().await
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
