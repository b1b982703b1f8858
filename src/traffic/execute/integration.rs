//! Sixth phase: the call itself.

use std::borrow::Cow;

use tokio::time::Instant;

use super::Backends;
use super::explain::SHOWN;
use super::integration_request::{Call, Prepared};
use super::journal;
use super::outcome::Outcome;
use super::rendering::Overrides;
use super::route::Routed;
use super::service;
use crate::traffic::integration::http1;
use crate::traffic::message::{Body, BodyError, Refusal};

/// A request with what the integration answered.
pub(super) struct Answered {
    pub(super) routed: Routed,
    pub(super) answer: Answer,
    /// What templates wrote over the answer so far.
    pub(super) overrides: Option<Overrides>,
}

pub(super) enum Answer {
    Http(http1::Answer),
    Mock(Option<i64>),
}

pub(super) async fn call(prepared: Prepared, backends: &Backends, outcome: &mut Outcome) -> Result<Answered, Refusal> {
    let limits = &backends.limits;
    let Prepared { routed, call, overrides } = prepared;
    let started = Instant::now();
    let result = match call {
        Call::Mock(status) => return Ok(Answered { routed, answer: Answer::Mock(status), overrides }),
        Call::Http(call) => {
            journal::sending(outcome, &call);
            backends.client.send(call).await.map_err(refuse)
        }
        Call::Aws(call) => service::call(call, &routed, backends, outcome).await,
    };
    let took = started.elapsed();
    outcome.integrated(took);
    let mut answer = result?;
    if !routed.method.integration.streams() {
        answer.body = answer.body.bounded(limits.answer).map_err(broken)?;
    }
    if outcome.is_told() && !routed.method.integration.streams() {
        answer.body = answer.body.gathered(SHOWN).await.map_err(broken)?;
    } else if outcome.journal().is_some() {
        answer.body = Body::Whole(answer.body.whole(limits.answer).await.map_err(broken)?);
    }
    journal::answer(outcome, &answer, took);
    outcome.decided("integration", |_| format!("status {} after {} ms", answer.status.as_u16(), took.as_millis()));
    Ok(Answered { routed, answer: Answer::Http(answer), overrides })
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
