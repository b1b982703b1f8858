//! How a refused message looks to its sender: the one place that makes such a frame, to AWS's bytes (WebSocket
//! reference, A14). The connection stays open.

use std::fmt::Write;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::model::rest::GatewayResponseType;
use crate::traffic::execute::facts::Facts;
use crate::traffic::message::Refusal;

/// The frame that answers a refused message.
pub(super) fn render(refusal: &Refusal, facts: &Facts) -> Bytes {
    let context = |name: &str| facts.context(name).unwrap_or_default();
    let mut frame = format!(
        r#"{{"message": {}, "connectionId":"{}", "requestId":"{}""#,
        Value::from(message(refusal)),
        context("connectionId"),
        context("requestId"),
    );
    // AWS's documentation shows the message's id here, and its frames elsewhere the request's.
    if refusal.response == Some(GatewayResponseType::BadRequestBody) {
        let _ = write!(frame, r#", "messageId":"{}""#, context("messageId"));
    }
    frame.push('}');
    Bytes::from(frame)
}

/// What the sender reads. What is wrong behind the gateway is not its business.
fn message(refusal: &Refusal) -> &str {
    match refusal.response {
        Some(GatewayResponseType::BadRequestBody) => "Bad request body",
        Some(GatewayResponseType::IntegrationTimeout) => "Endpoint request timed out",
        _ if refusal.status.is_server_error() => "Internal server error",
        _ if refusal.status == StatusCode::FORBIDDEN => "Forbidden",
        _ => &refusal.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::execute::throttle::too_many;

    #[test]
    fn senders_are_told_as_much_as_at_aws() {
        let invalid = Refusal {
            response: Some(GatewayResponseType::BadRequestBody),
            ..Refusal::bad_request(StatusCode::BAD_REQUEST, "Invalid request body")
        };
        for (refusal, expected) in [
            (Refusal::forbidden("no route"), "Forbidden"),
            (Refusal::configuration("a secret reason"), "Internal server error"),
            (Refusal::network("a secret reason"), "Internal server error"),
            (Refusal::timeout(), "Endpoint request timed out"),
            (invalid, "Bad request body"),
            (too_many("a reason".into()), "Too Many Requests"),
            (Refusal::bad_request(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long"), "Request Too Long"),
        ] {
            assert_eq!(message(&refusal), expected);
        }
    }
}
