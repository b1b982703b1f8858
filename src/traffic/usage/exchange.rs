//! What nodes ask each other about quotas.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use turnpike_cluster::{Cluster, Message};

use super::calendar::{Calendar, Reading};
use super::clocks::Offset;
use super::opening::Heard;
use super::purse::Day;
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

/// What does your clock say, and which day is it?
#[derive(Serialize, Deserialize)]
struct AskTime;

impl Message for AskTime {
    const NAME: &'static str = "usage/clock";
    /// Nanoseconds since 1970, and the day of the calendar.
    type Reply = (u64, Day);
}

/// Asks all other nodes for the time.
pub(super) async fn ask_clocks(cluster: &Cluster, reading: Reading) -> Heard {
    let members = cluster.member_ids();
    let others = members.iter().copied().filter(|node| *node != cluster.id());
    let asked = others.map(|node| async move {
        let (theirs, day) = cluster.send(node, AskTime, PATIENCE).await.ok()?;
        // It said so about in the middle.
        let own = reading.middle();
        let ahead = Offset::try_from(i128::from(theirs) - i128::from(own));
        Some((ahead.unwrap_or(if own < theirs { Offset::MAX } else { Offset::MIN }), day))
    });
    let told = join_all(asked.collect::<Vec<_>>()).await.into_iter().flatten().collect();
    Heard { told, members: members.len().max(1) }
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
        let time = (told.read().now(), told.vote());
        async move { time }
    });
}
