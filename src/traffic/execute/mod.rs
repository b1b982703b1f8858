//! One request to a REST API, from its arrival to its answer: a file a phase, and here the function that runs them.
//!
//! Each phase takes what the one before made and returns more, so that none can run before its input exists. A phase
//! that ends the request returns a [`Refusal`], which [`gateway_response`] alone renders. What happened is recorded
//! in the end, whatever happened.

mod access;
mod accesses;
pub mod address;
mod api_key;
mod authorize;
mod backends;
mod cache;
mod compression;
mod content;
mod endpoint;
mod event;
pub mod explain;
mod facts;
#[cfg(test)]
mod fuzz;
mod gateway_response;
mod headers;
mod integration;
mod integration_request;
mod integration_response;
pub mod invoke;
mod journal;
mod lambda;
mod method_request;
mod method_response;
mod outcome;
mod policy;
mod proxy_answer;
mod quota;
mod rendering;
mod route;
mod service;
mod service_request;
pub mod socket;
mod sources;
mod streamed_answer;
mod target;
mod throttle;
mod values;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::observe::clock::Clock;
use crate::traffic::message::{Refusal, Reply, Request};
use crate::traffic::stage::Directory;
use crate::traffic::usage::Desk;
use access::Admitted;
use accesses::Ending;
use backends::Backends;
use cache::Found;
use endpoint::Located;
use explain::Explain;
use outcome::Outcome;

pub use backends::Reach;
pub use endpoint::Limits;

/// Runs requests; one per worker thread, with that worker's connections.
pub struct Execute {
    directory: Directory,
    backends: Backends,
    owner: Arc<Owner>,
    explain: Explain,
    desk: Desk,
}

/// Whose gateway this is, as `$context` and ARNs have it.
#[derive(Debug)]
pub struct Owner {
    /// The account's twelve digits.
    pub account: String,
    /// The region's name.
    pub region: String,
}

impl Execute {
    /// Makes one that finds stages in `directory` and reaches backends by `reach`.
    pub fn new(
        directory: Directory,
        reach: Reach,
        clock: Clock,
        owner: Arc<Owner>,
        limits: Limits,
        explain: Explain,
        desk: Desk,
    ) -> Self {
        Self { directory, backends: Backends::new(reach, clock, limits), owner, explain, desk }
    }

    /// The time of day, since 1970.
    pub fn now(&self) -> Duration {
        self.backends.clock.since_epoch()
    }

    /// Answers a request, in every case.
    pub async fn serve(&self, request: Request) -> Reply {
        let mut outcome = Outcome::new(&self.owner, &request, Instant::now());
        let result = self.run(request, &mut outcome).await;
        self.finish(result, outcome)
    }

    /// The answer that a request gets, and all that is written down of it.
    fn finish(&self, result: Result<Reply, Refusal>, mut outcome: Outcome) -> Reply {
        let (mut reply, refusal) = match result {
            Ok(reply) => (reply, None),
            Err(refusal) => {
                outcome.refused(&refusal);
                (gateway_response::render(&refusal, outcome.facts()), Some(refusal))
            }
        };
        outcome.mark(&mut reply);
        outcome.record(&reply);
        let length = accesses::length(&reply.body);
        accesses::write(&outcome, &Ending { status: reply.status, length, refusal: refusal.as_ref() });
        self.explain.keep(&mut outcome, refusal.as_ref(), reply.status);
        reply
    }

    /// The phases of a request, in API Gateway's order.
    async fn run(&self, request: Request, outcome: &mut Outcome) -> Result<Reply, Refusal> {
        let limits = &self.backends.limits;
        let located = endpoint::of_methods(endpoint::locate(&self.directory, limits, request, outcome)?)?;
        self.answer(located, outcome).await
    }

    /// The same of one whose stage is known.
    async fn answer(&self, located: Located, outcome: &mut Outcome) -> Result<Reply, Refusal> {
        let limits = &self.backends.limits;
        let located = compression::inflate(located, limits.body).await?;
        self.explain.begin(outcome);
        let routed = route::find(located, outcome)?;
        let admitted = access::admit(routed, &self.backends, outcome).await?;
        let keyed = api_key::identify(admitted, &self.desk, outcome)?;
        let keyed = throttle::pass(keyed, outcome).await?;
        let admitted = quota::spend(keyed, outcome).await?;
        let reply = perform(admitted, &self.backends, outcome).await?;
        compression::deflate(reply, outcome.facts()).await
    }
}

/// The phases behind access: what a method does, for a caller's request and for one that an operator makes up.
async fn perform(admitted: Admitted, backends: &Backends, outcome: &mut Outcome) -> Result<Reply, Refusal> {
    let accepted = method_request::accept(admitted, outcome).await?;
    let (accepted, ticket) = match cache::look(accepted, outcome).await? {
        Found::Answer(reply) => return Ok(reply),
        Found::Nothing(accepted, ticket) => (accepted, ticket),
    };
    let prepared = integration_request::prepare(accepted, backends, outcome).await?;
    let answered = integration::call(prepared, backends, outcome).await?;
    let mapped = integration_response::map(answered, outcome).await?;
    let reply = method_response::finish(mapped, outcome);
    cache::keep(reply, ticket, outcome).await
}
