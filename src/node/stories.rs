//! Stories of requests across the cluster: whichever node a request ran on, any node can tell of it.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use serde_json::json;
use turnpike_cluster::{Cluster, Message};

use crate::control::wire::{Answer, Error};
use crate::model::id::{ApiId, StageName};
use crate::observe::clock::Clock;
use crate::observe::stories::{Stories, Story};
use crate::traffic::execute::explain::{Explain, HEADER};

/// A node that says nothing for so long has no story to tell.
const PATIENCE: Duration = Duration::from_secs(2);
/// A pass for stories is good for so many seconds at most: a day.
const MAX_VALID: i64 = 86_400;

/// Tell the story of this request, as JSON, if it ran on you.
#[derive(Serialize, Deserialize)]
struct AskStory(String);

impl Message for AskStory {
    const NAME: &'static str = "story";
    type Reply = Option<String>;
}

/// What a pass shall be for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PassRequest {
    rest_api_id: String,
    stage_name: String,
    valid_seconds: i64,
}

/// What tells stories on this node, and to other nodes.
pub(super) fn tell(cluster: &Cluster, clock: &Clock) -> Explain {
    let explain = Explain::new(Stories::default(), cluster.derive_key("explain/1"), clock.clone());
    let own = explain.clone();
    cluster.receive(move |_, AskStory(id)| {
        let story = own.find(&id).and_then(|story| serde_json::to_string(&story).ok());
        async move { story }
    });
    explain
}

/// The story of a request, from whichever node has it.
pub(super) async fn find(cluster: &Cluster, explain: &Explain, id: &str) -> Result<Answer, Error> {
    if let Some(story) = explain.find(id) {
        return Ok(answer(cluster.id(), &story));
    }
    let others = cluster.members().await.into_iter().map(|member| member.id).filter(|node| *node != cluster.id());
    let asked: FuturesUnordered<_> =
        others.map(|node| async move { (node, cluster.send(node, AskStory(id.to_owned()), PATIENCE).await) }).collect();
    let mut silent = Vec::new();
    let mut answers = asked;
    while let Some((node, told)) = answers.next().await {
        match told {
            Ok(Some(text)) => {
                let story: Story = serde_json::from_str(&text).map_err(|_| Error::internal())?;
                return Ok(answer(node, &story));
            }
            Ok(None) => {}
            Err(_) => silent.push(node.to_string()),
        }
    }
    let silent = match silent.is_empty() {
        true => String::new(),
        false => format!(" (nodes that did not answer: {})", silent.join(", ")),
    };
    Err(Error::not_found(format!(
        "No node has the story of request {id}{silent}: they are kept for methods whose data trace is on and for requests with a pass, the last hundred of each stage"
    )))
}

fn answer(node: u64, story: &Story) -> Answer {
    Answer::json(200, json!({"node": node, "story": story}))
}

/// A pass with which callers have the stories of their requests told.
pub(super) fn allow(explain: &Explain, body: &[u8]) -> Result<Answer, Error> {
    let asked: PassRequest = serde_json::from_slice(body).map_err(|error| Error::bad_request(error.to_string()))?;
    if !(1..=MAX_VALID).contains(&asked.valid_seconds) {
        return Err(Error::bad_request(format!("validSeconds must be from 1 to {MAX_VALID}")));
    }
    let (api, stage) = (ApiId::new(asked.rest_api_id), StageName::new(asked.stage_name));
    let pass = explain.pass(&api, &stage, asked.valid_seconds);
    Ok(Answer::json(200, json!({"header": HEADER, "value": pass})))
}
