//! How calls about connections are answered: refusals to AWS's bytes, and JSON.

use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::super::here::Fault;
use crate::identity::sigv4;
use crate::traffic::message::{Body, Head, Headers, Reply};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXTENDED_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-apigw-id");

/// A call that is refused.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    error_type: &'static str,
    /// A JSON text; empty, where AWS says nothing.
    body: String,
}

impl Refusal {
    fn new(status: StatusCode, error_type: &'static str, message: &str) -> Self {
        Self { status, error_type, body: format!("{{\"message\":{}}}", Value::from(message)) }
    }

    /// No such stage, or not by this address: 403.
    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden")
    }

    /// The caller has not signed, or not well: 403.
    pub(super) fn unsigned(refusal: &sigv4::Refusal) -> Self {
        Self::new(StatusCode::FORBIDDEN, refusal.code(), &refusal.to_string())
    }

    /// The caller may not do this: 403.
    pub(super) fn denied(caller: &str, action: &str, resource: &str) -> Self {
        let message = format!("User: {caller} is not authorized to perform: {action} on resource: {resource}");
        let body = format!("{{\"Message\":{}}}", Value::from(message));
        Self { status: StatusCode::FORBIDDEN, error_type: "AccessDeniedException", body }
    }

    /// What was sent can't be: 400.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestException", message)
    }

    /// What should be an id has not the form of one: 400.
    pub(super) fn malformed(id: &str) -> Self {
        Self::bad_request(&format!("Invalid connectionId: {id}"))
    }

    /// There is no such call: 404.
    pub(super) fn no_route(path: &str, method: &Method) -> Self {
        let message = format!("No method found matching route {path} for http method {method}");
        Self::new(StatusCode::NOT_FOUND, "NotFoundException", &message)
    }

    /// The message is too long: 413.
    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Message too long")
    }

    /// It could not be done with a connection. Those that SDKs try again by themselves were certainly not done, but for
    /// the last.
    pub(super) fn fault(fault: Fault) -> Self {
        match fault {
            // AWS says nothing more.
            Fault::Gone => Self { status: StatusCode::GONE, error_type: "GoneException", body: String::new() },
            Fault::Full => Self::limit("The connection's send queue is full."),
            Fault::Busy => Self::too_many(),
            Fault::Refused => {
                Self::bad_request("The group's name is not valid, or the connection is in too many groups.")
            }
            Fault::Unknown => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerErrorException",
                "The node that has the connection did not answer: this may have been done or not.",
            ),
        }
    }

    /// Somebody calls too fast, or has too much to do: 429.
    pub(super) fn too_many() -> Self {
        Self::limit("Too Many Requests")
    }

    fn limit(message: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message)
    }

    pub(super) fn reply(self) -> Reply {
        let mut headers = Headers::with_capacity(4);
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.append(ERROR_TYPE, HeaderValue::from_static(self.error_type));
        Reply { status: self.status, headers, body: Body::Whole(Bytes::from(self.body)) }
    }
}

/// An answer that says that it is done.
pub(super) fn done(status: StatusCode) -> Reply {
    Reply { status, headers: Headers::with_capacity(2), body: Body::Empty }
}

/// An answer in JSON.
pub(super) fn json(value: &Value) -> Reply {
    let mut headers = Headers::with_capacity(3);
    headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Reply { status: StatusCode::OK, headers, body: Body::Whole(Bytes::from(value.to_string())) }
}

/// Puts the header fields on an answer that every answer has.
pub(super) fn mark(reply: &mut Reply, head: &Head) {
    let mut text = String::with_capacity(40);
    let _ = write!(text, "{}", head.id);
    for (name, value) in [(REQUEST_ID, text), (EXTENDED_REQUEST_ID, head.extended_id())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            reply.headers.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_awss_to_the_byte() {
        for (refusal, status, error_type, body) in [
            (Refusal::fault(Fault::Gone), 410, "GoneException", ""),
            (Refusal::malformed("x\"y"), 400, "BadRequestException", r#"{"message":"Invalid connectionId: x\"y"}"#),
            (Refusal::forbidden(), 403, "ForbiddenException", r#"{"message":"Forbidden"}"#),
            (
                Refusal::unsigned(&sigv4::Refusal::Missing),
                403,
                "MissingAuthenticationTokenException",
                r#"{"message":"Missing Authentication Token"}"#,
            ),
            (Refusal::too_large(), 413, "PayloadTooLargeException", r#"{"message":"Message too long"}"#),
            (Refusal::fault(Fault::Busy), 429, "LimitExceededException", r#"{"message":"Too Many Requests"}"#),
            (
                Refusal::denied("arn:aws:iam::0:user/bob", "execute-api:ManageConnections", "arn:x"),
                403,
                "AccessDeniedException",
                r#"{"Message":"User: arn:aws:iam::0:user/bob is not authorized to perform: execute-api:ManageConnections on resource: arn:x"}"#,
            ),
        ] {
            let found = (refusal.status.as_u16(), refusal.error_type, refusal.body.as_str());
            assert_eq!(found, (status, error_type, body));
        }
    }
}
