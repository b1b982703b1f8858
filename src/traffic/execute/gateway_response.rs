//! How a refusal looks to the caller: the one place that makes such an answer, to AWS's bytes.
//!
//! The spaces differ on purpose: AWS writes some of its default bodies with one behind the colon and some without
//! (data-plane reference, 14.1).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::facts::Facts;
use super::sources::Sources;
use crate::mapping::parameters::Source;
use crate::model::rest::GatewayResponseType;
use crate::traffic::message::{Body, Headers, Refusal, Reply};
use crate::traffic::stage::{CompiledGatewayResponse, accepted};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The answer to a refused request, as its API customizes it, if it does. One that was too large is not: AWS says so in
/// plain text, whatever the API wants.
pub(super) fn render(refusal: &Refusal, facts: &Facts) -> Reply {
    let kind = refusal.response.filter(|kind| *kind != GatewayResponseType::RequestTooLarge);
    let customized = kind.zip(facts.deployed());
    let customized = customized.and_then(|(kind, deployed)| deployed.gateway_responses.find(kind, refusal.status));
    match customized.zip(kind) {
        Some((response, kind)) => customize(response, refusal, kind, facts),
        None => {
            let (content_type, body) = default_body(refusal);
            let mut headers = Headers::with_capacity(8);
            headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if refusal.response != Some(GatewayResponseType::RequestTooLarge) {
                headers.append(ERROR_TYPE, HeaderValue::from_static(refusal.error_type));
            }
            // RFC 9110, 15.5.22: it says to what; RFC 6455, 4.4: and in which version.
            if refusal.status == StatusCode::UPGRADE_REQUIRED {
                headers.append(UPGRADE, HeaderValue::from_static("websocket"));
                headers.append(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Reply { status: refusal.status, headers, body: Body::Whole(Bytes::from(body)) }
        }
    }
}

fn default_body(refusal: &Refusal) -> (&'static str, String) {
    let message = message_string(refusal);
    let body = match refusal.response {
        Some(GatewayResponseType::RequestTooLarge) => return ("text/plain", refusal.message.to_string()),
        Some(GatewayResponseType::AccessDenied) => format!("{{\"Message\":{message}}}"),
        Some(
            GatewayResponseType::ApiConfigurationError
            | GatewayResponseType::BadRequestBody
            | GatewayResponseType::BadRequestParameters
            | GatewayResponseType::Default4xx
            | GatewayResponseType::Default5xx
            | GatewayResponseType::IntegrationFailure
            | GatewayResponseType::IntegrationTimeout
            | GatewayResponseType::UnsupportedMediaType,
        ) => format!("{{\"message\": {message}}}"),
        None
        | Some(
            GatewayResponseType::AuthorizerConfigurationError
            | GatewayResponseType::AuthorizerFailure
            | GatewayResponseType::ExpiredToken
            | GatewayResponseType::InvalidApiKey
            | GatewayResponseType::InvalidSignature
            | GatewayResponseType::MissingAuthenticationToken
            | GatewayResponseType::QuotaExceeded
            | GatewayResponseType::ResourceNotFound
            | GatewayResponseType::Throttled
            | GatewayResponseType::Unauthorized
            | GatewayResponseType::WafFiltered,
        ) => format!("{{\"message\":{message}}}"),
    };
    ("application/json", body)
}

/// The message as a JSON text; `null`, where AWS says nothing.
fn message_string(refusal: &Refusal) -> String {
    if refusal.message.is_empty() {
        return "null".to_owned();
    }
    serde_json::Value::from(refusal.message.as_ref()).to_string()
}

fn customize(response: &CompiledGatewayResponse, refusal: &Refusal, kind: GatewayResponseType, facts: &Facts) -> Reply {
    let sources = Sources::new(facts);
    let value = |source: &Source| match source {
        Source::Context(name) => match name.strip_prefix("error.") {
            Some("message") => Some(refusal.message.to_string()),
            Some("messageString") => Some(message_string(refusal)),
            Some("responseType") => Some(kind.as_str().to_owned()),
            Some("validationErrorString") => refusal.validation.clone(),
            _ => sources.text(source),
        },
        _ => sources.text(source),
    };
    let (content_type, body) = match accepted(&response.templates, facts.head().headers.last_text("accept")) {
        Some((content_type, template)) => (content_type.to_owned(), template.render(value)),
        None => {
            let (content_type, body) = default_body(refusal);
            (content_type.to_owned(), body)
        }
    };
    let mut headers = Headers::with_capacity(8);
    if let Ok(content_type) = HeaderValue::from_str(&content_type) {
        headers.append(CONTENT_TYPE, content_type);
    }
    headers.append(ERROR_TYPE, HeaderValue::from_static(refusal.error_type));
    for (name, source) in &response.headers {
        if let Some(value) = value(source).and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.set(name.clone(), value);
        }
    }
    Reply { status: response.status.unwrap_or(refusal.status), headers, body: Body::Whole(Bytes::from(body)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_bodies_are_awss_to_the_byte() {
        for (refusal, expected) in [
            (Refusal::configuration(""), r#"{"message": "Internal server error"}"#),
            (Refusal::timeout(), r#"{"message": "Endpoint request timed out"}"#),
            (Refusal::network(""), r#"{"message": "Network error communicating with endpoint"}"#),
            (Refusal::forbidden(""), r#"{"message":"Forbidden"}"#),
            (Refusal::too_large(10_485_760), "HTTP content length exceeded 10485760 bytes."),
        ] {
            assert_eq!(default_body(&refusal).1, expected);
        }
    }
}
