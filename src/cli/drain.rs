//! `turnpike cluster drain`: a node is told to take no more work, and its connections are watched as they go.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::output::Progress;
use super::remote::Remote;

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// Beyond the time over which connections are closed, what they still have to do is waited for so long: an integration
/// of `$disconnect` may take half a minute.
const LAST: Duration = Duration::from_secs(60);
/// The longest that a node takes if it is not told: what `--websocket-drain-seconds` may say at most.
const USUAL: u32 = 3600;

/// Drains a node, and returns when it has no connections any more.
pub(super) async fn make(remote: &Remote, node: u64, over: Option<u32>) -> anyhow::Result<Value> {
    let place = place(node);
    let asked = over.map_or_else(|| json!({}), |seconds| json!({"overSeconds": seconds}));
    let began = Instant::now();
    let mut state = remote.call("POST", &place, Some(asked)).await?;
    let deadline = began + Duration::from_secs(over.unwrap_or(USUAL).into()) + LAST;
    let all = connections(&state);
    let progress = Progress::new();
    while connections(&state) > 0 {
        let left = connections(&state);
        progress.show(format!("closing the WebSocket connections of node {node}: {left} of {all} are left"));
        if Instant::now() >= deadline {
            bail!("node {node} takes no more work, but {left} WebSocket connections are still being closed");
        }
        sleep(LOOK).await;
        state = remote.call("GET", &place, None).await?;
        if state["phase"] != "drained" {
            bail!("node {node} is not drained any more: somebody has undone it, or the node has started again");
        }
    }
    let milliseconds = u64::try_from(began.elapsed().as_millis())?;
    Ok(json!({"node": node, "phase": state["phase"], "closed": all, "milliseconds": milliseconds}))
}

/// Lets a node serve again.
pub(super) async fn undo(remote: &Remote, node: u64) -> anyhow::Result<Value> {
    remote.call("DELETE", &place(node), None).await
}

/// What came of it, in words.
pub(super) fn told(answer: &Value) -> String {
    let node = &answer["node"];
    match answer["closed"].as_u64() {
        None => format!("node {node} serves"),
        Some(closed) => {
            let seconds = answer["milliseconds"].as_u64().unwrap_or_default() as f64 / 1000.0;
            let connections = if closed == 1 { "connection was" } else { "connections were" };
            format!("node {node} is drained: {closed} WebSocket {connections} closed in {seconds:.1} s")
        }
    }
}

fn place(node: u64) -> String {
    format!("/_turnpike/cluster/members/{node}/drain")
}

fn connections(state: &Value) -> u64 {
    state["connections"].as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_it_is_told_in_words() {
        for (answer, expected) in [
            (json!({"node": 2, "phase": "serving", "connections": 0}), "node 2 serves"),
            (
                json!({"node": 2, "phase": "drained", "closed": 1, "milliseconds": 50}),
                "node 2 is drained: 1 WebSocket connection was closed in 0.1 s",
            ),
            (
                json!({"node": 3, "phase": "drained", "closed": 60, "milliseconds": 3100}),
                "node 3 is drained: 60 WebSocket connections were closed in 3.1 s",
            ),
        ] {
            assert_eq!(told(&answer), expected);
        }
    }
}
