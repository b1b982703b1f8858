//! Authorizers are asked: by the caller's identity, once for all who have the same one, and their functions by Lambda.
//!
//! Sources: "Use API Gateway Lambda authorizers" (auth reference, part F) and logs that users published.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::event::{self, Reader};
use super::facts::Authorized;
use super::headers::trace_id;
use super::outcome::Outcome;
use super::sources::Sources;
use super::{Backends, journal, lambda as answers, socket};
use crate::model::arn;
use crate::model::rest::AuthorizerType;
use crate::observe::execution_log::Line;
use crate::traffic::authorizer::{Denied, Identity, Permission, user_pool};
use crate::traffic::integration::http1;
use crate::traffic::integration::lambda::{self, FUNCTION_ERROR, Function, Wish};
use crate::traffic::message::Body;
use crate::traffic::stage::{CompiledAuthorizer, Looked, key_of};

/// An authorizer's function may take so long: a second more than an integration's.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Its answer has at most so many bytes.
const MAX_ANSWER: u64 = 256 * 1024;
/// Of one that is asked about a WebSocket connection, which keeps it: AWS's quota.
const MAX_KEPT_ANSWER: u64 = 8 * 1024;
/// The error by which a function says that it doesn't know the caller.
const UNAUTHORIZED: &str = "Unauthorized";

/// Which authorizer is asked, and about what.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) authorizer: &'a CompiledAuthorizer,
    /// The path within the stage.
    pub(super) path: &'a str,
    /// The ARN of what the caller wants.
    pub(super) arn: &'a str,
}

/// Asks an authorizer about the caller, and writes down what happens.
pub(super) async fn ask(step: Step<'_>, backends: &Backends, outcome: &mut Outcome) -> Result<Authorized, Denied> {
    let request = outcome.journal().map(|log| log.request().to_owned()).unwrap_or_default();
    let request = request.as_str();
    let id = step.authorizer.model.id.as_str();
    if let Some(log) = outcome.journal() {
        log.write(&Line::StartingAuthorizer { authorizer: id, request });
    }
    let result = permit(step, backends, outcome).await;
    if let Some(log) = outcome.journal() {
        match &result {
            Ok(authorized) => {
                log.write(&Line::AuthorizerPolicy(&authorized.permission.principal));
                log.write(&Line::AuthorizerSuccessful);
            }
            Err(denied @ Denied::Configuration(_)) => {
                log.write(&Line::Failed(&denied.to_string()));
                log.write(&Line::AuthorizerConfiguration);
            }
            Err(denied) => {
                log.write(&Line::Failed(&denied.to_string()));
                log.write(&Line::Unauthorized { request });
            }
        }
    }
    result
}

/// What the caller may do, as the authorizer says now or said before.
async fn permit(step: Step<'_>, backends: &Backends, outcome: &mut Outcome) -> Result<Authorized, Denied> {
    let authorizer = step.authorizer;
    let identity = {
        let sources = Sources::new(outcome.facts());
        authorizer.sources.identity(|source| sources.text(source))?
    };
    if let Some(log) = outcome.journal() {
        log.write(&Line::IncomingIdentity(&identity.to_string()));
    }
    if authorizer.model.kind == AuthorizerType::CognitoUserPools {
        let issuer = user_pool::check(&authorizer.model, identity.token(), backends.clock.seconds())?;
        return Err(Denied::Configuration(format!("the keys of {issuer} can't be fetched by this release")));
    }
    let Some((kept, ttl)) = &authorizer.keeps else {
        return invoke(step, &identity, backends, outcome).await;
    };
    match kept.look(key_of("", identity.values())).await {
        Looked::Hit(permission) => {
            outcome.decided("authorizer", |_| "its answer is kept: its function is not asked".to_owned());
            Ok(Authorized { permission, latency: Duration::ZERO })
        }
        Looked::Miss(ticket) => {
            let authorized = invoke(step, &identity, backends, outcome).await?;
            ticket.keep(Arc::clone(&authorized.permission), *ttl);
            Ok(authorized)
        }
    }
}

/// Asks the authorizer's function.
async fn invoke(
    step: Step<'_>,
    identity: &Identity,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<Authorized, Denied> {
    let facts = outcome.facts().clone();
    let function = step.authorizer.function.as_ref();
    let function: &Function = function.map_err(|uri| configuration(format_args!("Invalid endpoint address: {uri}")))?;
    let rights = &step.authorizer.rights;
    let by_right_of = rights.identity().ok_or_else(|| configuration("the authorizer's credentials name nobody"))?;
    let trace = trace_id(facts.head(), &backends.clock);
    let event = |reader| match (step.authorizer.model.kind, facts.socket()) {
        (_, Some(event)) => socket::asking(event, &facts, step.arn, &trace, reader),
        (AuthorizerType::Request, None) => event::of_request(&facts, step.path, step.arn, &trace, reader),
        (AuthorizerType::Token | AuthorizerType::CognitoUserPools, None) => {
            event::of_token(identity.token(), step.arn, reader)
        }
    };
    let context = |name: &str| facts.context(name).unwrap_or_default();
    let place = format!("{}/authorizers/{}", context("apiId"), step.authorizer.model.id);
    let wish = Wish {
        payload: Bytes::from(event(Reader::Function)),
        source_arn: &arn::invoked(facts.region(), &context("accountId"), &place),
        api: &context("apiId"),
        request: facts.head().id,
        trace: &trace,
        identity: by_right_of,
        timeout: TIMEOUT,
    };
    let invocation = backends.lambda.prepare(function, wish).map_err(configuration)?;
    if outcome.journal().is_some() {
        journal::call_showing(outcome, &invocation.call, &event(Reader::Log));
        journal::sending(outcome, &invocation.call);
    }
    let started = Instant::now();
    // The deadline is for all of the answer: one that trickles in must not hold its caller, and all who wait with it.
    let answered = tokio::time::timeout(TIMEOUT, async {
        let answer = backends.lambda.invoke(&backends.client, invocation).await?;
        let http1::Answer { status, headers, body } = answer;
        let most = if facts.socket().is_some() { MAX_KEPT_ANSWER } else { MAX_ANSWER };
        let body = body.whole(most).await.map_err(|error| Failure::Body(error.to_string()))?;
        Ok::<_, Failure>(http1::Answer { status, headers, body: Body::Whole(body) })
    });
    let answer = match answered.await {
        Ok(answer) => answer.map_err(|failure| configuration(failure.chain()))?,
        Err(_) => return Err(Denied::Configuration("the authorizer's function timed out".to_owned())),
    };
    let took = started.elapsed();
    if let Some(log) = outcome.journal() {
        log.write(&Line::Received { status: answer.status.as_u16(), latency: took });
    }
    let permission = read(&answer, outcome)?;
    outcome.decided("authorizer", |_| format!("its function answered after {} ms", took.as_millis()));
    Ok(Authorized { permission: Arc::new(permission), latency: took })
}

/// What the function said.
fn read(answer: &http1::Answer, outcome: &mut Outcome) -> Result<Permission, Denied> {
    let Body::Whole(payload) = &answer.body else { return Err(Denied::Configuration("no answer".to_owned())) };
    if !answer.status.is_success() {
        if let Some(log) = outcome.journal() {
            let request = answers::request_id(&answer.headers);
            log.write(&Line::InvocationFailed { status: answer.status.as_u16(), request });
        }
        return Err(Denied::Configuration(match answer.status {
            http::StatusCode::FORBIDDEN | http::StatusCode::NOT_FOUND => {
                "Invalid permissions on Lambda function".to_owned()
            }
            status => answers::lambda_message(status, payload),
        }));
    }
    if answer.headers.last_text(FUNCTION_ERROR).is_some() {
        let message = answers::error_message(payload);
        return Err(match message.as_str() {
            UNAUTHORIZED => Denied::Unknown,
            _ => configuration(format_args!("the authorizer's function failed: {message}")),
        });
    }
    if let Some(log) = outcome.journal() {
        log.write(&Line::AuthorizerAnswer(&without_key(payload)));
    }
    Permission::read(payload).map_err(configuration)
}

/// A function's answer as a log shows it: an API key in it is a secret.
fn without_key(payload: &[u8]) -> String {
    const KEY: &str = "usageIdentifierKey";
    let Ok(mut answer) = serde_json::from_slice::<serde_json::Value>(payload) else {
        return String::from_utf8_lossy(payload).into_owned();
    };
    if let Some(key) = answer.get_mut(KEY).filter(|key| !key.is_null()) {
        *key = crate::observe::execution_log::mask(key.as_str().unwrap_or_default()).into();
    }
    answer.to_string()
}

/// Why a function gave no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Call(#[from] lambda::Error),
    #[error("{0}")]
    Body(String),
}

impl Failure {
    /// The whole of it, causes too.
    fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

fn configuration(reason: impl std::fmt::Display) -> Denied {
    Denied::Configuration(reason.to_string())
}
