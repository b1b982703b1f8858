//! `@connections`, AWS's API for those who have something for a connection, and the calls beside it that AWS has not.
//!
//! Any node answers, whoever has the connection. Sources: the WebSocket reference, A1 and A16, and botocore's model of
//! `apigatewaymanagementapi`. What goes beyond AWS is in [`groups`] and [`listing`]; it is signed in the same way.

mod answers;
mod authentication;
mod connection;
mod groups;
mod listing;
mod target;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;

use super::attempts::Attempt;
use super::exchange::Exchange;
use super::here::Question;
use super::limits::Limits;
use super::roll::Audience;
use crate::observe::clock::Clock;
use crate::traffic::execute::Owner;
use crate::traffic::message::{BodyError, Reply, Request};
use crate::traffic::stage::{Bucket, Directory};
use answers::{Refusal, mark};
use target::Subject;

pub use authentication::Callers;
pub use target::Target;

/// A message has so many bytes at most: AWS's quota.
const MAX_MESSAGE: u64 = 128 * 1024;

/// Answers calls about connections. Cheap to clone.
#[derive(Clone)]
pub struct Management {
    directory: Directory,
    exchange: Exchange,
    callers: Callers,
    owner: Arc<Owner>,
    clock: Clock,
    /// How many calls are answered in a second, if there is an end to it.
    pace: Option<Arc<Bucket>>,
}

impl Management {
    /// One that finds stages in `directory` and connections by `exchange`.
    pub fn new(
        directory: Directory,
        exchange: Exchange,
        callers: Callers,
        owner: Arc<Owner>,
        clock: Clock,
        limits: &Limits,
    ) -> Self {
        let bucket = |rate: u32| Arc::new(Bucket::new(rate.into(), i64::from(rate.div_ceil(2))));
        Self { directory, exchange, callers, owner, clock, pace: limits.calls_per_second.map(bucket) }
    }

    /// What a request wants of connections; nothing, if it is for somebody else.
    pub fn target(&self, request: &Request) -> Option<Target> {
        target::find(&self.directory, &request.host, request.uri.path())
    }

    /// Answers a request for a target, in every case.
    pub async fn serve(&self, mut request: Request, target: Target) -> Reply {
        let mut reply = match self.run(&mut request, target).await {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(),
        };
        mark(&mut reply, request.head());
        reply
    }

    async fn run(&self, request: &mut Request, target: Target) -> Result<Reply, Refusal> {
        if target.is_disabled {
            return Err(Refusal::forbidden());
        }
        let claim = self.callers.claim(request, self.clock.seconds())?;
        let body = request.take_body().whole(MAX_MESSAGE).await.map_err(|error| match error {
            BodyError::TooLong { .. } => Refusal::too_large(),
            BodyError::Stalled | BodyError::Broken(_) => Refusal::bad_request("The request's body can't be read."),
        })?;
        self.callers.check(claim.as_ref(), request, &body)?;
        authentication::authorize(&self.owner, request, &target)?;
        // Only those who may call use up what may be called.
        if self.pace.as_ref().is_some_and(|pace| !pace.take()) {
            return Err(Refusal::too_many());
        }
        self.perform(request, target, body).await
    }

    /// The calls, one by one.
    async fn perform(&self, request: &Request, target: Target, body: Bytes) -> Result<Reply, Refusal> {
        let Target { place, subject, path, .. } = target;
        let exchange = &self.exchange;
        match (&request.method, subject) {
            (&Method::POST, Subject::Connection(id)) => {
                connection::post(exchange, place, &id, body, Attempt::of(request.head())).await
            }
            (&Method::GET, Subject::Connection(id)) => connection::get(exchange, place, &id).await,
            (&Method::DELETE, Subject::Connection(id)) => connection::delete(exchange, place, &id).await,
            (&Method::GET, Subject::Connections) => listing::list(exchange, place, request.uri.query()).await,
            (&Method::POST, Subject::All) => groups::send(exchange, place, Audience::All, body).await,
            (&Method::GET, Subject::All) => groups::count(exchange, place, Audience::All).await,
            (&Method::POST, Subject::Group(name)) => groups::send(exchange, place, Audience::Group(name), body).await,
            (&Method::GET, Subject::Group(name)) => groups::count(exchange, place, Audience::Group(name)).await,
            (&Method::POST, Subject::Principal(name)) => {
                groups::send(exchange, place, Audience::Principal(name), body).await
            }
            (&Method::GET, Subject::Principal(name)) => groups::count(exchange, place, Audience::Principal(name)).await,
            (&Method::PUT, Subject::Member(group, id)) => {
                groups::change(exchange, place, &id, Question::Join(group)).await
            }
            (&Method::DELETE, Subject::Member(group, id)) => {
                groups::change(exchange, place, &id, Question::Part(group)).await
            }
            (method, _) => Err(Refusal::no_route(&path, method)),
        }
    }
}
