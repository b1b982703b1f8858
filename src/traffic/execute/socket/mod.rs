//! Events of WebSocket connections: they are opened, bring messages, and end.
//!
//! An event goes through the same phases as a request, from the call of its integration on: what a route has is compiled
//! into a method. Here is what comes before, in AWS's order (WebSocket reference, A2 and A7), and what becomes of the
//! answer: a connection that may be opened, a frame, or nothing.

mod connection;
mod disconnect;
mod error_frame;
mod event;
mod function_event;
mod groups;
mod handshake;
mod message;
mod record;
mod selecting;

use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

pub use connection::{Card, Connection};
pub use handshake::Connected;
pub use message::{Answered, Message};

pub(super) use event::SocketEvent;
pub(super) use function_event::{asking, told};
pub(super) use selecting::{of_answer, of_event};

use super::integration_response::Mapped;
use super::method_request::Accepted;
use super::outcome::Outcome;
use super::route::Routed;
use super::{Backends, Execute, facts::Facts, integration, integration_request, integration_response, journal};
use crate::traffic::message::{Body, Refusal, Request};
use crate::traffic::stage::{CompiledRoute, CompiledStage, Side};

impl Execute {
    /// An event of a connection that there is, which happened at this time, and the request that stands for it in the
    /// phases.
    fn begin(&self, event: SocketEvent, happened: Instant) -> (Request, Outcome) {
        let connection = &event.connection;
        let head = connection.head(self.now());
        let body = event.message().cloned().map_or(Body::Empty, Body::Whole);
        let request = Request::new(head, body);
        let (authorized, seat) = (connection.authorized.clone(), connection.seat.clone());
        let facts = Facts::of_event(&self.owner, &request, event, authorized, seat);
        (request, Outcome::of(facts, happened))
    }

    /// The stage of a connection's event, as it is now: what is deployed meanwhile holds for connections that there are.
    fn stage_of(&self, outcome: &mut Outcome) -> Result<Arc<CompiledStage>, Refusal> {
        let event = outcome.facts().socket();
        let found = event.and_then(|event| {
            let connection = event.connection();
            self.directory.find(connection.api.as_str(), connection.stage.as_str())
        });
        let stage = found.filter(|stage| stage.base.routes.is_some());
        let stage = stage.ok_or_else(|| Refusal::forbidden("the stage is not there any more"))?;
        outcome.located(&stage, Side::Base, None);
        self.explain.begin(outcome);
        Ok(stage)
    }
}

/// The phases behind all checks: the route's integration is called, and its answer mapped. Where nobody waits for an
/// answer (`wants_answer`), an integration need not have any response.
async fn perform(
    request: Request,
    stage: Arc<CompiledStage>,
    (route, wants_answer): (&CompiledRoute, bool),
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<Mapped, Refusal> {
    let method = Arc::clone(&route.method);
    let document = outcome.facts().socket().and_then(|event| event.document()).map(Rc::clone);
    // An event is for no path.
    let routed = Routed { request, stage, method, path: String::new() };
    journal::event(outcome, &routed);
    let prepared = integration_request::prepare(Accepted { routed, document }, backends, outcome).await?;
    let answered = integration::call(prepared, backends, outcome).await?;
    if !wants_answer && route.method.integration.responses().is_some_and(|responses| responses.is_empty()) {
        return Ok(answered.unmapped());
    }
    integration_response::map(answered, outcome).await
}
