//! What nodes ask each other about quotas.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use turnpike_cluster::{Cluster, Message};

use super::calendar::Calendar;
use super::clocks::{self, Offset};
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

/// What does your clock say?
#[derive(Serialize, Deserialize)]
struct AskTime;

impl Message for AskTime {
    const NAME: &'static str = "usage/time";
    /// Nanoseconds since 1970.
    type Reply = u64;
}

/// How far the right time is ahead of this node's clock, as far as enough others answer.
pub(super) async fn compare_clocks(cluster: &Cluster, calendar: &Calendar) -> Option<Offset> {
    let members = cluster.member_ids();
    let others = members.iter().copied().filter(|node| *node != cluster.id());
    let asked = others.map(|node| async move {
        let (clock, begin) = (calendar.clock(), Instant::now());
        let theirs = cluster.send(node, AskTime, PATIENCE).await.ok()?;
        // It said so about in the middle.
        let own = i128::from(clock) + i128::try_from(begin.elapsed().as_nanos() / 2).ok()?;
        Some((
            node,
            Offset::try_from(i128::from(theirs) - own).unwrap_or(if own < theirs.into() { i64::MAX } else { i64::MIN }),
        ))
    });
    let mut heard: Vec<(u64, Offset)> = join_all(asked.collect::<Vec<_>>()).await.into_iter().flatten().collect();
    heard.push((cluster.id(), 0));
    clocks::agreed(&heard, members.len().max(1), cluster.metrics().leader)
}

/// Asks all other nodes to give back what they can spare; whether one did.
pub(super) async fn recall(cluster: &Cluster, plan: &UsagePlanId, keys: &[&ApiKeyId]) -> bool {
    let others = cluster.member_ids();
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
pub(super) fn answer(cluster: &Cluster, register: &Register, calendar: &Arc<Calendar>) {
    let register = register.clone();
    cluster.receive(move |_, AskTokens { plan, key }| {
        let register = register.clone();
        async move { register.give_back(&UsagePlanId::new(plan), ApiKeyId::new(key)).await }
    });
    let told = Arc::clone(calendar);
    cluster.receive(move |_, AskTime| {
        let time = told.clock();
        async move { time }
    });
}
