//! Has the key's quota anything left: the last question of all, so that nothing is counted that is refused.

use std::borrow::Cow;

use http::StatusCode;

use super::access::Admitted;
use super::api_key::{Keyed, forbidden};
use super::outcome::Outcome;
use super::throttle::too_many;
use crate::model::rest::GatewayResponseType;
use crate::observe::execution_log::Line;
use crate::traffic::message::Refusal;
use crate::traffic::usage::{Denied, Seat};

/// Counts the request. Source: data-plane reference, 7.
pub(super) async fn spend(keyed: Keyed, outcome: &mut Outcome) -> Result<Admitted, Refusal> {
    let Keyed { admitted, seat } = keyed;
    let Some(seat) = seat else {
        succeeded(&admitted, "", outcome);
        return Ok(admitted);
    };
    spend_of(&seat, outcome).await?;
    succeeded(&admitted, seat.value(), outcome);
    Ok(admitted)
}

/// Counts something of a key's holder.
pub(super) async fn spend_of(seat: &Seat, outcome: &mut Outcome) -> Result<(), Refusal> {
    match seat.spend().await {
        Ok(()) => {
            outcome.decided("quota", |_| "counted".to_owned());
            Ok(())
        }
        Err(Denied::Quota) => Err(Refusal {
            response: Some(GatewayResponseType::QuotaExceeded),
            status: StatusCode::TOO_MANY_REQUESTS,
            error_type: "LimitExceededException",
            message: Cow::Borrowed("Limit Exceeded"),
            reason: Cow::Owned(format!("the quota of API key {} in usage plan {} is used up", seat.key(), seat.plan())),
            validation: None,
        }),
        Err(Denied::Gone) => Err(forbidden("the usage plan of the API key was deleted just now")),
        Err(Denied::Unknown) => {
            Err(too_many(Cow::Borrowed("the cluster could not say in time whether the quota has anything left")))
        }
    }
}

fn succeeded(admitted: &Admitted, key: &str, outcome: &mut Outcome) {
    let Some(log) = outcome.journal() else { return };
    let stage = &admitted.0.stage;
    log.write(&Line::PlanSuccessful { key, api: stage.api.as_str(), stage: stage.name.as_str() });
}
