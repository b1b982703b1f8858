//! Fourth phase: is the request what the method asks for: are the parameters there that it requires.

use std::borrow::Cow;

use http::StatusCode;

use super::access::Admitted;
use super::journal;
use super::outcome::Outcome;
use super::route::Routed;
use super::sources::Sources;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::Refusal;

/// A request that the method takes.
pub(super) struct Accepted(pub(super) Routed);

pub(super) fn accept(admitted: Admitted, outcome: &mut Outcome) -> Result<Accepted, Refusal> {
    let routed = admitted.0;
    journal::request(outcome, &routed);
    if !routed.method.required.is_empty() {
        let sources = Sources::new(outcome.facts());
        let is_missing = |source| sources.values(source).is_ok_and(|values| values.is_empty());
        let missing = routed.method.required.iter().filter(|required| is_missing(&required.source));
        let missing: Vec<&str> = missing.map(|required| required.name.as_str()).collect();
        if !missing.is_empty() {
            return Err(Refusal {
                response: Some(GatewayResponseType::BadRequestParameters),
                message: Cow::Owned(format!("Missing required request parameters: [{}]", missing.join(", "))),
                reason: Cow::Owned(format!("Missing required request parameters: [{}]", missing.join(", "))),
                ..Refusal::bad_request(StatusCode::BAD_REQUEST, "")
            });
        }
    }
    Ok(Accepted(routed))
}
