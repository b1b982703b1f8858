//! The line that a stage's access log has of a request: what `$context` says, and what only logs are told of its end
//! (data-plane reference, 24).

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::outcome::Outcome;
use crate::traffic::message::{Body, Refusal};
use crate::traffic::stage::Side;

/// How a request ended.
pub(super) struct Ending<'a> {
    /// The status that its caller got.
    pub(super) status: StatusCode,
    /// How many bytes its caller got, if that is known.
    pub(super) length: Option<u64>,
    /// Why it ended early, if it did.
    pub(super) refusal: Option<&'a Refusal>,
}

/// How many bytes a body has, where that is known.
pub(super) fn length(body: &Body) -> Option<u64> {
    match body {
        Body::Empty => Some(0),
        Body::Whole(bytes) => Some(bytes.len() as u64),
        Body::Stream { length, .. } => *length,
    }
}

/// Writes a request's line, if its stage has an access log. A canary's requests have one more, in a group of their own.
pub(super) fn write(outcome: &Outcome, ending: &Ending<'_>) {
    let facts = outcome.facts();
    let Some(log) = facts.stage().and_then(|stage| stage.access_log.as_ref()) else { return };
    log.write("", |name| value(outcome, ending, name));
    if facts.side() == Some(Side::Canary) {
        log.write("/Canary", |name| value(outcome, ending, name));
    }
}

/// The value of a variable.
fn value<'v>(outcome: &'v Outcome, ending: &Ending<'v>, name: &str) -> Option<Cow<'v, str>> {
    let millis = |took: Duration| Cow::Owned(took.as_millis().to_string());
    let code = |status: StatusCode| Cow::Owned(status.as_u16().to_string());
    let text = |refusal: &'v Refusal| Some(Cow::Borrowed(&*refusal.message)).filter(|message| !message.is_empty());
    Some(match name {
        "status" => code(ending.status),
        "responseLength" => Cow::Owned(ending.length?.to_string()),
        "responseLatency" => millis(outcome.elapsed()),
        "error.message" => text(ending.refusal?)?,
        "error.messageString" => Cow::Owned(Value::from(&*text(ending.refusal?)?).to_string()),
        "error.responseType" => Cow::Borrowed(ending.refusal?.response?.as_str()),
        "error.validationErrorString" => Cow::Borrowed(ending.refusal?.validation.as_deref()?),
        "integration.latency" | "integrationLatency" => millis(outcome.integration_latency()?),
        "integration.integrationStatus" | "integrationStatus" => code(outcome.integration_status()?),
        "integration.status" => code(outcome.function_status().or(outcome.integration_status())?),
        "integration.requestId" | "awsEndpointRequestId" => Cow::Borrowed(outcome.integration_request()?),
        // What goes wrong before the call is not the integration's error.
        "integration.error" | "integrationErrorMessage" => {
            outcome.integration_latency()?;
            Cow::Borrowed(&*ending.refusal?.reason)
        }
        "authorizer.latency" => millis(outcome.facts().authorized()?.latency),
        "authorizer.status" | "authorizer.integrationStatus" => {
            outcome.facts().authorized()?;
            Cow::Borrowed("200")
        }
        "xrayTraceId" => Cow::Borrowed(outcome.trace()?),
        name => return outcome.facts().context(name),
    })
}
