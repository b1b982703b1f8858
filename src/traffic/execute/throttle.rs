//! May the key's holder call so fast, and does the stage let one more request of this method through.

use std::borrow::Cow;

use http::StatusCode;

use super::api_key::Keyed;
use super::outcome::Outcome;
use super::route::Routed;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::Refusal;
use crate::traffic::usage::Exceeded;

/// Takes a token of the plan's bucket, then one of the stage's. Source: data-plane reference, 7.
pub(super) async fn pass(keyed: Keyed, outcome: &mut Outcome) -> Result<Keyed, Refusal> {
    let routed = &keyed.admitted.0;
    if let Some(seat) = &keyed.seat {
        let passed = seat.pass(&routed.method.resource_path, routed.method.verb).await;
        if let Err(Exceeded { rate, burst }) = passed {
            return Err(too_many(Cow::Owned(exceeded(routed, rate, burst))));
        }
    }
    let Some(bucket) = &routed.method.staged.throttle else { return Ok(keyed) };
    if bucket.take() {
        outcome
            .decided("throttle", |_| format!("{:.2} a second, {} at once: let through", bucket.rate(), bucket.burst()));
        return Ok(keyed);
    }
    Err(too_many(Cow::Owned(exceeded(routed, bucket.rate(), bucket.burst()))))
}

fn exceeded(routed: &Routed, rate: f64, burst: i64) -> String {
    format!(
        "Key throttle limit exceeded for RestApi {}, Stage {}, Resource {}, HttpMethod {}. Limit: {rate:.2} Burst: {burst}",
        routed.stage.api, routed.stage.name, routed.method.resource, routed.request.method,
    )
}

/// The answer to a request that came too fast.
pub(super) fn too_many(reason: Cow<'static, str>) -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::Throttled),
        status: StatusCode::TOO_MANY_REQUESTS,
        error_type: "TooManyRequestsException",
        message: Cow::Borrowed("Too Many Requests"),
        reason,
        validation: None,
    }
}
