//! Does the stage let one more request of this method through: the last question before the request is looked at.

use std::borrow::Cow;

use http::StatusCode;

use super::access::Admitted;
use super::outcome::Outcome;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::Refusal;

/// Takes a token for the request. Source: data-plane reference, 7.
pub(super) fn pass(admitted: Admitted, outcome: &mut Outcome) -> Result<Admitted, Refusal> {
    let routed = &admitted.0;
    let Some(bucket) = &routed.method.staged.throttle else { return Ok(admitted) };
    if bucket.take() {
        outcome
            .decided("throttle", |_| format!("{:.2} a second, {} at once: let through", bucket.rate(), bucket.burst()));
        return Ok(admitted);
    }
    Err(Refusal {
        response: Some(GatewayResponseType::Throttled),
        status: StatusCode::TOO_MANY_REQUESTS,
        error_type: "TooManyRequestsException",
        message: Cow::Borrowed("Too Many Requests"),
        reason: Cow::Owned(format!(
            "Key throttle limit exceeded for RestApi {}, Stage {}, Resource {}, HttpMethod {}. Limit: {:.2} Burst: {}",
            routed.stage.api,
            routed.stage.name,
            routed.method.resource,
            routed.request.method,
            bucket.rate(),
            bucket.burst(),
        )),
        validation: None,
    })
}
