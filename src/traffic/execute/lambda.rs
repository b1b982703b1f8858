//! Functions that get the whole request: how they are invoked, and what Lambda says of that.

use bytes::Bytes;
use http::StatusCode;

use super::content;
use super::event::{self, Reader};
use super::facts::Facts;
use super::integration::refuse;
use super::journal;
use super::outcome::Outcome;
use super::route::Routed;
use super::service::nobody;
use super::socket;
use crate::model::arn;
use crate::model::rest::{ContentHandling, GatewayResponseType};
use crate::observe::execution_log::Line;
use crate::traffic::integration::http1;
use crate::traffic::integration::lambda::{self, FUNCTION_ERROR, Invocation, Lambda, Wish};
use crate::traffic::message::{Headers, Refusal};
use crate::traffic::stage::CompiledLambda;

/// Of a function's error no more is read out than this, for the log.
const SHOWN: usize = 1024;

/// The invocation of the function that gets a request.
pub(super) async fn prepare(
    routed: &mut Routed,
    compiled: &CompiledLambda,
    lambda: &Lambda,
    trace: &str,
    outcome: &mut Outcome,
) -> Result<Invocation, Refusal> {
    if let Some(header) = &compiled.unmappable {
        return Err(Refusal::configuration(format_args!("{} header already present", header.0)));
    }
    if !compiled.is_post {
        return Err(Refusal {
            response: Some(GatewayResponseType::IntegrationFailure),
            ..Refusal::configuration("functions are invoked by POST, and the integration has another verb")
        });
    }
    let function = compiled
        .function
        .as_ref()
        .map_err(|uri| Refusal::configuration(format_args!("Invalid endpoint address: {uri}")))?;
    let identity = compiled.rights.identity().ok_or_else(|| nobody(&compiled.rights))?;
    let body = routed.request.take_body().whole(u64::MAX).await.map_err(Refusal::body)?;
    let facts = outcome.facts();
    // What is to be bytes, and is told as base64, must be base64.
    if facts.socket().is_some() && compiled.content_handling == Some(ContentHandling::ConvertToBinary) {
        content::of_request(body.clone(), false, compiled.content_handling).map_err(Refusal::configuration)?;
    }
    let told = |facts: &Facts, reader| match facts.socket() {
        Some(event) => socket::told(event, facts, trace, compiled.content_handling, reader),
        None => event::proxied(facts, &routed.path, trace, &body, reader),
    };
    let payload = told(facts, Reader::Function);
    let wish = Wish {
        payload: Bytes::from(payload),
        source_arn: &source_arn(facts),
        api: facts.stage().map_or("", |stage| stage.api.as_str()),
        request: facts.head().id,
        trace,
        identity,
        timeout: compiled.timeout,
    };
    let invocation = lambda.prepare(function, wish).map_err(refused)?;
    if outcome.journal().is_some() {
        let shown = told(outcome.facts(), Reader::Log);
        journal::call_showing(outcome, &invocation.call, &shown);
    }
    Ok(invocation)
}

/// What of the API invokes a function, as the function's permissions name it.
pub(super) fn source_arn(facts: &Facts) -> String {
    let context = |name: &str| facts.context(name).unwrap_or_default();
    let named = match facts.socket() {
        Some(_) => context("routeKey").into_owned(),
        None => format!("{}{}", facts.head().method, context("resourcePath")),
    };
    let place = format!("{}/{}/{named}", context("apiId"), context("stage"));
    arn::invoked(facts.region(), &context("accountId"), &place)
}

/// Which answer an invocation gets that was not made.
pub(super) fn refused(error: lambda::Error) -> Refusal {
    match error {
        lambda::Error::TooLong(_) => Refusal {
            reason: error.to_string().into(),
            ..Refusal::bad_request(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long")
        },
        lambda::Error::Aws(error) => Refusal::configuration(error),
        lambda::Error::Call(error) => refuse(error),
    }
}

/// What a function answered; or what Lambda says if it did not.
pub(super) fn answered(answer: &http1::Answer, payload: &Bytes, outcome: &mut Outcome) -> Result<(), Refusal> {
    let id = request_id(&answer.headers).to_owned();
    if !answer.status.is_success() {
        return Err(not_taken(answer, payload, outcome));
    }
    if answer.headers.last_text(FUNCTION_ERROR).is_none() {
        return Ok(());
    }
    Err(Refusal {
        response: Some(GatewayResponseType::IntegrationFailure),
        status: StatusCode::BAD_GATEWAY,
        reason: format!(
            "Lambda execution failed with status {} due to customer function error: {}. Lambda request id: {id}",
            answer.status.as_u16(),
            error_message(payload)
        )
        .into(),
        ..Refusal::configuration("")
    })
}

/// Writes down that Lambda did not take an invocation; answers with what that means.
pub(super) fn not_taken(answer: &http1::Answer, payload: &[u8], outcome: &mut Outcome) -> Refusal {
    if let Some(log) = outcome.journal() {
        let request = request_id(&answer.headers);
        log.write(&Line::InvocationFailed { status: answer.status.as_u16(), request });
    }
    failed(answer.status, payload)
}

/// Which answer an invocation gets that Lambda did not take (data-plane reference, 10.5).
fn failed(status: StatusCode, payload: &[u8]) -> Refusal {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Refusal::configuration("Rate Exceeded."),
        // Of a function that is not there AWS says the same as of one that it may not invoke.
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Refusal::configuration("Invalid permissions on Lambda function")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Refusal {
            reason: format!("Execution failed due to configuration error: {}", lambda_message(status, payload)).into(),
            ..Refusal::bad_request(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long")
        },
        _ => Refusal::configuration(lambda_message(status, payload)),
    }
}

/// Lambda's id of a call.
pub(super) fn request_id(headers: &Headers) -> &str {
    headers.last_text("x-amzn-requestid").unwrap_or_default()
}

/// The message of a function's error; the whole answer, where it has none.
pub(super) fn error_message(payload: &[u8]) -> String {
    member(payload, &["errorMessage"]).unwrap_or_else(|| shortened(String::from_utf8_lossy(payload).into_owned()))
}

/// The message of Lambda's own error.
pub(super) fn lambda_message(status: StatusCode, payload: &[u8]) -> String {
    let message = member(payload, &["Message", "message"]);
    message.unwrap_or_else(|| format!("Lambda answered with status {}", status.as_u16()))
}

fn member(payload: &[u8], names: &[&str]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let found = names.iter().find_map(|name| json.get(name)?.as_str())?;
    Some(shortened(found.to_owned()))
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(SHOWN));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_refuses_is_answered_as_aws_does_it() {
        for (status, payload, expected, reason) in [
            (429, "", 500, "Execution failed due to configuration error: Rate Exceeded."),
            (403, "", 500, "Execution failed due to configuration error: Invalid permissions on Lambda function"),
            (404, "", 500, "Execution failed due to configuration error: Invalid permissions on Lambda function"),
            (413, r#"{"message": "too long"}"#, 413, "Execution failed due to configuration error: too long"),
            (500, "nonsense", 500, "Execution failed due to configuration error: Lambda answered with status 500"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let refusal = failed(status, payload.as_bytes());
            assert_eq!((refusal.status.as_u16(), &*refusal.reason), (expected, reason));
        }
    }
}
