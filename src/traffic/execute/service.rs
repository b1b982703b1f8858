//! The call of an AWS service itself: signed, sent, and what answers of Lambda mean.

use http::StatusCode;
use tokio::time::Instant;

use super::Backends;
use super::integration::refuse;
use super::journal;
use super::outcome::Outcome;
use super::route::Routed;
use super::service_request::ServiceCall;
use crate::traffic::integration::http1;
use crate::traffic::message::Refusal;
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
    match service.is_lambda() {
        true => invoke(call, service, backends, outcome).await,
        false => send(call, service, backends, outcome).await,
    }
}

/// Invokes a function, by Lambda's API.
async fn invoke(
    call: ServiceCall,
    service: &CompiledAws,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<http1::Answer, Refusal> {
    let answer = send(call, service, backends, outcome).await?;
    match answer.status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Err(Refusal::configuration("Invalid permissions on Lambda function"))
        }
        StatusCode::TOO_MANY_REQUESTS => Err(Refusal::configuration("Rate Exceeded.")),
        status if status.is_server_error() => {
            let request = answer.headers.last_text("x-amzn-requestid").unwrap_or_default();
            Err(Refusal::configuration(format_args!(
                "Lambda invocation failed with status: {}. Lambda request id: {request}",
                status.as_u16()
            )))
        }
        _ => Ok(answer),
    }
}

/// Signs a call and sends it; both together may take as long as the integration may.
async fn send(
    call: ServiceCall,
    service: &CompiledAws,
    backends: &Backends,
    outcome: &mut Outcome,
) -> Result<http1::Answer, Refusal> {
    let ServiceCall { mut call, place } = call;
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
fn nobody(rights: &Rights) -> Refusal {
    match rights {
        Rights::Caller => Refusal::configuration(
            "the integration is called by the rights of its caller, and no caller is known: the method must be \
             authorized by AWS_IAM",
        ),
        Rights::Nobody(arn) => Refusal::configuration(format_args!("Invalid credentials ARN: {arn}")),
        Rights::Node | Rights::Role(_) => Refusal::configuration("nobody's rights can be taken"),
    }
}
