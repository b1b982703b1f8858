//! Whose API key is this: a method that wants one is open to those whose key is in a usage plan for the stage.
//!
//! Source: data-plane reference, 6.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;

use super::access::Admitted;
use super::outcome::Outcome;
use crate::model::rest::{ApiKeySource, GatewayResponseType};
use crate::traffic::message::Refusal;
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
    if !routed.method.api_key_required {
        return Ok(Keyed { admitted, seat: None });
    }
    let facts = outcome.facts();
    let value = match facts.deployed().map(|deployed| deployed.key_source) {
        Some(ApiKeySource::Header) | None => routed.request.headers.last_text(HEADER),
        Some(ApiKeySource::Authorizer) => {
            facts.authorized().and_then(|authorized| authorized.permission.usage_key.as_deref())
        }
    };
    let value = value.filter(|value| !value.is_empty()).ok_or_else(|| forbidden("the request has no API key"))?;
    let seat = desk.seat(value, &routed.stage.api, &routed.stage.name).map_err(|error| {
        tracing::error!(%error, "an API key can't be looked up");
        Refusal::configuration("Usage Plan check failed due to an internal error")
    })?;
    let seat = seat.ok_or_else(|| {
        forbidden("the API key is not known, not enabled, or in no usage plan that is associated with the stage")
    })?;
    outcome.keyed(&seat);
    outcome.decided("API key", |_| format!("key {} of usage plan {}", seat.key(), seat.plan()));
    Ok(Keyed { admitted, seat: Some(seat) })
}

fn forbidden(reason: &'static str) -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::InvalidApiKey),
        status: StatusCode::FORBIDDEN,
        error_type: "ForbiddenException",
        message: Cow::Borrowed("Forbidden"),
        reason: Cow::Borrowed(reason),
        validation: None,
    }
}
