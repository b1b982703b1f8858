//! Logs and packages of functions at the admin address: whichever node has run a function, any node tells what it printed.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use serde_json::json;
use turnpike_cluster::{Cluster, Message};

use super::listeners::Shared;
use crate::control::wire::{Answer, Error};
use crate::functions::{Functions, Line};
use crate::model::function::FunctionName;

/// A node that says nothing for so long is left out.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many lines are told, the latest.
const MAX_LINES: usize = 2000;

/// Tell what this function has printed on you, as JSON.
#[derive(Serialize, Deserialize)]
struct AskLog(String);

impl Message for AskLog {
    const NAME: &'static str = "function-log";
    type Reply = String;
}

/// Has this node tell others what functions have printed here.
pub(super) fn tell(cluster: &Cluster, functions: Option<&Functions>) {
    let functions = functions.cloned();
    cluster.receive(move |_, AskLog(name)| {
        let lines = own(functions.as_ref(), &FunctionName::new(name));
        async move { serde_json::to_string(&lines).unwrap_or_default() }
    });
}

fn own(functions: Option<&Functions>, name: &FunctionName) -> Vec<Line> {
    functions.map(|functions| functions.log(name)).unwrap_or_default()
}

/// The lines of a function, from all nodes, in the order of their times.
pub(super) async fn log(shared: &Shared, name: &str) -> Result<Answer, Error> {
    let cluster = &shared.cluster;
    let mut lines = own(shared.control.functions(), &FunctionName::new(name));
    let others = cluster.members().await.into_iter().map(|member| member.id).filter(|node| *node != cluster.id());
    let mut asked: FuturesUnordered<_> =
        others.map(|node| async move { (node, cluster.send(node, AskLog(name.to_owned()), PATIENCE).await) }).collect();
    let mut silent = Vec::new();
    while let Some((node, told)) = asked.next().await {
        match told.ok().and_then(|text| serde_json::from_str::<Vec<Line>>(&text).ok()) {
            Some(told) => lines.extend(told),
            None => silent.push(node),
        }
    }
    lines.sort_by_key(|line| line.timestamp);
    lines.drain(..lines.len().saturating_sub(MAX_LINES));
    Ok(Answer::json(200, json!({"lines": lines, "silent": silent})))
}
