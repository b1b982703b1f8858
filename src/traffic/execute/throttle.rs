//! May the key's holder call so fast, and does the stage let one more request of this method through.

use std::borrow::Cow;

use http::StatusCode;

use super::api_key::Keyed;
use super::facts::Facts;
use super::outcome::Outcome;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::Refusal;
use crate::traffic::stage::CompiledMethod;
use crate::traffic::usage::{Exceeded, Seat};

/// Takes a token of the plan's bucket, then one of the stage's. Source: data-plane reference, 7.
pub(super) async fn pass(keyed: Keyed, outcome: &mut Outcome) -> Result<Keyed, Refusal> {
    let keyed = pass_plan(keyed, outcome).await?;
    let routed = &keyed.admitted.0;
    pass_stage(&routed.method, outcome)?;
    Ok(keyed)
}

/// Takes a token of the plan's bucket, if there is a plan.
pub(super) async fn pass_plan(keyed: Keyed, outcome: &mut Outcome) -> Result<Keyed, Refusal> {
    if let Some(seat) = &keyed.seat {
        pass_seat(seat, &keyed.admitted.0.method, outcome).await?;
    }
    Ok(keyed)
}

/// Takes a token of a key's bucket.
pub(super) async fn pass_seat(seat: &Seat, method: &CompiledMethod, outcome: &Outcome) -> Result<(), Refusal> {
    let passed = seat.pass(&method.resource_path, method.verb).await;
    passed.map_err(|Exceeded { rate, burst }| too_many(exceeded(method, outcome.facts(), rate, burst).into()))
}

/// Takes a token of the stage's bucket, if the stage limits the method.
pub(super) fn pass_stage(method: &CompiledMethod, outcome: &mut Outcome) -> Result<(), Refusal> {
    let Some(bucket) = &method.staged.throttle else { return Ok(()) };
    if bucket.take() {
        outcome
            .decided("throttle", |_| format!("{:.2} a second, {} at once: let through", bucket.rate(), bucket.burst()));
        return Ok(());
    }
    Err(too_many(exceeded(method, outcome.facts(), bucket.rate(), bucket.burst()).into()))
}

fn exceeded(method: &CompiledMethod, facts: &Facts, rate: f64, burst: i64) -> String {
    let (api, stage) = facts.stage().map_or(("", ""), |stage| (stage.api.as_str(), stage.name.as_str()));
    format!(
        "Key throttle limit exceeded for RestApi {api}, Stage {stage}, Resource {}, HttpMethod {}. Limit: {rate:.2} Burst: {burst}",
        method.resource,
        facts.head().method,
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
