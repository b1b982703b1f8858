//! The call of an AWS service itself: signed, sent, and what answers of Lambda mean.

use http::StatusCode;
use tokio::time::Instant;

use super::integration::{broken, refuse};
use super::outcome::Outcome;
use super::route::Routed;
use super::service_request::ServiceCall;
use super::{Backends, journal, lambda};
use crate::traffic::integration::aws::As;
use crate::traffic::integration::http1;
use crate::traffic::integration::lambda::{Invocation, MAX_PAYLOAD};
use crate::traffic::message::{Body, Refusal};
use crate::traffic::stage::{CompiledAws, CompiledIntegration, Rights};

/// Calls a service.
pub(super) async fn call(
    call: ServiceCall,
    routed: &Routed,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<http1::Answer, Refusal> {
    let CompiledIntegration::Aws(service) = &routed.method.integration else {
        return Err(Refusal::configuration("the integration is of another kind than its call"));
    };
    match call.function {
        Some(function) => invoke(call.call, call.place.region, function, service, backends, outcome).await,
        None => send(call, service, backends, outcome).await,
    }
}

/// Invokes a function, whose answer goes through mappings.
async fn invoke(
    call: http1::Call,
    region: String,
    function: String,
    service: &CompiledAws,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<http1::Answer, Refusal> {
    let identity = service.rights.identity().ok_or_else(|| nobody(&service.rights))?;
    let role = if let As::Role(arn) = identity { Some(arn.to_owned()) } else { None };
    journal::sending(outcome, &call);
    let invocation = Invocation { call, function, region, role };
    let mut answer = backends.lambda.invoke(&backends.client, invocation).await.map_err(lambda::refused)?;
    // What is wrong with the event, mappings may tell; not what is wrong with the integration.
    let is_configuration =
        matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::TOO_MANY_REQUESTS);
    if is_configuration || answer.status.is_server_error() {
        let payload = std::mem::replace(&mut answer.body, Body::Empty).whole(MAX_PAYLOAD).await.map_err(broken)?;
        return Err(lambda::not_taken(&answer, &payload, outcome));
    }
    Ok(answer)
}

/// Signs a call and sends it; both together may take as long as the integration may.
async fn send(
    call: ServiceCall,
    service: &CompiledAws,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<http1::Answer, Refusal> {
    let ServiceCall { mut call, place, .. } = call;
    let identity = service.rights.identity().ok_or_else(|| nobody(&service.rights))?;
    let started = Instant::now();
    let signing = backends.aws.sign(&mut call, &place.service, &place.region, identity);
    let signed = tokio::time::timeout(service.call.timeout, signing).await;
    signed.map_err(|_| Refusal::timeout())?.map_err(Refusal::configuration)?;
    outcome.decided("signature", |_| match identity_name(&service.rights) {
        Some(role) => format!("as {role}, for {} in {}", place.service, place.region),
        None => format!("by the node's own credentials, for {} in {}", place.service, place.region),
    });
    call.timeout = service.call.timeout.saturating_sub(started.elapsed());
    journal::sending(outcome, &call);
    backends.client.send(call).await.map_err(refuse)
}

fn identity_name(rights: &Rights) -> Option<&str> {
    if let Rights::Role(arn) = rights { Some(arn) } else { None }
}

/// Why nobody's rights can be taken.
pub(super) fn nobody(rights: &Rights) -> Refusal {
    match rights {
        Rights::Caller => Refusal::configuration(
            "the integration is called by the rights of its caller, and no caller is known: the method must be \
             authorized by AWS_IAM",
        ),
        Rights::Nobody(arn) => Refusal::configuration(format_args!("Invalid credentials ARN: {arn}")),
        Rights::Node | Rights::Role(_) => Refusal::configuration("nobody's rights can be taken"),
    }
}
