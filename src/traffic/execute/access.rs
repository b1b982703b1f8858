//! Third phase: may this caller call this method.
//!
//! What this release cannot check it refuses: a method that asks for a signature or a user pool is never open.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;

use super::authorize::{self, Step};
use super::outcome::Outcome;
use super::route::Routed;
use super::{Backends, policy};
use crate::identity::policy::Decision;
use crate::mapping::query::Query;
use crate::model::rest::{AuthorizationType, GatewayResponseType};
use crate::observe::execution_log::Line;
use crate::traffic::authorizer::Denied;
use crate::traffic::message::{Head, Refusal};

/// A request whose caller may call.
pub(super) struct Admitted(pub(super) Routed);

pub(super) async fn admit(routed: Routed, backends: &Backends, outcome: &mut Outcome) -> Result<Admitted, Refusal> {
    match routed.method.authorization {
        AuthorizationType::None => outcome.decided("access", |_| "open to everybody".to_owned()),
        AuthorizationType::Custom => authorize(&routed, backends, outcome).await?,
        AuthorizationType::AwsIam if !is_signed(&routed.request) => {
            return Err(Refusal {
                response: Some(GatewayResponseType::MissingAuthenticationToken),
                status: StatusCode::FORBIDDEN,
                error_type: "MissingAuthenticationTokenException",
                message: Cow::Borrowed("Missing Authentication Token"),
                reason: Cow::Borrowed("the method wants a signature and the request has none"),
                validation: None,
            });
        }
        kind @ (AuthorizationType::AwsIam | AuthorizationType::CognitoUserPools) => {
            return Err(denied(
                "User is not authorized to access this resource",
                format!("authorization by {kind} is not available yet"),
            ));
        }
    }
    Ok(Admitted(routed))
}

/// Whether a request has a signature, in its header fields or in its query: those who ask for connections can't always
/// say what fields they send.
fn is_signed(request: &Head) -> bool {
    let query = request.uri.query().unwrap_or_default();
    request.headers.last_text("authorization").is_some() || Query::parse(query).last("X-Amz-Signature").is_some()
}

/// Asks the method's authorizer, and its policy whether the caller may call this very method.
async fn authorize(routed: &Routed, backends: &Backends, outcome: &mut Outcome) -> Result<(), Refusal> {
    let Some(authorizer) = routed.method.authorizer.as_ref().map(Arc::clone) else {
        let missing = Denied::Configuration("the method's authorizer is not deployed".to_owned());
        return Err(refused(&missing));
    };
    let arn = policy::method_arn(outcome.facts(), &routed.path);
    if arn.len() > policy::MAX_METHOD_ARN {
        return Err(Refusal::bad_request(StatusCode::URI_TOO_LONG, "Request URI too long"));
    }
    let step = Step { authorizer: &authorizer, path: &routed.path, arn: &arn };
    let authorized = authorize::ask(step, backends, outcome).await.map_err(|denied| refused(&denied))?;
    // From here on whatever is answered may speak of the caller, a refusal too.
    let permission = Arc::clone(&authorized.permission);
    outcome.authorized(authorized);
    match policy::decide(&permission.policy, outcome.facts(), &arn) {
        Decision::Allowed => {
            outcome.decided("access", |_| {
                format!("authorizer {}: {} may call {arn}", authorizer.model.id, permission.principal)
            });
            Ok(())
        }
        decision @ (Decision::Denied | Decision::Silent) => {
            if let Some(log) = outcome.journal() {
                log.write(&Line::NotAuthorized);
            }
            Err(match decision {
                Decision::Denied => denied(
                    "User is not authorized to access this resource with an explicit deny",
                    format!("the authorizer's policy denies {arn}"),
                ),
                Decision::Allowed | Decision::Silent => denied(
                    "User is not authorized to access this resource",
                    format!("the authorizer's policy doesn't allow {arn}"),
                ),
            })
        }
    }
}

/// How a caller is refused whom the authorizer doesn't let pass (auth reference, F2).
fn refused(denied: &Denied) -> Refusal {
    let (response, status, error_type, message) = match denied {
        Denied::Missing(_) | Denied::Mismatch(_) | Denied::Unfit(_) | Denied::Unknown => {
            (GatewayResponseType::Unauthorized, StatusCode::UNAUTHORIZED, "UnauthorizedException", "Unauthorized")
        }
        // AWS says nothing at all: there is no message.
        Denied::Configuration(_) => (
            GatewayResponseType::AuthorizerConfigurationError,
            StatusCode::INTERNAL_SERVER_ERROR,
            "AuthorizerConfigurationException",
            "",
        ),
    };
    Refusal {
        response: Some(response),
        status,
        error_type,
        message: Cow::Borrowed(message),
        reason: Cow::Owned(denied.to_string()),
        validation: None,
    }
}

fn denied(message: &'static str, reason: String) -> Refusal {
    Refusal {
        response: Some(GatewayResponseType::AccessDenied),
        status: StatusCode::FORBIDDEN,
        error_type: "AccessDeniedException",
        message: Cow::Borrowed(message),
        reason: Cow::Owned(reason),
        validation: None,
    }
}
