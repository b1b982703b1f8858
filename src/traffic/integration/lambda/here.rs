//! Functions that this node runs itself: what became of a call looks as if Lambda's API had answered.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{FUNCTION_ERROR, INVOCATION_TYPE, Invocation, MAX_PAYLOAD, SOURCE_ARN, TRACE_ID};
use crate::functions::{self, Caller, Functions, InvocationKind, InvokeError, Invoked};
use crate::traffic::integration::http1::{self, Answer};
use crate::traffic::message::{Body, Headers};

/// The service that invokes functions without a role, as their permissions name it.
const PRINCIPAL: &str = "apigateway.amazonaws.com";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// Calls a function; its permissions are asked, unless a role calls.
pub(super) async fn invoke(functions: &Functions, invocation: Invocation) -> Result<Answer, http1::Error> {
    let Invocation { call, function, role, .. } = invocation;
    let timeout = call.timeout;
    let header = |name: &HeaderName| call.headers.last_text(name.as_str()).map(str::to_owned);
    let kind = match header(&INVOCATION_TYPE).as_deref() {
        Some("Event") => InvocationKind::Event,
        Some("DryRun") => InvocationKind::DryRun,
        Some(_) | None => InvocationKind::RequestResponse,
    };
    let source_arn = header(&SOURCE_ARN).unwrap_or_default();
    let caller = role.is_none().then(|| Caller { principal: PRINCIPAL.to_owned(), source_arn });
    let trace = header(&TRACE_ID);
    let payload = call.body.whole(MAX_PAYLOAD).await?;
    let invocation = functions::Invocation { function, qualifier: None, payload, kind, caller, trace };
    // A function that takes longer goes on, as at AWS; nobody waits for it.
    let called = tokio::time::timeout(timeout, functions.invoke(invocation)).await;
    Ok(match called.map_err(|_| http1::Error::Timeout(timeout))? {
        Ok(invoked) => answered(invoked),
        Err(error) => refused(&error),
    })
}

fn answered(invoked: Invoked) -> Answer {
    let mut headers = common();
    if let Some(error) = invoked.function_error.and_then(|error| HeaderValue::from_str(&error).ok()) {
        headers.append(HeaderName::from_static(FUNCTION_ERROR), error);
    }
    if let Ok(version) = HeaderValue::from_str(&invoked.executed_version) {
        headers.append(EXECUTED_VERSION, version);
    }
    let status = StatusCode::from_u16(invoked.status).unwrap_or(StatusCode::OK);
    Answer { status, headers, body: Body::Whole(invoked.payload) }
}

fn refused(error: &InvokeError) -> Answer {
    let body = json!({"Type": "User", "Message": error.message}).to_string();
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer { status, headers: common(), body: Body::Whole(body.into()) }
}

fn common() -> Headers {
    let mut headers = Headers::with_capacity(4);
    headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.append(REQUEST_ID, id);
    }
    headers
}
