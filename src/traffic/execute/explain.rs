//! "Why this answer": which requests have their story told, and how it is put together.
//!
//! A stage tells the stories of methods whose data trace is on, and of requests that show a pass.

use std::fmt::Write;

use http::{HeaderName, StatusCode};

use super::facts::Facts;
use super::outcome::Outcome;
use crate::identity::pass;
use crate::model::id::{ApiId, StageName};
use crate::observe::clock::Clock;
use crate::observe::execution_log::ExecutionLog;
use crate::observe::stories::{Stories, Story, Told};
use crate::traffic::message::Refusal;
use crate::traffic::stage::Side;

/// The header by which a caller asks for its request's story.
pub const HEADER: &str = "x-turnpike-explain";
const NAME: HeaderName = HeaderName::from_static(HEADER);
/// Of a body so many bytes are waited for, so that the story shows how it begins.
pub(super) const SHOWN: u64 = 16 * 1024;

/// Tells stories. Cheap to clone.
#[derive(Clone)]
pub struct Explain {
    stories: Stories,
    key: [u8; 32],
    clock: Clock,
}

/// What a pass for the stories of a stage is for.
fn purpose(api: &ApiId, stage: &StageName) -> String {
    format!("explain/{api}/{stage}")
}

impl Explain {
    /// Keeps stories in `stories`; passes are made with `key`.
    pub fn new(stories: Stories, key: [u8; 32], clock: Clock) -> Self {
        Self { stories, key, clock }
    }

    /// A pass for the stories of a stage, good for so many seconds.
    pub fn pass(&self, api: &ApiId, stage: &StageName, seconds: i64) -> String {
        pass::issue(&self.key, &purpose(api, stage), self.clock.seconds().saturating_add(seconds))
    }

    /// The story of a request, if it ran on this node and was told.
    pub fn find(&self, request_id: &str) -> Option<Story> {
        self.stories.find(request_id).map(|story| Story::clone(&story))
    }

    /// Begins the story of a request whose stage is known, if its stage or its caller want it told.
    pub(super) fn begin(&self, outcome: &mut Outcome) {
        let facts = outcome.facts();
        if !facts.stage().is_some_and(|stage| stage.is_traced) && !self.has_pass(facts) {
            return;
        }
        let log = ExecutionLog::new(facts.request_id(), self.clock.clone());
        outcome.told(log);
        outcome.decided("endpoint", |facts| {
            let mut decision = String::new();
            if let (Some(stage), Some(deployed)) = (facts.stage(), facts.deployed()) {
                let _ = write!(decision, "API {}, stage {}, deployment {}", stage.api, stage.name, deployed.deployment);
            }
            if facts.side() == Some(Side::Canary) {
                decision.push_str(", the canary's");
            }
            decision
        });
    }

    fn has_pass(&self, facts: &Facts) -> bool {
        let shown = facts.head().headers.last(&NAME).and_then(|value| value.to_str().ok());
        let Some((shown, stage)) = shown.zip(facts.stage()) else { return false };
        pass::is_good(&self.key, &purpose(&stage.api, &stage.name), shown, self.clock.seconds())
    }

    /// Keeps the story of a request that was answered.
    pub(super) fn keep(&self, outcome: &mut Outcome, refusal: Option<&Refusal>, status: StatusCode) {
        let Some((log, phases)) = outcome.story() else { return };
        let took = outcome.elapsed();
        let facts: &Facts = outcome.facts();
        let is_traced = facts.method().is_none_or(|method| method.staged.is_traced);
        // Of some routes only what fails is told.
        let is_wanted = refusal.is_some() || outcome.route().is_none_or(|route| !route.tells_failures_only);
        if !(self.has_pass(facts) || is_traced && is_wanted) {
            return;
        }
        let context = |name: &str| facts.context(name).unwrap_or_default().into_owned();
        self.stories.keep(Story {
            request_id: context("requestId"),
            extended_request_id: context("extendedRequestId"),
            api: context("apiId"),
            stage: context("stage"),
            side: if facts.side() == Some(Side::Canary) { "canary" } else { "base" }.to_owned(),
            deployment: context("deploymentId"),
            verb: facts.socket().map_or_else(|| context("httpMethod"), |event| event.name().to_owned()),
            path: facts.socket().map_or_else(|| context("path"), |_| context("routeKey")),
            resource: facts.method().map(|method| method.resource_path.clone()),
            arrived: u64::try_from(facts.head().arrived.as_millis()).unwrap_or(u64::MAX),
            took_micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            status: status.as_u16(),
            refusal: refusal.map(|refusal| Told {
                response_type: refusal.response.map_or("FORBIDDEN", |kind| kind.as_str()).to_owned(),
                message: refusal.message.to_string(),
                reason: refusal.reason.to_string(),
            }),
            phases,
            log: log.lines().map(str::to_owned).collect(),
        });
    }
}
