//! Draining at the admin address: any node tells any other one to take no more work, and how that goes.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use turnpike_cluster::{Cluster, MemberStatus, Message, NodeId, SendError};

use super::service::{Order, Phase, Service, State};
use crate::control::wire::{Answer, Error};

/// A node must have obeyed within this time; giving the lead away takes most of it.
const OBEDIENCE: Duration = Duration::from_secs(10);
/// A node that is only looked at must answer within this time.
const LOOK: Duration = Duration::from_secs(1);

impl Message for Order {
    const NAME: &'static str = "service";
    type Reply = State;
}

/// How a node is to be drained.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DrainRequest {
    over_seconds: Option<u32>,
}

/// Has this node take orders from others.
pub(super) fn obey(cluster: &Cluster, service: &Service) {
    let service = service.clone();
    cluster.receive(move |_, order: Order| {
        let service = service.clone();
        async move { service.obey(order).await }
    });
}

/// Drains a node.
pub(super) async fn drain(cluster: &Cluster, service: &Service, node: NodeId, body: &[u8]) -> Result<Answer, Error> {
    let asked = if body.is_empty() { Ok(DrainRequest::default()) } else { serde_json::from_slice(body) };
    let asked = asked.map_err(|error| Error::bad_request(error.to_string()))?;
    let over = asked.over_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    order(cluster, service, node, Order::Drain(over)).await
}

/// Gives a node an order, and tells how it is then.
pub(super) async fn order(cluster: &Cluster, service: &Service, node: NodeId, order: Order) -> Result<Answer, Error> {
    let State { phase, connections } = tell(cluster, service, node, order).await.map_err(|error| match error {
        SendError::UnknownNode(_) => Error::bad_request(error.to_string()),
        _ => Error::unavailable(format!("node {node} does not answer: {error}")),
    })?;
    if order != Order::Look && matches!(phase, Phase::Starting | Phase::Stopping) {
        return Err(Error::conflict(format!("node {node} is only just starting, or is about to end")));
    }
    Ok(Answer::json(200, json!({"node": node, "phase": phase, "connections": connections})))
}

/// Those of these members that are drained. A member that does not answer in a moment is not waited for.
pub(super) async fn drained(cluster: &Cluster, service: &Service, members: &[MemberStatus]) -> Vec<NodeId> {
    let live = members.iter().filter(|member| member.live).map(|member| member.id);
    let asked = live.map(async |node| (node, tell(cluster, service, node, Order::Look).await));
    let told = join_all(asked).await;
    told.into_iter()
        .filter(|(_, state)| matches!(state, Ok(State { phase: Phase::Drained, .. })))
        .map(|(node, _)| node)
        .collect()
}

async fn tell(cluster: &Cluster, service: &Service, node: NodeId, order: Order) -> Result<State, SendError> {
    if node == cluster.id() {
        return Ok(service.obey(order).await);
    }
    cluster.send(node, order, if order == Order::Look { LOOK } else { OBEDIENCE }).await
}
