//! Stories of requests: what each phase decided, and why the answer was what it was. The last ones of a stage are kept,
//! in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// So many requests of one stage are kept.
const PER_STAGE: usize = 100;
/// So many stages have stories kept; a further one has none.
const STAGES: usize = 200;

/// One request's story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// The request's id.
    pub request_id: String,
    /// What AWS calls its extended id.
    pub extended_request_id: String,
    /// The API.
    pub api: String,
    /// The stage.
    pub stage: String,
    /// `base` or `canary`.
    pub side: String,
    /// The deployment that answered.
    pub deployment: String,
    /// The request's verb.
    pub verb: String,
    /// Its path.
    pub path: String,
    /// The resource, if one was found.
    pub resource: Option<String>,
    /// When it arrived, in milliseconds since 1970.
    pub arrived: u64,
    /// How long it took, in microseconds.
    pub took_micros: u64,
    /// The answer's status.
    pub status: u16,
    /// Why the request ended early, if it did.
    pub refusal: Option<Told>,
    /// What each phase decided, in their order.
    pub phases: Vec<Step>,
    /// What happened, in AWS's lines.
    pub log: Vec<String>,
}

/// Why a request ended early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The gateway response that answered it.
    pub response_type: String,
    /// What the caller read.
    pub message: String,
    /// What the operator reads.
    pub reason: String,
}

/// What one phase decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The phase.
    pub phase: String,
    /// What it decided.
    pub decision: String,
    /// How long it took, in microseconds.
    pub took_micros: u64,
}

/// The stories of one node. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Stories(Arc<Mutex<HashMap<Stage, VecDeque<Arc<Story>>>>>);

/// An API and a stage of it.
type Stage = (String, String);

impl Stories {
    /// Keeps a story; its stage's oldest makes room.
    pub fn keep(&self, story: Story) {
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (story.api.clone(), story.stage.clone());
        if stages.len() >= STAGES && !stages.contains_key(&key) {
            return;
        }
        let kept = stages.entry(key).or_default();
        if kept.len() >= PER_STAGE {
            kept.pop_front();
        }
        kept.push_back(Arc::new(story));
    }

    /// The story of a request: the last one, if several gave themselves the same id.
    pub fn find(&self, request_id: &str) -> Option<Arc<Story>> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = stages.values().flat_map(|kept| kept.iter().rev());
        all.find(|story| story.request_id == request_id).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(stage: &str, id: usize) -> Story {
        Story {
            request_id: id.to_string(),
            extended_request_id: String::new(),
            api: "a".to_owned(),
            stage: stage.to_owned(),
            side: "base".to_owned(),
            deployment: String::new(),
            verb: "GET".to_owned(),
            path: "/".to_owned(),
            resource: None,
            arrived: 0,
            took_micros: 0,
            status: 200,
            refusal: None,
            phases: Vec::new(),
            log: Vec::new(),
        }
    }

    #[test]
    fn the_last_ones_of_each_stage_are_kept() {
        let stories = Stories::default();
        stories.keep(story("quiet", 1_000_000));
        (0..=PER_STAGE).for_each(|id| stories.keep(story("busy", id)));
        let is_kept = |id: usize| stories.find(&id.to_string()).is_some();
        assert!(!is_kept(0) && is_kept(1) && is_kept(PER_STAGE) && is_kept(1_000_000));
        (2..=STAGES + 1).for_each(|id| stories.keep(story(&format!("stage {id}"), 2_000_000 + id)));
        assert!(is_kept(2_000_000 + STAGES - 1) && !is_kept(2_000_000 + STAGES + 1));
    }
}
