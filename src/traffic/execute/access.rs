//! Third phase: may this caller call this method.
//!
//! What this release cannot check it refuses: a method that asks for a signature, an authorizer or an API key is
//! never open.

use std::borrow::Cow;

use http::StatusCode;

use super::outcome::Outcome;
use super::route::Routed;
use crate::model::rest::{AuthorizationType, GatewayResponseType};
use crate::traffic::message::Refusal;

/// A request whose caller may call.
pub(super) struct Admitted(pub(super) Routed);

pub(super) fn admit(routed: Routed, outcome: &mut Outcome) -> Result<Admitted, Refusal> {
    match routed.method.authorization {
        AuthorizationType::None => {}
        AuthorizationType::AwsIam if routed.request.headers.last_text("authorization").is_none() => {
            return Err(Refusal {
                response: Some(GatewayResponseType::MissingAuthenticationToken),
                status: StatusCode::FORBIDDEN,
                error_type: "MissingAuthenticationTokenException",
                message: Cow::Borrowed("Missing Authentication Token"),
                reason: Cow::Borrowed("the method wants a signature and the request has none"),
                validation: None,
            });
        }
        kind @ (AuthorizationType::AwsIam | AuthorizationType::Custom | AuthorizationType::CognitoUserPools) => {
            return Err(Refusal {
                response: Some(GatewayResponseType::AccessDenied),
                status: StatusCode::FORBIDDEN,
                error_type: "AccessDeniedException",
                message: Cow::Borrowed("User is not authorized to access this resource"),
                reason: Cow::Owned(format!("authorization by {kind} is not available yet")),
                validation: None,
            });
        }
    }
    if routed.method.api_key_required {
        return Err(Refusal {
            response: Some(GatewayResponseType::InvalidApiKey),
            status: StatusCode::FORBIDDEN,
            error_type: "ForbiddenException",
            message: Cow::Borrowed("Forbidden"),
            reason: Cow::Borrowed("the method wants an API key, and no usage plan has this stage"),
            validation: None,
        });
    }
    outcome.decided("access", |_| "open to everybody".to_owned());
    Ok(Admitted(routed))
}
