//! Whose API key is this: a method that wants one is open to those whose key is in a usage plan for the stage.
//!
//! Source: data-plane reference, 6.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;

use super::access::Admitted;
use super::outcome::Outcome;
use crate::catalog;
use crate::model::rest::{ApiKeySource, GatewayResponseType};
use crate::observe::execution_log::Line;
use crate::traffic::authorizer::Permission;
use crate::traffic::message::{Head, Refusal};
use crate::traffic::stage::{CompiledMethod, CompiledStage};
use crate::traffic::usage::{Desk, Seat};

/// The header that keys are in, in small letters.
const HEADER: &str = "x-api-key";

/// A request, and the seat that its key has at the stage, where the method wants one.
pub(super) struct Keyed {
    pub(super) admitted: Admitted,
    pub(super) seat: Option<Arc<Seat>>,
}

pub(super) fn identify(admitted: Admitted, desk: &Desk, outcome: &mut Outcome) -> Result<Keyed, Refusal> {
    let routed = &admitted.0;
    let (api, stage) = (&routed.stage.api, &routed.stage.name);
    let permission = outcome.facts().authorized().map(|authorized| Arc::clone(&authorized.permission));
    let value = shown(&routed.request, permission.as_deref(), outcome);
    let target = if outcome.journal().is_some() { outcome.facts().target() } else { String::new() };
    if let Some(log) = outcome.journal() {
        let request = log.request().to_owned();
        log.write(&Line::VerifyingPlan { request: &request, key: value, api: api.as_str(), stage: stage.as_str() });
    }
    if !routed.method.api_key_required {
        if let Some(log) = outcome.journal() {
            log.write(&Line::NoKeyWanted { key: value, target: &target });
        }
        return Ok(Keyed { admitted, seat: None });
    }
    // No look-up for what can be no key.
    let found = if value.is_empty() { Ok(None) } else { desk.seat(value, api, stage) };
    let seat = found.map_err(unreadable)?;
    let Some(seat) = seat else {
        if let Some(log) = outcome.journal() {
            let (api, stage) = (api.as_str(), stage.as_str());
            log.write(&Line::KeyRefused { key: value, target: &target, api, stage });
        }
        return Err(forbidden(match value {
            "" => "the request has no API key",
            _ => "the API key is not known, not enabled, or in no usage plan that is associated with the stage",
        }));
    };
    outcome.keyed(&seat);
    outcome.decided("API key", |_| format!("key {} of usage plan {}", seat.key(), seat.plan()));
    Ok(Keyed { admitted, seat: Some(seat) })
}

/// The seat of a key that somebody shows who connects, where nobody asks for it before a message comes whose route wants
/// one.
pub(super) fn shown_early(head: &Head, stage: &CompiledStage, desk: &Desk, outcome: &Outcome) -> Option<Arc<Seat>> {
    if !stage.base.routes.as_ref().is_some_and(|routes| routes.wants_keys) {
        return None;
    }
    let permission = outcome.facts().authorized().map(|authorized| Arc::clone(&authorized.permission));
    let value = shown(head, permission.as_deref(), outcome);
    let found = if value.is_empty() { Ok(None) } else { desk.seat(value, &stage.api, &stage.name) };
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "an API key can't be looked up");
        None
    })
}

/// The seat by which a message is sent, if its route wants one: that of the key that was shown for the connection, as the key
/// and its plan are now.
pub(super) fn of_message(
    method: &CompiledMethod,
    stage: &CompiledStage,
    desk: &Desk,
    outcome: &Outcome,
) -> Result<Option<Arc<Seat>>, Refusal> {
    if !method.api_key_required {
        return Ok(None);
    }
    let shown = outcome.facts().seat();
    let seat = match shown {
        Some(seat) if !seat.is_good() => desk.seat(seat.value(), &stage.api, &stage.name).map_err(unreadable)?,
        other => other.map(Arc::clone),
    };
    let seat = seat.ok_or_else(|| match shown {
        Some(_) => {
            forbidden("the API key that was shown when the connection was made is not good for the stage any more")
        }
        None => forbidden("no API key that is good for the stage was shown when the connection was made"),
    });
    seat.map(Some)
}

/// The key that somebody shows, where the API looks for it; empty, if there is none.
fn shown<'a>(head: &'a Head, permission: Option<&'a Permission>, outcome: &Outcome) -> &'a str {
    let value = match outcome.facts().deployed().map(|deployed| deployed.key_source) {
        Some(ApiKeySource::Header) | None => head.headers.last_text(HEADER),
        Some(ApiKeySource::Authorizer) => permission.and_then(|permission| permission.usage_key.as_deref()),
    };
    value.unwrap_or_default()
}

fn unreadable(error: catalog::Error) -> Refusal {
    tracing::error!(%error, "an API key can't be looked up");
    Refusal::configuration("Usage Plan check failed due to an internal error")
}

/// The answer to a request whose key opens nothing.
pub(super) fn forbidden(reason: &'static str) -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::InvalidApiKey),
        status: StatusCode::FORBIDDEN,
        error_type: "ForbiddenException",
        message: Cow::Borrowed("Forbidden"),
        reason: Cow::Borrowed(reason),
        validation: None,
    }
}
