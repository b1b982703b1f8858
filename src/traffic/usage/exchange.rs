//! What nodes ask each other about quotas.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use turnpike_cluster::{Cluster, Message};

use super::register::Register;
use crate::model::id::{ApiKeyId, UsagePlanId};

/// A node that does not answer within this time has nothing to spare.
const PATIENCE: Duration = Duration::from_millis(500);
/// Others are asked about so many keys at a time, at most.
const MAX_KEYS: usize = 20;

/// Give back what you can spare of this key's quota in this plan. Answered when it can be had.
#[derive(Serialize, Deserialize)]
struct AskTokens {
    plan: String,
    key: String,
}

impl Message for AskTokens {
    const NAME: &'static str = "usage/tokens";
    type Reply = bool;
}

/// Asks all other nodes to give back what they can spare; whether one did.
pub(super) async fn recall(cluster: &Cluster, plan: &UsagePlanId, keys: &[&ApiKeyId]) -> bool {
    let others: Vec<_> = cluster.members().await.into_iter().map(|member| member.id).collect();
    let asked = keys.iter().take(MAX_KEYS).flat_map(|key| {
        let others = others.iter().filter(|node| **node != cluster.id());
        others.map(move |node| {
            let message = AskTokens { plan: plan.to_string(), key: key.to_string() };
            cluster.send(*node, message, PATIENCE)
        })
    });
    let answers = join_all(asked.collect::<Vec<_>>()).await;
    answers.into_iter().any(|answer| answer.unwrap_or(false))
}

/// Answers other nodes.
pub(super) fn answer(cluster: &Cluster, register: &Register) {
    let register = register.clone();
    cluster.receive(move |_, AskTokens { plan, key }| {
        let register = register.clone();
        async move { register.give_back(&UsagePlanId::new(plan), ApiKeyId::new(key)).await }
    });
}
