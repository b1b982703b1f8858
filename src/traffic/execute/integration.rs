//! Sixth phase: the call itself.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;

use super::Backends;
use super::explain::SHOWN;
use super::integration_request::{Call, Prepared};
use super::integration_response::{Author, Mapped};
use super::journal;
use super::outcome::Outcome;
use super::rendering::Overrides;
use super::route::Routed;
use super::{lambda, service, streamed_answer};
use crate::traffic::integration::http1;
use crate::traffic::integration::lambda::{FUNCTION_ERROR, Invocation, MAX_PAYLOAD};
use crate::traffic::message::{Body, BodyError, Headers, Refusal};

/// Of an answer that comes piece by piece a test invocation waits for so many bytes: AWS's limit.
const MAX_TESTED: u64 = 1024 * 1024;

/// A request with what the integration answered.
pub(super) struct Answered {
    pub(super) routed: Routed,
    pub(super) answer: Answer,
    /// What templates wrote over the answer so far.
    pub(super) overrides: Option<Overrides>,
}

impl Answered {
    /// The answer as it is, of an integration that has nothing to map it by.
    pub(super) fn unmapped(self) -> Mapped {
        let (status, body) = match self.answer {
            Answer::Http(answer) => (answer.status, answer.body),
            Answer::Lambda(payload) => (StatusCode::OK, Body::Whole(payload)),
            Answer::Streamed(mapped) => return *mapped,
            Answer::Mock(_) => (StatusCode::OK, Body::Empty),
        };
        Mapped { status, headers: Headers::default(), body, author: Author::Backend, is_bytes: false }
    }
}

pub(super) enum Answer {
    Http(http1::Answer),
    /// What a function answered.
    Lambda(Bytes),
    /// What a function answers piece by piece.
    Streamed(Box<Mapped>),
    Mock(Option<i64>),
}

pub(super) async fn call(prepared: Prepared, backends: &Backends, outcome: &mut Outcome) -> Result<Answered, Refusal> {
    let Prepared { routed, call, overrides } = prepared;
    // Whoever is called, what goes on meanwhile has memory of its own: who calls nobody takes none.
    let answer = match call {
        Call::Mock(status) => Answer::Mock(status),
        Call::Lambda(invocation) if routed.method.integration.streams() => {
            Answer::Streamed(Box::new(Box::pin(stream(invocation, backends, outcome)).await?))
        }
        Call::Lambda(invocation) => Answer::Lambda(Box::pin(invoke(invocation, backends, outcome)).await?),
        Call::Http(call) => {
            let asking = async {
                journal::sending(outcome, &call);
                let started = Instant::now();
                let result = backends.client.send(call).await.map_err(refuse);
                receive(result, started.elapsed(), &routed, backends, outcome).await
            };
            Answer::Http(Box::pin(asking).await?)
        }
        Call::Aws(call) => {
            let asking = async {
                let started = Instant::now();
                let result = service::call(call, &routed, backends, outcome).await;
                receive(result, started.elapsed(), &routed, backends, outcome).await
            };
            Answer::Http(Box::pin(asking).await?)
        }
    };
    Ok(Answered { routed, answer, overrides })
}

/// What an endpoint answered after this time, as much of it as somebody waits for.
async fn receive(
    result: Result<http1::Answer, Refusal>,
    took: Duration,
    routed: &Routed,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<http1::Answer, Refusal> {
    let limit = backends.limits.answer;
    outcome.integrated(took);
    let mut answer = result?;
    outcome.integration_answered(&answer);
    if !routed.method.integration.streams() {
        answer.body = answer.body.bounded(limit).map_err(broken)?;
    }
    if outcome.is_told() && !routed.method.integration.streams() {
        answer.body = answer.body.gathered(SHOWN).await.map_err(broken)?;
    } else if outcome.journal().is_some() {
        answer.body = Body::Whole(answer.body.whole(limit).await.map_err(broken)?);
    }
    journal::answer(outcome, &answer, took);
    outcome.decided("integration", |_| format!("status {} after {} ms", answer.status.as_u16(), took.as_millis()));
    Ok(answer)
}

/// Invokes a function, and waits for the whole of its answer.
async fn invoke(invocation: Invocation, backends: &Backends, outcome: &mut Outcome) -> Result<Bytes, Refusal> {
    journal::sending(outcome, &invocation.call);
    let (timeout, started) = (invocation.call.timeout, Instant::now());
    let answering = async {
        let answer = backends.lambda.invoke(&backends.client, invocation).await.map_err(lambda::refused)?;
        let http1::Answer { status, headers, body } = answer;
        let body = body.whole(MAX_PAYLOAD).await.map_err(broken)?;
        Ok((http1::Answer { status, headers, body: Body::Whole(body.clone()) }, body))
    };
    let result = tokio::time::timeout(timeout, answering).await.unwrap_or_else(|_| Err(Refusal::timeout()));
    let took = started.elapsed();
    outcome.integrated(took);
    let (answer, payload) = result?;
    outcome.integration_answered(&answer);
    journal::answer(outcome, &answer, took);
    let error = if answer.headers.last_text(FUNCTION_ERROR).is_some() { ", and the function failed" } else { "" };
    let status = answer.status.as_u16();
    outcome.decided("integration", |_| format!("Lambda's status {status} after {} ms{error}", took.as_millis()));
    lambda::answered(&answer, &payload, outcome)?;
    Ok(payload)
}

/// Invokes a function, and waits for the head of its answer; a test invocation, for the whole of it.
async fn stream(invocation: Invocation, backends: &Backends, outcome: &mut Outcome) -> Result<Mapped, Refusal> {
    journal::sending(outcome, &invocation.call);
    let started = Instant::now();
    let deadline = started + invocation.call.timeout;
    let answer = backends.lambda.invoke(&backends.client, invocation).await;
    outcome.integrated(started.elapsed());
    let mut answer = answer.map_err(lambda::refused)?;
    if !answer.status.is_success() || answer.headers.last_text(FUNCTION_ERROR).is_some() {
        let payload = std::mem::replace(&mut answer.body, Body::Empty).whole(MAX_PAYLOAD).await.map_err(broken)?;
        lambda::answered(&answer, &payload, outcome)?;
        return Err(Refusal::configuration("the function failed"));
    }
    let mut mapped = streamed_answer::read(answer.body, deadline).await?;
    let took = started.elapsed();
    outcome.integrated(took);
    if outcome.journal().is_some() && !outcome.is_told() {
        mapped.body = Body::Whole(mapped.body.whole(MAX_TESTED).await.map_err(broken)?);
    }
    outcome.decided("integration", |_| format!("the head of the answer after {} ms", took.as_millis()));
    Ok(mapped)
}

/// What an answer gets whose body can't be taken whole.
pub(super) fn broken(error: BodyError) -> Refusal {
    match error {
        BodyError::TooLong { limit } => Refusal::configuration(format_args!(
            "Integration response is larger than allowed maximum of {limit} bytes."
        )),
        BodyError::Stalled => Refusal::timeout(),
        BodyError::Broken(source) => {
            Refusal::network(format!("Execution failed due to a network error communicating with endpoint: {source}"))
        }
    }
}

/// Which answer a failed call gets (data-plane reference, 10.2).
pub(super) fn refuse(error: http1::Error) -> Refusal {
    match error {
        http1::Error::UnknownHost(_) => Refusal::configuration("Invalid endpoint address"),
        http1::Error::Certificate(source) => Refusal::configuration(source),
        http1::Error::Network(source) => {
            Refusal::network(format!("Execution failed due to a network error communicating with endpoint: {source}"))
        }
        http1::Error::Malformed(what) => Refusal::network(Cow::Owned(format!(
            "Execution failed due to a network error communicating with endpoint: its answer is not HTTP/1.1, {what}"
        ))),
        http1::Error::Timeout(_) => Refusal::timeout(),
        http1::Error::RequestBody(error) => Refusal::body(error),
    }
}
