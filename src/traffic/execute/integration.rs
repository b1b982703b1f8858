//! Sixth phase: the call itself.

use std::borrow::Cow;

use tokio::time::Instant;

use super::integration_request::{Call, Prepared};
use super::outcome::Outcome;
use super::route::Routed;
use crate::traffic::integration::http1;
use crate::traffic::message::{BodyError, Refusal};

/// A request with what the integration answered.
pub(super) struct Answered {
    pub(super) routed: Routed,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    Http(http1::Answer),
    Mock(Option<i64>),
}

pub(super) async fn call(
    prepared: Prepared,
    client: &http1::Client,
    outcome: &mut Outcome,
) -> Result<Answered, Refusal> {
    let Prepared { routed, call } = prepared;
    let answer = match call {
        Call::Mock(status) => Answer::Mock(status),
        Call::Http(call) => {
            let started = Instant::now();
            let result = client.send(call).await;
            outcome.integrated(started.elapsed());
            Answer::Http(result.map_err(refuse)?)
        }
    };
    Ok(Answered { routed, answer })
}

/// Which answer a failed call gets (data-plane reference, 10.2).
fn refuse(error: http1::Error) -> Refusal {
    match error {
        http1::Error::UnknownHost(_) => {
            Refusal::configuration("Execution failed due to configuration error: Invalid endpoint address")
        }
        http1::Error::Certificate(source) => {
            Refusal::configuration(format!("Execution failed due to configuration error: {source}"))
        }
        http1::Error::Network(source) => {
            Refusal::network(format!("Execution failed due to a network error communicating with endpoint: {source}"))
        }
        http1::Error::Malformed(what) => Refusal::network(Cow::Owned(format!(
            "Execution failed due to a network error communicating with endpoint: its answer is not HTTP/1.1, {what}"
        ))),
        http1::Error::Timeout(_) => Refusal::timeout(),
        http1::Error::RequestBody(BodyError::TooLong { limit }) => Refusal::too_large(limit),
        http1::Error::RequestBody(BodyError::Stalled) => {
            Refusal::bad_request(http::StatusCode::REQUEST_TIMEOUT, "Request Timeout")
        }
        http1::Error::RequestBody(BodyError::Broken(_)) => {
            Refusal::bad_request(http::StatusCode::BAD_REQUEST, "Bad Request")
        }
    }
}
